//! `lp_pool`: the norms of windows.

use super::average_pool;
use super::common::*;
use super::windows::*;
use crate::attrs;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "lp_pool",
    tier: Tier::Composite(decompose),
    doc: "The `p`-norm (Σ|x|^p)^(1/p) of each window over the spatial axes of x [batch, channels, spatial…]; windows lie \
          as in `average_pool`, and what is outside of x counts as 0. Floats narrower than f32 are computed in f32 and \
          rounded once.",
    inputs: FLOAT,
    attrs: &[
        AUTO_PAD,
        AttrSpec::bool("ceil_mode", false),
        DILATIONS,
        KERNEL_SHAPE,
        AttrSpec::int("p", 2),
        PADS,
        STRIDES,
    ],
    constraints: &[SPATIAL, ENTRIES, ONE_PADDING, FITS, ("C5", "p is at least 1")],
    example: "lp_pool(f32[1, 1, 3] [3, -4, 0]) {kernel_shape = [2]} -> f32[1, 1, 2] [5, 4]",
    infer: |infer| {
        check_order(infer, "C5")?;
        Ok(vec![pool(infer)?.into()])
    },
    ..OpDef::BASE
};

/// The attribute `p` is the order of a norm.
pub(super) fn check_order(infer: &Infer, rule: &'static str) -> Result<(), Violation> {
    match infer.attr.int("p") {
        1.. => Ok(()),
        p => Err(Violation::new(rule, format!("p is {p}"))),
    }
}

/// |x|^p.
pub(super) fn power<'b>(x: Expr<'b>, p: i64) -> Expr<'b> {
    match p {
        1 => x.abs(),
        2 => x * x,
        _ => x.abs().pow(x.scalar_like(p as f64)),
    }
}

/// sum^(1/p).
pub(super) fn root<'b>(sum: Expr<'b>, p: i64) -> Expr<'b> {
    match p {
        1 => sum,
        2 => sum.sqrt(),
        _ => sum.pow(sum.scalar_like(1.0 / p as f64)),
    }
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (p, kernel) = (d.attr.int("p"), d.attr.ints("kernel_shape").unwrap_or_default());
    let sizes = d.sizes(0)?;
    let input: Vec<usize> = sizes[2..].iter().map(|size| *size as usize).collect();
    let taps: Vec<usize> = kernel.iter().map(|size| *size as usize).collect();
    let sliding = Sliding::new(d.attr, kernel.len()).map(|sliding| sliding.with_ceil(d.attr.bool("ceil_mode")));
    let axes = sliding.and_then(|sliding| sliding.axes(&input, &taps));
    let axes = axes.map_err(|violation| d.invalid(violation.rule, violation.message))?;
    // The pads that let every window have all its taps, so that each mean is of as many elements.
    let end = axes.iter().map(|axis| {
        let last = (axis.windows as i64 - 1) * axis.stride + (axis.kernel as i64 - 1) * axis.dilation + 1;
        (last - axis.front - axis.input as i64).max(0)
    });
    let pads: Vec<i64> = axes.iter().map(|axis| axis.front).chain(end).collect();
    let list = |value: fn(&AxisWindows) -> i64| axes.iter().map(value).collect::<Vec<_>>();
    let attrs = attrs! {
        kernel_shape: kernel,
        pads: pads,
        strides: list(|axis| axis.stride),
        dilations: list(|axis| axis.dilation),
        count_include_pad: true,
    };
    let count = kernel.iter().map(|taps| *taps as f64).product::<f64>();
    let means = d.f.op(&average_pool::OP, &[power(d.x(0).widened(), p)], attrs);
    Ok(vec![root(means * count, p).cast(d.dtype(0))])
}
