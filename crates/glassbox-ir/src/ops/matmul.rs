//! `matmul`: products of matrices.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "matmul",
    doc: "The matrix products of the last two axes, over the other axes broadcast, as NumPy's matmul: a vector on the \
          left is a row, on the right a column, and that axis is gone from the result. f32 and f64 accumulate in f64, \
          narrower floats in f32, each in the order of the inner axis, and round once; integers wrap.",
    inputs: NUMERIC_PAIR,
    constraints: &[
        ("C1", "no operand is a scalar"),
        ("C2", "the inner dims are equal"),
        ("C3", "the other dims broadcast"),
    ],
    example: "matmul(f32[1, 2] [1, 2], f32[2, 1] [3, 4]) -> f32[1, 1] [11]",
    infer: |infer| {
        let (a, b) = (infer.tensor(0)?, infer.tensor(1)?);
        Ok(vec![TensorType { dtype: a.dtype, shape: product_shape(&a.shape, &b.shape)? }.into()])
    },
    ..OpDef::BASE
};

/// The shape of a product.
pub(super) fn product_shape(a: &Shape, b: &Shape) -> Result<Shape, Violation> {
    let scalar = |shape: &Shape| shape.dims().is_some_and(<[Dim]>::is_empty);
    if scalar(a) || scalar(b) {
        return Err(Violation::new("C1", format!("the operands are {a} and {b}")));
    }
    let (Shape::Ranked(a), Shape::Ranked(b)) = (a, b) else { return Ok(Shape::Unranked) };
    let (rows, columns) = (a.len() > 1, b.len() > 1);
    let inner = (&a[a.len() - 1], &b[if columns { b.len() - 2 } else { 0 }]);
    if inner.0.same(inner.1) == Some(false) {
        return Err(Violation::new("C2", format!("the inner dims are {} and {}", inner.0, inner.1)));
    }
    let outer = |dims: &[Dim]| dims[..dims.len().saturating_sub(2)].to_vec();
    let mut dims = broadcast_dims("C3", &outer(a), &outer(b))?;
    dims.extend(rows.then(|| a[a.len() - 2].clone()));
    dims.extend(columns.then(|| b[b.len() - 1].clone()));
    Ok(Shape::Ranked(dims))
}
