//! `dropout`: elements left out at random, while a model learns.

use super::common::*;
use super::random::DRAW;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "dropout",
    doc: "x as it is and a mask of true; or with `training_mode` true, each element times 1 / (1 - ratio) with \
          probability 1 - ratio, else times 0, and the mask that says which are kept. The ratio is 0.5 if left out. An \
          element is kept where the next number of the generator MT19937, made a f64 in [0, 1) from 53 of its bits, is \
          at least the ratio; it is seeded with `seed` as NumPy's RandomState, or, if that is absent, with a seed of the \
          run and the draw. The product is computed in f64 and rounded once.",
    inputs: &[
        Input::one("x", DTypes::Float),
        Input::one("ratio", DTypes::Float).optional(),
        Input::one("training_mode", DTypes::These(&[DType::Bool])).optional(),
    ],
    outputs: &[Output::one("y"), Output::one("mask")],
    attrs: &[AttrSpec::optional("seed", AttrKind::Int), DRAW],
    constraints: &[("C1", "ratio and training_mode have one element"), ("C2", "ratio is in [0, 1)")],
    effects: Effects::DRAWS,
    example: "dropout(f32[2] [1, 2], f32[] 0.5, bool[] false) -> f32[2] [1, 2], bool[2] [true, true]",
    infer: |infer| {
        for index in [1, 2] {
            let single = infer.dims(index).is_none_or(|dims| dims.iter().all(|dim| dim.same(&Dim::Int(1)) != Some(false)));
            if !single {
                return Err(Violation::new("C1", format!("operand {} is {}", infer.name_of(index), infer.ty(index)?)));
            }
        }
        let x = infer.tensor(0)?;
        let mask = TensorType { dtype: DType::Bool, shape: x.shape.clone() };
        Ok(vec![x.clone().into(), mask.into()].into_iter().take(infer.outputs).collect())
    },
    rounding: Rounding::Once,
    ..OpDef::BASE
};
