//! What is fused, and epilogues: against the same done on the output of the bare convolution.

use std::collections::HashSet;
use std::sync::Mutex;

use super::plain::{numbers, run_plain};
use crate::conv::{Activation, ConvEpilogue, Convolution, Fused, Method, Options, PackedFilter, block};
use crate::simd::Level;

const BASE: Convolution = Convolution::POINTWISE;

/// A convolution for each kernel, and whether its input is plain.
fn kernels() -> Vec<(Convolution, bool, Method)> {
    let pads = Convolution { kernel: [3, 3], pad_begin: [1, 1], pad_end: [1, 1], batch: 2, ..BASE };
    let conv = Convolution { in_channels: 20, out_channels: 35, input: [7, 9], ..pads };
    vec![
        (conv, false, Method::Direct),
        (conv, false, Method::Winograd),
        (Convolution { kernel: [1, 1], pad_begin: [0, 0], pad_end: [0, 0], ..conv }, false, Method::Direct),
        (Convolution { in_channels: 3, ..conv }, true, Method::Direct),
        (Convolution { in_channels: 35, groups: 35, ..conv }, false, Method::Direct),
        (Convolution { in_channels: 10, groups: 5, ..conv }, false, Method::Direct),
    ]
}

/// The input and weights of a convolution, and its output without anything fused.
fn bare(conv: &Convolution, options: Options) -> [Vec<f32>; 3] {
    let input = numbers(3, conv.batch * conv.in_channels * conv.input[0] * conv.input[1]);
    let weights = numbers(4, conv.weights());
    let output = run_plain(conv, options, [&input, &weights], &Fused::default(), None);
    [input, weights, output]
}

#[test]
fn every_fused_option_gives_the_bits_of_the_steps() {
    for (conv, plain_input, method) in kernels() {
        for level in Level::available() {
            let options = Options { level, plain_input, method };
            let [input, weights, sums] = bare(&conv, options);
            let (bias, residual) = (numbers(5, conv.out_channels), numbers(6, sums.len()));
            let pixels = conv.output().iter().product::<usize>();
            let activations =
                [Activation::None, Activation::Relu, Activation::Clip(-0.25, 0.5), Activation::Clip(0.1, 6.0)];
            for (choice, activation) in (0..16).map(|choice| (choice, activations[choice / 4])) {
                let bias = (choice & 1 != 0).then_some(&bias[..]);
                let residual = (choice & 2 != 0).then_some(&residual[..]);
                let fused = Fused { bias, residual, activation };
                let found = run_plain(&conv, options, [&input, &weights], &fused, None);
                for (place, (found, sum)) in found.iter().zip(&sums).enumerate() {
                    let mut x = *sum;
                    if let Some(bias) = bias {
                        x += bias[place / pixels % conv.out_channels];
                    }
                    if let Some(residual) = residual {
                        x += residual[place];
                    }
                    let x = match activation {
                        Activation::None => x,
                        Activation::Relu => x.max(0.0),
                        Activation::Clip(low, high) => x.max(low).min(high),
                    };
                    assert_eq!(*found, x, "{fused:?} {options:?} {conv:?} at {place}");
                }
            }
        }
    }
}

/// Writes down what it is given, and makes other numbers of it, which differ from place to place.
struct Note<'a> {
    conv: &'a Convolution,
    block: usize,
    seen: Mutex<HashSet<[usize; 4]>>,
}

/// What the epilogue makes of a number.
fn changed(x: f32, [image, channel, row, column]: [usize; 4]) -> f32 {
    x * 2.0 + (image * 1000 + channel * 100 + row * 10 + column) as f32
}

impl ConvEpilogue for Note<'_> {
    fn finish(&self, image: usize, channel_block: usize, row: usize, column: usize, values: &mut [f32]) {
        assert!(!values.is_empty() && values.len().is_multiple_of(self.block));
        assert!(column + values.len() / self.block <= self.conv.output()[1]);
        for (pixel, values) in values.chunks_exact_mut(self.block).enumerate() {
            let place = [image, channel_block, row, column + pixel];
            assert!(self.seen.lock().unwrap().insert(place), "{place:?} twice");
            for (lane, x) in values.iter_mut().enumerate() {
                *x = changed(*x, [image, channel_block * self.block + lane, row, column + pixel]);
            }
        }
    }
}

#[test]
fn an_epilogue_is_given_every_pixel_once_after_what_is_fused() {
    for (conv, plain_input, method) in kernels() {
        for level in Level::available() {
            let options = Options { level, plain_input, method };
            let [input, weights, _] = bare(&conv, options);
            let fused = Fused { activation: Activation::Relu, ..Fused::default() };
            let sums = run_plain(&conv, options, [&input, &weights], &fused, None);
            let note = Note { conv: &conv, block: block(level), seen: Mutex::default() };
            let found = run_plain(&conv, options, [&input, &weights], &fused, Some(&note));
            let ([height, width], channels) = (conv.output(), conv.out_channels);
            for (place, (found, sum)) in found.iter().zip(&sums).enumerate() {
                let (plane, row, column) = (place / (height * width), place / width % height, place % width);
                assert_eq!(*found, changed(*sum, [plane / channels, plane % channels, row, column]), "{conv:?}");
            }
            let blocks = channels.div_ceil(block(level));
            assert_eq!(note.seen.lock().unwrap().len(), conv.batch * blocks * height * width, "{conv:?}");
        }
    }
}

#[test]
fn threads_and_batch_change_no_bit() {
    for (conv, plain_input, method) in kernels() {
        let conv = Convolution { input: [40, 23], ..conv };
        let options = Options { plain_input, method, ..Options::default() };
        let [input, weights, expected] = glassbox_tensor::on_one_thread(|| bare(&conv, options));
        for threads in [2, 7] {
            let found = glassbox_tensor::with_threads(threads, || {
                run_plain(&conv, options, [&input, &weights], &Fused::default(), None)
            });
            assert!(found == expected, "{threads} threads {conv:?}");
        }
        let alone = Convolution { batch: 1, ..conv };
        let found = run_plain(&alone, options, [&input[..input.len() / 2], &weights], &Fused::default(), None);
        assert!(found == expected[..found.len()], "{conv:?}");
    }
}

#[test]
fn a_filter_can_be_used_again_and_says_what_it_is() {
    let conv = Convolution { in_channels: 2, out_channels: 2, input: [3, 3], kernel: [3, 3], ..BASE };
    let options = Options { method: Method::Winograd, ..Options::default() };
    let filter = PackedFilter::pack_with(&conv, options, &numbers(1, conv.weights()));
    assert!(filter.is_winograd() && *filter.convolution() == conv && filter.block() == block(Level::best()));
    let strided = Convolution { stride: [2, 2], ..conv };
    assert!(!PackedFilter::pack_with(&strided, options, &numbers(1, conv.weights())).is_winograd());
    let input = vec![1.0; conv.input_len(filter.block())];
    let mut outputs = [0, 1].map(|_| vec![f32::NAN; conv.output_len(filter.block())]);
    outputs.iter_mut().for_each(|output| filter.run(&input, output, None));
    assert_eq!(outputs[0], outputs[1]);
}
