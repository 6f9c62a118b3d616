//! `mean_variance_normalization`: mean 0 and variance 1 over any axes.

use super::common::*;
use super::normalization::moments;
use crate::attr::Default;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "mean_variance_normalization",
    tier: Tier::Composite(decompose),
    doc: "(x - mean) / (sqrt(variance) + 1e-9), where the mean and the (population) variance are taken over `axes`. \
          Floats narrower than f32 are computed in f32 and rounded once.",
    inputs: FLOAT,
    attrs: &[AttrSpec { name: "axes", kind: AttrKind::Ints, default: Default::Ints(&[0, 2, 3]) }],
    constraints: &[("C1", "each of axes is in [-r, r); one that is given twice counts once")],
    example: "mean_variance_normalization(f32[2] [3, 5]) {axes = [0]} -> f32[2] [-1, 1]",
    infer: |infer| {
        if let Some(rank) = infer.rank(0) {
            set_of_axes("C1", infer.attr.ints("axes").unwrap_or_default(), rank)?;
        }
        same_as_first(infer)
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (_, distances, variance) = moments(d.x(0).widened(), d.attr.ints("axes").unwrap_or_default());
    Ok(vec![(distances / (variance.sqrt() + 1e-9)).cast(d.dtype(0))])
}
