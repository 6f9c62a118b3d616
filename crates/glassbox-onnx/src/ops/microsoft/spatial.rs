//! Images sampled at places, and biases by distance.

use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.CropAndResize", 1, formula(crop_and_resize)),
    row("com.microsoft.GatedRelativePositionBias", 1, formula(gated_relative_position_bias)),
    row("com.microsoft.GridSample", 1, formula(crate::ops::image::grid_sample_16)),
    row("com.microsoft.RelativePositionBias", 1, formula(relative_position_bias)),
];

/// Boxes of images, [y1, x1, y2, x2] from 0 to 1, each sampled to the same size; places outside give a fixed value.
fn crop_and_resize<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, boxes, images, size) = (c.x(0), c.x(1), c.x(2).cast(DType::I64), c.x(3).cast(DType::I64));
    let outside = c.float("extrapolation_value", 0.0)?;
    let linear = match c.str("mode", "bilinear")? {
        "bilinear" => true,
        "nearest" => false,
        other => return Err(c.error(format!("attribute `mode` is {other:?}"))),
    };
    // The places along an axis, [boxes, count], in pixels.
    let along = |axis: i64| {
        let (extent, count) = (extent(x, 2 + axis), size.slice(0, axis, axis + 1, 1));
        let (first, last) = (boxes.slice(1, axis, axis + 1, 1), boxes.slice(1, axis + 2, axis + 3, 1));
        let pixels = (extent - 1.0).cast(x.dtype());
        let steps = (count - 1.0).maximum(c.f.ints(&[1])).cast(x.dtype());
        let step = (last - first) * pixels / steps;
        let one = count.equal(c.f.ints(&[1]));
        let middle = (first + last) * 0.5 * pixels;
        let place = iota(count).cast(x.dtype()) * step + first * pixels;
        (one.select(middle, place), pixels)
    };
    let ((rows, height), (columns, width)) = (along(0), along(1));
    let inside = |place: Expr<'a>, last: Expr<'a>| (!place.less(place.scalar_like(0.0))).and(!place.greater(last));
    let inside = inside(rows, height).unsqueeze(&[1, 3]).and(inside(columns, width).unsqueeze(&[1, 2]));
    let images = c.f.op(&ops::gather::OP, &[x, images], attrs! { axis: 0i64 });
    // One row of each box's image for each place; then one column.
    let picked = |x: Expr<'a>, place: Expr<'a>, axis: i64, last: Expr<'a>| {
        let place = place.maximum(place.scalar_like(0.0)).minimum(last).cast(DType::I64);
        let spread = place.unsqueeze(if axis == 2 { &[1, 3] } else { &[1, 2] });
        let dims: Vec<Expr<'a>> =
            (0..4).map(|at| if at == axis { extent(spread, at) } else { extent(x, at) }).collect();
        let spread = spread.binary(&ops::expand::OP, c.f.concat(&dims, 0));
        c.f.op(&ops::gather_elements::OP, &[x, spread], attrs! { axis: axis })
    };
    let sampled = |x: Expr<'a>, place: Expr<'a>, axis: i64, last: Expr<'a>| {
        if !linear {
            // Halves go up.
            return picked(x, (place + 0.5).floor(), axis, last);
        }
        let low = place.floor();
        let share = (place - low).unsqueeze(if axis == 2 { &[1, 3] } else { &[1, 2] });
        let (a, b) = (picked(x, low, axis, last), picked(x, place.unary(&ops::ceil::OP), axis, last));
        a + (b - a) * share
    };
    let y = sampled(sampled(images, rows, 2, height), columns, 3, width);
    Ok(vec![inside.select(y, y.scalar_like(outside))])
}

/// A bias for each distance between query and key, in buckets: near distances have their own, far ones share one by
/// their logarithm.
fn relative_position_bias<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let most = c.required("max_distance", c.opt_int("max_distance")?)?;
    let both = c.bool("is_bidirectional", false)?;
    let table = c.x(0);
    let all = c.sizes(0)?[0] as i64;
    let length = |index: usize| shaped(c.x(index).cast(DType::I64), &[1]);
    let distance = iota(length(2)).unsqueeze(&[0]) - iota(length(1)).unsqueeze(&[1]);
    let zero = c.f.int(0);
    let (buckets, sign, distance) = match both {
        true => {
            let half = all / 2;
            let sign = distance.greater(zero).cast(DType::I64) * half as f64;
            (half, sign, distance.abs())
        }
        false => (all, zero, (-distance).maximum(zero)),
    };
    let exact = buckets / 2;
    let far = distance.maximum(c.f.int(1)).cast(DType::F32) / exact as f64;
    let scale = (buckets - exact) as f64 / (most as f64 / exact as f64).ln();
    let far = (far.log() * scale).cast(DType::I64) + exact as f64;
    let far = far.minimum(c.f.int(buckets - 1));
    let bucket = distance.less(c.f.int(exact)).select(distance, far) + sign;
    let bias = c.f.op(&ops::gather::OP, &[table, bucket], attrs! { axis: 0i64 });
    Ok(vec![bias.transpose(&[2, 0, 1]).unsqueeze(&[0])])
}

/// A bias by distance, times gates that are computed from the queries.
fn gated_relative_position_bias<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let heads = c.required("num_heads", c.opt_int("num_heads")?)?;
    without(c, &[6], "sequences without padding, of which only some kernels know: it")?;
    let query = (c.x(0) + c.x(1)).widened();
    let query = super::attention::split_heads(query, heads);
    let width = c.x(4).dims().and_then(|dims| dims[0].as_int());
    let width = width.ok_or_else(|| c.unsupported(format!("a bias of unknown extent, {},", c.x(4).ty())))?;
    let gates = query.matmul(c.x(3).widened()) + c.x(4).widened();
    let gates = shaped(gates, &[0, 0, 0, 2, width / 2]).sum(&[-1], false).sigmoid();
    let (update, reset) = (gates.slice(3, 0, 1, 1), gates.slice(3, 1, 2, 1));
    let gate = update * (reset * c.x(5).widened() - 1.0) + 2.0;
    Ok(vec![(gate * c.x(2).widened()).cast(c.x(0).dtype())])
}
