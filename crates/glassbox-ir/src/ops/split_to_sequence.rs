//! `split_to_sequence`: the parts of a tensor along an axis, as a sequence.

use super::common::*;
use super::indexing::*;
use crate::attr::Attrs;
use crate::attrs;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "split_to_sequence",
    tier: Tier::Composite(decompose),
    doc: "The parts of x along `axis`, one after the other, as a sequence. A scalar `split` is the extent of each part, \
          of which the last may be smaller; a vector lists the extents. Without `split` each part has extent 1, and \
          without `keepdims` lacks that axis.",
    inputs: &[Input::one("x", DTypes::Any), Input::one("split", INDICES).optional().shapes()],
    attrs: &[AttrSpec::int("axis", 0), AttrSpec::bool("keepdims", true)],
    constraints: &[
        ("C1", "axis is in [-r, r)"),
        ("C2", "split is a scalar larger than 0, or a vector of numbers that are at least 0 and sum to the extent"),
    ],
    example: "split_to_sequence(i32[3] [1, 2, 3], i64[] 2) -> seq(i32[2] [1, 2], i32[1] [3])",
    infer: |infer| {
        let x = infer.tensor(0)?;
        let Some(dims) = x.dims() else { return Ok(vec![Type::sequence(Type::unranked(x.dtype))]) };
        let axis = infer.axis("C1", infer.attr.int("axis"), dims.len())?;
        let mut part = dims.to_vec();
        if !infer.has(1) && !infer.attr.bool("keepdims") {
            part.remove(axis);
        } else if !infer.has(1) {
            part[axis] = Dim::Int(1);
        } else {
            let scalar = infer.rank(1) == Some(0);
            part[axis] = match (infer.static_ints(1), dims[axis].as_int()) {
                (Some(split), Some(extent)) => common_extent(&parts(&split, scalar, extent)?),
                _ => Dim::Unknown,
            };
        }
        Ok(vec![Type::sequence(Type::tensor(x.dtype, part))])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// The extents of the parts.
fn parts(split: &[i64], scalar: bool, extent: i64) -> Result<Vec<i64>, Violation> {
    let wrong = || Violation::new("C2", format!("an extent of {extent} split by {split:?}"));
    match (split, scalar) {
        ([size], true) if *size > 0 => {
            let whole = extent / size;
            let rest = extent % size;
            Ok(std::iter::repeat_n(*size, whole as usize).chain((rest > 0).then_some(rest)).collect())
        }
        (_, true) => Err(wrong()),
        (sizes, false) => {
            let sum = sizes.iter().try_fold(0i64, |sum, size| sum.checked_add(*size));
            let natural = sizes.iter().all(|size| *size >= 0);
            if natural && sum == Some(extent) { Ok(sizes.to_vec()) } else { Err(wrong()) }
        }
    }
}

/// The extent that all parts have.
fn common_extent(parts: &[i64]) -> Dim {
    match parts {
        [first, rest @ ..] if rest.iter().all(|part| part == first) => Dim::Int(*first),
        _ => Dim::Unknown,
    }
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let (x, sizes) = (d.x(0), d.sizes(0)?);
    let axis = x.axis(d.attr.int("axis"));
    let extents = match d.has(1) {
        true => {
            let scalar = d.rank(1)? == 0;
            parts(&d.ints(1)?, scalar, sizes[axis]).map_err(|violation| d.invalid("C2", violation.message))?
        }
        false => vec![1; sizes[axis] as usize],
    };
    let squeezed = !d.has(1) && !d.attr.bool("keepdims");
    if extents.is_empty() {
        let mut dims: Vec<Dim> = sizes.iter().map(|size| Dim::Int(*size)).collect();
        dims[axis] = Dim::Unknown;
        if squeezed {
            dims.remove(axis);
        }
        let element = Type::tensor(x.dtype(), dims);
        return Ok(vec![d.f.op(&super::sequence_empty::OP, &[], attrs! { element: element })]);
    }
    let operands = [Some(x), Some(d.f.ints(&extents))];
    let parts = d.f.op_many(&super::split::OP, &operands, attrs! { axis: axis as i64 }, Vec::new(), extents.len());
    let parts: Vec<_> = parts.into_iter().map(|part| if squeezed { part.squeeze(&[axis as i64]) } else { part }).collect();
    Ok(vec![d.f.op(&super::sequence_construct::OP, &parts, Attrs::new())])
}
