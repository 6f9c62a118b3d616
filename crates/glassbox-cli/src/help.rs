//! The arguments, and what is told where they are wrong or help is asked for.
//!
//! Help is as wide as the terminal, and no word of it is broken.

use std::io::{self, Write};
use std::process::ExitCode;

use anstream::adapter::strip_str;
use clap::{CommandFactory, FromArgMatches};

use crate::args::Arguments;
use crate::view::{self, ERROR};

/// Below so many columns descriptions stand under their options: beside long ones there is no room.
const NARROW: usize = 72;

/// What the command line was given.
///
/// # Errors
///
/// Where it is wrong, and where help or the version is asked for: both are to be [told](tell).
pub(crate) fn arguments() -> Result<Arguments, clap::Error> {
    let narrow = view::columns().is_some_and(|columns| columns < NARROW);
    let mut command = Arguments::command().next_line_help(narrow);
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Prints a help text, the version, or what is wrong with the arguments; gives the exit code.
pub(crate) fn tell(usage: &clap::Error) -> ExitCode {
    let text = usage.render().ansi().to_string();
    let text: String = text.split_inclusive('\n').map(|line| wrapped(line, view::columns())).collect();
    let written = match usage.use_stderr() {
        true => anstream::stderr().lock().write_all(text.as_bytes()),
        false => anstream::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().lock().flush()),
    };
    match written {
        // 0 for what was asked for, 2 for wrong usage.
        Ok(()) => ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            note!("{ERROR}error:{ERROR:#} the help can't be written: {error}");
            ExitCode::from(3)
        }
    }
}

/// A line that says how the command is used, in lines that fit; others fit already.
fn wrapped(line: &str, columns: Option<usize>) -> String {
    const MARGIN: &str = "  ";
    let width = |text: &str| view::text_width(strip_str(text).to_string().trim_end());
    let Some(columns) = columns.filter(|columns| width(line) > *columns) else { return line.to_owned() };
    if !strip_str(line).to_string().starts_with("Usage: ") {
        return line.to_owned();
    }
    let (mut text, mut taken) = (String::new(), 0);
    for word in line.split(' ') {
        if taken > 0 && taken + 1 + width(word) > columns {
            text.push('\n');
            text.push_str(MARGIN);
            taken = MARGIN.len();
        } else if taken > 0 {
            text.push(' ');
            taken += 1;
        }
        text.push_str(word);
        taken += width(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_wrapped_between_words() {
        let line = "\x1b[1mUsage:\x1b[0m glassbox convert [OPTIONS] <SOURCE> <TARGET>\n";
        let text = wrapped(line, Some(40));
        assert_eq!(strip_str(&text).to_string(), "Usage: glassbox convert [OPTIONS]\n  <SOURCE> <TARGET>\n");
        assert_eq!(wrapped(line, None), line);
        assert_eq!(wrapped(line, Some(80)), line);
    }
}
