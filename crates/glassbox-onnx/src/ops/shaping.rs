//! The ops that change shapes, and constants.

use super::prelude::*;
use super::reduction::axes_from_attribute;
use glassbox_ir::Dim;
use glassbox_tensor::DType;

pub(super) const ROWS: &[Row] = &[
    row("CenterCropPad", 18, direct(&ops::center_crop_pad::OP)),
    row(
        "Concat",
        1,
        formula(|c| Ok(vec![c.f.op_with(&ops::concat::OP, &c.operands(), attrs! { axis: c.int("axis", 1)? })])),
    )
    .until(3),
    row("Concat", 4, direct(&ops::concat::OP)),
    row("Constant", 1, formula(constant)),
    row("ConstantOfShape", 9, direct(&ops::constant_of_shape::OP)),
    row("DepthToSpace", 1, formula(|c| by_block(c, &ops::depth_to_space::OP))).until(10),
    row("DepthToSpace", 11, direct(&ops::depth_to_space::OP)),
    row("Expand", 8, bare(&ops::expand::OP)),
    row("EyeLike", 9, direct(&ops::eye_like::OP)),
    row("Flatten", 1, direct(&ops::flatten::OP)),
    row("Identity", 1, formula(|c| Ok(vec![c.x(0)]))),
    row("Pad", 1, formula(|c| pad_by_attributes(c, "paddings"))).until(1),
    row("Pad", 2, formula(|c| pad_by_attributes(c, "pads"))).until(10),
    row("Pad", 11, direct(&ops::pad::OP)),
    row("Range", 11, bare(&ops::range::OP)).until(26),
    row("Range", 27, formula(range)),
    row("Reshape", 1, formula(reshape_by_attribute)).until(4),
    row("Reshape", 5, bare(&ops::reshape::OP)).until(13),
    row("Reshape", 14, direct(&ops::reshape::OP)),
    row("Shape", 1, bare(&ops::shape::OP)).until(14),
    row("Shape", 15, direct(&ops::shape::OP)),
    row("Size", 1, bare(&ops::size::OP)),
    row("Slice", 1, formula(slice_by_attributes)).until(9),
    row("Slice", 10, direct(&ops::slice::OP)),
    row("SpaceToDepth", 1, formula(|c| by_block(c, &ops::space_to_depth::OP))).until(27),
    row("SpaceToDepth", 28, direct(&ops::space_to_depth::OP)),
    row("Split", 1, formula(split_by_attribute)).until(12),
    row("Split", 13, formula(|c| c.with_attrs(&ops::split::OP, attrs! { axis: c.int("axis", 0)? }))).until(17),
    row("Split", 18, direct(&ops::split::OP)),
    row("Squeeze", 1, formula(|c| axes_from_attribute(c, &ops::squeeze::OP))).until(12),
    row("Squeeze", 13, direct(&ops::squeeze::OP)),
    row("Tile", 1, formula(tile_of_one_axis)).until(5),
    row("Tile", 6, bare(&ops::tile::OP)),
    row("Transpose", 1, direct(&ops::transpose::OP)),
    row("Trilu", 14, direct(&ops::trilu::OP)),
    row("Unsqueeze", 1, formula(|c| axes_from_attribute(c, &ops::unsqueeze::OP))).until(12),
    row("Unsqueeze", 13, direct(&ops::unsqueeze::OP)),
];

/// One attribute says the value, and by its name the dtype.
fn constant<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let vector = |length: usize| {
        if c.has_attr("value_ints") || c.has_attr("value_floats") || c.has_attr("value_strings") {
            vec![length]
        } else {
            vec![]
        }
    };
    let mut values = Vec::new();
    values.extend(c.tensor("value")?);
    values.extend(c.tensor("sparse_value")?);
    let ints = c.ints("value_ints")?.map(<[i64]>::to_vec).or(c.opt_int("value_int")?.map(|value| vec![value]));
    if let Some(ints) = ints {
        values.push(Tensor::from_vec(&vector(ints.len()), ints).map_err(|error| c.error(error))?);
    }
    let floats = c.floats("value_floats")?.or(c.opt_float("value_float")?.map(|value| vec![value]));
    if let Some(floats) = floats {
        let floats: Vec<f32> = floats.into_iter().map(|value| value as f32).collect();
        values.push(Tensor::from_vec(&vector(floats.len()), floats).map_err(|error| c.error(error))?);
    }
    let strings = c.strs("value_strings")?.or(c.opt_str("value_string")?.map(|value| vec![value]));
    if let Some(strings) = strings {
        let strings: Vec<String> = strings.into_iter().map(str::to_owned).collect();
        values.push(Tensor::from_strings(&vector(strings.len()), strings).map_err(|error| c.error(error))?);
    }
    match <[Tensor; 1]>::try_from(values) {
        Ok([value]) if c.attribute_count() == 1 => Ok(vec![c.f.constant(value)]),
        _ => Err(c.error("exactly one attribute must say the value")),
    }
}

/// The shape was an attribute.
fn reshape_by_attribute<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let shape = c.f.ints(c.ints("shape")?.unwrap_or_default());
    Ok(vec![c.x(0).binary(&ops::reshape::OP, shape)])
}

/// Starts, ends and axes were attributes, and there were no steps.
fn slice_by_attributes<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let starts = c.f.ints(c.required("starts", c.ints("starts")?)?);
    let ends = c.f.ints(c.required("ends", c.ints("ends")?)?);
    let axes = c.ints("axes")?.map(|axes| c.f.ints(axes));
    Ok(vec![c.f.op_with(&ops::slice::OP, &[Some(c.x(0)), Some(starts), Some(ends), axes], Attrs::new())])
}

/// There was one order of the elements of a block.
fn by_block<'a>(c: &NodeContext<'a>, op: &'static OpDef) -> Exprs<'a> {
    let blocksize = c.required("blocksize", c.opt_int("blocksize")?)?;
    c.with_attrs(op, attrs! { blocksize: blocksize })
}

/// Pads and value were attributes, the pads by the name `pads`.
fn pad_by_attributes<'a>(c: &NodeContext<'a>, pads: &str) -> Exprs<'a> {
    let x = c.x(0);
    let pads = c.f.ints(c.required(pads, c.ints(pads)?)?);
    let value = x.scalar_like(c.float("value", 0.0)?);
    let attrs = attrs! { mode: c.str("mode", "constant")? };
    Ok(vec![c.f.op(&ops::pad::OP, &[x, pads, value], attrs)])
}

/// `stash_type` is the dtype that narrow floats are computed in; they are computed in a wider one here.
fn range<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    match c.dtype("stash_type")? {
        None | Some(DType::F32 | DType::F64) => c.with_attrs(&ops::range::OP, Attrs::new()),
        Some(other) => Err(c.error(format!("attribute `stash_type` is {other}, neither f32 nor f64"))),
    }
}

/// The extents were an attribute.
fn split_by_attribute<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    if c.opt(1).is_some() {
        return Err(c.unsupported("the operand `split` of the first version, whose dtype is that of the data,"));
    }
    let split = c.ints("split")?.map(|split| c.f.ints(split));
    let attrs = attrs! { axis: c.int("axis", 0)? };
    Ok(c.f.op_many(&ops::split::OP, &[Some(c.x(0)), split], attrs, Vec::new(), c.outputs))
}

/// One axis was repeated; both the number of times and the axis are operands, of the dtype of the data.
fn tile_of_one_axis<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let rank = c.rank(0)?;
    let axis = c.contents(2).and_then(|axis| axis.item::<i64>().ok());
    let axis = axis.ok_or_else(|| c.unsupported("an axis (operand 2) that isn't constant"))?;
    let axis = c.axis(axis, rank)?;
    let repeats: Vec<Expr<'a>> = (0..rank)
        .map(|place| if place == axis { c.x(1).cast(DType::I64).reshape(&[Dim::Int(1)]) } else { c.f.ints(&[1]) })
        .collect();
    Ok(vec![c.x(0).binary(&ops::tile::OP, c.f.concat(&repeats, 0))])
}
