//! Graphs of a model as regions of the IR: their constants, then their nodes, each by its row or as a call of a function.
//!
//! In: a [`Site`], where values of the graphs around have names already. Out: values; names and notes go to the site's frame.

use std::collections::HashSet;

use glassbox_ir::{Expr, Origin, Provenance, Type, ValueId};

use super::context::{BuiltRegion, NodeContext};
use super::scope::{Scope, Site};
use super::{AttributesOf, MAX_NAME_BYTES, MAX_REGIONS, call, support};
use crate::error::OnnxError;
use crate::model::{Attribute, AttributeValue, Declared, Graph, Node, ValueInfo};
use crate::names::read_names;
use crate::ops::{self, Convert};

/// The inputs that no initializer gives.
fn formal_inputs(graph: &Graph) -> Vec<&ValueInfo> {
    let given: HashSet<&str> = graph.initializers.iter().map(|(name, _)| name.as_str()).collect();
    graph.inputs.iter().filter(|input| !given.contains(input.name.as_str())).collect()
}

/// Builds a graph as a region of a node, whose parameters have these types.
pub(crate) fn build_region(
    site: Site<'_>,
    graph: &Graph,
    parameters: &[Type],
    place: &str,
) -> Result<BuiltRegion, OnnxError> {
    let place = format!("graph `{}` of {place}", graph.name);
    if site.depth >= MAX_REGIONS {
        return Err(OnnxError::TooLarge(format!("bodies nest deeper than {MAX_REGIONS} at {place}")));
    }
    let inputs = formal_inputs(graph);
    if inputs.len() != parameters.len() {
        let rule = format!("it takes {} values, but the node gives it {}", inputs.len(), parameters.len());
        return Err(OnnxError::structure(place, rule));
    }
    let (id, values) = site.frame.f.builder().begin_region(parameters);
    let scope = Scope::inside(site.scope);
    let site = Site { depth: site.depth + 1, scope: &scope, ..site };
    for (input, value) in inputs.iter().zip(values) {
        scope.define(&input.name, Some(value));
        site.frame.name(value, site.prefix, &input.name);
        check_declared(site, input, value, &place)?;
    }
    let results = build_graph(site, graph, &place)?;
    let mut builder = site.frame.f.builder();
    let types = results.iter().map(|result| builder.type_of(*result).clone()).collect();
    builder.end_region(results);
    Ok(BuiltRegion { id, results: types })
}

/// Builds the constants and nodes of a graph whose inputs are defined; gives its outputs.
pub(crate) fn build_graph(site: Site<'_>, graph: &Graph, place: &str) -> Result<Vec<ValueId>, OnnxError> {
    build_constants(site, graph);
    for node in &graph.nodes {
        build_node(site, node)?;
    }
    let mut outputs = Vec::with_capacity(graph.outputs.len());
    for output in &graph.outputs {
        let Some(value) = site.scope.find(&output.name).flatten() else {
            let what = match site.scope.find_map(&output.name) {
                Some(_) => "is a map that it was given, and no value here; take it out of the outputs",
                None => "is no value of the graph",
            };
            return Err(OnnxError::structure(place, format!("its output `{}` {what}", output.name)));
        };
        check_declared(site, output, value, place)?;
        outputs.push(value);
    }
    for info in graph.values.iter().chain(&graph.inputs) {
        if let Some(value) = site.scope.find(&info.name).flatten() {
            check_declared(site, info, value, place)?;
        }
    }
    Ok(outputs)
}

/// The initializers that something reads.
fn build_constants(site: Site<'_>, graph: &Graph) {
    let mut read: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
    graph.nodes.iter().for_each(|node| read_names(node, &mut read));
    let read: HashSet<&str> = read.into_iter().collect();
    // An initializer that a run overrides is an input, which is defined already.
    let wanted = |name: &str| read.contains(name) && !site.scope.has(name);
    for (name, tensor) in graph.initializers.iter().filter(|(name, _)| wanted(name)) {
        let mut builder = site.frame.f.builder();
        let origin = Origin::Onnx { node: format!("{}{name}", site.prefix), op: "Initializer".to_owned() };
        builder.set_provenance(Provenance::new(origin));
        let value = builder.constant(tensor.clone());
        drop(builder);
        site.scope.define(name, Some(value));
        site.frame.name(value, site.prefix, name);
    }
}

fn build_node(site: Site<'_>, node: &Node) -> Result<(), OnnxError> {
    let left = site.frame.nodes_left.get().checked_sub(1);
    let left = left.ok_or_else(|| support::too_many_nodes(site.frame.most_nodes))?;
    site.frame.nodes_left.set(left);
    count_names(site, node)?;
    let attributes = resolve_attributes(site, node)?;
    let mut operands = Vec::with_capacity(node.inputs.len());
    for input in node.inputs.iter() {
        match site.scope.find_map(input) {
            Some(parts) => operands.extend(map_operands(site, node, input, parts)?),
            None if input.is_empty() => operands.push(None),
            None => operands.push(find_operand(site, node, input)?),
        }
    }
    while operands.last() == Some(&None) {
        operands.pop();
    }
    let before = site.frame.f.graph().value_count();
    let results = match support::called(site.frame.functions, node) {
        Some(function) => call::call(site, node, function, operands, attributes)?,
        None => convert(site, node, operands, attributes)?,
    };
    for (output, value) in node.outputs.iter().zip(results).filter(|(output, _)| !output.is_empty()) {
        let value = if value.index() < before { pass_on(site, node, value)? } else { value };
        site.scope.define(output, Some(value));
        site.frame.name(value, site.prefix, output);
    }
    Ok(())
}

/// What a node passes on as it is has a value of its own under the node's name, so that it can be seen, and held against
/// what another model gives at that place.
fn pass_on(site: Site<'_>, node: &Node, value: ValueId) -> Result<ValueId, OnnxError> {
    let f = site.frame.f;
    let origin = Origin::Onnx { node: format!("{}{}", site.prefix, node.label()), op: node.full_op() };
    f.builder().set_provenance(Provenance::new(origin));
    f.op(&glassbox_ir::ops::identity::OP, &[f.expr(value)], glassbox_ir::Attrs::new()).id().map_err(OnnxError::Graph)
}

/// Counts the bytes of a node's names inside a function: its own and its outputs', each behind those of the
/// calls, and as often as the function is called.
fn count_names(site: Site<'_>, node: &Node) -> Result<(), OnnxError> {
    if site.prefix.is_empty() {
        return Ok(());
    }
    let names = node.outputs.iter().map(String::len).chain([node.label().len() + node.op.len()]);
    let bytes = names.fold(0usize, |total, length| total.saturating_add(site.prefix.len() + length));
    let left = site.frame.name_bytes_left.get().checked_sub(bytes);
    let rule = || format!("the names inside functions take more than {MAX_NAME_BYTES} bytes; shorten those of calls");
    site.frame.name_bytes_left.set(left.ok_or_else(|| OnnxError::TooLarge(rule()))?);
    Ok(())
}

/// The keys and values of a map, where the node takes maps.
fn map_operands(
    site: Site<'_>,
    node: &Node,
    name: &str,
    parts: [ValueId; 2],
) -> Result<[Option<ValueId>; 2], OnnxError> {
    let row = site.opsets.get(&node.domain).and_then(|version| ops::find(&node.domain, &node.op, *version));
    if support::called(site.frame.functions, node).is_none() && row.is_some_and(|row| row.takes_maps) {
        return Ok(parts.map(Some));
    }
    let place = format!("{} `{}{}`", node.full_op(), site.prefix, node.label());
    let rule = "which no op but CastMap and DictVectorizer of ai.onnx.ml takes";
    Err(OnnxError::structure(place, format!("its input `{name}` is a map, {rule}")))
}

fn find_operand(site: Site<'_>, node: &Node, name: &str) -> Result<Option<ValueId>, OnnxError> {
    site.scope.find(name).ok_or_else(|| {
        let place = format!("{} `{}{}`", node.full_op(), site.prefix, node.label());
        OnnxError::structure(place, format!("its input `{name}` is no value of the model"))
    })
}

/// Converts a node by its row.
fn convert(
    site: Site<'_>,
    node: &Node,
    operands: Vec<Option<ValueId>>,
    attributes: AttributesOf<'_>,
) -> Result<Vec<ValueId>, OnnxError> {
    let version = site.opsets.get(&node.domain).copied();
    let row = version.and_then(|version| ops::find(&node.domain, &node.op, version));
    let (Some(version), Some(row)) = (version, row) else {
        let (op, domain) = (node.op.clone(), node.domain.clone());
        let unsupported = crate::error::UnsupportedNode { node: node.label().to_owned(), op, domain, version };
        return Err(OnnxError::Unsupported(vec![unsupported]));
    };
    let context = NodeContext::new(site, node, version, operands, attributes);
    let results = match row.convert {
        Convert::Direct(op) => context.direct(op),
        Convert::Bare(op) => context.with_attrs(op, glassbox_ir::Attrs::new()),
        Convert::Formula(formula) => formula(&context),
    };
    // The first mistake is the cause of what follows it.
    context.f.check().map_err(|error| context.refused(error))?;
    let results = results?;
    context.check_all_read()?;
    context.check_operands_read()?;
    if results.len() < context.outputs {
        let (asked, given) = (context.outputs, results.len());
        return Err(context.error(format!("{asked} outputs are asked for, but it has {given}")));
    }
    results.into_iter().map(Expr::id).collect::<Result<_, _>>().map_err(|error| context.refused(error))
}

/// The attributes of a node. Those that refer to the function's are what the caller gives, or are
/// absent where it gives none.
fn resolve_attributes<'a>(site: Site<'a>, node: &'a Node) -> Result<AttributesOf<'a>, OnnxError> {
    let mut resolved = Vec::with_capacity(node.attributes.len());
    for Attribute { name, value } in &node.attributes {
        let AttributeValue::Reference(reference) = value else {
            resolved.push((name.as_str(), value));
            continue;
        };
        let declared = site.function.is_some_and(|function| {
            function.attributes.contains(reference)
                || function.defaults.iter().any(|default| default.name == *reference)
        });
        if !declared {
            let place = format!("attribute `{name}` of {} `{}{}`", node.full_op(), site.prefix, node.label());
            let rule = format!("it refers to the attribute `{reference}` of a function, but there is none");
            return Err(OnnxError::structure(place, rule));
        }
        let found = site.bindings.iter().find(|(bound, _)| bound == reference);
        resolved.extend(found.map(|(_, value)| (name.as_str(), *value)));
    }
    Ok(resolved)
}

/// Compares a declared type with the value's.
fn check_declared(site: Site<'_>, info: &ValueInfo, value: ValueId, place: &str) -> Result<(), OnnxError> {
    let Declared::Known(declared) = &info.ty else { return Ok(()) };
    let builder = site.frame.f.builder();
    let actual = builder.type_of(value);
    let message = || format!("`{}{}` is declared {declared}, but it is {actual}", site.prefix, info.name);
    if declared.join(actual).is_none() {
        return Err(OnnxError::structure(place, message()));
    }
    if !declared.admits(actual) {
        site.frame.notes.borrow_mut().push(format!("{place}: {}", message()));
    }
    Ok(())
}
