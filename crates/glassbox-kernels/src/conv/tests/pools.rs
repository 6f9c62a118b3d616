//! Pools and reorders against plain loops over NCHW.

use super::plain::numbers;
use crate::conv::{Pool, block, from_blocks, global_average, to_blocks};
use crate::simd::Level;

/// Runs a pool over NCHW tensors.
fn run_plain(pool: &Pool, level: Level, input: &[f32], run: impl Fn(&[f32], &mut [f32])) -> Vec<f32> {
    let block = block(level);
    let blocks = pool.batch * pool.channels.next_multiple_of(block);
    let (pixels, outputs) = (pool.input[0] * pool.input[1], pool.output[0] * pool.output[1]);
    let mut ordered = vec![f32::NAN; blocks * pixels];
    to_blocks(block, [pool.batch, pool.channels, pixels], input, &mut ordered);
    let mut output = vec![f32::NAN; blocks * outputs];
    run(&ordered, &mut output);
    for (place, pixel) in output.chunks_exact(block).enumerate() {
        let first = place / outputs * block % pool.channels.next_multiple_of(block);
        assert!(pixel[(pool.channels - first).min(block)..].iter().all(|x| *x == 0.0), "{pool:?}");
    }
    let mut plain = vec![f32::NAN; pool.batch * pool.channels * outputs];
    from_blocks(block, [pool.batch, pool.channels, outputs], &output, &mut plain);
    plain
}

/// What each window has: the numbers that lie inside, row by row, and how many taps lie in the input or its pads.
fn windows(pool: &Pool, input: &[f32]) -> Vec<(Vec<f32>, usize)> {
    let mut all = Vec::new();
    for plane in input.chunks_exact(pool.input[0] * pool.input[1]) {
        for (row, column) in (0..pool.output[0]).flat_map(|row| (0..pool.output[1]).map(move |column| (row, column))) {
            let (mut numbers, mut padded) = (Vec::new(), 0);
            for (y, x) in (0..pool.kernel[0]).flat_map(|y| (0..pool.kernel[1]).map(move |x| (y, x))) {
                let y = row * pool.stride[0] + y * pool.dilation[0];
                let x = column * pool.stride[1] + x * pool.dilation[1];
                let end = |axis: usize| pool.pad_begin[axis] + pool.input[axis] + pool.pad_end[axis];
                padded += usize::from(y < end(0) && x < end(1));
                let (y, x) = (y.wrapping_sub(pool.pad_begin[0]), x.wrapping_sub(pool.pad_begin[1]));
                if y < pool.input[0] && x < pool.input[1] {
                    numbers.push(plane[y * pool.input[1] + x]);
                }
            }
            all.push((numbers, padded));
        }
    }
    all
}

/// Pools of every kind: also with windows that reach over the padded end, and such that lie outside.
fn pools() -> Vec<Pool> {
    let base = Pool { batch: 2, channels: 3, input: [7, 9], ..Pool::SINGLE };
    vec![
        Pool { kernel: [3, 3], stride: [2, 2], pad_begin: [1, 1], pad_end: [1, 1], output: [4, 5], ..base },
        Pool { channels: 17, kernel: [2, 2], stride: [2, 2], output: [4, 5], ..base },
        Pool { channels: 16, kernel: [3, 2], stride: [1, 3], dilation: [2, 3], output: [3, 2], ..base },
        Pool { channels: 30, kernel: [2, 3], pad_begin: [0, 2], pad_end: [3, 1], output: [9, 10], ..base },
        Pool { channels: 1, kernel: [1, 1], stride: [3, 3], output: [3, 3], ..base },
        Pool { channels: 5, input: [1, 40], kernel: [1, 4], stride: [1, 3], output: [1, 14], ..base },
        Pool { channels: 9, kernel: [2, 2], pad_begin: [3, 3], pad_end: [3, 3], output: [12, 14], ..base },
    ]
}

#[test]
fn the_largest_is_exact_and_nan_stays() {
    for pool in pools() {
        let mut input = numbers(1, pool.batch * pool.channels * pool.input[0] * pool.input[1]);
        let length = input.len();
        for (place, x) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, -0.0, 0.0].into_iter().enumerate() {
            input[place * 5 % length] = x;
        }
        let larger = |old: f32, new: f32| if new > old || new.is_nan() && !old.is_nan() { new } else { old };
        let expected = windows(&pool, &input).into_iter();
        let expected: Vec<f32> =
            expected.map(|(numbers, _)| numbers.into_iter().reduce(larger).unwrap_or(f32::NEG_INFINITY)).collect();
        for level in Level::available() {
            let found = run_plain(&pool, level, &input, |input, output| pool.max(level, input, output));
            for (found, expected) in found.iter().zip(&expected) {
                assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{pool:?}");
            }
        }
    }
}

/// A sum of K numbers one after the other and a division: K·ε/2·Σ|x| to first order, over the count; twice that is allowed.
#[test]
fn averages_are_within_their_bound() {
    for (pool, padded) in pools().into_iter().flat_map(|pool| [(pool, false), (pool, true)]) {
        let input = numbers(2, pool.batch * pool.channels * pool.input[0] * pool.input[1]);
        let expected = windows(&pool, &input);
        for level in Level::available() {
            let found = run_plain(&pool, level, &input, |input, output| pool.average(level, padded, input, output));
            assert_eq!(found.len(), expected.len());
            for (found, (numbers, in_pads)) in found.iter().zip(&expected) {
                let count = if padded { *in_pads } else { numbers.len() } as f64;
                let sum: f64 = numbers.iter().copied().map(f64::from).sum();
                let magnitude: f64 = numbers.iter().map(|x| f64::from(x.abs())).sum();
                let bound = numbers.len() as f64 * f64::from(f32::EPSILON) * magnitude / count;
                let same = (f64::from(*found) - sum / count).abs() <= bound;
                assert!(
                    same || found.is_nan() && (sum / count).is_nan(),
                    "{pool:?} {padded}: {found} for {}",
                    sum / count
                );
            }
        }
    }
}

#[test]
fn global_averages() {
    for (images, channels, pixels) in [(1, 1, 1), (2, 17, 49), (1, 16, 6), (3, 30, 5), (1, 64, 1000), (2, 5, 0)] {
        let input = numbers(3, images * channels * pixels);
        for level in Level::available() {
            let pool = Pool { batch: images, channels, input: [1, pixels], ..Pool::SINGLE };
            let sizes = [images, channels, pixels];
            let found = run_plain(&pool, level, &input, |input, output| global_average(level, sizes, input, output));
            for (plane, found) in found.iter().enumerate() {
                let numbers = &input[plane * pixels..][..pixels];
                let sum: f64 = numbers.iter().copied().map(f64::from).sum();
                let magnitude: f64 = numbers.iter().map(|x| f64::from(x.abs())).sum();
                let same = (f64::from(*found) - sum / pixels as f64).abs() <= f64::from(f32::EPSILON) * magnitude;
                assert!(same || found.is_nan() && pixels == 0, "{sizes:?}: {found}");
            }
        }
    }
}

#[test]
fn reorders_are_inverse_and_fill_with_zeros() {
    for block in [1, 3, 8, 16] {
        for sizes in [[1, 1, 1], [2, 17, 5], [1, 16, 2500], [3, 8, 7], [0, 3, 4], [2, 0, 4], [1, 5, 0]] {
            let [images, channels, pixels] = sizes;
            let plain = numbers(4, images * channels * pixels);
            let mut blocks = vec![f32::NAN; images * channels.next_multiple_of(block) * pixels];
            to_blocks(block, sizes, &plain, &mut blocks);
            for (place, x) in blocks.iter().enumerate() {
                let (plane, lane) = (place / block / pixels, place % block);
                let (image, channel) =
                    (plane / channels.div_ceil(block), plane % channels.div_ceil(block) * block + lane);
                let expected =
                    (channel < channels).then(|| plain[(image * channels + channel) * pixels + place / block % pixels]);
                assert_eq!(*x, expected.unwrap_or(0.0), "{sizes:?} in blocks of {block}");
            }
            let mut again = vec![f32::NAN; plain.len()];
            from_blocks(block, sizes, &blocks, &mut again);
            assert_eq!(again, plain, "{sizes:?} in blocks of {block}");
        }
    }
}
