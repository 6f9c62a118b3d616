//! The ops of images.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("AffineGrid", 20, direct(&ops::affine_grid::OP)),
    row("GridSample", 16, formula(grid_sample_16)).until(19),
    row("GridSample", 20, direct(&ops::grid_sample::OP)),
    row("ImageDecoder", 20, direct(&ops::image_decoder::OP)),
    row("Resize", 10, formula(|c| upsample(c, c.x(1), "simple"))).until(10),
    row("Resize", 11, direct(&ops::resize::OP)),
    row("Upsample", 1, formula(upsample_1)).until(6),
    row("Upsample", 7, formula(upsample_7)).until(8),
    row("Upsample", 9, formula(|c| upsample(c, c.x(1), "floor"))).until(9),
];

/// The modes had the names that they have in two dimensions.
pub(super) fn grid_sample_16<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let mode = match c.str("mode", "bilinear")? {
        "bilinear" => "linear",
        "bicubic" => "cubic",
        other => other,
    };
    let mut attrs = attrs! { mode: mode, align_corners: c.bool("align_corners", false)? };
    attrs.extend(c.opt_str("padding_mode")?.map(|mode| ("padding_mode", mode.into())));
    c.with_attrs(&ops::grid_sample::OP, attrs)
}

/// Two scales, of height and width.
fn upsample_1<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let scale = |name| c.required(name, c.opt_float(name)?);
    let scales = vec![1.0, 1.0, scale("height_scale")? as f32, scale("width_scale")? as f32];
    upsample(c, constant(c, scales)?, "floor")
}

/// The scales were an attribute.
fn upsample_7<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let scales = c.required("scales", c.floats("scales")?)?;
    let scales = constant(c, scales.into_iter().map(|scale| scale as f32).collect())?;
    upsample(c, scales, "floor")
}

fn constant<'a>(c: &NodeContext<'a>, scales: Vec<f32>) -> Result<Expr<'a>, crate::error::OnnxError> {
    let scales = Tensor::from_vec(&[scales.len()], scales).map_err(|error| c.error(error))?;
    Ok(c.f.constant(scales))
}

/// A resize whose coordinates are divided by the scale and nothing else.
fn upsample<'a>(c: &NodeContext<'a>, scales: Expr<'a>, nearest_mode: &str) -> Exprs<'a> {
    let mode = match c.str("mode", "nearest")? {
        "bilinear" => "linear",
        other => other,
    };
    let attrs = attrs! { mode: mode, coordinate_transformation_mode: "asymmetric", nearest_mode: nearest_mode };
    Ok(vec![c.f.op_with(&ops::resize::OP, &[Some(c.x(0)), None, Some(scales)], attrs)])
}
