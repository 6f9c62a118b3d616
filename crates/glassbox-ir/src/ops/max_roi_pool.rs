//! `max_roi_pool`: the largest elements of the cells of regions.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "max_roi_pool",
    doc: "Of each region of interest [batch index, x1, y1, x2, y2], scaled by `spatial_scale` and rounded half away from \
          zero to elements of x [batch, channels, height, width], both ends included and at least one element large, the \
          largest element in each cell of a grid of `pooled_shape` cells. A cell begins at floor(cell * size) and ends \
          before ceil((cell + 1) * size); a NaN is larger than anything; a cell without an element of x is 0.",
    inputs: &[Input::one("x", DTypes::Float).same('T'), Input::one("rois", DTypes::Float).same('T')],
    attrs: &[AttrSpec::required("pooled_shape", AttrKind::Ints), AttrSpec::float("spatial_scale", 1.0)],
    constraints: &[
        ("C1", "x has rank 4, and rois is [regions, 5]"),
        ("C2", "pooled_shape has two entries of at least 1"),
        ("C3", "each batch index is that of an image, and each coordinate a finite number"),
    ],
    example: "max_roi_pool(f32[1, 1, 1, 3] [1, 3, 2], f32[1, 5] [0, 0, 0, 1, 0]) {pooled_shape = [1, 1]} \
              -> f32[1, 1, 1, 1] [3]",
    infer: |infer| {
        let pooled = infer.attr.ints("pooled_shape").unwrap_or_default();
        match *pooled {
            [height, width] if height > 0 && width > 0 => regions(infer, 5, [height, width]),
            _ => Err(Violation::new("C2", format!("pooled_shape is {pooled:?}"))),
        }
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The result [regions, channels, height, width] of an op of x and regions with `columns` numbers each.
pub(super) fn regions(infer: &Infer, columns: i64, [height, width]: [i64; 2]) -> Types {
    let (x, rois) = (infer.tensor(0)?, infer.tensor(1)?);
    let unknown = |rank| vec![Dim::Unknown; rank];
    let (x_dims, roi_dims) =
        (x.dims().map_or_else(|| unknown(4), <[Dim]>::to_vec), rois.dims().map_or_else(|| unknown(2), <[Dim]>::to_vec));
    if x_dims.len() != 4 || roi_dims.len() != 2 || roi_dims[1].same(&Dim::Int(columns)) == Some(false) {
        return Err(Violation::new("C1", format!("x is {x} and rois is {rois}")));
    }
    let dims = [roi_dims[0].clone(), x_dims[1].clone(), Dim::Int(height), Dim::Int(width)];
    Ok(vec![Type::tensor(x.dtype, dims)])
}
