//! `conv`: convolutions over any number of spatial axes.

use super::common::*;
use super::windows::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "conv",
    doc: "The convolution (cross-correlation) of x [batch, channels, spatial…] with the kernels w [maps, \
          channels / group, taps…], plus the bias b of each map. The channels and the maps are cut into `group` groups; \
          maps see the channels of their own group. On each spatial axis the taps stand `dilations` apart, windows \
          `strides`; x is extended by zeros, `pads` before and after, or with `auto_pad` by what gives \
          ceil(extent / stride) windows (SAME) or nothing (VALID). kernel_shape, if given, repeats w's. f32 and f64 \
          accumulate in f64, narrower floats in f32, in the order channel, tap; then the bias is added and the sum \
          rounded once. Integers wrap. A zero of the padding times an infinity is NaN.",
    inputs: &[
        Input::one("x", DTypes::Numeric).same('T'),
        Input::one("w", DTypes::Numeric).same('T'),
        Input::one("b", DTypes::Numeric).same('T').optional(),
    ],
    attrs: &[
        AUTO_PAD,
        DILATIONS,
        AttrSpec::int("group", 1),
        AttrSpec::optional("kernel_shape", AttrKind::Ints),
        PADS,
        STRIDES,
    ],
    constraints: &[SPATIAL, ENTRIES, ONE_PADDING, FITS, SAME_RANK, GROUPS, BIAS],
    example: "conv(f32[1, 1, 3] [1, 2, 3], f32[1, 1, 2] [1, 10]) -> f32[1, 1, 2] [21, 32]",
    infer: |infer| {
        let shape = shape(infer)?;
        check_bias(infer, 2, shape.dims().map_or(&Dim::Unknown, |dims| &dims[1]))?;
        Ok(vec![TensorType { dtype: infer.dtype(0)?, shape }.into()])
    },
    ..OpDef::BASE
};

/// The constraint on the ranks.
pub(super) const SAME_RANK: (&str, &str) =
    ("C5", "x and w have the same rank, and kernel_shape, if given, is that of w's spatial axes");
/// The constraint on the groups.
pub(super) const GROUPS: (&str, &str) = ("C6", "group is at least 1 and divides the maps, and x has group times w's channels");
/// The constraint on the bias.
pub(super) const BIAS: (&str, &str) = ("C7", "b is a vector with an element for each map");

/// The shape of a convolution of operand 0 with the kernels in operand 1.
pub(super) fn shape(infer: &Infer) -> Result<Shape, Violation> {
    let Some(Ranked { x, w, kernel }) = ranked(infer)? else { return Ok(Shape::Unranked) };
    let group = groups(infer)?;
    let maps = &w[0];
    if maps.modulo(&group).as_int().is_some_and(|rest| rest != 0) {
        return Err(Violation::new("C6", format!("{maps} maps can't be cut into {group} groups")));
    }
    if x[1].same(&(&w[1] * &group)) == Some(false) {
        let message = format!("x has {} channels, but w takes {} in each of {group} groups", x[1], w[1]);
        return Err(Violation::new("C6", message));
    }
    let sliding = Sliding::new(infer.attr, kernel.len())?;
    let mut dims = vec![x[0].clone(), maps.clone()];
    for (axis, (input, kernel)) in x[2..].iter().zip(&kernel).enumerate() {
        dims.push(sliding.windows(axis, input, kernel)?);
    }
    Ok(Shape::Ranked(dims))
}

/// The attribute `group`.
pub(super) fn groups(infer: &Infer) -> Result<Dim, Violation> {
    match infer.attr.int("group") {
        group @ 1.. => Ok(Dim::Int(group)),
        group => Err(Violation::new("C6", format!("group is {group}"))),
    }
}

/// The bias in operand `index` is a vector of `maps` elements.
pub(super) fn check_bias(infer: &Infer, index: usize, maps: &Dim) -> Result<(), Violation> {
    match infer.dims(index) {
        Some([count]) if count.same(maps) != Some(false) => Ok(()),
        None => Ok(()),
        Some(_) => Err(Violation::new("C7", format!("the bias is {}, for {maps} maps", infer.ty(index)?))),
    }
}

/// The dims of the operands of a convolution.
pub(super) struct Ranked {
    /// Of x.
    pub(super) x: Vec<Dim>,
    /// Of w.
    pub(super) w: Vec<Dim>,
    /// Of the kernel: the spatial ones of w, or where those aren't known, what the attribute says.
    pub(super) kernel: Vec<Dim>,
}

/// The dims of operands 0 and 1, where the rank of either, or the attribute `kernel_shape`, tells them.
pub(super) fn ranked(infer: &Infer) -> Result<Option<Ranked>, Violation> {
    let given = infer.attr.ints("kernel_shape");
    let rank = infer.rank(0).or(infer.rank(1)).or(given.map(|kernel| kernel.len() + 2));
    let Some(rank) = rank else { return Ok(None) };
    let axes = spatial_axes(rank)?;
    let dims = |index: usize| infer.dims(index).map_or_else(|| vec![Dim::Unknown; rank], <[Dim]>::to_vec);
    let (x, w) = (dims(0), dims(1));
    if x.len() != rank || w.len() != rank {
        return Err(Violation::new("C5", format!("x is {} and w is {}", infer.ty(0)?, infer.ty(1)?)));
    }
    let given = entries(infer.attr, "kernel_shape", axes, 1)?;
    let mut kernel = w[2..].to_vec();
    for (axis, (dim, given)) in kernel.iter_mut().zip(given.iter().flatten()).enumerate() {
        if dim.same(&Dim::Int(*given)) == Some(false) {
            return Err(Violation::new("C5", format!("on spatial axis {axis} w has {dim} taps, kernel_shape {given}")));
        }
        *dim = Dim::Int(*given);
    }
    match kernel.iter().find(|dim| dim.as_int().is_some_and(|taps| taps < 1)) {
        Some(_) => Err(Violation::new("C2", format!("the kernel of w, which is {}, has no taps", infer.ty(1)?))),
        None => Ok(Some(Ranked { x, w, kernel })),
    }
}
