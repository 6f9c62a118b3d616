//! Ops that move elements or count them, most of them older twins of ops of the default domain.

use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.ExpandDims", 1, formula(expand_dims)),
    row(
        "com.microsoft.GatherND",
        1,
        formula(|c| Ok(vec![c.x(0).binary(&ops::gather_nd::OP, c.x(1).cast(DType::I64))])),
    ),
    row("com.microsoft.IsAllFinite", 1, formula(is_all_finite)),
    row("com.microsoft.Pad", 1, formula(pad)),
    row("com.microsoft.Range", 1, formula(range)),
    row("com.microsoft.TorchEmbedding", 1, formula(torch_embedding)),
    row("com.microsoft.Trilu", 1, direct(&ops::trilu::OP)),
    row("com.microsoft.UnfoldTensor", 1, formula(unfold_tensor)),
    row("com.microsoft.Unique", 1, formula(unique)),
];

/// The axis, an operand, counts over the axes of the result.
fn expand_dims<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let axis = shaped(c.x(1).cast(DType::I64), &[1]);
    Ok(vec![c.x(0).binary(&ops::unsqueeze::OP, axis)])
}

/// The pads may be a matrix of one row, the value a vector of one.
fn pad<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let attrs = attrs! { mode: c.str("mode", "constant")? };
    let value = c.opt(2).map(|value| shaped(value, &[]));
    Ok(vec![c.f.op_with(&ops::pad::OP, &[Some(c.x(0)), Some(shaped(c.x(1), &[-1])), value], attrs)])
}

fn range<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let one = |x: Expr<'a>| shaped(x, &[]);
    let delta = c.opt(2).map_or_else(|| c.f.int(1).cast(c.x(0).dtype()), one);
    Ok(vec![c.f.op(&ops::range::OP, &[one(c.x(0)), one(c.x(1)), delta], Attrs::new())])
}

/// Values in the order in which they come, which of them each element is, and how often each comes.
fn unique<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let results = c.f.op_many(&ops::unique::OP, &[Some(c.x(0))], attrs! { sorted: false }, Vec::new(), 4);
    Ok(vec![results[0], results[2], results[3]])
}

fn is_all_finite<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (inf, nan) = (c.bool("isinf_only", false)?, c.bool("isnan_only", false)?);
    let mut bad = c.f.int(0);
    for (index, x) in c.rest(0).into_iter().enumerate() {
        c.rank(index)?;
        let tests = [(!nan).then(|| x.unary(&ops::is_inf::OP)), (!inf).then(|| x.unary(&ops::is_nan::OP))];
        for test in tests.into_iter().flatten() {
            bad = bad + shaped(test.cast(DType::I64), &[-1]).sum(&[0], false);
        }
    }
    Ok(vec![bad.equal(c.f.int(0))])
}

/// Rows of a table. What training does besides is nothing here.
fn torch_embedding<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    [2, 3].into_iter().for_each(|index| c.ignore_operand(index));
    Ok(vec![c.f.op(&ops::gather::OP, &[c.x(0), c.x(1)], attrs! { axis: 0i64 })])
}

/// All runs of `size` elements along an axis, `step` apart, as a new last axis.
fn unfold_tensor<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, rank) = (c.x(0), c.rank(0)?);
    let axis = c.axis(c.int("dim", -1)?, rank)?;
    let (size, step) = (c.required("size", c.opt_int("size")?)?, c.int("step", 1)?);
    let last = extent(x, axis as i64) - size as f64;
    let starts = iota(last.binary(&ops::div::OP, c.f.ints(&[step])) + 1.0) * step as f64;
    let places = starts.unsqueeze(&[1]) + iota(c.f.ints(&[size]));
    let picked = c.f.op(&ops::gather::OP, &[x, places], attrs! { axis: axis as i64 });
    // The runs stand after the axis of the starts; they go to the end.
    let order: Vec<usize> = (0..rank + 1).filter(|place| *place != axis + 1).chain([axis + 1]).collect();
    Ok(vec![picked.transpose(&order)])
}
