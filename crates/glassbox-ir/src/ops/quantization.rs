//! What quantising and dequantising share: which scale and zero point belong to which element.

use super::common::*;

/// The dtypes that quantised elements may have.
pub(super) const QUANTISED: &[DType] = &[
    DType::I8,
    DType::U8,
    DType::I16,
    DType::U16,
    DType::I32,
    DType::I4,
    DType::U4,
    DType::I2,
    DType::U2,
    DType::F8E4M3FN,
    DType::F8E4M3FNUZ,
    DType::F8E5M2,
    DType::F8E5M2FNUZ,
    DType::F4E2M1,
];
/// The constraints that [`check`] checks.
pub(super) const SCALES: [(&str, &str); 3] = [
    (
        "C1",
        "the scale has one element, or is a vector with one for each index of `axis`, or with block_size has the dims \
            of x but for `axis`, where it has one for each block",
    ),
    ("C2", "the zero point has the scale's dims"),
    ("C3", "axis is in [-r, r) where it says something, and block_size is at least 0"),
];

/// How scales are spread over the elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// One for all.
    Tensor,
    /// One for each index of an axis.
    Axis {
        /// The axis.
        axis: usize,
    },
    /// One for each run of `size` elements along an axis.
    Blocks {
        /// The axis.
        axis: usize,
        /// How many elements share a scale.
        size: usize,
    },
}

/// How scales of these dims are spread over x. Where the dims don't say enough, `None`.
///
/// # Errors
///
/// Where the scales fit no way of quantising x.
pub fn granularity(
    x: Option<&[Dim]>,
    scale: Option<&[Dim]>,
    axis: i64,
    block_size: i64,
) -> Result<Option<Granularity>, Violation> {
    let blocks =
        usize::try_from(block_size).map_err(|_| Violation::new("C3", format!("block_size is {block_size}")))?;
    let Some(scale) = scale else { return Ok(None) };
    if scale.is_empty() || (scale.len() == 1 && scale[0] == Dim::Int(1)) {
        return Ok(Some(Granularity::Tensor));
    }
    let Some(x) = x else { return Ok(None) };
    // A vector has only one axis, whatever is said.
    let axis = if x.len() == 1 { 0 } else { normalise_axis("C3", axis, x.len())? };
    let wrong = || {
        let (x, scale) = (Shape::Ranked(x.to_vec()), Shape::Ranked(scale.to_vec()));
        Violation::new("C1", format!("a scale {scale} doesn't fit {x} with axis {axis} and block_size {block_size}"))
    };
    if blocks == 0 {
        if scale.len() != 1 || scale[0].same(&x[axis]) == Some(false) {
            return Err(wrong());
        }
        return Ok(Some(Granularity::Axis { axis }));
    }
    let wanted =
        |(index, dim): (usize, &Dim)| if index == axis { dim.ceil_div(&Dim::from(blocks)) } else { dim.clone() };
    let wanted: Vec<Dim> = x.iter().enumerate().map(wanted).collect();
    if scale.len() != x.len() || scale.iter().zip(&wanted).any(|(a, b)| a.same(b) == Some(false)) {
        return Err(wrong());
    }
    Ok(Some(Granularity::Blocks { axis, size: blocks }))
}

/// The scale and the zero point fit x.
pub(super) fn check(infer: &Infer) -> Result<(), Violation> {
    granularity(infer.dims(0), infer.dims(1), infer.attr.int("axis"), infer.attr.int("block_size"))?;
    if let (Some(scale), Some(zero)) = (infer.dims(1), infer.dims(2)) {
        let differ = scale.len() != zero.len() || scale.iter().zip(zero).any(|(a, b)| a.same(b) == Some(false));
        // One element is one element, whether as a scalar or as a vector.
        let one = |dims: &[Dim]| dims.is_empty() || (dims.len() == 1 && dims[0] == Dim::Int(1));
        if differ && !(one(scale) && one(zero)) {
            let (scale, zero) = (infer.tensor(1)?, infer.tensor(2)?);
            return Err(Violation::new("C2", format!("the scale is {scale}, the zero point {zero}")));
        }
    }
    Ok(())
}

/// A scale or zero point that is one number for each row of a matrix, as a column.
pub(super) fn column<'a>(matrix: Expr<'a>, given: Expr<'a>) -> Expr<'a> {
    let by_row = given.rank() == Some(1) && matrix.rank().is_some_and(|rank| rank > 1);
    if by_row { given.unsqueeze(&[1]) } else { given }
}
