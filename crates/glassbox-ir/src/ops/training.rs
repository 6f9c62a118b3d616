//! What the optimisers share: a learning rate, a count of updates, and groups of tensors that belong
//! together: the tensors themselves, their gradients, and what was accumulated for them.

use super::common::*;

const REAL: DTypes = DTypes::These(&[DType::F32, DType::F64]);

/// The operands of an optimiser.
pub(super) const INPUTS: &[Input] = &[
    Input::one("rate", REAL),
    Input::one("updates", DTypes::These(&[DType::I64])),
    Input::one("tensors", REAL).variadic(1),
];
/// The constraints of an optimiser.
pub(super) const CONSTRAINTS: &[(&str, &str)] = &[
    ("C1", "the tensors are as many groups as the op's documentation lists, of the same number each"),
    ("C2", "the tensors in the same place of each group have the same dims"),
    ("C3", "rate and updates have one element"),
];
/// An optimiser.
pub(super) const OPTIMISER: OpDef =
    OpDef { inputs: INPUTS, outputs: &[Output::variadic("tensors")], constraints: CONSTRAINTS, ..OpDef::BASE };

/// The results are the tensors without their gradients.
pub(super) fn infer(infer: &Infer, groups: usize) -> Types {
    for index in 0..2 {
        if infer.dims(index).is_some_and(|dims| dims.iter().any(|dim| dim.same(&Dim::Int(1)) == Some(false))) {
            return Err(Violation::new("C3", format!("{} is {}", infer.name_of(index), infer.ty(index)?)));
        }
    }
    let count = infer.operands.len() - 2;
    if !count.is_multiple_of(groups) {
        return Err(Violation::new("C1", format!("{count} tensors aren't {groups} groups")));
    }
    let size = count / groups;
    for index in size..count {
        let (first, other) = (infer.tensor(2 + index % size)?, infer.tensor(2 + index)?);
        if !first.shape.admits(&other.shape) {
            return Err(Violation::new(
                "C2",
                format!("{} is {other}, its tensor is {first}", infer.name_of(2 + index)),
            ));
        }
    }
    (0..count).filter(|index| index / size != 1).map(|index| Ok(infer.ty(2 + index)?.clone())).collect()
}

/// One update: each tensor with its gradient and what was accumulated for it becomes the new tensor and
/// what is accumulated now.
pub(super) fn update<'a, const GROUPS: usize, const RESULTS: usize>(
    d: &Decompose<'a>,
    step: impl Fn([Expr<'a>; GROUPS]) -> [Expr<'a>; RESULTS],
) -> Exprs<'a> {
    let tensors = d.rest(2);
    let size = tensors.len() / GROUPS;
    let updated: Vec<[Expr<'a>; RESULTS]> =
        (0..size).map(|place| step(std::array::from_fn(|group| tensors[group * size + place]))).collect();
    Ok((0..RESULTS).flat_map(|group| updated.iter().map(move |results| results[group])).collect())
}

/// The learning rate, as a scalar of f64.
pub(super) fn rate<'a>(d: &Decompose<'a>) -> Expr<'a> {
    d.x(0).reshape(&[]).cast(DType::F64)
}

/// The count of updates, as a scalar of f64.
pub(super) fn updates<'a>(d: &Decompose<'a>) -> Expr<'a> {
    d.x(1).reshape(&[]).cast(DType::F64)
}

/// A gradient with that of the penalty on large numbers added.
pub(super) fn regularised<'a>(d: &Decompose<'a>, x: Expr<'a>, gradient: Expr<'a>) -> Expr<'a> {
    x * d.attr.float("norm_coefficient") + gradient
}
