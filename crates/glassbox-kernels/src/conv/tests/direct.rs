//! Direct convolutions: every shape, at every level.

use super::plain::{convolve, numbers};
use crate::conv::{ConvEpilogue, Convolution, Fused, Options, PackedFilter, block, from_blocks, to_blocks};
use crate::simd::Level;

const BASE: Convolution = Convolution::POINTWISE;

/// Runs a convolution over NCHW tensors.
pub(super) fn run_plain(
    conv: &Convolution,
    options: Options,
    [input, weights]: [&[f32]; 2],
    fused: &Fused,
    epilogue: Option<&dyn ConvEpilogue>,
) -> Vec<f32> {
    let block = block(options.level);
    let filter = PackedFilter::pack_with(conv, options, weights);
    let [height, width] = conv.output();
    let sizes = [conv.batch, conv.out_channels, height * width];
    let mut blocks = vec![f32::NAN; conv.output_len(block)];
    if options.plain_input {
        filter.run_fused(input, &mut blocks, fused, epilogue);
    } else {
        let mut ordered = vec![f32::NAN; conv.input_len(block)];
        to_blocks(block, [conv.batch, conv.in_channels, conv.input[0] * conv.input[1]], input, &mut ordered);
        filter.run_fused(&ordered, &mut blocks, fused, epilogue);
    }
    let rest = conv.out_channels.next_multiple_of(block) - conv.out_channels;
    for image in blocks.chunks_exact((conv.output_len(block) / conv.batch.max(1)).max(1)) {
        let last = &image[image.len() - block * height * width..];
        assert!(last.chunks_exact(block).all(|pixel| pixel[block - rest..].iter().all(|x| *x == 0.0)), "{conv:?}");
    }
    let mut plain = vec![f32::NAN; sizes.iter().product()];
    from_blocks(block, sizes, &blocks, &mut plain);
    plain
}

/// Compares a convolution with its definition. A sum of K products that are fused one after the other, in any order,
/// differs by at most K·ε/2·Σ|a||w| to first order (ε/2 is the most that one rounding moves); twice that is allowed.
pub(super) fn check(conv: &Convolution, plain_input: bool) {
    let input = numbers(1, conv.batch * conv.in_channels * conv.input[0] * conv.input[1]);
    let weights = numbers(2, conv.weights());
    let [sums, magnitudes] = convolve(conv, &input, &weights);
    let terms = conv.weights() / conv.out_channels.max(1);
    for level in Level::available() {
        let options = Options { level, plain_input, ..Options::default() };
        let found = run_plain(conv, options, [&input, &weights], &Fused::default(), None);
        assert_eq!(found.len(), sums.len(), "{conv:?}");
        for (place, ((found, sum), magnitude)) in found.iter().zip(&sums).zip(&magnitudes).enumerate() {
            let bound = terms as f64 * f64::from(f32::EPSILON) * magnitude;
            assert!((f64::from(*found) - sum).abs() <= bound, "{level:?} {conv:?}: {found} for {sum} at {place}");
        }
    }
}

#[test]
fn channels_and_sizes_of_every_kind() {
    for channels in [[1, 1], [3, 5], [5, 17], [17, 30], [30, 3], [16, 64], [8, 72], [33, 50]] {
        for input in [[1, 1], [7, 5], [6, 13]] {
            let conv = Convolution { in_channels: channels[0], out_channels: channels[1], input, ..BASE };
            check(&conv, false);
            check(&Convolution { batch: 2, kernel: [3, 3], pad_begin: [1, 1], pad_end: [1, 1], ..conv }, false);
        }
    }
}

#[test]
fn kernels_strides_dilations_and_pads() {
    let conv = Convolution { in_channels: 5, out_channels: 17, input: [11, 13], ..BASE };
    for kernel in [[1, 1], [1, 3], [3, 1], [2, 2], [3, 3], [5, 4], [7, 7]] {
        for stride in [[1, 1], [2, 2], [3, 1], [1, 3]] {
            for dilation in [[1, 1], [2, 1], [1, 2]] {
                for (pad_begin, pad_end) in [([0, 0], [0, 0]), ([1, 2], [2, 1]), ([0, 3], [4, 0])] {
                    check(&Convolution { kernel, stride, dilation, pad_begin, pad_end, ..conv }, false);
                }
            }
        }
    }
}
