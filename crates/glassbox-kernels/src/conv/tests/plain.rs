//! A convolution as its definition has it, in f64, over NCHW; and numbers to convolve.

use super::super::Convolution;

/// Numbers between −1 and 1.
pub(super) fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let number = |place: u32| {
        let mixed = (place + 1).wrapping_mul(2654435761).wrapping_add(seed.wrapping_mul(40503)).rotate_left(11);
        (mixed.wrapping_mul(2246822519) >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count as u32).map(number).collect()
}

/// The sums of products, and those of their magnitudes.
pub(super) fn convolve(conv: &Convolution, input: &[f32], weights: &[f32]) -> [Vec<f64>; 2] {
    let [height, width] = conv.output();
    let (inner, outer) = (conv.in_channels / conv.groups, conv.out_channels / conv.groups);
    let [mut sums, mut magnitudes] = [const { Vec::new() }; 2];
    for image in 0..conv.batch {
        for output in 0..conv.out_channels {
            for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
                let (mut sum, mut magnitude) = (0.0, 0.0);
                for channel in 0..inner {
                    let plane = image * conv.in_channels + output / outer * inner + channel;
                    for tap in 0..conv.kernel[0] * conv.kernel[1] {
                        let place = [(row, tap / conv.kernel[1]), (column, tap % conv.kernel[1])];
                        let at = |axis: usize| {
                            let (window, tap) = place[axis];
                            let at = (window * conv.stride[axis] + tap * conv.dilation[axis]) as i64;
                            at - conv.pad_begin[axis] as i64
                        };
                        let (y, x) = (at(0), at(1));
                        let inside = y >= 0 && x >= 0 && y < conv.input[0] as i64 && x < conv.input[1] as i64;
                        let number = match inside {
                            true => input[(plane * conv.input[0] + y as usize) * conv.input[1] + x as usize],
                            false => 0.0,
                        };
                        let weight = weights[(output * inner + channel) * conv.kernel[0] * conv.kernel[1] + tap];
                        sum += f64::from(number) * f64::from(weight);
                        magnitude += (f64::from(number) * f64::from(weight)).abs();
                    }
                }
                sums.push(sum);
                magnitudes.push(magnitude);
            }
        }
    }
    [sums, magnitudes]
}
