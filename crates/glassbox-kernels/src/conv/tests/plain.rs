//! A convolution as its definition has it, in f64, over NCHW; and numbers to convolve.

use crate::conv::{ConvEpilogue, Convolution, Fused, Options, PackedFilter, block, from_blocks, to_blocks};

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

/// Runs a convolution over NCHW tensors, and checks that channels that only fill a block stay zero.
pub(super) fn run_plain(
    conv: &Convolution,
    options: Options,
    [input, weights]: [&[f32]; 2],
    fused: &Fused,
    epilogue: Option<&dyn ConvEpilogue>,
) -> Vec<f32> {
    let block = block(options.level);
    // Packed weights say nothing of the images that they are for.
    let pixel = Convolution { batch: 1, input: [1, 1], pad_begin: [0, 0], pad_end: [0, 0], ..*conv };
    let filter = PackedFilter::pack_with(&pixel, options, weights).for_images(conv);
    let [height, width] = conv.output();
    let sizes = [conv.batch, conv.out_channels, height * width];
    let residual = fused.residual.map(|residual| {
        let mut blocks = vec![f32::NAN; conv.output_len(block)];
        to_blocks(block, sizes, residual, &mut blocks);
        blocks
    });
    let fused = &Fused { residual: residual.as_deref(), ..*fused };
    let mut blocks = vec![f32::NAN; conv.output_len(block)];
    if options.plain_input {
        filter.run_fused(input, &mut blocks, fused, epilogue);
    } else {
        let mut ordered = vec![f32::NAN; conv.input_len(block)];
        to_blocks(block, [conv.batch, conv.in_channels, conv.input[0] * conv.input[1]], input, &mut ordered);
        filter.run_fused(&ordered, &mut blocks, fused, epilogue);
    }
    let filled = conv.out_channels.next_multiple_of(block);
    for (place, pixel) in blocks.chunks_exact(block).enumerate() {
        let first = place / (height * width) * block % filled;
        let rest = &pixel[conv.out_channels.saturating_sub(first).min(block)..];
        assert!(rest.iter().all(|x| *x == 0.0), "{options:?} {conv:?}: {pixel:?}");
    }
    let mut plain = vec![f32::NAN; sizes.iter().product()];
    from_blocks(block, sizes, &blocks, &mut plain);
    plain
}
