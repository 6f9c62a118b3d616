//! What the ops that draw at random share.

use super::common::*;

/// The seed of a draw.
pub(super) const SEED: AttrSpec = AttrSpec::optional("seed", AttrKind::Float);
/// The number of the draw, on which it depends where there is no seed: see [`draws`](crate::draws).
pub(super) const DRAW: AttrSpec = AttrSpec::optional(crate::draws::DRAW, AttrKind::Int);
/// The dtype of what is drawn, where it isn't that of the operand.
pub(super) const DTYPE: AttrSpec = AttrSpec::optional("dtype", AttrKind::DType);
/// The constraints of a draw of a given shape.
pub(super) const SHAPED: &[(&str, &str)] =
    &[("C1", "no dim of the shape is negative"), ("C2", "dtype is a float dtype")];
/// The constraint of a draw in the shape of an operand.
pub(super) const LIKE: &[(&str, &str)] = &[("C1", "the result's dtype is a float dtype")];

/// The result has the attribute `shape` and `dtype`, by default f32.
pub(super) fn infer_shaped(infer: &Infer) -> Types {
    let shape = infer.attr.ints("shape").unwrap_or_default();
    if shape.iter().any(|dim| *dim < 0) {
        return Err(Violation::new("C1", format!("the shape is {shape:?}")));
    }
    let dtype = infer.attr.dtype("dtype").unwrap_or(DType::F32);
    if !dtype.is_float() {
        return Err(Violation::new("C2", format!("dtype is {dtype}")));
    }
    Ok(vec![Type::tensor(dtype, shape.iter().copied())])
}

/// The result has the shape of the operand, and its dtype unless `dtype` says another.
pub(super) fn infer_like(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let dtype = infer.attr.dtype("dtype").unwrap_or(x.dtype);
    if !dtype.is_float() {
        return Err(Violation::new("C1", format!("it would be {dtype}; `dtype` says another")));
    }
    Ok(vec![TensorType { dtype, shape: x.shape.clone() }.into()])
}

/// A draw by `op` in the shape of the operand, with the attributes that both ops have.
pub(super) fn draw_like<'a>(d: &Decompose<'a>, op: &'static OpDef, dtype: DType, same: &[&'static str]) -> Exprs<'a> {
    let mut attrs = crate::attrs! { shape: d.sizes(0)?, dtype: dtype };
    for name in same {
        attrs.extend(d.attr.opt_float(name).map(|value| (*name, value.into())));
    }
    Ok(vec![d.f.op(op, &[], attrs)])
}
