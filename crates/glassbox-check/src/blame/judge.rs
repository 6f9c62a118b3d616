//! Whether a node is at fault, of what kind the fault is, and who is wrong.

use super::place;
use crate::distance::{largest, smallest};
use crate::hunt::{Element, Evidence, Finding, Sample};
use crate::report::{Cause, Kind, Place, Wrong};

/// A node whose error is this many times what is allowed isn't a matter of precision.
const STRONG: f64 = 32.0;
/// Where it is known that both nodes differ, theirs is at fault from this share of what is allowed on, if ours is nearer to
/// f64 by [`NEARER`].
const SHARE: f64 = 0.1;
/// See [`SHARE`].
const NEARER: f64 = 4.0;

/// A node is at fault.
#[derive(Clone, Debug)]
pub(super) struct Judgement {
    pub(super) kind: Kind,
    pub(super) wrong: Wrong,
    pub(super) place: Option<Place>,
    /// Whether it is beyond what precision explains.
    pub(super) strong: bool,
}

/// The judgement on a finding; `None` where its node isn't at fault.
pub(super) fn judge(evidence: &Evidence, finding: &Finding, precise: bool) -> Option<Judgement> {
    if finding.unmeasured.is_some() && !finding.tainted && !finding.let_pass && !is_other_layout(evidence, finding) {
        return Some(Judgement { kind: Kind::Type, wrong: Wrong::Unknown, place: None, strong: true });
    }
    let sample = finding.sample.as_ref()?;
    let known = !sample.precise.is_empty();
    let ours = match known {
        true => Errors::between(sample, finding, |element| element.ours, |element| element.precise),
        false => Errors::between(sample, finding, |element| element.ours, |element| Some(element.theirs)),
    };
    // Theirs that is f64 is what is right.
    let theirs = match known && !precise {
        true => Errors::between(sample, finding, |element| element.theirs, |element| element.exact),
        false => Errors::default(),
    };
    let known = known || precise;
    let wrong = match (known, ours.outside(finding), theirs.outside(finding)) {
        (true, false, false) => {
            // Both are as near to f64 as rounding leaves them, unless one parts in every element alike.
            let systematic = theirs.rms > SHARE * finding.allowed.rms && theirs.rms > NEARER * ours.rms;
            if !evidence.exact && (!systematic || evidence.same_model || !has_cause(evidence, finding)) {
                return None;
            }
            Wrong::Unknown
        }
        (true, true, false) => Wrong::Ours,
        (true, false, true) if evidence.same_model => Wrong::Theirs,
        // Another model may mean something else by it.
        (true, false, true) => Wrong::Unknown,
        (true, true, true) => Wrong::Both,
        (false, ..) => Wrong::Unknown,
    };
    let error = if wrong == Wrong::Ours || !known || precise { &ours } else { &theirs };
    let worst = error.worst.map(|element| place(finding, element));
    let strong = error.special > 0
        || error.rms > STRONG * finding.allowed.rms.max(f64::from(f32::EPSILON))
        || wrong == Wrong::Both;
    let kind = kind(finding, error.worst, wrong, precise, strong);
    Some(Judgement { kind, wrong, place: worst, strong })
}

/// How far two runs are apart, relative to the size of the elements, that can't be by rounding of both.
const FAR: f64 = 1e-3;

/// The judgement on a finding whose node couldn't be run on what theirs was given: by the two runs alone.
pub(super) fn by_the_runs(finding: &Finding) -> Option<Judgement> {
    let plain = finding.plain.as_ref()?;
    let far = plain.apart.special > 0 || plain.apart.rms_rel > FAR.max(finding.allowed.rms);
    let judgement =
        || Judgement { kind: Kind::Meaning, wrong: Wrong::Unknown, place: plain.apart.worst.clone(), strong: true };
    (finding.tainted && far && !finding.let_pass).then(judgement)
}

/// Whether the other side only keeps the value in another layout, as programs do that optimise: the dims stand in another
/// order, nothing that was said of the nodes makes them so, and it is no output.
fn is_other_layout(evidence: &Evidence, finding: &Finding) -> bool {
    let told = |node: &usize| {
        let causes = super::suspects::causes(evidence, *node);
        causes.iter().any(|cause| matches!(cause, Cause::Attribute { .. } | Cause::Op { .. }))
    };
    let output = evidence.ours.skeleton.is_output(finding.key.value);
    !evidence.same_model && !output && finding.permuted && !finding.segment.nodes.iter().any(told)
}

/// Whether the models are known to differ in a node of the segment, or it holds what theirs doesn't.
fn has_cause(evidence: &Evidence, finding: &Finding) -> bool {
    finding.segment.nodes.iter().any(|node| {
        let causes = super::suspects::causes(evidence, *node);
        super::suspects::suspicion(evidence, finding, *node, &causes) >= TELLING
    })
}

/// The suspicion from which on the models are known to differ.
const TELLING: u32 = 3;

/// How far one side is from what is right.
#[derive(Clone, Debug, Default)]
struct Errors {
    /// The root of the mean square, relative to that of what is right.
    rms: f64,
    /// How many elements are beyond what the op and dtype explain.
    outside: usize,
    /// How many are finite on one side only.
    special: usize,
    /// The element that is farthest.
    worst: Option<Element>,
}

impl Errors {
    fn between(
        sample: &Sample,
        finding: &Finding,
        side: impl Fn(Element) -> f64,
        right: impl Fn(Element) -> Option<f64>,
    ) -> Errors {
        let mut errors = Errors::default();
        let (mut square, mut scale, mut worst) = (0.0, 0.0, -1.0);
        for element in sample.elements() {
            let Some(right) = right(element) else { continue };
            let given = side(element);
            let distance = if given == right || (given.is_nan() && right.is_nan()) {
                0.0
            } else if given.is_finite() && right.is_finite() {
                (given - right).abs()
            } else {
                errors.special += 1;
                f64::INFINITY
            };
            let passed_over = given <= finding.masked && right <= finding.masked;
            if distance.is_finite() {
                square += if passed_over { 0.0 } else { distance * distance };
                errors.outside += usize::from(!finding.allowed.bounds.hold(given, right));
            } else {
                errors.outside += 1;
            }
            if right.is_finite() && !passed_over {
                scale += right * right;
            }
            if distance > worst {
                worst = distance;
                errors.worst = Some(element);
            }
        }
        errors.rms = if square == 0.0 { 0.0 } else { (square / scale).sqrt() };
        errors
    }

    fn outside(&self, finding: &Finding) -> bool {
        self.outside > 0 || self.rms > finding.allowed.rms
    }
}

/// What happens at the element that is farthest.
fn kind(finding: &Finding, worst: Option<Element>, wrong: Wrong, precise: bool, strong: bool) -> Kind {
    let Some(Element { ours, theirs, precise: in_f64, .. }) = worst else { return Kind::Meaning };
    let right = if precise { theirs } else { in_f64.unwrap_or(if wrong == Wrong::Theirs { ours } else { theirs }) };
    let side = if wrong == Wrong::Theirs { theirs } else { ours };
    // The side that isn't finite, where only one is.
    let odd = match (ours.is_finite(), theirs.is_finite()) {
        (true, false) => theirs,
        (false, true) => ours,
        _ => side,
    };
    if odd.is_nan() && !right.is_nan() {
        return Kind::NanBorn;
    }
    if odd.is_infinite() && right.is_finite() {
        return if right.abs() > largest(finding.dtype) || right.abs() > largest(narrower(finding)) {
            Kind::Overflow
        } else {
            Kind::InfBorn
        };
    }
    if odd.is_infinite() {
        return Kind::InfBorn;
    }
    let lost = smallest(narrower(finding)) / f64::EPSILON.max(crate::distance::epsilon(narrower(finding)));
    if side == 0.0 && right != 0.0 && right.abs() < lost {
        return Kind::Underflow;
    }
    if wrong == Wrong::Ours && !strong {
        return Kind::Precision;
    }
    Kind::Meaning
}

/// The dtype of ours.
fn narrower(finding: &Finding) -> glassbox_tensor::DType {
    let name = finding.ty.split('[').next().unwrap_or_default();
    name.parse().unwrap_or(finding.dtype)
}
