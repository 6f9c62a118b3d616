//! Direct convolutions of every shape, at every level, against their definition.

use super::plain::{convolve, numbers, run_plain};
use crate::conv::{Convolution, Fused, LONG, Options, PART};
use crate::simd::Level;

const BASE: Convolution = Convolution::POINTWISE;

/// Compares a convolution with its definition. A sum of K products that are fused one after the other, in any order,
/// differs by at most K·ε/2·Σ|a||w| to first order (ε/2 is the most that one rounding moves); twice that is allowed. Every
/// level gives the same bits.
fn check(conv: &Convolution, plain_input: bool) {
    let input = numbers(1, conv.batch * conv.in_channels * conv.input[0] * conv.input[1]);
    let weights = numbers(2, conv.weights());
    let [sums, magnitudes] = convolve(conv, &input, &weights);
    let terms = conv.weights() / conv.out_channels.max(1);
    // A product of a sum of parts goes through the additions of its part and those of the parts.
    let taps = conv.kernel[0] * conv.kernel[1];
    let plain = plain_input && conv.in_channels <= 4 && conv.groups == 1 && conv.dilation[1] == 1;
    let filled =
        (conv.in_channels / conv.groups).is_multiple_of(8) && (conv.out_channels / conv.groups).is_multiple_of(8);
    let terms = match terms > LONG {
        true if plain || conv.groups > 1 && !filled => PART + 2 * terms.div_ceil(PART) + conv.in_channels,
        true if conv.groups == 1 && taps > 32 => 512 + terms.div_ceil(64),
        _ => terms,
    };
    let mut first: Option<Vec<f32>> = None;
    for level in Level::available() {
        let options = Options { level, plain_input, ..Options::default() };
        let found = run_plain(conv, options, [&input, &weights], &Fused::default(), None);
        assert_eq!(found.len(), sums.len(), "{conv:?}");
        for (place, ((found, sum), magnitude)) in found.iter().zip(&sums).zip(&magnitudes).enumerate() {
            let bound = terms as f64 * f64::from(f32::EPSILON) * magnitude;
            assert!((f64::from(*found) - sum).abs() <= bound, "{level:?} {conv:?}: {found} for {sum} at {place}");
        }
        let first = first.get_or_insert_with(|| found.clone());
        let same = first.iter().zip(&found).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{level:?} {conv:?}: other bits than at the first level");
    }
}

/// Kernels, strides, dilations and pads of every kind, for other sizes.
fn windows(conv: Convolution) -> impl Iterator<Item = Convolution> {
    let kernels = [[1, 1], [1, 3], [3, 1], [2, 2], [3, 3], [5, 4], [4, 5], [7, 7]];
    let pads = [([0, 0], [0, 0]), ([1, 1], [1, 1]), ([1, 2], [2, 1]), ([0, 3], [4, 0])];
    kernels.into_iter().flat_map(move |kernel| {
        [[1, 1], [2, 2], [3, 1], [1, 3]].into_iter().flat_map(move |stride| {
            [[1, 1], [2, 1], [1, 2]].into_iter().flat_map(move |dilation| {
                pads.into_iter().map(move |(pad_begin, pad_end)| Convolution {
                    kernel,
                    stride,
                    dilation,
                    pad_begin,
                    pad_end,
                    ..conv
                })
            })
        })
    })
}

#[test]
fn channels_and_sizes_of_every_kind() {
    for channels in [[1, 1], [3, 5], [5, 17], [17, 30], [30, 3], [16, 64], [8, 72], [33, 50], [7, 130]] {
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
    windows(conv).for_each(|conv| check(&conv, false));
}

#[test]
fn plain_inputs() {
    for channels in [1, 2, 3, 4] {
        let conv = Convolution { in_channels: channels, out_channels: 17, input: [9, 14], batch: 2, ..BASE };
        windows(conv).for_each(|conv| check(&conv, true));
    }
    // More channels than a first layer has, and groups, are reordered.
    let conv = Convolution { in_channels: 30, out_channels: 34, kernel: [2, 3], input: [5, 6], ..BASE };
    check(&conv, true);
    check(&Convolution { groups: 2, ..conv }, true);
    // One axis, and a row that is longer than a strip.
    let conv = Convolution { in_channels: 1, out_channels: 9, input: [1, 4001], kernel: [1, 25], ..BASE };
    check(&Convolution { stride: [1, 3], pad_begin: [0, 12], pad_end: [0, 5], ..conv }, true);
}

#[test]
fn depthwise() {
    for channels in [1, 8, 30] {
        let conv = Convolution { in_channels: channels, out_channels: channels, groups: channels, ..BASE };
        windows(Convolution { input: [9, 21], ..conv }).for_each(|conv| check(&conv, false));
        windows(Convolution { input: [6, 6], batch: 2, ..conv }).for_each(|conv| check(&conv, false));
        let conv = Convolution { input: [1, 1], kernel: [3, 3], pad_begin: [1, 1], pad_end: [1, 1], ..conv };
        check(&conv, false);
        check(&Convolution { input: [1, 50], kernel: [1, 5], pad_begin: [0, 4], pad_end: [0, 0], ..conv }, false);
    }
}

#[test]
fn groups() {
    for (groups, inner, outer) in
        [(2, 16, 32), (3, 32, 16), (2, 3, 5), (4, 1, 3), (5, 4, 1), (17, 2, 2), (2, 8, 24), (2, 24, 24), (2, 32, 8)]
    {
        let conv = Convolution { groups, in_channels: groups * inner, out_channels: groups * outer, ..BASE };
        let conv = Convolution { input: [5, 6], kernel: [3, 2], pad_begin: [1, 1], batch: 2, ..conv };
        check(&conv, false);
        check(&Convolution { stride: [2, 1], dilation: [1, 2], pad_end: [0, 2], ..conv }, false);
    }
}

#[test]
fn sums_of_several_chunks_and_strips() {
    // Weights above what a task goes over at once, and images that are cut into strips.
    let conv = Convolution { in_channels: 100, out_channels: 70, input: [12, 31], kernel: [3, 3], ..BASE };
    check(&Convolution { pad_begin: [1, 1], pad_end: [1, 1], ..conv }, false);
    check(&Convolution { in_channels: 600, kernel: [1, 1], ..conv }, false);
}

#[test]
fn long_sums_have_parts() {
    let line = Convolution { in_channels: 1, out_channels: 9, input: [1, 4001], kernel: [1, 3001], ..BASE };
    for plain in [true, false] {
        check(&line, plain);
        check(&Convolution { stride: [1, 3], pad_begin: [0, 1500], pad_end: [0, 1000], ..line }, plain);
        check(&Convolution { in_channels: 3, input: [1, 1600], kernel: [1, 1500], ..line }, plain);
        // Parts of some rows, and of some columns of a row.
        check(&Convolution { in_channels: 2, input: [70, 21], kernel: [61, 20], ..line }, plain);
        check(&Convolution { input: [4, 1100], kernel: [3, 1030], dilation: [1, 1], pad_begin: [1, 7], ..line }, plain);
    }
    // Over channels in blocks, each channel by itself, and groups that fill no blocks.
    let many = Convolution { in_channels: 37, input: [1, 150], kernel: [1, 140], pad_end: [0, 3], ..line };
    check(&many, false);
    for (groups, inner, outer) in [(9, 1, 1), (3, 4, 4), (2, 3, 5)] {
        let conv = Convolution { groups, in_channels: groups * inner, out_channels: groups * outer, ..BASE };
        check(&Convolution { input: [1, 900], kernel: [1, 800], pad_begin: [0, 30], ..conv }, false);
        check(&Convolution { input: [40, 40], kernel: [36, 33], dilation: [1, 1], ..conv }, false);
    }
}

#[test]
fn nothing_to_compute() {
    let conv = Convolution { in_channels: 3, out_channels: 5, input: [4, 4], ..BASE };
    check(&Convolution { batch: 0, ..conv }, false);
    check(&Convolution { kernel: [5, 5], ..conv }, false);
    check(&Convolution { input: [0, 4], ..conv }, false);
    check(&Convolution { out_channels: 0, ..conv }, false);
    // Sums of nothing are zero; so are sums over pads alone.
    check(&Convolution { in_channels: 0, ..conv }, false);
    check(&Convolution { in_channels: 0, ..conv }, true);
    check(&Convolution { input: [0, 4], pad_begin: [2, 0], ..conv }, false);
    check(&Convolution { input: [0, 4], pad_begin: [2, 0], ..conv }, true);
}
