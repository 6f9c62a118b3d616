//! `cargo xtask`: the chores of the repository. `cargo xtask test` is what CI runs.

mod bench;
mod book;
mod documents;
mod links;
mod models;
mod pages;
mod peers;
mod soak;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

/// The chores of the Glassbox repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Everything that CI checks, or the suites of these names only
    Test {
        /// Suites to run; all without one
        #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(test::names()))]
        suites: Vec<String>,
    },
    /// Random tests with seeds that nobody has tried
    Soak {
        /// How long to go on; the round that has begun is ended
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// The seed of the first round, to repeat it; a new one where it isn't given
        #[arg(long)]
        seed: Option<u32>,
    },
    /// Check the rules of the repository that no other tool checks
    Tidy,
    /// Make the virtual environment and the test data (about 1 GB in the cache folder)
    Setup,
    /// Run the commands of the book and the README
    Book {
        /// Pages, by a part of their paths; all without one
        #[arg(value_name = "PAGE")]
        pages: Vec<String>,
        /// Write into the pages what is printed
        #[arg(long)]
        bless: bool,
    },
    /// Run the peer models and hold them against what onnxruntime gave
    Peers,
    /// Run models of others beside onnxruntime, or the official sets of earlier releases, and write the page of what came out
    Models {
        /// What to run: published packages, models that exporters make (needs torch, 7 GB), random models, or the official
        /// tests of onnx 1.21 and 1.22
        #[arg(value_enum, required = true, value_name = "WHAT")]
        what: Vec<models::What>,
        /// Only those whose name matches this regular expression; no page is written then
        #[arg(long, value_name = "RE")]
        only: Option<String>,
    },
    /// Time a fixed set of models beside other engines, which it installs (650 MB)
    Bench(bench::Bench),
    /// Write the generated status pages
    Status,
    /// Plant 200 faults in real and exported models, and judge how `glassbox check` finds them (needs torch, 6 GB)
    Hunts {
        /// The seed of the faults
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Accept the output of golden tests as it is now
    Bless,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test { suites } => return test::main(&suites),
        Chore::Soak { minutes, seed } => soak::main(minutes, seed),
        Chore::Tidy => tidy::main(),
        Chore::Setup => tools::setup(),
        Chore::Book { pages, bless: true } => book::bless(&pages),
        Chore::Book { pages, bless: false } => book::run_pages(&pages),
        Chore::Peers => peers::main(),
        Chore::Models { what, only } => models::main(&what, only.as_deref()),
        Chore::Bench(arguments) => bench::main(&arguments),
        Chore::Status => pages::status(),
        Chore::Hunts { seed } => test::hunts::all(seed),
        Chore::Bless => pages::bless(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
