//! Ops that early exporters wrote and that no version of ONNX kept.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("Affine", 1, formula(affine)),
    row("Crop", 1, formula(crop)),
    row("DynamicSlice", 1, bare(&ops::slice::OP)),
    row("ImageScaler", 1, formula(image_scaler)),
    row("ParametricSoftplus", 1, formula(parametric_softplus)),
    row("Scale", 1, formula(scale)),
    row("ScaledTanh", 1, formula(scaled_tanh)),
    row("ThresholdedRelu", 1, direct(&ops::thresholded_relu::OP)).until(9),
];

/// alpha x + beta.
fn affine<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    Ok(vec![c.x(0) * c.float("alpha", 1.0)? + c.x(0).scalar_like(c.float("beta", 0.0)?)])
}

/// scale x.
fn scale<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    Ok(vec![c.x(0) * c.float("scale", 1.0)?])
}

/// alpha tanh(beta x).
fn scaled_tanh<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    Ok(vec![(c.x(0) * c.float("beta", 1.0)?).tanh() * c.float("alpha", 1.0)?])
}

/// alpha log(exp(beta x) + 1).
fn parametric_softplus<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    Ok(vec![(c.x(0) * c.float("beta", 1.0)?).unary(&ops::softplus::OP) * c.float("alpha", 1.0)?])
}

/// scale x plus a number for each channel.
fn image_scaler<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (scale, bias) = (c.float("scale", 1.0)?, c.floats("bias")?.unwrap_or_default());
    let scaled = c.x(0) * scale;
    if bias.is_empty() {
        return Ok(vec![scaled]);
    }
    let bias: Vec<f32> = bias.into_iter().map(|value| value as f32).collect();
    let bias = Tensor::from_vec(&[bias.len(), 1, 1], bias).map_err(|error| c.error(error))?;
    Ok(vec![scaled + c.f.constant(bias).cast(scaled.dtype())])
}

/// Images without a border of so many pixels left, above, right and below; or with a `scale`, height and width, that
/// large a piece from behind the left and upper border.
fn crop<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let border = c.required("border", c.ints("border")?)?;
    let [left, top, right, bottom] = border[..] else {
        return Err(c.error(format!("attribute `border` has {} numbers, not 4", border.len())));
    };
    let ends = match c.ints("scale")?.unwrap_or_default() {
        [] => [bottom, right].map(|border| if border == 0 { i64::MAX } else { -border }),
        [height, width] => [top + height, left + width],
        other => return Err(c.error(format!("attribute `scale` has {} numbers, not 2", other.len()))),
    };
    Ok(vec![c.x(0).slice(2, top, ends[0], 1).slice(3, left, ends[1], 1)])
}
