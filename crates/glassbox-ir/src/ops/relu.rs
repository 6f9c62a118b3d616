//! `relu`: the rectifier.

use std::cmp::Ordering;

use super::activation::positive_part;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "relu",
    tier: Tier::Composite(decompose),
    doc: "max(0, x), elementwise; with `negative_slope`, x where it is positive and negative_slope * x elsewhere; then no \
          less than `clamp_min` and no more than `clamp_max`, where these are given. NaN stays. With a slope or a bound, \
          floats narrower than f32 are computed in f32 and rounded once; integers wrap.",
    inputs: NUMERIC,
    attrs: &[
        AttrSpec::float("negative_slope", 0.0),
        AttrSpec::optional("clamp_min", AttrKind::Float),
        AttrSpec::optional("clamp_max", AttrKind::Float),
    ],
    constraints: &[
        ("C1", "for an integer dtype, the slope is one of its values, and each bound is one of them or leaves all as they are"),
        ("C2", "clamp_min <= clamp_max, where both are given, and neither is NaN"),
    ],
    example: "relu(f32[4] [-1, 2, nan, 7]) {negative_slope = 0.5, clamp_max = 6} -> f32[4] [-0.5, 2, nan, 6]",
    infer: |infer| {
        let dtype = infer.dtype(0)?;
        let slope = infer.attr.float("negative_slope");
        let [low, high] = bounds(infer.attr);
        if low.partial_cmp(&high).is_none_or(Ordering::is_gt) {
            return Err(Violation::new("C2", format!("clamp_min is {low}, clamp_max is {high}")));
        }
        let fits = |value| dtype.is_float() || holds(dtype, value);
        let harmless = [low == f64::NEG_INFINITY, high == f64::INFINITY];
        for (name, value, fits) in [
            ("negative_slope", slope, fits(slope)),
            ("clamp_min", low, harmless[0] || fits(low)),
            ("clamp_max", high, harmless[1] || fits(high)),
        ] {
            if !fits {
                return Err(Violation::new("C1", format!("{name} is {value}, which is no value of {dtype}")));
            }
        }
        same_as_first(infer)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The bounds; infinite where they aren't given.
fn bounds(attr: crate::infer::AttrView) -> [f64; 2] {
    let bound = |name, none| attr.opt_float(name).unwrap_or(none);
    [bound("clamp_min", f64::NEG_INFINITY), bound("clamp_max", f64::INFINITY)]
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let slope = d.attr.float("negative_slope");
    let [low, high] = bounds(d.attr);
    if slope == 0.0 && low == f64::NEG_INFINITY && high == f64::INFINITY {
        return Ok(vec![positive_part(d.x(0))]);
    }
    let x = d.x(0).widened();
    let mut y = if slope == 0.0 { positive_part(x) } else { x.greater(x.scalar_like(0.0)).select(x, x * slope) };
    if low > f64::NEG_INFINITY {
        y = y.maximum(y.scalar_like(low));
    }
    if high < f64::INFINITY {
        y = y.minimum(y.scalar_like(high));
    }
    Ok(vec![y.cast(d.dtype(0))])
}
