//! Group normalisation of images, with what diffusion models add around it.

use super::activation::swish;
use super::*;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.GroupNorm", 1, formula(|c| Ok(vec![normalised(c, c.x(0).widened())?]))),
    row("com.microsoft.SkipGroupNorm", 1, formula(skip_group_norm)),
];

/// x, of the dtype in which it is computed, normalised, and activated where the node says so.
fn normalised<'a>(c: &NodeContext<'a>, x: Expr<'a>) -> Result<Expr<'a>, OnnxError> {
    let groups = c.required("groups", c.opt_int("groups")?)?;
    let activation = c.required("activation", c.opt_int("activation")?)?;
    let (last, epsilon) = (c.bool("channels_last", true)?, c.float("epsilon", f64::from(1e-5f32))?);
    let images = if last { x.transpose(&[0, 3, 1, 2]) } else { x };
    let operands = [images, c.x(1).cast(x.dtype()), c.x(2).cast(x.dtype())];
    let y = c.f.op(&ops::group_normalization::OP, &operands, attrs! { num_groups: groups, epsilon: epsilon });
    let y = match activation {
        0 => y,
        1 => swish(y, 1.0),
        other => return Err(c.error(format!("attribute `activation` is {other}, neither 0 nor 1"))),
    };
    Ok(if last { y.transpose(&[0, 2, 3, 1]) } else { y }.cast(c.x(0).dtype()))
}

/// x plus skip plus bias, normalised, and the sum.
fn skip_group_norm<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let places: &[i64] = if c.bool("channels_last", true)? { &[1, 2] } else { &[2, 3] };
    let skip = match c.rank(3)? {
        2 => c.x(3).unsqueeze(places),
        _ => c.x(3),
    };
    let sum = c.x(0).widened() + skip.widened();
    let sum = match c.opt(4) {
        Some(bias) if places[0] == 2 => sum + bias.widened().unsqueeze(&[1, 2]),
        Some(bias) => sum + bias.widened(),
        None => sum,
    };
    Ok(vec![normalised(c, sum)?, sum.cast(c.x(0).dtype())])
}
