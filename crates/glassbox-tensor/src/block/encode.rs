//! From f32 to the bytes of a block: `q8_0` and `q4_0`, to the bit as other software does it.

use half::f16;

use super::{BlockFormat, q4_k};

/// Why a block can't be made: the index within it of the number to blame.
pub(super) struct Unfit(pub(super) usize);

impl BlockFormat {
    /// Whether [`Tensor::quantize_blocks`](crate::Tensor::quantize_blocks) can write this format.
    pub const fn can_quantize(self) -> bool {
        matches!(self, BlockFormat::Q8_0 | BlockFormat::Q4_0 | BlockFormat::Q4K)
    }

    /// The bytes of one block, for a format that can be written.
    pub(super) fn encode(self, values: &[f32], block: &mut [u8]) -> Result<(), Unfit> {
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(Unfit(at));
        }
        match self {
            BlockFormat::Q8_0 => encode_q8_0(values, block),
            BlockFormat::Q4_0 => encode_q4_0(values, block),
            BlockFormat::Q4K => q4_k::encode(values, block),
            _ => Err(Unfit(0)),
        }
    }
}

/// The bytes of a scale as f16, which it must fit.
pub(super) fn scale_bytes(scale: f32) -> Result<[u8; 2], Unfit> {
    let scale = f16::from_f32(scale);
    if scale.is_finite() { Ok(scale.to_le_bytes()) } else { Err(Unfit(0)) }
}

/// One over a scale; 0 for none, and for one so small that f16 has 0 for it anyway.
fn inverse(scale: f32) -> f32 {
    let inverse = 1.0 / scale;
    if inverse.is_finite() { inverse } else { 0.0 }
}

/// The scale is the largest magnitude over 127; codes are rounded, halves away from zero.
fn encode_q8_0(values: &[f32], block: &mut [u8]) -> Result<(), Unfit> {
    let scale = values.iter().fold(0.0f32, |most, value| most.max(value.abs())) / 127.0;
    block[..2].copy_from_slice(&scale_bytes(scale)?);
    let inverse = inverse(scale);
    for (code, value) in block[2..].iter_mut().zip(values) {
        *code = ((value * inverse).round() as i8).cast_unsigned();
    }
    Ok(())
}

/// The scale is the number of the largest magnitude, the first of several, over -8: it gets the code 0.
fn encode_q4_0(values: &[f32], block: &mut [u8]) -> Result<(), Unfit> {
    let largest = values.iter().fold(values[0], |most, value| if value.abs() > most.abs() { *value } else { most });
    let scale = largest / -8.0;
    block[..2].copy_from_slice(&scale_bytes(scale)?);
    let inverse = inverse(scale);
    let code = |value: f32| ((value * inverse + 8.5) as u8).min(15);
    let (low, high) = values.split_at(16);
    for ((byte, low), high) in block[2..].iter_mut().zip(low).zip(high) {
        *byte = code(*low) | code(*high) << 4;
    }
    Ok(())
}
