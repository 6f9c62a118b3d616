//! The algebra of elements: neutral operands, and ops that undo themselves.
//!
//! For floats an equation must hold for `-0.0`, infinities and NaNs, to the bit. `x + 0.0` is not `x` for `x = -0.0`;
//! `x + -0.0` is. `x * 1` is `x`, but a signalling NaN, which only something that computes nothing can hold, becomes a quiet
//! one: so x must be the result of arithmetic.

use glassbox_ir::{Attrs, Dim, OpDef, ValueId, ops};
use glassbox_tensor::{Class, DType, Overflow, Tensor};

use crate::no_match::NoMatch;
use crate::rebuild::Rebuild;
use crate::rule::{Candidate, Roots, Rule};

/// `identity(x) = x`.
pub(super) static IDENTITY: Rule = Rule {
    name: "identity",
    equation: "identity(x) = x",
    roots: Roots::Ops(&[&ops::identity::OP]),
    apply: |_, root| Ok(vec![root.operand(0)?]),
};

/// A dropout of a model that doesn't learn. Models that were exported after training are full of them.
pub(super) static DROPOUT: Rule = Rule {
    name: "dropout-at-rest",
    equation: "dropout(x, ratio, false) = x",
    roots: Roots::Ops(&[&ops::dropout::OP]),
    apply: |rebuild, root| {
        root.result()?;
        if let Some(training) = root.operands.get(2).copied().flatten()
            && rebuild.constant(training)?.item::<bool>() != Ok(false)
        {
            return Err(NoMatch::OtherContents);
        }
        Ok(vec![root.operand(0)?])
    },
};

/// `x * 1 = x` and its like, with the constant as the second operand.
pub(super) static NEUTRAL_RIGHT: Rule = Rule {
    name: "neutral-right",
    equation: "x * 1 = x / 1 = x - 0 = x + -0.0 = x; x + 0 = x | 0 = x ^ 0 = x & -1 = x for integers and bools",
    roots: Roots::Ops(&[
        &ops::mul::OP,
        &ops::div::OP,
        &ops::sub::OP,
        &ops::add::OP,
        &ops::and::OP,
        &ops::or::OP,
        &ops::xor::OP,
        &ops::bitwise_and::OP,
        &ops::bitwise_or::OP,
        &ops::bitwise_xor::OP,
    ]),
    apply: |rebuild, root| neutral(rebuild, root, 0, 1),
};

/// `1 * x = x` and its like, with the constant as the first operand.
pub(super) static NEUTRAL_LEFT: Rule = Rule {
    name: "neutral-left",
    equation: "1 * x = -0.0 + x = x; 0 + x = 0 | x = 0 ^ x = -1 & x = x for integers and bools",
    roots: Roots::Ops(&[
        &ops::mul::OP,
        &ops::add::OP,
        &ops::and::OP,
        &ops::or::OP,
        &ops::xor::OP,
        &ops::bitwise_and::OP,
        &ops::bitwise_or::OP,
        &ops::bitwise_xor::OP,
    ]),
    apply: |rebuild, root| neutral(rebuild, root, 1, 0),
};

/// What undoes itself.
pub(super) static INVOLUTION: Rule = Rule {
    name: "involution",
    equation: "neg(neg(x)) = not(not(x)) = bitwise_not(bitwise_not(x)) = x",
    roots: Roots::Ops(&[&ops::neg::OP, &ops::not::OP, &ops::bitwise_not::OP]),
    apply: |rebuild, root| {
        let inner = rebuild.giver_of(root.operand(0)?, root.op)?;
        let x = inner.operand(0)?;
        check_quiet(rebuild, x)?;
        Ok(vec![x])
    },
};

/// `abs` of what differs in the sign only.
pub(super) static ABSOLUTE: Rule = Rule {
    name: "absolute",
    equation: "abs(abs(x)) = abs(neg(x)) = abs(x)",
    roots: Roots::Ops(&[&ops::abs::OP]),
    apply: |rebuild, root| {
        let inner = rebuild.giver(root.operand(0)?)?;
        if *inner.op == ops::abs::OP {
            check_quiet(rebuild, inner.operand(0)?)?;
            return Ok(vec![inner.result()?]);
        }
        if *inner.op != ops::neg::OP {
            return Err(NoMatch::Op { wanted: "neg", found: inner.op.name });
        }
        let x = inner.operand(0)?;
        check_quiet(rebuild, x)?;
        Ok(vec![rebuild.emit(&ops::abs::OP, &[x], Attrs::new())?])
    },
};

/// The operand `kept`, where the one beside it is a constant of nothing but the neutral element.
fn neutral(rebuild: &mut Rebuild, root: &Candidate, kept: usize, constant: usize) -> Result<Vec<ValueId>, NoMatch> {
    let x = root.operand(kept)?;
    let tensor = rebuild.constant(root.operand(constant)?)?;
    let dtype = tensor.dtype();
    let neutral = neutral_element(root.op, dtype).ok_or(NoMatch::DType(dtype))?;
    if tensor.is_empty() || !Tensor::full(dtype, tensor.shape(), &neutral).is_ok_and(|all| all.bit_eq(&tensor)) {
        return Err(NoMatch::OtherContents);
    }
    check_spreads(rebuild, &tensor, x)?;
    check_quiet(rebuild, x)?;
    Ok(vec![x])
}

/// The element that `op` leaves the other operand as it is with.
fn neutral_element(op: &OpDef, dtype: DType) -> Option<Tensor> {
    let class = dtype.class();
    let integer = matches!(class, Class::Signed | Class::Unsigned);
    let number = integer || class == Class::Float;
    // Some dtypes don't have every one of these numbers: no zero, no negative zero.
    let make = |value: f64| {
        let made = Tensor::scalar(value).cast(dtype, Overflow::Wrap).ok()?;
        let exact = made.load::<f64>().is_ok_and(|made| made[0].to_bits() == value.to_bits());
        exact.then_some(made)
    };
    if *op == ops::mul::OP || *op == ops::div::OP {
        return if number { make(1.0) } else { None };
    }
    if *op == ops::sub::OP {
        return if number { make(0.0) } else { None };
    }
    if *op == ops::add::OP {
        return if integer { make(0.0) } else { make(-0.0).filter(|_| number) };
    }
    if *op == ops::and::OP {
        return Some(Tensor::scalar(true));
    }
    if *op == ops::or::OP || *op == ops::xor::OP {
        return Some(Tensor::scalar(false));
    }
    if *op == ops::bitwise_or::OP || *op == ops::bitwise_xor::OP {
        return make(0.0);
    }
    // All bits are set. The conversion wraps, so that for unsigned dtypes it is the largest number.
    if *op == ops::bitwise_and::OP { Tensor::scalar(-1i64).cast(dtype, Overflow::Wrap).ok() } else { None }
}

/// A constant doesn't make x larger: it has no more axes, and each of its dims is 1 or that of x.
fn check_spreads(rebuild: &Rebuild, constant: &Tensor, x: ValueId) -> Result<(), NoMatch> {
    let ty = rebuild.tensor_type(x)?;
    let Some(dims) = ty.dims() else {
        return if constant.rank() == 0 { Ok(()) } else { Err(NoMatch::UnknownDim) };
    };
    let pairs = constant.shape().iter().rev().zip(dims.iter().rev());
    let spreads = |(size, dim): (&usize, &Dim)| *size == 1 || *dim == Dim::from(*size);
    if constant.rank() <= dims.len() && pairs.into_iter().all(spreads) { Ok(()) } else { Err(NoMatch::OtherDims) }
}

/// Ops whose results have no signalling NaN, and no NaN that their dtype would hold in another way once it is computed with.
const ARITHMETIC: &[&OpDef] = &[
    &ops::add::OP,
    &ops::sub::OP,
    &ops::mul::OP,
    &ops::div::OP,
    &ops::matmul::OP,
    &ops::conv::OP,
    &ops::exp::OP,
    &ops::log::OP,
    &ops::sqrt::OP,
    &ops::tanh::OP,
    &ops::sigmoid::OP,
    &ops::erf::OP,
    &ops::reduce_sum::OP,
    &ops::reduce_mean::OP,
];

/// Ops whose results are elements of their first operand.
const MOVING: &[&OpDef] = &[
    &ops::transpose::OP,
    &ops::reshape::OP,
    &ops::squeeze::OP,
    &ops::unsqueeze::OP,
    &ops::identity::OP,
    &ops::expand::OP,
    &ops::slice::OP,
];

/// How many nodes that move elements are looked through.
const MAX_LOOKED_THROUGH: usize = 8;

/// Computing with the elements of x doesn't change how their NaNs are held: they aren't floats, or arithmetic made them.
pub(super) fn check_quiet(rebuild: &mut Rebuild, x: ValueId) -> Result<(), NoMatch> {
    let mut x = x;
    if !rebuild.tensor_type(x)?.dtype.is_float() {
        return Ok(());
    }
    const WHY: NoMatch = NoMatch::NotExact("a signalling NaN would stay one");
    for _ in 0..MAX_LOOKED_THROUGH {
        let (op, operand) = rebuild.op_of(x).ok_or(WHY)?;
        if ARITHMETIC.contains(&op) {
            return Ok(());
        }
        match operand {
            Some(operand) if MOVING.contains(&op) => x = operand,
            _ => return Err(WHY),
        }
    }
    Err(WHY)
}

#[cfg(test)]
mod tests {
    use super::super::{SIMPLIFY, check::table};

    #[test]
    fn floats() {
        let one = "%one = constant() {value = f32[] 1} %zero = constant() {value = f32[] 0}
            %minus = constant() {value = f32[] -0} %ones = constant() {value = f32[3] [1, 1, 1]} %a = exp(%x)";
        let body = |rest: &str| format!("{one} {rest}");
        for (rest, want) in [
            ("%y = mul(%a, %one)", &["exp"][..]),
            ("%y = mul(%one, %a)", &["exp"]),
            ("%y = div(%a, %one)", &["exp"]),
            ("%y = div(%one, %a)", &["exp", "div"]),
            ("%y = sub(%a, %zero)", &["exp"]),
            ("%y = sub(%a, %minus)", &["exp", "sub"]),
            ("%y = add(%a, %minus)", &["exp"]),
            // -0 + 0 is 0.
            ("%y = add(%a, %zero)", &["exp", "add"]),
            ("%y = mul(%a, %zero)", &["exp", "mul"]),
            ("%y = mul(%a, %ones)", &["exp"]),
            // One of these dims isn't known.
            ("%b = exp(%u) %y = mul(%b, %ones)", &["exp", "mul"]),
            ("%b = exp(%u) %y = mul(%b, %one)", &["exp"]),
            // The result has more axes.
            ("%w = reshape(%one, %shape) %b = exp(%u) %y = mul(%b, %w)", &["reshape", "exp", "mul"]),
            // An input may hold a signalling NaN.
            ("%y = mul(%x, %one)", &["mul"]),
            ("%n = neg(%a) %y = neg(%n)", &["exp"]),
            ("%n = neg(%x) %y = neg(%n)", &["neg", "neg"]),
            ("%t = transpose(%a) %n = neg(%t) %y = neg(%n)", &["exp", "transpose"]),
            ("%n = neg(%a) %y = abs(%n)", &["exp", "abs"]),
            ("%n = abs(%a) %y = abs(%n)", &["exp", "abs"]),
        ] {
            let shape = if rest.contains("%shape") { "%shape = constant() {value = i64[2] [1, 1]}" } else { "" };
            let text = body(&format!("{shape} {rest}"));
            table(SIMPLIFY, "input %x: f32[2, 3] input %u: f32[?]", &[(&text, want)]);
        }
    }

    #[test]
    fn dropouts() {
        let flags = "%r = constant() {value = f32[] 0.5} %no = constant() {value = bool[] false}
            %yes = constant() {value = bool[] true}";
        for (body, want) in [
            ("%d = dropout(%x) %y = neg(%d)", &["neg"][..]),
            ("%d = dropout(%x, %r, %no) %y = neg(%d)", &["neg"]),
            ("%d = dropout(%x, _, %no) %y = neg(%d)", &["neg"]),
            ("%d = dropout(%x, %r, %yes) {seed = 1} %y = neg(%d)", &["dropout", "neg"]),
            ("%d = dropout(%x, %r, %t) {seed = 1} %y = neg(%d)", &["dropout", "neg"]),
            // The mask is wanted too.
            ("%d, %y = dropout(%x)", &["dropout"]),
        ] {
            table(SIMPLIFY, "input %x: f32[2, 3] input %t: bool[]", &[(&format!("{flags} {body}"), want)]);
        }
    }

    #[test]
    fn integers_and_bools() {
        // An output that has become an input is copied under its own name.
        let inputs = "input %i: i8[4] input %u: u16[4] input %b: bool[4]";
        table(
            SIMPLIFY,
            inputs,
            &[
                ("%c = constant() {value = i8[] 1} %y = mul(%i, %c)", &["identity"]),
                ("%c = constant() {value = i8[] 0} %y = add(%i, %c)", &["identity"]),
                ("%c = constant() {value = i8[] 0} %y = mul(%i, %c)", &["mul"]),
                ("%c = constant() {value = i8[] 1} %y = div(%i, %c)", &["identity"]),
                ("%c = constant() {value = u16[] 65535} %y = bitwise_and(%u, %c)", &["identity"]),
                ("%c = constant() {value = i8[] -1} %y = bitwise_and(%c, %i)", &["identity"]),
                ("%c = constant() {value = u16[4] [0, 0, 0, 0]} %y = bitwise_xor(%u, %c)", &["identity"]),
                ("%c = constant() {value = u16[4] [0, 0, 1, 0]} %y = bitwise_or(%u, %c)", &["bitwise_or"]),
                ("%c = constant() {value = bool[] true} %y = and(%b, %c)", &["identity"]),
                ("%c = constant() {value = bool[] true} %y = or(%b, %c)", &["or"]),
                ("%c = constant() {value = bool[] false} %y = xor(%c, %b)", &["identity"]),
                ("%n = neg(%i) %y = neg(%n)", &["identity"]),
                ("%n = not(%b) %y = not(%n)", &["identity"]),
                ("%n = bitwise_not(%u) %y = bitwise_not(%n)", &["identity"]),
                ("%n = neg(%i) %y = abs(%n)", &["abs"]),
                ("%y = identity(%i)", &["identity"]),
                ("%n = identity(%i) %y = neg(%n)", &["neg"]),
            ],
        );
    }
}
