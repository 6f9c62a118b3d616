//! Programs of ours that another Python runs: which Python, and what is said where one fails.
//!
//! They exit with 0, [`MISSING`], [`MEMORY`], or another status with a message.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::anyhow;

/// The status with which our programs say that a module isn't there.
const MISSING: i32 = 4;
/// The status with which they say that there is too little memory.
const MEMORY: i32 = 5;
/// How many of the last lines of a program that failed are shown.
const LINES: usize = 12;
/// The most bytes of its messages that are read for that.
const BYTES: u64 = 64 << 10;

/// The Python that the user names, that of the virtual environment that is active, or the first on the path.
pub(crate) fn interpreter(named: Option<&Path>) -> PathBuf {
    let in_environment = || {
        let folder = PathBuf::from(std::env::var_os("VIRTUAL_ENV")?);
        Some(folder.join("bin/python")).filter(|python| python.exists())
    };
    named.map(Path::to_owned).or_else(in_environment).unwrap_or_else(|| PathBuf::from("python3"))
}

/// What is said of a Python that isn't there.
pub(crate) fn cannot_start(python: &Path) -> String {
    format!("{} can't be started; name another Python with --python", python.display())
}

/// The error of a program that was run for `--against name` and has ended with this status.
pub(crate) fn failure(name: &str, python: &Path, status: ExitStatus, last: &str) -> anyhow::Error {
    match status.code() {
        Some(MISSING) => anyhow!(
            "{} lacks a module that --against {name} needs ({last}); install it there, or name another Python with --python",
            python.display()
        ),
        Some(MEMORY) => anyhow!("{name} has too little memory for the values of this model\n{last}"),
        Some(code) => anyhow!("{name} failed with status {code}\n{last}"),
        None => anyhow!("{name} was ended by a signal ({status}): most often there is too little memory\n{last}"),
    }
}

/// The end of what a program has said into this file.
pub(crate) fn last_lines(messages: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(messages)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
