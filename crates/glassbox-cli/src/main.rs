//! `glassbox`: the command line.
//!
//! A thin face over the libraries: each command is one file in [`commands`], and gives the exit code.
//! 0: done; 1: the answer is no (a check found a difference, a conformance test failed); 2: wrong
//! usage; 3: a file, model, input or run is at fault, and the message says which.

mod args;
mod arrays;
mod commands;
mod inputs;
#[cfg(feature = "text")]
mod language;
mod model;
#[cfg(feature = "images")]
mod pictures;
#[cfg(not(feature = "images"))]
#[path = "no_pictures.rs"]
mod pictures;
mod progress;
mod steps;
mod targets;
mod view;

use std::process::ExitCode;

use anstream::eprintln;
use clap::Parser;

use crate::args::{Arguments, Command};
use crate::view::ERROR;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(threads) = arguments.threads
        && let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global()
    {
        eprintln!("{ERROR}error:{ERROR:#} {error}");
        return ExitCode::from(3);
    }
    if let Err(error) = glassbox_exec::memory_limit() {
        eprintln!("{ERROR}error:{ERROR:#} {error}");
        return ExitCode::from(2);
    }
    let quiet = arguments.quiet;
    let done = match arguments.command {
        Command::Run(run) => commands::run::main(&run, quiet),
        Command::Inspect(inspect) => commands::inspect::main(&inspect),
        Command::Trace(trace) => commands::trace::main(&trace, quiet),
        Command::Compile(compile) => commands::compile::main(&compile, quiet),
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
        Command::Verify(verify) => commands::verify::main(&verify, quiet),
        Command::Conformance(conformance) => commands::conformance::main(&conformance, quiet),
        Command::Sim(sim) => commands::sim::main(&sim, quiet),
        Command::Fmt(fmt) => commands::fmt::main(&fmt),
        Command::Ops(ops) => commands::ops::main(&ops),
        Command::Completions { shell } => commands::completions::main(shell),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // The reader of the output has closed it, as `head` does: that is no error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{ERROR}error:{ERROR:#} {error:#}");
            ExitCode::from(3)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}
