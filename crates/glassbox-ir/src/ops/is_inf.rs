//! `is_inf`: whether an element is infinite.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "is_inf",
    tier: Tier::Composite(|d| {
        // Widened: some narrow floats have no infinity to compare with.
        let x = d.x(0).widened();
        let [up, down] = ["detect_positive", "detect_negative"].map(|name| d.attr.bool(name));
        let infinity = x.scalar_like(f64::INFINITY);
        Ok(vec![match (up, down) {
            (true, true) => x.abs().equal(infinity),
            (true, false) => x.equal(infinity),
            (false, true) => x.equal(-infinity),
            (false, false) => x.less(x),
        }])
    }),
    doc: "Whether x is an infinity of a sign that is to be detected, elementwise.",
    inputs: FLOAT,
    attrs: &[AttrSpec::bool("detect_negative", true), AttrSpec::bool("detect_positive", true)],
    example: "is_inf(f32[3] [1, -inf, inf]) {detect_positive = false} -> bool[3] [false, true, false]",
    infer: broadcast_to_bool,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
