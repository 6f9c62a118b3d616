//! The channels of an image, in the order in which a model takes them.

use std::str::FromStr;

use anyhow::{Error, bail};
use image::DynamicImage;

/// What the channels of an input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    Rgb,
    Bgr,
    Rgba,
    Bgra,
}

/// The names, as `--image-color` takes them.
const NAMES: &[(&str, Colour)] = &[
    ("GREY", Colour::Grey),
    ("GRAY", Colour::Grey),
    ("RGB", Colour::Rgb),
    ("BGR", Colour::Bgr),
    ("RGBA", Colour::Rgba),
    ("BGRA", Colour::Bgra),
];

impl FromStr for Colour {
    type Err = Error;

    fn from_str(text: &str) -> Result<Colour, Error> {
        match NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            Some((_, colour)) => Ok(*colour),
            None => bail!("--image-color {text}: it is GREY, RGB, BGR, RGBA or BGRA"),
        }
    }
}

/// The parts of red, green and blue in a grey, by Rec. 601: what PIL and OpenCV make of colours.
const PARTS: [f64; 3] = [0.299, 0.587, 0.114];
/// The same over 2¹⁶, as PIL counts them.
const PARTS_OF_BYTES: [u32; 3] = [19_595, 38_470, 7_471];

impl Colour {
    /// What an input of so many channels takes where nothing else is said.
    pub(super) fn usual(channels: usize) -> Option<Colour> {
        match channels {
            1 => Some(Colour::Grey),
            3 => Some(Colour::Rgb),
            4 => Some(Colour::Rgba),
            _ => None,
        }
    }

    /// How many channels there are.
    pub(super) fn channels(self) -> usize {
        match self {
            Colour::Grey => 1,
            Colour::Rgb | Colour::Bgr => 3,
            Colour::Rgba | Colour::Bgra => 4,
        }
    }

    /// What an image loses on its way to these channels, in words.
    pub(super) fn loses(self, picture: &DynamicImage) -> Option<String> {
        let color = picture.color();
        let transparent = || color.has_alpha() && picture.to_rgba16().pixels().any(|pixel| pixel.0[3] < u16::MAX);
        if self.channels() < 4 && transparent() {
            return Some("has transparent pixels, which are taken as if they were opaque".to_owned());
        }
        let words = "has colours, of which the input takes the grey (0.299 R + 0.587 G + 0.114 B)";
        (self == Colour::Grey && color.has_color()).then(|| words.to_owned())
    }

    /// The pixels, row by row, with 8 bits for each channel.
    pub(super) fn bytes(self, picture: &DynamicImage) -> Vec<u8> {
        if self == Colour::Grey && !picture.color().has_color() {
            return picture.to_luma8().into_raw();
        }
        let pixels = picture.to_rgba8();
        let grey = |[red, green, blue, _]: [u8; 4]| {
            let parts = [red, green, blue].into_iter().zip(PARTS_OF_BYTES);
            let sum: u32 = parts.map(|(value, part)| u32::from(value) * part).sum();
            ((sum + (1 << 15)) >> 16) as u8
        };
        pixels.pixels().flat_map(|pixel| self.of(pixel.0, grey)).collect()
    }

    /// The pixels, row by row, each channel from 0 to 1, with all the bits that the image has.
    pub(super) fn shares(self, picture: &DynamicImage) -> Vec<f64> {
        let deep = matches!(picture, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_));
        let grey = |[red, green, blue, _]: [f64; 4]| match red == green && green == blue {
            true => red,
            false => [red, green, blue].into_iter().zip(PARTS).map(|(value, part)| value * part).sum(),
        };
        if deep {
            let pixels = picture.to_rgba32f();
            return pixels.pixels().flat_map(|pixel| self.of(pixel.0.map(f64::from), grey)).collect();
        }
        let pixels = picture.to_rgba16();
        let share = |value: u16| f64::from(value) / f64::from(u16::MAX);
        pixels.pixels().flat_map(|pixel| self.of(pixel.0.map(share), grey)).collect()
    }

    /// The channels of one pixel.
    fn of<T: Copy>(self, pixel: [T; 4], grey: impl Fn([T; 4]) -> T) -> Vec<T> {
        let [red, green, blue, alpha] = pixel;
        match self {
            Colour::Grey => vec![grey(pixel)],
            Colour::Rgb => vec![red, green, blue],
            Colour::Bgr => vec![blue, green, red],
            Colour::Rgba => vec![red, green, blue, alpha],
            Colour::Bgra => vec![blue, green, red, alpha],
        }
    }
}
