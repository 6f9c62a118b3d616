//! `prelu`: a rectifier with given slopes below zero.

use super::activation::below_zero;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "prelu",
    tier: Tier::Composite(|d| {
        let (x, slope) = (d.x(0).widened(), d.x(1).widened());
        Ok(vec![below_zero(x, slope * x).cast(d.dtype(0))])
    }),
    doc: "slope * x below zero, x elsewhere, elementwise; the slope is broadcast to x. Floats narrower than f32 are \
          computed in f32 and rounded once; integers wrap.",
    inputs: &[Input::one("x", DTypes::Numeric).same('T'), Input::one("slope", DTypes::Numeric).same('T')],
    constraints: &[("C1", "the slope broadcasts to the shape of x")],
    example: "prelu(f32[2] [-1, 2], f32[] 0.5) -> f32[2] [-0.5, 2]",
    infer: |infer| {
        spreads_to("C1", &infer.tensor(1)?.shape, &infer.tensor(0)?.shape)?;
        same_as_first(infer)
    },
    rounding: Rounding::Once,
    ..OpDef::BASE
};
