//! Attention over sequences without padding: their tokens side by side, with what says where each belongs.

use super::activation::wide;
use super::attention::{Streams, attend, heads, projected};
use super::masks::{added, open};
use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.PackedAttention", 1, formula(packed_attention)),
    row("com.microsoft.PackedMultiHeadAttention", 1, formula(packed_multi_head)),
    row("com.microsoft.RemovePadding", 1, formula(remove_padding)),
    row("com.microsoft.RestorePadding", 1, formula(restore_padding)),
];

/// The projection of the tokens is inside.
fn packed_attention<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let count = c.required("num_heads", c.opt_int("num_heads")?)?;
    let parts = projected(c, c.x(0).matmul(c.x(1)) + c.x(2))?;
    attended(c, parts, [3, 4, 5], count)
}

/// Query, key and value are three matrices, or packed into one tensor.
fn packed_multi_head<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let count = c.required("num_heads", c.opt_int("num_heads")?)?;
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
    attended(c, parts, [4, 5, 6], count)
}

/// Rows of x, put in these places of a matrix of zeros with so many rows.
fn spread<'a>(x: Expr<'a>, places: Expr<'a>, rows: Expr<'a>) -> Expr<'a> {
    let f = x.owner();
    let zeros = x.scalar_like(0.0).binary(&ops::expand::OP, f.concat(&[rows, extent(x, 1)], 0));
    f.op(&ops::scatter_nd::OP, &[zeros, places.unsqueeze(&[1]), x], Attrs::new())
}

/// The tokens of operand 0 in the places that the first numbers of operand 1, [batch, steps], say.
fn restore_padding<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, offsets) = (c.x(0), c.x(1).cast(DType::I64));
    let places = cut(shaped(offsets, &[-1]), 0, c.f.ints(&[0]), extent(x, 0));
    let filled = spread(x, places, extent(offsets, 0) * extent(offsets, 1));
    let shape = c.f.concat(&[offsets.unary(&ops::shape::OP), extent(x, 1)], 0);
    Ok(vec![filled.binary(&ops::reshape::OP, shape)])
}

/// The first tokens of each sequence side by side, where they and then the others were, the sums of the lengths, and
/// the longest.
fn remove_padding<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, lengths) = (c.x(0), c.x(1));
    let real = shaped(iota(extent(x, 1)).unsqueeze(&[0]).less(lengths.cast(DType::I64).unsqueeze(&[1])), &[-1]);
    let found = |mask: Expr<'a>| shaped(mask.unary(&ops::nonzero::OP), &[-1]);
    let places = found(real);
    let flat = x.binary(&ops::reshape::OP, c.f.concat(&[c.f.ints(&[-1]), extent(x, 2)], 0));
    let tokens = c.f.op(&ops::gather::OP, &[flat, places], attrs! { axis: 0i64 });
    let all = c.f.concat(&[places, found(!real)], 0).cast(lengths.dtype());
    let offsets = all.binary(&ops::reshape::OP, c.f.concat(&[extent(x, 0), extent(x, 1)], 0));
    let sums = c.f.op(&ops::cum_sum::OP, &[lengths, c.f.int(0)], Attrs::new());
    let sums = c.f.concat(&[c.f.ints(&[0]).cast(lengths.dtype()), sums], 0);
    Ok(vec![tokens, offsets, sums, lengths.reduce(&ops::reduce_max::OP, &[0], true)])
}

/// The tokens stand in their places of [batch, steps], which the first numbers of operand `offsets` say; what is over
/// there is zeros, which nobody sees. Rows of the result are read from the same places.
fn attended<'a>(c: &NodeContext<'a>, parts: [Expr<'a>; 3], [offsets, sums, bias]: [usize; 3], count: i64) -> Exprs<'a> {
    let closed = c.float("mask_filter_value", -10000.0)?;
    let (offsets, sums) = (c.x(offsets).cast(DType::I64), c.x(sums).cast(DType::I64));
    let places = cut(shaped(offsets, &[-1]), 0, c.f.ints(&[0]), extent(parts[0], 0));
    let rows = extent(offsets, 0) * extent(offsets, 1);
    let [query, key, value] = parts.map(|x| {
        let shape = c.f.concat(&[offsets.unary(&ops::shape::OP), extent(x, 1)], 0);
        spread(x, places, rows).binary(&ops::reshape::OP, shape)
    });
    let dtype = wide(query);
    let lengths = sums.slice(0, 1, i64::MAX, 1) - sums.slice(0, 0, -1, 1);
    let seen = iota(extent(key, 1)).less(lengths.unsqueeze(&[1, 2, 3]));
    let mask = added([Some(open(seen, closed, dtype)), c.opt(bias).map(|bias| bias.cast(dtype))]);
    let results = attend(c, &Streams { query, key, value, past: None }, mask, heads(count))?;
    let flat = results[0].binary(&ops::reshape::OP, c.f.concat(&[c.f.ints(&[-1]), extent(results[0], 2)], 0));
    Ok(vec![c.f.op(&ops::gather::OP, &[flat, places], attrs! { axis: 0i64 })])
}
