//! The second run: what the nodes that look wrong give in f64, on the other side's values.
//!
//! Where theirs holds more digits than our dtypes do, our node was given theirs rounded. So it is held against f64 of the
//! rounded values; against theirs as it is only what theirs gives is held.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_exec::{Event, Flow, Options, Precision, RunError, Runtime, Value};
use glassbox_ir::ValueId;
use glassbox_tensor::{DType, Tensor, TensorError};

use super::alone::fitted;
use super::observe::{self, Put, Visitor};
use super::{Finding, Model};
use crate::error::CheckError;
use crate::pairing::Pairs;
use crate::side::{Key, Values};
use crate::skeleton::{Def, Skeleton};

/// Adds to the samples of what looks wrong what it is in f64: of theirs as our dtypes hold it, or as it is. Where the graph
/// can't be run in f64 to that point, the samples stay without.
pub(super) fn run(
    ours: &Model,
    reference: &Arc<dyn Runtime>,
    theirs: &mut dyn Values,
    pairs: &Pairs,
    findings: &mut [Finding],
    exact: bool,
) -> Result<(), CheckError> {
    let options = Options { precision: Precision::Precise, ..ours.options.clone() };
    let failed = |source| CheckError::Run { side: format!("{} in f64", ours.name), source: Box::new(source) };
    let executable = reference.prepare(ours.graph.clone(), ours.params.clone(), &options).map_err(failed)?;
    let mut session = executable.session().map_err(failed)?;
    let suspicious: HashMap<Key, usize> = findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.is_suspicious())
        .map(|(place, finding)| (finding.key.clone(), place))
        .collect();
    // What was given is no result of a node.
    let left = suspicious.keys().filter(|key| !matches!(ours.skeleton.values[key.value].def, Def::Input)).count();
    let known = findings.iter().enumerate().map(|(place, finding)| (finding.key.clone(), place)).collect();
    let mut driver =
        Driver { ours: &ours.skeleton, theirs, pairs, findings, known, taken: Vec::new(), suspicious, left, exact };
    // It is stopped at the last node that looks wrong; an error before that leaves samples without.
    let _ = observe::run(session.as_mut(), &ours.inputs, &mut driver)?;
    Ok(())
}

struct Driver<'a> {
    ours: &'a Skeleton,
    theirs: &'a mut dyn Values,
    pairs: &'a Pairs,
    findings: &'a mut [Finding],
    /// Where the finding of a value is.
    known: HashMap<Key, usize>,
    /// Values of theirs that were taken for a node before it was run.
    taken: Vec<(Key, Value)>,
    suspicious: HashMap<Key, usize>,
    left: usize,
    exact: bool,
}

impl Visitor for Driver<'_> {
    fn see(&mut self, event: &Event, put: &mut Put) -> Result<Flow, CheckError> {
        for (place, id) in event.node().results.iter().enumerate() {
            let Some((key, partner)) = self.paired(event, *id) else { continue };
            let mine = event.result(place).map_err(failed)?;
            if let Some(place) = self.suspicious.get(&key) {
                self.left = self.left.saturating_sub(1);
                if let Some(sample) = &mut self.findings[*place].sample {
                    sample.add(&mine, self.exact).map_err(|source| unreadable(event, *id, source))?;
                }
            }
            let Some(Value::Tensor(other)) = self.take(&key, partner)? else { continue };
            let Value::Tensor(tensor) = &mine else { continue };
            let alike = tensor.dtype() == other.dtype() || (tensor.dtype().is_float() && other.dtype().is_float());
            if !alike || tensor.shape() != other.shape() {
                continue;
            }
            let held = self.held(key.value, &other, tensor.dtype()).map_err(|source| unreadable(event, *id, source))?;
            put.put(event, place, held.into()).map_err(failed)?;
        }
        self.taken.clear();
        Ok(if self.left == 0 { Flow::Stop } else { Flow::Continue })
    }

    /// A node that doesn't look wrong, and all of whose results are put in, needn't be run.
    fn supply(&mut self, event: &Event) -> Result<Option<Vec<Value>>, CheckError> {
        let results = &event.node().results;
        let mut supplied = Vec::with_capacity(results.len());
        let mut keys = Vec::with_capacity(results.len());
        for id in results {
            let Some((key, partner)) = self.paired(event, *id) else { return Ok(None) };
            // Its dims were compared in the first run.
            let measured = self.known.get(&key).is_some_and(|place| self.findings[*place].alone.is_some());
            if self.suspicious.contains_key(&key) || !measured {
                return Ok(None);
            }
            keys.push((key, partner));
        }
        for ((key, partner), id) in keys.into_iter().zip(results) {
            let Some(other) = self.take(&key, partner)? else { continue };
            if let (Value::Tensor(tensor), Some(declared)) = (&other, self.declared(key.value)) {
                let dtype = if declared.is_float() { DType::F64 } else { declared };
                if tensor.dtype() == dtype || (tensor.dtype().is_float() && dtype.is_float()) {
                    let held = self.held(key.value, tensor, dtype);
                    supplied.push(held.map_err(|source| unreadable(event, *id, source))?.into());
                }
            }
            self.taken.push((key, other));
        }
        if supplied.len() < results.len() {
            return Ok(None);
        }
        self.taken.clear();
        Ok(Some(supplied))
    }
}

impl Driver<'_> {
    /// The key of a value that was compared in the first run, and its partner.
    fn paired(&self, event: &Event, id: ValueId) -> Option<(Key, usize)> {
        let value = self.ours.of_value[id.index()]?;
        let partner = self.pairs.of(value)?;
        let key = Key { value, turns: event.turns() };
        (self.ours.producer(value).is_some() || self.known.contains_key(&key)).then_some((key, partner))
    }

    /// Theirs, with its axes in the order of ours.
    fn take(&mut self, key: &Key, partner: usize) -> Result<Option<Value>, CheckError> {
        if let Some(place) = self.taken.iter().position(|(known, _)| known == key) {
            return Ok(Some(self.taken.swap_remove(place).1));
        }
        let other = self.theirs.take(&Key { value: partner, turns: key.turns.clone() })?;
        let order = self.known.get(key).and_then(|place| self.findings[*place].order.as_ref());
        let arranged = match (&other, order) {
            (Some(Value::Tensor(tensor)), Some(order)) => tensor.permute(order).ok().map(Value::from),
            _ => None,
        };
        Ok(arranged.or(other))
    }

    fn declared(&self, value: usize) -> Option<DType> {
        self.ours.values[value].ty.as_ref().map(|ty| ty.dtype)
    }

    /// Theirs as the run in f64 has it: with the digits that our dtypes hold, or as it is.
    fn held(&self, value: usize, other: &Tensor, dtype: DType) -> Result<Tensor, TensorError> {
        let rounded = match self.declared(value).filter(|declared| !self.exact && declared.is_float()) {
            Some(declared) => fitted(other, declared)?.0,
            None => other.clone(),
        };
        Ok(fitted(&rounded, dtype)?.0)
    }
}

fn failed(source: RunError) -> CheckError {
    CheckError::Run { side: "the model in f64".to_owned(), source: Box::new(source) }
}

fn unreadable(event: &Event, id: ValueId, source: TensorError) -> CheckError {
    CheckError::Value { side: "one side".to_owned(), value: event.graph.value_label(id), source: Box::new(source) }
}
