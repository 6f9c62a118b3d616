//! Inverses of matrices, and distances between rows.

use super::activation::wide;
use super::*;
use glassbox_ir::{Dim, Type};
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] =
    &[row("com.microsoft.CDist", 1, formula(cdist)), row("com.microsoft.Inverse", 1, formula(inverse))];

/// The distance between each row of a and each of b.
fn cdist<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let apart = c.x(0).unsqueeze(&[1]) - c.x(1).unsqueeze(&[0]);
    let squares = (apart * apart).sum(&[-1], false);
    match c.str("metric", "sqeuclidean")? {
        "sqeuclidean" => Ok(vec![squares]),
        "euclidean" => Ok(vec![squares.sqrt()]),
        other => Err(c.unsupported(format!("the metric {other:?} (sqeuclidean and euclidean are understood)"))),
    }
}

/// The inverses of the matrices in the last two axes, by elimination in f64: a loop over the columns of [a, 1], in each
/// turn of which the row with the largest number in the column comes to its place, and makes all others 0 there.
fn inverse<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let x = c.x(0);
    c.rank(0)?;
    let count = extent(x, -1);
    let flat = c.f.concat(&[c.f.ints(&[-1]), count, count], 0);
    let matrices = x.cast(DType::F64).binary(&ops::reshape::OP, flat);
    let places = iota(count);
    let unit = places.unsqueeze(&[1]).equal(places.unsqueeze(&[0])).cast(DType::F64);
    let units = unit.binary(&ops::expand::OP, matrices.unary(&ops::shape::OP));
    let both = c.f.concat(&[matrices, units], 2);
    let types = [Type::scalar(DType::I64), Type::scalar(DType::Bool), Type::tensor(DType::F64, vec![Dim::Unknown; 3])];
    let region = c.inline_region(&types, |parameters| {
        let (column, go, both) = (parameters[0], parameters[1], parameters[2]);
        let at = |x: Expr<'a>, axis: i64| c.f.op(&ops::gather::OP, &[x, column], attrs! { axis: axis });
        let sizes = at(both, 2).abs();
        let candidates = places.less(column).select(sizes.scalar_like(-1.0), sizes);
        let pivot = c.f.op(&ops::arg_max::OP, &[candidates], attrs! { axis: 1i64, keepdims: true });
        // Rows `column` and `pivot` change places.
        let order = places.equal(column).select(pivot, places.unsqueeze(&[0]).equal(pivot).select(column, places));
        let order = order.unsqueeze(&[2]).binary(&ops::expand::OP, both.unary(&ops::shape::OP));
        let both = c.f.op(&ops::gather_elements::OP, &[both, order], attrs! { axis: 1i64 });
        let row = at(both, 1);
        let row = (row / at(row, 1).unsqueeze(&[1])).unsqueeze(&[1]);
        let reduced = both - at(both, 2).unsqueeze(&[2]) * row;
        let own = places.equal(column).unsqueeze(&[1]);
        Ok(vec![go, own.select(row, reduced)])
    })?;
    let operands = [Some(shaped(count, &[])), None, Some(both)];
    let solved = c.f.op_many(&ops::loop_::OP, &operands, Attrs::new(), vec![region], 1);
    let result = cut(solved[0], 2, count, count + count);
    let result = result.cast(wide(x)).cast(x.dtype());
    Ok(vec![result.binary(&ops::reshape::OP, x.unary(&ops::shape::OP))])
}
