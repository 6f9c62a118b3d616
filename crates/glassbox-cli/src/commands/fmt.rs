//! `glassbox fmt`: texts of programs as they are to be.

use std::fs;
use std::path::Path;

use anstream::{print, println};
use anyhow::{Context, Result};
use glassbox_runtime::format_program;

use crate::args::Fmt;

/// Formats files, or says which of them would change. Whether none would, where that is asked.
pub(crate) fn main(arguments: &Fmt) -> Result<bool> {
    // All are read first: where one is wrong, none is written.
    let mut changed = Vec::new();
    for file in &arguments.files {
        let text = format_program(file)?;
        if arguments.stdout {
            print!("{text}");
            continue;
        }
        let before = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        if before != text {
            changed.push((file, text));
        }
    }
    for (file, text) in &changed {
        if arguments.check {
            println!("{}", file.display());
        } else {
            replace(file, text).with_context(|| format!("{}: the file can't be written", file.display()))?;
        }
    }
    Ok(!arguments.check || changed.is_empty())
}

/// Replaces the text of a file as a whole: a process that is killed on the way leaves the old one.
fn replace(file: &Path, text: &str) -> Result<()> {
    let target = fs::canonicalize(file)?;
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let other = target.with_file_name(name);
    let written = fs::write(&other, text)
        .and_then(|()| fs::set_permissions(&other, fs::metadata(&target)?.permissions()))
        .and_then(|()| fs::rename(&other, &target));
    if written.is_err() {
        // What is half written is of no use; why it is, is told.
        let _ = fs::remove_file(&other);
    }
    Ok(written?)
}
