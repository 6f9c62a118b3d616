//! Standard output and standard error.
//!
//! Results go to standard output by `say!`, notes to standard error by `note!`. Styles are
//! left out where nobody wants them (no terminal, `NO_COLOR`). A write to standard output that fails is an error of the
//! command: [`Failed`], which ends the program in silence where the reader has closed the pipe, and with a message where
//! the disk is full. What can't be written to standard error has nowhere to be told, and is dropped.

use std::fmt;
use std::io::{self, Write};

use anyhow::Result;

use crate::view;

/// Prints a line to standard output; gives a `Result`.
macro_rules! say {
    () => { $crate::out::line(format_args!("")) };
    ($($arg:tt)*) => { $crate::out::line(format_args!($($arg)*)) };
}

/// Prints a line to standard error.
macro_rules! note {
    ($($arg:tt)*) => { $crate::out::note_line(format_args!($($arg)*)) };
}

/// Standard output can't be written.
#[derive(Debug)]
pub(crate) struct Failed(io::Error);

impl Failed {
    /// Whether the reader has closed the pipe, as `head` does.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output can't be written: {}", self.0)
    }
}

impl std::error::Error for Failed {}

/// Prints a line.
///
/// # Errors
///
/// Where standard output can't be written.
pub(crate) fn line(line: fmt::Arguments) -> Result<()> {
    let mut out = anstream::stdout().lock();
    Ok(writeln!(out, "{line}").map_err(Failed)?)
}

/// Prints a text in lines that the terminal has room for, broken between words; those after the first begin with `indent`
/// blanks. Where standard output is no terminal it is one line.
///
/// # Errors
///
/// Where standard output can't be written.
pub(crate) fn paragraph(text: &str, indent: usize) -> Result<()> {
    let Some(columns) = view::columns().filter(|columns| view::text_width(text) > *columns) else {
        return line(format_args!("{text}"));
    };
    // What stands before the first word stays as it is.
    let front = text.len() - text.trim_start().len();
    let lines = view::wrap(text, columns.saturating_sub(indent.max(front)).max(1));
    for (place, words) in lines.iter().enumerate() {
        let margin = if place == 0 { front } else { indent };
        line(format_args!("{:margin$}{words}", ""))?;
    }
    Ok(())
}

/// Prints lines as they are, in which styles are left out where nobody wants them.
///
/// # Errors
///
/// Where standard output can't be written.
pub(crate) fn styled(text: &str) -> Result<()> {
    Ok(anstream::stdout().lock().write_all(text.as_bytes()).map_err(Failed)?)
}

/// Prints a text as it is, without a line end of its own, so that it is seen at once.
///
/// # Errors
///
/// Where standard output can't be written.
pub(crate) fn text(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    Ok(out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failed)?)
}

/// Everything that was printed has left the program.
///
/// # Errors
///
/// Where standard output can't be written.
pub(crate) fn finish() -> Result<()> {
    Ok(io::stdout().lock().flush().map_err(Failed)?)
}

/// Prints a line to standard error.
pub(crate) fn note_line(line: fmt::Arguments) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}
