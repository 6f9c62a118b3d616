//! The output of a run, of which threads write different parts.

use super::{ConvEpilogue, Convolution};
use crate::simd::{Kernel, Level, Simd, run_at};

/// Where the output lies, and what is done with the parts that are finished.
pub(super) struct Output<'a> {
    start: *mut f32,
    length: usize,
    block: usize,
    blocks: usize,
    /// Channels that the last block has; the rest of it is zero.
    last: usize,
    size: [usize; 2],
    epilogue: Option<&'a dyn ConvEpilogue>,
    level: Level,
}

// SAFETY: threads write parts that don't overlap, as each task has pixels or channels of its own; the epilogue is Sync.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// The output of a convolution.
    ///
    /// # Panics
    /// Where the slice hasn't its length.
    pub(super) fn new(
        conv: &Convolution,
        level: Level,
        output: &'a mut [f32],
        epilogue: Option<&'a dyn ConvEpilogue>,
    ) -> Output<'a> {
        let block = super::block(level);
        assert_eq!(output.len(), conv.output_len(block), "the length of the output");
        let blocks = conv.out_channels.div_ceil(block);
        Output {
            start: output.as_mut_ptr(),
            length: output.len(),
            block,
            blocks,
            last: conv.out_channels - blocks.saturating_sub(1) * block,
            size: conv.output(),
            epilogue,
            level,
        }
    }

    /// Where a pixel of a block of channels stands.
    #[inline(always)]
    pub(super) fn place(&self, image: usize, channel_block: usize, pixel: usize) -> usize {
        ((image * self.blocks + channel_block) * self.size[0] * self.size[1] + pixel) * self.block
    }

    /// A pointer to an element. Whoever writes through it has this part of the output for itself.
    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> *mut f32 {
        debug_assert!(place <= self.length);
        self.start.wrapping_add(place)
    }

    /// Gives the pixels from `first` on of a block of channels, whose values are stored, to the epilogue.
    ///
    /// # Safety
    /// The caller has this part of the output for itself, and it lies in the output.
    pub(super) unsafe fn finish(&self, image: usize, channel_block: usize, first: usize, count: usize) {
        let partial = channel_block + 1 == self.blocks && self.last < self.block;
        if count == 0 || !partial && self.epilogue.is_none() {
            return;
        }
        let place = self.place(image, channel_block, first);
        debug_assert!(place + count * self.block <= self.length);
        // SAFETY: the caller says so.
        let values = unsafe { std::slice::from_raw_parts_mut(self.at(place), count * self.block) };
        if let Some(epilogue) = self.epilogue {
            let (mut pixel, mut rest) = (first, &mut *values);
            while !rest.is_empty() {
                let (row, column) = (pixel / self.size[1], pixel % self.size[1]);
                let run = (self.size[1] - column).min(rest.len() / self.block);
                let (now, later) = rest.split_at_mut(run * self.block);
                epilogue.finish(image, channel_block, row, column, now);
                (pixel, rest) = (pixel + run, later);
            }
        }
        if partial {
            run_at(self.level, Clear { values, channels: self.last });
        }
    }
}

/// Pixels of a block of channels of which only the first are channels; the others are set to zero. They may be something
/// else: a zero weight makes NaN of an infinity, an activation may move zero.
pub(super) struct Clear<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) channels: usize,
}

impl Kernel for Clear<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for pixel in self.values.chunks_exact_mut(S::LANES) {
            let x = s.load_part(&pixel[..self.channels]);
            s.store(pixel, x);
        }
    }
}
