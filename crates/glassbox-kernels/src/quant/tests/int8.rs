//! [`Activations::Int8`], held against an evaluation of its definition in f64.

use super::*;

/// x as multiples of steps: every number as it is documented, in f64.
fn rounded(x: &[f32]) -> Vec<f64> {
    let block = |x: &[f32]| {
        let step = x.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0;
        let inverse = 1.0 / step;
        let code = move |x: &f32| {
            if inverse.is_finite() { f64::from((x * inverse).round_ties_even()) * f64::from(step) } else { 0.0 }
        };
        x.iter().map(code).collect::<Vec<_>>()
    };
    x.chunks(32).flat_map(block).collect()
}

/// The blocks with one of their scales set to zero: what is left is the minimum, or the scale times the code.
fn without(format: BlockFormat, bytes: &[u8], at: Option<usize>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(format.block_bytes()) {
        at.into_iter().for_each(|at| block[at..at + 2].fill(0));
    }
    bytes
}

/// The sum of products and of their magnitudes, in f64: scale · code and minimum apart, each of them rounded once.
fn exact(format: BlockFormat, n: usize, k: usize, bytes: &[u8], x: &[f32]) -> Vec<(f64, f64)> {
    let (scale, minimum) = halves(format);
    let products = decoded(format, n, k, &without(format, bytes, minimum));
    let minima = match minimum {
        Some(_) => decoded(format, n, k, &without(format, bytes, Some(scale))),
        None => vec![0.0; n * k],
    };
    let x = rounded(x);
    let one = |at: usize| {
        let (x, w) = (&x[at / n * k..][..k], at % n * k..at % n * k + k);
        let terms = x.iter().zip(products[w.clone()].iter().zip(&minima[w]));
        terms.fold((0.0, 0.0), |(sum, size), (x, (product, minimum))| {
            let (product, minimum) = (f64::from(*product) * x, f64::from(*minimum) * x);
            (sum + product + minimum, size + product.abs() + minimum.abs())
        })
    };
    (0..x.len() / k * n).map(one).collect()
}

#[test]
fn results_are_those_of_rounded_activations() {
    let mut random = Random(4);
    for format in FORMATS {
        for &k in widths(format) {
            for (n, m) in [(1, 1), (7, 2), (33, 1), (33, 5), (16, 13), (70, 1)] {
                let bytes = blocks(format, n, k, &mut random);
                let x = random.numbers(m * k);
                let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
                let expected = exact(format, n, k, &bytes, &x);
                let first = product(Level::Portable, &x, &weights, Activations::Int8);
                for (found, (exact, size)) in first.iter().zip(&expected) {
                    // Sums of integers are exact. For each of at most k/16 parts: the scale, its product with the step, the
                    // sum's f32 and two additions are rounded, as is what the expectation is made of.
                    let bound = (8.0 + k as f64 / 8.0) * f64::from(f32::EPSILON) * size;
                    assert!((f64::from(*found) - exact).abs() <= bound, "{} {k}: {found} {exact}", format.name());
                }
                for level in Level::available() {
                    let found = product(level, &x, &weights, Activations::Int8);
                    assert_eq!(bits(&found), bits(&first), "{} {m}×{k}×{n} {level:?}", format.name());
                }
            }
        }
    }
}

/// The largest codes with the largest activations, where narrow sums would overflow: all products have the same sign.
#[test]
fn the_largest_sums_are_exact() {
    for format in FORMATS {
        let (k, n) = (256, 33);
        for fill in [0x00, 0x7f, 0x80, 0xff] {
            let mut bytes = vec![fill; n * k / format.block_elements() * format.block_bytes()];
            let (scale, minimum) = halves(format);
            for block in bytes.chunks_exact_mut(format.block_bytes()) {
                for at in [Some(scale), minimum].into_iter().flatten() {
                    block[at..at + 2].copy_from_slice(&0x3c00u16.to_le_bytes());
                }
            }
            let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
            for sign in [1.0, -1.0] {
                for m in [1, 2, 12] {
                    // Steps of one: codes of x are ±127.
                    let x = vec![127.0 * sign; m * k];
                    let expected = exact(format, n, k, &bytes, &x);
                    for level in Level::available() {
                        let found = product(level, &x, &weights, Activations::Int8);
                        for (found, (exact, size)) in found.iter().zip(&expected) {
                            let bound = 40.0 * f64::from(f32::EPSILON) * size;
                            let name = format.name();
                            assert!((f64::from(*found) - exact).abs() <= bound, "{name} {fill:02x} {found} {exact}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn what_has_no_step_is_zero_or_not_a_number() {
    let mut random = Random(5);
    for format in FORMATS {
        let (k, n) = (512, 3);
        let weights = PackedBlocks::pack(format, n, k, &blocks(format, n, k, &mut random)).expect("packed");
        for level in Level::available() {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut x = random.numbers(3 * k);
                x[k + 77] = bad;
                let found = product(level, &x, &weights, Activations::Int8);
                let nan: Vec<bool> = found.iter().map(|y| y.is_nan()).collect();
                assert_eq!(nan, [false, false, false, true, true, true, false, false, false]);
            }
            for small in [0.0, 1e-45, -1e-40, 1e-37] {
                let found = product(level, &vec![small; k], &weights, Activations::Int8);
                assert_eq!(found, [0.0; 3], "{small}");
            }
        }
    }
}
