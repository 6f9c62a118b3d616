//! Weights, packed once for the kernel that will use them.

use super::blocked::{self, Split};
use super::finish::{Finish, Fused};
use super::output::Output;
use super::scratch::Aligned;
use super::{ConvEpilogue, Convolution};
use crate::simd::Level;

/// How a filter is packed, where the default isn't wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The instructions to use. Their number of lanes is the block of channels.
    pub level: Level,
    /// Whether the input is plain NCHW; it is in blocks of channels otherwise. One group only.
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
#[derive(Clone, Debug)]
pub struct PackedFilter {
    pub(super) conv: Convolution,
    pub(super) level: Level,
    pub(super) block: usize,
    pub(super) weights: Aligned,
    kind: Kind,
}

/// Which kernel.
#[derive(Clone, Debug)]
enum Kind {
    Blocked(Split),
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
        let mut packed = Aligned::zeros(blocked::packed_len(conv, block));
        blocked::pack(conv, block, weights, packed.numbers_mut());
        let kind = Kind::Blocked(Split::new(conv, level, block));
        PackedFilter { conv: *conv, level, block, weights: packed, kind }
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
        assert_eq!(input.len(), self.conv.input_len(self.block), "the length of the input");
        let finish = Finish::new(fused, self.conv.out_channels, output.len());
        let output = Output::new(&self.conv, self.block, output, fused, epilogue);
        if self.conv.pixels() == 0 {
            return;
        }
        match &self.kind {
            Kind::Blocked(split) => blocked::run(self, split, input, &output, finish),
        }
    }
}
