//! `bernoulli`: ones and zeros, drawn with given probabilities.

use super::common::*;
use super::random::{DRAW, DTYPE, SEED, draw_like};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "bernoulli",
    tier: Tier::Composite(|d| {
        let drawn = draw_like(d, &super::random_uniform::OP, DType::F64, &["seed"])?[0];
        let dtype = d.attr.dtype("dtype").unwrap_or(d.dtype(0));
        Ok(vec![drawn.less(d.x(0).cast(DType::F64)).cast(dtype)])
    }),
    doc: "For each element p of x: 1 with probability p, else 0; of x's dtype unless `dtype` says another. 1 where p is \
          1 or more, 0 where it is 0 or less, or NaN. Draws as random_uniform does.",
    inputs: FLOAT,
    attrs: &[DTYPE, SEED, DRAW],
    constraints: &[("C1", "dtype is a dtype of numbers or bool")],
    effects: Effects::DRAWS,
    example: "bernoulli(f32[2] [0, 1]) -> f32[2] [0, 1]",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let dtype = infer.attr.dtype("dtype").unwrap_or(x.dtype);
        if !DTypes::NumericOrBool.contains(dtype) {
            return Err(Violation::new("C1", format!("dtype is {dtype}")));
        }
        Ok(vec![TensorType { dtype, shape: x.shape.clone() }.into()])
    },
    ..OpDef::BASE
};
