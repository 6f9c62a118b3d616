//! Running both sides until the pairs of values are such that they can be believed.
//!
//! Structure pairs values by mistake, and such a pair makes nodes look wrong that aren't. So what a run shows is used to
//! part or exchange pairs, and the run begins again.

use std::collections::HashSet;

use super::alone::{self, Outcome, Setting};
use super::segment::Segments;
use super::{Finding, Model, nothing_in_common, strangers, wanted};
use crate::error::CheckError;
use crate::pairing::Pairs;
use crate::side::Values;
use crate::skeleton::Skeleton;
use crate::tolerance::Tolerances;

/// How often values are parted, or get other partners, that were paired by mistake.
const MAX_ROUNDS: usize = 3;
/// How often what is doubted grows by what looks wrong in its turn.
const MAX_DOUBTS: usize = 4;
/// An output that is apart by this many times what a node may be isn't so by rounding alone.
const STRONG: f64 = 32.0;

/// Two sides whose values are paired.
pub(super) struct Settling<'a> {
    pub(super) ours: &'a Model,
    pub(super) theirs: &'a Skeleton,
    /// What messages call theirs.
    pub(super) name: &'a str,
    pub(super) same_model: bool,
    pub(super) tolerances: &'a Tolerances,
}

impl Settling<'_> {
    /// Runs both sides until no pair is to be changed.
    pub(super) fn run(&self, values: &mut dyn Values, pairs: &mut Pairs) -> Result<Outcome, CheckError> {
        let before = pairs.clone();
        let settled = self.rounds(values, pairs)?;
        // Where nothing looks wrong any more and the outputs differ, what was wrong was taken for a mistake of pairing.
        let wrong = |finding: &Finding| finding.is_suspicious() || (finding.unmeasured.is_some() && !finding.tainted);
        let lost = *pairs != before && !settled.findings.iter().any(wrong);
        if lost && self.outputs_differ(&settled.findings) {
            *pairs = before;
            values.restart()?;
            return self.once(values, pairs, &HashSet::new());
        }
        Ok(settled)
    }

    fn rounds(&self, values: &mut dyn Values, pairs: &mut Pairs) -> Result<Outcome, CheckError> {
        let mut round = 0;
        loop {
            let run = self.once(values, pairs, &HashSet::new())?;
            if self.same_model || round == MAX_ROUNDS {
                return Ok(run);
            }
            let ours = &self.ours.skeleton;
            let mut parted = if round == 0 { self.proven(values, pairs, &run.findings)? } else { Vec::new() };
            let mut exchanged = Vec::new();
            if parted.is_empty() {
                parted = strangers::find(ours, pairs, &run.findings);
                exchanged = strangers::crossed(pairs, &run.findings);
            }
            if parted.is_empty() && exchanged.is_empty() {
                return Ok(run);
            }
            pairs.part(&parted);
            pairs.exchange(ours, self.theirs, &exchanged);
            values.restart()?;
            round += 1;
        }
    }

    /// One run, in which theirs isn't put in the place of what is doubted.
    fn once(&self, values: &mut dyn Values, pairs: &Pairs, doubted: &HashSet<usize>) -> Result<Outcome, CheckError> {
        let asked = wanted(&self.ours.skeleton, self.theirs, pairs, self.same_model);
        if pairs.values.iter().all(Option::is_none) || asked.is_empty() {
            return Err(CheckError::Unpaired(nothing_in_common(self.name, self.theirs)));
        }
        values.want(asked);
        let mut certain = pairs.clone();
        certain.part(&doubted.iter().copied().collect::<Vec<_>>());
        let segments = Segments::new(&self.ours.skeleton, &certain);
        let setting =
            Setting { theirs: self.theirs, same_model: self.same_model, tolerances: self.tolerances, doubted };
        alone::run(self.ours, values, pairs, &segments, setting)
    }

    /// The values that have the wrong partner: those that differ while what is computed from them agrees, once theirs isn't
    /// put in their place.
    fn proven(&self, values: &mut dyn Values, pairs: &Pairs, findings: &[Finding]) -> Result<Vec<usize>, CheckError> {
        let ours = &self.ours.skeleton;
        let mut doubted = strangers::doubted(ours, pairs, findings);
        if doubted.is_empty() {
            return Ok(Vec::new());
        }
        let mut proven = HashSet::new();
        for _ in 0..MAX_DOUBTS {
            values.restart()?;
            let trial = self.once(values, pairs, &doubted)?;
            proven.extend(strangers::proven(ours, &doubted, &trial.findings));
            let known = doubted.len();
            doubted.extend(strangers::doubted(ours, pairs, &trial.findings));
            if doubted.len() == known {
                break;
            }
        }
        let mut proven: Vec<usize> = proven.into_iter().collect();
        proven.sort_unstable();
        Ok(proven)
    }

    /// Whether an output of the plain runs is apart by more than rounding.
    fn outputs_differ(&self, findings: &[Finding]) -> bool {
        let skeleton = &self.ours.skeleton;
        findings.iter().filter(|finding| skeleton.is_output(finding.key.value)).any(|finding| {
            let least = finding.allowed.rms.max(f64::from(f32::EPSILON));
            finding.unmeasured.is_some()
                || finding
                    .plain
                    .as_ref()
                    .is_some_and(|plain| plain.apart.special > 0 || plain.apart.rms_rel > STRONG * least)
        })
    }
}
