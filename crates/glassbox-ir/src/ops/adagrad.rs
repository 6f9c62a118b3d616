//! `adagrad`: one update of tensors by their gradients, scaled by what was accumulated of them.

use super::common::*;
use super::training::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "adagrad",
    tier: Tier::Composite(|d| {
        let rate = rate(d) / (updates(d) * d.attr.float("decay_factor") + 1.0);
        update(d, |[x, gradient, h]| {
            let gradient = regularised(d, x, gradient);
            let h = h + gradient * gradient;
            [x - gradient * rate.cast(x.dtype()) / (h.sqrt() + d.attr.float("epsilon")), h]
        })
    }),
    doc: "One iteration of ADAGRAD. The tensors are x..., their gradients g..., their accumulated squared gradients h...; \
          the results new x..., new h...: with g' = norm_coefficient x + g the new h is h + g' g', and the new x is \
          x - rate / (1 + updates decay_factor) g' / (sqrt(new h) + epsilon). The rate is computed in f64, the rest in \
          the tensors' dtype.",
    attrs: &[
        AttrSpec::float("norm_coefficient", 0.0),
        AttrSpec::float("decay_factor", 0.0),
        AttrSpec::float("epsilon", 1e-6),
    ],
    example: "adagrad(f32[] 0.5, i64[] 0, f32[1] [1], f32[1] [2], f32[1] [0]) {epsilon = 0.0} -> f32[1] [0.5], f32[1] [4]",
    infer: |i| infer(i, 3),
    ..OPTIMISER
};
