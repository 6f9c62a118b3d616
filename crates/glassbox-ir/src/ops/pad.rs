//! `pad`: elements added before and after, or taken away.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "pad",
    doc: "x with elements added to `axes` (all, if left out): `pads` says how many before each axis, then how many \
          after each; a negative number takes away, before anything is added. What is added is with mode `constant` \
          the `constant_value` (0, false or the empty string, if left out); `edge`: the nearest element; `reflect`: the \
          elements mirrored at the first and the last, again and again; `wrap`: x again and again.",
    inputs: &[
        Input::one("x", DTypes::Any).same('T'),
        Input::one("pads", SIZES).shapes(),
        Input::one("constant_value", DTypes::Any).same('T').optional(),
        Input::one("axes", INDICES).optional().shapes(),
    ],
    attrs: &[AttrSpec::one_of("mode", &["constant", "reflect", "edge", "wrap"], "constant")],
    constraints: &[
        ("C1", "each axis is in [-r, r), and none is given twice"),
        ("C2", "pads is a vector of two numbers for each axis"),
        ("C3", "no extent becomes negative"),
        ("C4", "the constant value has one element"),
        ("C5", "with reflect, edge and wrap there is an element to repeat wherever some are added"),
    ],
    example: "pad(i32[3] [1, 2, 3], i64[2] [2, 1]) {mode = \"reflect\"} -> i32[6] [3, 2, 1, 2, 3, 2]",
    infer,
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    check_one_element(infer, 2, "C4")?;
    if infer.dims(1).is_some_and(|dims| dims.len() != 1) {
        return Err(Violation::new("C2", format!("pads is {}, not a vector", infer.ty(1)?)));
    }
    let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
    let axes = if infer.has(3) { infer.static_ints(3) } else { Some((0..dims.len() as i64).collect()) };
    let Some(axes) = axes else { return one(x.dtype, Shape::of_rank(dims.len())) };
    normalise_axes("C1", &axes, dims.len())?;
    let pads = match infer.ints(1) {
        Some(pads) => pads,
        None => vec![Dim::Unknown; infer.dims(1).and_then(|dims| dims[0].as_size()).unwrap_or(2 * axes.len())],
    };
    if pads.len() != 2 * axes.len() {
        return Err(Violation::new("C2", format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let mut result = dims.to_vec();
    for (index, axis) in axes.iter().enumerate() {
        let axis = infer.axis("C1", *axis, dims.len())?;
        let (before, after) = (&pads[index], &pads[axes.len() + index]);
        result[axis] = &(&dims[axis] + before) + after;
        let broken = |rule| Violation::new(rule, format!("axis {axis} of {x} is padded by {before} and {after}"));
        if result[axis].as_int().is_some_and(|size| size < 0) {
            return Err(broken("C3"));
        }
        let least = |pad: &Dim| pad.as_int().map(|pad| pad.min(0));
        if let (Some(size), Some(less), Some(fewer)) = (dims[axis].as_int(), least(before), least(after)) {
            let grows = before.as_int() > Some(0) || after.as_int() > Some(0);
            if infer.attr.str("mode") != "constant" && grows && size.saturating_add(less).saturating_add(fewer) < 1 {
                return Err(broken("C5"));
            }
        }
    }
    Ok(vec![Type::tensor(x.dtype, result)])
}
