//! The sizes of a convolution, and what follows from them.

/// A convolution over two spatial axes (`[height, width]`), as ONNX has it; one over a single axis has height 1.
///
/// ```
/// use glassbox_kernels::conv::Convolution;
/// let conv = Convolution { in_channels: 64, out_channels: 64, input: [56, 56], ..Convolution::POINTWISE };
/// let conv = Convolution { kernel: [3, 3], pad_begin: [1, 1], pad_end: [1, 1], ..conv };
/// assert_eq!(conv.output(), [56, 56]);
/// assert_eq!(conv.products(), 64 * 64 * 9 * 56 * 56);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// How many images.
    pub batch: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Into how many groups the channels of input and output fall; it divides both.
    pub groups: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// From one window to the next.
    pub stride: [usize; 2],
    /// From one tap to the next.
    pub dilation: [usize; 2],
    /// Rows above and columns left of the input, that count as zeros.
    pub pad_begin: [usize; 2],
    /// Rows below and columns right of the input, that count as zeros.
    pub pad_end: [usize; 2],
}

impl Convolution {
    /// One image of one pixel and one channel, under a kernel of one tap: what others are made from.
    pub const POINTWISE: Convolution = Convolution {
        batch: 1,
        in_channels: 1,
        out_channels: 1,
        groups: 1,
        input: [1, 1],
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pad_begin: [0, 0],
        pad_end: [0, 0],
    };

    /// Height and width of the output: 0 where the kernel is larger than the padded input.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            let extent = self.input[axis] + self.pad_begin[axis] + self.pad_end[axis];
            let reach = (self.kernel[axis].max(1) - 1) * self.dilation[axis] + 1;
            if extent < reach || self.kernel[axis] == 0 { 0 } else { (extent - reach) / self.stride[axis].max(1) + 1 }
        })
    }

    /// How many weights there are: out_channels × in_channels / groups × kernel.
    pub fn weights(&self) -> usize {
        self.out_channels * self.in_per_group() * self.taps()
    }

    /// How many products are summed, all in all; a product and its sum count as one.
    pub fn products(&self) -> usize {
        self.batch * self.weights() * self.pixels()
    }

    /// The length of the input in blocks of `block` channels.
    pub fn input_len(&self, block: usize) -> usize {
        self.batch * self.in_channels.div_ceil(block) * block * self.input[0] * self.input[1]
    }

    /// The length of the output in blocks of `block` channels.
    pub fn output_len(&self, block: usize) -> usize {
        self.batch * self.out_channels.div_ceil(block) * block * self.pixels()
    }

    /// Whether [`Method::Winograd`](super::Method::Winograd) takes less time than summing directly: where it applies, and
    /// where there are enough pixels for its weights, of which there are 16 / 9 as many. It says the same for every batch.
    pub fn winograd_gains(&self) -> bool {
        let patches = self.output().map(|size| size.div_ceil(2)).iter().product::<usize>();
        super::winograd::takes(self) && patches >= 36 && self.in_channels >= 16 && self.out_channels >= 16
    }

    pub(super) fn in_per_group(&self) -> usize {
        self.in_channels / self.groups.max(1)
    }

    pub(super) fn out_per_group(&self) -> usize {
        self.out_channels / self.groups.max(1)
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Pixels of one image of the output.
    pub(super) fn pixels(&self) -> usize {
        self.output()[0] * self.output()[1]
    }

    /// Pixels of one image of the input.
    pub(super) fn input_pixels(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Where a tap of a window lies on an axis of the input, if it does.
    #[inline]
    pub(super) fn place(&self, axis: usize, window: usize, tap: usize) -> Option<usize> {
        let place = (window * self.stride[axis] + tap * self.dilation[axis]).checked_sub(self.pad_begin[axis])?;
        (place < self.input[axis]).then_some(place)
    }

    /// Checks what every kernel relies on.
    ///
    /// # Panics
    /// Where the sizes make no convolution.
    pub(super) fn check(&self) {
        assert!(self.groups > 0, "a convolution has a group");
        assert!(self.in_channels.is_multiple_of(self.groups), "the groups divide the channels of the input");
        assert!(self.out_channels.is_multiple_of(self.groups), "the groups divide the channels of the output");
        assert!(self.stride.iter().chain(&self.dilation).all(|step| *step > 0), "strides and dilations are positive");
        assert!(self.kernel.iter().all(|size| *size > 0), "a kernel has a tap");
    }
}
