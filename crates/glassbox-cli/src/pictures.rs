//! Images as inputs.
//!
//! In: a file, the input's type, and what the arguments say of layout, colours and numbers. Out: a tensor of that type. Nothing
//! is guessed: where the dims leave two readings, it is refused with the arguments that decide; what an image loses on its way
//! (size, colours, transparency, depth) is told in a note.

mod colour;
mod layout;

use std::path::Path;

use anyhow::{Context, Result, bail};
use glassbox_ir::TensorType;
use glassbox_tensor::{DType, Overflow, Tensor};
use image::DynamicImage;
use image::imageops::FilterType;

use crate::args::Given;
use colour::Colour;
use layout::Layout;

/// The image in `path` as the input that is declared `wanted`. Where the input has another size, the
/// image is resized, and a note says so.
pub(crate) fn read(path: &Path, wanted: &TensorType, arguments: &Given, quiet: bool) -> Result<Tensor> {
    let refused = || format!("{}: an image can't be the input {wanted}", path.display());
    let colour = arguments.image_color.as_deref().map(str::parse::<Colour>).transpose()?;
    let layout = Layout::of(wanted, arguments.image_layout.as_deref(), colour).with_context(refused)?;
    let mut picture = image::open(path).with_context(|| format!("{}: the image can't be read", path.display()))?;
    let (have_height, have_width) = (picture.height() as usize, picture.width() as usize);
    let (height, width) = (layout.height.unwrap_or(have_height), layout.width.unwrap_or(have_width));
    let mut notes = Vec::new();
    if (height, width) != (have_height, have_width) {
        let (height, width) = (u32::try_from(height)?, u32::try_from(width)?);
        picture = picture.resize_exact(width, height, FilterType::Triangle);
        notes.push(format!("is {have_width}×{have_height}, resized to {width}×{height}"));
    }
    notes.extend(layout.colour.loses(&picture));
    let numbers = Numbers::of(arguments, wanted.dtype, layout.colour).with_context(refused)?;
    let pixels = match &numbers {
        None => {
            if is_deep(&picture) {
                notes.push("has more than 8 bits for each channel, of which the input takes the upper 8".to_owned());
            }
            let bytes = layout.colour.bytes(&picture);
            Tensor::from_vec(&[height, width, layout.colour.channels()], bytes)?
        }
        Some(numbers) => {
            numbers.of_pixels(&picture, layout.colour, [height, width], wanted.dtype).with_context(refused)?
        }
    };
    if !quiet {
        notes.iter().for_each(|words| note!("note: {} {words}", path.display()));
    }
    layout.arranged(&pixels)
}

/// Whether an image has more than 8 bits for each channel.
fn is_deep(picture: &DynamicImage) -> bool {
    let color = picture.color();
    color.bytes_per_pixel() > color.channel_count()
}

/// How the shares of a pixel, from 0 to 1, become numbers.
struct Numbers {
    low: f64,
    high: f64,
    /// One for each channel, in the order of the tensor.
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Numbers {
    /// What the arguments say. `None` for bytes as they are, which an input of bytes takes unless something is said.
    fn of(arguments: &Given, dtype: DType, colour: Colour) -> Result<Option<Numbers>> {
        let Given { image_range, image_mean, image_std, .. } = arguments;
        if !dtype.is_float() && !dtype.is_integer() {
            bail!("an image is of numbers");
        }
        let Some(range) = image_range else {
            if dtype != DType::U8 {
                bail!(
                    "the input is of {dtype}: say with --image-range what 0 and 255 become (0:1, -1:1 or 0:255), and perhaps \
                     --image-mean and --image-std"
                );
            }
            if image_mean.is_some() || image_std.is_some() {
                bail!("say with --image-range what 0 and 255 become before --image-mean and --image-std");
            }
            return Ok(None);
        };
        let (low, high) = range.split_once(':').context("--image-range is LOW:HIGH")?;
        let number = |text: &str| -> Result<f64> {
            let number: f64 = text.trim().parse().with_context(|| format!("--image-range {range}"))?;
            number.is_finite().then_some(number).with_context(|| format!("--image-range {range}"))
        };
        let (low, high) = (number(low)?, number(high)?);
        let channels = colour.channels();
        let mean = per_channel("--image-mean", image_mean.as_deref(), channels, 0.0)?;
        let std = per_channel("--image-std", image_std.as_deref(), channels, 1.0)?;
        if std.contains(&0.0) {
            bail!("--image-std is 0, by which nothing is divided");
        }
        Ok(Some(Numbers { low, high, mean, std }))
    }

    /// The pixels as a tensor [height, width, channels].
    fn of_pixels(&self, picture: &DynamicImage, colour: Colour, size: [usize; 2], dtype: DType) -> Result<Tensor> {
        let channels = colour.channels();
        // Bytes over 255 in f64: what a program computes that scales bytes.
        let shares = match is_deep(picture) {
            true => colour.shares(picture),
            false => colour.bytes(picture).into_iter().map(|byte| f64::from(byte) / 255.0).collect(),
        };
        let scaled = shares.iter().enumerate().map(|(index, share)| {
            let channel = index % channels;
            (share * (self.high - self.low) + self.low - self.mean[channel]) / self.std[channel]
        });
        let mut scaled: Vec<f64> = scaled.collect();
        if dtype.is_integer() {
            // 7/255·255 is 7, however it is rounded on the way.
            const NEAR: f64 = 1e-9;
            scaled.iter_mut().filter(|x| (**x - x.round()).abs() < NEAR).for_each(|x| *x = x.round());
        }
        let shape = [size[0], size[1], channels];
        let stored = Tensor::store(dtype, &shape, scaled.clone(), Overflow::Saturate)?;
        if dtype.is_integer()
            && let Some((wanted, _)) = scaled.iter().zip(stored.load::<f64>()?.iter()).find(|(one, other)| one != other)
        {
            bail!("a pixel becomes {wanted}, which {dtype} can't hold; say another --image-range");
        }
        Ok(stored)
    }
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
