//! The ops of neural networks: convolutions, pooling, dropout.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("AveragePool", 1, direct(&ops::average_pool::OP)),
    row("CausalConvWithState", 27, direct(&ops::causal_conv_with_state::OP)),
    row("Col2Im", 18, direct(&ops::col2im::OP)),
    row("Conv", 1, direct(&ops::conv::OP)),
    row("ConvInteger", 10, direct(&ops::conv_integer::OP)),
    // The equations for `output_shape` of versions 1 to 10 have the two sides the other way round than
    // `auto_pad` is described there; version 11 put that right.
    row("ConvTranspose", 1, direct(&ops::conv_transpose::OP)),
    row("DeformConv", 19, direct(&ops::deform_conv::OP)),
    row("Dropout", 1, formula(|c| if c.bool("is_test", false)? { kept(c) } else { dropped(c) })).until(6),
    row("Dropout", 7, formula(kept)).until(11),
    row("Dropout", 12, formula(dropout)),
    row("GlobalAveragePool", 1, direct(&ops::global_average_pool::OP)),
    row("GlobalLpPool", 1, formula(|c| norm_of_float(c, &ops::global_lp_pool::OP))).until(1),
    row("GlobalLpPool", 2, direct(&ops::global_lp_pool::OP)),
    row("GlobalMaxPool", 1, direct(&ops::global_max_pool::OP)),
    row("LpPool", 1, formula(|c| norm_of_float(c, &ops::lp_pool::OP))).until(1),
    row("LpPool", 2, direct(&ops::lp_pool::OP)),
    row("MaxPool", 1, direct(&ops::max_pool::OP)),
    row("MaxRoiPool", 1, direct(&ops::max_roi_pool::OP)),
    row("MaxUnpool", 9, direct(&ops::max_unpool::OP)),
    row("RoiAlign", 10, formula(roi_align_10)).until(15),
    row("RoiAlign", 16, direct(&ops::roi_align::OP)),
];

/// Nothing is dropped: x itself, and a mask that says so.
fn kept<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.ignore("ratio");
    let x = c.x(0);
    if c.outputs == 1 {
        return Ok(vec![x]);
    }
    let results = c.f.op_many(&ops::dropout::OP, &[Some(x)], Attrs::new(), Vec::new(), 2);
    Ok(vec![x, mask(c, results[1])])
}

/// The mask, which had the dtype of x before version 10.
fn mask<'a>(c: &NodeContext<'a>, mask: Expr<'a>) -> Expr<'a> {
    if c.version < 10 { mask.cast(c.x(0).dtype()) } else { mask }
}

/// The ratio was an attribute, and there was no seed.
fn dropped<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let ratio = c.f.scalar(glassbox_tensor::DType::F32, c.float("ratio", 0.5)?);
    let training = c.f.constant(Tensor::scalar(true));
    let operands = [Some(c.x(0)), Some(ratio), Some(training)];
    let results = c.f.op_many(&ops::dropout::OP, &operands, Attrs::new(), Vec::new(), c.outputs.min(2));
    let mask = results.get(1).map(|result| mask(c, *result));
    Ok([Some(results[0]), mask].into_iter().flatten().collect())
}

/// An op with an effect only where something may be dropped.
fn dropout<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let training = match c.opt(2) {
        None => Some(false),
        Some(_) => c.contents(2).and_then(|training| training.item::<bool>().ok()),
    };
    if training == Some(false) && c.outputs == 1 {
        // Without training, nothing is dropped whatever the ratio.
        c.ignore("seed");
        c.ignore_operand(1);
        return Ok(vec![c.x(0)]);
    }
    c.direct(&ops::dropout::OP)
}

/// The order of the norm was a float.
fn norm_of_float<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let p = c.float("p", 2.0)?;
    if p.fract() != 0.0 || !(1.0..=1e6).contains(&p) {
        return Err(c.unsupported(format!("a norm of the order {p}")));
    }
    let mut attrs = attrs! { p: p as i64 };
    for name in ["kernel_shape", "pads", "strides"].into_iter().filter(|name| op.attr(name).is_some()) {
        attrs.extend(c.ints(name)?.map(|values| (name, values.into())));
    }
    if op.attr("auto_pad").is_some() {
        attrs.extend(c.opt_str("auto_pad")?.map(|mode| ("auto_pad", mode.into())));
    }
    c.with_attrs(op, attrs)
}

/// Before there was a choice, coordinates were not moved by half a pixel.
fn roi_align_10<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let mut attrs = c.attrs(&ops::roi_align::OP)?;
    attrs.insert("coordinate_transformation_mode", "output_half_pixel".into());
    c.with_attrs(&ops::roi_align::OP, attrs)
}
