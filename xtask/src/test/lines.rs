//! Running tests with an eye on those that say that they can't run.
//!
//! A test that can't run where it stands prints `skipped: why` and succeeds. The test harness shows the output of
//! tests that succeed only when it is asked to, all of it at the end of each binary. In: a command. Out: the lines of
//! its standard output, without what tests printed that succeeded; and the tests that were skipped.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::tools::shown;

/// A test that didn't run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Skipped {
    /// The name of the test, or of the program where it isn't one of a harness.
    pub(crate) test: String,
    /// What it said.
    pub(crate) why: String,
}

/// What a command of tests gave.
pub(crate) struct Ran {
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) result: Result<()>,
}

/// Runs a command, passing its lines on.
///
/// # Errors
///
/// If it can't be started or its output can't be read. That it fails is in [`Ran::result`].
pub(crate) fn run_tests(command: &mut Command) -> Result<Ran> {
    let shown = shown(command);
    println!("── {shown}");
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{shown} can't be started"))?;
    let mut filter = Filter::new(&shown);
    let output = child.stdout.take().with_context(|| format!("{shown} has no output"))?;
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        if filter.shows(text.trim_end()) {
            print!("{text}");
        }
        line.clear();
    }
    let status = child.wait()?;
    println!("── done in {:.1} s", started.elapsed().as_secs_f64());
    let result = if status.success() { Ok(()) } else { Err(anyhow!("{shown} failed: {status}")) };
    Ok(Ran { skipped: filter.skipped, result })
}

/// Reads lines as a test harness prints them.
struct Filter {
    /// What a skipped test is called outside of a harness.
    program: String,
    /// Whether the outputs of tests that succeeded are being printed.
    inside: bool,
    /// The test whose output is being printed.
    test: Option<String>,
    skipped: Vec<Skipped>,
}

impl Filter {
    fn new(program: &str) -> Filter {
        Filter { program: program.to_owned(), inside: false, test: None, skipped: Vec::new() }
    }

    /// Takes the next line; whether it is to be shown.
    fn shows(&mut self, line: &str) -> bool {
        if let Some(why) = line.strip_prefix("skipped: ") {
            let test = self.test.clone().unwrap_or_else(|| self.program.clone());
            self.skipped.push(Skipped { test, why: why.to_owned() });
            return true;
        }
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            self.test = Some(name.to_owned());
        }
        match line {
            "successes:" => self.inside = true,
            "failures:" => self.inside = false,
            _ if line.starts_with("test result: ") => (self.inside, self.test) = (false, None),
            _ => {}
        }
        !self.inside
    }
}

/// An error where a command of tests failed or tests were skipped that may not be.
pub(crate) fn run_and_note(context: &mut super::Context, command: &mut Command) -> Result<()> {
    let ran = run_tests(command)?;
    match (ran.result, context.note_skipped(ran.skipped)) {
        (Ok(()), noted) => noted,
        (Err(failed), Ok(())) => Err(failed),
        (Err(failed), Err(skipped)) => bail!("{failed:#}; {skipped:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `cargo test -- --show-output` prints for one binary.
    const OUTPUT: &str = "\
running 4 tests
test kinds::a ... ok
test kinds::b ... ok
test kinds::c ... FAILED

successes:

---- kinds::a stdout ----
a line of a
skipped: no data; make some

---- kinds::b stdout ----
---- a line that looks like a title

successes:
    kinds::a
    kinds::b

failures:

---- kinds::c stdout ----
thread panicked

failures:
    kinds::c

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
running 0 tests
skipped: a whole program
";

    #[test]
    fn outputs_of_successes_are_hidden_and_skips_are_found() {
        let mut filter = Filter::new("cargo test");
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| filter.shows(line)).collect();
        let skipped = |test: &str, why: &str| Skipped { test: test.to_owned(), why: why.to_owned() };
        let wanted = [skipped("kinds::a", "no data; make some"), skipped("cargo test", "a whole program")];
        assert_eq!(filter.skipped, wanted);
        assert!(!shown.contains(&"a line of a") && !shown.contains(&"    kinds::b"), "{shown:?}");
        for line in ["test kinds::a ... ok", "thread panicked", "    kinds::c", "running 0 tests"] {
            assert!(shown.contains(&line), "{line}");
        }
    }

    #[test]
    fn a_command_that_fails_is_told_apart_from_one_that_can_t_be_started() {
        let ran = run_tests(Command::new("sh").args(["-c", "echo a line; exit 3"])).expect("it starts");
        assert!(ran.result.is_err_and(|error| error.to_string().contains("exit status: 3")));
        assert!(run_tests(&mut Command::new("/no/such/program")).is_err());
    }
}
