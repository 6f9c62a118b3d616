//! Image files: from bytes to pixels.
//!
//! In: the bytes of a BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file. Out: 8-bit red, green and blue of
//! each pixel, row after row; transparency is dropped, grey becomes three equal channels. What no decoder
//! understands gives no pixels, as ONNX has it. Built without the feature `images`, decoding is refused.

use crate::error::KernelError;

/// The pixels of an image.
pub(super) struct Pixels {
    pub(super) height: usize,
    pub(super) width: usize,
    /// Red, green and blue of each pixel.
    pub(super) rgb: Vec<u8>,
}

impl Pixels {
    /// The pixels of an image file; none if it can't be decoded.
    pub(super) fn decode(bytes: &[u8]) -> Result<Pixels, KernelError> {
        Ok(decode(bytes)?.unwrap_or(Pixels { height: 0, width: 0, rgb: Vec::new() }))
    }
}

#[cfg(not(feature = "images"))]
fn decode(_: &[u8]) -> Result<Option<Pixels>, KernelError> {
    Err(KernelError::Unsupported("image files, because Glassbox was built without the feature `images`".to_owned()))
}

#[cfg(feature = "images")]
fn decode(bytes: &[u8]) -> Result<Option<Pixels>, KernelError> {
    const JPEG_2000: [&[u8]; 2] = [b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"];
    if JPEG_2000.iter().any(|magic| bytes.starts_with(magic)) {
        return Ok(jpeg_2000(bytes));
    }
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format();
    let decoded = reader.ok().and_then(|reader| reader.decode().ok());
    Ok(decoded.map(|image| {
        let image = image.into_rgb8();
        Pixels { height: image.height() as usize, width: image.width() as usize, rgb: image.into_raw() }
    }))
}

#[cfg(feature = "images")]
fn jpeg_2000(bytes: &[u8]) -> Option<Pixels> {
    use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

    let image = Image::new(bytes, &DecodeSettings::default()).ok()?;
    let (height, width) = (image.height() as usize, image.width() as usize);
    let mut context = DecoderContext::default();
    let samples = image.decode(&mut context).ok()?.data_u8();
    let channels = samples.len().checked_div(height.checked_mul(width)?)?;
    let rgb = match channels {
        1 | 2 => samples.chunks_exact(channels).flat_map(|pixel| [pixel[0]; 3]).collect(),
        3 | 4 if image.color_space().num_channels() == 3 => {
            samples.chunks_exact(channels).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
        }
        _ => return None,
    };
    Some(Pixels { height, width, rgb })
}
