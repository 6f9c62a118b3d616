//! Moving what moves elements: transposes and reshapes go behind elementwise ops, where they meet others and cancel.
//!
//! A mover goes only where the elementwise op is the one that uses it, in the same region: then there are as many movers as
//! before, each over as many elements.

use glassbox_ir::{Attrs, OpDef, ValueId, ops};

use super::transpose::order_of;
use crate::no_match::NoMatch;
use crate::rebuild::Rebuild;
use crate::rule::{Candidate, Roots, Rule};

/// Ops that give the elements of their first operand, all of them, elsewhere.
const MOVERS: &[&OpDef] = &[&ops::transpose::OP, &ops::reshape::OP, &ops::squeeze::OP, &ops::unsqueeze::OP];

/// Ops of one operand whose result at an index is a function of the operand at that index, of the same dtype.
const UNARY: &[&OpDef] = &[
    &ops::abs::OP,
    &ops::neg::OP,
    &ops::exp::OP,
    &ops::log::OP,
    &ops::sqrt::OP,
    &ops::reciprocal::OP,
    &ops::tanh::OP,
    &ops::sigmoid::OP,
    &ops::erf::OP,
    &ops::relu::OP,
    &ops::gelu::OP,
    &ops::sin::OP,
    &ops::cos::OP,
    &ops::floor::OP,
    &ops::ceil::OP,
    &ops::round::OP,
    &ops::sign::OP,
    &ops::not::OP,
    &ops::leaky_relu::OP,
    &ops::elu::OP,
    &ops::hard_sigmoid::OP,
    &ops::hard_swish::OP,
    &ops::softplus::OP,
    &ops::swish::OP,
    &ops::mish::OP,
];

/// Ops of two operands whose result at an index is a function of both at that index.
const BINARY: &[&OpDef] = &[
    &ops::add::OP,
    &ops::sub::OP,
    &ops::mul::OP,
    &ops::div::OP,
    &ops::pow::OP,
    &ops::less::OP,
    &ops::less_or_equal::OP,
    &ops::greater::OP,
    &ops::greater_or_equal::OP,
    &ops::equal::OP,
    &ops::and::OP,
    &ops::or::OP,
    &ops::xor::OP,
];

/// Whether an op gives the elements of its first operand elsewhere.
pub(super) fn moves(op: &OpDef) -> bool {
    MOVERS.contains(&op)
}

/// A mover goes behind an elementwise op of one operand.
pub(super) static BELOW_UNARY: Rule = Rule {
    name: "move-below-unary",
    equation: "f(move(x)) = move(f(x)), for elementwise f and transpose, reshape, squeeze, unsqueeze",
    roots: Roots::Ops(UNARY),
    apply: |rebuild, root| {
        let moved = root.operand(0)?;
        let mover = mover_of(rebuild, moved)?;
        let inner = rebuild.emit(root.op, &[mover.operand(0)?], root.attrs.clone())?;
        let mut operands = mover.operands.clone();
        operands[0] = Some(inner);
        rebuild.emit_many(mover.op, &operands, mover.attrs.clone(), 1)
    },
};

/// A transpose goes behind an elementwise op, both of whose operands are transposed, or one of which is one element.
pub(super) static BELOW_BINARY: Rule = Rule {
    name: "move-below-binary",
    equation: "f(transpose(a, p), transpose(b, p)) = transpose(f(a, b), p); f(transpose(a, p), c) = transpose(f(a, c), p) \
               for a c of no axes",
    roots: Roots::Ops(BINARY),
    apply: |rebuild, root| {
        let (left, right) = (root.operand(0)?, root.operand(1)?);
        let scalar = |rebuild: &Rebuild, value| rebuild.tensor_type(value).is_ok_and(|ty| ty.rank() == Some(0));
        let (order, operands) = if scalar(rebuild, right) {
            let (order, x) = transposed(rebuild, left)?;
            (order, [x, right])
        } else if scalar(rebuild, left) {
            let (order, x) = transposed(rebuild, right)?;
            (order, [left, x])
        } else {
            if left == right {
                return Err(NoMatch::NoGain);
            }
            let ((order, a), (other, b)) = (transposed(rebuild, left)?, transposed(rebuild, right)?);
            if order != other {
                return Err(NoMatch::Attribute("perm"));
            }
            (order, [a, b])
        };
        let inner = rebuild.emit(root.op, &operands, root.attrs.clone())?;
        let perm: Vec<i64> = order.iter().map(|axis| *axis as i64).collect();
        let attrs = Attrs::from([("perm", perm.into())]);
        Ok(vec![rebuild.emit(&ops::transpose::OP, &[inner], attrs)?])
    },
};

/// The mover that gives a value, where nobody else uses it and it is in the same region.
fn mover_of(rebuild: &mut Rebuild, moved: ValueId) -> Result<Candidate, NoMatch> {
    let mover = rebuild.giver(moved)?;
    if !moves(mover.op) {
        return Err(NoMatch::Op { wanted: "an op that moves elements", found: mover.op.name });
    }
    rebuild.check_only_here(moved)?;
    Ok(mover)
}

/// The order and the operand of the transpose that gives a value, where nobody else uses it.
fn transposed(rebuild: &mut Rebuild, value: ValueId) -> Result<(Vec<usize>, ValueId), NoMatch> {
    let mover = rebuild.giver_of(value, &ops::transpose::OP)?;
    rebuild.check_only_here(value)?;
    Ok((order_of(rebuild, &mover)?, mover.operand(0)?))
}

#[cfg(test)]
mod tests {
    use super::super::check::{ops_after, table};
    use super::super::{MOVE, SIMPLIFY};
    use super::*;

    #[test]
    fn movers_go_down_and_meet() {
        let rules: Vec<&'static Rule> = SIMPLIFY.iter().chain(MOVE).copied().collect();
        table(
            &rules,
            "input %x: f32[2, 3] input %z: f32[2, 3] input %c: f32[] input %b: bool[]",
            &[
                ("%t = transpose(%x) %y = exp(%t)", &["exp", "transpose"]),
                ("%t = transpose(%x) %e = exp(%t) %y = transpose(%e)", &["exp"]),
                ("%t = transpose(%x) %s = transpose(%z) %y = add(%t, %s)", &["add", "transpose"]),
                ("%t = transpose(%x) %s = transpose(%z) %a = add(%t, %s) %y = transpose(%a)", &["add"]),
                ("%t = transpose(%x) %m = mul(%t, %c) %y = transpose(%m)", &["mul"]),
                ("%t = transpose(%x) %m = sub(%c, %t) %y = transpose(%m)", &["sub"]),
                // Someone else needs what is moved.
                ("%t = transpose(%x) %e = exp(%t) %y = add(%t, %e)", &["transpose", "exp", "add"]),
                ("%t = transpose(%x) %y = add(%t, %t)", &["transpose", "add"]),
                // Another order on the other side.
                ("%t = transpose(%x) %w = transpose(%z) {perm = [1, 0]} %y = mul(%t, %w)", &["mul", "transpose"]),
                // In a body it would be done in every turn.
                (
                    "%t = transpose(%x) %y = if(%b) () { %e = exp(%t) yield %e } () { yield %t }",
                    &["transpose", "if", "exp"],
                ),
            ],
        );
    }

    /// Each op of the table is elementwise: moved, it gives the same bits for values of all kinds.
    #[test]
    fn the_ops_are_elementwise() {
        for op in UNARY {
            let inputs = if *op.name == *"not" { "input %x: bool[3, 4]" } else { "input %x: f32[3, 4]" };
            assert_eq!(
                ops_after(MOVE, inputs, &format!("%t = transpose(%x) %y = {}(%t)", op.name)),
                [op.name, "transpose"]
            );
        }
        for op in BINARY {
            let bools = matches!(op.name, "and" | "or" | "xor");
            let dtype = if bools { "bool" } else { "f32" };
            let inputs = format!("input %x: {dtype}[3, 4] input %z: {dtype}[3, 4]");
            let body = format!("%t = transpose(%x) %s = transpose(%z) %y = {}(%t, %s)", op.name);
            assert_eq!(ops_after(MOVE, &inputs, &body), [op.name, "transpose"]);
        }
    }
}
