//! What happens to sums before they are stored: bias, residual, activation.

use crate::simd::Simd;

/// What a convolution does with its sums in registers: adds a bias, then a residual, then applies an activation.
///
/// ```
/// use glassbox_kernels::conv::{Activation, Fused};
/// let fused = Fused { bias: Some(&[0.5]), activation: Activation::Relu, ..Fused::default() };
/// assert!(fused.residual.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Fused<'a> {
    /// One number for each channel of the output.
    pub bias: Option<&'a [f32]>,
    /// A tensor in the layout of the output.
    pub residual: Option<&'a [f32]>,
    /// What is applied last.
    pub activation: Activation,
}

/// What is applied to a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// max(0, x); NaN stays.
    Relu,
    /// min(max(x, low), high); NaN stays.
    Clip(f32, f32),
}

impl Activation {
    /// The bounds that it keeps.
    fn bounds(self) -> [f32; 2] {
        match self {
            Activation::None => [f32::NEG_INFINITY, f32::INFINITY],
            Activation::Relu => [0.0, f32::INFINITY],
            Activation::Clip(low, high) => [low, high],
        }
    }
}

/// Work on finished parts of an output, while they are in the cache.
///
/// ```
/// use glassbox_kernels::conv::ConvEpilogue;
/// struct Halve;
/// impl ConvEpilogue for Halve {
///     fn finish(&self, _: usize, _: usize, _: usize, _: usize, values: &mut [f32]) {
///         values.iter_mut().for_each(|x| *x *= 0.5);
///     }
/// }
/// let mut values = [2.0, 4.0];
/// Halve.finish(0, 0, 0, 0, &mut values);
/// assert_eq!(values, [1.0, 2.0]);
/// ```
pub trait ConvEpilogue: Sync {
    /// Is given, once each, runs of pixels of a row of the output of `image`, that begin at `column`: pixels × block
    /// values of the channels of `channel_block`. It is called from many threads. Channels that only fill the last
    /// block are set to zero after it.
    fn finish(&self, image: usize, channel_block: usize, row: usize, column: usize, values: &mut [f32]);
}

/// [`Fused`] as kernels use it, for one run.
#[derive(Clone, Copy)]
pub(super) struct Finish {
    bias: *const f32,
    channels: usize,
    residual: *const f32,
    bounds: [f32; 2],
}

// SAFETY: it only reads, from slices that are borrowed as long as a run lasts.
unsafe impl Sync for Finish {}

impl Finish {
    /// What stores sums as they are.
    pub(super) const NOTHING: Finish = Finish {
        bias: std::ptr::null(),
        channels: 0,
        residual: std::ptr::null(),
        bounds: [f32::NEG_INFINITY, f32::INFINITY],
    };

    /// For an output of `length` elements and `channels` channels.
    ///
    /// # Panics
    /// Where the bias hasn't a number for each channel, or the residual not the length of the output.
    pub(super) fn new(fused: &Fused, channels: usize, length: usize) -> Finish {
        assert!(fused.bias.is_none_or(|bias| bias.len() == channels), "a bias for each channel");
        assert!(fused.residual.is_none_or(|residual| residual.len() == length), "a residual of the output's length");
        Finish {
            bias: fused.bias.map_or(std::ptr::null(), <[f32]>::as_ptr),
            channels,
            residual: fused.residual.map_or(std::ptr::null(), <[f32]>::as_ptr),
            bounds: fused.activation.bounds(),
        }
    }

    /// Whether there is a bias.
    #[inline(always)]
    pub(super) fn has_bias(&self) -> bool {
        !self.bias.is_null()
    }

    /// The bias of a block of channels; zeros where there is none, and for channels that only fill the block.
    #[inline(always)]
    pub(super) fn bias<S: Simd>(&self, s: S, block: usize) -> S::F32 {
        let first = block * S::LANES;
        if self.bias.is_null() || first >= self.channels {
            return s.zero();
        }
        // SAFETY: the bias has a number for each channel.
        unsafe { s.load_part_at(self.bias.add(first), (self.channels - first).min(S::LANES)) }
    }

    /// The residual of what is to stand at `place` in the output.
    #[inline(always)]
    pub(super) fn residual(&self, place: usize) -> Option<*const f32> {
        (!self.residual.is_null()).then(|| self.residual.wrapping_add(place))
    }

    /// The bounds of the activation: `min(high, max(low, x))`, which keeps NaN, as both give the second operand where
    /// either is NaN. Without activation they are infinite.
    #[inline(always)]
    pub(super) fn bounds<S: Simd>(&self, s: S) -> [S::F32; 2] {
        [s.splat(self.bounds[0]), s.splat(self.bounds[1])]
    }

    /// Finishes the sums of pixels that follow each other, of a block of channels, and stores them at `to`, which is
    /// `place` in the output.
    ///
    /// Each loop is so short that the compiler unrolls it, which keeps sums in registers from the first product on.
    ///
    /// # Safety
    /// The pixels lie in the output, and the caller has them for itself.
    #[inline(always)]
    pub(super) unsafe fn store<S: Simd, const PIXELS: usize>(
        &self,
        s: S,
        mut sums: [S::F32; PIXELS],
        bias: S::F32,
        to: *mut f32,
        place: usize,
    ) {
        // SAFETY: the caller says so; the residual is as long as the output.
        unsafe {
            if self.has_bias() {
                for sum in &mut sums {
                    *sum = s.add(*sum, bias);
                }
            }
            if let Some(residual) = self.residual(place) {
                for pixel in 0..PIXELS {
                    sums[pixel] = s.add(sums[pixel], s.load_at(residual.add(pixel * S::LANES)));
                }
            }
            let [low, high] = self.bounds(s);
            for pixel in 0..PIXELS {
                s.store_at(to.add(pixel * S::LANES), s.min(high, s.max(low, sums[pixel])));
            }
        }
    }
}
