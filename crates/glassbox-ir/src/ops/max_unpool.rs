//! `max_unpool`: the elements of a max pool back where they were.

use super::common::*;
use super::windows::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "max_unpool",
    doc: "Zeros, but for the elements of x, which go where `indices`, of the same shape, says. The indices count \
          row-major in a tensor of x's batch and channels and the extents strides * (extent - 1) + kernel - pads on each \
          spatial axis; of two elements with the same index the later one stays. `output_shape`, if given, is the \
          result's whole shape instead: the tensor lies at its front, and what is over is cut off or 0.",
    inputs: &[
        Input::one("x", DTypes::Numeric),
        Input::one("indices", DTypes::These(&[DType::I64])),
        Input::one("output_shape", DTypes::These(&[DType::I64])).optional().shapes(),
    ],
    attrs: &[KERNEL_SHAPE, PADS, STRIDES],
    constraints: &[
        SPATIAL,
        ("C2", "kernel_shape and strides have an entry of at least 1 for each spatial axis, pads two of at least 0"),
        ("C3", "indices has x's shape"),
        ("C4", "pads don't take off more than there is"),
        ("C5", "output_shape has an entry of at least 0 for each axis, and x's batch and channels"),
        ("C6", "each index is that of an element"),
    ],
    example: "max_unpool(f32[1, 1, 2] [5, 6], i64[1, 1, 2] [1, 2]) {kernel_shape = [2], strides = [2]} \
              -> f32[1, 1, 4] [0, 5, 6, 0]",
    infer,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The dims that the indices count in.
///
/// # Errors
///
/// Where x has no spatial axes, or a list has another number of entries than there are of them.
pub fn unpooled(attr: crate::infer::AttrView, x: &[Dim]) -> Result<Vec<Dim>, Violation> {
    let axes = spatial_axes(x.len())?;
    let kernel = entries(attr, "kernel_shape", axes, 1)?.unwrap_or_default();
    let strides = entries(attr, "strides", axes, 1)?.unwrap_or_else(|| vec![1; axes]);
    let (front, end) = pads(attr, axes)?;
    let mut dims = x.to_vec();
    for (axis, dim) in dims[2..].iter_mut().enumerate() {
        let full = (&*dim - &Dim::Int(1)) * Dim::Int(strides[axis]) + Dim::Int(kernel[axis]);
        *dim = full - Dim::Int(front[axis]) - Dim::Int(end[axis]);
        if dim.as_int().is_some_and(|extent| extent < 0) {
            return Err(Violation::new("C4", format!("spatial axis {axis} would have the extent {dim}")));
        }
    }
    Ok(dims)
}

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let kernel = infer.attr.ints("kernel_shape").unwrap_or_default();
    let rank = infer.rank(0).or(infer.rank(1)).unwrap_or(kernel.len() + 2);
    let x_shape = if x.rank().is_some() { x.shape.clone() } else { Shape::of_rank(rank) };
    if !x_shape.admits(&infer.tensor(1)?.shape) || infer.rank(1).is_some_and(|other| other != rank) {
        return Err(Violation::new("C3", format!("x is {x} and indices is {}", infer.ty(1)?)));
    }
    let dims = unpooled(infer.attr, x_shape.dims().unwrap_or_default())?;
    if !infer.has(2) {
        return Ok(vec![Type::tensor(x.dtype, dims)]);
    }
    let Some(wanted) = infer.ints(2) else {
        return Ok(vec![TensorType { dtype: x.dtype, shape: Shape::of_rank(rank) }.into()]);
    };
    let fits = wanted.len() == rank
        && (0..2).all(|axis| wanted[axis].same(&dims[axis]) != Some(false))
        && wanted.iter().all(|dim| dim.as_int().is_none_or(|size| size >= 0));
    if !fits {
        return Err(Violation::new("C5", format!("output_shape is {}, for x of {x}", Shape::Ranked(wanted))));
    }
    Ok(vec![Type::tensor(x.dtype, wanted)])
}
