//! The ops of `com.microsoft`: what ONNX Runtime and the tools around it write into models.
//!
//! A row is a formula over the composites of the IR, after the text of the op's schema; where the text leaves something
//! open, as ONNX Runtime computes it on a processor. What an attribute asks for that a formula doesn't do is an error
//! that names it. Ops that belong to one runtime alone are in [`refusal`](super::refused::refusal), with what to do.

mod activation;
mod attention;
mod block_quantized;
mod convolution;
mod embedding;
mod expert;
mod group_normalization;
mod group_query;
mod linear;
mod masks;
mod matrix;
mod normalization;
mod packed_attention;
mod quantized;
mod quantized_layers;
mod shaping;
mod signal;
mod spatial;

use super::prelude::*;
use crate::error::OnnxError;

/// The rows, a slice for each topic.
pub(super) const FILES: &[&[Row]] = &[
    activation::ROWS,
    attention::ROWS,
    block_quantized::ROWS,
    convolution::ROWS,
    embedding::ROWS,
    expert::ROWS,
    group_normalization::ROWS,
    group_query::ROWS,
    linear::ROWS,
    matrix::ROWS,
    normalization::ROWS,
    packed_attention::ROWS,
    quantized::ROWS,
    quantized_layers::ROWS,
    shaping::ROWS,
    signal::ROWS,
    spatial::ROWS,
];

/// x in another shape, where 0 keeps the dim of that place and -1 is what is left.
fn shaped<'a>(x: Expr<'a>, shape: &[i64]) -> Expr<'a> {
    let shape = x.owner().ints(shape);
    x.binary(&ops::reshape::OP, shape)
}

/// The extent of an axis, as a vector of one.
fn extent(x: Expr<'_>, axis: i64) -> Expr<'_> {
    let end = if axis == -1 {
        Attrs::new()
    } else {
        attrs! { end: axis + 1 }
    };
    let mut attrs = attrs! { start: axis };
    attrs.extend(end);
    x.owner().op(&ops::shape::OP, &[x], attrs)
}

/// 0, 1, … below the only element of `count`.
fn iota(count: Expr<'_>) -> Expr<'_> {
    let f = count.owner();
    f.op(&ops::range::OP, &[f.int(0), shaped(count, &[]), f.int(1)], Attrs::new())
}

/// The elements of an axis from `start` to `end`, each the only element of a vector.
fn cut<'a>(x: Expr<'a>, axis: i64, start: Expr<'a>, end: Expr<'a>) -> Expr<'a> {
    let f = x.owner();
    f.op(&ops::slice::OP, &[x, start, end, f.ints(&[axis])], Attrs::new())
}

/// One slice of an axis, without the axis.
fn slice_at(x: Expr<'_>, axis: i64, index: i64) -> Expr<'_> {
    x.owner().op(&ops::gather::OP, &[x, x.owner().int(index)], attrs! { axis: axis })
}

/// Refuses an attribute whose value isn't this one, with what it would ask for.
fn only_int(c: &NodeContext, name: &str, value: i64, what: &str) -> Result<(), OnnxError> {
    match c.int(name, value)? {
        given if given == value => Ok(()),
        given => Err(c.unsupported(format!("{what} (attribute `{name}` is {given}, not {value})"))),
    }
}

/// Refuses operands, with what they would ask for.
fn without(c: &NodeContext, operands: &[usize], what: &str) -> Result<(), OnnxError> {
    match operands.iter().find(|index| c.opt(**index).is_some()) {
        None => Ok(()),
        Some(index) => Err(c.unsupported(format!("{what} (operand {index})"))),
    }
}

/// `scale`, where it is given and not 0, which stands for the default.
fn given_scale(c: &NodeContext) -> Result<Option<f64>, OnnxError> {
    Ok(c.opt_float("scale")?.filter(|scale| *scale != 0.0))
}
