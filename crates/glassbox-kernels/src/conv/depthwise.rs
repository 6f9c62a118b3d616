//! Depthwise convolutions: every channel has a kernel of its own.
//!
//! A task is a strip of rows of a block of channels. Of a row, the pixels whose taps all lie inside are computed several at
//! once, each weight being loaded once for them; those at the borders one by one, over the taps that lie inside. The order
//! of a sum is that of the taps, row by row. A tap outside adds nothing, which is the same as a zero as long as weights are
//! finite; other weights are left to [`grouped`](super::grouped).

use glassbox_tensor::parallel_for;

use super::finish::Finish;
use super::output::Output;
use super::split;
use super::{Convolution, PackedFilter};
use crate::simd::{Kernel, Simd, run_at};

/// The most pixels at once: two units that need four cycles for a product are kept busy by eight sums.
const MAX_PIXELS: usize = 8;

/// Whether a convolution is computed here.
pub(super) fn takes(conv: &Convolution, weights: &[f32]) -> bool {
    conv.in_per_group() == 1 && conv.out_per_group() == 1 && weights.iter().all(|weight| weight.is_finite())
}

/// The length of packed weights.
pub(super) fn packed_len(conv: &Convolution, block: usize) -> usize {
    conv.out_channels.div_ceil(block) * block * conv.taps()
}

/// Packs weights as block, tap, channel.
pub(super) fn pack(conv: &Convolution, block: usize, weights: &[f32], packed: &mut [f32]) {
    for (channel, row) in weights.chunks_exact(conv.taps()).enumerate() {
        let start = channel / block * conv.taps() * block + channel % block;
        packed[start..].iter_mut().step_by(block).zip(row).for_each(|(to, weight)| *to = *weight);
    }
}

pub(super) fn run(filter: &PackedFilter, input: &[f32], output: &Output, finish: Finish) {
    let conv = &filter.conv;
    let [height, width] = conv.output();
    let blocks = conv.out_channels.div_ceil(filter.block);
    // A product costs about as much as it takes to read its operands: tasks of fewer products than elsewhere.
    let strips = split::tasks(8 * conv.products()).div_ceil((blocks * conv.batch).max(1)).clamp(1, height.max(1));
    let plane = conv.input_pixels() * filter.block;
    parallel_for(conv.batch * blocks * strips, &|task| {
        let (channels, strip) = (task / strips, task % strips);
        let (image, channel_block) = (channels / blocks, channels % blocks);
        let (first, end) = (strip * height / strips, (strip + 1) * height / strips);
        let rows = Rows {
            conv,
            input: &input[channels * plane..][..plane],
            weights: &filter.weights.numbers()[channel_block * conv.taps() * filter.block..],
            output: output.at(output.place(image, channel_block, first * width)),
            place: output.place(image, channel_block, first * width),
            channel_block,
            first,
            end,
            finish,
        };
        match (conv.kernel[1], conv.stride[1], conv.dilation[1]) {
            (3, 1, 1) => run_at(filter.level, Fixed::<3, 1>(rows)),
            (3, 2, 1) => run_at(filter.level, Fixed::<3, 2>(rows)),
            (5, 1, 1) => run_at(filter.level, Fixed::<5, 1>(rows)),
            (5, 2, 1) => run_at(filter.level, Fixed::<5, 2>(rows)),
            _ => run_at(filter.level, Fixed::<0, 0>(rows)),
        }
        // SAFETY: this task alone has these rows, and they are stored.
        unsafe { output.finish(image, channel_block, first * width, (end - first) * width) };
    });
}

/// Rows of a block of channels.
struct Rows<'a> {
    conv: &'a Convolution,
    /// The plane of the block.
    input: &'a [f32],
    weights: &'a [f32],
    /// Where the first row is written; the task has it for itself.
    output: *mut f32,
    place: usize,
    channel_block: usize,
    first: usize,
    end: usize,
    finish: Finish,
}

/// Rows under a kernel with so many columns and a stride and dilation along a row that are known; 0 where they aren't.
struct Fixed<'a, const COLUMNS: usize, const STRIDE: usize>(Rows<'a>);

impl<const COLUMNS: usize, const STRIDE: usize> Kernel for Fixed<'_, COLUMNS, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (rows, conv) = (&self.0, self.0.conv);
        let width = conv.output()[1];
        // Windows whose taps all lie inside of a row.
        let reach = (conv.kernel[1] - 1) * conv.dilation[1];
        let inner_begin = conv.pad_begin[1].div_ceil(conv.stride[1]).min(width);
        let last = (conv.input[1] + conv.pad_begin[1]).checked_sub(reach + 1).map(|room| room / conv.stride[1] + 1);
        let inner_end = last.unwrap_or(0).clamp(inner_begin, width);
        let inner = inner_end - inner_begin;
        let tiles = inner.div_ceil(MAX_PIXELS).max(1);
        let (size, wider) = (inner / tiles, inner % tiles);
        for row in rows.first..rows.end {
            let border = (0..inner_begin).chain(inner_end..width);
            border.for_each(|column| self.border(s, row, column));
            let mut column = inner_begin;
            for tile in 0..tiles {
                let size = size + usize::from(tile < wider);
                match size {
                    8 => self.tile::<S, 8>(s, row, column),
                    7 => self.tile::<S, 7>(s, row, column),
                    6 => self.tile::<S, 6>(s, row, column),
                    5 => self.tile::<S, 5>(s, row, column),
                    4 => self.tile::<S, 4>(s, row, column),
                    _ => (column..column + size).for_each(|column| self.tile::<S, 1>(s, row, column)),
                }
                column += size;
            }
        }
    }
}

impl<const COLUMNS: usize, const STRIDE: usize> Fixed<'_, COLUMNS, STRIDE> {
    /// Pixels whose taps all lie inside of their rows.
    #[inline(always)]
    fn tile<S: Simd, const PIXELS: usize>(&self, s: S, row: usize, column: usize) {
        let (rows, conv) = (&self.0, self.0.conv);
        let known = COLUMNS > 0;
        let columns = if known { COLUMNS } else { conv.kernel[1] };
        let stride = S::LANES * if known { STRIDE } else { conv.stride[1] };
        let dilation = S::LANES * if known { 1 } else { conv.dilation[1] };
        let mut sums = [s.zero(); PIXELS];
        let begin = (column * conv.stride[1] - conv.pad_begin[1]) * S::LANES;
        for tap_row in 0..conv.kernel[0] {
            let Some(line) = conv.place(0, row, tap_row) else { continue };
            let line = &rows.input[line * conv.input[1] * S::LANES..][..conv.input[1] * S::LANES];
            let weights = &rows.weights[tap_row * columns * S::LANES..][..columns * S::LANES];
            assert!(begin + (PIXELS - 1) * stride + (columns - 1) * dilation + S::LANES <= line.len());
            for tap in 0..columns {
                // SAFETY: the weights have a vector for each column, and the line was checked.
                unsafe {
                    let weight = s.load_at(weights.as_ptr().add(tap * S::LANES));
                    let from = line.as_ptr().add(begin + tap * dilation);
                    for pixel in 0..PIXELS {
                        sums[pixel] = s.fma(s.load_at(from.add(pixel * stride)), weight, sums[pixel]);
                    }
                }
            }
        }
        self.store(s, &sums, row, column);
    }

    /// A pixel some of whose taps lie outside.
    #[inline(always)]
    fn border<S: Simd>(&self, s: S, row: usize, column: usize) {
        let (rows, conv) = (&self.0, self.0.conv);
        let mut sum = s.zero();
        for tap_row in 0..conv.kernel[0] {
            let Some(line) = conv.place(0, row, tap_row) else { continue };
            for tap in 0..conv.kernel[1] {
                let Some(place) = conv.place(1, column, tap) else { continue };
                let weight = s.load(&rows.weights[(tap_row * conv.kernel[1] + tap) * S::LANES..]);
                let x = s.load(&rows.input[(line * conv.input[1] + place) * S::LANES..]);
                sum = s.fma(x, weight, sum);
            }
        }
        self.store(s, &[sum], row, column);
    }

    /// Finishes and stores pixels.
    #[inline(always)]
    fn store<S: Simd, const PIXELS: usize>(&self, s: S, sums: &[S::F32; PIXELS], row: usize, column: usize) {
        let rows = &self.0;
        let offset = ((row - rows.first) * rows.conv.output()[1] + column) * S::LANES;
        let bias = rows.finish.bias(s, rows.channel_block);
        let (residual, [low, high]) = (rows.finish.residual(rows.place + offset), rows.finish.bounds(s));
        for pixel in 0..PIXELS {
            let mut x = sums[pixel];
            if rows.finish.has_bias() {
                x = s.add(x, bias);
            }
            // SAFETY: the output has these pixels and is the task's own; the residual is as long.
            unsafe {
                if let Some(residual) = residual {
                    x = s.add(x, s.load_at(residual.add(pixel * S::LANES)));
                }
                s.store_at(rows.output.add(offset + pixel * S::LANES), s.min(high, s.max(low, x)));
            }
        }
    }
}
