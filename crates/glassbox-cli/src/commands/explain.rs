//! `glassbox explain`: what a backend makes of a model: which rules were applied, which kernels compute each layer, what no
//! kernel computes and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use glassbox_exec::{Fallback, KernelReport, Report, RuleReport};
use glassbox_ir::{Graph, Type, specialise};
use glassbox_runtime::LoadOptions;
use serde_json::json;

use super::stats;
use super::trace::scope;
use crate::args::Explain;
use crate::view::{self, DIM, ERROR};
use crate::{model, out};

/// Prepares the model and tells what became of it.
pub(crate) fn main(arguments: &Explain) -> Result<()> {
    let model = model::open(&arguments.model, LoadOptions::default())?;
    let runtime = arguments.runs.runtime()?;
    let graph = of_sizes(model.graph()?, &arguments.dims)?;
    let executable = runtime.prepare(graph.clone(), model.params(), &glassbox_backends::options())?;
    let mut report = executable.report();
    if let Some(wanted) = &arguments.layer {
        report.kernels.retain(|kernel| layer(kernel).starts_with(wanted.as_str()));
        report.fallbacks.retain(|left| left.node.starts_with(wanted.as_str()));
    }
    if arguments.json {
        return say!("{}", serde_json::to_string_pretty(&document(&report))?);
    }
    let nodes = model.graph()?.walk().len();
    let last = report.stages.last().map_or(nodes, |stage| stage.nodes);
    let name = view::last_part(model.name());
    out::paragraph(&format!("{name} on {}: {nodes} nodes, {last} as it is run", report.runtime), 2)?;
    rules(&report.rules, arguments.all)?;
    kernels(&report.kernels, arguments.all)?;
    apart(&report.kernels)?;
    left(&report.fallbacks)?;
    memory(report.peak_bytes, &graph)
}

/// The graph with these sizes in the places of symbols.
fn of_sizes(graph: &Arc<Graph>, dims: &[String]) -> Result<Arc<Graph>> {
    if dims.is_empty() {
        return Ok(graph.clone());
    }
    let sizes = stats::sizes(graph, dims)?;
    let types: Vec<Type> = graph.inputs().iter().map(|id| graph.value(*id).ty.substitute(&sizes)).collect();
    Ok(Arc::new(specialise(graph, &types)?))
}

/// What the values of a run take, or how to find out.
fn memory(peak: Option<u64>, graph: &Graph) -> Result<()> {
    let is_sized = |ty: &Type| {
        ty.as_tensor().and_then(|ty| ty.dims()).is_some_and(|dims| dims.iter().all(|dim| dim.as_size().is_some()))
    };
    let told = match peak {
        Some(bytes) => {
            let bytes = view::bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
            format!("{bytes} for the values of a run, without weights and states")
        }
        None if graph.inputs().iter().all(|id| is_sized(&graph.value(*id).ty)) => return Ok(()),
        None => "what the values of a run take hangs on sizes: give them with --dim NAME=SIZE".to_owned(),
    };
    say!()?;
    out::paragraph(&told, 2)
}

/// The layer of a kernel; nothing for what is in none.
fn layer(kernel: &KernelReport) -> String {
    scope(&kernel.provenance).unwrap_or_default()
}

/// The rules that were applied, and with `all` what refused them.
fn rules(rules: &[RuleReport], all: bool) -> Result<()> {
    let mut stages: Vec<(&str, Vec<String>)> = Vec::new();
    for rule in rules {
        let mut words = format!("{} {}×", rule.rule, rule.applied);
        if all && !rule.refused.is_empty() {
            let refused: Vec<String> = rule.refused.iter().map(|(why, count)| format!("{why} {count}×")).collect();
            words += &format!(" (not for {})", refused.join(", "));
        }
        if rule.applied == 0 && (!all || rule.refused.is_empty()) {
            continue;
        }
        match stages.last_mut().filter(|(stage, _)| *stage == rule.stage) {
            Some((_, list)) => list.push(words),
            None => stages.push((&rule.stage, vec![words])),
        }
    }
    if !stages.is_empty() {
        say!("\n{DIM}rules applied{DIM:#}")?;
    }
    stages.iter().try_for_each(|(stage, list)| out::paragraph(&format!("  {stage}: {}", list.join(", ")), 4))
}

/// The kernels of each layer. Layers whose names differ in numbers only and that have the same kernels are told once, unless
/// `all` is wanted.
fn kernels(kernels: &[KernelReport], all: bool) -> Result<()> {
    let mut layers: Vec<(String, Vec<&KernelReport>)> = Vec::new();
    for kernel in kernels.iter().filter(|kernel| kernel.apart.is_none()) {
        let layer = layer(kernel);
        match layers.last_mut().filter(|(last, _)| *last == layer) {
            Some((_, list)) => list.push(kernel),
            None => layers.push((layer, vec![kernel])),
        }
    }
    if !layers.is_empty() {
        let count: usize = layers.iter().map(|(_, list)| list.len()).sum();
        let kernels = if count == 1 { "kernel" } else { "kernels" };
        say!("\n{DIM}{count} {kernels}, by layer{DIM:#}")?;
    }
    let names = |list: &[&KernelReport]| list.iter().map(|kernel| kernel.name.clone()).collect::<Vec<_>>();
    let mut told: BTreeMap<(String, Vec<String>), usize> = BTreeMap::new();
    for (layer, list) in &layers {
        *told.entry((without_numbers(layer), names(list))).or_default() += 1;
    }
    for (layer, list) in &layers {
        let key = (without_numbers(layer), names(list));
        let alike = if all { Some(1) } else { told.remove(&key) };
        let Some(alike) = alike else { continue };
        let more = if alike > 1 { format!(" and {} like it", alike - 1) } else { String::new() };
        let shown = if layer.is_empty() { "in no layer" } else { layer };
        out::paragraph(&format!("  {shown}{more}"), 4)?;
        for kernel in list {
            let nodes = if kernel.nodes > 1 { format!(" ({} nodes)", kernel.nodes) } else { String::new() };
            out::paragraph(&format!("    {}{nodes}", kernel.name), 6)?;
        }
    }
    Ok(())
}

/// The groups that no kernel computes.
fn apart(kernels: &[KernelReport]) -> Result<()> {
    let apart: Vec<&KernelReport> = kernels.iter().filter(|kernel| kernel.apart.is_some()).collect();
    if apart.is_empty() {
        return Ok(());
    }
    say!("\n{ERROR}grouped, but computed node by node{ERROR:#}")?;
    apart.iter().try_for_each(|kernel| {
        let why = kernel.apart.as_deref().unwrap_or_default();
        out::paragraph(&format!("  {} `{}`: {why}", kernel.name, kernel.node), 4)
    })
}

/// The nodes that the reference computes, by why.
fn left(left: &[Fallback]) -> Result<()> {
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for node in left {
        reasons.entry((node.op, node.why.as_str())).or_default().push(&node.node);
    }
    if reasons.is_empty() {
        return say!("\nno node is left to the reference");
    }
    say!("\n{ERROR}left to the reference{ERROR:#}")?;
    reasons.iter().try_for_each(|((op, why), nodes)| {
        let more = if nodes.len() > 1 { format!(" and {} more", nodes.len() - 1) } else { String::new() };
        out::paragraph(&format!("  {op} `{}`{more}: {why}", nodes[0]), 4)
    })
}

/// A name with one mark in the place of each number.
fn without_numbers(name: &str) -> String {
    let mut made = String::with_capacity(name.len());
    for letter in name.chars() {
        if !letter.is_ascii_digit() {
            made.push(letter);
        } else if !made.ends_with('#') {
            made.push('#');
        }
    }
    made
}

fn document(report: &Report) -> serde_json::Value {
    let rule = |rule: &RuleReport| {
        let refused: serde_json::Map<_, _> =
            rule.refused.iter().map(|(why, count)| (why.clone(), json!(count))).collect();
        json!({ "pass": rule.stage, "rule": rule.rule, "applied": rule.applied, "refused": refused })
    };
    let kernel = |kernel: &KernelReport| {
        json!({
            "node": kernel.node, "name": kernel.name, "layer": scope(&kernel.provenance), "nodes": kernel.nodes,
            "apart": kernel.apart,
        })
    };
    let left = |left: &Fallback| json!({ "node": left.node, "op": left.op, "why": left.why });
    json!({
        "backend": report.runtime,
        "rules": report.rules.iter().map(rule).collect::<Vec<_>>(),
        "kernels": report.kernels.iter().map(kernel).collect::<Vec<_>>(),
        "left": report.fallbacks.iter().map(left).collect::<Vec<_>>(),
        "peak_bytes": report.peak_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_layers_are_alike_but_for_numbers() {
        assert_eq!(without_numbers("h.12/attn2"), "h.#/attn#");
        assert_eq!(without_numbers("h.3/attn2"), without_numbers("h.12/attn10"));
    }
}
