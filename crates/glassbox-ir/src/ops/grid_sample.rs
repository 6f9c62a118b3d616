//! `grid_sample`: a tensor read at the places that a grid says.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "grid_sample",
    doc: "x [batch, channels, spatial…] read at the places of `grid` [batch, places…, axes], each of which has a \
          coordinate in [-1, 1] for each spatial axis, the innermost first: with `align_corners` from the centre of the \
          first element to that of the last, else from outer edge to outer edge. Mode nearest takes the nearest element, \
          half to even; linear weighs the two around it on each axis, cubic four, by the kernel of Keys with a = -0.75. \
          Places outside of x give 0 (zeros), the nearest of x (border), or what the mirrored place has (reflection), \
          mirrored at the centres of the outer elements with align_corners, else at their outer edges; of cubic, each of the \
          four is such a place. Computed in f64 \
          and rounded once; integers are truncated toward zero and wrap. A coordinate that is NaN is outside, or with \
          border and reflection at the front. Weights of 0 are left out.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("grid", DTypes::Float)],
    attrs: &[
        AttrSpec::bool("align_corners", false),
        AttrSpec::one_of("mode", &["linear", "nearest", "cubic"], "linear"),
        AttrSpec::one_of("padding_mode", &["zeros", "border", "reflection"], "zeros"),
    ],
    constraints: &[
        ("C1", "x has a batch axis, a channel axis and at least one spatial axis"),
        ("C2", "grid has the rank and the batch of x, and as many coordinates as x has spatial axes"),
        ("C3", "linear and cubic take numbers"),
        ("C4", "with border and reflection, no spatial axis of x has the extent 0"),
    ],
    example: "grid_sample(f32[1, 1, 2] [1, 3], f32[1, 3, 1] [-0.5, 0, 1]) -> f32[1, 1, 3] [1, 2, 1.5]",
    infer: |infer| {
        let (x, grid) = (infer.tensor(0)?, infer.tensor(1)?);
        if infer.attr.str("mode") != "nearest" && !DTypes::Numeric.contains(x.dtype) {
            return Err(Violation::new("C3", format!("x is {x}")));
        }
        let Some(rank) = x.rank().or(grid.rank()) else { return Ok(vec![Type::unranked(x.dtype)]) };
        let axes = super::windows::spatial_axes(rank)?;
        let unknown = || vec![Dim::Unknown; rank];
        let (x_dims, grid_dims) =
            (x.dims().map_or_else(unknown, <[Dim]>::to_vec), grid.dims().map_or_else(unknown, <[Dim]>::to_vec));
        let fits = x_dims.len() == grid_dims.len()
            && x_dims[0].same(&grid_dims[0]) != Some(false)
            && grid_dims[rank - 1].same(&axes.into()) != Some(false);
        if !fits {
            return Err(Violation::new("C2", format!("x is {x} and grid is {grid}")));
        }
        if infer.attr.str("padding_mode") != "zeros" && x_dims[2..].contains(&Dim::Int(0)) {
            return Err(Violation::new("C4", format!("x is {x}")));
        }
        let dims = x_dims[..2].iter().chain(&grid_dims[1..rank - 1]).cloned();
        Ok(vec![Type::tensor(x.dtype, dims)])
    },
    ..OpDef::BASE
};
