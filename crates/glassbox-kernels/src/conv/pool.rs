//! Pools over tensors in blocks of channels.

use std::ops::Range;

use glassbox_tensor::parallel_for;

use super::output::Clear;
use super::split;
use crate::simd::{Kernel, Level, Simd, run_at};

/// Windows over two spatial axes (`[height, width]`); pools over a single axis have height 1.
///
/// The number of windows is given, as it may be rounded up: windows may then reach over the padded end.
///
/// ```
/// use glassbox_kernels::{conv::{Pool, block}, simd::Level};
/// let level = Level::best();
/// let pool = Pool { channels: 1, input: [2, 2], kernel: [2, 2], ..Pool::SINGLE };
/// let mut input = vec![0.0; 4 * block(level)];
/// input.iter_mut().step_by(block(level)).zip([1.0, 4.0, 2.0, 3.0]).for_each(|(to, x)| *to = x);
/// let mut output = vec![0.0; block(level)];
/// pool.max(level, &input, &mut output);
/// assert_eq!(output[0], 4.0);
/// pool.average(level, false, &input, &mut output);
/// assert_eq!(output[0], 2.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// How many images.
    pub batch: usize,
    /// Channels.
    pub channels: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Height and width of a window, in taps.
    pub kernel: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// From one tap to the next.
    pub dilation: [usize; 2],
    /// Rows above and columns left of the input.
    pub pad_begin: [usize; 2],
    /// Rows below and columns right of the input.
    pub pad_end: [usize; 2],
}

/// What is made of the taps of a window.
#[derive(Clone, Copy)]
enum Kind {
    Max,
    /// Whether taps in the pads count.
    Average {
        padded: bool,
    },
}

impl Pool {
    /// One pixel of one channel under one tap: what others are made from.
    pub const SINGLE: Pool = Pool {
        batch: 1,
        channels: 1,
        input: [1, 1],
        output: [1, 1],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad_begin: [0, 0],
        pad_end: [0, 0],
    };

    /// The largest number of each window: a NaN where it has one, −∞ where no tap lies inside.
    ///
    /// # Panics
    /// Where a slice hasn't the length that the sizes give, or a stride or dilation is 0.
    pub fn max(&self, level: Level, input: &[f32], output: &mut [f32]) {
        self.run(level, Kind::Max, input, output);
    }

    /// The sum of each window, row by row, divided by the number of its taps that lie inside, or with `padded` in the input
    /// or its pads: NaN where that is 0.
    ///
    /// # Panics
    /// Where a slice hasn't the length that the sizes give, or a stride or dilation is 0.
    pub fn average(&self, level: Level, padded: bool, input: &[f32], output: &mut [f32]) {
        self.run(level, Kind::Average { padded }, input, output);
    }

    fn run(&self, level: Level, kind: Kind, input: &[f32], output: &mut [f32]) {
        let block = super::block(level);
        let blocks = self.channels.div_ceil(block);
        let [height, width] = self.output;
        assert!(level.is_available(), "the processor has no {}", level.name());
        assert!(self.stride.iter().chain(&self.dilation).all(|step| *step > 0), "strides and dilations are positive");
        assert_eq!(input.len(), self.batch * blocks * block * self.input[0] * self.input[1], "the length of the input");
        assert_eq!(output.len(), self.batch * blocks * block * height * width, "the length of the output");
        if output.is_empty() {
            return;
        }
        let (input_plane, plane) = (self.input[0] * self.input[1] * block, height * width * block);
        let products = self.batch * blocks * block * height * width * self.kernel[0] * self.kernel[1];
        let strips = split::tasks(4 * products).div_ceil(self.batch * blocks).clamp(1, height);
        let start = Start(output.as_mut_ptr());
        let start = &start;
        parallel_for(self.batch * blocks * strips, &|task| {
            let (channels, strip) = (task / strips, task % strips);
            let rows = strip * height / strips..(strip + 1) * height / strips;
            // SAFETY: each task has rows of its own in a plane of its own.
            let output = unsafe {
                let first = start.0.add(channels * plane + rows.start * width * block);
                std::slice::from_raw_parts_mut(first, rows.len() * width * block)
            };
            let input = &input[channels * input_plane..][..input_plane];
            run_at(level, Rows { pool: self, kind, input, output, first: rows.start });
            let last = self.channels - (blocks - 1) * block;
            if channels % blocks == blocks - 1 && last < block {
                run_at(level, Clear { values: output, channels: last });
            }
        });
    }

    /// How many taps of a window lie in the first `room` places from its first one on.
    #[inline(always)]
    fn taps_in(&self, axis: usize, room: usize) -> usize {
        // A division takes longer than a small window.
        let taps = if self.dilation[axis] == 1 { room } else { room.div_ceil(self.dilation[axis]) };
        taps.min(self.kernel[axis])
    }

    /// The taps of a window that lie inside.
    #[inline(always)]
    fn taps(&self, axis: usize, window: usize) -> Range<usize> {
        let taps = |room: usize| self.taps_in(axis, room);
        let (first, front) = (window * self.stride[axis], self.pad_begin[axis]);
        let begin = taps(front.saturating_sub(first));
        begin..taps((front + self.input[axis]).saturating_sub(first)).max(begin)
    }

    /// How many taps of a window lie in the input or its pads.
    #[inline(always)]
    fn padded_taps(&self, axis: usize, window: usize) -> usize {
        let extent = self.pad_begin[axis] + self.input[axis] + self.pad_end[axis];
        self.taps_in(axis, extent.saturating_sub(window * self.stride[axis]))
    }
}

/// Where an output begins of which tasks write parts.
struct Start(*mut f32);

// SAFETY: it is used by `Pool::run` alone, whose tasks make slices of it that don't overlap.
unsafe impl Sync for Start {}

/// Rows of a block of channels.
struct Rows<'a> {
    pool: &'a Pool,
    kind: Kind,
    input: &'a [f32],
    output: &'a mut [f32],
    first: usize,
}

/// Pixels of a row that are computed at once, where their taps lie inside of the same columns of the window.
const PIXELS: usize = 4;

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let pool = self.pool;
        let width = pool.output[1];
        for (index, output) in self.output.chunks_exact_mut((width * S::LANES).max(1)).enumerate() {
            let row = self.first + index;
            let rows = pool.taps(0, row);
            let mut column = 0;
            while column < width {
                let columns = pool.taps(1, column);
                let together = column + PIXELS <= width
                    && (columns == pool.taps(1, column + PIXELS - 1))
                    && (columns == (0..pool.kernel[1]));
                let window = Window { pool, input: self.input, row, rows: rows.clone(), column, columns };
                let output = &mut output[column * S::LANES..];
                match (self.kind, together) {
                    (Kind::Max, true) => window.max::<S, PIXELS>(s, output),
                    (Kind::Max, false) => window.max::<S, 1>(s, output),
                    (Kind::Average { padded }, true) => window.average::<S, PIXELS>(s, padded, output),
                    (Kind::Average { padded }, false) => window.average::<S, 1>(s, padded, output),
                }
                column += if together { PIXELS } else { 1 };
            }
        }
    }
}

/// The windows of some pixels of a row, and which of their taps lie inside.
struct Window<'a> {
    pool: &'a Pool,
    input: &'a [f32],
    row: usize,
    rows: Range<usize>,
    /// The first pixel.
    column: usize,
    columns: Range<usize>,
}

impl Window<'_> {
    /// What the pixels have at a tap.
    #[inline(always)]
    fn load<S: Simd, const PIXELS: usize>(&self, s: S, row: usize, column: usize) -> [S::F32; PIXELS] {
        let pool = self.pool;
        let row = self.row * pool.stride[0] + row * pool.dilation[0] - pool.pad_begin[0];
        let column = self.column * pool.stride[1] + column * pool.dilation[1] - pool.pad_begin[1];
        let (first, step) = ((row * pool.input[1] + column) * S::LANES, pool.stride[1] * S::LANES);
        let from = &self.input[first..][..(PIXELS - 1) * step + S::LANES];
        let mut numbers = [s.zero(); PIXELS];
        for pixel in 0..PIXELS {
            // SAFETY: the slice reaches to the last pixel.
            numbers[pixel] = unsafe { s.load_at(from.as_ptr().add(pixel * step)) };
        }
        numbers
    }

    /// An equal number doesn't replace the one before, as a zero of the other sign would.
    #[inline(always)]
    fn max<S: Simd, const PIXELS: usize>(&self, s: S, output: &mut [f32]) {
        let mut largest = [s.splat(f32::NEG_INFINITY); PIXELS];
        let mut strange = [s.lt(s.zero(), s.zero()); PIXELS];
        for row in self.rows.clone() {
            for column in self.columns.clone() {
                let numbers = self.load::<S, PIXELS>(s, row, column);
                for pixel in 0..PIXELS {
                    largest[pixel] = s.max(numbers[pixel], largest[pixel]);
                    strange[pixel] = s.or_mask(strange[pixel], s.ne(numbers[pixel], numbers[pixel]));
                }
            }
        }
        for pixel in 0..PIXELS {
            let x = s.select(strange[pixel], s.splat(f32::NAN), largest[pixel]);
            s.store(&mut output[pixel * S::LANES..], x);
        }
    }

    #[inline(always)]
    fn average<S: Simd, const PIXELS: usize>(&self, s: S, padded: bool, output: &mut [f32]) {
        let mut sums = [s.zero(); PIXELS];
        for row in self.rows.clone() {
            for column in self.columns.clone() {
                let numbers = self.load::<S, PIXELS>(s, row, column);
                for pixel in 0..PIXELS {
                    sums[pixel] = s.add(sums[pixel], numbers[pixel]);
                }
            }
        }
        for pixel in 0..PIXELS {
            let count = match padded {
                true => self.pool.padded_taps(0, self.row) * self.pool.padded_taps(1, self.column + pixel),
                false => self.rows.len() * self.columns.len(),
            };
            s.store(&mut output[pixel * S::LANES..], s.div(sums[pixel], s.splat(count as f32)));
        }
    }
}

/// Sums that a global average keeps at once: pixels are dealt out to them in turn, and they are added at the end.
const SUMS: usize = 4;

/// The average of all pixels of `[images, channels, pixels]` in blocks of channels: one pixel for each image.
///
/// ```
/// use glassbox_kernels::{conv::{block, global_average}, simd::Level};
/// let level = Level::best();
/// let input = [vec![1.0; block(level)], vec![3.0; block(level)]].concat();
/// let mut output = vec![0.0; block(level)];
/// global_average(level, [1, block(level), 2], &input, &mut output);
/// assert!(output.iter().all(|x| *x == 2.0));
/// ```
///
/// # Panics
/// Where a slice hasn't the length that the sizes give.
pub fn global_average(level: Level, [images, channels, pixels]: [usize; 3], input: &[f32], output: &mut [f32]) {
    let block = super::block(level);
    let blocks = images * channels.div_ceil(block);
    assert!(level.is_available(), "the processor has no {}", level.name());
    assert_eq!(input.len(), blocks * block * pixels, "the length of the input");
    assert_eq!(output.len(), blocks * block, "the length of the output");
    // Some blocks make a task, of at least a few thousand numbers.
    let share = (32_768 / (block * pixels).max(1)).max(1);
    let last = channels - channels / block * block;
    glassbox_tensor::parallel_chunks(output, share * block, &|chunk, output| {
        for (place, output) in output.chunks_exact_mut(block).enumerate() {
            let plane = chunk * share + place;
            run_at(level, Mean { input: &input[plane * block * pixels..][..block * pixels], output });
            if last > 0 && (plane + 1).is_multiple_of(channels.div_ceil(block)) {
                output[last..].fill(0.0);
            }
        }
    });
}

/// The average of a block of channels.
struct Mean<'a> {
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Kernel for Mean<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut sums = [s.zero(); SUMS];
        let mut groups = self.input.chunks_exact(SUMS * S::LANES);
        for group in &mut groups {
            for at in 0..SUMS {
                sums[at] = s.add(sums[at], s.load(&group[at * S::LANES..]));
            }
        }
        for (at, pixel) in groups.remainder().chunks_exact(S::LANES).enumerate() {
            sums[at] = s.add(sums[at], s.load(pixel));
        }
        let [a, b, c, d] = sums;
        let sum = s.add(s.add(a, b), s.add(c, d));
        s.store(self.output, s.div(sum, s.splat((self.input.len() / S::LANES) as f32)));
    }
}
