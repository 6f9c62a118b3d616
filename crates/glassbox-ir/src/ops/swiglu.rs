//! `swiglu`: a value, gated by the swish of another.

use super::activation::swish;
use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "swiglu",
    tier: Tier::Composite(|d| {
        let (gate, value) = (d.x(0).widened(), d.x(1).widened());
        Ok(vec![(swish(gate, d.attr.float("alpha")) * value).cast(d.dtype(0))])
    }),
    doc: "a * sigmoid(alpha * a) * b, elementwise, without broadcasting. Floats narrower than f32 are computed in f32 \
          and rounded once.",
    inputs: &[Input::one("a", DTypes::Float).same('T'), Input::one("b", DTypes::Float).same('T')],
    attrs: &[AttrSpec::float("alpha", 1.0)],
    constraints: &[("C1", "both operands have the same shape")],
    example: "swiglu(f32[2] [0, inf], f32[2] [1, 2]) -> f32[2] [0, inf]",
    infer: |infer| {
        let (a, b) = (infer.tensor(0)?, infer.tensor(1)?);
        if !a.shape.admits(&b.shape) {
            return Err(Violation::new("C1", format!("the operands are {a} and {b}")));
        }
        Ok(vec![if a.dims().is_some() { a.clone() } else { b.clone() }.into()])
    },
    ..OpDef::BASE
};
