//! What an executor shows of its steps: breakpoints, watches and traces.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use glassbox_exec::Value;

use super::chrome::ChromeWriter;
use super::error::SimError;
use super::executor::Executor;
use super::ledger::View;
use super::trace::{TraceEvent, write_jsonl};
use crate::error::RuntimeError;

impl Executor {
    /// Asks `pause` after each statement that stands in the block or the loop `name`, or that writes the variable
    /// `name`; where it says yes, the step pauses. There may be several for one name.
    ///
    /// # Errors
    ///
    /// Where the program has no block, loop or variable of this name.
    pub fn break_at(
        &mut self,
        name: &str,
        pause: impl FnMut(&View) -> bool + Send + 'static,
    ) -> Result<(), RuntimeError> {
        let matching = self.program.matching(name)?;
        self.ledger.break_at(matching, Box::new(pause));
        Ok(())
    }

    /// Tells `tell` of each write of a variable, with its new value. There may be several for one variable.
    ///
    /// # Errors
    ///
    /// Where the program writes no variable of this name.
    pub fn watch(
        &mut self,
        name: &str,
        tell: impl FnMut(&TraceEvent, &Value) + Send + 'static,
    ) -> Result<(), RuntimeError> {
        let variable = self.program.written(name)?;
        self.ledger.watch(variable, Box::new(tell));
        Ok(())
    }

    /// Removes all breakpoints and watches.
    pub fn clear_breaks(&mut self) {
        self.ledger.clear();
    }

    /// The events that were collected, oldest first: the last ones, as many as the simulator keeps.
    pub fn trace(&self) -> &[TraceEvent] {
        self.ledger.log.events()
    }

    /// How many events were not kept, because there were too many.
    pub fn trace_left_out(&self) -> u64 {
        self.ledger.log.left_out()
    }

    /// The events that were collected, which aren't kept any longer.
    pub fn take_trace(&mut self) -> Vec<TraceEvent> {
        self.ledger.log.take()
    }

    /// Writes the events that were collected as lines of JSON.
    ///
    /// # Errors
    ///
    /// Where nothing was collected, or the file can't be written.
    pub fn write_jsonl(&self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        self.traced(self.settings.tells_all(), "`with_trace` or `with_timer`")?;
        let path = path.as_ref();
        let written = File::create(path).and_then(|file| write_jsonl(self.trace(), BufWriter::new(file)));
        written.map_err(|source| unwritten(path, source))
    }

    /// Writes the events that were collected as a trace that chrome://tracing and Perfetto open.
    ///
    /// # Errors
    ///
    /// Where no times were collected, or the file can't be written.
    pub fn write_chrome(&self, path: impl AsRef<Path>) -> Result<(), RuntimeError> {
        self.traced(self.settings.timer, "`with_timer`")?;
        let path = path.as_ref();
        let written = File::create(path).and_then(|file| {
            let mut writer = ChromeWriter::new(BufWriter::new(file))?;
            self.trace().iter().try_for_each(|event| writer.event(event))?;
            writer.finish(self.trace_left_out()).map(drop)
        });
        written.map_err(|source| unwritten(path, source))
    }

    fn traced(&self, so: bool, with: &str) -> Result<(), RuntimeError> {
        let rule = || SimError::Trace(format!("there is nothing to write: make the simulator {with}"));
        if so { Ok(()) } else { Err(rule().into()) }
    }
}

fn unwritten(path: &Path, source: std::io::Error) -> RuntimeError {
    RuntimeError::Unwritten { path: path.display().to_string(), error: source }
}
