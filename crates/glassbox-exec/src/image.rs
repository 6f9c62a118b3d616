//! Reading pictures, for graphs with an `image_decoder`. The formats are registered in [`Options`](crate::Options), so
//! that a program that needs none isn't built with them.

use std::fmt;
use std::sync::Arc;

use crate::error::KernelError;

/// The picture in a file: 8 bits for each of red, green and blue, row after row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// `height × width × 3` numbers.
    pub rgb: Vec<u8>,
}

/// Reads pictures.
///
/// ```
/// use glassbox_exec::{DecodeImage, ImageDecoder, KernelError, Options, Pixels};
///
/// /// One grey pixel for each byte.
/// struct Grey;
///
/// impl DecodeImage for Grey {
///     fn decode(&self, bytes: &[u8]) -> Result<Pixels, KernelError> {
///         let rgb = bytes.iter().flat_map(|grey| [*grey; 3]).collect();
///         Ok(Pixels { height: 1, width: bytes.len(), rgb })
///     }
/// }
///
/// let options = Options { images: Some(ImageDecoder::new(Grey)), ..Options::default() };
/// assert_eq!(options.images.unwrap().decode(&[7])?.rgb, [7, 7, 7]);
/// # Ok::<(), KernelError>(())
/// ```
pub trait DecodeImage: Send + Sync {
    /// The picture that the bytes of a file hold.
    ///
    /// # Errors
    ///
    /// Where the bytes are no picture, or one in a format that isn't known.
    fn decode(&self, bytes: &[u8]) -> Result<Pixels, KernelError>;
}

/// What is registered to read pictures. Clones share it.
#[derive(Clone)]
pub struct ImageDecoder(Arc<dyn DecodeImage>);

impl ImageDecoder {
    /// Registers `decoder`.
    pub fn new(decoder: impl DecodeImage + 'static) -> ImageDecoder {
        ImageDecoder(Arc::new(decoder))
    }

    /// The picture that the bytes of a file hold.
    ///
    /// # Errors
    ///
    /// Where the bytes are no picture, or one in a format that isn't known.
    pub fn decode(&self, bytes: &[u8]) -> Result<Pixels, KernelError> {
        self.0.decode(bytes)
    }
}

impl fmt::Debug for ImageDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImageDecoder")
    }
}
