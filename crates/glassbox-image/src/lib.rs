//! Image files for graphs with an `image_decoder`: BMP, JPEG, JPEG 2000, PNG, PNM, TIFF, WebP and GIF.
//!
//! JPEG is decoded here, to the pixels that Pillow gives; other formats by well-kept crates. Register [`ImageFiles`]
//! in the options of a run:
//!
//! ```
//! use glassbox_exec::{ImageDecoder, Options};
//! let options = Options { images: Some(ImageDecoder::new(glassbox_image::ImageFiles)), ..Options::default() };
//! assert!(options.images.is_some());
//! ```

mod file;
mod jpeg;

use glassbox_exec::{DecodeImage, KernelError, Pixels};

/// Reads every format of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImageFiles;

impl DecodeImage for ImageFiles {
    fn decode(&self, bytes: &[u8]) -> Result<Pixels, KernelError> {
        file::decode(bytes)
    }
}
