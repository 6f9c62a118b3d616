//! `momentum`: one update of tensors by their gradients and the momentum of earlier ones.

use super::common::*;
use super::training::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "momentum",
    tier: Tier::Composite(|d| {
        let (rate, alpha) = (rate(d), d.attr.float("alpha"));
        let first = updates(d).greater(d.f.scalar(DType::F64, 0.0));
        let beta = first.select(d.f.scalar(DType::F64, d.attr.float("beta")), d.f.scalar(DType::F64, 1.0));
        update(d, |[x, gradient, v]| {
            let gradient = regularised(d, x, gradient);
            let v = v * alpha + gradient * beta.cast(x.dtype());
            let direction = if d.attr.str("mode") == "nesterov" { gradient + v * alpha } else { v };
            [x - direction * rate.cast(x.dtype()), v]
        })
    }),
    doc: "One iteration of stochastic gradient descent with momentum. The tensors are x..., their gradients g..., their \
          momenta v...; the results new x..., new v...: with g' = norm_coefficient x + g the new v is alpha v + beta g' \
          (alpha v + g' where updates is 0), and the new x is x - rate v', where v' is the new v, or with mode nesterov \
          g' + alpha times it. Computed in the tensors' dtype.",
    attrs: &[
        AttrSpec::required("alpha", AttrKind::Float),
        AttrSpec::required("beta", AttrKind::Float),
        AttrSpec::required("mode", AttrKind::Enum(&["standard", "nesterov"])),
        AttrSpec::required("norm_coefficient", AttrKind::Float),
    ],
    example: "momentum(f32[] 0.5, i64[] 0, f32[1] [1], f32[1] [2], f32[1] [4]) {alpha = 0.5, beta = 0.1, \
              mode = \"standard\", norm_coefficient = 0.0} -> f32[1] [-1], f32[1] [4]",
    infer: |i| infer(i, 3),
    ..OPTIMISER
};
