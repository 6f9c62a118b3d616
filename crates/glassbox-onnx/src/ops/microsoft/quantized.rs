//! Quantising and dequantising, and products of quantised matrices.

use super::*;
use glassbox_ir::Dim;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.DequantizeLinear", 1, formula(dequantize_linear)),
    row("com.microsoft.DynamicQuantizeMatMul", 1, formula(dynamic_quantize_matmul)),
    row("com.microsoft.MatMulInteger16", 1, formula(matmul_integer_16)),
    row("com.microsoft.MatMulIntegerToFloat", 1, formula(matmul_integer_to_float)),
    row("com.microsoft.MulInteger", 1, formula(mul_integer)),
    row("com.microsoft.QGemm", 1, formula(q_gemm)),
    row("com.microsoft.QuantizeLinear", 1, formula(quantize_linear)),
    row("com.microsoft.ReduceSumInteger", 1, formula(reduce_sum_integer)),
];

/// As in the default domain; the axis is 1 where it isn't given.
fn dequantize_linear<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.with_attrs(&ops::dequantize_linear::OP, attrs! { axis: c.int("axis", 1)? })
}

/// Likewise, but that the quotient is rounded once, to an integer: the default domain rounds it to the dtype of the scale
/// before.
fn quantize_linear<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.with_attrs(&ops::quantize_linear::OP, attrs! { axis: c.int("axis", 1)?, precision: DType::F32 })
}

/// What quantised numbers stand for, by one scale and zero point, as f32.
pub(super) fn real<'a>(x: Expr<'a>, scale: Expr<'a>, zero: Option<Expr<'a>>) -> Expr<'a> {
    let one = |x: Expr<'a>| shaped(x, &[]);
    x.owner().op_with(&ops::dequantize_linear::OP, &[Some(x), Some(one(scale)), zero.map(one)], Attrs::new())
}

/// Numbers quantised by one scale and zero point, to `dtype`.
pub(super) fn quantised<'a>(x: Expr<'a>, scale: Expr<'a>, zero: Option<Expr<'a>>, dtype: DType) -> Expr<'a> {
    let one = |x: Expr<'a>| shaped(x, &[]);
    let operands = [Some(x.cast(scale.dtype())), Some(one(scale)), zero.map(one)];
    x.owner().op_with(&ops::quantize_linear::OP, &operands, attrs! { output_dtype: dtype })
}

/// A zero point, or one for each column, of any shape that has so many elements: a scalar or a vector.
fn flat<'a>(c: &NodeContext<'a>, index: usize) -> Option<Expr<'a>> {
    let x = c.opt(index)?;
    let one = x.dims().is_some_and(|dims| dims.iter().all(|dim| *dim == Dim::Int(1)));
    Some(if one { x.reshape(&[]) } else { x })
}

/// The product of quantised matrices as f32, `(a - a_zero) (b - b_zero) scale`, plus the bias.
fn scaled_product<'a>(
    c: &NodeContext<'a>,
    [a, b]: [Expr<'a>; 2],
    [a_zero, b_zero]: [Option<Expr<'a>>; 2],
    scale: Expr<'a>,
    bias: Option<Expr<'a>>,
) -> Expr<'a> {
    let sums = c.f.op_with(&ops::matmul_integer::OP, &[Some(a), Some(b), a_zero, b_zero], Attrs::new());
    let product = sums.cast(DType::F32) * scale;
    bias.map_or(product, |bias| product + bias.widened())
}

/// a is quantised to u8 by its own range.
fn dynamic_quantize_matmul<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let a = c.f.op_many(&ops::dynamic_quantize_linear::OP, &[Some(c.x(0))], Attrs::new(), Vec::new(), 3);
    let scale = a[1] * flat(c, 2).unwrap_or_else(|| c.x(2)).widened();
    Ok(vec![scaled_product(c, [a[0], c.x(1)], [Some(a[2]), flat(c, 3)], scale, c.opt(4))])
}

/// The result has the dtype of the scales.
fn matmul_integer_to_float<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let dtype = c.x(2).dtype();
    let one = |index: usize| flat(c, index).unwrap_or_else(|| c.x(index)).widened();
    let scale = one(2) * one(3);
    let y = scaled_product(c, [c.x(0), c.x(1)], [flat(c, 4), flat(c, 5)], scale, c.opt(6));
    Ok(vec![y.cast(dtype)])
}

/// alpha a' b' plus c, which counts in units of the product of the scales; quantised where there is a scale of y.
fn q_gemm<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let alpha = c.float("alpha", 1.0)?;
    let matrix = |index: usize, transposed: bool| if transposed { c.x(index).transpose(&[1, 0]) } else { c.x(index) };
    let (a, b) = (matrix(0, c.bool("transA", false)?), matrix(3, c.bool("transB", false)?));
    let operands = [Some(a), Some(b), flat(c, 2), flat(c, 5)];
    let sums = c.f.op_with(&ops::matmul_integer::OP, &operands, Attrs::new());
    let sums = c.opt(6).map_or(sums, |third| sums + third);
    let one = |index: usize| flat(c, index).unwrap_or_else(|| c.x(index));
    let y = sums.cast(DType::F32) * (one(1) * one(4) * alpha);
    Ok(vec![match c.opt(7) {
        Some(scale) => quantised(y, scale, c.opt(8), c.opt(8).map_or(c.x(0).dtype(), Expr::dtype)),
        None => y,
    }])
}

/// The sums are of 32 bits and wrap.
fn matmul_integer_16<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let unsigned = c.x(0).dtype() == DType::U16 && c.x(1).dtype() == DType::U16;
    let wide = if unsigned { DType::U32 } else { DType::I32 };
    Ok(vec![c.x(0).cast(wide).matmul(c.x(1).cast(wide))])
}

fn mul_integer<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let centred = |x: usize, zero: usize| {
        let wide = c.x(x).cast(DType::I32);
        c.opt(zero).map_or(wide, |zero| wide - shaped(zero.cast(DType::I32), &[]))
    };
    Ok(vec![centred(0, 1) * centred(2, 3)])
}

fn reduce_sum_integer<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let axes = c.required("axes", c.ints("axes")?)?;
    let wide = match c.x(0).dtype() {
        DType::U8 => DType::U32,
        _ => DType::I32,
    };
    Ok(vec![c.x(0).cast(wide).sum(axes, c.bool("keepdims", true)?)])
}
