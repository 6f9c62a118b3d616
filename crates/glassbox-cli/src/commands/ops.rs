//! `glassbox ops`: the op table.

use anyhow::{Result, bail};
use glassbox_ir::attr::Default;
use glassbox_ir::op::{AttrSpec, Count, Input, Kind};
use glassbox_ir::text::nearest;
use glassbox_ir::{AttrKind, OpDef, Tier, ops};
use serde_json::{Value, json};

use crate::args::Ops;
use crate::view::{self, DIM, NAME};

/// How many columns a specification has where nothing limits it.
const WIDE: usize = 100;

/// Where meanings begin in the table.
const TABLE: usize = 28;

/// Where meanings begin in a specification.
const SPECIFICATION: usize = 18;

/// Prints a line for each op, or all of one.
pub(crate) fn main(arguments: &Ops) -> Result<bool> {
    let Some(name) = &arguments.op else {
        if arguments.json {
            let all: Vec<Value> = ops::TABLE.iter().map(|op| document(op)).collect();
            say!("{}", serde_json::to_string_pretty(&all)?)?;
        } else {
            table()?;
        }
        return Ok(true);
    };
    let Some(op) = ops::find(name) else {
        let hint = nearest(name, ops::TABLE.iter().map(|op| op.name));
        let hint = hint.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        bail!("no op is named `{name}`; {hint}`glassbox ops` lists them")
    };
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&document(op))?)?;
    } else {
        print(op)?;
    }
    Ok(true)
}

/// Where the meaning of an op comes from.
fn tier(op: &OpDef) -> &'static str {
    match op.tier {
        Tier::Primitive => "primitive",
        Tier::Composite(_) => "composite",
        Tier::Control => "control",
    }
}

/// Every op with its first sentence; a line each, where that fits.
fn table() -> Result<()> {
    let columns = view::columns();
    for op in ops::TABLE {
        let summary = op.doc.split_once(". ").map_or(op.doc, |(first, _)| first);
        let (name, tier) = (op.name, tier(op));
        match columns {
            None => say!("{NAME}{name:<TABLE$}{NAME:#} {DIM}{tier:<9}{DIM:#} {summary}")?,
            // Less than half of the line would be left for words.
            Some(columns) if columns < 2 * (TABLE + 11) => {
                say!("{NAME}{name}{NAME:#} {DIM}{tier}{DIM:#}")?;
                for line in view::wrap(summary, columns.saturating_sub(2)) {
                    say!("  {line}")?;
                }
            }
            Some(columns) => {
                let mut lines = view::wrap(summary, columns - TABLE - 11).into_iter();
                let first = lines.next().unwrap_or_default();
                say!("{NAME}{name:<TABLE$}{NAME:#} {DIM}{tier:<9}{DIM:#} {first}")?;
                for line in lines {
                    say!("{:1$}{line}", "", TABLE + 11)?;
                }
            }
        }
    }
    Ok(())
}

/// The specification of an op.
fn print(op: &OpDef) -> Result<()> {
    let columns = view::columns().unwrap_or(WIDE);
    say!("{NAME}{}{NAME:#} {DIM}{}{DIM:#}", op.name, tier(op))?;
    for line in view::wrap(op.doc, columns) {
        say!("{line}")?;
    }
    let operands: Vec<_> = op.inputs.iter().map(|input| (input.name, operand(op, input))).collect();
    let several = |variadic| if variadic { "any number of them" } else { "" };
    let results: Vec<_> = op.outputs.iter().map(|output| (output.name, several(output.variadic).to_owned())).collect();
    let attrs: Vec<_> = op.attrs.iter().map(|spec| (spec.name, attribute(spec))).collect();
    let rules: Vec<_> = op.constraints.iter().map(|(label, rule)| (*label, (*rule).to_owned())).collect();
    for (title, rows) in [("operands", operands), ("results", results), ("attributes", attrs), ("constraints", rules)] {
        section(title, &rows, columns)?;
    }
    say!("\n{DIM}example{DIM:#}")?;
    for line in view::wrap(op.example, columns.saturating_sub(2)) {
        say!("  {line}")?;
    }
    Ok(())
}

/// Names and what they are, under a title; nothing where there are none.
fn section(title: &str, rows: &[(&str, String)], columns: usize) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    say!("\n{DIM}{title}{DIM:#}")?;
    let longest = rows.iter().map(|(name, _)| view::text_width(name)).max().unwrap_or(0);
    let margin = 2 + longest.min(SPECIFICATION) + 2;
    for (name, words) in rows {
        let mut lines = view::wrap(words, columns.saturating_sub(margin).max(16)).into_iter();
        let first = lines.next().unwrap_or_default();
        if first.is_empty() {
            say!("  {NAME}{name}{NAME:#}")?;
            continue;
        }
        let gap = margin - 2 - view::text_width(name).min(margin - 3);
        say!("  {NAME}{name}{NAME:#}{:gap$}{first}", "")?;
        for line in lines {
            say!("{:margin$}{line}", "")?;
        }
    }
    Ok(())
}

/// What may stand as an operand, in words.
fn operand(op: &OpDef, input: &Input) -> String {
    let mut words = match input.kind {
        Kind::Tensor(dtypes) => format!("a tensor of {dtypes}"),
        Kind::Sequence => "a sequence".to_owned(),
        Kind::Optional => "an optional".to_owned(),
        Kind::Any => "any value".to_owned(),
    };
    match input.count {
        Count::One => {}
        Count::Optional => words += "; may be left out",
        Count::Variadic(least) => words += &format!("; at least {least} of them, of the same dtype"),
        Count::Mixed(least) => words += &format!("; at least {least} of them, each of its own type"),
    }
    let same: Vec<String> = op
        .inputs
        .iter()
        .filter(|other| input.letter.is_some() && other.letter == input.letter && other.name != input.name)
        .map(|other| format!("`{}`", other.name))
        .collect();
    if !same.is_empty() {
        words += &format!("; of the same dtype as {}", same.join(" and "));
    }
    if input.shapes {
        words += "; what it holds decides the shape of the result";
    }
    words
}

/// What an attribute holds, and what it is where it isn't given, in words.
fn attribute(spec: &AttrSpec) -> String {
    let kind = match spec.kind {
        AttrKind::Bool => "true or false".to_owned(),
        AttrKind::Int => "an integer".to_owned(),
        AttrKind::Float => "a number".to_owned(),
        AttrKind::Str => "a string".to_owned(),
        AttrKind::State => "the name of a state".to_owned(),
        AttrKind::Enum(members) => {
            let members: Vec<String> = members.iter().map(|member| format!("{member:?}")).collect();
            format!("one of {}", members.join(", "))
        }
        AttrKind::Ints => "a list of integers".to_owned(),
        AttrKind::Floats => "a list of numbers".to_owned(),
        AttrKind::Strs => "a list of strings".to_owned(),
        AttrKind::DType => "a dtype".to_owned(),
        AttrKind::Type => "a type".to_owned(),
        AttrKind::Tensor => "a tensor".to_owned(),
    };
    let default = match spec.default {
        Default::Required => "must be given".to_owned(),
        Default::Absent => "may be left out".to_owned(),
        Default::Bool(value) => format!("{value} by default"),
        Default::Int(value) => format!("{value} by default"),
        Default::Float(value) => format!("{value} by default"),
        Default::Str(value) => format!("{value:?} by default"),
        Default::Ints(values) => format!("{values:?} by default"),
        Default::DType(value) => format!("{value} by default"),
    };
    format!("{kind}; {default}")
}

/// All that the table says of an op, for programs.
fn document(op: &OpDef) -> Value {
    let input = |input: &Input| {
        let (count, least) = match input.count {
            Count::One => ("one", 1),
            Count::Optional => ("optional", 0),
            Count::Variadic(least) => ("variadic", least),
            Count::Mixed(least) => ("mixed", least),
        };
        let (kind, dtypes) = match input.kind {
            Kind::Tensor(dtypes) => ("tensor", Some(dtypes.to_string())),
            Kind::Sequence => ("sequence", None),
            Kind::Optional => ("optional", None),
            Kind::Any => ("any", None),
        };
        json!({
            "name": input.name, "count": count, "at_least": least, "kind": kind, "dtypes": dtypes,
            "same_dtype_as": input.letter.map(String::from), "shapes": input.shapes,
        })
    };
    let attr = |spec: &AttrSpec| {
        let members = match spec.kind {
            AttrKind::Enum(members) => Some(members),
            _ => None,
        };
        let default = match spec.default {
            Default::Required | Default::Absent => Value::Null,
            Default::Bool(value) => json!(value),
            Default::Int(value) => json!(value),
            Default::Float(value) if value.is_finite() => json!(value),
            Default::Float(value) => json!(value.to_string()),
            Default::Str(value) => json!(value),
            Default::Ints(values) => json!(values),
            Default::DType(value) => json!(value.to_string()),
        };
        json!({
            "name": spec.name, "kind": spec.kind.name(), "members": members,
            "required": spec.default == Default::Required, "default": default,
        })
    };
    json!({
        "name": op.name,
        "tier": tier(op),
        "doc": op.doc,
        "operands": op.inputs.iter().map(input).collect::<Vec<_>>(),
        "results": op.outputs.iter().map(|output| json!({ "name": output.name, "variadic": output.variadic })).collect::<Vec<_>>(),
        "attributes": op.attrs.iter().map(attr).collect::<Vec<_>>(),
        "constraints": op.constraints.iter().map(|(label, rule)| json!({ "label": label, "rule": rule })).collect::<Vec<_>>(),
        "regions": op.regions,
        "example": op.example,
    })
}
