//! A report as JSON, in the shape that `schema/check.schema.json` describes.
//!
//! JSON has no numbers that aren't finite: they are the strings `"nan"`, `"inf"` and `"-inf"`. Fields are never left out:
//! what isn't known is `null`. Within version 1 fields may be added, and none changes its meaning.

use serde_json::{Value, json};

use crate::report::{Apart, Birth, Cause, Culprit, Pairing, Place, Report, Row, Stats};

/// What the shape is called, and its version.
const FORMAT: &str = "glassbox.check";
const VERSION: u32 = 1;

/// A report as JSON.
pub fn json(report: &Report) -> Value {
    let row_name = |row: usize| report.rows.get(row).map(|row| row.value.as_str());
    json!({
        "format": FORMAT,
        "version": VERSION,
        "model": report.model,
        "against": report.against,
        "agrees": report.verdict.is_good(),
        "verdict": report.verdict.name(),
        "summary": report.summary,
        "culprits": list(&report.culprits, |one| culprit(one, one.row.and_then(row_name))),
        "values": list(&report.rows, row),
        "outputs": report.outputs.iter().filter_map(|row| row_name(*row)).collect::<Vec<_>>(),
        "births": list(&report.births, birth),
        "pairing": pairing(&report.pairing),
    })
}

fn list<T>(items: &[T], each: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(each).collect())
}

/// A number, or its name where it isn't finite.
fn number(value: f64) -> Value {
    match serde_json::Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None => Value::String(super::fit::number(value)),
    }
}

fn culprit(culprit: &Culprit, value: Option<&str>) -> Value {
    json!({
        "node": culprit.node,
        "op": culprit.op,
        "layer": culprit.layer,
        "path": culprit.path,
        "theirs": culprit.theirs,
        "kind": culprit.kind.name(),
        "wrong": culprit.wrong.name(),
        "among": culprit.among,
        "beside": culprit.beside,
        "causes": list(&culprit.causes, cause),
        "place": culprit.place.as_ref().map(place),
        "line": culprit.line,
        "value": value,
    })
}

fn cause(cause: &Cause) -> Value {
    match cause {
        Cause::Op { ours, theirs } => json!({ "kind": "op", "ours": ours, "theirs": theirs }),
        Cause::Attribute { name, ours, theirs } => {
            json!({ "kind": "attribute", "name": name, "ours": ours, "theirs": theirs })
        }
        Cause::Constant { name, operand, relative, ours, theirs } => json!({
            "kind": "constant",
            "name": name,
            "operand": operand,
            "relative": relative.map(number),
            "ours": ours,
            "theirs": theirs,
        }),
        Cause::Order { places } => json!({ "kind": "order", "places": places }),
        Cause::Operand { operand, ours, theirs } => {
            json!({ "kind": "operand", "operand": operand, "ours": ours, "theirs": theirs })
        }
    }
}

fn place(place: &Place) -> Value {
    json!({
        "index": place.index,
        "ours": number(place.ours),
        "theirs": number(place.theirs),
        "precise": place.precise.map(number),
    })
}

fn row(row: &Row) -> Value {
    json!({
        "value": row.value,
        "node": row.node,
        "op": row.op,
        "layer": row.layer,
        "path": row.path,
        "type": row.ty,
        "theirs": row.theirs,
        "their_type": row.their_ty,
        "status": row.status.name(),
        "apart": row.apart.as_ref().map(apart),
        "alone": row.alone.as_ref().map(apart),
        "our_stats": row.ours_stats.as_ref().map(stats),
        "their_stats": row.their_stats.as_ref().map(stats),
    })
}

fn apart(apart: &Apart) -> Value {
    json!({
        "count": apart.count,
        "differing": apart.differing,
        "max_abs": number(apart.max_abs),
        "max_rel": number(apart.max_rel),
        "max_ulp": apart.max_ulp,
        "rms_rel": number(apart.rms_rel),
        "special": apart.special,
        "worst": apart.worst.as_ref().map(place),
        "spread": apart.spread,
    })
}

fn stats(stats: &Stats) -> Value {
    json!({
        "min": number(stats.min),
        "max": number(stats.max),
        "mean": number(stats.mean),
        "rms": number(stats.rms),
        "nan": stats.nan,
        "inf": stats.inf,
    })
}

fn birth(birth: &Birth) -> Value {
    json!({
        "what": birth.what,
        "side": if birth.ours { "ours" } else { "theirs" },
        "node": birth.node,
        "op": birth.op,
        "value": birth.value,
        "path": birth.path,
        "count": birth.count,
    })
}

fn pairing(pairing: &Pairing) -> Value {
    json!({
        "ours": pairing.ours,
        "theirs": pairing.theirs,
        "by_name": pairing.by_name,
        "by_structure": pairing.by_structure,
        "by_value": pairing.by_value,
        "unpaired_ours": pairing.unpaired_ours,
        "unpaired_theirs": pairing.unpaired_theirs,
    })
}
