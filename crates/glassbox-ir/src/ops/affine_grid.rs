//! `affine_grid`: the places that an affine map reads from.

use glassbox_tensor::{Overflow, Tensor};

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "affine_grid",
    tier: Tier::Composite(decompose),
    doc: "The places [batch, height, width, 2], innermost coordinate first, to which the affine maps theta [batch, 2, 3] \
          take the elements of an image of `size` [batch, channels, height, width]; or with depth [batch, depth, height, \
          width, 3], theta [batch, 3, 4] and five sizes. The image lies in [-1, 1] each way: its corner elements' centres \
          with `align_corners`, an extent of 1 then being at -1, else its outer edges. Floats narrower than f32 are \
          computed in f32 and rounded once.",
    inputs: &[Input::one("theta", DTypes::Float), Input::one("size", DTypes::These(&[DType::I64])).shapes()],
    outputs: &[Output::one("grid")],
    attrs: &[AttrSpec::bool("align_corners", false)],
    constraints: &[
        ("C1", "size is a vector of 4 or 5 sizes of at least 0"),
        ("C2", "theta is [batch, 2, 3] for 4 sizes, [batch, 3, 4] for 5"),
    ],
    example: "affine_grid(f32[1, 2, 3] [1, 0, 0, 0, 2, 0], i64[4] [1, 1, 2, 2]) \
              -> f32[1, 2, 2, 2] [-0.5, -1, 0.5, -1, -0.5, 1, 0.5, 1]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let theta = infer.tensor(0)?;
    let by_theta = infer.dims(0).and_then(|dims| dims.get(1)?.as_size()).map(|axes| axes + 2);
    let count = infer.dims(1).and_then(|dims| dims.first()?.as_size()).or(by_theta);
    let sizes = infer.ints(1).or_else(|| count.map(|count| vec![Dim::Unknown; count]));
    let Some(sizes) = sizes else { return Ok(vec![Type::unranked(theta.dtype)]) };
    let negative = sizes.iter().any(|size| size.as_int().is_some_and(|size| size < 0));
    if !(4..=5).contains(&sizes.len()) || negative || infer.rank(1).is_some_and(|rank| rank != 1) {
        return Err(Violation::new("C1", format!("size is {} of {}", Shape::Ranked(sizes), infer.ty(1)?)));
    }
    let axes = sizes.len() - 2;
    let wanted = Type::tensor(theta.dtype, [sizes[0].clone(), axes.into(), (axes + 1).into()]);
    if !wanted.admits(infer.ty(0)?) {
        return Err(Violation::new("C2", format!("theta is {theta}, not {wanted}")));
    }
    let dims = sizes[..1].iter().chain(&sizes[2..]).cloned().chain([axes.into()]);
    Ok(vec![Type::tensor(theta.dtype, dims)])
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (theta, size) = (d.x(0).widened(), d.ints(1)?);
    let extents = &size[2..];
    let axes = extents.len();
    if size.contains(&0) {
        // Nothing to compute, whatever the other extents are.
        let sizes: Vec<usize> = [&size[..1], extents, &[axes as i64]].concat().iter().map(|size| *size as usize).collect();
        let nothing = Tensor::zeros(d.dtype(0), &sizes).map_err(|error| d.invalid("C1", error.to_string()))?;
        return Ok(vec![d.f.constant(nothing)]);
    }
    // A column of theta, [batch, axes, 1], as it broadcasts over the grid.
    let column = |index: i64| {
        let dims = [vec![size[0]], vec![1; axes], vec![axes as i64]].concat();
        theta.slice(2, index, index + 1, 1).reshape(&dims.into_iter().map(Dim::Int).collect::<Vec<_>>())
    };
    let mut grid = column(axes as i64);
    for (place, extent) in extents.iter().enumerate() {
        let mut dims = vec![1; axes + 2];
        dims[place + 1] = *extent as usize;
        let points = Tensor::store(theta.dtype(), &dims, points(*extent, d.attr.bool("align_corners")), Overflow::Wrap);
        let points = d.f.constant(points.map_err(|error| d.invalid("C1", error.to_string()))?);
        // The last axis is the first coordinate.
        grid = grid + points * column((axes - 1 - place) as i64);
    }
    Ok(vec![grid.cast(d.dtype(0))])
}

/// The places of the elements of an axis.
fn points(extent: i64, align_corners: bool) -> Vec<f64> {
    let count = extent as f64;
    let place = |index: i64| match align_corners {
        true if extent == 1 => -1.0,
        true => 2.0 * index as f64 / (count - 1.0) - 1.0,
        false => (2.0 * index as f64 + 1.0) / count - 1.0,
    };
    (0..extent).map(place).collect()
}
