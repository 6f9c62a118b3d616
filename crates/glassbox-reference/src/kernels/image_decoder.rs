//! `image_decoder`.

use glassbox_exec::checks::NO_IMAGES;
use glassbox_exec::{KernelError, Pixels};
use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let bytes = call.tensor(0)?.to_bytes()?;
    let format = call.attr.str("pixel_format");
    let Some(images) = call.images else {
        return Err(KernelError::Unsupported(NO_IMAGES.to_owned()));
    };
    let Pixels { height, width, rgb } = images.decode(&bytes)?;
    let pixels = rgb.chunks_exact(3);
    let (channels, data) = match format {
        "Grayscale" => (1, pixels.map(luma).collect()),
        "BGR" => (3, pixels.flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect()),
        _ => (3, rgb),
    };
    one(Tensor::from_vec(&[height, width, channels], data)?)
}

/// The brightness, by the weights of ITU-R 601 in 16 bits.
fn luma(pixel: &[u8]) -> u8 {
    let weights = [19_595u32, 38_470, 7_471];
    let sum: u32 = pixel.iter().zip(weights).map(|(value, weight)| u32::from(*value) * weight).sum();
    ((sum + (1 << 15)) >> 16) as u8
}
