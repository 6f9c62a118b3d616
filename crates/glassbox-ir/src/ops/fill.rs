//! `fill`: one value everywhere, in the dims of another tensor.

use super::common::*;
use super::{expand, shape};

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "fill",
    tier: Tier::Composite(|d| {
        let x = d.x(0);
        Ok(vec![x.scalar_like(d.attr.float("value")).binary(&expand::OP, x.unary(&shape::OP))])
    }),
    doc: "A tensor of the dtype and dims of x whose elements are all `value`, which floats round to nearest even. \
          An infinity that the dtype hasn't is its largest value.",
    inputs: &[Input::one("x", DTypes::NumericOrBool)],
    attrs: &[AttrSpec::required("value", AttrKind::Float)],
    constraints: &[("C1", "the value is one of an integer dtype; for bool it is 0 or 1")],
    example: "fill(f8e5m2[1] [1]) {value = inf} -> f8e5m2[1] [inf]",
    infer: |infer| {
        let (dtype, value) = (infer.dtype(0)?, infer.attr.float("value"));
        if !dtype.is_float() && !holds(dtype, value) {
            return Err(Violation::new("C1", format!("{value} is no value of {dtype}")));
        }
        same_as_first(infer)
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
