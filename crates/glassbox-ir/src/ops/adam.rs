//! `adam`: one update of tensors by running averages of their gradients and squared gradients.

use super::common::*;
use super::training::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "adam",
    tier: Tier::Composite(|d| {
        let (alpha, beta) = (d.attr.float("alpha"), d.attr.float("beta"));
        let number = |value: f64| d.f.scalar(DType::F64, value);
        let (plain, count) = (rate(d), updates(d));
        let rest = |base: f64| number(1.0) - number(base).pow(count);
        let corrected = plain * rest(beta).sqrt() / rest(alpha);
        let rate = count.greater(number(0.0)).select(corrected, plain);
        update(d, |[x, gradient, v, h]| {
            let gradient = regularised(d, x, gradient);
            let v = v * alpha + gradient * (1.0 - alpha);
            let h = h * beta + gradient * gradient * (1.0 - beta);
            let moved = x - v / (h.sqrt() + d.attr.float("epsilon")) * rate.cast(x.dtype());
            [moved * (1.0 - d.attr.float("norm_coefficient_post")), v, h]
        })
    }),
    doc: "One iteration of Adam. The tensors are x..., their gradients g..., their averaged gradients v..., their averaged \
          squared gradients h...; the results new x..., new v..., new h...: with g' = norm_coefficient x + g the new v \
          is alpha v + (1 - alpha) g', the new h is beta h + (1 - beta) g' g', and the new x is (1 - \
          norm_coefficient_post) (x - rate' new v / (sqrt(new h) + epsilon)), where rate' is the rate times \
          sqrt(1 - beta^updates) / (1 - alpha^updates), or the rate itself where updates is 0. The rate is computed in \
          f64, the rest in the tensors' dtype.",
    attrs: &[
        AttrSpec::float("alpha", 0.9),
        AttrSpec::float("beta", 0.999),
        AttrSpec::float("epsilon", 1e-6),
        AttrSpec::float("norm_coefficient", 0.0),
        AttrSpec::float("norm_coefficient_post", 0.0),
    ],
    example: "adam(f32[] 0.5, i64[] 0, f32[1] [1], f32[1] [2], f32[1] [0], f32[1] [0]) {alpha = 0.5, beta = 0.75, \
              epsilon = 0.0} -> f32[1] [0.5], f32[1] [1], f32[1] [1]",
    infer: |i| infer(i, 4),
    ..OPTIMISER
};
