//! Bodies: `If`, `Loop`, `Scan`, and calls, which are functions of the model where they have a name.
//!
//! What the states of a graph hold goes in and out of bodies as further carried values, see [`states`](super::states).

use std::collections::{BTreeSet, HashMap, HashSet};

use glassbox_ir::{Effects, Graph, Node, Region, RegionId, TensorType, Type, ValueId};
use prost::Message;

use crate::proto::{FunctionProto, GraphProto, NodeProto, OperatorSetIdProto, ValueInfoProto};

use super::attributes;
use super::emitter::{Data, Why, is_small};
use super::site::Site;

/// The domain of the functions that calls become whose own name has none.
const DOMAIN: &str = "glassbox.functions";

/// Every node in a region, those of the regions in it included.
fn walk(graph: &Graph, region: RegionId, visit: &mut dyn FnMut(&Node)) {
    for id in &graph.region(region).nodes {
        let node = graph.node(*id);
        visit(node);
        node.regions.iter().for_each(|inner| walk(graph, *inner, visit));
    }
}

/// The states that nodes in a region change, in the order of their names.
fn changed(graph: &Graph, region: RegionId) -> BTreeSet<&str> {
    let mut states = BTreeSet::new();
    walk(graph, region, &mut |node| {
        if let Some(state) = node.state().filter(|_| node.op.effects.contains(Effects::WRITES))
            && let Some(state) = graph.state(state)
        {
            states.insert(state.name.as_str());
        }
    });
    states
}

fn has_states(graph: &Graph, region: RegionId) -> bool {
    let mut any = false;
    walk(graph, region, &mut |node| any |= node.state().is_some());
    any
}

/// The values from around a region that nodes in it read, in the order of their first use.
fn captures(graph: &Graph, region: RegionId) -> Vec<ValueId> {
    fn inside(graph: &Graph, region: RegionId, defined: &mut HashSet<ValueId>) {
        defined.extend(&graph.region(region).parameters);
        for id in &graph.region(region).nodes {
            defined.extend(&graph.node(*id).results);
            graph.node(*id).regions.iter().for_each(|inner| inside(graph, *inner, defined));
        }
    }
    let mut defined = HashSet::new();
    inside(graph, region, &mut defined);
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut look = |values: &mut dyn Iterator<Item = ValueId>| {
        found.extend(values.filter(|value| !defined.contains(value) && seen.insert(*value)));
    };
    look(&mut graph.region(region).results.iter().copied());
    walk(graph, region, &mut |node| {
        look(&mut node.operands.iter().flatten().copied());
        node.regions.iter().for_each(|inner| look(&mut graph.region(*inner).results.iter().copied()));
    });
    found
}

/// What a state may hold, as far as it is known of all turns.
pub(super) fn state_type(graph: &Graph, state: &str) -> Type {
    match graph.state(state) {
        Some(state) => {
            let any = |(axis, dim): (usize, &glassbox_ir::Dim)| {
                if state.grows(axis) { glassbox_ir::Dim::Unknown } else { dim.clone() }
            };
            let dims = state.ty.dims().unwrap_or_default().iter().enumerate().map(any).collect();
            TensorType { dtype: state.ty.dtype, shape: glassbox_ir::Shape::Ranked(dims) }.into()
        }
        None => Type::unranked(glassbox_tensor::DType::F32),
    }
}

/// A body: its parameters, then the nodes of the region, then what it gives.
struct Writing<'g> {
    region: RegionId,
    /// The states whose contents the body is given and gives, after `states_at` of its parameters and results.
    states: Vec<&'g str>,
    parameters_before: usize,
    results_before: usize,
    /// Whether it is given what the states hold, or reads it from around.
    takes: bool,
}

/// Writes the body of a node as a graph.
fn body<'g>(site: &mut Site<'_, 'g>, writing: &Writing<'g>) -> Result<GraphProto, Why> {
    let graph = site.e.graph;
    let region = graph.region(writing.region);
    let outer = site.e.states.clone();
    let mut input: Vec<ValueInfoProto> = Vec::new();
    for id in &region.parameters {
        let name = site.e.name(*id, "parameter");
        input.push(attributes::value_info(&name, &graph.value(*id).ty)?);
    }
    if writing.takes {
        for (place, state) in writing.states.iter().enumerate() {
            let name = site.e.fresh(&format!("{state}_before"));
            input.insert(writing.parameters_before + place, attributes::value_info(&name, &state_type(graph, state))?);
            site.e.states.insert(state, name);
        }
    }
    site.e.open(false);
    site.e.region(writing.region);
    let mut names = Vec::with_capacity(region.results.len());
    for id in &region.results {
        names.push((site.e.name(*id, "value"), graph.value(*id).ty.clone()));
    }
    for (place, state) in writing.states.iter().enumerate() {
        let held = site.e.states.get(state).cloned().unwrap_or_default();
        names.insert(writing.results_before + place, (held, state_type(graph, state)));
    }
    let (names, types): (Vec<String>, Vec<Type>) = names.into_iter().unzip();
    let names = site.e.given_names(names);
    // The dims of a branch that never runs may be such that they can't be; readers infer those of the others themselves.
    let shown = |ty: &Type| match ty {
        Type::Tensor(tensor) if !writing.takes => Type::unranked(tensor.dtype),
        ty => ty.clone(),
    };
    let output = names.iter().zip(&types).map(|(name, ty)| attributes::value_info(name, &shown(ty)));
    let output = output.collect::<Result<Vec<_>, Why>>()?;
    let (node, _) = site.e.close();
    site.e.states = outer;
    let value_info = if writing.takes { types_within(site, region, &names)? } else { Vec::new() };
    let name = site.e.fresh(&format!("{}_body", site.node.op.name));
    Ok(GraphProto { node, name: Some(name), input, output, value_info, ..GraphProto::default() })
}

/// The types of the values that nodes of the body of a loop give, as far as they have a name and aren't its results: a reader
/// doesn't see constants of around, and so can't infer them.
fn types_within(site: &Site, region: &Region, results: &[String]) -> Result<Vec<ValueInfoProto>, Why> {
    let graph = site.e.graph;
    let values = region.nodes.iter().flat_map(|id| &graph.node(*id).results);
    let shown = values.filter_map(|id| {
        let ranked = graph.value(*id).ty.as_tensor().is_some_and(|tensor| tensor.rank().is_some());
        let name = site.e.known_name(*id).filter(|name| ranked && !site.e.is_weight(name))?;
        (!results.iter().any(|result| result == name)).then_some((name, *id))
    });
    shown.map(|(name, id)| attributes::value_info(name, &graph.value(id).ty)).collect()
}

/// The states have to be known outside of a body before it is written, so that what they hold has a name there.
fn hold<'g>(site: &mut Site<'_, 'g>) {
    let graph = site.e.graph;
    let mut states: BTreeSet<&'g str> = BTreeSet::new();
    for region in &site.node.regions {
        walk(graph, *region, &mut |node| {
            states.extend(node.state().and_then(|name| graph.state(name)).map(|state| state.name.as_str()));
        });
    }
    for state in states {
        site.e.held(state);
    }
}

/// Names for what states hold after a node, which they have from here on.
fn after<'g>(site: &mut Site<'_, 'g>, states: &[&'g str]) -> Vec<String> {
    let mut names = Vec::with_capacity(states.len());
    for state in states {
        let name = site.e.fresh(&format!("{state}_after"));
        site.e.states.insert(state, name.clone());
        names.push(name);
    }
    names
}

pub(super) fn branch(site: &mut Site) -> Result<(), Why> {
    hold(site);
    let graph = site.e.graph;
    let mut states = BTreeSet::new();
    for region in &site.node.regions {
        states.extend(changed(graph, *region));
    }
    let states: Vec<&str> = states.into_iter().collect();
    let regions = site.node.regions.clone();
    let mut made = Vec::new();
    for (name, region) in ["then_branch", "else_branch"].into_iter().zip(regions) {
        let count = site.results.len();
        let writing =
            Writing { region, states: states.clone(), parameters_before: 0, results_before: count, takes: false };
        made.push(attributes::graph(name, body(site, &writing)?));
    }
    let mut results = site.results.clone();
    results.extend(after(site, &states));
    let condition = site.operands.clone();
    site.put("If", &condition, &results, made)
}

/// The one body of the node.
fn only(site: &Site) -> Result<RegionId, Why> {
    site.node.regions.first().copied().ok_or_else(|| "it has no body".to_owned())
}

pub(super) fn repeat(site: &mut Site) -> Result<(), Why> {
    hold(site);
    let region = only(site)?;
    let states: Vec<&str> = changed(site.e.graph, region).into_iter().collect();
    let carried = site.node.operands.len().saturating_sub(2);
    let mut operands = site.operands.clone();
    operands.resize(2 + carried, String::new());
    for state in &states {
        operands.push(site.e.held(state));
    }
    while operands.last().is_some_and(String::is_empty) {
        operands.pop();
    }
    let writing = Writing {
        region,
        states: states.clone(),
        parameters_before: 2 + carried,
        results_before: 1 + carried,
        takes: true,
    };
    let made = vec![attributes::graph("body", body(site, &writing)?)];
    let mut results = site.results.clone();
    let names = after(site, &states);
    results.splice(carried..carried, names);
    site.put("Loop", &operands, &results, made)
}

pub(super) fn scan(site: &mut Site) -> Result<(), Why> {
    hold(site);
    let region = only(site)?;
    let states: Vec<&str> = changed(site.e.graph, region).into_iter().collect();
    let inputs = usize::try_from(site.attr().int("num_scan_inputs")).unwrap_or_default();
    let carried = site.operands.len().saturating_sub(inputs);
    let mut operands = site.operands.clone();
    let mut held = Vec::with_capacity(states.len());
    for state in &states {
        held.push(site.e.held(state));
    }
    operands.splice(carried..carried, held);
    let writing =
        Writing { region, states: states.clone(), parameters_before: carried, results_before: carried, takes: true };
    let graph = body(site, &writing)?;
    let mut made = attributes::of(site, "Scan")?;
    made.push(attributes::graph("body", graph));
    let mut results = site.results.clone();
    let names = after(site, &states);
    results.splice(carried..carried, names);
    site.put("Scan", &operands, &results, made)
}

/// A call with a name is a function of the model; another, or one that uses states, stands where it is called.
pub(super) fn call(site: &mut Site) -> Result<(), Why> {
    let region = only(site)?;
    let named = site.attr().opt_str("function").is_some();
    if !named || !site.e.functions || has_states(site.e.graph, region) {
        return inline(site, region);
    }
    function(site, region)
}

fn inline(site: &mut Site, region: RegionId) -> Result<(), Why> {
    let graph = site.e.graph;
    for (parameter, operand) in graph.region(region).parameters.iter().zip(site.operands.clone()) {
        site.e.call_it(*parameter, operand);
    }
    site.e.region(region);
    for (value, result) in graph.region(region).results.iter().zip(site.results.clone()) {
        let name = site.e.name(*value, "value");
        site.e.copy_as(&name, &result);
    }
    Ok(())
}

fn function(site: &mut Site, region: RegionId) -> Result<(), Why> {
    let graph = site.e.graph;
    let (mut inputs, mut operands) = (Vec::new(), site.operands.clone());
    operands.resize(site.node.operands.len(), String::new());
    for id in &graph.region(region).parameters {
        inputs.push(site.e.name(*id, "parameter"));
    }
    site.e.open(true);
    for id in captures(graph, region) {
        let name = site.e.name(id, "value");
        match site.e.constant(id) {
            Some(tensor) if is_small(tensor) => {
                site.e.weight(name, Data::Tensor(tensor.clone()))?;
            }
            Some(_) => site.e.needs(&name),
            None if site.e.is_weight(&name) => site.e.needs(&name),
            None => {
                inputs.push(name.clone());
                operands.push(name);
            }
        }
    }
    site.e.region(region);
    let output = site.e.given(&graph.region(region).results);
    let (nodes, extra) = site.e.close();
    for name in extra {
        // A function around this one is given it too.
        site.e.needs(&name);
        inputs.push(name.clone());
        operands.push(name);
    }
    let full = site.attr().str("function").to_owned();
    let (domain, name) = full.rsplit_once('.').filter(|(domain, _)| !domain.is_empty()).unwrap_or((DOMAIN, &full));
    let made = FunctionProto {
        name: Some(name.to_owned()),
        domain: Some(domain.to_owned()),
        input: inputs,
        output,
        node: nodes,
        ..FunctionProto::default()
    };
    let key = renamed(made.clone(), false).encode_to_vec();
    let made = renamed(made, true);
    let name = match site.e.function_names.get(&key) {
        Some(name) => name.clone(),
        None => {
            let name = site.e.fresh(&format!("{domain}.{name}"));
            let name = name.strip_prefix(&format!("{domain}.")).unwrap_or(&name).to_owned();
            site.e.function_names.insert(key, name.clone());
            let mut opset_import = site.e.opset_imports();
            let mut called = BTreeSet::new();
            domains(&made.node, &mut called);
            called.retain(|domain| !opset_import.iter().any(|import| import.domain.as_deref() == Some(domain)));
            opset_import.extend(
                called.iter().map(|domain| OperatorSetIdProto { domain: Some((*domain).to_owned()), version: Some(1) }),
            );
            site.e.made.push(FunctionProto { name: Some(name.clone()), opset_import, ..made });
            name
        }
    };
    let domain = domain.to_owned();
    site.call_function(domain, name, operands);
    Ok(())
}

/// The domains of nodes, those in bodies included.
fn domains<'n>(nodes: &'n [NodeProto], found: &mut BTreeSet<&'n str>) {
    for node in nodes {
        found.extend(node.domain.as_deref());
        let graphs = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
        graphs.for_each(|graph| domains(&graph.node, found));
    }
}

/// A function with names of its own inside. Those to be read are what stands behind the last slash of the old ones, where
/// nothing else in the function has it; others are numbers, so that two functions that do the same are the same.
fn renamed(mut function: FunctionProto, to_read: bool) -> FunctionProto {
    let mut names: HashMap<String, String> = HashMap::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut name = |old: &str| -> String {
        if old.is_empty() {
            return String::new();
        }
        if let Some(new) = names.get(old) {
            return new.clone();
        }
        let short = old.rsplit('/').next().filter(|short| !short.is_empty()).unwrap_or(old);
        // Numbers at the end only tell apart; here they are given anew.
        let stem = short.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        let stem = if stem.is_empty() || !to_read { "value" } else { stem };
        let mut new = stem.to_owned();
        let mut number = 1;
        while !taken.insert(new.clone()) {
            number += 1;
            new = format!("{stem}_{number}");
        }
        names.insert(old.to_owned(), new.clone());
        new
    };
    let all = |list: &mut Vec<String>, name: &mut dyn FnMut(&str) -> String| {
        list.iter_mut().for_each(|text| *text = name(text));
    };
    fn nodes(list: &mut [NodeProto], name: &mut dyn FnMut(&str) -> String) {
        for node in list {
            node.input.iter_mut().for_each(|text| *text = name(text));
            node.output.iter_mut().for_each(|text| *text = name(text));
            node.name = None;
            for graph in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
                let infos = graph.input.iter_mut().filter_map(|info| info.name.as_mut());
                infos.for_each(|text| *text = name(text));
                nodes(&mut graph.node, name);
                let infos = graph.output.iter_mut().filter_map(|info| info.name.as_mut());
                infos.for_each(|text| *text = name(text));
                graph.name = Some("body".to_owned());
            }
        }
    }
    all(&mut function.input, &mut name);
    nodes(&mut function.node, &mut name);
    all(&mut function.output, &mut name);
    function
}
