//! Convolutions from blocks of channels to blocks of channels: any kernel, stride, dilation and padding, and groups whose
//! channels fill whole blocks. A pointwise convolution is one with a single tap.
//!
//! A task is a strip of pixels of an image × a bundle of blocks of output channels. Where the weights of a bundle are more
//! than the first cache holds, a task goes over its strip several times, each time with some blocks of input channels.

use glassbox_tensor::parallel_for;

use super::finish::Finish;
use super::output::Output;
use super::scratch::with_offsets;
use super::split::{self, Bundle};
use super::tiles::{Before, NOTHING_AHEAD, NOWHERE, Sums, most_pixels};
use super::{Convolution, PackedFilter};
use crate::simd::{Level, MAX_LANES};

/// How a convolution is split into tasks.
#[derive(Clone, Debug)]
pub(super) struct Split {
    bundles: Vec<Bundle>,
    /// Into how many strips the pixels of an image are cut.
    strips: usize,
    /// How many blocks of input channels are taken at once.
    inputs: usize,
    /// Whether weights are fetched in advance: where they are more than the second cache holds beside the pixels.
    fetches: bool,
    /// Whether tasks that share weights follow each other, and not those that share pixels.
    weights_stay: bool,
}

impl Split {
    pub(super) fn new(conv: &Convolution, level: Level, block: usize) -> Split {
        let bundles = split::bundles(conv, block);
        let pixels = conv.pixels();
        let inputs = conv.in_per_group().div_ceil(block);
        let widest = bundles.iter().map(|bundle| bundle.blocks).max().unwrap_or(1);
        let narrowest_strip = 4 * most_pixels(level, widest);
        let read = conv.input_pixels().min(pixels * conv.taps());
        let input_bytes = size_of::<f32>() * inputs * block * read;
        let weights_bytes = size_of::<f32>() * conv.weights();
        // Cutting the pixels lets what a strip reads stay in the second cache for all bundles, but every strip reads all
        // weights.
        let cut = if weights_bytes > input_bytes { 1 } else { input_bytes.div_ceil(split::STRIP_BYTES) };
        let strips = split::tasks(conv.products())
            .div_ceil((bundles.len() * conv.batch).max(1))
            .max(cut)
            .min(pixels / narrowest_strip.max(1))
            .max(1);
        let filter_bytes = size_of::<f32>() * widest * block * block * conv.taps();
        // Chunks of about the same size: a small one would load and store sums for few products.
        let most = (split::weights_bytes(level) / filter_bytes.max(1)).clamp(1, inputs.max(1));
        // Where taps are cut into parts, each part is of one sixteen of channels.
        let most = if conv.taps() > TAPS { 1 } else { most };
        let inputs_at_once = inputs.div_ceil(inputs.div_ceil(most).max(1)).next_multiple_of(together(block)).max(1);
        Split {
            bundles,
            strips,
            inputs: inputs_at_once,
            fetches: weights_bytes > split::FETCHED_BYTES,
            weights_stay: weights_bytes > input_bytes,
        }
    }
}

/// The most taps of sixteen input channels whose products are added one after the other.
const TAPS: usize = 32;

/// How many blocks of input channels are taken together for each tap: those of sixteen channels.
fn together(block: usize) -> usize {
    MAX_LANES / block
}

/// Packs weights as output block, sixteen input channels, tap, input channel, output channel.
pub(super) fn pack(conv: &Convolution, block: usize, weights: &[f32], packed: &mut [f32]) {
    let (taps, inner) = (conv.taps(), conv.in_per_group());
    let filter = inner.div_ceil(block) * block * block * taps;
    for (output, rows) in weights.chunks_exact((inner * taps).max(1)).enumerate() {
        let start = output / block * filter + output % block;
        for (input, row) in rows.chunks_exact(taps).enumerate() {
            let first = input / MAX_LANES * MAX_LANES;
            // The last ones may be fewer.
            let width = (inner - first).next_multiple_of(block).min(MAX_LANES);
            for (tap, weight) in row.iter().enumerate() {
                packed[start + (first * taps + tap * width + input - first) * block] = *weight;
            }
        }
    }
}

/// The length of packed weights.
pub(super) fn packed_len(conv: &Convolution, block: usize) -> usize {
    conv.out_channels.div_ceil(block) * block * conv.in_per_group().div_ceil(block) * block * conv.taps()
}

pub(super) fn run(filter: &PackedFilter, split: &Split, input: &[f32], output: &Output, finish: Finish) {
    let conv = &filter.conv;
    let (strips, bundles) = (split.strips, split.bundles.len());
    let pixels = conv.pixels();
    parallel_for(conv.batch * strips * bundles, &|task| {
        let (image, task) = (task / (strips * bundles), task % (strips * bundles));
        let (strip, bundle) =
            if split.weights_stay { (task % strips, task / strips) } else { (task / bundles, task % bundles) };
        let task = Task {
            filter,
            split,
            bundle: &split.bundles[bundle],
            image,
            first: strip * pixels / strips,
            end: (strip + 1) * pixels / strips,
        };
        task.run(input, output, finish);
    });
}

struct Task<'a> {
    filter: &'a PackedFilter,
    split: &'a Split,
    bundle: &'a Bundle,
    image: usize,
    first: usize,
    end: usize,
}

impl Task<'_> {
    fn run(&self, input: &[f32], output: &Output, finish: Finish) {
        let (conv, block) = (&self.filter.conv, self.filter.block);
        let (taps, pixels) = (conv.taps(), self.end - self.first);
        let plane = conv.input_pixels() * block;
        let inputs = conv.in_per_group().div_ceil(block);
        let first_plane = self.image * conv.in_channels.div_ceil(block) + self.bundle.first_input;
        let weights = self.filter.weights.numbers();
        let filter = inputs * taps * block * block;
        with_offsets(taps * pixels, |offsets| {
            fill_offsets(conv, block, self.first, pixels, offsets);
            // Without input channels there is one chunk of none: what is fused is still done.
            for begin in (0..inputs.max(1)).step_by(self.split.inputs) {
                let count = self.split.inputs.min(inputs - begin);
                let long = taps > TAPS;
                let weights = &weights[self.bundle.block * filter + begin * taps * block * block..];
                for tap in (0..taps).step_by(TAPS.min(taps).max(1)) {
                    let few = if long { TAPS.min(taps - tap) } else { taps };
                    let last = begin + count == inputs && tap + few == taps;
                    let sums = Sums {
                        input: input[(first_plane + begin) * plane..].as_ptr(),
                        plane,
                        inputs: count,
                        together: together(block),
                        taps: few,
                        offsets: offsets[tap * pixels..].as_ptr(),
                        row: pixels,
                        shift: 0,
                        run: block,
                        weights: weights[tap * count * block * block..].as_ptr(),
                        filter,
                        output: output.at(0),
                        place: output.place(self.image, self.bundle.block, self.first),
                        step: conv.pixels() * block,
                        block: self.bundle.block,
                        before: match begin + tap {
                            0 => Before::Nothing,
                            _ if long => Before::Parts,
                            _ => Before::Sum,
                        },
                        ahead: if self.split.fetches { self.ahead(begin + count, inputs) } else { NOTHING_AHEAD },
                        finish: if last { finish } else { Finish::NOTHING },
                    };
                    // SAFETY: the input has a plane for each block, and offsets lie in a plane; the weights are packed for
                    // all blocks of the bundle; this task alone has these pixels of these blocks of the output.
                    unsafe { sums.compute(self.filter.level, self.bundle.blocks, pixels) };
                }
            }
        });
        for channel_block in self.bundle.block..self.bundle.block + self.bundle.blocks {
            // SAFETY: this task alone has these pixels, and they are stored.
            unsafe { output.finish(self.image, channel_block, self.first, pixels) };
        }
    }

    /// The weights that follow those of the first `begin` of `inputs` blocks of input channels: of this bundle, or the
    /// first ones of the next.
    fn ahead(&self, begin: usize, inputs: usize) -> (*const f32, usize) {
        let step = self.filter.conv.taps() * self.filter.block * self.filter.block;
        let (block, begin) = match begin < inputs {
            true => (self.bundle.block, begin),
            false => (self.bundle.block + self.bundle.blocks, 0),
        };
        let count = self.split.inputs.min(inputs - begin);
        let weights = self.filter.weights.numbers();
        (weights.as_ptr().wrapping_add((block * inputs + begin) * step), count * step)
    }
}

/// For each tap, where in a plane of blocks of channels it lies for `count` pixels from `first` on.
pub(super) fn fill_offsets(conv: &Convolution, block: usize, first: usize, count: usize, offsets: &mut [isize]) {
    let width = conv.output()[1];
    for (tap, mut offsets) in offsets.chunks_exact_mut(count.max(1)).enumerate() {
        let (tap_row, tap_column) = (tap / conv.kernel[1], tap % conv.kernel[1]);
        // The columns of the output for which the tap lies inside of a row.
        let shift = tap_column * conv.dilation[1];
        let windows = |place: usize| place.saturating_sub(shift).div_ceil(conv.stride[1]);
        let inside = [windows(conv.pad_begin[1]), windows(conv.pad_begin[1] + conv.input[1])];
        let step = (conv.stride[1] * block) as isize;
        let (mut row, mut column) = (first / width, first % width);
        while !offsets.is_empty() {
            let (now, later) = offsets.split_at_mut((width - column).min(offsets.len()));
            let end = column + now.len();
            now.fill(NOWHERE);
            if let Some(line) = conv.place(0, row, tap_row) {
                let [begin, end] = inside.map(|bound| bound.clamp(column, end));
                let place = begin * conv.stride[1] + shift;
                if let Some(place) = place.checked_sub(conv.pad_begin[1]) {
                    let start = ((line * conv.input[1] + place) * block) as isize;
                    let now = &mut now[begin - column..end - column];
                    now.iter_mut().enumerate().for_each(|(at, offset)| *offset = start + at as isize * step);
                }
            }
            (row, column, offsets) = (row + 1, 0, later);
        }
    }
}
