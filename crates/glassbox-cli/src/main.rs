//! `glassbox`: the command line.
//!
//! A thin face over the libraries: each command is one file in [`commands`], and gives the exit code.
//! 0: done; 1: the answer is no (a check found a difference, a conformance test failed); 2: wrong
//! usage; 3: a file, model, input, run or output is at fault, and the message says which. A reader that closes standard
//! output, as `head` does, ends the program with 0. No exit is silent but for that and 0.

// First, for the others use its macros.
#[macro_use]
mod out;

mod args;
mod arrays;
mod commands;
mod files;
mod help;
mod inputs;
#[cfg(feature = "text")]
mod language;
mod machine;
mod model;
#[cfg(feature = "images")]
mod pictures;
#[cfg(not(feature = "images"))]
#[path = "no_pictures.rs"]
mod pictures;
mod policy;
mod progress;
mod python;
mod roofline;
mod standard_input;
mod steps;
mod targets;
mod tokens;
mod values;
mod view;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::Command;
use crate::view::ERROR;

fn main() -> ExitCode {
    let arguments = match help::arguments() {
        Ok(arguments) => arguments,
        Err(usage) => return help::tell(&usage),
    };
    // Nonsense in the environment is told, even where a flag takes its place.
    let nonsense = glassbox_exec::memory_limit().err().or_else(|| glassbox_tensor::environment_threads().err());
    if let Some(error) = nonsense {
        note!("{ERROR}error:{ERROR:#} {error}");
        return ExitCode::from(2);
    }
    if let Some(wanted) = arguments.threads.map(usize::from) {
        let threads = glassbox_tensor::set_threads(wanted);
        if threads < wanted && !arguments.quiet {
            note!("note: --threads {wanted}: on {threads} threads, four for each processor");
        }
    }
    let done = run(arguments.command, arguments.quiet).and_then(|answer| out::finish().map(|()| answer));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => failed(&error),
    }
}

fn run(command: Command, quiet: bool) -> Result<bool> {
    match command {
        Command::Run(run) => commands::run::main(&run, quiet),
        Command::Inspect(inspect) => commands::inspect::main(&inspect),
        Command::Trace(trace) => commands::trace::main(&trace, quiet),
        Command::Diff(diff) => commands::diff::main(&diff, quiet),
        Command::Bench(bench) => commands::bench::main(&bench, quiet),
        Command::Compile(compile) => commands::compile::main(&compile, quiet),
        Command::Explain(explain) => commands::explain::main(&explain).map(|()| true),
        Command::Check(check) => commands::check::main(&check, quiet),
        #[cfg(feature = "text")]
        Command::Generate(generate) => commands::generate::main(&generate, quiet),
        #[cfg(feature = "text")]
        Command::Chat(chat) => commands::chat::main(&chat, quiet),
        #[cfg(feature = "text")]
        Command::Forward(forward) => commands::forward::main(&forward, quiet),
        #[cfg(feature = "text")]
        Command::Perplexity(perplexity) => commands::perplexity::main(&perplexity, quiet),
        Command::Stats(stats) => commands::stats::main(&stats),
        Command::Extract(extract) => commands::extract::main(&extract, quiet),
        Command::Set(set) => commands::set::main(&set, quiet),
        Command::Reduce(reduce) => commands::reduce::main(&reduce, quiet),
        Command::Convert(convert) => commands::convert::main(&convert, quiet),
        Command::Simplify(simplify) => commands::simplify::main(&simplify, quiet),
        Command::Verify(verify) => commands::verify::main(&verify, quiet),
        Command::Conformance(conformance) => commands::conformance::main(&conformance, quiet),
        Command::Sim(sim) => commands::sim::main(&sim, quiet),
        Command::Fmt(fmt) => commands::fmt::main(&fmt),
        Command::Ops(ops) => commands::ops::main(&ops),
        Command::Completions { shell } => commands::completions::main(shell),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // The reader of the output has closed it: that is no error.
    if error.downcast_ref::<out::Failed>().is_some_and(out::Failed::is_closed_pipe) {
        return ExitCode::SUCCESS;
    }
    note!("{ERROR}error:{ERROR:#} {error:#}");
    ExitCode::from(3)
}
