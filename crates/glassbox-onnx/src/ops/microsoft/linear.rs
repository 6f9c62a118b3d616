//! Matrix products with what is fused to them.

use super::activation::{activated, gelu};
use super::*;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.FusedGemm", 1, formula(fused_gemm)),
    row("com.microsoft.FusedMatMul", 1, formula(|c| Ok(vec![product(c)?]))),
    row("com.microsoft.FusedMatMulActivation", 1, formula(product_activated)),
    row("com.microsoft.GemmFastGelu", 1, formula(gemm_fast_gelu)),
    row("com.microsoft.SparseToDenseMatMul", 1, formula(|c| Ok(vec![product(c)?]))),
    row("com.microsoft.TransposeMatMul", 1, formula(|c| Ok(vec![product(c)?]))),
];

/// alpha * a' b', where `transA` swaps the last two axes of a, and `transBatchA` brings its first axis before the last.
/// A vector stays as it is.
fn product<'a>(c: &NodeContext<'a>) -> Result<Expr<'a>, OnnxError> {
    let operand = |index: usize, swapped: &str, batches: &str| -> Result<Expr<'a>, OnnxError> {
        let (x, swapped, batches) = (c.x(index), c.bool(swapped, false)?, c.bool(batches, false)?);
        if !swapped && !batches {
            return Ok(x);
        }
        let rank = c.rank(index)?;
        let mut order: Vec<usize> = (0..rank).collect();
        if rank < 2 {
            return Ok(x);
        }
        if batches {
            order[..rank - 1].rotate_left(1);
        }
        if swapped {
            order.swap(rank - 2, rank - 1);
        }
        Ok(x.transpose(&order))
    };
    let (a, b) = (operand(0, "transA", "transBatchA")?, operand(1, "transB", "transBatchB")?);
    let alpha = c.float("alpha", 1.0)?;
    if alpha == 1.0 {
        return Ok(a.matmul(b));
    }
    Ok((a.widened().matmul(b.widened()) * alpha).cast(a.dtype()))
}

fn parameters(c: &NodeContext) -> Result<[Option<f64>; 3], OnnxError> {
    Ok([c.opt_float("activation_alpha")?, c.opt_float("activation_beta")?, c.opt_float("activation_gamma")?])
}

fn product_activated<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (product, name) = (product(c)?, c.required("activation", c.opt_str("activation")?)?);
    let parameters = parameters(c)?;
    let axis = c.int("activation_axis", -1)?;
    Ok(vec![match name {
        "Softmax" => c.f.op(&ops::softmax::OP, &[product], attrs! { axis: axis }),
        _ => activated(c, product, name, &parameters)?,
    }])
}

fn fused_gemm<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (attrs, name, parameters) = (c.attrs(&ops::gemm::OP)?, c.str("activation", "")?, parameters(c)?);
    let product = c.f.op_with(&ops::gemm::OP, &c.operands(), attrs);
    Ok(vec![activated(c, product, name, &parameters)?])
}

fn gemm_fast_gelu<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let product = c.x(0).widened().matmul(c.x(1).widened());
    let sum = c.opt(2).map_or(product, |bias| product + bias.widened());
    Ok(vec![gelu(sum, "tanh").cast(c.x(0).dtype())])
}
