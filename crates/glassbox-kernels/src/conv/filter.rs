//! Weights, packed once for the kernel that will use them, whatever the size and number of images.

use std::sync::Arc;

use glassbox_tensor::parallel_chunks;

use super::finish::{Finish, Fused};
use super::output::Output;
use super::scratch::with_numbers;
use super::{ConvEpilogue, Convolution, blocked, depthwise, grouped, plain, to_blocks, winograd};
use crate::memory::Memory;
use crate::simd::{Level, MAX_LANES};

/// How a filter is packed, where the default isn't wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The instructions to use. Their number of lanes is the block of channels.
    pub level: Level,
    /// Whether the input is plain NCHW, as that of a first layer.
    pub plain_input: bool,
    /// Which method.
    pub method: Method,
}

/// How sums are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Product by product.
    #[default]
    Direct,
    /// Winograd's F(2×2, 3×3), where the kernel is 3×3 with stride and dilation 1, in one group and from blocks; directly
    /// otherwise. It takes 4 products instead of 9 and rounds differently: see [`PackedFilter::is_winograd`].
    Winograd,
}

impl Default for Options {
    fn default() -> Options {
        Options { level: Level::best(), plain_input: false, method: Method::Direct }
    }
}

/// A convolution with its weights, packed for one level.
///
/// ```
/// use glassbox_kernels::conv::{Convolution, PackedFilter, block, from_blocks, to_blocks};
/// use glassbox_kernels::simd::Level;
/// let conv = Convolution { in_channels: 2, out_channels: 3, input: [1, 2], ..Convolution::POINTWISE };
/// let block = block(Level::best());
/// let filter = PackedFilter::pack(&conv, block, &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
/// let mut input = vec![0.0; conv.input_len(block)];
/// to_blocks(block, [1, 2, 2], &[1.0, 2.0, 3.0, 4.0], &mut input);
/// let mut output = vec![0.0; conv.output_len(block)];
/// filter.run(&input, &mut output, None);
/// let mut plain = [0.0; 6];
/// from_blocks(block, [1, 3, 2], &output, &mut plain);
/// assert_eq!(plain, [1.0, 2.0, 3.0, 4.0, 4.0, 6.0]);
/// ```
#[derive(Debug)]
pub struct PackedFilter {
    pub(super) conv: Convolution,
    pub(super) level: Level,
    pub(super) block: usize,
    pub(super) weights: Arc<Memory>,
    kind: Kind,
    plain_input: bool,
}

/// Which kernel.
#[derive(Clone, Debug)]
enum Kind {
    Plain(plain::Split),
    Winograd(winograd::Split),
    Depthwise,
    Blocked(blocked::Split),
    Grouped,
}

/// The number of channels in a block at a level.
///
/// ```
/// use glassbox_kernels::{conv::block, simd::Level};
/// assert_eq!([block(Level::Avx2), block(Level::Avx512)], [8, 16]);
/// ```
pub fn block(level: Level) -> usize {
    match level {
        Level::Avx512 => 16,
        Level::Avx2 | Level::Portable => 8,
    }
}

/// The best level with blocks of so many channels.
fn level_of(block: usize) -> Option<Level> {
    let best = Level::best();
    Level::ALL.into_iter().rev().find(|level| *level <= best && level.is_available() && self::block(*level) == block)
}

impl PackedFilter {
    /// Packs weights of the shape out_channels × in_channels / groups × kernel, for an input in blocks of channels.
    ///
    /// # Panics
    /// As [`PackedFilter::pack_with`]; or where no level of this processor has this block.
    pub fn pack(conv: &Convolution, block: usize, weights: &[f32]) -> PackedFilter {
        let level = level_of(block);
        assert!(level.is_some(), "no level of this processor has blocks of {block} channels");
        PackedFilter::pack_with(
            conv,
            Options { level: level.unwrap_or(Level::Portable), ..Options::default() },
            weights,
        )
    }

    /// Packs weights of the shape out_channels × in_channels / groups × kernel.
    ///
    /// # Panics
    /// Where the sizes make no convolution (no group or one that doesn't divide the channels, no tap, a stride or dilation
    /// of 0), where there aren't as many weights, or where the processor lacks the level.
    pub fn pack_with(conv: &Convolution, options: Options, weights: &[f32]) -> PackedFilter {
        conv.check();
        assert_eq!(weights.len(), conv.weights(), "the number of weights");
        assert!(options.level.is_available(), "the processor has no {}", options.level.name());
        let (level, block) = (options.level, block(options.level));
        let (kind, length, pack) = kind(conv, options, weights);
        let mut packed = Memory::zeroed(length * size_of::<f32>());
        if matches!(kind, Kind::Winograd(_)) {
            pack(conv, block, weights, packed.numbers_mut());
        } else if length > 0 {
            // The weights of a block of output channels lie together, before and after.
            let given = weights.len() / conv.out_channels * block;
            let taken = length / conv.out_channels.div_ceil(block);
            parallel_chunks(packed.numbers_mut(), taken, &|index, packed| {
                pack(conv, block, &weights[index * given..][..given.min(weights.len() - index * given)], packed);
            });
        }
        let weights = Arc::new(packed);
        PackedFilter { conv: *conv, level, block, weights, kind, plain_input: options.plain_input }
    }

    /// The filter for images of other sizes, or for more or fewer of them. It has the same packed weights, not a copy.
    ///
    /// ```
    /// use glassbox_kernels::conv::{Convolution, PackedFilter, block};
    /// use glassbox_kernels::simd::Level;
    /// let conv = Convolution { kernel: [1, 3], input: [1, 3], ..Convolution::POINTWISE };
    /// let filter = PackedFilter::pack(&conv, block(Level::best()), &[1.0, 2.0, 3.0]);
    /// let longer = filter.for_images(&Convolution { input: [1, 30], pad_begin: [0, 1], ..conv });
    /// assert_eq!(longer.convolution().output(), [1, 29]);
    /// ```
    ///
    /// # Panics
    /// Where the convolutions differ in more than the images and the pads.
    pub fn for_images(&self, conv: &Convolution) -> PackedFilter {
        let Convolution { batch, input, pad_begin, pad_end, .. } = *conv;
        let same = Convolution { batch, input, pad_begin, pad_end, ..self.conv };
        assert_eq!(same, *conv, "only the images and the pads are others");
        let kind = match &self.kind {
            Kind::Plain(_) => Kind::Plain(plain::Split::new(conv, self.level, self.block)),
            Kind::Winograd(_) => Kind::Winograd(winograd::Split::new(conv, self.block)),
            Kind::Depthwise => Kind::Depthwise,
            Kind::Blocked(_) => Kind::Blocked(blocked::Split::new(conv, self.level, self.block)),
            Kind::Grouped => Kind::Grouped,
        };
        let (weights, plain_input) = (self.weights.clone(), self.plain_input);
        PackedFilter { conv: *conv, level: self.level, block: self.block, weights, kind, plain_input }
    }

    /// Whether sums are computed by Winograd's method. It adds and subtracts numbers of a patch before and after it
    /// multiplies, so the bound of its error is that of sums over the whole patch of 4×4, and an infinity or NaN spoils all
    /// 2×2 outputs that are computed together. Infinite weights give NaN.
    pub fn is_winograd(&self) -> bool {
        matches!(self.kind, Kind::Winograd(_))
    }

    /// The convolution.
    pub fn convolution(&self) -> &Convolution {
        &self.conv
    }

    /// The number of channels in a block.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Computes the convolution: output from input, both as the [module](super) says.
    ///
    /// # Panics
    /// Where a slice hasn't the length that the sizes give.
    pub fn run(&self, input: &[f32], output: &mut [f32], epilogue: Option<&dyn ConvEpilogue>) {
        self.run_fused(input, output, &Fused::default(), epilogue);
    }

    /// [`PackedFilter::run`] with more work on the sums before they are stored; the epilogue comes after it.
    ///
    /// # Panics
    /// Where a slice hasn't the length that the sizes give.
    pub fn run_fused(&self, input: &[f32], output: &mut [f32], fused: &Fused, epilogue: Option<&dyn ConvEpilogue>) {
        let conv = &self.conv;
        let plain = conv.batch * conv.in_channels * conv.input_pixels();
        let expected = if self.plain_input { plain } else { conv.input_len(self.block) };
        assert_eq!(input.len(), expected, "the length of the input");
        let finish = Finish::new(fused, conv.out_channels, output.len());
        let output = Output::new(conv, self.level, output, epilogue);
        if conv.batch == 0 || conv.out_channels == 0 || conv.pixels() == 0 {
            return;
        }
        if self.plain_input && !matches!(self.kind, Kind::Plain(_)) {
            with_numbers(conv.input_len(self.block), |blocks| {
                to_blocks(self.block, [conv.batch, conv.in_channels, conv.input_pixels()], input, blocks);
                self.compute(blocks, &output, finish);
            });
        } else {
            self.compute(input, &output, finish);
        }
    }

    fn compute(&self, input: &[f32], output: &Output, finish: Finish) {
        match &self.kind {
            Kind::Plain(split) => plain::run(self, split, input, output, finish),
            Kind::Winograd(split) => winograd::run(self, split, input, output, finish),
            Kind::Depthwise => depthwise::run(self, input, output, finish),
            Kind::Blocked(split) => blocked::run(self, split, input, output, finish),
            Kind::Grouped => grouped::run(self, input, output, finish),
        }
    }
}

/// Packs the weights of a block of output channels, or by Winograd's method those of all, into zeros.
type Pack = fn(&Convolution, usize, &[f32], &mut [f32]);

/// The kernel of a convolution, and how its weights are packed.
fn kind(conv: &Convolution, options: Options, weights: &[f32]) -> (Kind, usize, Pack) {
    let (level, block) = (options.level, block(options.level));
    let filled = [conv.in_per_group(), conv.out_per_group()].iter().all(|count| count.is_multiple_of(block));
    // Groups that are gathered at another level have the order of sums of this one only where that is tap, channel.
    let at_all_levels = [conv.in_per_group(), conv.out_per_group()].iter().all(|count| count.is_multiple_of(MAX_LANES));
    let filled = filled && (at_all_levels || conv.in_per_group() <= MAX_LANES);
    if options.plain_input && plain::takes(conv) {
        (Kind::Plain(plain::Split::new(conv, level, block)), plain::packed_len(conv, block), plain::pack)
    } else if options.method == Method::Winograd && winograd::takes(conv) {
        (Kind::Winograd(winograd::Split::new(conv, block)), winograd::packed_len(conv, block), winograd::pack)
    } else if depthwise::takes(conv, weights) {
        (Kind::Depthwise, depthwise::packed_len(conv, block), depthwise::pack)
    } else if conv.groups == 1 || filled {
        (Kind::Blocked(blocked::Split::new(conv, level, block)), blocked::packed_len(conv, block), blocked::pack)
    } else {
        (Kind::Grouped, grouped::packed_len(conv, block), grouped::pack)
    }
}
