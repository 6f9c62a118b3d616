//! Winograd's method against the definition.

use super::plain::{convolve, numbers, run_plain};
use crate::conv::{Convolution, Fused, Method, Options};
use crate::simd::Level;

/// The definition with the magnitudes of everything that the method adds and subtracts: |Aᵀ| (Σ |G||g||Gᵀ| ∘ |Bᵀ||d||B|) |A|.
/// For one output it is a sum over the patch of 4×4 that the output is computed from.
fn magnitudes(conv: &Convolution, input: &[f32], weights: &[f32]) -> Vec<f64> {
    const INPUT: [[f64; 4]; 4] = [[1., 0., 1., 0.], [0., 1., 1., 0.], [0., 1., 1., 0.], [0., 1., 0., 1.]];
    const KERNEL: [[f64; 3]; 4] = [[1., 0., 0.], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0., 0., 1.]];
    const OUTPUT: [[f64; 4]; 2] = [[1., 1., 1., 0.], [0., 1., 1., 1.]];
    let [height, width] = conv.output();
    let mut all = Vec::new();
    for plane in 0..conv.batch * conv.out_channels {
        let (image, output) = (plane / conv.out_channels, plane % conv.out_channels);
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let mut sum = 0.0;
            for channel in 0..conv.in_channels {
                let at = |y: usize, x: usize| {
                    let y = (row / 2 * 2 + y).wrapping_sub(conv.pad_begin[0]);
                    let x = (column / 2 * 2 + x).wrapping_sub(conv.pad_begin[1]);
                    let inside = y < conv.input[0] && x < conv.input[1];
                    let first = (image * conv.in_channels + channel) * conv.input[0];
                    if inside { f64::from(input[(first + y) * conv.input[1] + x]).abs() } else { 0.0 }
                };
                let kernel = &weights[(output * conv.in_channels + channel) * 9..][..9];
                for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
                    let mut patch = 0.0;
                    let mut weight = 0.0;
                    for (y, x) in (0..4).flat_map(|y| (0..4).map(move |x| (y, x))) {
                        patch += INPUT[i][y] * INPUT[j][x] * at(y, x);
                    }
                    for (y, x) in (0..3).flat_map(|y| (0..3).map(move |x| (y, x))) {
                        weight += KERNEL[i][y] * KERNEL[j][x] * f64::from(kernel[y * 3 + x]).abs();
                    }
                    sum += OUTPUT[row % 2][i] * OUTPUT[column % 2][j] * patch * weight;
                }
            }
            all.push(sum);
        }
    }
    all
}

/// Each of the terms of C channels passes at most 4 additions on the way in, one rounding as a weight, C fused products,
/// and 4 additions on the way out: (C + 9)·ε/2 times the sum of magnitudes to first order; twice that is allowed.
#[test]
fn winograd_is_within_its_bound() {
    let base = Convolution { kernel: [3, 3], ..Convolution::POINTWISE };
    let cases = [
        ([1, 1], [3, 3], [0, 0], [0, 0]),
        ([3, 17], [7, 7], [1, 1], [1, 1]),
        ([17, 5], [8, 13], [1, 1], [1, 1]),
        ([30, 70], [6, 9], [0, 2], [1, 0]),
        ([33, 8], [1, 1], [1, 1], [1, 1]),
        ([5, 16], [40, 40], [2, 1], [0, 2]),
    ];
    for (channels, input, pad_begin, pad_end) in cases {
        let conv =
            Convolution { in_channels: channels[0], out_channels: channels[1], input, pad_begin, pad_end, ..base };
        let conv = Convolution { batch: 2, ..conv };
        let input = numbers(1, 2 * conv.in_channels * conv.input[0] * conv.input[1]);
        let weights = numbers(2, conv.weights());
        let ([sums, _], magnitudes) = (convolve(&conv, &input, &weights), magnitudes(&conv, &input, &weights));
        for level in Level::available() {
            let options = Options { level, method: Method::Winograd, ..Options::default() };
            let found = run_plain(&conv, options, [&input, &weights], &Fused::default(), None);
            assert_eq!(found.len(), sums.len());
            for (place, ((found, sum), magnitude)) in found.iter().zip(&sums).zip(&magnitudes).enumerate() {
                let bound = (conv.in_channels + 9) as f64 * f64::from(f32::EPSILON) * magnitude;
                assert!((f64::from(*found) - sum).abs() <= bound, "{level:?} {conv:?}: {found} for {sum} at {place}");
            }
        }
    }
}
