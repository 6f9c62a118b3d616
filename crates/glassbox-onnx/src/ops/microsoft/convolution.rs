//! Convolutions with what is fused to them, and those whose channels come last.

use super::activation::activated;
use super::*;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.CausalConvWithState", 1, formula(causal_conv_with_state)),
    row("com.microsoft.FusedConv", 1, formula(|c| Ok(vec![fused(c, false)?]))),
    row("com.microsoft.NhwcConv", 1, formula(nhwc_conv)),
    row("com.microsoft.NhwcFusedConv", 1, formula(|c| Ok(vec![fused(c, true)?]))),
    row("com.microsoft.NhwcMaxPool", 1, formula(nhwc_max_pool)),
];

/// Channels from the last place to the second.
pub(super) fn channels_second<'a>(x: Expr<'a>, rank: usize) -> Expr<'a> {
    let order: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    x.transpose(&order)
}

/// Channels from the second place to the last.
pub(super) fn channels_last<'a>(x: Expr<'a>, rank: usize) -> Expr<'a> {
    let order: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
    x.transpose(&order)
}

/// The rank of images: at least 3.
pub(super) fn image_rank(c: &NodeContext, index: usize) -> Result<usize, OnnxError> {
    match c.rank(index)? {
        rank if rank >= 3 => Ok(rank),
        rank => Err(c.error(format!("operand {index} has {rank} axes, not batch, channels and at least one more"))),
    }
}

/// As in the default domain: over one axis, not dilated, channels second, with the last state only.
fn causal_conv_with_state<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    for (name, value, what) in [
        ("channels_last", 0, "channels in the last axes"),
        ("dilation", 1, "a dilated kernel"),
        ("ndim", 1, "a convolution over more than one axis"),
        ("state_window", 0, "the states of several last steps"),
    ] {
        only_int(c, name, value, what)?;
    }
    c.direct(&ops::causal_conv_with_state::OP)
}

/// The convolution plus Z, activated.
fn fused<'a>(c: &NodeContext<'a>, last: bool) -> Result<Expr<'a>, OnnxError> {
    let (attrs, name) = (c.attrs(&ops::conv::OP)?, c.str("activation", "")?);
    let parameters: Vec<_> = c.floats("activation_params")?.unwrap_or_default().into_iter().map(Some).collect();
    let rank = if last { image_rank(c, 0)? } else { 0 };
    let images = |x: Expr<'a>| if last { channels_second(x, rank) } else { x };
    let mut sum = c.f.op_with(&ops::conv::OP, &[Some(images(c.x(0))), c.opt(1), c.opt(2)], attrs);
    if let Some(z) = c.opt(3) {
        sum = sum + images(z);
    }
    let y = activated(c, sum, name, &parameters)?;
    Ok(if last { channels_last(y, rank) } else { y })
}

/// The weights, too, have the channels last: [maps, height, width, channels of a group].
fn nhwc_conv<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (attrs, rank) = (c.attrs(&ops::conv::OP)?, image_rank(c, 0)?);
    let operands = [Some(channels_second(c.x(0), rank)), Some(channels_second(c.x(1), rank)), c.opt(2)];
    let y = c.f.op_with(&ops::conv::OP, &operands, attrs);
    Ok(vec![channels_last(y, rank)])
}

fn nhwc_max_pool<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (attrs, rank) = (c.attrs(&ops::max_pool::OP)?, image_rank(c, 0)?);
    let y = c.f.op(&ops::max_pool::OP, &[channels_second(c.x(0), rank)], attrs);
    Ok(vec![channels_last(y, rank)])
}
