//! `glassbox fmt`: texts of programs as they are to be.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use glassbox_runtime::{format_program, format_text};

use crate::args::Fmt;
use crate::standard_input::{self, DASH};
use crate::{files, out};

/// What messages call it.
const STANDARD_INPUT: &str = "standard input";

/// Formats files, or says which of them would change. Whether none would, where that is asked.
pub(crate) fn main(arguments: &Fmt) -> Result<bool> {
    // All are read first: where one is wrong, none is written.
    let mut texts = Vec::new();
    for file in &arguments.files {
        texts.push((file.as_path(), Text::of(file)?));
    }
    let mut same = true;
    for (file, text) in &texts {
        let is_input = file.as_os_str() == DASH;
        if arguments.stdout || (is_input && !arguments.check) {
            out::text(&text.after)?;
        } else if text.before == text.after {
            continue;
        } else if arguments.check {
            same = false;
            say!("{}", if is_input { STANDARD_INPUT.to_owned() } else { file.display().to_string() })?;
        } else {
            files::write(file, &text.after)?;
        }
    }
    Ok(same)
}

/// What stands in a file, and what is to.
struct Text {
    before: String,
    after: String,
}

impl Text {
    fn of(file: &Path) -> Result<Text> {
        if file.as_os_str() == DASH {
            let before = standard_input::text("the text")?;
            return Ok(Text { after: format_text(STANDARD_INPUT, &before)?, before });
        }
        let after = format_program(file)?;
        let before = fs::read_to_string(file).with_context(|| format!("{}: the file can't be read", file.display()))?;
        Ok(Text { before, after })
    }
}
