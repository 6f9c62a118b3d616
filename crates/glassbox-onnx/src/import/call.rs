//! Calls of model-local functions.
//!
//! A call becomes a `call` node whose body is the function's, converted for this call's types and
//! attributes. Arguments whose contents are known are read by the body from outside instead of being
//! passed, so that shape computations inside a function stay as certain as outside.

use glassbox_ir::{Expr, Origin, Provenance, ValueId, attrs, ops};

use crate::error::OnnxError;
use crate::model::{AttributeValue, Function, Node};

use super::scope::{Scope, Site};
use super::{AttributesOf, MAX_REGIONS, build_graph};

/// Builds a call; gives what stands for the node's outputs.
pub(super) fn call(
    site: Site<'_>,
    node: &Node,
    function: &Function,
    operands: Vec<Option<ValueId>>,
    attributes: AttributesOf<'_>,
) -> Result<Vec<ValueId>, OnnxError> {
    let label = format!("{}{}", site.prefix, node.label());
    let place = format!("the call `{label}` of function `{}`", function.label());
    let inputs = &function.body.inputs;
    if operands.len() > inputs.len() {
        let rule = format!("it has {} operands, the function takes {}", operands.len(), inputs.len());
        return Err(OnnxError::structure(place, rule));
    }
    if node.outputs.len() > function.body.outputs.len() {
        let rule = format!("it has {} outputs, the function gives {}", node.outputs.len(), function.body.outputs.len());
        return Err(OnnxError::structure(place, rule));
    }
    if site.depth >= MAX_REGIONS {
        return Err(OnnxError::TooLarge(format!("bodies nest deeper than {MAX_REGIONS} at {place}")));
    }
    let version = site.opsets.get(&node.domain).copied().unwrap_or_default();
    let unsupported = |what| OnnxError::UnsupportedUse { node: label.clone(), op: node.full_op(), version, what };
    let bindings = bindings(function, attributes, &place, &unsupported)?;
    let f = site.frame.f;
    let known = |id: &ValueId| f.builder().known(*id).is_some();
    let passed: Vec<ValueId> = operands.iter().copied().flatten().filter(|id| !known(id)).collect();
    let types: Vec<_> = passed.iter().map(|id| f.builder().type_of(*id).clone()).collect();
    let (region, parameters) = f.builder().begin_region(&types);
    let mut parameters = parameters.into_iter();
    let scope = Scope::default();
    let prefix = format!("{label}/");
    for (index, input) in inputs.iter().enumerate() {
        let operand = operands.get(index).copied().flatten();
        let value = match operand {
            Some(id) if !known(&id) => parameters.next(),
            other => other,
        };
        scope.define(&input.name, value);
        if let Some(parameter) = value.filter(|value| operand != Some(*value)) {
            site.frame.name(parameter, &prefix, &input.name);
        }
    }
    let inner = Site {
        frame: site.frame,
        opsets: &function.opsets,
        function: Some(function),
        bindings: &bindings,
        prefix: &prefix,
        depth: site.depth + 1,
        scope: &scope,
    };
    let asked: Vec<usize> = (0..node.outputs.len()).filter(|index| !node.outputs[*index].is_empty()).collect();
    let results = build_graph(inner, &function.body, &place)?;
    f.builder().end_region(asked.iter().map(|index| results[*index]).collect());
    let origin = Origin::Onnx { node: label.clone(), op: node.full_op() };
    f.builder().set_provenance(Provenance::new(origin));
    let operands: Vec<_> = passed.iter().map(|id| Some(f.expr(*id))).collect();
    let attrs = attrs! { function: function.label() };
    let given = f.op_many(&ops::call::OP, &operands, attrs, vec![region], asked.len());
    let refused =
        |source| OnnxError::Build { node: label.clone(), op: node.full_op(), version, error: Box::new(source) };
    f.check().map_err(refused)?;
    let given = given.into_iter().map(Expr::id).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    // An output that isn't asked for has no name, so any value may stand in its place.
    let mut given = given.into_iter();
    let filler = results.first().copied();
    Ok(node.outputs.iter().filter_map(|name| if name.is_empty() { filler } else { given.next() }).collect())
}

/// What the function's attributes are in this call: what the caller gives, else the default.
fn bindings<'a>(
    function: &'a Function,
    given: AttributesOf<'a>,
    place: &str,
    unsupported: &dyn Fn(String) -> OnnxError,
) -> Result<AttributesOf<'a>, OnnxError> {
    for (name, value) in &given {
        let declared = function.attributes.iter().chain(function.defaults.iter().map(|default| &default.name));
        if !declared.into_iter().any(|declared| declared == name) {
            return Err(OnnxError::structure(place, format!("the function has no attribute `{name}`")));
        }
        if matches!(value, AttributeValue::Graph(_) | AttributeValue::Graphs(_)) {
            return Err(unsupported(format!("the attribute `{name}` of a function, a graph,")));
        }
    }
    let mut bindings = given;
    for default in &function.defaults {
        if !bindings.iter().any(|(name, _)| *name == default.name) {
            bindings.push((&default.name, &default.value));
        }
    }
    Ok(bindings)
}
