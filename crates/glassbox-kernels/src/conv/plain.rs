//! Convolutions of a few plain NCHW channels, as the first layer of an image model has them, to blocks of channels.
//!
//! A task copies what a strip of the output reads, with its borders of zeros, to a small buffer. There the columns of a
//! kernel follow each other, as the channels of a block do elsewhere, so the same tiles compute the sums. Their order is:
//! channel, row of the kernel, column of the kernel. Where they are many, they are added in parts: as many rows of a channel,
//! or columns of a row, as a part may have products.

use glassbox_tensor::parallel_for;

use super::finish::Finish;
use super::output::Output;
use super::scratch::{with_numbers, with_offsets};
use super::split::{self, Bundle};
use super::tiles::{Before, NOTHING_AHEAD, Sums, most_pixels};
use super::{Convolution, LONG, PART, PackedFilter};
use crate::simd::Level;

/// Pixels of a strip at most: what they read stays in the first cache for common sizes.
const STRIP_PIXELS: usize = 512;

/// How a convolution is split into tasks: strips of whole rows, or parts of a row.
#[derive(Clone, Debug)]
pub(super) struct Split {
    bundles: Vec<Bundle>,
    rows: usize,
    columns: usize,
}

/// Whether a convolution is computed here.
pub(super) fn takes(conv: &Convolution) -> bool {
    conv.groups == 1 && conv.in_channels <= 4 && conv.dilation[1] == 1
}

impl Split {
    pub(super) fn new(conv: &Convolution, level: Level, block: usize) -> Split {
        let bundles = split::bundles(conv, block);
        let widest = bundles.iter().map(|bundle| bundle.blocks).max().unwrap_or(1);
        let [height, width] = conv.output();
        let share = (height * width).div_ceil(split::tasks(conv.products()).div_ceil(conv.batch.max(1)));
        let pixels = share.clamp(4 * most_pixels(level, widest), STRIP_PIXELS);
        Split {
            bundles,
            rows: (pixels / width.max(1)).clamp(1, height.max(1)),
            columns: width.div_ceil(width.div_ceil(pixels).max(1)).max(1),
        }
    }
}

/// The length of packed weights.
pub(super) fn packed_len(conv: &Convolution, block: usize) -> usize {
    conv.out_channels.div_ceil(block) * block * conv.in_channels * conv.taps()
}

/// Packs weights as output block, input channel, tap, output channel.
pub(super) fn pack(conv: &Convolution, block: usize, weights: &[f32], packed: &mut [f32]) {
    let inner = conv.in_channels * conv.taps();
    for (output, row) in weights.chunks_exact(inner.max(1)).enumerate() {
        let start = output / block * inner * block + output % block;
        packed[start..].iter_mut().step_by(block).zip(row).for_each(|(to, weight)| *to = *weight);
    }
}

pub(super) fn run(filter: &PackedFilter, split: &Split, input: &[f32], output: &Output, finish: Finish) {
    let [height, width] = filter.conv.output();
    let (down, across) = (height.div_ceil(split.rows), width.div_ceil(split.columns));
    parallel_for(filter.conv.batch * down * across, &|task| {
        let (image, strip) = (task / (down * across), task % (down * across));
        let (row, column) = (strip / across * split.rows, strip % across * split.columns);
        let rows = split.rows.min(height - row);
        let columns = split.columns.min(width - column);
        Strip { filter, split, image, row, column, rows, columns }.run(input, output, finish);
    });
}

/// A part of the output whose pixels follow each other: whole rows, or a part of one.
struct Strip<'a> {
    filter: &'a PackedFilter,
    split: &'a Split,
    image: usize,
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
}

/// Products of a sum that are added one after the other: a range of channels, of rows of the kernel or of columns of a row.
struct Part {
    /// The first channel, row and column.
    first: [usize; 3],
    channels: usize,
    rows: usize,
    columns: usize,
}

impl Part {
    /// The parts of a sum, in order. One of a few columns of a kernel has one row, and one of a few rows one channel, as weights
    /// follow each other.
    fn all(conv: &Convolution) -> Vec<Part> {
        let ([rows, columns], channels) = (conv.kernel, conv.in_channels);
        if channels * rows * columns <= LONG {
            return vec![Part { first: [0; 3], channels, rows, columns }];
        }
        let (width, height) = (columns.min(PART), (PART / columns.max(1)).clamp(1, rows.max(1)));
        let mut parts = Vec::new();
        for channel in 0..channels {
            for row in (0..rows).step_by(height) {
                for column in (0..columns).step_by(width) {
                    let (rows, columns) = (height.min(rows - row), width.min(columns - column));
                    parts.push(Part { first: [channel, row, column], channels: 1, rows, columns });
                }
            }
        }
        parts
    }

    /// Where it begins among channels and rows that are so far from each other.
    fn place(&self, channel: usize, row: usize) -> usize {
        self.first[0] * channel + self.first[1] * row + self.first[2]
    }
}

impl Strip<'_> {
    fn run(&self, input: &[f32], output: &Output, finish: Finish) {
        let conv = &self.filter.conv;
        let block = self.filter.block;
        let reach = |axis: usize, windows: usize| {
            (windows - 1) * conv.stride[axis] + (conv.kernel[axis] - 1) * conv.dilation[axis] + 1
        };
        let (height, width) = (reach(0, self.rows), reach(1, self.columns));
        let pixels = self.rows * self.columns;
        let first = self.row * conv.output()[1] + self.column;
        let parts = Part::all(conv);
        with_numbers(conv.in_channels * height * width, |copy| {
            self.copy(input, height, width, copy);
            with_offsets(pixels, |offsets| {
                for (row, offsets) in offsets.chunks_exact_mut(self.columns).enumerate() {
                    let start = row * conv.stride[0] * width;
                    let place = |column: usize| (start + column * conv.stride[1]) as isize;
                    offsets.iter_mut().enumerate().for_each(|(column, offset)| *offset = place(column));
                }
                for bundle in &self.split.bundles {
                    let filter = conv.in_channels * conv.taps() * block;
                    let weights = &self.filter.weights.numbers()[bundle.block * filter..];
                    let part = |before, part: &Part, finish| Sums {
                        input: copy[part.place(height * width, conv.dilation[0] * width)..].as_ptr(),
                        plane: height * width,
                        inputs: part.channels,
                        together: 1,
                        taps: part.rows,
                        offsets: offsets.as_ptr(),
                        row: 0,
                        shift: conv.dilation[0] * width,
                        run: part.columns,
                        weights: weights[part.place(conv.taps(), conv.kernel[1]) * block..].as_ptr(),
                        filter,
                        output: output.at(0),
                        place: output.place(self.image, bundle.block, first),
                        step: conv.pixels() * block,
                        block: bundle.block,
                        before,
                        ahead: NOTHING_AHEAD,
                        finish,
                    };
                    // SAFETY: the copy has all taps of the strip's pixels, the weights are packed for all blocks of the
                    // bundle, and this task alone has these pixels of the output.
                    let compute = |sums: Sums| unsafe { sums.compute(self.filter.level, bundle.blocks, pixels) };
                    let mut before = Before::Nothing;
                    for (place, one) in parts.iter().enumerate() {
                        let finish = if place + 1 == parts.len() { finish } else { Finish::NOTHING };
                        compute(part(before, one, finish));
                        before = Before::Parts;
                    }
                    for channel_block in bundle.block..bundle.block + bundle.blocks {
                        // SAFETY: this task alone has these pixels, and they are stored.
                        unsafe { output.finish(self.image, channel_block, first, pixels) };
                    }
                }
            });
        });
    }

    /// Copies what the strip reads of every channel, `height` rows of `width`, zeros being outside of the input.
    fn copy(&self, input: &[f32], height: usize, width: usize, copy: &mut [f32]) {
        let conv = &self.filter.conv;
        let (top, left) = (self.row * conv.stride[0], self.column * conv.stride[1]);
        // What the copy has of a row: from `before` on, the columns from `begin` to `end` of the input.
        let before = conv.pad_begin[1].saturating_sub(left).min(width);
        let begin = left.saturating_sub(conv.pad_begin[1]).min(conv.input[1]);
        let end = (left + width).saturating_sub(conv.pad_begin[1]).clamp(begin, conv.input[1]);
        for (line, to) in copy.chunks_exact_mut(width).enumerate() {
            let (channel, row) = (line / height, line % height);
            let row = (top + row).checked_sub(conv.pad_begin[0]).filter(|row| *row < conv.input[0]);
            match row {
                None => to.fill(0.0),
                Some(row) => {
                    let plane = self.image * conv.in_channels + channel;
                    let from = &input[(plane * conv.input[0] + row) * conv.input[1]..][begin..end];
                    to[..before].fill(0.0);
                    to[before..before + from.len()].copy_from_slice(from);
                    to[before + from.len()..].fill(0.0);
                }
            }
        }
    }
}
