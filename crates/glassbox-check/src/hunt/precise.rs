//! The second run: what the nodes that look wrong give in f64, on the other side's values.
//!
//! Where theirs holds more digits than our dtypes do, our node was given theirs rounded. So it is held against f64 of the
//! rounded values; against theirs as it is only what theirs gives is held.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_exec::{Event, Flow, Observer, Options, Precision, RunContext, RunError, Runtime, Value, Wants};

use super::alone::fitted;
use super::{Finding, Model, inside};
use crate::error::CheckError;
use crate::pairing::Pairs;
use crate::side::{Key, Values, turns};
use crate::skeleton::Skeleton;

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
    let left = suspicious.len();
    let mut driver =
        Driver { ours: &ours.skeleton, theirs, pairs, findings, suspicious, left, exact, replaced: None, failed: None };
    // It is stopped at the last node that looks wrong; an error before that leaves samples without.
    let _ = session.run(&ours.inputs, RunContext::new().observed(&mut driver));
    driver.failed.map_or(Ok(()), Err)
}

struct Driver<'a> {
    ours: &'a Skeleton,
    theirs: &'a mut dyn Values,
    pairs: &'a Pairs,
    findings: &'a mut [Finding],
    suspicious: HashMap<Key, usize>,
    left: usize,
    exact: bool,
    replaced: Option<Vec<Value>>,
    failed: Option<CheckError>,
}

impl Observer for Driver<'_> {
    fn observe(&mut self, event: &Event) -> Result<Flow, RunError> {
        self.replaced = None;
        match self.see(event) {
            Ok(()) if self.left == 0 => Ok(Flow::Stop),
            Ok(()) => Ok(Flow::Continue),
            Err(error) => {
                let stopped = inside(&error);
                self.failed = Some(error);
                Err(stopped)
            }
        }
    }

    fn wants(&self) -> Wants {
        Wants { times: false, replaces: true, ..Wants::default() }
    }

    fn replace(&mut self, _: &Event) -> Result<Option<Vec<Value>>, RunError> {
        Ok(self.replaced.take())
    }
}

impl Driver<'_> {
    fn see(&mut self, event: &Event) -> Result<(), CheckError> {
        for (place, id) in event.node().results.iter().enumerate() {
            let Some(value) = self.ours.of_value[id.index()] else { continue };
            let Some(partner) = self.pairs.of(value) else { continue };
            if self.ours.producer(value).is_none() {
                continue;
            }
            let key = Key { value, turns: turns(event) };
            let run = |source| CheckError::Run { side: "the model in f64".to_owned(), source: Box::new(source) };
            let unreadable = |source| CheckError::Value {
                side: "one side".to_owned(),
                value: event.graph.value_label(*id),
                source: Box::new(source),
            };
            let mine = event.result(place).map_err(run)?;
            if let Some(place) = self.suspicious.get(&key) {
                self.left = self.left.saturating_sub(1);
                if let Some(sample) = &mut self.findings[*place].sample {
                    sample.add(&mine, self.exact).map_err(unreadable)?;
                }
            }
            let Some(Value::Tensor(other)) = self.theirs.take(&Key { value: partner, ..key })? else { continue };
            let Value::Tensor(tensor) = &mine else { continue };
            let alike = tensor.dtype() == other.dtype() || (tensor.dtype().is_float() && other.dtype().is_float());
            if !alike || tensor.shape() != other.shape() {
                continue;
            }
            let declared = self.ours.values[value].ty.as_ref().map(|ty| ty.dtype);
            let held = match declared.filter(|declared| !self.exact && declared.is_float()) {
                Some(declared) => fitted(&other, declared).map_err(unreadable)?.0,
                None => other,
            };
            let (cast, _) = fitted(&held, tensor.dtype()).map_err(unreadable)?;
            let mut results = match self.replaced.take() {
                Some(results) => results,
                None => event.results().map_err(run)?,
            };
            results[place] = cast.into();
            self.replaced = Some(results);
        }
        Ok(())
    }
}
