//! The words and numbers that all views share.

use super::fit::number;
use crate::report::{Apart, Birth, Cause, Culprit, Kind, Pairing, Place, Report, Row, Status, Verdict, Wrong};

/// What happens at a node, or at a value that no node computes, in words.
pub(super) fn kind_words(culprit: &Culprit) -> &'static str {
    match culprit.kind {
        Kind::Meaning if culprit.is_given => "isn't what the other side gives",
        Kind::Meaning => "computes something else",
        Kind::Type => "has another shape or dtype",
        Kind::Overflow => "overflows its dtype",
        Kind::Underflow => "underflows to zero",
        Kind::NanBorn => "gives NaN for operands that have none",
        Kind::InfBorn => "gives an infinity for operands that have none",
        Kind::Cancellation => "loses digits: its operands nearly cancel",
        Kind::Precision => "is rounded more than its op and dtype explain",
        Kind::Unseen => "is another node, which these inputs don't show",
    }
}

/// Who is wrong, in words; empty where it can't be told.
pub(super) fn wrong_words(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Unknown => "",
        Wrong::Ours => "ours is wrong, by the value in f64",
        Wrong::Theirs => "theirs is wrong by the value in f64, or means something else",
        Wrong::Both => "both are far from the value in f64",
    }
}

/// Every status, from that which says least.
pub(super) const STATUSES: [Status; 4] = [Status::Agrees, Status::Rounding, Status::Inherited, Status::Introduced];

/// The sign of a status, and what it means.
pub(super) fn mark(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Agrees => ("·", "agrees"),
        Status::Rounding => ("~", "rounding"),
        Status::Inherited => ("↓", "inherited"),
        Status::Introduced => ("✗", "introduced"),
    }
}

/// The numbers of an element: both sides, and the value in f64, empty where it isn't known.
pub(super) fn place_words(place: &Place) -> [(&'static str, String); 3] {
    [
        ("ours", number(place.ours)),
        ("theirs", number(place.theirs)),
        ("precise", place.precise.map(number).unwrap_or_default()),
    ]
}

/// An index as it is written.
pub(super) fn index_words(index: &[usize]) -> String {
    let numbers: Vec<String> = index.iter().map(usize::to_string).collect();
    format!("[{}]", numbers.join(", "))
}

/// In what two nodes differ: what it is about, ours, theirs.
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) ours: String,
    pub(super) theirs: String,
    /// What more is to be said.
    pub(super) note: String,
}

pub(super) fn difference(cause: &Cause) -> Difference {
    let left_out = |side: &Option<String>| side.clone().unwrap_or_else(|| "left out".to_owned());
    match cause {
        Cause::Op { ours, theirs } => {
            Difference { what: "op".into(), ours: ours.clone(), theirs: theirs.clone(), note: String::new() }
        }
        Cause::Attribute { name, ours, theirs } => {
            Difference { what: name.clone(), ours: left_out(ours), theirs: left_out(theirs), note: String::new() }
        }
        Cause::Constant { name, operand, relative, ours, theirs } => Difference {
            what: if name.is_empty() { format!("operand {operand}") } else { name.clone() },
            ours: ours.clone(),
            theirs: theirs.clone(),
            note: match relative {
                Some(relative) => format!("constant; relative difference {}", short(*relative)),
                None => "constant of another type".to_owned(),
            },
        },
        Cause::Order { places } => Difference {
            what: "order of operands".into(),
            ours: index_words(&(0..places.len()).collect::<Vec<_>>()),
            theirs: index_words(places),
            note: String::new(),
        },
        Cause::Operand { operand, ours, theirs } => Difference {
            what: format!("operand {operand}"),
            ours: ours.clone(),
            theirs: theirs.clone(),
            note: String::new(),
        },
    }
}

/// The answer in a few words, without names.
pub(super) fn verdict_words(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Agrees => "agrees",
        Verdict::Rounding => "agrees up to rounding",
        Verdict::Structure => "differs, not in these values",
        Verdict::Differs => "differs",
    }
}

/// Where something was born, in words.
pub(super) fn birth_words(birth: &Birth) -> String {
    let what = match (birth.what, birth.count) {
        ("nan", _) => "NaN",
        ("inf", 1) => "infinity",
        ("inf", _) => "infinities",
        ("zero", 1) => "zero",
        ("zero", _) => "zeros",
        (other, _) => other,
    };
    format!("{} {what} on {} side", birth.count, if birth.ours { "our" } else { "their" })
}

/// How the values were paired, in words.
pub(super) fn pairing_words(pairing: &Pairing) -> String {
    let paired = pairing.by_name + pairing.by_structure + pairing.by_value;
    let ways: Vec<String> =
        [(pairing.by_name, "name"), (pairing.by_structure, "structure"), (pairing.by_value, "value")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, way)| format!("{count} by {way}"))
            .collect();
    let ways = if ways.is_empty() { String::new() } else { format!(" ({})", ways.join(", ")) };
    format!("paired {paired} of {} values of ours with {} of theirs{ways}", pairing.ours, pairing.theirs)
}

/// A measure of a difference: two digits are enough.
pub(super) fn short(measure: f64) -> String {
    if measure == 0.0 {
        return "0".to_owned();
    }
    if !measure.is_finite() {
        return number(measure);
    }
    let text = format!("{measure:.1e}");
    match text.strip_suffix("e0") {
        Some(plain) => plain.to_owned(),
        None => text.replace(".0e", "e"),
    }
}

/// How far two tensors are apart, in a word.
pub(super) fn measure(apart: &Apart) -> String {
    if apart.special > 0 { "inf/nan".to_owned() } else { short(apart.rms_rel) }
}

/// How far a row's values are apart, in a word; empty where they aren't numbers and agree.
pub(super) fn measure_of_row(row: &Row) -> String {
    match &row.apart {
        Some(apart) => measure(apart),
        None if row.status == Status::Agrees => String::new(),
        None => "type".to_owned(),
    }
}

/// A number of representable values.
pub(super) fn ulp_words(ulp: u64) -> String {
    match ulp {
        u64::MAX => "far".to_owned(),
        ulp if ulp < 10_000_000 => ulp.to_string(),
        ulp => short(ulp as f64),
    }
}
