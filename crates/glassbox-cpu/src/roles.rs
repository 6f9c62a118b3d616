//! What single nodes can be in kernels that are generated.

use glassbox_ir::{Graph, Node, OpDef, ValueId, ops};
use glassbox_kernels::tile::Operation;
use glassbox_tensor::DType;

use crate::facts::Facts;

/// What a node is in a tile program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Each element of its result is computed from one element of each operand.
    Elementwise,
    /// It puts together the elements of the last axes.
    Reduction {
        /// How many axes come before the reduced ones.
        kept: usize,
        /// Whether the reduced axes stay, with one element.
        keepdims: bool,
    },
}

/// What a node can be in a tile program, if anything.
pub(crate) fn role_of(facts: &Facts, graph: &Graph, node: &Node) -> Option<Role> {
    let dtype = |value: &ValueId| graph.value(*value).ty.as_tensor().map(|ty| ty.dtype);
    if let Some(kept_of) = reduction(node.op) {
        let _ = kept_of;
        let x = node.operands.first().copied().flatten()?;
        let rank = graph.value(x).ty.as_tensor()?.rank()?;
        let axes = facts.reduced_axes(graph, node)?;
        let kept = rank.checked_sub(axes.len())?;
        let last = axes.iter().enumerate().all(|(place, axis)| *axis == kept + place);
        let keepdims = glassbox_ir::AttrView::new(node.op, &node.attrs).bool("keepdims");
        return (dtype(&x) == Some(DType::F32) && last && !axes.is_empty()).then_some(Role::Reduction { kept, keepdims });
    }
    let values = || node.operands.iter().flatten().chain(&node.results);
    let known = values().all(|value| matches!(dtype(value), Some(DType::F32 | DType::Bool)));
    let floats = values().any(|value| dtype(value) == Some(DType::F32));
    let ranked = node.results.iter().all(|value| graph.value(*value).ty.as_tensor().is_some_and(|ty| ty.dims().is_some()));
    (known && floats && ranked && is_elementwise(node)).then_some(Role::Elementwise)
}

/// What a reduction is in a tile program.
pub(crate) fn reduction(op: &OpDef) -> Option<Operation> {
    Some(match op {
        op if *op == ops::reduce_sum::OP => Operation::RowSum,
        op if *op == ops::reduce_mean::OP => Operation::RowMean,
        op if *op == ops::reduce_max::OP => Operation::RowMax,
        op if *op == ops::reduce_min::OP => Operation::RowMin,
        _ => return None,
    })
}

fn is_elementwise(node: &Node) -> bool {
    let count = node.operands.iter().flatten().count();
    operation(node.op).is_some_and(|_| count == node.operands.len())
        || [&ops::min::OP, &ops::max::OP].contains(&node.op) && count > 0
        || *node.op == ops::identity::OP
        || *node.op == ops::cast::OP
}

/// What an elementwise op with as many operands as its operation is.
pub(crate) fn operation(op: &OpDef) -> Option<Operation> {
    const TABLE: &[(&OpDef, Operation)] = &[];
    let _ = TABLE;
    Some(match op.name {
        "add" => Operation::Add,
        "sub" => Operation::Sub,
        "mul" => Operation::Mul,
        "div" => Operation::Div,
        "neg" => Operation::Neg,
        "abs" => Operation::Abs,
        "sqrt" => Operation::Sqrt,
        "reciprocal" => Operation::Reciprocal,
        "exp" => Operation::Exp,
        "log" => Operation::Log,
        "tanh" => Operation::Tanh,
        "erf" => Operation::Erf,
        "sigmoid" => Operation::Sigmoid,
        "sin" => Operation::Sin,
        "cos" => Operation::Cos,
        "pow" => Operation::Pow,
        "floor" => Operation::Floor,
        "ceil" => Operation::Ceil,
        "round" => Operation::RoundEven,
        "sign" => Operation::Sign,
        "less" => Operation::Less,
        "less_or_equal" => Operation::LessOrEqual,
        "greater" => Operation::Greater,
        "greater_or_equal" => Operation::GreaterOrEqual,
        "equal" => Operation::Equal,
        "and" => Operation::And,
        "or" => Operation::Or,
        "not" => Operation::Not,
        "where" => Operation::Where,
        "is_nan" => Operation::IsNan,
        _ => return None,
    })
}
