//! `split`: the parts of a tensor along an axis.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "split",
    doc: "The parts of x along `axis`, one after the other, with the extents in `split`. Without `split`, \
          `num_outputs` parts of the same extent, rounded up, of which the last ones are smaller if it doesn't divide; \
          without either, as many parts of the same extent as there are results.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("split", SIZES).optional().shapes()],
    outputs: &[Output::variadic("parts")],
    attrs: &[AttrSpec::int("axis", 0), AttrSpec::optional("num_outputs", AttrKind::Int)],
    constraints: &[
        ("C1", "axis is in [-r, r)"),
        ("C2", "split and num_outputs aren't both given, and say as many parts as there are results"),
        ("C3", "the extents in split are at least 0, and their sum is the extent of the axis"),
        ("C4", "without split and num_outputs, the number of results divides the extent"),
    ],
    example: "split(i32[3] [1, 2, 3], i64[2] [1, 2]) -> i32[1] [1], i32[2] [2, 3]",
    infer,
    known: Some(known),
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let count = infer.outputs;
    let parts = infer.attr.opt_int("num_outputs");
    if infer.has(1) && parts.is_some() {
        return Err(Violation::new("C2", "split and num_outputs are both given"));
    }
    let listed = infer.dims(1).and_then(|dims| dims.first()?.as_int());
    if let Some(said) = listed.or(parts)
        && said != count as i64
    {
        return Err(Violation::new("C2", format!("{said} parts for {count} results")));
    }
    let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype); count]) };
    let axis = infer.axis("C1", infer.attr.int("axis"), dims.len())?;
    let extents = extents(infer, &dims[axis], count)?;
    let part = |extent: Dim| {
        let mut dims = dims.to_vec();
        dims[axis] = extent;
        Type::tensor(x.dtype, dims)
    };
    Ok(extents.into_iter().map(part).collect())
}

/// The extents of the parts.
fn extents(infer: &Infer, dim: &Dim, count: usize) -> Result<Vec<Dim>, Violation> {
    if infer.has(1) {
        let Some(extents) = infer.ints(1) else { return Ok(vec![Dim::Unknown; count]) };
        let sum = extents.iter().fold(Dim::Int(0), |sum, extent| &sum + extent);
        let negative = extents.iter().any(|extent| extent.as_int().is_some_and(|extent| extent < 0));
        if extents.len() != count || negative || sum.same(dim) == Some(false) {
            return Err(Violation::new("C3", format!("the extent {dim} in {count} parts of {}", Shape::Ranked(extents))));
        }
        return Ok(extents);
    }
    let parts = Dim::from(count);
    let left = dim.modulo(&parts);
    if infer.attr.opt_int("num_outputs").is_none() {
        if left.as_int().is_some_and(|left| left != 0) {
            return Err(Violation::new("C4", format!("the extent {dim} in {count} parts")));
        }
        return Ok(vec![dim.floor_div(&parts); count]);
    }
    if left == Dim::Int(0) {
        return Ok(vec![dim.floor_div(&parts); count]);
    }
    let extent = dim.ceil_div(&parts);
    let part = |place: usize| (dim - &(&extent * &Dim::from(place))).minimum(&extent).maximum(&Dim::Int(0));
    Ok((0..count).map(part).collect())
}

/// The integers of each part of a vector.
fn known(infer: &Infer, types: &[Type]) -> Vec<Option<Known>> {
    let mut values = infer.ints(0).filter(|_| infer.rank(0) == Some(1)).unwrap_or_default().into_iter();
    let part = |ty: &Type| {
        let extent = ty.as_tensor()?.dims()?.first()?.as_size()?;
        let part: Vec<Dim> = values.by_ref().take(extent).collect();
        if part.len() == extent { known_as(ty, part) } else { None }
    };
    let parts: Vec<Option<Known>> = types.iter().map(part).collect();
    // Where one part's extent isn't known, nobody can say where the next begins.
    let certain = parts.iter().take_while(|part| part.is_some()).count();
    parts.into_iter().enumerate().map(|(place, part)| part.filter(|_| place < certain)).collect()
}
