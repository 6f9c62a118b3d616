//! From what was seen to who is at fault: the verdict, the nodes, and what is said of them.

mod births;
mod judge;
mod neighbourhood;
mod odd;
mod summary;
mod suspects;

use std::collections::HashSet;

use crate::distance::index_of;
use crate::hunt::{Element, Evidence, Finding};
use crate::pairing;
use crate::report::{Cause, Culprit, Kind, Place, Report, Row, Status, Verdict, Wrong};
use crate::skeleton::Value;
use crate::statics;

use judge::Judgement;
pub(crate) use suspects::Known;

/// The most differences of the models that are listed where no value shows them.
const MAX_UNSEEN: usize = 20;

/// Makes the report. `precise` says that theirs is what is right.
pub(crate) fn report(evidence: Evidence, precise: bool) -> Report {
    let mut judgements: Vec<Option<Judgement>> =
        evidence.findings.iter().map(|finding| judge::judge(&evidence, finding, precise)).collect();
    if judgements.iter().all(Option::is_none) {
        // Nothing could be told of nodes alone: the first values at which the runs part must do.
        for (finding, judgement) in evidence.findings.iter().zip(&mut judgements) {
            *judgement = judge::by_the_runs(finding);
        }
    }
    let rows: Vec<Row> = evidence
        .findings
        .iter()
        .zip(&judgements)
        .map(|(finding, judgement)| row(&evidence, finding, judgement))
        .collect();
    let mut culprits = Vec::new();
    let mut named = HashSet::new();
    for (place, (finding, judgement)) in evidence.findings.iter().zip(&judgements).enumerate() {
        let Some(judgement) = judgement else { continue };
        for culprit in suspected(&evidence, finding, judgement, place) {
            if named.insert(culprit.node.clone()) {
                culprits.push((rank(&culprit, judgement), culprit));
            }
        }
    }
    // Of one rank the first in the order of the run comes first.
    culprits.sort_by_key(|(rank, _)| *rank);
    let mut culprits: Vec<Culprit> = culprits.into_iter().map(|(_, culprit)| culprit).collect();
    let seen = !culprits.is_empty();
    if !evidence.same_model {
        unseen(&evidence, seen, &mut named, &mut culprits);
    }
    let outputs = outputs(&evidence);
    let left_out = evidence.whole && !summary::not_compared(&evidence).is_empty();
    let beyond = evidence.findings.iter().any(|finding| finding.beyond);
    let verdict = verdict(
        &rows,
        &culprits,
        seen || beyond,
        left_out || evidence.stopped.is_some() || evidence.their_end.is_some(),
    );
    if verdict == Verdict::Rounding || (beyond && !seen) {
        culprits.extend(births::cancellation(&evidence));
    }
    let pairing = pairing::summary(&evidence.ours.skeleton, evidence.theirs, evidence.pairs);
    let neighbourhood = neighbourhood::around(&evidence, culprits.first(), &rows);
    let mut report = Report {
        model: evidence.ours.name.clone(),
        against: evidence.against.to_owned(),
        verdict,
        summary: String::new(),
        culprits,
        rows,
        outputs,
        births: births::births(&evidence),
        pairing,
        neighbourhood,
    };
    report.summary = summary::summary(&evidence, &report);
    report
}

fn row(evidence: &Evidence, finding: &Finding, judgement: &Option<Judgement>) -> Row {
    let skeleton = &evidence.ours.skeleton;
    let value = &skeleton.values[finding.key.value];
    let node = skeleton.producer(finding.key.value).map(|node| &skeleton.nodes[node]);
    let partner = &evidence.theirs.values[finding.partner].name;
    let measured = finding.plain.as_ref().or(finding.alone.as_ref());
    let differs = |apart: &crate::report::Apart| apart.differing > 0;
    let plain = finding.plain.as_ref().is_some_and(|plain| differs(&plain.apart));
    let alone = finding.alone.as_ref().is_some_and(|alone| differs(&alone.apart));
    let status = match judgement {
        Some(_) => Status::Introduced,
        None if finding.let_pass || (!plain && !alone && finding.unmeasured.is_none()) => Status::Agrees,
        None if finding.unmeasured.is_some() => Status::Inherited,
        None => match &finding.plain {
            // The plain runs differ by no more than the node alone makes.
            Some(plain) if plain.outside == 0 && plain.apart.rms_rel <= finding.allowed.rms => Status::Rounding,
            Some(_) => Status::Inherited,
            None => Status::Rounding,
        },
    };
    Row {
        value: value.name.clone(),
        node: node.map(|node| node.name.clone()).unwrap_or_default(),
        op: node.map_or_else(|| op_of_given(value).to_owned(), |node| node.op.clone()),
        layer: node.map(|node| node.layer.clone()).unwrap_or_default(),
        path: finding.path.clone(),
        ty: finding.ty.clone(),
        theirs: (*partner != value.name).then(|| partner.clone()),
        their_ty: finding.their_ty.clone(),
        status,
        apart: finding.plain.as_ref().map(|plain| plain.apart.clone()),
        alone: finding.alone.as_ref().map(|alone| alone.apart.clone()),
        ours_stats: measured.map(|measured| measured.ours),
        their_stats: measured.map(|measured| measured.theirs),
    }
}

/// The most nodes that one difference may come from, so that each of them is named.
const MAX_BESIDE: usize = 4;
/// How many are named of more.
const FEW: usize = 3;

/// The node of a finding that is most likely at fault, and beside it the others of a few among which the fault is.
fn suspected(evidence: &Evidence, finding: &Finding, judgement: &Judgement, row: usize) -> Vec<Culprit> {
    let skeleton = &evidence.ours.skeleton;
    let causes_of = |node: usize| match evidence.same_model {
        true => Vec::new(),
        false => suspects::causes(evidence, node),
    };
    let mut suspects: Vec<(u32, usize, Vec<Cause>)> = suspects::of(evidence, finding)
        .into_iter()
        .map(|node| (node, causes_of(node)))
        .map(|(node, causes)| (suspects::suspicion(evidence, finding, node, &causes), node, causes))
        .collect();
    let unfinished = matches!(judgement.kind, Kind::Overflow | Kind::NanBorn | Kind::InfBorn);
    let born = finding.born.filter(|_| unfinished);
    // The most suspicious first; of equals those that compute elements and not sizes; then the first in the order of the run.
    let sizes = |node: usize| finding.dtype.is_float() && suspects::gives_integers(skeleton, node);
    suspects
        .sort_by_key(|(suspicion, node, _)| (born != Some(*node), std::cmp::Reverse(*suspicion), sizes(*node), *node));
    if suspects.is_empty() {
        suspects.extend(skeleton.producer(finding.key.value).map(|node| (0, node, Vec::new())));
    }
    if suspects.is_empty() {
        return vec![given(evidence, finding, judgement, row)];
    }
    let names: Vec<String> = suspects.iter().map(|(_, node, _)| skeleton.nodes[*node].name.clone()).collect();
    let named = if suspects.len() <= MAX_BESIDE { suspects.len() } else { FEW };
    let one = |(place, (_, node, causes)): (usize, (u32, usize, Vec<Cause>))| {
        let guilty = &skeleton.nodes[node];
        let theirs = evidence.pairs.nodes[node].map(|partner| evidence.theirs.nodes[partner].name.clone());
        let mut culprit = Culprit {
            node: guilty.name.clone(),
            op: guilty.op.clone(),
            layer: guilty.layer.clone(),
            path: finding.path.clone(),
            theirs: theirs.filter(|name| *name != guilty.name),
            row: Some(row),
            kind: judgement.kind,
            wrong: judgement.wrong,
            causes,
            among: names.iter().filter(|name| **name != guilty.name).cloned().collect(),
            beside: names.first().filter(|_| place > 0).cloned(),
            is_given: false,
            place: judgement.place.clone(),
            line: String::new(),
        };
        culprit.line = summary::line(&culprit, finding);
        culprit
    };
    let mut culprits: Vec<Culprit> = suspects.into_iter().take(named).enumerate().map(one).collect();
    let passing = suspects::passing(evidence, &finding.segment.nodes);
    if let (Some((node, op)), Some(reader)) = (passing, culprits.first().cloned()) {
        culprits.iter_mut().for_each(|culprit| culprit.beside = Some(node.clone()));
        let (node, op, layer) = (node.clone(), op.clone(), String::new());
        let mut first = Culprit { node, op, layer, theirs: None, causes: Vec::new(), among: names, ..reader };
        first.line = summary::line(&first, finding);
        culprits.insert(0, first);
    }
    culprits
}

/// A value that no node computes and that isn't what the other side gives for it; where a node passes it on, that node.
fn given(evidence: &Evidence, finding: &Finding, judgement: &Judgement, row: usize) -> Culprit {
    let skeleton = &evidence.ours.skeleton;
    let value = &skeleton.values[finding.key.value];
    let passing = skeleton.passing.get(&finding.key.value);
    let (node, op) = passing.cloned().unwrap_or_else(|| (value.name.clone(), op_of_given(value).to_owned()));
    let theirs = evidence.theirs.values[finding.partner].name.clone();
    let mut culprit = Culprit {
        node,
        op,
        path: finding.path.clone(),
        theirs: Some(theirs).filter(|name| passing.is_none() && *name != value.name),
        row: Some(row),
        kind: judgement.kind,
        wrong: judgement.wrong,
        place: judgement.place.clone(),
        is_given: passing.is_none(),
        ..Culprit::default()
    };
    culprit.line = summary::line(&culprit, finding);
    culprit
}

/// What stands in the place of the op of a value that no node computes.
fn op_of_given(value: &Value) -> &'static str {
    if value.constant().is_some() { "constant" } else { "input" }
}

/// The lower, the more suspicious.
fn rank(culprit: &Culprit, judgement: &Judgement) -> u32 {
    let caused = culprit.causes.iter().any(|cause| !matches!(cause, Cause::Operand { .. }));
    u32::from(!judgement.strong && !caused)
}

/// The differences of the models that no value shows: all of them where none was seen, else those that say most.
fn unseen(evidence: &Evidence, seen: bool, named: &mut HashSet<String>, culprits: &mut Vec<Culprit>) {
    let skeleton = &evidence.ours.skeleton;
    let mut found = 0;
    for (place, node) in skeleton.nodes.iter().enumerate() {
        let Some(partner) = evidence.pairs.nodes[place] else { continue };
        let their = &evidence.theirs.nodes[partner];
        // What another program fused isn't made of the same nodes.
        if their.inner.is_empty() || named.contains(&node.name) {
            continue;
        }
        let causes = suspects::causes(evidence, place);
        let telling = causes.iter().any(|cause| !matches!(cause, Cause::Operand { .. }));
        if !telling || (seen && found >= MAX_UNSEEN) {
            continue;
        }
        found += 1;
        named.insert(node.name.clone());
        let line = format!(
            "{} `{}`: {}",
            node.op,
            node.name,
            causes.iter().map(statics::words).collect::<Vec<_>>().join("; ")
        );
        culprits.push(Culprit {
            node: node.name.clone(),
            op: node.op.clone(),
            layer: node.layer.clone(),
            theirs: (their.name != node.name).then(|| their.name.clone()),
            kind: Kind::Unseen,
            wrong: Wrong::Unknown,
            causes,
            line,
            ..Culprit::default()
        });
    }
}

/// The last rows of the outputs.
fn outputs(evidence: &Evidence) -> Vec<usize> {
    let skeleton = &evidence.ours.skeleton;
    let row = |value: usize| evidence.findings.iter().rposition(|finding| finding.key.value == value);
    skeleton.outputs.iter().filter_map(|(_, value)| row(*value)).collect()
}

fn verdict(rows: &[Row], culprits: &[Culprit], seen: bool, broken: bool) -> Verdict {
    if seen || broken {
        Verdict::Differs
    } else if !culprits.is_empty() {
        Verdict::Structure
    } else if rows.iter().all(|row| row.status == Status::Agrees) {
        Verdict::Agrees
    } else {
        Verdict::Rounding
    }
}

/// An element as a place in a tensor of these dims.
pub(crate) fn place(finding: &Finding, element: Element) -> Place {
    let shape: Vec<usize> = dims(&finding.ty);
    let Element { place, ours, theirs, precise, .. } = element;
    Place { index: index_of(place, &shape), ours, theirs, precise }
}

/// The sizes in the text of a type: `f32[2, 3]`.
fn dims(ty: &str) -> Vec<usize> {
    let inside = ty.split_once('[').map_or("", |(_, rest)| rest.trim_end_matches(']'));
    inside.split(',').filter_map(|size| size.trim().parse().ok()).collect()
}
