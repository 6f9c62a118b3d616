//! Image files: from bytes to pixels.
//!
//! In: the bytes of a BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file. Out: 8-bit red, green and blue of
//! each pixel, row after row; transparency is dropped, grey becomes three equal channels. What no decoder
//! understands gives no pixels, as ONNX has it.

use glassbox_exec::{KernelError, Pixels};

use crate::jpeg;

/// The pixels of an image file; none if it can't be decoded.
pub(crate) fn decode(bytes: &[u8]) -> Result<Pixels, KernelError> {
    let nothing = Pixels { height: 0, width: 0, rgb: Vec::new() };
    if bytes.starts_with(b"\xff\xd8") {
        match jpeg::decode(bytes) {
            Ok(pixels) => return Ok(pixels),
            Err(jpeg::Failure::Malformed) => return Ok(nothing),
            Err(jpeg::Failure::Unsupported) => {}
        }
    }
    Ok(decode_other(bytes)?.unwrap_or(nothing))
}

/// A file that the JPEG decoder of this crate doesn't read.
fn decode_other(bytes: &[u8]) -> Result<Option<Pixels>, KernelError> {
    const JPEG_2000: [&[u8]; 2] = [b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"];
    if JPEG_2000.iter().any(|magic| bytes.starts_with(magic)) {
        return Ok(jpeg_2000(bytes));
    }
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format();
    let Ok(reader) = reader else { return Ok(None) };
    match reader.decode() {
        Ok(image) => {
            let image = image.into_rgb8();
            let (height, width) = (image.height() as usize, image.width() as usize);
            Ok(Some(Pixels { height, width, rgb: image.into_raw() }))
        }
        Err(image::ImageError::Limits(limit)) => Err(KernelError::Unsupported(format!("an image so large: {limit}"))),
        Err(_) => Ok(None),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A JPEG file and the pixels that Pillow gives for it.
    macro_rules! pair {
        ($name:literal) => {
            (
                $name,
                &include_bytes!(concat!("../tests/data/", $name, ".jpg"))[..],
                &include_bytes!(concat!("../tests/data/", $name, ".rgb"))[..],
            )
        };
    }

    #[test]
    fn jpeg_files_have_the_pixels_that_pillow_gives() {
        let pairs = [
            pair!("subsampled"),
            pair!("progressive"),
            pair!("restarts"),
            pair!("half_wide"),
            pair!("grey"),
            pair!("full"),
        ];
        for (name, file, expected) in pairs {
            let Pixels { height, width, rgb } = decode(file).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((height, width), (21, 37), "{name}");
            let differ = rgb.iter().zip(expected).filter(|(a, b)| a != b).count();
            assert_eq!((rgb.len(), differ), (expected.len(), 0), "{name}");
        }
    }

    #[test]
    fn what_is_no_image_has_no_pixels() {
        for bytes in [&b""[..], b"\xff\xd8", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\x4f\xff\x51\0"] {
            let Pixels { height, width, rgb } = decode(bytes).expect("no error");
            assert_eq!((height, width, rgb.len()), (0, 0, 0), "{bytes:?}");
        }
    }
}
