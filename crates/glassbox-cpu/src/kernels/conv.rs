//! Convolutions, with the normalisation, the residual and the activation after them.
//!
//! What is the same for a channel in every run (a normalisation by constants) is multiplied into the weights and the bias,
//! in f64. Inside, channels lie in blocks; the tensors that come and go have them one after the other.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use glassbox_exec::{Convolutions, KernelError};
use glassbox_ir::ops::windows::{Sliding, spatial_axes};
use glassbox_ir::{AttrView, Node, ops};
use glassbox_kernels::conv::{Activation, Convolution, Fused, Method, Options, PackedFilter, from_blocks, to_blocks};
use glassbox_tensor::{DType, Tensor, parallel_chunks};

use super::borders::{Borders, borders};
use super::epilogue::Finish;
use super::{Built, Kernel, are_of_one_size};
use crate::fragment::{Fragment, Sizes};
use crate::slots::Call;

struct Conv {
    /// The places of the convolution and what finishes it.
    nodes: Range<usize>,
    x: Image,
    /// Whether the result is wanted in blocks.
    result_in_blocks: bool,
    /// The weights, times what each channel is multiplied by.
    weights: PackedFilter,
    /// The sizes of the kernel, along the axes of images.
    kernel: Vec<usize>,
    sliding: Sliding,
    bias: Vec<f32>,
    residual: Option<Image>,
    activation: Activation,
    /// The nodes that are none of that.
    finish: Option<Finish>,
    /// The filters for the images that were met, by the sizes of these: batch, height and width.
    filters: Mutex<Vec<(Vec<usize>, Arc<PackedFilter>)>>,
}

/// A value that is read.
#[derive(Clone, Copy)]
struct Image {
    number: usize,
    /// Whether its channels are in blocks.
    blocks: bool,
}

/// For how many sizes of images filters are kept; they share the weights.
const MAX_FILTERS: usize = 16;
/// An image of so few channels is read as it is.
pub(crate) const MAX_PLAIN: usize = 4;
/// How many rows are finished at once.
const ROWS: usize = 64;

/// A `conv` of f32 over one or two spatial axes with weights that never change, and the elementwise nodes after it.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Borders { blocked, before, after } = borders(fragment);
    let Some(node) = fragment.nodes().nth(before).filter(|node| *node.op == ops::conv::OP) else {
        return Err(String::new());
    };
    let number = |place: usize| node.operands.get(place).copied().flatten().map(|id| fragment.number(id));
    let (Some(x), Some(w)) = (number(0), number(1)) else { return Err(String::new()) };
    if fragment.dtype(x) != Some(DType::F32) {
        return Err("convolutions are computed here in f32 only".to_owned());
    }
    let text = |error: glassbox_tensor::TensorError| error.to_string();
    let weights = fragment.content(w).ok_or("the weights aren't the same in every run")?;
    let axes = spatial_axes(weights.rank()).map_err(|violation| violation.to_string())?;
    if axes > 2 {
        return Err(format!("convolutions over {axes} axes aren't computed here"));
    }
    let weight_sizes = weights.shape().to_vec();
    let channels = weight_sizes[0];
    let bias = match number(2) {
        None => vec![0.0; channels],
        Some(bias) => fragment
            .content(bias)
            .ok_or("the bias isn't the same in every run")?
            .load::<f64>()
            .map_err(text)?
            .into_owned(),
    };
    let attr = AttrView::new(node.op, &node.attrs);
    let groups = usize::try_from(attr.int("group")).map_err(|error| error.to_string())?;
    let sliding = Sliding::new(attr, axes).map_err(|violation| violation.to_string())?;
    let mut ending = Ending {
        fragment,
        blocked: &blocked,
        channels,
        rank: weights.rank(),
        value: fragment.number(node.results[0]),
        scale: vec![1.0; channels],
        bias,
        residual: None,
        activation: Activation::None,
    };
    let mut taken = before + 1;
    for node in fragment.nodes().skip(before + 1).take(fragment.nodes().len() - before - after - 1) {
        if !ending.take(node) {
            break;
        }
        taken += 1;
    }
    let Ending { value, scale, bias, residual, activation, .. } = ending;
    let in_blocks = !blocked.is_empty() || after > 0;
    let finish = match in_blocks {
        true if taken + after < fragment.nodes().len() => {
            return Err("what finishes it isn't done in blocks".to_owned());
        }
        true => None,
        false => Finish::build(fragment, taken, value)?,
    };
    let source = |number: usize| match blocked.get(&number) {
        Some(input) => Image { number: *input, blocks: true },
        None => Image { number, blocks: false },
    };
    let (x, residual) = (source(x), residual.map(source));
    let plain_input = !x.blocks && groups == 1 && weight_sizes[1] <= MAX_PLAIN;
    let conv = without_images(&weight_sizes, groups, &sliding)?;
    let weights = weights.contiguous().map_err(text)?;
    let given = weights.as_slice::<f32>().ok_or("the weights can't be read")?;
    let method = match fragment.convolutions(node) {
        Convolutions::Direct => Method::Direct,
        Convolutions::Winograd => Method::Winograd,
    };
    let options = Options { plain_input, method, ..Options::default() };
    let weights = PackedFilter::pack_with(&conv, options, &scaled(given, &scale));
    Ok(Box::new(Conv {
        nodes: before..fragment.nodes().len() - after,
        x,
        result_in_blocks: after > 0,
        weights,
        kernel: weight_sizes[2..].to_vec(),
        sliding,
        bias: bias.iter().map(|bias| *bias as f32).collect(),
        residual,
        activation,
        finish,
        filters: Mutex::default(),
    }))
}

/// The convolution of weights of these sizes, for images of a single pixel without pads.
fn without_images(weight_sizes: &[usize], groups: usize, sliding: &Sliding) -> Result<Convolution, String> {
    // Strides and dilations are the same for all images that are large enough for a window.
    let kernel = &weight_sizes[2..];
    let large = vec![1 << 24; kernel.len()];
    let windows = sliding.axes(&large, kernel).map_err(|violation| violation.to_string())?;
    let (out_channels, in_channels) = (weight_sizes[0], weight_sizes[1] * groups);
    let mut conv = Convolution { in_channels, out_channels, groups, ..Convolution::POINTWISE };
    // One spatial axis is the width.
    for (place, axis) in windows.iter().enumerate() {
        let at = place + 2 - windows.len();
        conv.kernel[at] = axis.kernel;
        conv.stride[at] = usize::try_from(axis.stride).map_err(|error| error.to_string())?;
        conv.dilation[at] = usize::try_from(axis.dilation).map_err(|error| error.to_string())?;
    }
    let sound = groups > 0 && out_channels.is_multiple_of(groups) && kernel.iter().all(|size| *size > 0);
    if sound { Ok(conv) } else { Err("the sizes of the weights make no convolution".to_owned()) }
}

/// Weights, those of each channel times a number; rounded once.
fn scaled<'w>(weights: &'w [f32], scale: &[f64]) -> Cow<'w, [f32]> {
    if scale.iter().all(|scale| *scale == 1.0) || weights.is_empty() {
        return Cow::Borrowed(weights);
    }
    let per_channel = weights.len() / scale.len();
    let mut made = weights.to_vec();
    parallel_chunks(&mut made, per_channel, &|channel, row| {
        row.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * scale[channel]) as f32);
    });
    Cow::Owned(made)
}

/// What is done with a convolution, as far as it has been read.
struct Ending<'f> {
    fragment: &'f Fragment,
    /// The values of the fragment that are made of one from outside in blocks: that one.
    blocked: &'f HashMap<usize, usize>,
    channels: usize,
    rank: usize,
    /// The number of the value so far: the convolution times `scale` plus `bias`, plus the residual, activated.
    value: usize,
    scale: Vec<f64>,
    bias: Vec<f64>,
    residual: Option<usize>,
    activation: Activation,
}

impl Ending<'_> {
    /// Takes one node more; not, where it is something else.
    fn take(&mut self, node: &Node) -> bool {
        let numbers: Vec<usize> = node.operands.iter().flatten().map(|id| self.fragment.number(*id)).collect();
        let [a, b] = numbers[..] else { return false };
        let Some(result) = node.results.first().map(|id| self.fragment.number(*id)) else { return false };
        // x − y and x / y have x on the left; for the others the order doesn't matter.
        let other = match (a == self.value, b == self.value) {
            (true, false) => b,
            (false, true) if ["add", "mul", "max", "min"].contains(&node.op.name) => a,
            _ => return false,
        };
        let open = self.residual.is_none() && self.activation == Activation::None;
        let taken = match node.op.name {
            "add" | "sub" | "mul" | "div" if open && self.per_channel(other).is_some() => {
                let numbers = self.per_channel(other).unwrap_or_default();
                for ((scale, bias), number) in self.scale.iter_mut().zip(&mut self.bias).zip(numbers) {
                    match node.op.name {
                        "add" => *bias += number,
                        "sub" => *bias -= number,
                        "mul" => (*scale, *bias) = (*scale * number, *bias * number),
                        _ => (*scale, *bias) = (*scale / number, *bias / number),
                    }
                }
                true
            }
            "add" if open && self.is_like_result(other, result) => {
                self.residual = Some(other);
                true
            }
            "max" => match (self.fragment.scalar(other), self.activation) {
                (Some(0.0), Activation::None) => self.activate(Activation::Relu),
                (Some(low), Activation::None) if low.is_finite() => self.activate(Activation::Clip(low, f32::INFINITY)),
                _ => false,
            },
            "min" => match (self.fragment.scalar(other), self.activation) {
                (Some(high), Activation::Relu) if high >= 0.0 => self.activate(Activation::Clip(0.0, high)),
                (Some(high), Activation::Clip(low, f32::INFINITY)) if high >= low => {
                    self.activate(Activation::Clip(low, high))
                }
                _ => false,
            },
            _ => false,
        };
        if taken {
            self.value = result;
        }
        taken
    }

    fn activate(&mut self, activation: Activation) -> bool {
        self.activation = activation;
        true
    }

    /// One number for each channel, where a value is always the same and differs in nothing else.
    fn per_channel(&self, number: usize) -> Option<Vec<f64>> {
        let tensor = self.fragment.content(number).filter(|tensor| tensor.dtype() == DType::F32)?;
        let values = tensor.load::<f64>().ok()?;
        if values.len() == 1 && tensor.rank() <= self.rank {
            return Some(vec![values[0]; self.channels]);
        }
        let axis = tensor.rank().checked_sub(self.rank - 1)?;
        let others = tensor.shape().iter().enumerate().all(|(other, size)| other == axis || *size == 1);
        (tensor.rank() <= self.rank && others && tensor.shape().get(axis) == Some(&self.channels))
            .then(|| values.into_owned())
    }

    /// Whether a value from outside, plain or in blocks, has, as the graph says, the dims of the result.
    fn is_like_result(&self, number: usize, result: usize) -> bool {
        let outside = number < self.fragment.inputs().len() || self.blocked.contains_key(&number);
        outside && self.fragment.has_same_dims(number, result)
    }
}

impl Conv {
    /// The filter for images of these sizes: batch, height and width, or width alone.
    fn filter(&self, images: Vec<usize>) -> Result<Arc<PackedFilter>, KernelError> {
        let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = filters.iter().find(|(sizes, _)| *sizes == images) {
            return Ok(known.clone());
        }
        let mut conv = Convolution { batch: images[0], ..*self.weights.convolution() };
        let windows = self.sliding.axes(&images[1..], &self.kernel)?;
        for (place, axis) in windows.iter().enumerate() {
            let at = place + 2 - windows.len();
            let count =
                |number: i64| usize::try_from(number).map_err(|_| KernelError::invalid("C2", "an entry is negative"));
            conv.input[at] = axis.input;
            (conv.pad_begin[at], conv.pad_end[at]) = (count(axis.front)?, count(axis.end)?);
        }
        let made = Arc::new(self.weights.for_images(&conv));
        filters.insert(0, (images, made.clone()));
        filters.truncate(MAX_FILTERS);
        Ok(made)
    }
}

impl Kernel for Conv {
    fn takes(&self, fragment: &Fragment, sizes: &Sizes) -> bool {
        are_of_one_size(fragment, sizes, self.nodes.clone())
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let mut output = call.output(DType::F32, sizes)?;
        if output.floats().is_empty() {
            return Ok(vec![output.finish()?]);
        }
        let x = call.inputs[self.x.number].contiguous()?;
        let images = match (self.x.blocks, x.shape()) {
            (true, [batch, _, height, width, _]) => vec![*batch, *height, *width],
            (_, [batch, _, spatial @ ..]) => [&[*batch], spatial].concat(),
            _ => return Err(unreadable()),
        };
        let filter = self.filter(images)?;
        let conv = filter.convolution();
        let block = filter.block();
        let pixels = |[height, width]: [usize; 2]| height * width;
        let plain_input = !self.x.blocks && conv.groups == 1 && conv.in_channels <= MAX_PLAIN;
        let images = [conv.batch, conv.in_channels, pixels(conv.input)];
        let x = if self.x.blocks || plain_input { x } else { in_blocks(call, &x, block, images)? };
        let images = [conv.batch, conv.out_channels, pixels(conv.output())];
        let residual = match self.residual {
            None => None,
            Some(Image { number, blocks: true }) => Some(call.inputs[number].contiguous()?),
            Some(Image { number, blocks: false }) => {
                Some(in_blocks(call, &call.inputs[number].contiguous()?, block, images)?)
            }
        };
        let residual = residual.as_ref().map(floats).transpose()?;
        let fused = Fused { bias: Some(&self.bias), residual, activation: self.activation };
        let input = floats(&x)?;
        if self.result_in_blocks {
            filter.run_fused(input, output.floats(), &fused, None);
            return Ok(vec![output.finish()?]);
        }
        let mut made = call.output(DType::F32, &[conv.output_len(block)])?;
        filter.run_fused(input, made.floats(), &fused, None);
        from_blocks(block, images, made.floats(), output.floats());
        if let Some(finish) = &self.finish {
            let finishing = finish.begin(call, sizes, true)?;
            let columns = sizes.last().copied().unwrap_or(1);
            finishing.with(|epilogue| {
                parallel_chunks(output.floats(), columns * ROWS, &|index, rows| {
                    epilogue.apply_block(index * ROWS, 0, rows.len() / columns, columns, rows, columns);
                });
            })?;
        }
        Ok(vec![output.finish()?])
    }
}

fn unreadable() -> KernelError {
    KernelError::Internal("an image can't be read".to_owned())
}

fn floats(image: &Tensor) -> Result<&[f32], KernelError> {
    image.as_slice::<f32>().ok_or_else(unreadable)
}

/// A plain image with its channels in blocks.
fn in_blocks(call: &Call, plain: &Tensor, block: usize, images: [usize; 3]) -> Result<Tensor, KernelError> {
    let [count, channels, pixels] = images;
    let mut made = call.output(DType::F32, &[count * channels.next_multiple_of(block) * pixels])?;
    to_blocks(block, images, floats(plain)?, made.floats());
    made.finish()
}
