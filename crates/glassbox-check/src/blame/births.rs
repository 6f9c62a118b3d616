//! Where values that aren't finite came to be, and where digits were lost: both are followed back to the node that had
//! operands without the fault.

use std::collections::{HashMap, HashSet};

use crate::distance::{Distance, epsilon};
use crate::hunt::{Evidence, Finding};
use crate::report::{Birth, Culprit, Kind, Wrong};
use crate::skeleton::{Def, Skeleton};

/// How much larger than that of its operands the relative error of a result is, so that digits were lost there.
const LOST: f64 = 100.0;
/// The least error that is told, in steps of the dtype.
const TOLD: f64 = 1000.0;
/// The most births that are told.
const MAX_TOLD: usize = 100;

/// The nodes that gave NaNs or infinities from operands without, on either side.
pub(super) fn births(evidence: &Evidence) -> Vec<Birth> {
    let mut found = Vec::new();
    for ours in [true, false] {
        let nan = |found: &Distance| if ours { found.ours.nan } else { found.theirs.nan };
        let inf = |found: &Distance| if ours { found.ours.inf } else { found.theirs.inf };
        born(evidence, ours, "nan", &|distance| nan(distance), &mut found);
        born(evidence, ours, "inf", &|distance| inf(distance), &mut found);
    }
    found.truncate(MAX_TOLD);
    found
}

fn born(evidence: &Evidence, ours: bool, what: &'static str, count: &dyn Fn(&Distance) -> u64, found: &mut Vec<Birth>) {
    let skeleton = &evidence.ours.skeleton;
    let counts: HashMap<usize, u64> = evidence
        .findings
        .iter()
        .filter_map(|finding| Some((finding.key.value, count(finding.plain.as_ref()?))))
        .filter(|(_, count)| *count > 0)
        .collect();
    if counts.is_empty() {
        return;
    }
    let known: HashSet<usize> = evidence.findings.iter().map(|finding| finding.key.value).collect();
    let mut told = HashSet::new();
    for finding in &evidence.findings {
        let (Some(count), Some(node)) = (counts.get(&finding.key.value), skeleton.producer(finding.key.value)) else {
            continue;
        };
        let inherited = before(skeleton, node, &known).into_iter().any(|operand| counts.contains_key(&operand));
        if inherited || !told.insert(node) {
            continue;
        }
        let node = &skeleton.nodes[node];
        found.push(Birth {
            what,
            ours,
            node: node.name.clone(),
            op: node.op.clone(),
            value: skeleton.values[finding.key.value].name.clone(),
            path: finding.path.clone(),
            count: *count,
        });
    }
}

/// The nearest values before a node that were compared.
fn before(skeleton: &Skeleton, node: usize, known: &HashSet<usize>) -> Vec<usize> {
    let mut waiting: Vec<usize> = skeleton.nodes[node].operands.iter().flatten().copied().collect();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(value) = waiting.pop() {
        if !seen.insert(value) {
            continue;
        }
        if known.contains(&value) {
            found.push(value);
            continue;
        }
        let from = match skeleton.values[value].def {
            Def::Node(node, _) | Def::Parameter(node) => node,
            _ => continue,
        };
        waiting.extend(skeleton.nodes[from].operands.iter().flatten());
    }
    found
}

/// The node at which most digits are lost, since its operands nearly cancel: their errors are small beside them, and large
/// beside the result.
pub(super) fn cancellation(evidence: &Evidence) -> Option<Culprit> {
    let skeleton = &evidence.ours.skeleton;
    let apart = |finding: &Finding| finding.plain.as_ref().map_or(0.0, |plain| plain.apart.rms_rel);
    let errors: HashMap<usize, f64> =
        evidence.findings.iter().map(|finding| (finding.key.value, apart(finding))).collect();
    let known: HashSet<usize> = errors.keys().copied().collect();
    let mut worst: Option<(f64, usize, &Finding, usize, f64)> = None;
    for (row, finding) in evidence.findings.iter().enumerate() {
        let Some(node) = skeleton.producer(finding.key.value) else { continue };
        let (error, step) = (apart(finding), epsilon(finding.dtype));
        // What the user lets pass may be anything.
        let by_rounding = !finding.let_pass && !finding.tainted;
        if !error.is_finite() || error < TOLD * step || !by_rounding {
            continue;
        }
        let given = before(skeleton, node, &known).into_iter().filter_map(|operand| errors.get(&operand));
        let given = given.copied().fold(step, f64::max);
        let lost = error / given;
        if lost > LOST && worst.is_none_or(|(most, ..)| lost > most) {
            worst = Some((lost, row, finding, node, given));
        }
    }
    let (_, row, finding, node, given) = worst?;
    let place = finding.plain.as_ref().and_then(|plain| plain.apart.worst.clone());
    let node = &skeleton.nodes[node];
    let error = apart(finding);
    let line = format!(
        "{} `{}` loses digits, since what it adds up nearly cancels: its operands differ by {given:.1e} of their size, what \
         it gives by {error:.1e}",
        node.op, node.name
    );
    Some(Culprit {
        node: node.name.clone(),
        op: node.op.clone(),
        layer: node.layer.clone(),
        path: finding.path.clone(),
        row: Some(row),
        kind: Kind::Cancellation,
        wrong: Wrong::Unknown,
        place,
        line,
        ..Culprit::default()
    })
}
