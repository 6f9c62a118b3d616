//! `compress`: the slices for which a condition holds.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "compress",
    tier: Tier::Composite(decompose),
    doc: "The slices of x along `axis` (or else its elements, as a vector) whose place in the condition is true. Those \
          for which the condition is too short are left out.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("condition", DTypes::These(&[DType::Bool]))],
    attrs: &[AttrSpec::optional("axis", AttrKind::Int)],
    constraints: &[
        ("C1", "axis is in [-r, r)"),
        ("C2", "the condition is a vector, and isn't true beyond the extent"),
    ],
    example: "compress(i32[3] [1, 2, 3], bool[2] [false, true]) -> i32[1] [2]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        if infer.rank(1).is_some_and(|rank| rank != 1) {
            return Err(Violation::new("C2", format!("the condition is {}", infer.ty(1)?)));
        }
        let Some(axis) = infer.attr.opt_int("axis") else { return Ok(vec![Type::tensor(x.dtype, [Dim::Unknown])]) };
        let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
        let mut dims = dims.to_vec();
        let axis = infer.axis("C1", axis, dims.len())?;
        dims[axis] = Dim::Unknown;
        Ok(vec![Type::tensor(x.dtype, dims)])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let places = d.x(1).unary(&super::nonzero::OP).squeeze(&[0]);
    let (x, axis) = match d.attr.opt_int("axis") {
        Some(axis) => (d.x(0), axis),
        None => (d.x(0).reshape(&[Dim::Int(-1)]), 0),
    };
    Ok(vec![d.f.op(&super::gather::OP, &[x, places], crate::attrs! { axis: axis })])
}
