//! `where`: one tensor or the other, element by element.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "where",
    doc: "x where the condition is true, y elsewhere; all three are broadcast.",
    inputs: &[
        Input::one("condition", DTypes::These(&[DType::Bool])),
        Input::one("x", DTypes::Any).same('T'),
        Input::one("y", DTypes::Any).same('T'),
    ],
    constraints: &[BROADCASTS],
    example: "where(bool[2] [true, false], f32[2] [1, 2], f32[] 9) -> f32[2] [1, 9]",
    infer: |infer| Ok(vec![TensorType { dtype: infer.dtype(1)?, shape: broadcast(infer, "C1")? }.into()]),
    known: Some(|infer, types| vec![choose(infer, types)]),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The integers that are chosen, where the condition is a constant.
fn choose(infer: &Infer, types: &[Type]) -> Option<Known> {
    if types[0].as_tensor()?.rank()? > 1 {
        return None;
    }
    let count = types[0].as_tensor()?.dims()?.iter().map(Dim::as_size).product::<Option<usize>>()?;
    let condition = infer.contents(0)?.load::<i64>().ok()?;
    let (x, y) = (infer.ints(1)?, infer.ints(2)?);
    let at = |length: usize, index: usize| if length == 1 { 0 } else { index };
    let values: Option<Vec<Dim>> = (0..count)
        .map(|index| {
            let source = if *condition.get(at(condition.len(), index))? != 0 { &x } else { &y };
            source.get(at(source.len(), index)).cloned()
        })
        .collect();
    let values = values?;
    if types[0].as_tensor()?.rank()? == 0 { Known::scalar(values.into_iter().next()?) } else { Known::vector(values) }
}
