//! `transpose`: the axes in another order.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "transpose",
    doc: "x with its axes in the order `perm`: axis i of the result is axis perm[i] of x. Without `perm`, reversed.",
    inputs: &[Input::one("x", DTypes::Any)],
    attrs: &[AttrSpec::optional("perm", AttrKind::Ints)],
    constraints: &[("C1", "perm names each axis once, counted from the front")],
    example: "transpose(f32[2, 2] [1, 2, 3, 4]) -> f32[2, 2] [1, 3, 2, 4]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let Some(dims) = x.dims() else {
            return Ok(vec![infer.attr.ints("perm").map_or_else(
                || Type::unranked(x.dtype),
                |perm| TensorType { dtype: x.dtype, shape: Shape::of_rank(perm.len()) }.into(),
            )]);
        };
        let order = axis_order(infer.attr.ints("perm"), dims.len())?;
        Ok(vec![Type::tensor(x.dtype, order.into_iter().map(|axis| dims[axis].clone()))])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The order of the axes.
///
/// # Errors
///
/// Where `perm` doesn't name each axis once.
pub fn axis_order(perm: Option<&[i64]>, rank: usize) -> Result<Vec<usize>, Violation> {
    let Some(perm) = perm else { return Ok((0..rank).rev().collect()) };
    let order: Vec<usize> = perm.iter().filter_map(|axis| usize::try_from(*axis).ok()).collect();
    let each_once = perm.len() == rank && (0..rank).all(|axis| order.contains(&axis));
    if each_once { Ok(order) } else { Err(Violation::new("C1", format!("perm {perm:?} of a tensor of rank {rank}"))) }
}
