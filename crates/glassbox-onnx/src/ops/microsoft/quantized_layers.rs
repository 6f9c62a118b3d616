//! Layers of quantised numbers: each dequantised, computed, and quantised again.

use super::attention::{Streams, projected, self_attention, unstacked};
use super::convolution::{channels_last, channels_second, image_rank};
use super::quantized::{quantised, real};
use super::*;
use crate::ops::activation::coerced_to_matrix_of;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.DynamicQuantizeLSTM", 1, formula(dynamic_quantize_lstm)),
    row("com.microsoft.QAttention", 1, formula(q_attention)),
    row("com.microsoft.QLinearAdd", 1, formula(|c| binary(c, &ops::add::OP))),
    row("com.microsoft.QLinearAveragePool", 1, formula(average_pool)),
    row("com.microsoft.QLinearConcat", 1, formula(concat)),
    row("com.microsoft.QLinearConv", 1, formula(conv)),
    row("com.microsoft.QLinearGlobalAveragePool", 1, formula(global_average_pool)),
    row("com.microsoft.QLinearLeakyRelu", 1, formula(leaky_relu)),
    row("com.microsoft.QLinearMul", 1, formula(|c| binary(c, &ops::mul::OP))),
    row("com.microsoft.QLinearReduceMean", 1, formula(reduce_mean)),
    row("com.microsoft.QLinearSigmoid", 1, formula(|c| Ok(vec![unary(c, real_of(c, 0).sigmoid())]))),
    row("com.microsoft.QLinearSoftmax", 1, formula(softmax)),
    row("com.microsoft.QLinearWhere", 1, formula(choice)),
];

/// The operand in place `index`, with its scale and zero point in the two after it, as numbers.
fn real_of<'a>(c: &NodeContext<'a>, index: usize) -> Expr<'a> {
    real(c.x(index), c.x(index + 1), c.opt(index + 2))
}

/// The result of an op of one quantised operand: y, quantised by the operands 3 and 4 to the dtype of x.
fn unary<'a>(c: &NodeContext<'a>, y: Expr<'a>) -> Expr<'a> {
    quantised(y, c.x(3), c.opt(4), c.x(0).dtype())
}

/// Two operands, broadcast.
fn binary<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let y = real_of(c, 0).binary(op, real_of(c, 3));
    Ok(vec![quantised(y, c.x(6), c.opt(7), c.x(0).dtype())])
}

fn leaky_relu<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let alpha = c.float("alpha", f64::from(0.01f32))?;
    let y = c.f.op(&ops::leaky_relu::OP, &[real_of(c, 0)], attrs! { alpha: alpha });
    Ok(vec![unary(c, y)])
}

/// What is computed of images whose channels may be last.
fn of_images<'a>(c: &NodeContext<'a>, compute: impl FnOnce(Expr<'a>) -> Expr<'a>) -> Exprs<'a> {
    let last = c.bool("channels_last", false)?;
    let rank = if last { image_rank(c, 0)? } else { 0 };
    let x = real_of(c, 0);
    let y = if last { channels_last(compute(channels_second(x, rank)), rank) } else { compute(x) };
    Ok(vec![unary(c, y)])
}

fn average_pool<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let attrs = c.attrs(&ops::average_pool::OP)?;
    of_images(c, |x| c.f.op(&ops::average_pool::OP, &[x], attrs))
}

fn global_average_pool<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    of_images(c, |x| x.unary(&ops::global_average_pool::OP))
}

fn reduce_mean<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let axes = c.required("axes", c.ints("axes")?)?;
    let y = real_of(c, 0).mean(axes, c.bool("keepdims", true)?);
    Ok(vec![unary(c, y)])
}

/// Along one axis, or by the rules before version 13 over all axes from it on.
fn softmax<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (opset, axis) = (c.required("opset", c.opt_int("opset")?)?, c.int("axis", -1)?);
    let x = real_of(c, 0);
    let y = match opset {
        ..13 => coerced_to_matrix_of(c, x, axis, &ops::softmax::OP)?,
        _ => c.f.op(&ops::softmax::OP, &[x], attrs! { axis: axis }),
    };
    Ok(vec![unary(c, y)])
}

/// After scale and zero point of y come the parts, each with its own.
fn concat<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let axis = c.required("axis", c.opt_int("axis")?)?;
    let places: Vec<usize> = (2..c.operands().len()).step_by(3).collect();
    let (scale, zero) = (c.x(0), c.x(1));
    let parts: Vec<Expr<'a>> = places.into_iter().map(|place| real_of(c, place)).collect();
    Ok(vec![quantised(c.f.concat(&parts, axis), scale, Some(zero), zero.dtype())])
}

fn choice<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let chosen = c.x(0).select(real_of(c, 1), real_of(c, 4));
    Ok(vec![quantised(chosen, c.x(7), c.opt(8), c.x(1).dtype())])
}

/// As in the default domain, of images whose channels may be last.
fn conv<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (attrs, last) = (c.attrs(&ops::qlinear_conv::OP)?, c.bool("channels_last", false)?);
    let rank = if last { image_rank(c, 0)? } else { 0 };
    let mut operands = c.operands();
    if last {
        operands[0] = Some(channels_second(c.x(0), rank));
    }
    let y = c.f.op_with(&ops::qlinear_conv::OP, &operands, attrs);
    Ok(vec![if last { channels_last(y, rank) } else { y }])
}

/// The projection is of quantised numbers, what follows of floats.
fn q_attention<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let count = c.required("num_heads", c.opt_int("num_heads")?)?;
    only_int(c, "do_rotary", 0, "a rotation inside of QAttention; save the model with RotaryEmbedding nodes: it")?;
    only_int(
        c,
        "past_present_share_buffer",
        0,
        "a past in the buffer of the present; export the model without it: it",
    )?;
    let one = |index: usize| {
        let x = c.x(index);
        let single = x.dims().is_some_and(|dims| dims.iter().all(|dim| dim.as_int() == Some(1)));
        if single { shaped(x, &[]) } else { x }
    };
    let zero = |index: usize| c.opt(index).map(|_| one(index));
    let operands = [Some(c.x(0)), Some(c.x(1)), zero(6), zero(7)];
    let sums = c.f.op_with(&ops::matmul_integer::OP, &operands, Attrs::new());
    let product = sums.cast(DType::F32) * (one(3) * one(4)) + c.x(2);
    let [query, key, value] = projected(c, product)?;
    self_attention(c, Streams { query, key, value, past: unstacked(c.opt(8)) }, 5, None, count)
}

/// The weights are quantised, by one scale for a direction or one for each column, and are transposed. They become
/// floats; inputs and states stay floats, too, so that they are not rounded to 8 bits at each step.
fn dynamic_quantize_lstm<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let attrs = c.attrs(&ops::lstm::OP)?;
    let weight = |index: usize, scale: usize| -> Result<Expr<'a>, OnnxError> {
        let spread = |x: Expr<'a>, rank: usize| if rank == 1 { x.unsqueeze(&[1, 2]) } else { x.unsqueeze(&[1]) };
        let zero = spread(c.x(scale + 1).cast(DType::F32), c.rank(scale + 1)?);
        let real = (c.x(index).cast(DType::F32) - zero) * spread(c.x(scale), c.rank(scale)?);
        Ok(real.transpose(&[0, 2, 1]))
    };
    let (w, r) = (weight(1, 8)?, weight(2, 10)?);
    let operands = [Some(c.x(0)), Some(w), Some(r), c.opt(3), c.opt(4), c.opt(5), c.opt(6), c.opt(7)];
    Ok(c.f.op_many(&ops::lstm::OP, &operands, attrs, Vec::new(), c.outputs))
}
