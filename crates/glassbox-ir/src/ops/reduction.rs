//! What the reductions share: operands, attributes and the shape of the result.

use super::common::*;

/// The operands of a reduction: the data and the axes to reduce.
pub(super) const INPUTS: &[Input] =
    &[Input::one("x", DTypes::Numeric), Input::one("axes", DTypes::These(&[DType::I64])).optional().shapes()];
/// The attributes of a reduction.
pub(super) const ATTRS: &[AttrSpec] =
    &[AttrSpec::bool("keepdims", true), AttrSpec::bool("noop_with_empty_axes", false)];
/// The constraints of a reduction.
pub(super) const CONSTRAINTS: &[(&str, &str)] =
    &[("C1", "each axis is in [-r, r); one that is given twice counts once")];
/// A reduction: fill in name, doc and example.
pub(super) const REDUCTION: OpDef =
    OpDef { inputs: INPUTS, attrs: ATTRS, constraints: CONSTRAINTS, infer, ..OpDef::BASE };

/// The reduced axes have extent one, or are gone without `keepdims`. No axes: all of them, or with
/// `noop_with_empty_axes` none.
pub(super) fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let keep = infer.attr.bool("keepdims");
    let noop = infer.attr.bool("noop_with_empty_axes");
    let Some(dims) = x.dims() else {
        return Ok(vec![Type::unranked(x.dtype)]);
    };
    let axes = if infer.has(1) { infer.static_ints(1) } else { Some(Vec::new()) };
    let shape = match axes {
        None if keep => Shape::of_rank(dims.len()),
        None => Shape::Unranked,
        Some(axes) if axes.is_empty() && noop => Shape::Ranked(dims.to_vec()),
        Some(axes) => {
            let mut axes = set_of_axes("C1", &axes, dims.len())?;
            if axes.is_empty() {
                axes = (0..dims.len()).collect();
            }
            let reduced = |(axis, dim): (usize, &Dim)| match (axes.contains(&axis), keep) {
                (true, true) => Some(Dim::Int(1)),
                (true, false) => None,
                (false, _) => Some(dim.clone()),
            };
            Shape::Ranked(dims.iter().enumerate().filter_map(reduced).collect())
        }
    };
    Ok(vec![TensorType { dtype: x.dtype, shape }.into()])
}

/// What is known of the reduction of a vector of i64 to one number, or to a vector of one.
pub(super) fn known_fold(infer: &Infer, types: &[Type], start: i64, op: fn(&Dim, &Dim) -> Dim) -> Vec<Option<Known>> {
    let fold = || {
        let result = types.first()?.as_tensor()?;
        let values = infer.ints(0).filter(|_| result.dtype == DType::I64)?;
        let (first, rest) = match values.split_first() {
            Some((first, rest)) => (first.clone(), rest),
            None => (Dim::Int(start), &[][..]),
        };
        let total = rest.iter().fold(first, |total, value| op(&total, value));
        match result.dims()? {
            [] => Known::scalar(total),
            [Dim::Int(1)] => Known::vector(vec![total]),
            _ => None,
        }
    };
    vec![fold()]
}

/// The axes that a decomposition reduces, counted from the front.
pub(super) fn axes(d: &Decompose) -> Result<Vec<i64>, BuildError> {
    let rank = d.rank(0)?;
    let given = if d.has(1) { d.ints(1)? } else { Vec::new() };
    if given.is_empty() && !d.attr.bool("noop_with_empty_axes") {
        return Ok((0..rank as i64).collect());
    }
    let axes = set_of_axes("C1", &given, rank).map_err(|violation| d.invalid(violation.rule, violation.message))?;
    Ok(axes.into_iter().map(|axis| axis as i64).collect())
}

/// The sum of `terms`, which have the shape of the first operand, over the axes and with the attributes of
/// this reduction.
pub(super) fn sum<'a>(d: &Decompose<'a>, terms: Expr<'a>) -> Result<Expr<'a>, BuildError> {
    Ok(terms.sum(&axes(d)?, d.attr.bool("keepdims")))
}

/// x as floats in which roots and logarithms are computed.
pub(super) fn real(x: Expr<'_>) -> Expr<'_> {
    if x.dtype().is_float() { x.widened() } else { x.cast(DType::F64) }
}
