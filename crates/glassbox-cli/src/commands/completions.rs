//! `glassbox completions`: completions for a shell.

use anyhow::Result;
use clap::CommandFactory;

use crate::args::Arguments;
use crate::out;

/// Prints the completions.
pub(crate) fn main(shell: clap_complete::Shell) -> Result<bool> {
    // Made in memory: what makes them panics where it can't write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "glassbox", &mut script);
    out::text(&String::from_utf8_lossy(&script))?;
    Ok(true)
}
