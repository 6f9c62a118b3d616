//! Pools over images.

use glassbox_exec::KernelError;
use glassbox_ir::ops::windows::Sliding;
use glassbox_ir::{AttrView, Graph, Node, ops};
use glassbox_kernels::conv::{self, block, global_average};
use glassbox_kernels::simd::Level;
use glassbox_tensor::{DType, Tensor};

use super::borders::{Borders, borders};
use super::{Built, Kernel};
use crate::facts::last_axes;
use crate::fragment::Fragment;
use crate::slots::Call;

struct Pool {
    x: usize,
    x_in_blocks: bool,
    result_in_blocks: bool,
    kind: Kind,
}

enum Kind {
    Max(Sliding, Vec<usize>),
    Average {
        sliding: Sliding,
        kernel: Vec<usize>,
        padded: bool,
    },
    /// The mean of all pixels.
    Mean,
}

/// Whether a node is a pool of f32 over the two axes of images.
pub(crate) fn is_pool(graph: &Graph, node: &Node) -> bool {
    let Some(ty) = node.operands.first().copied().flatten().and_then(|id| graph.value(id).ty.as_tensor()) else {
        return false;
    };
    let pool = [&ops::max_pool::OP, &ops::average_pool::OP].contains(&node.op);
    pool && ty.dtype == DType::F32 && ty.rank() == Some(4) && node.results.len() == 1
}

/// A pool, or the mean over the pixels of images whose channels are in blocks.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Borders { blocked, before, after } = borders(fragment);
    let Some(node) = fragment.nodes().nth(before) else { return Err(String::new()) };
    let Some(x) = node.operands.first().copied().flatten().map(|id| fragment.number(id)) else {
        return Err(String::new());
    };
    let input = blocked.get(&x).copied();
    let attr = AttrView::new(node.op, &node.attrs);
    let windows = || -> Result<(Sliding, Vec<usize>), String> {
        let sliding =
            Sliding::new(attr, 2).map_err(|violation| violation.to_string())?.with_ceil(attr.bool("ceil_mode"));
        let kernel = attr.ints("kernel_shape").unwrap_or_default();
        let kernel = kernel.iter().map(|size| usize::try_from(*size)).collect::<Result<_, _>>();
        Ok((sliding, kernel.map_err(|error| error.to_string())?))
    };
    let kind = if is_pool(fragment.graph(), node) {
        let (sliding, kernel) = windows()?;
        match *node.op == ops::max_pool::OP {
            true => Kind::Max(sliding, kernel),
            false => Kind::Average { sliding, kernel, padded: attr.bool("count_include_pad") },
        }
    } else if *node.op == ops::reduce_mean::OP && input.is_some() && after == 0 {
        let axes = node.operands.get(1).copied().flatten().and_then(|axes| fragment.content(fragment.number(axes)));
        if last_axes(node, 4, axes) != Some(2) {
            return Err("the mean isn't that of the pixels".to_owned());
        }
        Kind::Mean
    } else {
        return Err(String::new());
    };
    if fragment.nodes().len() != before + after + 1 {
        return Err("a pool stands alone".to_owned());
    }
    Ok(Box::new(Pool { x: input.unwrap_or(x), x_in_blocks: input.is_some(), result_in_blocks: after > 0, kind }))
}

impl Kernel for Pool {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let number = call.fragment.outputs()[0];
        let (sizes, level) = (&call.sizes.sizes[number], Level::best());
        let mut output = call.output(DType::F32, sizes)?;
        let x = call.inputs[self.x].contiguous()?;
        if output.floats().is_empty() {
            return Ok(vec![output.finish()?]);
        }
        let block = block(level);
        let unreadable = || KernelError::Internal("an image can't be read".to_owned());
        let given = x.as_slice::<f32>().ok_or_else(unreadable)?;
        // Channels that only fill the last block are pooled too, and are zero again or dropped.
        let (batch, channels, input) = match x.shape() {
            [batch, blocks, height, width, size] => (*batch, blocks * size, [*height, *width]),
            [batch, channels, height, width] => (*batch, *channels, [*height, *width]),
            _ => return Err(unreadable()),
        };
        let images = |pixels: [usize; 2]| [batch, channels, pixels[0] * pixels[1]];
        let in_blocks = |pixels: [usize; 2]| [batch * channels.next_multiple_of(block) * pixels[0] * pixels[1]];
        let mut reordered = None;
        if !self.x_in_blocks {
            let made = reordered.insert(call.output(DType::F32, &in_blocks(input))?);
            conv::to_blocks(block, images(input), given, made.floats());
        }
        let given = reordered.as_mut().map_or(given, |made| &*made.floats());
        let Some((sliding, kernel)) = self.windows() else {
            let mut means = call.output(DType::F32, &[batch * channels])?;
            global_average(level, images(input), given, means.floats());
            let kept = output.floats().len() / batch;
            for (out, means) in output.floats().chunks_exact_mut(kept).zip(means.floats().chunks_exact(channels)) {
                out.copy_from_slice(&means[..kept]);
            }
            return Ok(vec![output.finish()?]);
        };
        let pool = pool(sliding, kernel, batch, channels, input)?;
        let run = |out: &mut [f32]| match self.kind {
            Kind::Average { padded, .. } => pool.average(level, padded, given, out),
            _ => pool.max(level, given, out),
        };
        if self.result_in_blocks {
            run(output.floats());
        } else {
            let mut made = call.output(DType::F32, &in_blocks(pool.output))?;
            run(made.floats());
            let kept = sizes[1];
            conv::from_blocks(block, [batch, kept, pool.output[0] * pool.output[1]], made.floats(), output.floats());
        }
        Ok(vec![output.finish()?])
    }
}

impl Pool {
    fn windows(&self) -> Option<(&Sliding, &[usize])> {
        match &self.kind {
            Kind::Max(sliding, kernel) | Kind::Average { sliding, kernel, .. } => Some((sliding, kernel)),
            Kind::Mean => None,
        }
    }
}

fn pool(
    sliding: &Sliding,
    kernel: &[usize],
    batch: usize,
    channels: usize,
    input: [usize; 2],
) -> Result<conv::Pool, KernelError> {
    let axes = sliding.axes(&input, kernel)?;
    let mut pool = conv::Pool { batch, channels, input, ..conv::Pool::SINGLE };
    let count = |number: i64| usize::try_from(number).map_err(|_| KernelError::invalid("C2", "an entry is negative"));
    for (at, axis) in axes.iter().enumerate() {
        (pool.output[at], pool.kernel[at]) = (axis.windows, axis.kernel);
        (pool.stride[at], pool.dilation[at]) = (count(axis.stride)?, count(axis.dilation)?);
        (pool.pad_begin[at], pool.pad_end[at]) = (count(axis.front)?, count(axis.end)?);
    }
    Ok(pool)
}
