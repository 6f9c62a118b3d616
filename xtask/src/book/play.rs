//! Runs the commands of a page and compares.
//!
//! Each page has a folder of its own, which holds the repository's `models` and nothing else when the page begins; a
//! command finds what those before it wrote. Commands are run by `sh`, with `glassbox` as it was built and the Python of
//! the tests first on the search path, one after the other, each for a limited time. All that could make them print
//! something else is set: the width of the terminal, the locale, the time zone, the home folder.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::matching::{blessed, first_difference};
use super::script::{Command, Printed, commands, rewritten};
use crate::tools::{cache, root};

/// The longest that a command may run.
const LIMIT: Duration = Duration::from_secs(300);

/// What a command did.
pub(super) struct Outcome {
    /// What it printed on both outputs, in the order in which it came.
    pub(super) lines: Vec<String>,
    pub(super) exit: i32,
}

/// Where the commands of a page are run.
pub(super) struct Stage {
    folder: tempfile::TempDir,
    /// Where commands are looked for.
    path: String,
}

impl Stage {
    /// A folder for a page. `binary` is the folder of `glassbox`.
    pub(super) fn new(binary: &Path) -> Result<Stage> {
        let folder = tempfile::Builder::new().prefix("glassbox-book-").tempdir()?;
        std::os::unix::fs::symlink(root().join("models"), folder.path().join("models"))?;
        let python = cache().join("venv/bin");
        let rest = std::env::var("PATH").unwrap_or_default();
        Ok(Stage { folder, path: format!("{}:{}:{rest}", binary.display(), python.display()) })
    }

    /// Runs a command.
    pub(super) fn run(&self, text: &str) -> Result<Outcome> {
        let mut output = tempfile::tempfile()?;
        let mut command = Process::new("sh");
        command.args(["-c", text]).current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output.try_clone()?);
        command.env("PATH", &self.path).env("HOME", self.folder.path()).env("GLASSBOX_CACHE", cache());
        for (name, value) in [("COLUMNS", "80"), ("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("PYTHONDONTWRITEBYTECODE", "1")]
        {
            command.env(name, value);
        }
        for name in ["CLICOLOR_FORCE", "FORCE_COLOR", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "VIRTUAL_ENV"] {
            command.env_remove(name);
        }
        let exit = wait(&mut command.spawn()?, text)?;
        Ok(Outcome { lines: lines_of(&mut output)?, exit })
    }
}

/// The exit code of a process; one that takes too long is ended.
fn wait(child: &mut std::process::Child, text: &str) -> Result<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return status.code().with_context(|| format!("`{text}` was ended by a signal"));
        }
        if started.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!("`{text}` takes longer than {} s", LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lines_of(output: &mut File) -> Result<Vec<String>> {
    output.rewind()?;
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    // The last of what is written over and over in one line is what is seen in the end.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(text.lines().map(|line| line.rsplit('\r').next().unwrap_or_default().trim_end().to_owned()).collect())
}

/// A page whose commands were run.
pub(super) struct Played {
    pub(super) commands: Vec<Command>,
    /// What differs from what the page says, command by command, with the line.
    pub(super) wrong: Vec<String>,
    /// What the page is to say.
    pub(super) blessed: String,
}

/// Runs a page, given by its path from the root.
pub(super) fn play(stage: &Stage, place: &PathBuf) -> Result<Played> {
    let text = std::fs::read_to_string(root().join(place)).with_context(|| place.display().to_string())?;
    let commands = commands(&text).with_context(|| place.display().to_string())?;
    let (mut wrong, mut changes) = (Vec::new(), Vec::new());
    for command in &commands {
        let outcome = stage.run(&command.text).with_context(|| format!("{}:{}", place.display(), command.line))?;
        if let Some((line, said)) = difference(command, &outcome) {
            wrong.push(format!("{}:{line}: $ {}\n{said}", place.display(), command.text));
        }
        if let Some(old) = &command.prints {
            let new = Printed { line: old.line, lines: blessed(&old.lines, &outcome.lines), exit: outcome.exit };
            changes.push((old.clone(), new));
        }
    }
    Ok(Played { blessed: rewritten(&text, &changes), commands, wrong })
}

/// Where a command did something else than the page says: the line of the page, and what.
fn difference(command: &Command, outcome: &Outcome) -> Option<(usize, String)> {
    let Some(wanted) = &command.prints else {
        let failed = || format!("it fails with {}:\n{}", outcome.exit, outcome.lines.join("\n"));
        return (outcome.exit != 0).then(|| (command.line, failed()));
    };
    if let Some(number) = first_difference(&wanted.lines, &outcome.lines) {
        let line = wanted.lines.get(number).map_or("nothing more", String::as_str);
        let said = format!("there should be: {line}\nprinted:\n{}", outcome.lines.join("\n"));
        return Some((wanted.line + number, said));
    }
    let line = wanted.line + wanted.lines.len();
    (wanted.exit != outcome.exit).then(|| (line, format!("it should exit with {}, not {}", wanted.exit, outcome.exit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        Stage::new(Path::new("/nowhere")).expect("a folder")
    }

    #[test]
    fn a_command_finds_what_those_before_it_wrote() {
        let stage = stage();
        assert_eq!(stage.run("echo a > f").expect("it runs").exit, 0);
        let outcome = stage.run("cat f; echo b >&2; ls models/shapes/shapes.onnx; exit 3").expect("it runs");
        assert_eq!((outcome.lines.join(" "), outcome.exit), ("a b models/shapes/shapes.onnx".to_owned(), 3));
    }

    #[test]
    fn a_difference_is_told_at_its_line() {
        let command = Command {
            line: 7,
            text: "x".to_owned(),
            prints: Some(Printed { line: 8, lines: vec!["a".to_owned(), "b".to_owned()], exit: 1 }),
        };
        let told = |lines: &[&str], exit| {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            difference(&command, &Outcome { lines, exit }).map(|(line, said)| format!("{line}: {said}"))
        };
        assert_eq!(told(&["a", "b"], 1), None);
        assert_eq!(told(&["a", "c"], 1).as_deref(), Some("9: there should be: b\nprinted:\na\nc"));
        assert_eq!(told(&["a", "b"], 0).as_deref(), Some("10: it should exit with 1, not 0"));
        let quiet = Command { prints: None, ..command.clone() };
        let failed = difference(&quiet, &Outcome { lines: vec!["no".to_owned()], exit: 2 });
        assert_eq!(failed, Some((7, "it fails with 2:\nno".to_owned())));
    }
}
