//! What is said of a hunt: a line for each culprit, and one paragraph.

use crate::hunt::{Evidence, Finding};
use crate::report::{Apart, Cause, Culprit, Kind, Place, Report, Status, Verdict, Wrong};
use crate::statics;

/// The most culprits that the paragraph names.
const NAMED: usize = 3;

/// One line on a culprit.
pub(super) fn line(culprit: &Culprit, finding: &Finding) -> String {
    let mut line = format!("{} `{}`", culprit.op, culprit.node);
    if !culprit.layer.is_empty() && culprit.layer != culprit.node {
        line += &format!(" of layer {}", culprit.layer);
    }
    if !culprit.path.is_empty() {
        line += &format!(" in {}", culprit.path);
    }
    line += &format!(" {}", happening(culprit, finding));
    if !culprit.causes.is_empty() {
        line += &format!(": {}", causes(&culprit.causes));
    }
    if !culprit.among.is_empty() {
        let shown: Vec<&str> = culprit.among.iter().take(4).map(String::as_str).collect();
        let more = culprit.among.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        line += &format!(" (or one of those it is computed with: {}{more})", shown.join(", "));
    }
    line
}

fn happening(culprit: &Culprit, finding: &Finding) -> String {
    let numbers = culprit.place.as_ref().map(numbers).unwrap_or_default();
    match culprit.kind {
        Kind::Type => {
            let what = finding.unmeasured.clone().unwrap_or_default();
            format!("gives another type: {what}")
        }
        Kind::Overflow => format!("overflows{numbers}"),
        Kind::Underflow => format!("underflows to zero{numbers}"),
        Kind::NanBorn => format!("gives the first NaN{numbers}"),
        Kind::InfBorn => format!("gives the first infinity{numbers}"),
        Kind::Cancellation => format!("loses digits by cancellation{numbers}"),
        Kind::Precision => format!("rounds more than its op and dtype explain{numbers}"),
        Kind::Unseen => "differs".to_owned(),
        Kind::Meaning => {
            let apart = finding.alone.as_ref().map(|alone| apart(&alone.apart)).unwrap_or_default();
            if culprit.is_given {
                return format!("isn't what the other side gives for it{apart}{numbers}");
            }
            format!("computes something else from the same operands{apart}{numbers}")
        }
    }
}

fn apart(apart: &Apart) -> String {
    format!(", {} of {} elements, {:.1e} of their size", apart.differing, apart.count, apart.rms_rel)
}

fn numbers(place: &Place) -> String {
    let precise = place.precise.map(|precise| format!(", in f64 {}", short(precise))).unwrap_or_default();
    format!(": at {:?} {} here, {} there{precise}", place.index, short(place.ours), short(place.theirs))
}

/// A number with as many digits as a person reads.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() {
        value.to_string()
    } else if (1e-3..1e6).contains(&magnitude) {
        let text = format!("{value:.7}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.6e}")
    }
}

fn causes(causes: &[Cause]) -> String {
    causes.iter().map(statics::words).collect::<Vec<_>>().join("; ")
}

/// The paragraph.
pub(super) fn summary(evidence: &Evidence, report: &Report) -> String {
    let compared = report.rows.len();
    let mut text = match report.verdict {
        Verdict::Agrees => format!("All {compared} values agree."),
        Verdict::Rounding => rounding(report),
        Verdict::Structure => {
            let first = report.culprits.first().map(|culprit| culprit.line.clone()).unwrap_or_default();
            let more = report.culprits.len().saturating_sub(1);
            let more = if more > 0 { format!(" {more} more nodes differ.") } else { String::new() };
            let agree = match report.rows.iter().filter(|row| row.status != Status::Agrees).count() {
                0 => format!("All {compared} values agree on these inputs"),
                _ => format!(
                    "No node parts from the other side on these inputs by more than rounding ({})",
                    grown(report)
                ),
            };
            format!("{agree}, but the models differ: {first}.{more}")
        }
        Verdict::Differs => differs(evidence, report),
    };
    if let Some(stopped) = &evidence.stopped {
        text += &format!(" The run ended early: {stopped}.");
    }
    if let Some(stopped) = &evidence.their_end {
        text += &format!(" The other side ended early: {stopped}.");
    }
    if evidence.whole {
        let alone = not_compared(evidence);
        if !alone.is_empty() {
            text += &format!(
                " Not compared, since nothing on the other side is their partner: output {}.",
                alone.join(", ")
            );
        }
    }
    if evidence.missing > 0 {
        text += &format!(" {} values were never computed on the other side.", evidence.missing);
    }
    text
}

/// The outputs of ours that nothing was held against. What the same model was given on both sides can only be the same.
pub(super) fn not_compared<'a>(evidence: &'a Evidence) -> Vec<&'a str> {
    let skeleton = &evidence.ours.skeleton;
    let compared = |value: usize| evidence.findings.iter().any(|finding| finding.key.value == value);
    let same = |value: usize| evidence.same_model && skeleton.inputs.contains(&value);
    let alone = skeleton.outputs.iter().filter(|(_, value)| !compared(*value) && !same(*value));
    alone.map(|(name, _)| name.as_str()).collect()
}

/// How far the outputs are apart.
fn grown(report: &Report) -> String {
    let worst = report.outputs.iter().filter_map(|place| {
        let row = &report.rows[*place];
        row.apart.as_ref().map(|apart| (row.value.as_str(), apart.max_abs, apart.rms_rel))
    });
    let worst = worst.max_by(|a, b| a.2.total_cmp(&b.2));
    match worst {
        Some((name, max_abs, rms)) if rms > 0.0 => {
            format!("at the outputs it has grown to {max_abs:.1e}, {rms:.1e} of their size, in `{name}`")
        }
        _ => "the outputs are equal".to_owned(),
    }
}

fn rounding(report: &Report) -> String {
    let differing = report.rows.iter().filter(|row| row.status != Status::Agrees).count();
    let lost = report.culprits.iter().find(|culprit| culprit.kind == Kind::Cancellation);
    let lost = lost.map(|culprit| format!(" {}.", culprit.line)).unwrap_or_default();
    format!(
        "{differing} of {} values differ, by rounding only: no node, given the other side's values, parts from it by more \
         than its op and dtype explain; {}.{lost}",
        report.rows.len(),
        grown(report)
    )
}

fn differs(evidence: &Evidence, report: &Report) -> String {
    let mut seen: Vec<&Culprit> =
        report.culprits.iter().filter(|culprit| culprit.kind != Kind::Unseen && culprit.beside.is_none()).collect();
    seen.retain(|culprit| culprit.kind != Kind::Cancellation);
    if seen.is_empty() {
        let beyond = evidence.findings.iter().filter(|finding| finding.beyond);
        let names: Vec<&str> =
            beyond.map(|finding| evidence.ours.skeleton.values[finding.key.value].name.as_str()).take(NAMED).collect();
        return match names.is_empty() {
            true => "The two sides differ.".to_owned(),
            false => format!("Beyond what is allowed: {}. {}", names.join(", "), rounding(report)),
        };
    }
    let inherited = report.rows.iter().filter(|row| row.status == Status::Inherited).count();
    let more = seen.len().saturating_sub(NAMED);
    seen.truncate(NAMED);
    let first = &seen[0];
    let mut text = format!("{}.", first.line);
    text += match first.wrong {
        Wrong::Ours => " By the value in f64 it is our side that is off.",
        Wrong::Theirs => " By the value in f64 it is the other side that is off.",
        Wrong::Both => " By the value in f64 both sides are off.",
        Wrong::Unknown => "",
    };
    for other in &seen[1..] {
        text += &format!(" Then {}.", other.line);
    }
    if more > 0 {
        text += &format!(" {more} more nodes part from the other side.");
    }
    if inherited > 0 {
        text += &format!(" {inherited} values after it differ since what they are computed from does.");
    }
    text
}
