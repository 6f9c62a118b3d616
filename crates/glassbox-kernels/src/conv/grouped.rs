//! Convolutions of any groups, channel by channel: where a group doesn't fill whole blocks, the lanes of a vector of output
//! channels read channels of different groups, which are gathered for every tap. The order of a sum is: channel of the
//! group, tap.

use glassbox_tensor::parallel_for;

use super::finish::Finish;
use super::output::Output;
use super::split;
use super::{Convolution, PackedFilter};
use crate::simd::{Kernel, MAX_LANES, Simd, run_at};

/// A lane that has no channel.
const NONE: usize = usize::MAX;

/// The length of packed weights.
pub(super) fn packed_len(conv: &Convolution, block: usize) -> usize {
    conv.out_channels.div_ceil(block) * block * conv.in_per_group() * conv.taps()
}

/// Packs weights as output block, channel of the group, tap, output channel.
pub(super) fn pack(conv: &Convolution, block: usize, weights: &[f32], packed: &mut [f32]) {
    let inner = conv.in_per_group() * conv.taps();
    for (output, row) in weights.chunks_exact(inner.max(1)).enumerate() {
        let start = output / block * inner * block + output % block;
        packed[start..].iter_mut().step_by(block).zip(row).for_each(|(to, weight)| *to = *weight);
    }
}

pub(super) fn run(filter: &PackedFilter, input: &[f32], output: &Output, finish: Finish) {
    let conv = &filter.conv;
    let (pixels, blocks) = (conv.pixels(), conv.out_channels.div_ceil(filter.block));
    let strips = split::tasks(16 * conv.products()).div_ceil((blocks * conv.batch).max(1)).clamp(1, pixels);
    let image_len = conv.in_channels.div_ceil(filter.block) * filter.block * conv.input_pixels();
    let inner = conv.in_per_group() * conv.taps() * filter.block;
    parallel_for(conv.batch * blocks * strips, &|task| {
        let (image, task) = (task / (blocks * strips), task % (blocks * strips));
        let (channel_block, strip) = (task / strips, task % strips);
        let (first, end) = (strip * pixels / strips, (strip + 1) * pixels / strips);
        let place = output.place(image, channel_block, first);
        let pixels = Pixels {
            conv,
            input: &input[image * image_len..][..image_len],
            weights: &filter.weights.numbers()[channel_block * inner..][..inner],
            output: output.at(place),
            place,
            channel_block,
            first,
            end,
            finish,
        };
        run_at(filter.level, pixels);
        // SAFETY: this task alone has these pixels, and they are stored.
        unsafe { output.finish(image, channel_block, first, end - first) };
    });
}

/// Pixels of a block of output channels.
struct Pixels<'a> {
    conv: &'a Convolution,
    /// The image.
    input: &'a [f32],
    weights: &'a [f32],
    /// Where the first pixel is written; the task has it for itself.
    output: *mut f32,
    place: usize,
    channel_block: usize,
    first: usize,
    end: usize,
    finish: Finish,
}

impl Kernel for Pixels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let conv = self.conv;
        let (width, plane) = (conv.output()[1], conv.input_pixels() * S::LANES);
        let bias = self.finish.bias(s, self.channel_block);
        // The first channel of the group of each lane.
        let mut channels = [NONE; MAX_LANES];
        for (lane, channel) in channels.iter_mut().enumerate().take(S::LANES) {
            let output = self.channel_block * S::LANES + lane;
            if output < conv.out_channels {
                *channel = output / conv.out_per_group() * conv.in_per_group();
            }
        }
        for pixel in self.first..self.end {
            let mut sum = s.zero();
            let mut weights = self.weights.chunks_exact(S::LANES);
            for inner in 0..conv.in_per_group() {
                let starts = channels.map(|channel| match channel {
                    NONE => NONE,
                    channel => (channel + inner) / S::LANES * plane + (channel + inner) % S::LANES,
                });
                for tap in 0..conv.taps() {
                    let Some(weight) = weights.next() else { return };
                    let line = conv.place(0, pixel / width, tap / conv.kernel[1]);
                    let column = conv.place(1, pixel % width, tap % conv.kernel[1]);
                    let mut gathered = [0.0; MAX_LANES];
                    if let (Some(line), Some(column)) = (line, column) {
                        let offset = (line * conv.input[1] + column) * S::LANES;
                        for (x, start) in gathered.iter_mut().zip(starts) {
                            *x = if start == NONE { 0.0 } else { self.input[start + offset] };
                        }
                    }
                    sum = s.fma(s.load(&gathered), s.load(weight), sum);
                }
            }
            let offset = (pixel - self.first) * S::LANES;
            // SAFETY: the output has this pixel, and it is the task's own.
            unsafe { self.finish.store(s, [sum], bias, self.output.add(offset), self.place + offset) };
        }
    }
}
