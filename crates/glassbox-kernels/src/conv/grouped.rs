//! Convolutions whose groups don't fill whole blocks of channels.
//!
//! The lanes of a vector of output channels read channels of different groups. Where the channels that a block of the
//! output reads lie in one block of the input, vectors of that are permuted, once for each channel of a group; otherwise
//! the lanes are gathered one by one. The order of a sum is: tap, channel of the group; in parts where they
//! are many.

use glassbox_tensor::parallel_for;

use super::blocked::fill_offsets;
use super::finish::Finish;
use super::output::Output;
use super::scratch::with_offsets;
use super::split;
use super::tiles::OUTSIDE;
use super::{Convolution, PackedFilter, steps_of_part};
use crate::simd::{Kernel, Level, MAX_LANES, Simd, run_at};

/// Pixels of a strip: their table of offsets stays in the first cache for common kernels.
const MAX_STRIP: usize = 256;

/// A lane that has no channel.
const NONE: usize = usize::MAX;

/// The length of packed weights.
pub(super) fn packed_len(conv: &Convolution, block: usize) -> usize {
    conv.out_channels.div_ceil(block) * block * conv.in_per_group() * conv.taps()
}

/// Packs weights as output block, tap, channel of the group, output channel.
pub(super) fn pack(conv: &Convolution, block: usize, weights: &[f32], packed: &mut [f32]) {
    let (taps, inner) = (conv.taps(), conv.in_per_group());
    for (output, row) in weights.chunks_exact((taps * inner).max(1)).enumerate() {
        let start = output / block * inner * taps * block + output % block;
        for (index, weight) in row.iter().enumerate() {
            packed[start + (index % taps * inner + index / taps) * block] = *weight;
        }
    }
}

/// Whether the input channels of each block of output channels lie in one block: groups of the output divide a block, and
/// those of the input divide these.
fn permutes(conv: &Convolution, block: usize) -> bool {
    block.is_multiple_of(conv.out_per_group()) && conv.out_per_group().is_multiple_of(conv.in_per_group())
}

pub(super) fn run(filter: &PackedFilter, input: &[f32], output: &Output, finish: Finish) {
    let (conv, block) = (&filter.conv, filter.block);
    let (pixels, blocks) = (conv.pixels(), conv.out_channels.div_ceil(block));
    let strips = split::tasks(4 * conv.products()).div_ceil((blocks * conv.batch).max(1));
    let strips = strips.max(pixels.div_ceil(MAX_STRIP)).clamp(1, pixels);
    let plane = conv.input_pixels() * block;
    let image_len = conv.in_channels.div_ceil(block) * plane;
    let inner = conv.in_per_group() * conv.taps() * block;
    parallel_for(conv.batch * blocks * strips, &|task| {
        let (image, task) = (task / (blocks * strips), task % (blocks * strips));
        let (channel_block, strip) = (task / strips, task % strips);
        let (first, end) = (strip * pixels / strips, (strip + 1) * pixels / strips);
        let place = output.place(image, channel_block, first);
        with_offsets(conv.taps() * (end - first), |offsets| {
            fill_offsets(conv, block, first, end - first, offsets);
            let pixels = Pixels {
                conv,
                input: &input[image * image_len..][..image_len],
                plane,
                offsets,
                weights: &filter.weights.numbers()[channel_block * inner..][..inner],
                output: output.at(place),
                place,
                channel_block,
                count: end - first,
                finish,
            };
            match permutes(conv, block) {
                true => run_at(filter.level, Permuted(pixels)),
                false => run_at(filter.level, Gathered(pixels)),
            }
        });
        // SAFETY: this task alone has these pixels, and they are stored.
        unsafe { output.finish(image, channel_block, first, end - first) };
    });
}

/// Pixels of a block of output channels.
struct Pixels<'a> {
    conv: &'a Convolution,
    /// The image.
    input: &'a [f32],
    /// From one block of input channels to the next.
    plane: usize,
    /// For each tap, where in a plane it lies for each pixel; negative where it is outside.
    offsets: &'a [isize],
    weights: &'a [f32],
    /// Where the first pixel is written; the task has it for itself.
    output: *mut f32,
    place: usize,
    channel_block: usize,
    count: usize,
    finish: Finish,
}

impl Pixels<'_> {
    /// The taps of a part of a sum.
    #[inline(always)]
    fn part(&self) -> usize {
        steps_of_part(self.conv.taps(), self.conv.in_per_group())
    }

    /// The first channel of the group of each lane.
    fn channels(&self, lanes: usize) -> [usize; MAX_LANES] {
        let mut channels = [NONE; MAX_LANES];
        for (lane, channel) in channels.iter_mut().enumerate().take(lanes) {
            let output = self.channel_block * lanes + lane;
            if output < self.conv.out_channels {
                *channel = output / self.conv.out_per_group() * self.conv.in_per_group();
            }
        }
        channels
    }

    /// Finishes and stores pixels.
    #[inline(always)]
    fn store<S: Simd, const PIXELS: usize>(&self, s: S, sums: [S::F32; PIXELS], pixel: usize) {
        let (offset, bias) = (pixel * S::LANES, self.finish.bias(s, self.channel_block));
        // SAFETY: the output has these pixels, and they are the task's own.
        unsafe { self.finish.store(s, sums, bias, self.output.add(offset), self.place + offset) };
    }
}

/// Pixels whose channels lie in one block of the input.
struct Permuted<'a>(Pixels<'a>);

/// Numbers of lanes, in one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Lanes([i32; MAX_LANES]);

/// Pixels that are computed at once.
const fn most_pixels(level: Level) -> usize {
    match level {
        Level::Avx512 => 8,
        Level::Avx2 | Level::Portable => 4,
    }
}

impl Kernel for Permuted<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let pixels = &self.0;
        let channels = pixels.channels(S::LANES);
        let block = channels[0] / S::LANES;
        // For each channel of a group, which lane of the block each lane reads. Lanes without a channel read the first.
        let mut lanes = [Lanes([0; MAX_LANES]); MAX_LANES];
        for (inner, lanes) in lanes.iter_mut().enumerate().take(pixels.conv.in_per_group()) {
            for (lane, channel) in lanes.0.iter_mut().zip(channels).filter(|(_, channel)| *channel != NONE) {
                *lane = (channel + inner - block * S::LANES) as i32;
            }
        }
        let plane = &pixels.input[block * pixels.plane..][..pixels.plane];
        let mut pixel = 0;
        while pixel < pixels.count {
            let rest = pixels.count - pixel;
            let size = if rest >= most_pixels(S::LEVEL) { most_pixels(S::LEVEL) } else { 1 };
            match size {
                8 => self.tile::<S, 8>(s, plane, &lanes, pixel),
                4 => self.tile::<S, 4>(s, plane, &lanes, pixel),
                _ => self.tile::<S, 1>(s, plane, &lanes, pixel),
            }
            pixel += size;
        }
    }
}

impl Permuted<'_> {
    #[inline(always)]
    fn tile<S: Simd, const PIXELS: usize>(&self, s: S, plane: &[f32], lanes: &[Lanes], pixel: usize) {
        if const { PIXELS > most_pixels(S::LEVEL) } {
            return;
        }
        let pixels = &self.0;
        let (mut totals, mut sums) = ([s.zero(); PIXELS], [s.zero(); PIXELS]);
        let mut left = pixels.part();
        let mut weights = pixels.weights.as_ptr();
        for offsets in pixels.offsets.chunks_exact(pixels.count) {
            let offsets = &offsets[pixel..][..PIXELS];
            let mut numbers = [s.zero(); PIXELS];
            for at in 0..PIXELS {
                let from = if offsets[at] < 0 { OUTSIDE.as_ptr() } else { plane.as_ptr().wrapping_offset(offsets[at]) };
                // SAFETY: the plane has a vector at every offset.
                numbers[at] = unsafe { s.load_at(from) };
            }
            for lanes in &lanes[..pixels.conv.in_per_group()] {
                // SAFETY: there is a vector of weights for each tap and channel of a group.
                let (weight, lanes) = unsafe { (s.load_at(weights), s.load_i32_at(lanes.0.as_ptr())) };
                for at in 0..PIXELS {
                    sums[at] = s.fma(s.permute(numbers[at], lanes), weight, sums[at]);
                }
                weights = weights.wrapping_add(S::LANES);
            }
            left -= 1;
            if left == 0 {
                for at in 0..PIXELS {
                    (totals[at], sums[at]) = (s.add(totals[at], sums[at]), s.zero());
                }
                left = pixels.part();
            }
        }
        for at in 0..PIXELS {
            sums[at] = s.add(totals[at], sums[at]);
        }
        pixels.store(s, sums, pixel);
    }
}

/// Pixels whose channels lie anywhere.
struct Gathered<'a>(Pixels<'a>);

impl Kernel for Gathered<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let pixels = &self.0;
        let channels = pixels.channels(S::LANES);
        for pixel in 0..pixels.count {
            let (mut total, mut sum, mut left) = (s.zero(), s.zero(), pixels.part());
            let mut weights = pixels.weights.chunks_exact(S::LANES);
            for offsets in pixels.offsets.chunks_exact(pixels.count) {
                for inner in 0..pixels.conv.in_per_group() {
                    let Some(weight) = weights.next() else { return };
                    let mut numbers = [0.0; MAX_LANES];
                    if let Ok(offset) = usize::try_from(offsets[pixel]) {
                        for (x, channel) in numbers.iter_mut().zip(channels).filter(|(_, channel)| *channel != NONE) {
                            let channel = channel + inner;
                            let place = channel / S::LANES * pixels.plane + offset + channel % S::LANES;
                            *x = pixels.input[place];
                        }
                    }
                    sum = s.fma(s.load(&numbers), s.load(weight), sum);
                }
                left -= 1;
                if left == 0 {
                    (total, sum, left) = (s.add(total, sum), s.zero(), pixels.part());
                }
            }
            pixels.store(s, [s.add(total, sum)], pixel);
        }
    }
}
