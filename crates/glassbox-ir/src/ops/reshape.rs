//! `reshape`: the same elements in other dims.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "reshape",
    doc: "The elements of x, in order, with the dims in `shape`. A dim of -1 is what the others leave; a dim of 0 is \
          that of x in the same place, or with `allowzero` an extent of 0.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("shape", DTypes::These(&[DType::I64])).shapes()],
    attrs: &[AttrSpec::bool("allowzero", false)],
    constraints: &[
        ("C1", "the shape is a vector of dims that are at least -1, with -1 at most once"),
        ("C2", "there are as many elements after as before"),
        ("C3", "with allowzero, -1 and 0 don't stand together"),
    ],
    example: "reshape(f32[4] [1, 2, 3, 4], i64[2] [2, -1]) -> f32[2, 2] [1, 2, 3, 4]",
    infer,
    known: Some(|infer, types| {
        // A scalar made a vector of one, or the other way round.
        let rank = types[0].as_tensor().and_then(TensorType::rank);
        let ints = infer.ints(0);
        vec![match (rank, ints) {
            (Some(1), Some(values)) => Known::vector(values),
            (Some(0), Some(values)) if values.len() == 1 => Known::scalar(values[0].clone()),
            _ => None,
        }]
    }),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    if infer.rank(1).is_some_and(|rank| rank != 1) {
        return Err(Violation::new("C1", format!("the shape is {}, not a vector", infer.ty(1)?)));
    }
    let Some(wanted) = infer.ints(1) else {
        let rank = infer.dims(1).and_then(|dims| dims[0].as_size());
        let shape = rank.map_or(Shape::Unranked, Shape::of_rank);
        return Ok(vec![TensorType { dtype: x.dtype, shape }.into()]);
    };
    let allowzero = infer.attr.bool("allowzero");
    let mut dims = Vec::with_capacity(wanted.len());
    let mut rest = None;
    for (axis, dim) in wanted.iter().enumerate() {
        dims.push(match dim {
            Dim::Int(0) if !allowzero => match x.dims() {
                Some(old) => old.get(axis).cloned().ok_or_else(|| {
                    Violation::new("C1", format!("dim {axis} of the shape is 0, but {x} has no such axis"))
                })?,
                None => Dim::Unknown,
            },
            Dim::Int(-1) if rest.is_some() => return Err(Violation::new("C1", "-1 stands twice in the shape")),
            Dim::Int(-1) => {
                rest = Some(axis);
                Dim::Int(1)
            }
            Dim::Int(size) if *size < 0 => return Err(Violation::new("C1", format!("dim {axis} of the shape is {size}"))),
            other => other.clone(),
        });
    }
    if allowzero && rest.is_some() && dims.contains(&Dim::Int(0)) {
        return Err(Violation::new("C3", "the shape has -1 and 0"));
    }
    let product = |dims: &[Dim]| dims.iter().fold(Dim::Int(1), |product, dim| product * dim.clone());
    let before = x.dims().map_or(Dim::Unknown, product);
    let after = product(&dims);
    match rest {
        Some(axis) if after == Dim::Int(0) => {
            return Err(Violation::new("C2", format!("{x} can't have the dims {}: nothing says dim {axis}", Shape::Ranked(dims))));
        }
        Some(axis) => {
            if before.modulo(&after).as_int().is_some_and(|left| left != 0) {
                return Err(Violation::new("C2", format!("the {before} elements of {x} don't divide by {after}")));
            }
            dims[axis] = before.floor_div(&after);
        }
        None if before.same(&after) == Some(false) => {
            let message = format!("{x} has {before} elements, {} has {after}", Shape::Ranked(dims));
            return Err(Violation::new("C2", message));
        }
        None => {}
    }
    Ok(vec![TensorType { dtype: x.dtype, shape: Shape::Ranked(dims) }.into()])
}
