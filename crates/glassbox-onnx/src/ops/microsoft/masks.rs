//! Which keys a query may see, in the forms that the ops of attention take it in.
//!
//! In: operands of a node. Out: numbers that are added to the scores [batch, heads, queries, keys].

use super::*;
use glassbox_tensor::DType;

/// What is added where a key is masked, unless an attribute says otherwise.
const FILTER: f64 = -10000.0;

/// 0 where `seen` holds, elsewhere `closed`.
pub(super) fn open<'a>(seen: Expr<'a>, closed: f64, dtype: DType) -> Expr<'a> {
    let f = seen.owner();
    seen.select(f.scalar(dtype, 0.0), f.scalar(dtype, closed))
}

/// The mask of keys in operand `index`, for `keys` keys (a vector of one), as numbers to add.
///
/// Of one axis it is, for each element of the batch, the end of its keys, or all ends and then all starts. Of two axes
/// [batch, keys] or three [batch, queries, keys] it is 0 where a key is masked; of four [batch, 1, places, places] the
/// same by the places of queries, of which there are `past` before the first, and of keys.
pub(super) fn key_mask<'a>(
    c: &NodeContext<'a>,
    index: usize,
    keys: Expr<'a>,
    past: Option<Expr<'a>>,
    dtype: DType,
) -> Result<Option<Expr<'a>>, OnnxError> {
    let closed = c.float("mask_filter_value", FILTER)?;
    let Some(mask) = c.opt(index) else { return Ok(None) };
    let mask = mask.cast(DType::I64);
    let zero = c.f.int(0);
    let seen = match c.rank(index)? {
        1 => between(c, mask, keys)?,
        2 => (!mask.equal(zero)).unsqueeze(&[1, 2]),
        3 => (!mask.equal(zero)).unsqueeze(&[1]),
        4 => {
            let first = past.unwrap_or(c.f.ints(&[0]));
            let rows = cut(!mask.equal(zero), 2, first, first + extent(c.x(0), 1));
            cut(rows, 3, c.f.ints(&[0]), keys)
        }
        rank => return Err(c.error(format!("the mask, operand {index}, has {rank} axes"))),
    };
    Ok(Some(open(seen, closed, dtype)))
}

/// The keys before the end of each element of the batch, and not before its start, if the starts follow the ends.
fn between<'a>(c: &NodeContext<'a>, mask: Expr<'a>, keys: Expr<'a>) -> Result<Expr<'a>, OnnxError> {
    let batch = extent(c.x(0), 0);
    if let (Some(count), Some(batch)) = (dim(mask, 0), dim(c.x(0), 0))
        && count != batch
        && count != 2 * batch
    {
        let message =
            format!("a mask of {count} numbers for {batch} sequences, which only a kernel of one device takes,");
        return Err(c.unsupported(message));
    }
    let column = |x: Expr<'a>| x.unsqueeze(&[1, 2, 3]);
    let zeros = c.f.int(0).binary(&ops::expand::OP, batch);
    let twice = batch + batch;
    let ends = cut(mask, 0, c.f.ints(&[0]), batch);
    // Without starts these are the zeros.
    let starts = cut(c.f.concat(&[mask, zeros], 0), 0, batch, twice);
    let key = iota(keys);
    Ok(key.less(column(ends)).and(!key.less(column(starts))))
}

/// A dim as a number, where it is known.
fn dim(x: Expr<'_>, axis: usize) -> Option<i64> {
    x.dims()?.get(axis)?.as_int()
}

/// Masks and biases added; `None` where there are none.
pub(super) fn added<'a>(parts: impl IntoIterator<Item = Option<Expr<'a>>>) -> Option<Expr<'a>> {
    parts.into_iter().flatten().reduce(|sum, part| sum + part)
}
