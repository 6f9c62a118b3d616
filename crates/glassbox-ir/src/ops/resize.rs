//! `resize`: other extents, by interpolation.

use super::common::*;
use crate::infer::AttrView;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "resize",
    doc: "x with other extents along `axes` (all, if absent): `scales` times the old ones, rounded down (the product in \
          f32), or `sizes`. With a keep_aspect_ratio_policy one scale serves all the axes, the least (not_larger) or \
          greatest (not_smaller) that sizes asks for, and extents are rounded half up. Each element o of an axis reads x \
          at a coordinate that coordinate_transformation_mode says: half_pixel (o + 0.5) / scale - 0.5; \
          pytorch_half_pixel the same, but 0 for a new extent of 1; \
          tf_half_pixel_for_nn (o + 0.5) / scale; half_pixel_symmetric half_pixel plus extent / 2 * (1 - \
          new extent / (scale * extent)); asymmetric o / scale; align_corners o * (extent - 1) / (scale * extent - 1); \
          tf_crop_and_resize as align_corners within the part of x that `roi` (starts, then ends) says, and the result is \
          extrapolation_value outside of x. Mode nearest takes the element that nearest_mode says, `simple` being floor \
          where the axis grows and ceil where it shrinks; linear weighs the two around it; cubic four, by the kernel of \
          Keys with `cubic_coeff_a`. With `antialias` a kernel is stretched by 1 / scale where the axis shrinks, and its \
          weights are divided by their sum. Elements outside of x are those at its edge, or with `exclude_outside` have \
          no weight, the others being divided by their sum. Coordinates, weights and sums are f64, rounded once; \
          integers are rounded half to even and saturate. Weights of 0 are left out.",
    inputs: &[
        Input::one("x", DTypes::Any),
        Input::one("roi", DTypes::Float).optional(),
        Input::one("scales", DTypes::These(&[DType::F32])).optional().shapes(),
        Input::one("sizes", DTypes::These(&[DType::I64])).optional().shapes(),
    ],
    attrs: &[
        AttrSpec::bool("antialias", false),
        AttrSpec::optional("axes", AttrKind::Ints),
        AttrSpec::one_of(
            "coordinate_transformation_mode",
            &[
                "half_pixel",
                "half_pixel_symmetric",
                "pytorch_half_pixel",
                "align_corners",
                "asymmetric",
                "tf_crop_and_resize",
                "tf_half_pixel_for_nn",
            ],
            "half_pixel",
        ),
        AttrSpec::float("cubic_coeff_a", -0.75),
        AttrSpec::bool("exclude_outside", false),
        AttrSpec::float("extrapolation_value", 0.0),
        AttrSpec::one_of("keep_aspect_ratio_policy", &["stretch", "not_larger", "not_smaller"], "stretch"),
        AttrSpec::one_of("mode", &["nearest", "linear", "cubic"], "nearest"),
        AttrSpec::one_of(
            "nearest_mode",
            &["round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"],
            "round_prefer_floor",
        ),
    ],
    constraints: &[
        ("C1", "each of axes is in [-r, r), and none is given twice"),
        ("C2", "either scales or sizes is a vector with an entry for each axis; the other is left out or empty"),
        ("C3", "scales are finite and above 0, sizes at least 0"),
        ("C4", "with tf_crop_and_resize, roi is a vector with two finite entries for each axis"),
        ("C5", "linear and cubic take numbers, and antialias goes with them"),
        ("C6", "an extent of 0 stays 0, and no extent is beyond 2^63"),
    ],
    example: "resize(f32[2] [1, 3], _, f32[1] [2]) {mode = \"linear\"} -> f32[4] [1, 1.5, 2.5, 3]",
    infer,
    ..OpDef::BASE
};

/// What becomes of one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisResize {
    /// The axis.
    pub axis: usize,
    /// The extent of x.
    pub input: usize,
    /// The extent of the result.
    pub output: usize,
    /// The scale by which coordinates are divided.
    pub scale: f64,
}

/// The axes of a tensor of this rank that are resized, in the order in which scales and sizes have them.
///
/// # Errors
///
/// Where an axis is outside the tensor or named twice.
pub fn resized_axes(attr: AttrView, rank: usize) -> Result<Vec<usize>, Violation> {
    let Some(axes) = attr.ints("axes") else { return Ok((0..rank).collect()) };
    normalise_axes("C1", axes, rank)?;
    axes.iter().map(|axis| normalise_axis("C1", *axis, rank)).collect()
}

/// What becomes of each resized axis of a tensor of these sizes.
///
/// # Errors
///
/// Where an axis is outside the tensor or named twice, or scales or sizes are refused by the op's constraints.
pub fn plan(
    attr: AttrView,
    x: &[usize],
    scales: Option<&[f64]>,
    sizes: Option<&[i64]>,
) -> Result<Vec<AxisResize>, Violation> {
    let axes = resized_axes(attr, x.len())?;
    let asked = match (scales, sizes) {
        (Some(scales), None) => scales.iter().map(|scale| (*scale, 0)).collect::<Vec<_>>(),
        (None, Some(sizes)) => {
            let ratio = |(size, axis): (&i64, &usize)| (*size as f64 / x[*axis] as f64, *size);
            sizes.iter().zip(&axes).map(ratio).collect()
        }
        _ => return Err(Violation::new("C2", "either scales or sizes must be given")),
    };
    if asked.len() != axes.len() {
        return Err(Violation::new("C2", format!("{} entries for {} axes", asked.len(), axes.len())));
    }
    let ratios = asked.iter().map(|(scale, _)| *scale);
    let common = match attr.str("keep_aspect_ratio_policy") {
        _ if scales.is_some() => None,
        "not_larger" => ratios.reduce(f64::min),
        "not_smaller" => ratios.reduce(f64::max),
        _ => None,
    };
    axes.iter()
        .zip(&asked)
        .map(|(axis, (scale, size))| {
            let input = x[*axis];
            let (scale, output) = match common {
                Some(common) => (common, (common * input as f64 + 0.5).floor()),
                None if scales.is_some() => (*scale, scaled(input, *scale)),
                None => (*scale, *size as f64),
            };
            let fits = output < 9.2e18 && (input > 0 || output == 0.0);
            if fits || input == 0 && scales.is_none() && *size == 0 {
                return Ok(AxisResize { axis: *axis, input, output: output as usize, scale });
            }
            Err(Violation::new("C6", format!("axis {axis}, of extent {input}, can't get the extent {output}")))
        })
        .collect()
}

/// The extent times a scale, in f32 as ONNX's shape inference has it, rounded down.
fn scaled(extent: usize, scale: f64) -> f64 {
    f64::from((extent as f64 * scale) as f32).floor()
}

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let mode = infer.attr.str("mode");
    if mode != "nearest" && !DTypes::Numeric.contains(x.dtype) || mode == "nearest" && infer.attr.bool("antialias") {
        let antialias = infer.attr.bool("antialias");
        return Err(Violation::new("C5", format!("the mode is {mode}, antialias {antialias}, x {x}")));
    }
    let empty = |index: usize| infer.dims(index).is_some_and(|dims| dims == [Dim::Int(0)]);
    let given = [2, 3].map(|index| infer.has(index) && !empty(index));
    if given == [true, true] || given == [false, false] {
        return Err(Violation::new("C2", if given[0] { "both scales and sizes are given" } else { "neither is given" }));
    }
    let list = if given[0] { 2 } else { 3 };
    let count = match infer.dims(list) {
        Some([count]) => count.as_size(),
        Some(_) => return Err(Violation::new("C2", format!("operand {} is {}", infer.name_of(list), infer.ty(list)?))),
        None => None,
    };
    let rank = x.rank().or(if infer.attr.ints("axes").is_none() { count } else { None });
    let Some(rank) = rank else { return Ok(vec![Type::unranked(x.dtype)]) };
    let axes = resized_axes(infer.attr, rank)?;
    if count.is_some_and(|count| count != axes.len()) {
        let message = format!("operand {} is {}, for {} axes", infer.name_of(list), infer.ty(list)?, axes.len());
        return Err(Violation::new("C2", message));
    }
    let crop = infer.attr.str("coordinate_transformation_mode") == "tf_crop_and_resize";
    if crop && (!infer.has(1) || infer.dims(1).is_some_and(|dims| !Shape::Ranked(vec![(2 * axes.len()).into()]).admits(&Shape::Ranked(dims.to_vec())))) {
        let roi = infer.operand(1).map_or("left out".to_owned(), |roi| roi.ty.to_string());
        return Err(Violation::new("C4", format!("roi is {roi}, for {} axes", axes.len())));
    }
    let mut dims = x.dims().map_or_else(|| vec![Dim::Unknown; rank], <[Dim]>::to_vec);
    let old = dims.clone();
    axes.iter().for_each(|axis| dims[*axis] = Dim::Unknown);
    if given[0] {
        let scales = infer.contents(2).and_then(|scales| Some(scales.load::<f64>().ok()?.into_owned()));
        if let Some(wrong) = scales.iter().flatten().find(|scale| !(scale.is_finite() && **scale > 0.0)) {
            return Err(Violation::new("C3", format!("a scale is {wrong}")));
        }
        for (axis, scale) in axes.iter().zip(scales.iter().flatten()) {
            dims[*axis] = scaled_dim(&old[*axis], *scale);
        }
        return Ok(vec![Type::tensor(x.dtype, dims)]);
    }
    let sizes = infer.ints(3).unwrap_or_default();
    if let Some(wrong) = sizes.iter().find(|size| size.as_int().is_some_and(|size| size < 0)) {
        return Err(Violation::new("C3", format!("a size is {wrong}")));
    }
    let stretch = infer.attr.str("keep_aspect_ratio_policy") == "stretch";
    let numbers: Option<Vec<i64>> = sizes.iter().map(Dim::as_int).collect();
    let x_sizes: Option<Vec<usize>> = old.iter().map(Dim::as_size).collect();
    match (numbers, x_sizes) {
        (Some(numbers), Some(x_sizes)) if numbers.len() == axes.len() => {
            for axis in plan(infer.attr, &x_sizes, None, Some(&numbers))? {
                dims[axis.axis] = axis.output.into();
            }
        }
        _ if stretch => axes.iter().zip(sizes).for_each(|(axis, size)| dims[*axis] = size),
        _ => {}
    }
    Ok(vec![Type::tensor(x.dtype, dims)])
}

/// The extent times a scale, where that can be said.
fn scaled_dim(dim: &Dim, scale: f64) -> Dim {
    match dim.as_size() {
        Some(size) => Some(scaled(size, scale)).filter(|size| *size < 9.2e18).map_or(Dim::Unknown, |size| Dim::Int(size as i64)),
        // The product in f32 of these is exact for every extent below 2^24.
        None if scale == 1.0 => dim.clone(),
        None if scale.fract() == 0.0 && scale < 1e6 => dim * &Dim::Int(scale as i64),
        None if [0.5, 0.25, 0.125].contains(&scale) => dim.floor_div(&Dim::Int((1.0 / scale) as i64)),
        None => Dim::Unknown,
    }
}
