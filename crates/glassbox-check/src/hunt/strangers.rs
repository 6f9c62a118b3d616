//! Values that were paired by mistake.
//!
//! Where the two runs differ in a value and agree in everything that is computed from it, the value isn't the same thing on
//! both sides: the structure of the graphs led to the wrong partner. Put in the place of ours it would make the nodes that
//! read it look guilty, so such pairs are parted, and the hunt begins again.
//!
//! Where a network has several branches that look alike, structure may have taken one for the other: then two nodes look
//! wrong, and what each gives is what the other's partner holds. Such pairs are exchanged.

use std::collections::{HashMap, HashSet};

use super::Finding;
use crate::distance::Distance;
use crate::pairing::{How, Pairs};
use crate::skeleton::Skeleton;

/// The most nodes that look wrong among which pairs are sought that were exchanged.
const MAX_CROSSED: usize = 64;
/// How far values may be apart that are the same, relative to the size of the elements.
const NEAR: f64 = 1e-2;
/// Fewer elements are alike by chance.
const TELLING: usize = 8;

/// The values of ours that have the partner of another, with the partner that they should have.
pub(super) fn crossed(pairs: &Pairs, findings: &[Finding]) -> Vec<(usize, usize)> {
    let by_structure = |finding: &&Finding| {
        let found = finding.key.turns.is_empty() && finding.sample.is_some();
        found && matches!(pairs.values[finding.key.value], Some((_, How::Structure)))
    };
    let looking: Vec<&Finding> = findings.iter().filter(by_structure).take(MAX_CROSSED).collect();
    let is_near = |a: &Finding, b: &Finding| {
        let (Some(ours), Some(theirs)) = (&a.sample, &b.sample) else { return false };
        a.ty == b.ty && ours.apart(theirs, TELLING).is_some_and(|apart| apart <= NEAR)
    };
    let only = |mut found: Vec<usize>| if found.len() == 1 { found.pop() } else { None };
    let near: Vec<Option<usize>> =
        (looking.iter()).map(|a| only((0..looking.len()).filter(|b| is_near(a, looking[*b])).collect())).collect();
    let taken_once = |b: usize| near.iter().filter(|near| **near == Some(b)).count() == 1;
    let exchanged = near.iter().enumerate().filter_map(|(a, b)| Some((a, (*b)?)));
    let exchanged = exchanged.filter(|(a, b)| a != b && taken_once(*b));
    exchanged.map(|(a, b)| (looking[a].key.value, looking[b].partner)).collect()
}

/// The values of ours that look wrong and whose partners structure has found. Where they were paired by mistake, each of
/// them makes the next look wrong in its turn.
pub(super) fn doubted(ours: &Skeleton, pairs: &Pairs, findings: &[Finding]) -> HashSet<usize> {
    let by_structure = |value: usize| matches!(pairs.values[value], Some((_, How::Structure)));
    let doubted = findings.iter().filter(|finding| finding.is_suspicious()).map(|finding| finding.key.value);
    doubted.filter(|value| by_structure(*value) && !ours.is_output(*value)).collect()
}

/// Those of the doubted that have the wrong partner, by what was found when theirs weren't put in the place of ours: such a
/// value differs, and what is computed from it agrees.
pub(super) fn proven(ours: &Skeleton, doubted: &HashSet<usize>, findings: &[Finding]) -> Vec<usize> {
    let mut state: HashMap<usize, bool> = HashMap::new();
    for finding in findings {
        *state.entry(finding.key.value).or_default() |= finding.unmeasured.is_some() || finding.is_suspicious();
    }
    let differing: Vec<usize> = doubted.iter().copied().filter(|value| state.get(value) == Some(&true)).collect();
    // What comes after several that are doubted is what comes after the last.
    differing.iter().for_each(|value| _ = state.remove(value));
    let is_stranger = |value: &usize| {
        let known = after(ours, *value, &state);
        !known.is_empty() && known.iter().all(|differs| !differs)
    };
    let mut found: Vec<usize> = differing.into_iter().filter(is_stranger).collect();
    found.sort_unstable();
    found
}

/// The longest chain of strangers that is parted at once. A longer one is no node that was taken apart otherwise, but a
/// difference that doesn't show further on.
const MAX_CHAIN: usize = 4;
/// The most values without a partner that are gone through from one value.
const MAX_THROUGH: usize = 64;

/// What is known of the nearest values after one that were compared: whether they differ.
fn after(ours: &Skeleton, value: usize, state: &HashMap<usize, bool>) -> Vec<bool> {
    let (mut waiting, mut seen, mut known) = (vec![value], HashSet::new(), Vec::new());
    while let Some(value) = waiting.pop() {
        for result in ours.values[value].users.iter().flat_map(|(node, _)| &ours.nodes[*node].results) {
            match state.get(result) {
                Some(differs) => known.push(*differs),
                None if seen.len() < MAX_THROUGH && seen.insert(*result) => waiting.push(*result),
                None => {}
            }
        }
    }
    known
}

/// The values of ours that have the wrong partner.
pub(super) fn find(ours: &Skeleton, pairs: &Pairs, findings: &[Finding]) -> Vec<usize> {
    let differs = |finding: &Finding| {
        let apart = |plain: &Distance| plain.outside > 0 || plain.apart.rms_rel > finding.allowed.rms;
        finding.unmeasured.is_some() || finding.plain.as_ref().is_some_and(apart)
    };
    let mut state: HashMap<usize, bool> = HashMap::new();
    for finding in findings {
        *state.entry(finding.key.value).or_default() |= differs(finding);
    }
    let is_stranger = |state: &HashMap<usize, bool>, value: usize| {
        let by_structure = matches!(pairs.values[value], Some((_, How::Structure)));
        if !state[&value] || !by_structure || ours.is_output(value) {
            return false;
        }
        let known = after(ours, value, state);
        !known.is_empty() && known.iter().all(|differs| !differs)
    };
    let mut found: Vec<usize> = Vec::new();
    for _ in 0..MAX_CHAIN {
        let more: Vec<usize> = state.keys().copied().filter(|value| is_stranger(&state, *value)).collect();
        // What is before a stranger is known by what comes after that one.
        more.iter().for_each(|value| _ = state.remove(value));
        found.extend(more);
    }
    found.sort_unstable();
    found
}
