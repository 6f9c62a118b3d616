//! Ops as earlier opsets have them: with attributes where there are operands now, with fewer modes.

use glassbox_ir::{Dim, Type};
use glassbox_tensor::{DType, Tensor};

use super::attributes::{self, float, int, ints, text};
use super::emitter::Why;
use super::site::Site;

/// The axes are an attribute.
pub(super) fn axes_as_attribute(site: &mut Site, name: &'static str) -> Result<(), Why> {
    let axes = site.ints(1)?;
    let reduces = site.node.op.attr("noop_with_empty_axes").is_some();
    let noop = reduces && site.attr().bool("noop_with_empty_axes");
    let empty = axes.as_ref().is_none_or(Vec::is_empty);
    if noop && empty {
        return Err("with noop_with_empty_axes it isn't what it was before it had that attribute".to_owned());
    }
    let mut made = Vec::new();
    if reduces {
        made.push(int("keepdims", i64::from(site.attr().bool("keepdims"))));
    }
    if let Some(axes) = axes.filter(|axes| !(reduces && axes.is_empty())) {
        let rank = site.ty(0).and_then(|ty| ty.as_tensor()?.rank());
        made.push(ints("axes", &from_front(site, &axes, rank)?));
    }
    let x = site.operand(0).to_owned();
    site.last(name, &[&x], made)
}

/// The axes counted from the front, which the first versions ask for.
fn from_front(site: &Site, axes: &[i64], rank: Option<usize>) -> Result<Vec<i64>, Why> {
    if site.opset() >= 11 || axes.iter().all(|axis| *axis >= 0) {
        return Ok(axes.to_vec());
    }
    // Those of `unsqueeze` count in the result.
    let rank = match (site.node.op.name, rank) {
        ("unsqueeze", Some(rank)) => Some(rank + axes.len()),
        (_, rank) => rank,
    };
    let rank = rank.ok_or("its axes count from the back, and the rank isn't known")? as i64;
    Ok(axes.iter().map(|axis| if *axis < 0 { axis + rank } else { *axis }).collect())
}

/// Starts, ends and axes are attributes, and there are no steps.
pub(super) fn slice(site: &mut Site) -> Result<(), Why> {
    let (starts, ends, axes, steps) = (site.ints(1)?, site.ints(2)?, site.ints(3)?, site.ints(4)?);
    if steps.is_some_and(|steps| steps.iter().any(|step| *step != 1)) {
        return Err("it has steps".to_owned());
    }
    let mut made = vec![ints("starts", &starts.unwrap_or_default()), ints("ends", &ends.unwrap_or_default())];
    if let Some(axes) = axes {
        let rank = site.ty(0).and_then(|ty| ty.as_tensor()?.rank());
        made.push(ints("axes", &from_front(site, &axes, rank)?));
    }
    let x = site.operand(0).to_owned();
    site.last("Slice", &[&x], made)
}

/// The bounds are attributes; one that isn't given is the largest number, so that infinity has to be said.
pub(super) fn clip(site: &mut Site) -> Result<(), Why> {
    let bound = |site: &Site, index: usize, without: f64| -> Result<f64, Why> {
        let Some(tensor) = site.contents(index)? else { return Ok(without) };
        let values = numbers(tensor)?;
        values.first().copied().ok_or_else(|| "a bound is empty".to_owned())
    };
    let (low, high) = (bound(site, 1, f64::NEG_INFINITY)?, bound(site, 2, f64::INFINITY)?);
    for value in [low, high] {
        if f64::from(value as f32).to_bits() != value.to_bits() {
            return Err(format!("the bound {value} is no f32"));
        }
    }
    let x = site.operand(0).to_owned();
    site.last("Clip", &[&x], vec![float("min", low), float("max", high)])
}

pub(super) fn numbers(tensor: &Tensor) -> Result<Vec<f64>, Why> {
    let wrong = |error: glassbox_tensor::TensorError| error.to_string();
    tensor.load::<f64>().map(|values| values.into_owned()).map_err(wrong)
}

/// The third operand has to be there.
pub(super) fn gemm(site: &mut Site) -> Result<(), Why> {
    if site.has(2) {
        return site.same("Gemm");
    }
    let dtype = site.ty(0).map(Type::dtype).ok_or("it has no operand")?;
    let zero = site.tensor(Tensor::zeros(dtype, &[1]).map_err(|error| error.to_string())?)?;
    let (a, b) = (site.operand(0).to_owned(), site.operand(1).to_owned());
    let made = attributes::of(site, "Gemm")?;
    site.last("Gemm", &[&a, &b, &zero], made)
}

/// How many are looked for is an attribute.
pub(super) fn top_k(site: &mut Site) -> Result<(), Why> {
    let k = site.ints(1)?.unwrap_or_default();
    let mut made = attributes::of(site, "TopK")?;
    made.push(int("k", k.first().copied().ok_or("k is empty")?));
    let x = site.operand(0).to_owned();
    site.last("TopK", &[&x], made)
}

/// Without training.
pub(super) fn batch_normalization(site: &mut Site) -> Result<(), Why> {
    if site.attr().bool("training_mode") || site.results.len() != 1 {
        return Err("it trains, and says so otherwise than earlier versions".to_owned());
    }
    let made = vec![float("epsilon", site.attr().float("epsilon"))];
    let operands: Vec<String> = site.operands.clone();
    let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
    site.last("BatchNormalization", &operands, made)
}

/// All axes from this one on are taken together, so only the last is the same.
pub(super) fn last_axis(site: &mut Site, name: &'static str) -> Result<(), Why> {
    let rank = site.ty(0).and_then(|ty| ty.as_tensor()?.rank()).ok_or("the rank isn't known")? as i64;
    let axis = site.attr().int("axis");
    let axis = if axis < 0 { axis + rank } else { axis };
    if axis + 1 != rank {
        return Err(format!("axis {axis} isn't the last, and earlier versions take all axes from it on together"));
    }
    let x = site.operand(0).to_owned();
    site.last(name, &[&x], vec![int("axis", axis)])
}

/// The axis is an attribute.
pub(super) fn dft(site: &mut Site) -> Result<(), Why> {
    // The axis that is meant without one is the last but one.
    let axis = match site.ints(2)? {
        Some(axis) => axis.first().copied().ok_or("the axis is empty")?,
        None => -2,
    };
    let rank = site.ty(0).and_then(|ty| ty.as_tensor()?.rank()).ok_or("the rank isn't known")? as i64;
    let mut made = attributes::of(site, "DFT")?;
    made.push(int("axis", if axis < 0 { axis + rank } else { axis }));
    let (x, length) = (site.operand(0).to_owned(), site.operand(1).to_owned());
    let operands: &[&str] = if length.is_empty() { &[&x] } else { &[&x, &length] };
    site.last("DFT", operands, made)
}

/// The sizes are an attribute before version 13; the number of results is one from 18 on.
pub(super) fn split(site: &mut Site) -> Result<(), Why> {
    let (opset, count) = (site.opset(), site.results.len() as i64);
    let axis = site.attr().int("axis");
    let mut made = vec![int("axis", axis)];
    let (x, mut sizes) = (site.operand(0).to_owned(), site.operand(1).to_owned());
    if opset >= 18 && sizes.is_empty() {
        made.push(int("num_outputs", site.attr().opt_int("num_outputs").unwrap_or(count)));
    }
    if opset < 18 && sizes.is_empty() && site.attr().opt_int("num_outputs").is_some() {
        // The last may be smaller, which earlier versions don't do by themselves.
        let along = |index: usize| {
            let dims = site.result_ty(index)?.as_tensor()?.dims()?;
            let place = if axis < 0 { axis + dims.len() as i64 } else { axis };
            dims.get(usize::try_from(place).ok()?)?.as_int()
        };
        let along: Option<Vec<i64>> = (0..site.results.len()).map(along).collect();
        let along = along.ok_or("the extents of the pieces aren't known")?;
        if opset < 13 {
            made.push(ints("split", &along));
        } else {
            sizes = site.vector(&along)?;
        }
    } else if opset < 13 && !sizes.is_empty() {
        made.push(ints("split", &site.ints(1)?.unwrap_or_default()));
        sizes.clear();
    }
    let operands: &[&str] = if sizes.is_empty() { &[&x] } else { &[&x, &sizes] };
    site.last("Split", operands, made)
}

/// Amounts and value are attributes before version 11; the axes are an operand from 18 on.
pub(super) fn pad(site: &mut Site) -> Result<(), Why> {
    let opset = site.opset();
    let mode = site.attr().str("mode");
    if opset < 19 && mode == "wrap" {
        return Err("the mode `wrap` is there from version 19 on".to_owned());
    }
    if opset >= 18 || opset >= 11 && !site.has(3) {
        return site.same("Pad");
    }
    let mut pads = site.ints(1)?.unwrap_or_default();
    if let Some(axes) = site.ints(3)? {
        let rank = site.ty(0).and_then(|ty| ty.as_tensor()?.rank()).ok_or("the rank isn't known")?;
        let mut all = vec![0; 2 * rank];
        for (place, axis) in axes.iter().enumerate() {
            let axis = if *axis < 0 { axis + rank as i64 } else { *axis };
            let axis = usize::try_from(axis).ok().filter(|axis| *axis < rank).ok_or("an axis is out of range")?;
            let amounts = (pads.get(place), pads.get(place + axes.len()));
            let (Some(before), Some(after)) = amounts else {
                return Err("there are fewer amounts than axes".to_owned());
            };
            (all[axis], all[axis + rank]) = (*before, *after);
        }
        pads = all;
    }
    let (x, value) = (site.operand(0).to_owned(), site.operand(2).to_owned());
    if opset >= 11 {
        let pads = site.vector(&pads)?;
        let operands: &[&str] = if value.is_empty() { &[&x, &pads] } else { &[&x, &pads, &value] };
        return site.last("Pad", operands, vec![text("mode", mode)]);
    }
    let value = match site.contents(2)? {
        Some(value) => numbers(value)?.first().copied().unwrap_or_default(),
        None => 0.0,
    };
    if f64::from(value as f32).to_bits() != value.to_bits() && !value.is_nan() {
        return Err(format!("the value {value} is no f32"));
    }
    site.last("Pad", &[&x], vec![text("mode", mode), ints("pads", &pads), float("value", value)])
}

/// From where to where is said by a slice of the shape before version 15.
pub(super) fn shape(site: &mut Site) -> Result<(), Why> {
    let (attr, x) = (site.attr(), site.operand(0).to_owned());
    let (start, end) = (attr.int("start"), attr.opt_int("end"));
    if start == 0 && end.is_none() {
        return site.last("Shape", &[&x], Vec::new());
    }
    let whole = site.value("Shape", &[&x], Vec::new())?;
    let end = end.unwrap_or(i64::MAX);
    if site.opset() < 10 {
        return site.last("Slice", &[&whole], vec![ints("starts", &[start]), ints("ends", &[end]), ints("axes", &[0])]);
    }
    let (start, end, axes) = (site.vector(&[start])?, site.vector(&[end])?, site.vector(&[0])?);
    site.last("Slice", &[&whole, &start, &end, &axes], Vec::new())
}

/// Before version 14 a 0 in the shape always means the extent as it was.
pub(super) fn reshape(site: &mut Site) -> Result<(), Why> {
    if site.attr().bool("allowzero") {
        match site.contents(1).ok().flatten() {
            Some(shape) if !numbers(shape)?.contains(&0.0) => {}
            Some(_) => return Err("an extent of 0 can't be asked for before version 14".to_owned()),
            None => {
                let dims = site.result_ty(0).and_then(|ty| ty.as_tensor()?.dims());
                if dims.is_none_or(|dims| dims.iter().any(Dim::is_unknown)) {
                    return Err(
                        "a 0 in its shape, which isn't known, would mean something else before version 14".to_owned()
                    );
                }
                site.e.note("before opset 14 a reshape keeps an extent where 0 is asked for: results without elements may differ");
            }
        }
    }
    let (x, shape) = (site.operand(0).to_owned(), site.operand(1).to_owned());
    site.last("Reshape", &[&x, &shape], Vec::new())
}

/// Less or equal, and greater or equal, as two comparisons: of NaN neither holds.
pub(super) fn or_equal(site: &mut Site, name: &'static str) -> Result<(), Why> {
    if site.opset() < 11 && site.ty(0).is_some_and(|ty| ty.dtype().is_float()) {
        return Err("before version 11 floats can't be compared for equality".to_owned());
    }
    let (a, b) = (site.operand(0).to_owned(), site.operand(1).to_owned());
    let strict = site.value(name, &[&a, &b], Vec::new())?;
    let equal = site.value("Equal", &[&a, &b], Vec::new())?;
    site.last("Or", &[&strict, &equal], Vec::new())
}

/// How a cast rounds and saturates is said of floats of 8 bits only.
pub(super) fn cast(site: &mut Site) -> Result<(), Why> {
    let attr = site.attr();
    let narrow = attr.dtype("to").is_some_and(|to| to.is_float() && to.bits().is_some_and(|bits| bits <= 8));
    if narrow {
        return site.same("Cast");
    }
    let to = attr.dtype("to").ok_or("it has no dtype")?;
    let x = site.operand(0).to_owned();
    let to = int("to", i64::from(attributes::number(to)?));
    site.last("Cast", &[&x], vec![to])
}

/// The axis of one scale for all is of no meaning, and the dtype of the result isn't if it is what it would be without it.
pub(super) fn quantization(site: &mut Site, name: &'static str) -> Result<(), Why> {
    let scale = site.ty(1);
    let implied = match name {
        "QuantizeLinear" => Some(site.ty(2).map_or(DType::U8, Type::dtype)),
        _ => scale.map(Type::dtype),
    };
    let mut said = Vec::new();
    if scale.and_then(|ty| ty.as_tensor()?.rank()) == Some(0) {
        said.push("axis");
    }
    if site.attr().dtype("output_dtype") == implied {
        said.push("output_dtype");
    }
    let made = attributes::except(site, name, &said)?;
    let operands: Vec<String> = site.operands.clone();
    let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
    site.last(name, &operands, made)
}

/// Whether half of the result is given is said, since readers disagree on what it means not to say it.
pub(super) fn stft(site: &mut Site) -> Result<(), Why> {
    let mut made = attributes::except(site, "STFT", &["onesided"])?;
    made.push(int("onesided", i64::from(site.attr().bool("onesided"))));
    let operands: Vec<String> = site.operands.clone();
    let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
    site.last("STFT", &operands, made)
}

/// Version 7 broadcasts the operands of sums and comparisons of two only.
pub(super) fn without_broadcast(site: &mut Site, name: &'static str) -> Result<(), Why> {
    let shape = |index: usize| site.ty(index).and_then(|ty| ty.as_tensor()?.dims());
    let first = shape(0);
    let alike = |index: usize| match (first, shape(index)) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b) == Some(true)),
        _ => false,
    };
    if !(1..site.operands.len()).all(alike) {
        return Err("its operands aren't known to have the same dims, and before version 8 they must".to_owned());
    }
    site.same(name)
}
