//! A difference as JSON, in the shape that `schema/diff.schema.json` describes.
//!
//! Fields are never left out: what isn't there is `null`. Numbers that aren't finite are the strings `"nan"`, `"inf"` and
//! `"-inf"`. Within version 1 fields may be added, and none changes its meaning.

use serde_json::{Value, json};

use super::{Change, Changed, Counts, Difference, End, Lone, LoneWeight, Named, Note, Renamed, Weight};
use crate::view::fit;

/// What the shape is called, and its version.
const FORMAT: &str = "glassbox.diff";
const VERSION: u32 = 1;

/// A difference as JSON.
pub fn json(found: &Difference) -> Value {
    json!({
        "format": FORMAT,
        "version": VERSION,
        "a": found.ours,
        "b": found.theirs,
        "same": found.is_same(),
        "same_structure": if found.weights_only.is_some() { Value::Null } else { json!(found.has_same_structure()) },
        "summary": found.headline(),
        "weights_only": found.weights_only,
        "nodes": counts(&found.nodes),
        "weights": counts(&found.weights),
        "ends": list(&found.ends, end),
        "changed": list(&found.changed, changed),
        "only_in_a": list(&found.only_ours, lone),
        "only_in_b": list(&found.only_theirs, lone),
        "weights_changed": list(&found.weights_changed, weight),
        "weights_only_in_a": list(&found.weights_only_ours, lone_weight),
        "weights_only_in_b": list(&found.weights_only_theirs, lone_weight),
        "renamed": list(&found.renamed, renamed),
        "notes": list(&found.notes, note),
    })
}

fn list<T>(items: &[T], each: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(each).collect())
}

fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| Value::String(fit::number(value)), Value::Number)
}

fn counts(counts: &Counts) -> Value {
    json!({ "a": counts.ours, "b": counts.theirs, "paired": counts.paired })
}

fn end(end: &End) -> Value {
    let named = |named: &Named| json!({ "name": named.name, "type": named.ty, "place": named.place });
    json!({
        "kind": end.kind.name(),
        "a": end.ours.as_ref().map(named),
        "b": end.theirs.as_ref().map(named),
        "gives": end.gives.as_ref().map(|(ours, theirs)| json!({ "a": ours, "b": theirs })),
        "differs": end.differs,
    })
}

fn changed(changed: &Changed) -> Value {
    json!({
        "node": changed.node,
        "in_b": changed.theirs,
        "op": changed.op,
        "layer": changed.layer,
        "changes": list(&changed.changes, change),
    })
}

fn change(change: &Change) -> Value {
    match change {
        Change::Op { ours, theirs } => json!({ "kind": "op", "a": ours, "b": theirs }),
        Change::Attribute { name, ours, theirs } => {
            json!({ "kind": "attribute", "name": name, "a": ours, "b": theirs })
        }
        Change::Setting { operand, name, ours, theirs } => {
            json!({ "kind": "constant", "operand": operand, "name": name, "a": ours, "b": theirs })
        }
        Change::Operand { operand, ours, theirs } => {
            json!({ "kind": "operand", "operand": operand, "a": ours, "b": theirs })
        }
        Change::Order { places } => json!({ "kind": "order", "places": places }),
        Change::Yield { place, ours, theirs } => json!({ "kind": "yield", "place": place, "a": ours, "b": theirs }),
        Change::Meaning { ours, theirs } => json!({ "kind": "meaning", "a": ours, "b": theirs }),
    }
}

fn lone(lone: &Lone) -> Value {
    json!({ "node": lone.node, "op": lone.op, "layer": lone.layer })
}

fn weight(weight: &Weight) -> Value {
    let apart = weight.apart.as_ref();
    json!({
        "name": weight.name,
        "in_b": weight.theirs,
        "kind": weight.kind.name(),
        "type": weight.ty,
        "type_in_b": weight.their_ty,
        "elements": weight.elements,
        "differing": apart.map(|apart| apart.differing),
        "special": apart.map(|apart| apart.special),
        "relative_norm": apart.map(|apart| number(apart.rms_rel)),
        "max_abs": apart.map(|apart| number(apart.max_abs)),
        "values": weight.values.as_ref().map(|(ours, theirs)| json!({ "a": ours, "b": theirs })),
    })
}

fn lone_weight(weight: &LoneWeight) -> Value {
    json!({
        "name": weight.name,
        "type": weight.ty,
        "elements": weight.elements,
        "of_lone_nodes": weight.of_lone_nodes,
    })
}

fn renamed(renamed: &Renamed) -> Value {
    json!({ "what": renamed.what, "a": renamed.ours, "b": renamed.theirs })
}

fn note(note: &Note) -> Value {
    json!({ "what": note.what, "a": note.ours, "b": note.theirs })
}
