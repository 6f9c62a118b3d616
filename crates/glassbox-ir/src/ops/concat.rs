//! `concat`: tensors side by side.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "concat",
    doc: "The operands one after the other along `axis`.",
    inputs: &[Input::one("x", DTypes::Any).variadic(1)],
    attrs: &[AttrSpec::required("axis", AttrKind::Int)],
    constraints: &[
        ("C1", "axis is in [-r, r)"),
        ("C2", "the operands have the same rank, and the same dims but for the axis"),
    ],
    example: "concat(i32[1] [1], i32[2] [2, 3]) {axis = 0} -> i32[3] [1, 2, 3]",
    infer,
    known: Some(|infer, types| {
        let vector = types[0].as_tensor().and_then(TensorType::rank) == Some(1);
        let parts = (0..infer.operands.len()).map(|index| part(infer, index));
        vec![parts.collect::<Option<Vec<_>>>().filter(|_| vector).and_then(|parts| Known::vector(parts.concat()))]
    }),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The integers of an operand; where nothing but their count is known, that many unknowns.
fn part(infer: &Infer, index: usize) -> Option<Vec<Dim>> {
    if !infer.dtype(index).ok()?.is_integer() {
        return None;
    }
    let count = || infer.dims(index)?.first()?.as_size().filter(|count| *count <= 64);
    infer.ints(index).or_else(|| Some(vec![Dim::Unknown; count()?]))
}

fn infer(infer: &Infer) -> Types {
    let dtype = infer.dtype(0)?;
    let ranked: Vec<&[Dim]> = (0..infer.operands.len()).filter_map(|index| infer.dims(index)).collect();
    let Some(first) = ranked.first() else { return Ok(vec![Type::unranked(dtype)]) };
    let axis = infer.axis("C1", infer.attr.int("axis"), first.len())?;
    let mut dims = first.to_vec();
    dims[axis] = Dim::Int(0);
    for other in &ranked {
        if other.len() != first.len() {
            return Err(Violation::new("C2", format!("the ranks are {} and {}", first.len(), other.len())));
        }
        for (place, dim) in other.iter().enumerate() {
            if place == axis {
                dims[axis] = &dims[axis] + dim;
            } else if dims[place].same(dim) == Some(false) {
                return Err(Violation::new("C2", format!("dim {place} is {} and {dim}", dims[place])));
            } else {
                dims[place] = dims[place].meet(dim);
            }
        }
    }
    if ranked.len() < infer.operands.len() {
        dims[axis] = Dim::Unknown;
    }
    Ok(vec![Type::tensor(dtype, dims)])
}
