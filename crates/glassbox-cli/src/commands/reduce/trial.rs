//! Running the user's command for a candidate.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::is_stopped;

/// How often it is looked whether the command has ended.
const LOOK: Duration = Duration::from_millis(5);

/// What a run of the command says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It exited with something else than 0, or by a signal.
    Fails,
    /// It exited with 0.
    Passes,
    /// It didn't end in time, or the user stopped it.
    Unknown,
}

/// The command.
pub(super) struct Trial {
    command: String,
    timeout: Duration,
    /// Whether it takes inputs.
    pub(super) wants_inputs: bool,
    last: String,
}

impl Trial {
    pub(super) fn new(command: &str, timeout: f64) -> Result<Trial> {
        if !command.contains("{}") {
            bail!("--until {command:?}: it doesn't say where the file of a piece goes; write {{}} for it");
        }
        let timeout = Duration::try_from_secs_f64(timeout).ok().filter(|timeout| !timeout.is_zero());
        let timeout = timeout.with_context(|| "--timeout is a number of seconds above 0".to_owned())?;
        let wants_inputs = command.contains("{inputs}");
        Ok(Trial { command: command.to_owned(), timeout, wants_inputs, last: String::new() })
    }

    /// How the last run ended, in words.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    /// Runs the command for a piece and its inputs.
    pub(super) fn run(&mut self, model: &Path, inputs: &Path) -> Result<Verdict> {
        let text = self.command.replace("{inputs}", &inputs.to_string_lossy()).replace("{}", &model.to_string_lossy());
        let mut command = Command::new("sh");
        command.args(["-c", &text]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt;
            // A group of its own, so that all that it starts can be ended with it.
            command.process_group(0);
        }
        let mut child = command.spawn().context("`sh`, which runs the command, can't be started")?;
        let status = self.wait(&mut child)?;
        self.last = match status {
            Some(status) => format!("it ended with {status}"),
            None if is_stopped() => "it was stopped".to_owned(),
            None => format!("it didn't end within {:?}", self.timeout),
        };
        Ok(match status {
            Some(status) if status.success() => Verdict::Passes,
            Some(_) => Verdict::Fails,
            None => Verdict::Unknown,
        })
    }

    /// The end of a process; none where it is ended because of the time or of the user.
    fn wait(&self, child: &mut Child) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(status) = child.try_wait().context("the command can't be waited for")? {
                return Ok(if is_stopped() { None } else { Some(status) });
            }
            if is_stopped() || Instant::now() >= deadline {
                end(child);
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Ends a process and all that it has started.
fn end(child: &mut Child) {
    // The negative number is that of the group. Where nothing is left to be ended, that is as good.
    let group = format!("kill -KILL -- -{}", child.id());
    let _ = Command::new("sh").args(["-c", &group]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let _ = child.kill();
    let _ = child.wait();
}
