//! `lrn`: elements made smaller where neighbouring channels are large.

use super::average_pool;
use super::common::*;
use super::normalization::check_rank;
use crate::attrs;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "lrn",
    tier: Tier::Composite(decompose),
    doc: "x / (bias + alpha / size * Σx²)^beta, where the sum goes over the `size` channels around each one of x \
          [batch, channels, spatial…], floor((size - 1) / 2) before it and ceil((size - 1) / 2) after it, as far as there \
          are any. Floats narrower than f32 are computed in f32 and rounded once.",
    inputs: FLOAT,
    attrs: &[
        AttrSpec::float("alpha", 1e-4f32 as f64),
        AttrSpec::float("beta", 0.75),
        AttrSpec::float("bias", 1.0),
        AttrSpec::required("size", AttrKind::Int),
    ],
    constraints: &[("C1", "x has a batch axis and a channel axis"), ("C2", "size is in [1, 2^31)")],
    example: "lrn(f32[1, 2] [3, 4]) {size = 3, alpha = 3.0, beta = 1.0, bias = 0.0} -> f32[1, 2] [0.12, 0.16]",
    infer: |infer| {
        check_rank(infer, 2, "C1")?;
        match infer.attr.int("size") {
            1..0x8000_0000 => same_as_first(infer),
            size => Err(Violation::new("C2", format!("size is {size}"))),
        }
    },
    ..OpDef::BASE
};

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (x, size) = (d.x(0).widened(), d.attr.int("size"));
    let axes = d.rank(0)? - 1;
    // The channels become the first spatial axis.
    let along = |first: i64, others: i64| {
        let mut list = vec![others; axes];
        list[0] = first;
        list
    };
    let pads = [along((size - 1) / 2, 0), along(size / 2, 0)].concat();
    let attrs = attrs! { kernel_shape: along(size, 1), pads: pads, count_include_pad: true };
    let means = d.f.op(&average_pool::OP, &[(x * x).unsqueeze(&[1])], attrs).squeeze(&[1]);
    let divisor = means * d.attr.float("alpha") + d.attr.float("bias");
    Ok(vec![(x / divisor.pow(x.scalar_like(d.attr.float("beta")))).cast(d.dtype(0))])
}
