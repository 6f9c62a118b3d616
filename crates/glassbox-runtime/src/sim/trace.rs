//! What is told of a statement that has been run, and how traces are kept and written.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use glassbox_exec::{RunError, Value};
use glassbox_tensor::Tensor;
use serde::{Deserialize, Serialize};

/// A statement that has been run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// The step, counted from zero since the executor was made.
    pub step: u64,
    /// The block and the loops in it, `entry/layers`; for a graph that comes from no program, the labels of the
    /// nodes whose bodies it is in.
    pub block: Arc<str>,
    /// What the node is called: the place of its statement, or the name that it came with.
    pub node: Arc<str>,
    /// The op.
    pub op: Arc<str>,
    /// The file, where it is the statement of a program.
    pub file: Option<Arc<str>>,
    /// The line, from one.
    pub line: Option<u32>,
    /// The turns of the loops that it is in, outermost first, counted from zero.
    pub turns: Vec<u64>,
    /// How many bodies it is in: loops, branches and calls.
    pub depth: usize,
    /// The variables that it reads.
    pub inputs: Arc<[Arc<str>]>,
    /// What it gives: its results; of a persistent variable, what was written.
    pub outputs: Vec<TraceOutput>,
    /// When it began, in microseconds since the executor was made; only with a timer.
    pub began: Option<f64>,
    /// How long it took, in microseconds, with all that is inside of it; only with a timer.
    pub micros: Option<f64>,
}

/// A result of a statement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceOutput {
    /// The variable.
    pub name: Arc<str>,
    /// The type, with all dims: `f32[2, 4]`.
    #[serde(rename = "type")]
    pub ty: Arc<str>,
    /// What there is to say of its numbers; only with a trace, and not of text.
    pub stats: Option<Statistics>,
}

/// What there is to say of the numbers in a tensor.
///
/// ```
/// use glassbox_runtime::Statistics;
/// use glassbox_tensor::Tensor;
/// let x = Tensor::from_vec(&[3], vec![1.0f32, 3.0, f32::NAN])?;
/// let statistics = Statistics::of(&x).expect("numbers");
/// assert_eq!((statistics.mean, statistics.nan), (Some(2.0), 1));
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The least finite element; `None` without one.
    pub min: Option<f64>,
    /// The largest finite element.
    pub max: Option<f64>,
    /// The mean of the finite elements.
    pub mean: Option<f64>,
    /// How many elements are NaN.
    pub nan: u64,
    /// How many are infinite.
    pub inf: u64,
}

/// Elements that are looked at together.
const CHUNK: usize = 4096;

impl Statistics {
    /// The statistics of a tensor; `None` for text, and where its data can't be read.
    pub fn of(tensor: &Tensor) -> Option<Statistics> {
        let dense = tensor.contiguous().ok()?;
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut nan, mut inf, mut finite) = (0, 0, 0u64);
        // The mean by parts, so that no sum leaves the range of f64.
        let mut mean = 0.0;
        let (mut start, length) = (0, dense.len());
        let mut values = vec![0f64; CHUNK.min(length)];
        while start < length {
            let part = values.get_mut(..CHUNK.min(length - start))?;
            dense.load_range(start, part).ok()?;
            start += part.len();
            let (mut sum, mut count) = (0.0, 0u64);
            for value in part.iter() {
                if value.is_nan() {
                    nan += 1;
                } else if value.is_infinite() {
                    inf += 1;
                } else {
                    min = min.min(*value);
                    max = max.max(*value);
                    sum += value / CHUNK as f64;
                    count += 1;
                }
            }
            finite += count;
            if count > 0 {
                let own = sum / count as f64 * CHUNK as f64;
                let share = count as f64 / finite as f64;
                mean = mean * (1.0 - share) + own * share;
            }
        }
        if length == 0 {
            // Whether it has numbers at all.
            dense.load_range::<f64>(0, &mut []).ok()?;
        }
        let some = |value: f64| (finite > 0).then_some(value);
        Some(Statistics { min: some(min), max: some(max), mean: some(mean), nan, inf })
    }
}

impl TraceOutput {
    pub(super) fn of(name: &Arc<str>, value: &Value, statistics: bool) -> TraceOutput {
        let stats = value.as_tensor().filter(|_| statistics).and_then(Statistics::of);
        TraceOutput { name: name.clone(), ty: value.ty().to_string().into(), stats }
    }
}

/// Writes each event as a line of JSON.
///
/// # Errors
///
/// Where the text can't be written.
pub fn write_jsonl<'e>(events: impl IntoIterator<Item = &'e TraceEvent>, mut out: impl Write) -> io::Result<()> {
    for event in events {
        serde_json::to_writer(&mut out, event)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// The last events, up to a bound, and how many were before.
pub(super) struct TraceLog {
    /// Up to twice as many as the bound, so that the first half can be dropped at once.
    events: Vec<TraceEvent>,
    bound: usize,
    dropped: u64,
    /// What is told of results that are the same in every step, by the index of the node.
    fixed: HashMap<usize, Vec<TraceOutput>>,
}

impl TraceLog {
    pub(super) fn new(bound: usize) -> TraceLog {
        TraceLog { events: Vec::new(), bound: bound.max(1), dropped: 0, fixed: HashMap::new() }
    }

    pub(super) fn push(&mut self, event: TraceEvent) {
        if self.events.len() >= self.bound.saturating_mul(2) {
            self.events.drain(..self.bound);
            self.dropped += self.bound as u64;
        }
        self.events.push(event);
    }

    /// How many of the events are past the bound.
    fn hidden(&self) -> usize {
        self.events.len().saturating_sub(self.bound)
    }

    /// The events, oldest first.
    pub(super) fn events(&self) -> &[TraceEvent] {
        &self.events[self.hidden()..]
    }

    /// How many events were left out for the bound.
    pub(super) fn left_out(&self) -> u64 {
        self.dropped + self.hidden() as u64
    }

    pub(super) fn take(&mut self) -> Vec<TraceEvent> {
        let events = self.events.split_off(self.hidden());
        self.events.clear();
        self.dropped = 0;
        events
    }

    /// The outputs of a node whose results never change, looked at once.
    pub(super) fn outputs_of_fixed(
        &mut self,
        node: usize,
        look: impl FnOnce() -> Result<Vec<TraceOutput>, RunError>,
    ) -> Result<Vec<TraceOutput>, RunError> {
        if let Some(known) = self.fixed.get(&node) {
            return Ok(known.clone());
        }
        let outputs = look()?;
        self.fixed.insert(node, outputs.clone());
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_count_what_is_not_finite() {
        let tensor = Tensor::from_vec(&[5], vec![1.0f32, 3.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).unwrap();
        let want = Statistics { min: Some(1.0), max: Some(3.0), mean: Some(2.0), nan: 1, inf: 2 };
        assert_eq!(Statistics::of(&tensor), Some(want));
        let huge = Tensor::from_vec(&[3], vec![f64::MAX, f64::MAX, f64::NAN]).unwrap();
        assert_eq!(Statistics::of(&huge).and_then(|statistics| statistics.mean), Some(f64::MAX));
        let none = Tensor::from_vec(&[1], vec![f64::NAN]).unwrap();
        assert_eq!(Statistics::of(&none).map(|s| (s.min, s.mean, s.nan)), Some((None, None, 1)));
        let text = Tensor::from_strings(&[1], vec!["a".to_owned()]).unwrap();
        assert_eq!(Statistics::of(&text), None);
    }

    #[test]
    fn the_mean_of_many_parts_is_that_of_all() {
        let values: Vec<i64> = (0..10_001).collect();
        let tensor = Tensor::from_vec(&[values.len()], values).unwrap();
        let mean = Statistics::of(&tensor).and_then(|statistics| statistics.mean).unwrap();
        assert!((mean - 5000.0).abs() < 1e-9, "{mean}");
    }
}
