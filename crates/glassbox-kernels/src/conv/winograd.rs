//! Convolutions with kernels of 3×3 by Winograd's F(2×2, 3×3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", 2015): 16 products give four sums that take 36 otherwise.
//!
//! Patches of 4×4 of the input are transformed, multiplied with transformed weights (16 matrix products over the channels,
//! computed by the tiles of direct convolutions), and transformed back to 2×2 sums. Weights are transformed in f64 and
//! rounded once. A task is a strip of patches; where there are few strips, the blocks of channels of one are split instead.

use std::ops::Range;

use glassbox_tensor::parallel_for;

use super::finish::Finish;
use super::output::Output;
use super::scratch::{with_numbers, with_offsets};
use super::split::{self, Bundle};
use super::tiles::{Before, NOTHING_AHEAD, Sums};
use super::{Convolution, PackedFilter};
use crate::simd::{Kernel, Simd, run_at};

/// Places of a transformed patch.
const PLACES: usize = 16;

/// The most that the transformed patches of a strip take: they stay in the second cache while they are multiplied.
const STRIP_BYTES: usize = 512 << 10;

/// From so many strips on, each is a task.
const MANY_STRIPS: usize = 8;

/// How a convolution is split into tasks.
#[derive(Clone, Debug)]
pub(super) struct Split {
    bundles: Vec<Bundle>,
    /// Into how many strips the patches of an image are cut.
    strips: usize,
}

/// Whether a convolution can be computed so.
pub(super) fn takes(conv: &Convolution) -> bool {
    conv.groups == 1 && conv.kernel == [3, 3] && conv.stride == [1, 1] && conv.dilation == [1, 1]
}

/// Rows and columns of patches: one for each 2×2 of the output.
fn patches(conv: &Convolution) -> [usize; 2] {
    conv.output().map(|size| size.div_ceil(2))
}

impl Split {
    pub(super) fn new(conv: &Convolution, block: usize) -> Split {
        let patches = patches(conv).iter().product::<usize>();
        let bytes = size_of::<f32>() * PLACES * patches * conv.in_channels.next_multiple_of(block);
        let strips = bytes.div_ceil(STRIP_BYTES).clamp(1, (patches / 24).max(1));
        Split { bundles: split::bundles(conv, block), strips }
    }
}

/// The length of packed weights.
pub(super) fn packed_len(conv: &Convolution, block: usize) -> usize {
    PLACES * conv.out_channels.next_multiple_of(block) * conv.in_channels.next_multiple_of(block)
}

/// Packs transformed weights as place, output block, input channel, output channel.
pub(super) fn pack(conv: &Convolution, block: usize, weights: &[f32], packed: &mut [f32]) {
    let inputs = conv.in_channels.next_multiple_of(block);
    let place_len = conv.out_channels.next_multiple_of(block) * inputs;
    for (index, kernel) in weights.chunks_exact(9).enumerate() {
        let (output, input) = (index / conv.in_channels, index % conv.in_channels);
        let start = output / block * inputs * block + input * block + output % block;
        for (place, weight) in transform_kernel(kernel).into_iter().enumerate() {
            packed[place * place_len + start] = weight as f32;
        }
    }
}

/// G g Gᵀ, of which the rows of G are (1, 0, 0), (½, ½, ½), (½, −½, ½), (0, 0, 1).
fn transform_kernel(kernel: &[f32]) -> [f64; PLACES] {
    let line = |[a, b, c]: [f64; 3]| [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
    let at = |row: usize, column: usize| f64::from(kernel[row * 3 + column]);
    let columns = [0, 1, 2].map(|column| line([at(0, column), at(1, column), at(2, column)]));
    let mut places = [0.0; PLACES];
    for row in 0..4 {
        let transformed = line(columns.map(|column| column[row]));
        places[row * 4..][..4].copy_from_slice(&transformed);
    }
    places
}

pub(super) fn run(filter: &PackedFilter, split: &Split, input: &[f32], output: &Output, finish: Finish) {
    let conv = &filter.conv;
    let patches = patches(conv).iter().product::<usize>();
    let strip = |index: usize| {
        let (image, strip) = (index / split.strips, index % split.strips);
        let range = strip * patches / split.strips..(strip + 1) * patches / split.strips;
        Strip { filter, input, output, finish, image, patches: range }
    };
    let strips = conv.batch * split.strips;
    if strips >= MANY_STRIPS {
        parallel_for(strips, &|index| {
            let strip = strip(index);
            with_numbers(strip.transformed_len(), |transformed| {
                let transformed = Transformed(transformed.as_mut_ptr());
                (0..strip.inputs()).for_each(|input| strip.transform(input, &transformed));
                split.bundles.iter().for_each(|bundle| strip.multiply(bundle, &transformed));
            });
        });
        return;
    }
    for index in 0..strips {
        let strip = strip(index);
        with_numbers(strip.transformed_len(), |transformed| {
            let transformed = Transformed(transformed.as_mut_ptr());
            parallel_for(strip.inputs(), &|input| strip.transform(input, &transformed));
            parallel_for(split.bundles.len(), &|bundle| strip.multiply(&split.bundles[bundle], &transformed));
        });
    }
}

/// The transformed patches of a strip: place, input block, patch, channel.
struct Transformed(*mut f32);

// SAFETY: tasks write the parts of input blocks of their own, and when all are written, tasks read.
unsafe impl Sync for Transformed {}

/// Patches of an image, and the pixels of the output that they give.
struct Strip<'a> {
    filter: &'a PackedFilter,
    input: &'a [f32],
    output: &'a Output<'a>,
    finish: Finish,
    image: usize,
    patches: Range<usize>,
}

impl Strip<'_> {
    /// How many blocks of input channels there are.
    fn inputs(&self) -> usize {
        self.filter.conv.in_channels.div_ceil(self.filter.block)
    }

    fn transformed_len(&self) -> usize {
        PLACES * self.inputs() * self.patches.len() * self.filter.block
    }

    /// Transforms the patches of a block of input channels.
    fn transform(&self, input: usize, transformed: &Transformed) {
        let block = self.filter.block;
        let plane = self.filter.conv.input_pixels() * block;
        let patches = Patches {
            conv: &self.filter.conv,
            plane: &self.input[(self.image * self.inputs() + input) * plane..][..plane],
            patches: self.patches.clone(),
            to: transformed.0.wrapping_add(input * self.patches.len() * block),
            step: self.inputs() * self.patches.len() * block,
        };
        run_at(self.filter.level, patches);
    }

    /// Computes the pixels of a bundle of blocks of output channels.
    fn multiply(&self, bundle: &Bundle, transformed: &Transformed) {
        let (conv, block, count) = (&self.filter.conv, self.filter.block, self.patches.len());
        let (inputs, outputs) = (self.inputs(), conv.out_channels.div_ceil(block));
        let filter = inputs * block * block;
        let product_len = bundle.blocks * count * block;
        with_numbers(PLACES * product_len, |products| {
            with_offsets(count, |offsets| {
                offsets.iter_mut().enumerate().for_each(|(patch, offset)| *offset = (patch * block) as isize);
                for place in 0..PLACES {
                    let sums = Sums {
                        input: transformed.0.wrapping_add(place * inputs * count * block),
                        plane: count * block,
                        inputs,
                        together: 1,
                        taps: 1,
                        offsets: offsets.as_ptr(),
                        row: 0,
                        shift: 0,
                        run: block,
                        weights: self.filter.weights.numbers()[(place * outputs + bundle.block) * filter..].as_ptr(),
                        filter,
                        output: products.as_mut_ptr(),
                        place: place * product_len,
                        step: count * block,
                        block: 0,
                        before: Before::Nothing,
                        ahead: NOTHING_AHEAD,
                        finish: Finish::NOTHING,
                    };
                    // SAFETY: the transformed patches have a plane for each block of input channels, the weights are packed
                    // for all blocks of the bundle, and the products are this call's own.
                    unsafe { sums.compute(self.filter.level, bundle.blocks, count) };
                }
            });
            for place in 0..bundle.blocks {
                let sums = Products {
                    strip: self,
                    channel_block: bundle.block + place,
                    products: &products[place * count * block..],
                    step: product_len,
                };
                run_at(self.filter.level, sums);
            }
        });
    }
}

/// Patches of a block of input channels that are to be transformed.
struct Patches<'a> {
    conv: &'a Convolution,
    plane: &'a [f32],
    patches: Range<usize>,
    /// Where the first place of the first patch is written.
    to: *mut f32,
    /// From one place to the next.
    step: usize,
}

impl Kernel for Patches<'_> {
    type Output = ();

    /// Bᵀ d B, of which the rows of Bᵀ are (1, 0, −1, 0), (0, 1, 1, 0), (0, −1, 1, 0), (0, 1, 0, −1).
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [height, width] = self.conv.input;
        let across = patches(self.conv)[1];
        for (index, patch) in self.patches.enumerate() {
            let (top, left) = (2 * (patch / across), 2 * (patch % across));
            let mut lines = [[s.zero(); 4]; 4];
            for (row, line) in lines.iter_mut().enumerate() {
                let y = (top + row).wrapping_sub(self.conv.pad_begin[0]);
                if y >= height {
                    continue;
                }
                let mut numbers = [s.zero(); 4];
                for (column, number) in numbers.iter_mut().enumerate() {
                    let x = (left + column).wrapping_sub(self.conv.pad_begin[1]);
                    if x < width {
                        *number = s.load(&self.plane[(y * width + x) * S::LANES..]);
                    }
                }
                let [a, b, c, d] = numbers;
                *line = [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)];
            }
            let [first, second, third, fourth] = lines;
            for column in 0..4 {
                let [a, b, c, d] = [first[column], second[column], third[column], fourth[column]];
                let column_places = [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)];
                for (row, place) in column_places.into_iter().enumerate() {
                    // SAFETY: there are all places of all patches, and this block of channels is the task's own.
                    unsafe { s.store_at(self.to.add((row * 4 + column) * self.step + index * S::LANES), place) };
                }
            }
        }
    }
}

/// Products of a block of output channels that are to be transformed back.
struct Products<'a> {
    strip: &'a Strip<'a>,
    channel_block: usize,
    products: &'a [f32],
    /// From one place to the next.
    step: usize,
}

impl Kernel for Products<'_> {
    type Output = ();

    /// Aᵀ m A, of which the rows of Aᵀ are (1, 1, 1, 0), (0, 1, −1, −1).
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Strip { filter, output, finish, image, patches: range, .. } = self.strip;
        let ([height, width], across) = (filter.conv.output(), patches(&filter.conv)[1]);
        let bias = finish.bias(s, self.channel_block);
        let (size, last) = (range.len() * S::LANES, (PLACES - 1) * self.step);
        assert!(self.products.len() >= last + size);
        for (index, patch) in range.clone().enumerate() {
            let mut rows = [[s.zero(); 4]; 2];
            for column in 0..4 {
                let at = |row: usize| {
                    // SAFETY: the products have all places of all patches, as was checked.
                    unsafe { s.load_at(self.products.as_ptr().add((row * 4 + column) * self.step + index * S::LANES)) }
                };
                let [a, b, c, d] = [at(0), at(1), at(2), at(3)];
                rows[0][column] = s.add(s.add(a, b), c);
                rows[1][column] = s.sub(s.sub(b, c), d);
            }
            let (top, left) = (2 * (patch / across), 2 * (patch % across));
            for (row, [a, b, c, d]) in rows.into_iter().enumerate() {
                let sums = [s.add(s.add(a, b), c), s.sub(s.sub(b, c), d)];
                for (column, sum) in sums.into_iter().enumerate() {
                    if top + row >= height || left + column >= width {
                        continue;
                    }
                    let place = output.place(*image, self.channel_block, (top + row) * width + left + column);
                    // SAFETY: the pixel lies in the output, and it is the task's own.
                    unsafe { finish.store(s, [sum], bias, output.at(place), place) };
                }
            }
        }
        self.finish_rows(height, width, across);
    }
}

impl Products<'_> {
    /// Gives the epilogue the pixels of the strip, which aren't contiguous.
    fn finish_rows(&self, height: usize, width: usize, across: usize) {
        let range = &self.strip.patches;
        let mut patch = range.start;
        while patch < range.end {
            let (row, column) = (patch / across, patch % across);
            let end = ((row + 1) * across).min(range.end);
            let (left, right) = (2 * column, (2 * (column + end - patch)).min(width));
            for line in 2 * row..(2 * row + 2).min(height) {
                // SAFETY: the task has these pixels for itself, and they are stored.
                unsafe {
                    self.strip.output.finish(self.strip.image, self.channel_block, line * width + left, right - left)
                };
            }
            patch = end;
        }
    }
}
