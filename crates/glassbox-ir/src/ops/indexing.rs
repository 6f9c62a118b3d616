//! What the ops that pick, place and count elements share.

use super::common::*;

/// The dtypes of indices.
pub(super) const INDICES: DTypes = DTypes::These(&[DType::I32, DType::I64]);
/// The dtype of sizes.
pub(super) const SIZES: DTypes = DTypes::These(&[DType::I64]);

/// One result of this dtype and shape.
pub(super) fn one(dtype: DType, shape: Shape) -> Types {
    Ok(vec![TensorType { dtype, shape }.into()])
}

/// Integers as what is known of a value of type `ty`: a vector, or a scalar.
pub(super) fn known_as(ty: &Type, values: Vec<Dim>) -> Option<Known> {
    let tensor = ty.as_tensor().filter(|tensor| tensor.dtype.is_integer())?;
    match tensor.rank()? {
        0 if values.len() == 1 => Known::scalar(values.into_iter().next()?),
        1 => Known::vector(values),
        _ => None,
    }
}

/// The one integer in an operand that has one element.
pub(super) fn single(infer: &Infer, index: usize) -> Option<Dim> {
    match infer.ints(index)?.as_slice() {
        [value] => Some(value.clone()),
        _ => None,
    }
}

/// An operand has one element, as far as its type says.
pub(super) fn check_one_element(infer: &Infer, index: usize, rule: &'static str) -> Result<(), Violation> {
    let many = infer.dims(index).is_some_and(|dims| dims.iter().any(|dim| dim.same(&Dim::Int(1)) == Some(false)));
    if many {
        let message = format!("{} is {}, not one element", infer.name_of(index), infer.ty(index)?);
        return Err(Violation::new(rule, message));
    }
    Ok(())
}

/// The extents that a vector operand lists, each at least zero: unknown as far as it is unknown.
pub(super) fn listed_dims(infer: &Infer, index: usize, rule: &'static str) -> Result<Shape, Violation> {
    let vector = infer.dims(index);
    if vector.is_some_and(|dims| dims.len() != 1) {
        let message = format!("{} is {}, not a vector", infer.name_of(index), infer.ty(index)?);
        return Err(Violation::new(rule, message));
    }
    let dims = match infer.ints(index) {
        Some(dims) => dims,
        None => match vector.and_then(|dims| dims[0].as_size()) {
            Some(rank) if rank <= crate::infer::MAX_AXES => vec![Dim::Unknown; rank],
            _ => return Ok(Shape::Unranked),
        },
    };
    match dims.iter().find(|dim| dim.as_int().is_some_and(|size| size < 0)) {
        Some(dim) => Err(Violation::new(rule, format!("{} has an extent of {dim}", infer.name_of(index)))),
        None => Ok(Shape::Ranked(dims)),
    }
}

/// The elements 0, 1, … of a vector of i64 that is as long as `count`, as an expression.
pub(super) fn iota<'a>(d: &Decompose<'a>, count: &Dim) -> Expr<'a> {
    d.f.op(&super::range::OP, &[d.f.int(0), d.f.extent(count), d.f.int(1)], crate::attr::Attrs::new())
}

/// The product of dims.
pub(super) fn product(dims: &[Dim]) -> Dim {
    dims.iter().fold(Dim::Int(1), |product, dim| product * dim.clone())
}

/// How many elements a value of type `ty` has, where that is known and few enough to follow their contents.
pub(super) fn few_elements(ty: &Type) -> Option<usize> {
    let sizes = ty.as_tensor()?.shape.sizes()?;
    let count = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size))?;
    (count <= 1024).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::super::{constant_of_shape, expand, gather, range, shape, size, split, tile};
    use super::*;
    use crate::attr::Attrs;
    use crate::attrs;
    use crate::builder::GraphBuilder;
    use crate::expr::ExprBuilder;

    /// What exporters compute from shapes, with an input of dims [B, T, 64].
    fn ty_of(formula: impl for<'a> Fn(&'a ExprBuilder, Expr<'a>) -> Expr<'a>) -> String {
        let f = ExprBuilder::new(GraphBuilder::new("flow"));
        let x = f.input("x", Type::tensor(DType::F32, [Dim::symbol("B"), Dim::symbol("T"), Dim::Int(64)]));
        let ty = formula(&f, x).ty().to_string();
        f.check().unwrap();
        ty
    }

    fn extent<'a>(f: &'a ExprBuilder, x: Expr<'a>, axis: i64) -> Expr<'a> {
        x.unary(&shape::OP).binary(&gather::OP, f.int(axis))
    }

    #[test]
    fn a_range_over_an_extent_is_as_long_as_it() {
        let positions = ty_of(|f, x| f.op(&range::OP, &[f.int(0), extent(f, x, 1), f.int(1)], Attrs::new()));
        assert_eq!(positions, "i64[T]");
        let later = ty_of(|f, x| {
            let (start, end) = (extent(f, x, 1), extent(f, x, 1) + extent(f, x, 0));
            f.op(&range::OP, &[start, end, f.int(1)], Attrs::new())
        });
        assert_eq!(later, "i64[B]");
    }

    #[test]
    fn the_parts_of_a_shape_make_other_shapes() {
        let heads = ty_of(|f, x| {
            let extents = f.op_many(&split::OP, &[Some(x.unary(&shape::OP))], Attrs::new(), Vec::new(), 3);
            let dims = f.concat(&[extents[0], extents[1], f.ints(&[8, 8])], 0);
            f.op(&super::super::reshape::OP, &[x, dims], Attrs::new())
        });
        assert_eq!(heads, "f32[B, T, 8, 8]");
        let zeros = ty_of(|_, x| x.unary(&shape::OP).slice(0, 0, 2, 1).unary(&constant_of_shape::OP));
        assert_eq!(zeros, "f32[B, T]");
        let flat =
            ty_of(|f, x| x.binary(&super::super::reshape::OP, x.unary(&size::OP).binary(&expand::OP, f.ints(&[1]))));
        assert_eq!(flat, "f32[64*B*T]");
    }

    #[test]
    fn repeats_and_masks_of_symbolic_extents() {
        let mask = ty_of(|f, x| {
            let batch = extent(f, x, 0).unsqueeze(&[0]);
            f.ints(&[1]).binary(&expand::OP, f.concat(&[batch, f.ints(&[1])], 0))
        });
        assert_eq!(mask, "i64[B, 1]");
        let repeated = ty_of(|f, x| {
            let repeats = f.concat(&[f.ints(&[1, 2]), extent(f, x, 1).unsqueeze(&[0])], 0);
            x.binary(&tile::OP, repeats)
        });
        assert_eq!(repeated, "f32[B, 2*T, 64*T]");
        let parts = ty_of(|f, x| {
            let attrs = attrs! { axis: 1i64, num_outputs: 2i64 };
            f.op_many(&split::OP, &[Some(x)], attrs, Vec::new(), 2)[1]
        });
        assert!(parts.starts_with("f32[B, ") && !parts.contains('?'), "{parts}");
    }
}
