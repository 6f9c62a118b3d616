//! `cargo xtask`: the chores of the repository. `cargo xtask test` is what CI runs.

mod peers;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

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
    /// Everything that CI checks: tidy, format, lints, tests, ONNX conformance, peer models
    Test,
    /// Check the rules of the repository that no other tool checks
    Tidy,
    /// Make the virtual environment and the test data (about 1 GB in the cache folder)
    Setup,
    /// Run the peer models and hold them against what onnxruntime gave
    Peers,
    /// Write the generated status pages
    Status,
    /// Accept the output of golden tests as it is now
    Bless,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test => test::main(),
        Chore::Tidy => tidy::main(),
        Chore::Setup => tools::setup(),
        Chore::Peers => peers::main(),
        Chore::Status => test::status(),
        Chore::Bless => test::bless(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
