//! Activation functions, alone and with what is added or multiplied around them.

use super::*;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.BiasAdd", 1, formula(|c| Ok(vec![c.x(0) + c.x(1) + c.x(2)]))),
    row("com.microsoft.BiasDropout", 1, formula(bias_dropout)),
    row("com.microsoft.BiasGelu", 1, formula(|c| Ok(vec![gelu(wide_sum(c), "none").cast(c.x(0).dtype())]))),
    row("com.microsoft.BiasSoftmax", 1, formula(bias_softmax)),
    row("com.microsoft.BiasSplitGelu", 1, formula(bias_split_gelu)),
    row("com.microsoft.FastGelu", 1, formula(|c| Ok(vec![gelu(wide_sum(c), "tanh").cast(c.x(0).dtype())]))),
    row("com.microsoft.GatedAdd", 1, formula(|c| Ok(vec![c.x(0) + c.x(1) * c.x(2)]))),
    row("com.microsoft.Gelu", 1, formula(|c| Ok(vec![gelu(c.x(0), "none")]))),
    row("com.microsoft.QuickGelu", 1, formula(quick_gelu)),
    row("com.microsoft.ScaledSiLU", 1, formula(scaled_silu)),
];

/// A Gaussian error linear unit, exact (`none`) or by the hyperbolic tangent (`tanh`).
pub(super) fn gelu<'a>(x: Expr<'a>, approximate: &'static str) -> Expr<'a> {
    x.owner().op(&ops::gelu::OP, &[x], attrs! { approximate: approximate })
}

/// x * sigmoid(alpha * x).
pub(super) fn swish(x: Expr<'_>, alpha: f64) -> Expr<'_> {
    x.owner().op(&ops::swish::OP, &[x], attrs! { alpha: alpha })
}

/// The first operand plus the second, where that is given, not rounded to a narrow dtype.
fn wide_sum<'a>(c: &NodeContext<'a>) -> Expr<'a> {
    let x = c.x(0).widened();
    c.opt(1).map_or(x, |bias| x + bias.widened())
}

fn quick_gelu<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    Ok(vec![swish(c.x(0), c.float("alpha", f64::from(1.702f32))?)])
}

/// The scale is an operand or an attribute; what is scaled and its sigmoid are each rounded.
fn scaled_silu<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let (x, alpha) = (c.x(0), c.float("alpha", 1.0)?);
    let wide = x.widened();
    let scale = c.opt(1).map_or(wide.scalar_like(alpha), |scale| shaped(scale.cast(wide.dtype()), &[]));
    let scaled = (wide * scale).cast(x.dtype());
    Ok(vec![scaled * scaled.sigmoid()])
}

/// x + bias in two halves: the left one times the gelu of the right one.
fn bias_split_gelu<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let halves =
        c.f.op_many(&ops::split::OP, &[Some(wide_sum(c)), None], attrs! { axis: -1i64, num_outputs: 2i64 }, vec![], 2);
    Ok(vec![(halves[0] * gelu(halves[1], "none")).cast(c.x(0).dtype())])
}

/// The softmax over all axes from `axis` on of x plus the bias. The bias has those axes, and before them axes that are
/// extents of 1 (`is_inner_broadcast`) or the last ones before `axis`.
fn bias_softmax<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let inner = c.required("is_inner_broadcast", c.opt_int("is_inner_broadcast")?)? != 0;
    let (x, rank) = (c.x(0), c.rank(0)?);
    let (axis, bias) = (c.axis(c.int("axis", 1)?, rank)?, c.x(1));
    // An inner broadcast repeats the bias along the axes just before `axis`, an outer one along the first ones.
    let bias = match (inner, c.rank(1)?) {
        (true, given) if given < rank => {
            let (missing, first) = (rank - given, axis.saturating_sub(rank - given));
            bias.unsqueeze(&(first..first + missing).map(|axis| axis as i64).collect::<Vec<_>>())
        }
        _ => bias,
    };
    let scores = x.widened() + bias.widened();
    let rows: Vec<i64> = (0..axis).map(|_| 0).chain([-1]).collect();
    let result = c.f.op(&ops::softmax::OP, &[shaped(scores, &rows)], attrs! { axis: -1i64 });
    Ok(vec![result.cast(x.dtype()).binary(&ops::reshape::OP, x.unary(&ops::shape::OP))])
}

/// Without training nothing is dropped.
fn bias_dropout<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    c.ignore("seed");
    let training = c.opt(4).map(|_| c.contents(4).and_then(|flag| flag.item::<bool>().ok()));
    if training.is_some_and(|training| training != Some(false)) {
        return Err(c.unsupported("training (operand 4, `training_mode`, isn't a constant false)"));
    }
    c.ignore_operand(3);
    let sum = c.x(0) + c.x(1);
    let sum = c.opt(2).map_or(sum, |residual| sum + residual);
    let mask = c.f.constant(Tensor::scalar(true)).binary(&ops::expand::OP, sum.unary(&ops::shape::OP));
    Ok(vec![sum, mask])
}

/// The activation that a fused op carries along, with its parameters in their order; `None` for their defaults.
pub(super) fn activated<'a>(
    c: &NodeContext<'a>,
    x: Expr<'a>,
    name: &str,
    parameters: &[Option<f64>],
) -> Result<Expr<'a>, OnnxError> {
    let parameter = |index: usize, default: f64| parameters.get(index).copied().flatten().unwrap_or(default);
    let with = |op, attrs| c.f.op(op, &[x], attrs);
    let alpha = |default| attrs! { alpha: parameter(0, default) };
    Ok(match name {
        "" | "Identity" | "Undefined" => x,
        "Relu" => x.unary(&ops::relu::OP),
        "Tanh" => x.tanh(),
        "Sigmoid" => x.sigmoid(),
        "Softplus" => x.unary(&ops::softplus::OP),
        "Softsign" => x.unary(&ops::softsign::OP),
        "HardSwish" => x.unary(&ops::hard_swish::OP),
        "Mish" => x.unary(&ops::mish::OP),
        "Gelu" => gelu(x, "none"),
        "FastGelu" => gelu(x, "tanh"),
        "QuickGelu" => swish(x, parameter(0, f64::from(1.702f32))),
        "Swish" | "SiLU" => swish(x, parameter(0, 1.0)),
        "LeakyRelu" => with(&ops::leaky_relu::OP, alpha(f64::from(0.01f32))),
        "Elu" => with(&ops::elu::OP, alpha(1.0)),
        "Celu" => with(&ops::celu::OP, alpha(1.0)),
        "ThresholdedRelu" => with(&ops::thresholded_relu::OP, alpha(1.0)),
        "HardSigmoid" => {
            let (alpha, beta) = (parameter(0, f64::from(0.2f32)), parameter(1, 0.5));
            with(&ops::hard_sigmoid::OP, attrs! { alpha: alpha, beta: beta })
        }
        "Selu" => {
            let (alpha, gamma) = (parameter(0, f64::from(1.673_263_2f32)), parameter(2, f64::from(1.050_701f32)));
            with(&ops::selu::OP, attrs! { alpha: alpha, gamma: gamma })
        }
        "Clip" => {
            let (low, high) = (parameter(0, f64::from(f32::MIN)), parameter(1, f64::from(f32::MAX)));
            c.f.op(&ops::clip::OP, &[x, x.scalar_like(low), x.scalar_like(high)], Attrs::new())
        }
        "ScaledTanh" => (x * parameter(1, 1.0)).tanh() * parameter(0, 1.0),
        "ParametricSoftplus" => (x * parameter(1, 1.0)).unary(&ops::softplus::OP) * parameter(0, 1.0),
        "Affine" => x * parameter(0, 1.0) + x.scalar_like(parameter(1, 0.0)),
        other => return Err(c.unsupported(format!("the activation {other:?} (attribute `activation`)"))),
    })
}

/// The dtype in which a formula over x is computed: f32 for narrower floats, else x's own.
pub(super) fn wide(x: Expr<'_>) -> DType {
    x.widened().dtype()
}
