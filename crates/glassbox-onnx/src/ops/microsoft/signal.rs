//! Fourier transforms of real signals, and products of complex numbers, whose parts are in the last axis.

use super::*;

pub(super) const ROWS: &[Row] = &[
    row("com.microsoft.ComplexMul", 1, formula(|c| Ok(vec![complex_product(c, 1.0)]))),
    row("com.microsoft.ComplexMulConj", 1, formula(|c| Ok(vec![complex_product(c, -1.0)]))),
    row("com.microsoft.Irfft", 1, formula(irfft)),
    row("com.microsoft.Rfft", 1, formula(rfft)),
];

/// a b, where the imaginary part of b counts with this sign.
fn complex_product<'a>(c: &NodeContext<'a>, sign: f64) -> Expr<'a> {
    let parts = |x: Expr<'a>| [x.slice(-1, 0, 1, 1), x.slice(-1, 1, 2, 1)];
    let ([a, b], [x, y]) = (parts(c.x(0)), parts(c.x(1)));
    let y = if sign < 0.0 { -y } else { y };
    c.f.concat(&[a * x - b * y, a * y + b * x], -1)
}

/// One dimension, one half, not normalised: what there is.
fn check(c: &NodeContext) -> Result<(), OnnxError> {
    only_int(c, "normalized", 0, "a normalised transform")?;
    only_int(c, "onesided", 1, "a transform of both sides")?;
    only_int(c, "signal_ndim", 1, "a transform of more than one dimension")
}

fn rfft<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    check(c)?;
    Ok(vec![c.f.op(&ops::dft::OP, &[c.x(0).unsqueeze(&[-1])], attrs! { onesided: true })])
}

fn irfft<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    check(c)?;
    let y = c.f.op(&ops::dft::OP, &[c.x(0)], attrs! { onesided: true, inverse: true });
    Ok(vec![y.squeeze(&[-1])])
}
