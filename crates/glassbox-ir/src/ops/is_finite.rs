//! `is_finite`: whether nothing in a tensor is infinite or not a number.

use glassbox_tensor::Tensor;

use super::common::*;
use super::reduce_min;
use crate::attrs;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "is_finite",
    tier: Tier::Composite(|d| {
        let x = d.x(0).widened();
        if !x.dtype().is_float() {
            return Ok(vec![d.f.constant(Tensor::scalar(true))]);
        }
        let finite = x.abs().less(x.scalar_like(f64::INFINITY));
        Ok(vec![d.f.op(&reduce_min::OP, &[finite], attrs! { keepdims: false })])
    }),
    doc: "Whether every element of x is finite: neither infinite nor NaN. True for integers and bools, and where there are \
          no elements.",
    inputs: &[Input::one("x", DTypes::NumericOrBool)],
    example: "is_finite(f32[2] [1, -inf]) -> bool[] false",
    infer: |_| Ok(vec![Type::scalar(DType::Bool)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
