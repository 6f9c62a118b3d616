//! `glassbox ops`: the op table.

use anstream::println;
use anyhow::{Result, bail};
use glassbox_ir::{OpDef, Tier, ops};

use crate::args::Ops;
use crate::view::{DIM, NAME};

/// Prints a line for each op, or all of one.
pub(crate) fn main(arguments: &Ops) -> Result<bool> {
    let Some(name) = &arguments.op else {
        for op in ops::TABLE {
            let summary = op.doc.split_once(". ").map_or(op.doc, |(first, _)| first);
            println!("{NAME}{:<28}{NAME:#} {DIM}{:<10}{DIM:#} {summary}", op.name, tier(op));
        }
        return Ok(true);
    };
    let Some(op) = ops::find(name) else { bail!("no op is named `{name}`; `glassbox ops` lists them") };
    print(op);
    Ok(true)
}

fn tier(op: &OpDef) -> &'static str {
    match op.tier {
        Tier::Primitive => "primitive",
        Tier::Composite(_) => "composite",
        Tier::Control => "control",
    }
}

fn print(op: &OpDef) {
    println!("{NAME}{}{NAME:#}  {DIM}{}{DIM:#}\n\n{}\n", op.name, tier(op), op.doc);
    for input in op.inputs {
        let same = input.letter.map(|letter| format!(", dtype {letter}")).unwrap_or_default();
        println!("operand    {}: {:?}, {:?}{same}", input.name, input.count, input.kind);
    }
    for output in op.outputs {
        println!("result     {}{}", output.name, if output.variadic { " …" } else { "" });
    }
    for attr in op.attrs {
        println!("attribute  {}: {}, {:?}", attr.name, attr.kind.name(), attr.default);
    }
    for (label, rule) in op.constraints {
        println!("{label:<10} {rule}");
    }
    println!("example    {}", op.example);
}
