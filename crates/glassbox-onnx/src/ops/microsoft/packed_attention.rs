//! Attention over sequences without padding: their tokens side by side, with what says where each belongs.

use super::activation::wide;
use super::attention::{Streams, attend, heads};
use super::masks::{added, open};
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[row("com.microsoft.PackedMultiHeadAttention", 1, formula(packed_multi_head))];

/// The tokens stand in their places of [batch, steps], which the first numbers of `token_offset` say; what is over
/// there is zeros, which nobody sees. Rows of the result are read from the same places.
fn packed_multi_head<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let count = c.required("num_heads", c.opt_int("num_heads")?)?;
    let closed = c.float("mask_filter_value", -10000.0)?;
    let (offsets, sums) = (c.x(4).cast(DType::I64), c.x(5).cast(DType::I64));
    let query = c.x(0);
    let parts = match (c.rank(0)?, c.opt(1), c.opt(2)) {
        (4, None, None) => [0, 1, 2].map(|index| shaped(slice_at(query, 2, index), &[0, -1])),
        (2, Some(key), Some(value)) => [query, key, value],
        _ => return Err(c.error("query, key and value are neither matrices nor packed into one tensor of four axes")),
    };
    let mut first = c.f.ints(&[0]);
    let parts = parts.map(|part| {
        let Some(bias) = c.opt(3) else { return part };
        let end = first + extent(part, 1);
        let biased = part + cut(bias, 0, first, end);
        first = end;
        biased
    });
    let tokens = extent(query, 0);
    let places = cut(shaped(offsets, &[-1]), 0, c.f.ints(&[0]), tokens);
    let spread = |x: Expr<'a>| {
        let rows = c.f.concat(&[extent(offsets, 0) * extent(offsets, 1), extent(x, 1)], 0);
        let zeros = x.scalar_like(0.0).binary(&ops::expand::OP, rows);
        let filled = c.f.op(&ops::scatter_nd::OP, &[zeros, places.unsqueeze(&[1]), x], Attrs::new());
        let shape = c.f.concat(&[offsets.unary(&ops::shape::OP), extent(x, 1)], 0);
        filled.binary(&ops::reshape::OP, shape)
    };
    let [query, key, value] = parts.map(spread);
    let dtype = wide(query);
    let lengths = sums.slice(0, 1, i64::MAX, 1) - sums.slice(0, 0, -1, 1);
    let seen = iota(extent(key, 1)).less(lengths.unsqueeze(&[1, 2, 3]));
    let mask = added([Some(open(seen, closed, dtype)), c.opt(6).map(|bias| bias.cast(dtype))]);
    let results = attend(c, &Streams { query, key, value, past: None }, mask, heads(count))?;
    let flat = results[0].binary(&ops::reshape::OP, c.f.concat(&[c.f.ints(&[-1]), extent(results[0], 2)], 0));
    Ok(vec![c.f.op(&ops::gather::OP, &[flat, places], attrs! { axis: 0i64 })])
}
