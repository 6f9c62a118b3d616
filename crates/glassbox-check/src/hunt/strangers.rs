//! Values that were paired by mistake.
//!
//! Where the two runs differ in a value and agree in everything that is computed from it, the value isn't the same thing on
//! both sides: the structure of the graphs led to the wrong partner. Put in the place of ours it would make the nodes that
//! read it look guilty, so such pairs are parted, and the hunt begins again.

use std::collections::HashMap;

use super::Finding;
use crate::distance::Distance;
use crate::pairing::{How, Pairs};
use crate::skeleton::Skeleton;

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
    let is_stranger = |value: &usize| {
        let by_structure = matches!(pairs.values[*value], Some((_, How::Structure)));
        let output = ours.outputs.iter().any(|(_, output)| output == value);
        if !state[value] || !by_structure || output {
            return false;
        }
        let readers = ours.values[*value].users.iter().flat_map(|(node, _)| &ours.nodes[*node].results);
        let known: Vec<bool> = readers.filter_map(|result| state.get(result).copied()).collect();
        !known.is_empty() && known.iter().all(|differs| !differs)
    };
    let mut found: Vec<usize> = state.keys().copied().filter(is_stranger).collect();
    found.sort_unstable();
    found
}
