//! Traces that chrome://tracing and Perfetto open.
//!
//! The format is that of trace events: an object with a list of complete events (`"ph": "X"`), each with its
//! begin and duration in microseconds. An event that lies within another is drawn inside it, so the statements of
//! a loop stand under the loop.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::trace::TraceEvent;

/// Writes a trace event by event, so that it need not be in memory as a whole.
pub struct ChromeWriter<W: Write> {
    out: W,
    empty: bool,
    untimed: u64,
}

impl<W: Write> ChromeWriter<W> {
    /// Begins a trace.
    ///
    /// # Errors
    ///
    /// Where the text can't be written.
    pub fn new(mut out: W) -> io::Result<ChromeWriter<W>> {
        out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
        Ok(ChromeWriter { out, empty: true, untimed: 0 })
    }

    /// Adds an event. One without times, for there was no timer, can't be drawn, and is only counted.
    ///
    /// # Errors
    ///
    /// Where the text can't be written.
    pub fn event(&mut self, event: &TraceEvent) -> io::Result<()> {
        let (Some(began), Some(micros)) = (event.began, event.micros) else {
            self.untimed += 1;
            return Ok(());
        };
        self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
        self.empty = false;
        let name = match event.outputs.first() {
            Some(output) => format!("{} {}", event.op, output.name),
            None => event.op.to_string(),
        };
        let category = if event.block.is_empty() { "node" } else { &event.block };
        let object = json!({
            "name": name, "cat": category, "ph": "X", "pid": 1, "tid": 1, "ts": began, "dur": micros,
            "args": arguments(event),
        });
        serde_json::to_writer(&mut self.out, &object).map_err(io::Error::from)
    }

    /// Ends the trace; says how many events could not be drawn, and how many others there were before that nobody
    /// kept.
    ///
    /// # Errors
    ///
    /// Where the text can't be written.
    pub fn finish(mut self, left_out: u64) -> io::Result<W> {
        let other = json!({ "events_left_out": left_out, "events_without_time": self.untimed });
        write!(self.out, "\n],\"otherData\":{other}}}\n")?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// What is shown of an event that is clicked at.
fn arguments(event: &TraceEvent) -> Value {
    let mut shown = Map::new();
    shown.insert("step".to_owned(), event.step.into());
    shown.insert("node".to_owned(), Value::from(&*event.node));
    if let (Some(file), Some(line)) = (&event.file, event.line) {
        shown.insert("place".to_owned(), format!("{file}:{line}").into());
    }
    if !event.turns.is_empty() {
        shown.insert("turns".to_owned(), json!(event.turns));
    }
    shown.insert("inputs".to_owned(), json!(event.inputs));
    let mut outputs = Map::new();
    for output in &event.outputs {
        let stats = output.stats.map(|stats| {
            let number = |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value}"));
            let (min, max, mean) = (number(stats.min), number(stats.max), number(stats.mean));
            format!(", {min} … {max}, mean {mean}, {} NaN, {} inf", stats.nan, stats.inf)
        });
        outputs.insert(output.name.to_string(), format!("{}{}", output.ty, stats.unwrap_or_default()).into());
    }
    shown.insert("outputs".to_owned(), outputs.into());
    Value::Object(shown)
}

/// Writes events as a trace that chrome://tracing and Perfetto open.
///
/// # Errors
///
/// Where the text can't be written.
pub fn write_chrome<'e>(events: impl IntoIterator<Item = &'e TraceEvent>, out: impl Write) -> io::Result<()> {
    let mut writer = ChromeWriter::new(out)?;
    for event in events {
        writer.event(event)?;
    }
    writer.finish(0).map(drop)
}
