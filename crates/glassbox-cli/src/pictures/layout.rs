//! Where batch, channels, height and width stand in an input that takes an image.

use anyhow::{Context, Result, bail};
use glassbox_ir::{Dim, TensorType};
use glassbox_tensor::Tensor;

use super::colour::Colour;

/// The layouts, each axis by its letter.
const LAYOUTS: &[&str] = &["NCHW", "NHWC", "CHW", "HWC", "NHW", "HW"];

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Layout {
    axes: &'static str,
    /// The height, where the input says it.
    pub(super) height: Option<usize>,
    /// The width, where the input says it.
    pub(super) width: Option<usize>,
    /// What the channels are.
    pub(super) colour: Colour,
}

impl Layout {
    /// The layout that is told, or the only one that the dims leave.
    pub(super) fn of(wanted: &TensorType, told: Option<&str>, colour: Option<Colour>) -> Result<Layout> {
        let dims = wanted.dims();
        let axes = match told {
            Some(told) => *LAYOUTS
                .iter()
                .find(|axes| axes.eq_ignore_ascii_case(told))
                .with_context(|| format!("--image-layout {told}: it is one of {}", LAYOUTS.join(", ")))?,
            None => only(dims, colour)?,
        };
        if let Some(dims) = dims.filter(|dims| dims.len() != axes.len()) {
            bail!("--image-layout {axes} has {} axes, and the input {}", axes.len(), dims.len());
        }
        let size = |letter: char| dims.and_then(|dims| dims[axes.find(letter)?].as_size());
        if let Some(count) = size('N').filter(|count| *count != 1) {
            bail!("it takes {count} images at a time; give them in one array (.npy)");
        }
        let channels = if axes.contains('C') { size('C') } else { Some(1) };
        let colour = match (colour, channels) {
            (Some(colour), Some(channels)) if colour.channels() != channels => {
                bail!("--image-color has {} channels, and the input {channels}", colour.channels())
            }
            (Some(colour), _) => colour,
            (None, Some(channels)) => Colour::usual(channels)
                .with_context(|| format!("an image has 1, 3 or 4 channels, and the input {channels}"))?,
            (None, None) => {
                bail!("its dims don't say how many channels it has; say --image-color GREY, RGB, BGR, RGBA or BGRA")
            }
        };
        Ok(Layout { axes, height: size('H'), width: size('W'), colour })
    }

    /// Pixels [height, width, channels] as the input has them.
    pub(super) fn arranged(&self, pixels: &Tensor) -> Result<Tensor> {
        let [height, width, channels] = *pixels.shape() else { bail!("pixels have three axes") };
        let first = self.axes.find('C').is_some_and(|channel| channel < self.axes.find('H').unwrap_or(0));
        let pixels = if first { pixels.permute(&[2, 0, 1])?.contiguous()? } else { pixels.clone() };
        let size = |letter: char| match letter {
            'C' => channels,
            'H' => height,
            'W' => width,
            _ => 1,
        };
        let shape: Vec<usize> = self.axes.chars().map(size).collect();
        Ok(pixels.reshape(&shape)?)
    }
}

/// The only layout that dims leave.
fn only(dims: Option<&[Dim]>, colour: Option<Colour>) -> Result<&'static str> {
    let Some(dims) = dims else { bail!("its rank isn't known; say --image-layout {}", LAYOUTS.join(", ")) };
    let [first, last] = match dims.len() {
        2 => return Ok("HW"),
        3 => ["CHW", "HWC"],
        4 => ["NCHW", "NHWC"],
        rank => bail!("an image has 2, 3 or 4 axes, and the input {rank}"),
    };
    let may_be = |axis: usize| {
        dims[axis].as_size().is_some_and(|size| match colour {
            Some(colour) => size == colour.channels(),
            None => Colour::usual(size).is_some(),
        })
    };
    match (may_be(dims.len() - 3), may_be(dims.len() - 1)) {
        (true, false) => Ok(first),
        (false, true) => Ok(last),
        _ => bail!(
            "the dims don't say which axis holds the channels (1, 3 or 4 of them); say --image-layout {first} or {last}"
        ),
    }
}
