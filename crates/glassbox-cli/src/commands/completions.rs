//! `glassbox completions`: completions for a shell.

use anyhow::Result;
use clap::CommandFactory;

use crate::args::Arguments;

/// Prints the completions.
pub(crate) fn main(shell: clap_complete::Shell) -> Result<bool> {
    clap_complete::generate(shell, &mut Arguments::command(), "glassbox", &mut std::io::stdout());
    Ok(true)
}
