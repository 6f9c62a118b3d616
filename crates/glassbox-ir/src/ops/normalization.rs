//! What the normalisations share: mean and deviation, parameters of a channel, the dtype of the first
//! stage.

use super::common::*;

/// The dtype in which the first stage is computed.
pub(super) const STASH_TYPE: AttrSpec = AttrSpec::dtype("stash_type", DType::F32);
/// What keeps the square root away from 0. ONNX's default is the f32 nearest to 1e-5.
pub(super) const EPSILON: AttrSpec = AttrSpec::float("epsilon", 1e-5f32 as f64);
/// The constraint on `stash_type`.
pub(super) const STASH_FLOAT: &str = "stash_type is a float dtype";

/// The dtype of the first stage.
pub(super) fn stash_type(infer: &Infer, rule: &'static str) -> Result<DType, Violation> {
    let dtype = infer.attr.dtype("stash_type").unwrap_or(DType::F32);
    if dtype.is_float() { Ok(dtype) } else { Err(Violation::new(rule, format!("stash_type is {dtype}"))) }
}

/// An operand that broadcasts to x, which keeps its shape.
pub(super) fn check_broadcasts(infer: &Infer, index: usize, rule: &'static str) -> Result<(), Violation> {
    let (Some(x), Some(other)) = (infer.dims(0), infer.dims(index)) else { return Ok(()) };
    let fits = broadcast_dims(rule, x, other)?;
    if Type::tensor(DType::F32, x.to_vec()).admits(&Type::tensor(DType::F32, fits)) {
        return Ok(());
    }
    let message =
        format!("operand {}, {}, doesn't broadcast to {}", infer.name_of(index), infer.ty(index)?, infer.ty(0)?);
    Err(Violation::new(rule, message))
}

/// The operands in these places are vectors with an element for each channel of x.
pub(super) fn check_channels(infer: &Infer, indices: &[usize], rule: &'static str) -> Result<(), Violation> {
    let channels = match infer.dims(0) {
        Some([_, channels, ..]) => channels.clone(),
        Some(_) => Dim::Int(1),
        None => Dim::Unknown,
    };
    for index in indices {
        let wanted = Type::tensor(infer.dtype(*index)?, [channels.clone()]);
        if !wanted.admits(infer.ty(*index)?) {
            let message =
                format!("operand {} is {}, for {channels} channels", infer.name_of(*index), infer.ty(*index)?);
            return Err(Violation::new(rule, message));
        }
    }
    Ok(())
}

/// The dims of an operand that must have at least this rank.
pub(super) fn check_rank(infer: &Infer, least: usize, rule: &'static str) -> Result<(), Violation> {
    match infer.rank(0) {
        Some(rank) if rank < least => {
            Err(Violation::new(rule, format!("x is {}, not of rank {least} or more", infer.ty(0)?)))
        }
        _ => Ok(()),
    }
}

/// A vector of channels, as it broadcasts against a tensor of this rank.
pub(super) fn per_channel<'b>(vector: Expr<'b>, rank: usize) -> Expr<'b> {
    let after: Vec<i64> = (1..rank as i64 - 1).collect();
    if after.is_empty() { vector } else { vector.unsqueeze(&after) }
}

/// The mean, the distances from it, and the mean of their squares, over `axes`, which keep an extent of 1.
pub(super) fn moments<'b>(x: Expr<'b>, axes: &[i64]) -> (Expr<'b>, Expr<'b>, Expr<'b>) {
    let mean = x.mean(axes, true);
    let distances = x - mean;
    (mean, distances, (distances * distances).mean(axes, true))
}
