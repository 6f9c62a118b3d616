//! The first run: every value against its partner, plain and alone.

use std::collections::HashSet;

use glassbox_exec::{Event, Flow, Value};
use glassbox_ir::{Graph, NodeId, Rounding, ValueId};
use glassbox_tensor::{DType, Overflow, Tensor};

use super::inside::Inside;
use super::observe::{self, Put, Visitor};
use super::segment::{Segment, Segments};
use super::{Model, Sample, given, layout, lists};
use crate::distance::{Bounds, Distance, Yardstick, coarser, distance, epsilon, largest, same_text, stats};
use crate::error::CheckError;
use crate::pairing::Pairs;
use crate::report::Cause;
use crate::side::{Key, Live, Values};
use crate::skeleton::Skeleton;
use crate::statics;
use crate::tolerance::{Allowed, Target, Tolerances};

/// A dtype whose step is larger has few digits.
const FEW_DIGITS: f64 = 1e-4;
/// The share of what is allowed from which on f64 is asked, where the dtype has few digits.
const EARLIER: f64 = 0.1;

/// What was found at one value of ours.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Which value, in which turns.
    pub(crate) key: Key,
    /// Its partner.
    pub(crate) partner: usize,
    /// The bodies around it.
    pub(crate) path: String,
    /// Its type here, and there where that is another one.
    pub(crate) ty: String,
    pub(crate) their_ty: Option<String>,
    /// The plain runs. `None` where they can't be measured: of other dims, or no numbers.
    pub(crate) plain: Option<Distance>,
    /// Our node alone.
    pub(crate) alone: Option<Distance>,
    /// What it can't be measured for, in words.
    pub(crate) unmeasured: Option<String>,
    /// Whether it has the dims of theirs in another order.
    pub(crate) permuted: bool,
    /// In which order the axes of theirs are those of ours, where theirs keeps them in another one.
    pub(crate) order: Option<Vec<usize>>,
    /// The nodes that it came from since the last partner.
    pub(crate) segment: Segment,
    /// What it may differ by.
    pub(crate) allowed: Allowed,
    /// Elements of theirs up to this one are masked.
    pub(crate) masked: f64,
    pub(crate) dtype: DType,
    /// Whether something that it was computed from couldn't be made what theirs is.
    pub(crate) tainted: bool,
    /// Whether theirs is of a dtype with more digits.
    finer_there: bool,
    /// The first node of the segment that gives what isn't finite from operands that are.
    pub(crate) born: Option<usize>,
    /// Whether the user lets the difference pass.
    pub(crate) let_pass: bool,
    /// Whether the two runs are farther apart than the user allows.
    pub(crate) beyond: bool,
    /// Elements, where it looks wrong.
    pub(crate) sample: Option<Sample>,
    /// What is known of the nodes of the segment by what is inside of theirs.
    pub(crate) inside: Inside,
}

impl Finding {
    /// Whether theirs holds more digits than our dtype does.
    pub(crate) fn is_finer_there(&self) -> bool {
        self.finer_there
    }

    /// Whether the node alone parts by more than its op and dtype explain.
    pub(crate) fn is_suspicious(&self) -> bool {
        self.sample.is_some()
    }
}

/// What the first run gives.
pub(super) struct Outcome {
    pub(super) findings: Vec<Finding>,
    pub(super) stopped: Option<String>,
    pub(super) missing: usize,
}

/// What a run is told beside the values.
pub(super) struct Setting<'a> {
    pub(super) theirs: &'a Skeleton,
    pub(super) same_model: bool,
    pub(super) tolerances: &'a Tolerances,
    /// The values of ours in whose place theirs isn't put, since they may have the wrong partner.
    pub(super) doubted: &'a HashSet<usize>,
}

/// Runs ours on their values.
pub(super) fn run(
    ours: &Model,
    theirs: &mut dyn Values,
    pairs: &Pairs,
    segments: &Segments,
    setting: Setting,
) -> Result<Outcome, CheckError> {
    let failed = |source| CheckError::Run { side: ours.name.clone(), source: Box::new(source) };
    let mut session = ours.prepare()?.session().map_err(failed)?;
    let begun = ours.begun();
    let parted = begun.is_some();
    let mut plain = begun.map_or_else(|| ours.live(), Ok)?;
    let computed = |place: &usize| ours.skeleton.producer(*place).is_some();
    let paired = (0..pairs.values.len()).filter(|place| pairs.of(*place).is_some()).filter(computed);
    plain.want(paired.collect());
    let mut driver = Driver {
        ours: &ours.skeleton,
        their_skeleton: setting.theirs,
        same_model: setting.same_model,
        theirs,
        pairs,
        segments,
        tolerances: setting.tolerances,
        doubted: setting.doubted,
        plain,
        seen: HashSet::new(),
        parted,
        tainted: vec![false; ours.graph.value_count()],
        findings: Vec::new(),
        special: vec![false; ours.skeleton.values.len()],
        arranged: vec![false; ours.skeleton.values.len()],
        missing: 0,
    };
    let ended = observe::run(session.as_mut(), &ours.inputs, &mut driver)?;
    let stopped = driver.plain.stopped().map(str::to_owned);
    if let Ok(outputs) = &ended {
        driver.compare_given(&ours.graph, outputs)?;
    }
    match ended {
        Ok(_) => Ok(Outcome { findings: driver.findings, stopped, missing: driver.missing }),
        // A model that can't be run to its end is compared up to there.
        Err(error) if !driver.findings.is_empty() => {
            let stopped = stopped.or(Some(error.to_string()));
            Ok(Outcome { findings: driver.findings, stopped, missing: driver.missing })
        }
        Err(source) => Err(failed(source)),
    }
}

/// A value of ours and its partner.
struct Seen<'a> {
    key: Key,
    /// The bodies around it.
    path: String,
    partner: usize,
    /// What our own run gives.
    plain: Option<&'a Value>,
    /// What our node gives for what theirs was given.
    mine: &'a Value,
    other: &'a Value,
    tainted: bool,
}

struct Driver<'a> {
    ours: &'a Skeleton,
    their_skeleton: &'a Skeleton,
    /// Whether both sides are the same model.
    same_model: bool,
    theirs: &'a mut dyn Values,
    pairs: &'a Pairs,
    segments: &'a Segments<'a>,
    tolerances: &'a Tolerances,
    doubted: &'a HashSet<usize>,
    /// Our run on our own values; only begun where it differs from the one that is watched, unless it was before.
    plain: Live,
    /// What was compared before it was begun.
    seen: HashSet<Key>,
    /// Whether our own run goes on: a value that isn't ours was put in here.
    parted: bool,
    /// By the index of the value in the graph.
    tainted: Vec<bool>,
    /// By the place of the value in the skeleton: whether our node gave what isn't finite.
    special: Vec<bool>,
    /// By the place of the value in the skeleton: whether theirs is in another layout.
    arranged: Vec<bool>,
    findings: Vec<Finding>,
    missing: usize,
}

impl Visitor for Driver<'_> {
    fn see(&mut self, event: &Event, put: &mut Put) -> Result<Flow, CheckError> {
        self.compare_all(event, put)?;
        Ok(Flow::Continue)
    }
}

impl Driver<'_> {
    fn compare_all(&mut self, event: &Event, put: &mut Put) -> Result<(), CheckError> {
        let tainted = reads_tainted(event.graph, event.node, &self.tainted);
        for id in &event.node().results {
            self.tainted[id.index()] = tainted;
        }
        let results = event.node().results.clone();
        for (place, id) in results.iter().enumerate() {
            let Some(value) = self.ours.of_value[id.index()] else { continue };
            let computed = self.ours.producer(value).is_some();
            let Some(partner) = self.pairs.of(value) else {
                // It is asked for where a node of the segment gave rise to what isn't finite.
                let found = event.result(place).ok().and_then(|given| stats(given.as_tensor()?).ok()?);
                self.special[value] = found.is_some_and(|stats| stats.nan + stats.inf > 0);
                continue;
            };
            if !given::is_compared(self.ours, self.their_skeleton, self.same_model, value, partner) {
                continue;
            }
            let turns = event.turns();
            let Some(other) = self.theirs.take(&Key { value: partner, turns: turns.clone() })? else {
                self.missing += usize::from(computed);
                continue;
            };
            let mine = event
                .result(place)
                .map_err(|source| CheckError::Run { side: "the model".to_owned(), source: Box::new(source) })?;
            let key = Key { value, turns };
            let plain = if self.parted && computed { self.plain.take(&key)? } else { Some(mine.clone()) };
            let mut order = None;
            let other = match (&mine, &other, &plain) {
                (Value::Tensor(a), Value::Tensor(b), Some(Value::Tensor(plain)))
                    // An output is in the layout that the model says.
                    if a.shape() != b.shape() && !self.ours.is_output(value) && self.may_be_arranged(value) =>
                {
                    order = layout::order(plain, b);
                    self.arranged[value] = order.is_some();
                    let arranged = order.as_ref().and_then(|order| b.permute(order).ok());
                    arranged.map_or(other, Value::from)
                }
                _ => other,
            };
            if !self.parted && computed {
                self.seen.insert(key.clone());
            }
            let path = event.bodies();
            let seen = Seen { key, path, partner, plain: plain.as_ref(), mine: &mine, other: &other, tainted };
            let mut finding = self.finding(seen)?;
            finding.order = order;
            self.special[value] = finding.alone.as_ref().is_some_and(|alone| alone.ours.nan + alone.ours.inf > 0);
            if self.special[value] {
                finding.born = self.born(&finding.segment);
            }
            self.findings.push(finding);
            if self.doubted.contains(&value) {
                continue;
            }
            if let Some(value) = self.fitting(event, *id, &mine, &other)? {
                self.part();
                let failed = |source| CheckError::Run { side: "the model".to_owned(), source: Box::new(source) };
                put.put(event, place, value).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Holds the outputs that no node gives against what theirs gives in their place, where that wasn't done on the way.
    fn compare_given(&mut self, graph: &Graph, outputs: &[Value]) -> Result<(), CheckError> {
        for (value, partner) in given::outputs(self.ours, self.their_skeleton, self.pairs) {
            let Some(partner) = partner else { continue };
            let known = |finding: &Finding| finding.key.value == value && finding.partner == partner;
            if self.findings.iter().any(known) {
                continue;
            }
            let place = graph.outputs().iter().position(|id| self.ours.of_value[id.index()] == Some(value));
            let Some(mine) = place.and_then(|place| outputs.get(place)) else { continue };
            let Some(other) = self.theirs.take(&Key { value: partner, turns: Vec::new() })? else {
                // What the same model was given on both sides can only be the same.
                self.missing += usize::from(!(self.same_model && self.ours.inputs.contains(&value)));
                continue;
            };
            let key = Key { value, turns: Vec::new() };
            let plain = Some(mine);
            let seen = Seen { key, path: String::new(), partner, plain, mine, other: &other, tainted: false };
            let finding = self.finding(seen)?;
            self.findings.push(finding);
        }
        Ok(())
    }

    /// Whether theirs may be ours in another layout: where the models differ in an attribute, that is what makes the dims
    /// another, unless what is read is in another layout already.
    fn may_be_arranged(&self, value: usize) -> bool {
        let nodes = self.segments.of(value).nodes;
        let mut read = nodes.iter().flat_map(|node| self.ours.nodes[*node].operands.iter().flatten());
        if !self.same_model && read.any(|operand| self.arranged[*operand]) {
            return true;
        }
        let told = |node: &usize| {
            let causes = statics::causes(self.ours, self.their_skeleton, self.pairs, *node);
            causes.iter().any(|cause| matches!(cause, Cause::Attribute { .. } | Cause::Op { .. }))
        };
        !self.same_model && !nodes.iter().any(told)
    }

    /// The first node of a segment that gives what isn't finite from operands that are.
    fn born(&self, segment: &Segment) -> Option<usize> {
        let from_finite = |node: &&usize| {
            let node = &self.ours.nodes[**node];
            node.results.iter().any(|value| self.special[*value])
                && !node.operands.iter().flatten().any(|value| self.special[*value])
        };
        segment.nodes.iter().find(from_finite).copied()
    }

    fn finding(&self, seen: Seen) -> Result<Finding, CheckError> {
        let Seen { key, path, partner, plain, mine, other, tainted } = seen;
        let name = &self.ours.values[key.value].name;
        let (ty, their_ty) = (mine.ty().to_string(), other.ty().to_string());
        let segment = self.segments.of(key.value);
        let mut finding = Finding {
            partner,
            path,
            their_ty: (ty != their_ty).then_some(their_ty),
            ty,
            plain: None,
            alone: None,
            unmeasured: None,
            permuted: false,
            order: None,
            allowed: Allowed::of(Rounding::Exact, DType::F64, true, 0.0, 1),
            masked: f64::NEG_INFINITY,
            dtype: DType::F64,
            tainted,
            finer_there: false,
            born: None,
            let_pass: false,
            beyond: false,
            sample: None,
            inside: Inside::default(),
            segment,
            key,
        };
        let (Value::Tensor(a), Value::Tensor(b)) = (mine, other) else {
            let failed = |source| CheckError::Value {
                side: "one side".to_owned(),
                value: name.clone(),
                source: Box::new(source),
            };
            let (rounding, steps) = (finding.segment.rounding, finding.segment.steps);
            finding.unmeasured = lists::differ(mine, other, rounding, steps).map_err(failed)?;
            return Ok(finding);
        };
        if a.dtype() == DType::String || b.dtype() == DType::String {
            if !same_text(a, b) {
                finding.unmeasured = Some("the texts differ".to_owned());
            }
            return Ok(finding);
        }
        let unreadable =
            |source| CheckError::Value { side: "one side".to_owned(), value: name.clone(), source: Box::new(source) };
        finding.dtype =
            if a.dtype().is_float() && b.dtype().is_float() { coarser(a.dtype(), b.dtype()) } else { a.dtype() };
        finding.finer_there = finding.dtype.is_float() && finding.dtype != b.dtype();
        let (same, segment) = (a.dtype() == b.dtype(), &finding.segment);
        let measured = match Yardstick::new(b).map_err(unreadable)? {
            None => None,
            Some(yardstick) => {
                finding.masked = yardstick.masked();
                finding.allowed = Allowed::of(segment.rounding, finding.dtype, same, yardstick.rms(), segment.steps);
                let alone = yardstick.distance(a, &finding.allowed.bounds).map_err(unreadable)?;
                alone.map(|alone| (yardstick, alone))
            }
        };
        let Some((yardstick, alone)) = measured else {
            finding.permuted = a.shape().len() == b.shape().len() && sorted(a.shape()) == sorted(b.shape());
            finding.unmeasured = Some(format!("it is {} here and {} there", mine.ty(), other.ty()));
            return Ok(finding);
        };
        let kinds_differ = a.dtype().is_float() != b.dtype().is_float();
        if kinds_differ {
            finding.unmeasured = Some(format!("it is {} here and {} there", a.dtype(), b.dtype()));
        }
        // In a dtype of few digits much is allowed, so f64 is asked earlier.
        let asked = if epsilon(finding.dtype) > FEW_DIGITS { EARLIER } else { 1.0 };
        let outside = alone.outside > 0 || alone.apart.rms_rel > finding.allowed.rms * asked;
        finding.plain = match plain {
            Some(Value::Tensor(plain)) if self.parted && !plain.bit_eq(a) => {
                yardstick.distance(plain, &finding.allowed.bounds).map_err(unreadable)?
            }
            Some(Value::Tensor(_)) => Some(alone.clone()),
            _ => None,
        };
        let op = self.ours.producer(finding.key.value).map_or("", |node| self.ours.nodes[node].op.as_str());
        let outputs = self.ours.is_output(finding.key.value);
        if let Some(rule) = self.tolerances.rule(name, op, outputs) {
            finding.let_pass = rule.lets_pass(a, b).map_err(unreadable)?;
            // What is allowed of all values is asked of the outputs: that is what the user sees of a run.
            if let (Some(Value::Tensor(plain)), true) = (plain, outputs || rule.target != Target::All) {
                finding.beyond = !rule.lets_pass(plain, b).map_err(unreadable)?;
            }
        }
        if self.tolerances.exact && alone.apart.differing > 0 || outside && !finding.let_pass && !tainted {
            finding.sample = Some(Sample::of(a, b).map_err(unreadable)?);
        }
        finding.alone = Some(alone);
        Ok(finding)
    }

    /// From here on our own run differs from the one that is watched.
    fn part(&mut self) {
        if !self.parted {
            self.parted = true;
            self.plain.ignore(std::mem::take(&mut self.seen));
        }
    }

    /// Their value as ours can hold it. `None` where it can't, or is the same.
    fn fitting(
        &mut self,
        event: &Event,
        id: ValueId,
        mine: &Value,
        other: &Value,
    ) -> Result<Option<Value>, CheckError> {
        if mine.bit_eq(other) {
            self.tainted[id.index()] = false;
            return Ok(None);
        }
        let (Value::Tensor(a), Value::Tensor(b)) = (mine, other) else {
            let held = lists::fitting(mine, other).map_err(|source| CheckError::Value {
                side: "the other side".to_owned(),
                value: event.graph.value_label(id),
                source: Box::new(source),
            })?;
            self.tainted[id.index()] = held.is_none();
            return Ok(held.filter(|value| !mine.bit_eq(value)));
        };
        let numbers = |dtype: DType| dtype.is_float() || dtype.is_integer() || dtype == DType::Bool;
        let alike = a.dtype() == b.dtype() || (numbers(a.dtype()) && numbers(b.dtype()));
        if a.shape() != b.shape() || !alike {
            self.tainted[id.index()] = true;
            return Ok(None);
        }
        let (cast, lost) = fitted(b, a.dtype()).map_err(|source| CheckError::Value {
            side: "the other side".to_owned(),
            value: event.graph.value_label(id),
            source: Box::new(source),
        })?;
        self.tainted[id.index()] = lost;
        let value: Value = cast.into();
        Ok((!mine.bit_eq(&value)).then_some(value))
    }
}

fn sorted(dims: &[usize]) -> Vec<usize> {
    let mut dims = dims.to_vec();
    dims.sort_unstable();
    dims
}

/// A tensor in another dtype, and whether something was lost by it other than digits: a number became an infinity, or
/// nearly everything became zero.
pub(super) fn fitted(tensor: &Tensor, dtype: DType) -> Result<(Tensor, bool), glassbox_tensor::TensorError> {
    if tensor.dtype() == dtype {
        return Ok((tensor.clone(), false));
    }
    let cast = tensor.cast(dtype, Overflow::Wrap)?;
    let found = distance(&cast, tensor, &Bounds::default())?;
    let lost = found.is_some_and(|found| {
        let overflows = found.theirs.max.abs().max(found.theirs.min.abs()) > largest(dtype);
        overflows || found.apart.special > 0 || found.apart.rms_rel > 0.5
    });
    Ok((cast, lost))
}

/// Whether a node was given something that couldn't be made what theirs is.
fn reads_tainted(graph: &Graph, id: NodeId, tainted: &[bool]) -> bool {
    let node = graph.node(id);
    let bodies = node.regions.iter().flat_map(|region| &graph.region(*region).results);
    node.operands.iter().flatten().chain(bodies).any(|value| tainted[value.index()])
}
