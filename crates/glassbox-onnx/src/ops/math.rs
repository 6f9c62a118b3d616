//! The ops of arithmetic: elementwise, and products of matrices.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("Abs", 1, direct(&ops::abs::OP)),
    row("Acos", 7, direct(&ops::acos::OP)),
    row("Acosh", 9, direct(&ops::acosh::OP)),
    row("Add", 1, formula(|c| limited_broadcast(c, &ops::add::OP))).until(6),
    row("Add", 7, direct(&ops::add::OP)),
    row("Asin", 7, direct(&ops::asin::OP)),
    row("Asinh", 9, direct(&ops::asinh::OP)),
    row("Atan", 7, direct(&ops::atan::OP)),
    row("Atanh", 9, direct(&ops::atanh::OP)),
    row("BitShift", 11, direct(&ops::bit_shift::OP)),
    row("BitwiseAnd", 18, direct(&ops::bitwise_and::OP)),
    row("BitwiseNot", 18, direct(&ops::bitwise_not::OP)),
    row("BitwiseOr", 18, direct(&ops::bitwise_or::OP)),
    row("BitwiseXor", 18, direct(&ops::bitwise_xor::OP)),
    row("Ceil", 1, direct(&ops::ceil::OP)),
    row("Clip", 1, formula(|c| clip_by_attributes(c, f64::INFINITY))).until(5),
    row("Clip", 6, formula(|c| clip_by_attributes(c, f64::from(f32::MAX)))).until(10),
    row("Clip", 11, direct(&ops::clip::OP)),
    row("Cos", 7, direct(&ops::cos::OP)),
    row("Cosh", 9, direct(&ops::cosh::OP)),
    row("CumProd", 26, direct(&ops::cum_prod::OP)),
    row("CumSum", 11, direct(&ops::cum_sum::OP)),
    row("Det", 11, direct(&ops::det::OP)),
    row("Div", 1, formula(|c| limited_broadcast(c, &ops::div::OP))).until(6),
    row("Div", 7, direct(&ops::div::OP)),
    row("Einsum", 12, direct(&ops::einsum::OP)),
    row("Erf", 9, direct(&ops::erf::OP)),
    row("Exp", 1, direct(&ops::exp::OP)),
    row("Floor", 1, direct(&ops::floor::OP)),
    row("Gemm", 1, formula(limited_gemm)).until(6),
    row("Gemm", 7, direct(&ops::gemm::OP)),
    row("IsInf", 10, direct(&ops::is_inf::OP)),
    row("IsNaN", 9, direct(&ops::is_nan::OP)),
    row("Log", 1, direct(&ops::log::OP)),
    row("MatMul", 1, direct(&ops::matmul::OP)),
    row("Max", 1, direct(&ops::max::OP)),
    row("Mean", 1, direct(&ops::mean::OP)),
    row("Min", 1, direct(&ops::min::OP)),
    row("Mod", 10, direct(&ops::mod_::OP)),
    row("Mul", 1, formula(|c| limited_broadcast(c, &ops::mul::OP))).until(6),
    row("Mul", 7, direct(&ops::mul::OP)),
    row("Neg", 1, direct(&ops::neg::OP)),
    row("Pow", 1, formula(|c| limited_broadcast(c, &ops::pow::OP))).until(6),
    row("Pow", 7, direct(&ops::pow::OP)),
    row("Reciprocal", 1, direct(&ops::reciprocal::OP)),
    row("Round", 11, direct(&ops::round::OP)),
    row("Sign", 9, direct(&ops::sign::OP)),
    row("Sin", 7, direct(&ops::sin::OP)),
    row("Sinh", 9, direct(&ops::sinh::OP)),
    row("Sqrt", 1, direct(&ops::sqrt::OP)),
    row("Sub", 1, formula(|c| limited_broadcast(c, &ops::sub::OP))).until(6),
    row("Sub", 7, direct(&ops::sub::OP)),
    row("Sum", 1, direct(&ops::sum::OP)),
    row("Tan", 7, direct(&ops::tan::OP)),
];

/// A binary op by the rules before version 7: without `broadcast` the shapes are the same; with it the
/// second operand's dims are those of the first from `axis` on, or by default its last ones.
pub(super) fn limited_broadcast<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let (broadcast, axis) = (c.bool("broadcast", false)?, c.opt_int("axis")?);
    let (a, b) = (c.x(0), c.x(1));
    if !broadcast {
        let differ = match (a.dims(), b.dims()) {
            (Some(a), Some(b)) => a.len() != b.len() || a.iter().zip(&b).any(|(a, b)| a.same(b) == Some(false)),
            _ => false,
        };
        if differ {
            return Err(c.error(format!(
                "the operands are {} and {}; without `broadcast` they must be the same",
                a.ty(),
                b.ty()
            )));
        }
        return Ok(vec![a.binary(op, b)]);
    }
    let Some(axis) = axis else { return Ok(vec![a.binary(op, b)]) };
    let (rank, other) = (c.rank(0)?, c.rank(1)?);
    let first = c.axis(axis, rank)?;
    let Some(missing) = rank.checked_sub(first + other) else {
        return Err(c.error(format!("the second operand, {}, doesn't fit into {} at axis {axis}", b.ty(), a.ty())));
    };
    let trailing: Vec<i64> = (other..other + missing).map(|axis| axis as i64).collect();
    let b = if trailing.is_empty() { b } else { b.unsqueeze(&trailing) };
    Ok(vec![a.binary(op, b)])
}

/// Before version 7 the third operand had to have the shape of the product, unless `broadcast` said so.
fn limited_gemm<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let broadcast = c.bool("broadcast", false)?;
    let results = c.direct(&ops::gemm::OP)?;
    let (product, third) = (results[0].ty(), c.x(2).ty());
    if !broadcast && !product.admits(&third) {
        let rule = format!("the third operand is {third}; without `broadcast` it must be {product}");
        return Err(c.error(rule));
    }
    Ok(results)
}

/// The bounds were attributes; `largest` is by default the upper one, and its opposite the lower.
fn clip_by_attributes<'a>(c: &NodeContext<'a>, largest: f64) -> Exprs<'a> {
    let (low, high) = (c.float("min", -largest)?, c.float("max", largest)?);
    let bound = |value: f64| value.is_finite().then(|| c.x(0).scalar_like(value));
    Ok(vec![c.f.op_with(&ops::clip::OP, &[Some(c.x(0)), bound(low), bound(high)], Attrs::new())])
}
