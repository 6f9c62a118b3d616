//! [`Activations::Exact`], held against decoded weights in f64 and against its own documented order.

use super::*;

/// A result in the order that is documented.
fn in_order(x: &[f32], w: &[f32]) -> f32 {
    let chunk = |(x, w): (&[f32], &[f32])| x.iter().zip(w).fold(0.0f32, |sum, (x, w)| x.mul_add(*w, sum));
    x.chunks(64).zip(w.chunks(64)).map(chunk).fold(0.0, |total, sum| total + sum)
}

#[test]
fn results_are_those_of_decoded_weights() {
    let mut random = Random(1);
    for format in FORMATS {
        for &k in widths(format) {
            for (n, m) in [(1, 1), (7, 2), (33, 1), (33, 5), (16, 3), (70, 1)] {
                let bytes = blocks(format, n, k, &mut random);
                let (x, w) = (random.numbers(m * k), decoded(format, n, k, &bytes));
                let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
                let expected: Vec<f32> =
                    (0..m * n).map(|at| in_order(&x[at / n * k..][..k], &w[at % n * k..][..k])).collect();
                for level in Level::available() {
                    let found = product(level, &x, &weights, Activations::Exact);
                    assert_eq!(found, expected, "{} {m}×{k}×{n} {level:?}", format.name());
                }
                // Each of the k products and at most as many sums rounds by half an epsilon of what is there by then.
                for (at, found) in expected.iter().enumerate() {
                    let pairs = || x[at / n * k..][..k].iter().zip(&w[at % n * k..][..k]);
                    let exact: f64 = pairs().map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                    let size: f64 = pairs().map(|(x, w)| (f64::from(*x) * f64::from(*w)).abs()).sum();
                    let bound = k as f64 * f64::from(f32::EPSILON) * size;
                    assert!((f64::from(*found) - exact).abs() <= bound, "{} {k}: {found} {exact}", format.name());
                }
            }
        }
    }
}

/// A one in a row of zeros gives one weight; adding it to zeros changes no bit, but makes -0 a 0.
#[test]
fn weights_are_decoded_to_the_bit() {
    let mut random = Random(2);
    for format in FORMATS {
        let (k, n) = (format.block_elements(), 33);
        let bytes = blocks(format, n, k, &mut random);
        let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
        let w = decoded(format, n, k, &bytes);
        let unit: Vec<f32> = (0..k * k).map(|at| if at / k == at % k { 1.0 } else { 0.0 }).collect();
        let expected: Vec<f32> = (0..k * n).map(|at| w[at % n * k + at / n] + 0.0).collect();
        for level in Level::available() {
            let found = product(level, &unit, &weights, Activations::Exact);
            assert_eq!(bits(&found), bits(&expected), "{} {level:?}", format.name());
        }
    }
}

/// Not a number, infinities, numbers below the normal ones, and codes at their ends.
#[test]
fn extreme_blocks_mean_what_they_mean_when_decoded() {
    let mut random = Random(3);
    for format in FORMATS {
        let (k, n) = (2 * format.block_elements(), 8);
        let x = random.numbers(3 * k);
        for fill in [0x00, 0x7f, 0x80, 0xff] {
            for scale in [0x0000u16, 0x8000, 0x0001, 0x83ff, 0x7bff, 0x7c00, 0xfc00, 0x7e01] {
                let mut bytes = vec![fill; n * k / format.block_elements() * format.block_bytes()];
                let (first, second) = halves(format);
                for (at, block) in bytes.chunks_exact_mut(format.block_bytes()).enumerate() {
                    // The last row's codes are mixed.
                    if at >= 2 * (n - 1) {
                        block.iter_mut().for_each(|byte| *byte = (random.next() >> 32) as u8);
                    }
                    let minimum = if at % 2 == 0 { scale } else { 0x3c00 };
                    block[first..first + 2].copy_from_slice(&scale.to_le_bytes());
                    second.into_iter().for_each(|at| block[at..at + 2].copy_from_slice(&minimum.to_le_bytes()));
                }
                let w = decoded(format, n, k, &bytes);
                let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
                let expected: Vec<f32> =
                    (0..3 * n).map(|at| in_order(&x[at / n * k..][..k], &w[at % n * k..][..k])).collect();
                for level in Level::available() {
                    let found = product(level, &x, &weights, Activations::Exact);
                    let name = format.name();
                    assert_eq!(bits(&found), bits(&expected), "{name} {fill:02x} {scale:04x} {level:?}");
                }
            }
        }
    }
}
