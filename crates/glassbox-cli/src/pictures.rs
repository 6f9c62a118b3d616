//! Images as inputs.

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_ir::TensorType;
use glassbox_tensor::{DType, Overflow, Tensor};
use image::imageops::FilterType;

use crate::args::Given;

/// Where the axes of an image stand in a tensor of rank 3 or 4.
struct Layout {
    /// The height's axis; the width's is the next.
    height: usize,
    channel: usize,
    channels: usize,
}

/// The image in `path` as the input that is declared `wanted`. Where the input has another size, the
/// image is resized, and a note says so.
pub(crate) fn read(path: &Path, wanted: &TensorType, arguments: &Given, quiet: bool) -> Result<Tensor> {
    let layout = layout(wanted).with_context(|| format!("{}: an image can't be the input {wanted}", path.display()))?;
    let mut picture = image::open(path).with_context(|| format!("{}: the image can't be read", path.display()))?;
    let dims = wanted.dims().unwrap_or_default();
    let (height, width) = (dims[layout.height].as_size(), dims[layout.height + 1].as_size());
    let (have_height, have_width) = (picture.height() as usize, picture.width() as usize);
    let (height, width) = (height.unwrap_or(have_height), width.unwrap_or(have_width));
    if (height, width) != (have_height, have_width) {
        let (height, width) = (u32::try_from(height)?, u32::try_from(width)?);
        picture = picture.resize_exact(width, height, FilterType::Triangle);
        if !quiet {
            note!("note: {} is {have_width}×{have_height}, resized to {width}×{height}", path.display());
        }
    }
    let bytes = match layout.channels {
        1 => picture.to_luma8().into_raw(),
        3 => picture.to_rgb8().into_raw(),
        _ => picture.to_rgba8().into_raw(),
    };
    let pixels = Tensor::from_vec(&[height, width, layout.channels], bytes)?;
    let pixels = if wanted.dtype == DType::U8 { pixels } else { scale(&pixels, wanted.dtype, arguments)? };
    let pixels = if layout.channel < layout.height { pixels.permute(&[2, 0, 1])? } else { pixels };
    Ok(if dims.len() == 4 { pixels.expand_dims(0)? } else { pixels })
}

/// Where height, width and channels stand in an input, if the dims say it.
fn layout(wanted: &TensorType) -> Result<Layout> {
    let Some(dims) = wanted.dims() else { bail!("its rank isn't known") };
    if dims.len() != 3 && dims.len() != 4 {
        bail!("an image has rank 3 or 4");
    }
    let first = dims.len() - 3;
    let channels = |axis: usize| dims[axis].as_size().filter(|size| matches!(size, 1 | 3 | 4));
    match (channels(first), channels(first + 2)) {
        (Some(channels), None) => Ok(Layout { height: first + 1, channel: first, channels }),
        (None, Some(channels)) => Ok(Layout { height: first, channel: first + 2, channels }),
        _ => bail!("the dims don't say which axis holds the channels (1, 3 or 4 of them)"),
    }
}

/// Bytes as the floats that the arguments ask for.
fn scale(pixels: &Tensor, dtype: DType, arguments: &Given) -> Result<Tensor> {
    let Some(range) = &arguments.image_range else {
        bail!(
            "the input is of {dtype}: say with --image-range what 0 and 255 become (0:1, -1:1 or 0:255), and perhaps --image-mean and --image-std"
        );
    };
    let (low, high) = range.split_once(':').context("--image-range is LOW:HIGH")?;
    let (low, high): (f64, f64) = (low.parse().context("--image-range")?, high.parse().context("--image-range")?);
    let channels = pixels.shape()[2];
    let mean = per_channel("--image-mean", arguments.image_mean.as_deref(), channels, 0.0)?;
    let std = per_channel("--image-std", arguments.image_std.as_deref(), channels, 1.0)?;
    let bytes = pixels.load::<f64>()?;
    let scaled = bytes.iter().enumerate().map(|(index, byte)| {
        let channel = index % channels;
        (byte / 255.0 * (high - low) + low - mean[channel]) / std[channel]
    });
    Ok(Tensor::store(dtype, pixels.shape(), scaled.collect(), Overflow::Saturate)?)
}

fn per_channel(flag: &str, text: Option<&str>, channels: usize, default: f64) -> Result<Vec<f64>> {
    let Some(text) = text else { return Ok(vec![default; channels]) };
    let values: Vec<f64> =
        text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>().with_context(|| flag.to_owned())?;
    match values.len() {
        1 => Ok(vec![values[0]; channels]),
        count if count == channels => Ok(values),
        count => bail!("{flag} has {count} values for {channels} channels"),
    }
}
