//! `Gradient`: derivatives of a value of the graph, for the arithmetic that it may come from.
//!
//! In: the names of values, which must be the node's operands, and of the value that is derived. Out: nodes that compute
//! the derivative by each of them, by the chain rule from the value back. Nodes on the way may be sums, differences,
//! products and opposites of tensors of the same shape, and identities; another op is an error that names it.

use std::collections::HashMap;

use super::prelude::*;
use crate::error::OnnxError;
use glassbox_ir::{NodeId, ValueId};

pub(super) const ROWS: &[Row] = &[row("ai.onnx.preview.training.Gradient", 1, formula(gradient))];

fn gradient<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let xs = c.required("xs", c.strs("xs")?)?;
    let y = c.required("y", c.opt_str("y")?)?;
    let zs = c.strs("zs")?.unwrap_or_default();
    let mut sources = Vec::with_capacity(xs.len());
    for (index, name) in xs.iter().chain(&zs).enumerate() {
        let operand = c.x(index).id().map_err(|error| c.error(error))?;
        if c.named(name) != Some(operand) {
            return Err(c.unsupported(format!("another operand {index} than the value `{name}` itself")));
        }
        sources.push(operand);
    }
    let y = c.named(y).ok_or_else(|| c.error(format!("attribute `y` names {y:?}, which is no value of the graph")))?;
    let mut slopes = HashMap::from([(y, c.f.expr(y) * 0.0 + 1.0)]);
    for node in producers(c, y, &sources) {
        for (operand, slope) in step(c, node, &slopes)? {
            slopes.entry(operand).and_modify(|sum| *sum = *sum + slope).or_insert(slope);
        }
    }
    // What y doesn't come from has no influence on it.
    let of = |x: &ValueId| slopes.get(x).copied().unwrap_or_else(|| c.f.expr(*x) * 0.0);
    Ok(sources[..xs.len()].iter().map(of).collect())
}

/// The nodes that a value comes from, up to the sources, each after those that read what it gives.
fn producers(c: &NodeContext, y: ValueId, sources: &[ValueId]) -> Vec<NodeId> {
    let mut order = Vec::new();
    let mut waiting = vec![(y, false)];
    let mut seen = std::collections::HashSet::new();
    while let Some((value, done)) = waiting.pop() {
        let Some((node, _)) = c.f.builder().def(value) else { continue };
        if done {
            order.push(node);
        } else if !sources.contains(&value) && seen.insert(node) {
            waiting.push((value, true));
            let operands = c.f.graph().node(node).operands.clone();
            waiting.extend(operands.into_iter().flatten().map(|operand| (operand, false)));
        }
    }
    order.reverse();
    order
}

/// What a node adds to the slopes of its operands.
fn step<'a>(
    c: &NodeContext<'a>,
    node: NodeId,
    slopes: &HashMap<ValueId, Expr<'a>>,
) -> Result<Vec<(ValueId, Expr<'a>)>, OnnxError> {
    let (op, operands, result) = {
        let graph = c.f.graph();
        let node = graph.node(node);
        (node.op.name, node.operands.iter().copied().flatten().collect::<Vec<_>>(), node.results.first().copied())
    };
    let Some(slope) = result.and_then(|result| slopes.get(&result).copied()) else { return Ok(Vec::new()) };
    if operands.iter().any(|operand| c.f.expr(*operand).ty() != slope.ty()) && op != "constant" {
        return Err(c.unsupported(format!("the derivative of `{op}` of tensors of other shapes than its result")));
    }
    let x = |index: usize| c.f.expr(operands[index]);
    Ok(match (op, operands.len()) {
        ("constant", _) => Vec::new(),
        ("identity", 1) => vec![(operands[0], slope)],
        ("neg", 1) => vec![(operands[0], -slope)],
        ("add", 2) => vec![(operands[0], slope), (operands[1], slope)],
        ("sub", 2) => vec![(operands[0], slope), (operands[1], -slope)],
        ("mul", 2) => vec![(operands[0], slope * x(1)), (operands[1], slope * x(0))],
        _ => return Err(c.unsupported(format!("the derivative of `{op}`"))),
    })
}
