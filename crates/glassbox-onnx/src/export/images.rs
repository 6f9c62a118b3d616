//! Ops on images as earlier opsets have them: fewer modes, other windows.

use glassbox_ir::{Dim, Type};
use glassbox_tensor::{DType, Tensor};

use super::attributes::{self, floats, int, text};
use super::emitter::Why;
use super::site::Site;
use super::versions::numbers;

/// The modes have the names that they have in two dimensions.
pub(super) fn grid_sample(site: &mut Site) -> Result<(), Why> {
    let attr = site.attr();
    let mode = match attr.str("mode") {
        "linear" => "bilinear",
        "cubic" => "bicubic",
        other => other,
    };
    let made = vec![
        text("mode", mode),
        text("padding_mode", attr.str("padding_mode")),
        int("align_corners", i64::from(attr.bool("align_corners"))),
    ];
    if site.ty(0).and_then(|ty| ty.as_tensor()?.rank()) != Some(4) {
        return Err("earlier versions take images only".to_owned());
    }
    let (x, grid) = (site.operand(0).to_owned(), site.operand(1).to_owned());
    site.last("GridSample", &[&x, &grid], made)
}

/// Version 10 has two modes and no others; version 11 and 12 want all operands.
pub(super) fn resize(site: &mut Site) -> Result<(), Why> {
    let attr = site.attr();
    let mut nearest = attr.str("nearest_mode").to_owned();
    let simple = nearest == "simple";
    let scales = match site.has(2) {
        true => site.contents(2).ok().flatten().map(numbers).transpose()?,
        false => None,
    };
    if site.opset() <= 10 {
        let asymmetric = attr.str("coordinate_transformation_mode") == "asymmetric";
        let (mode, upsamples) = (attr.str("mode"), site.opset() <= 9);
        let rounds = mode != "nearest" || nearest == if upsamples { "floor" } else { "simple" };
        let plain = !attr.bool("antialias") && attr.ints("axes").is_none() && !site.has(3);
        if !(asymmetric && rounds && plain && mode != "cubic") {
            return Err("earlier versions have fewer modes".to_owned());
        }
        let (x, operand) = (site.operand(0).to_owned(), site.operand(2).to_owned());
        let mode = text("mode", mode);
        return match site.opset() {
            10 => site.last("Resize", &[&x, &operand], vec![mode]),
            9 => site.last("Upsample", &[&x, &operand], vec![mode]),
            _ => {
                let scales = scales.ok_or("the scales aren't constant, and are an attribute there")?;
                site.last("Upsample", &[&x], vec![mode, floats("scales", &scales)])
            }
        };
    }
    let axes = if site.opset() < 18 { site.attr().ints("axes") } else { None };
    let mut made = attributes::except(site, "Resize", if axes.is_some() { &["axes"] } else { &[] })?;
    if simple {
        // It rounds up where it makes smaller, and down where it makes larger.
        let scales = scales.ok_or("how version 10 rounds depends on scales that aren't constant")?;
        nearest = match (scales.iter().all(|scale| *scale >= 1.0), scales.iter().all(|scale| *scale <= 1.0)) {
            (true, _) => "floor".to_owned(),
            (_, true) => "ceil".to_owned(),
            _ => return Err("it makes larger and smaller, and rounds as version 10 did".to_owned()),
        };
        made.retain(|attribute| attribute.name.as_deref() != Some("nearest_mode"));
        made.push(text("nearest_mode", &nearest));
    }
    let mut operands = site.operands.clone();
    if let Some(axes) = axes {
        operands = whole_axes(site, axes, operands)?;
    }
    if site.opset() <= 12 {
        let empty = |site: &mut Site| site.tensor(Tensor::zeros(DType::F32, &[0]).map_err(|error| error.to_string())?);
        for index in 1..3 {
            if operands.get(index).is_none_or(String::is_empty) {
                let name = empty(site)?;
                if index < operands.len() {
                    operands[index] = name;
                } else {
                    operands.push(name);
                }
            }
        }
    }
    let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
    site.last("Resize", &operands, made)
}

/// The operands of a resize with scales or sizes for all axes, of which it has those of `axes`.
fn whole_axes(site: &mut Site, axes: &[i64], mut operands: Vec<String>) -> Result<Vec<String>, Why> {
    if site.has(1) {
        return Err("its region is given for some axes only".to_owned());
    }
    let dims = site.ty(0).and_then(|ty| ty.as_tensor()?.dims()).ok_or("the rank isn't known")?;
    let place = |axis: &i64| {
        let axis = if *axis < 0 { *axis + dims.len() as i64 } else { *axis };
        usize::try_from(axis).ok().filter(|axis| *axis < dims.len()).ok_or_else(|| "an axis is out of range".to_owned())
    };
    let places = axes.iter().map(place).collect::<Result<Vec<usize>, Why>>()?;
    if let Some(scales) = site.contents(2)?.map(numbers).transpose()? {
        let mut all = vec![1.0f32; dims.len()];
        places.iter().zip(scales).for_each(|(place, scale)| all[*place] = scale as f32);
        operands[2] = site.tensor(Tensor::from_vec(&[all.len()], all).map_err(|error| error.to_string())?)?;
    }
    if let Some(sizes) = site.ints(3)? {
        let all: Option<Vec<i64>> = dims.iter().map(Dim::as_int).collect();
        let mut all = all.ok_or("the extents of the other axes aren't known")?;
        places.iter().zip(sizes).for_each(|(place, size)| all[*place] = size);
        operands[3] = site.vector(&all)?;
    }
    Ok(operands)
}

/// Before version 22 a last window that would begin behind the input was counted too.
pub(super) fn pool(site: &mut Site, name: &'static str) -> Result<(), Why> {
    if site.attr().bool("ceil_mode") && !counts_alike(site) {
        return Err("before version 22 its rounded-up extent counts a window that begins behind the input".to_owned());
    }
    site.same(name)
}

/// Whether every extent of the result is what the earlier formula says.
fn counts_alike(site: &Site) -> bool {
    let (attr, spec) = (site.attr(), site.node.op);
    let of =
        |index: Option<&Type>| -> Option<Vec<i64>> { index?.as_tensor()?.dims()?.iter().map(Dim::as_int).collect() };
    let (Some(x), Some(y)) = (of(site.ty(0)), of(site.result_ty(0))) else { return true };
    let list = |name: &str| spec.attr(name).and_then(|_| attr.ints(name));
    let Some(kernel) = list("kernel_shape") else { return true };
    let rank = kernel.len();
    (0..rank).all(|axis| {
        let at = |name: &str, place: usize, default: i64| {
            list(name).and_then(|list| list.get(place).copied()).unwrap_or(default)
        };
        let (Some(size), Some(result)) = (x.get(axis + 2), y.get(axis + 2)) else { return true };
        let pads = at("pads", axis, 0).saturating_add(at("pads", axis + rank, 0));
        let (stride, dilation) = (at("strides", axis, 1).max(1), at("dilations", axis, 1));
        let window = kernel[axis].saturating_sub(1).saturating_mul(dilation).saturating_add(1);
        let room = size.saturating_add(pads).saturating_sub(window);
        spec.attr("auto_pad").is_some_and(|_| attr.str("auto_pad") != "NOTSET")
            || room < 0
            || (room.saturating_add(stride - 1) / stride).saturating_add(1) == *result
    })
}
