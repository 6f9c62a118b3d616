//! Products against sums in f64.

use std::sync::Mutex;

use half::{bf16, f16};

use super::*;

/// Numbers between −1 and 1 that look random.
pub(super) fn numbers(seed: usize, count: usize) -> Vec<f32> {
    let mut state = seed as u64 * 2 + 1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Asserts that each element is within (256 + K/256 + 2)·ε·Σ|a·b| of the sum in f64, ε being 2⁻²⁴: the bound that the
/// module states, with room for ε² and for the f64 sum's own rounding.
fn assert_product(a: MatrixRef<'_, f32>, b: &dyn Fn(usize, usize) -> f32, columns: usize, c: &[f32], stride: usize) {
    let inner = a.columns();
    let bound = (inner.min(256) + inner / 256 + 2) as f64 * f64::powi(2.0, -24);
    for row in 0..a.rows() {
        for column in 0..columns {
            let terms = (0..inner).map(|k| f64::from(a.get(row, k)) * f64::from(b(k, column)));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
            let found = f64::from(c[row * stride + column]);
            assert!((found - sum).abs() <= bound * size, "{row} {column}: {found} instead of {sum}");
        }
    }
}

const SIZES: [(usize, usize, usize); 20] = [
    (0, 3, 3),
    (3, 3, 0),
    (1, 1, 1),
    (1, 64, 100),
    (2, 7, 17),
    (5, 255, 33),
    (6, 256, 65),
    (7, 257, 16),
    (12, 513, 48),
    (13, 31, 31),
    (13, 4, 500),
    (25, 100, 7),
    (49, 600, 64),
    (149, 30, 40),
    (300, 65, 129),
    (1, 1000, 777),
    (4, 2, 2000),
    (61, 1, 61),
    (24, 3, 1),
    (1001, 2, 3),
];

#[test]
fn products_of_any_size_and_stride() {
    for level in Level::available() {
        for (rows, inner, columns) in SIZES {
            let (a_stride, b_stride, c_stride) = (inner + 3, columns + 1, columns + 2);
            let a = numbers(1, rows * a_stride);
            let b = numbers(2, inner * b_stride);
            let a = MatrixRef::new(&a, rows, inner, a_stride, 1);
            let b = MatrixRef::new(&b, inner, columns, b_stride, 1);
            let mut c = vec![7.0; rows * c_stride];
            gemm(a, &PackedB::at(level, Compute::F32, b), &mut c, c_stride, None);
            assert_product(a, &|k, column| b.get(k, column), columns, &c, c_stride);
            let between = |row: usize| &c[row * c_stride + columns..(row + 1) * c_stride];
            assert!((0..rows).all(|row| between(row).iter().all(|x| *x == 7.0)), "what lies between rows was changed");
            // The same elements at other places, and B used once, give the same bits.
            let a_across: Vec<f32> = (0..inner * rows).map(|at| a.get(at % rows, at / rows)).collect();
            let b_across: Vec<f32> = (0..inner * columns).map(|at| b.get(at % inner, at / inner)).collect();
            let a = MatrixRef::of_rows(&a_across, inner, rows).transposed();
            let b = MatrixRef::of_rows(&b_across, columns, inner).transposed();
            let mut again = vec![7.0; rows * c_stride];
            gemm(a, &PackedB::at(level, Compute::F32, b), &mut again, c_stride, None);
            assert_eq!(c, again);
            let mut again = vec![7.0; rows * c_stride];
            gemm_unpacked_at(level, a, b, &mut again, c_stride, None);
            assert_eq!(c, again);
        }
    }
}

#[test]
fn without_terms_sums_are_zero() {
    struct Add;
    impl Epilogue for Add {
        fn finish(&self, _: usize, _: usize, values: &mut [f32]) {
            values.iter_mut().for_each(|value| *value += 2.0);
        }
    }
    let mut c = [5.0; 6];
    gemm(MatrixRef::new(&[], 2, 0, 0, 1), &PackedB::new(MatrixRef::<f32>::new(&[], 0, 3, 3, 1)), &mut c, 3, Some(&Add));
    assert_eq!(c, [2.0; 6]);
}

#[test]
fn numbers_of_sixteen_bits_are_widened_exactly() {
    for level in Level::available() {
        for (rows, inner, columns) in SIZES {
            let (a, b) = (numbers(3, rows * inner), numbers(4, inner * columns));
            let a = MatrixRef::of_rows(&a, rows, inner);
            let halves: Vec<f16> = b.iter().map(|x| f16::from_f32(*x)).collect();
            let brains: Vec<bf16> = b.iter().map(|x| bf16::from_f32(*x)).collect();
            let product = |b: PackedB| {
                let mut c = vec![0.0; rows * columns];
                gemm(a, &b, &mut c, columns, None);
                c
            };
            let wide: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
            let expected = product(PackedB::at(level, Compute::F32, MatrixRef::of_rows(&wide, inner, columns)));
            assert_eq!(
                product(PackedB::at(level, Compute::F32, MatrixRef::of_rows(&halves, inner, columns))),
                expected
            );
            let wide: Vec<f32> = brains.iter().map(|x| x.to_f32()).collect();
            let expected = product(PackedB::at(level, Compute::F32, MatrixRef::of_rows(&wide, inner, columns)));
            assert_eq!(
                product(PackedB::at(level, Compute::F32, MatrixRef::of_rows(&brains, inner, columns))),
                expected
            );
            let bytes: Vec<i8> = b.iter().map(|x| (x * 127.0) as i8).collect();
            let wide: Vec<f32> = bytes.iter().map(|x| f32::from(*x)).collect();
            let expected = product(PackedB::at(level, Compute::F32, MatrixRef::of_rows(&wide, inner, columns)));
            assert_eq!(product(PackedB::at(level, Compute::F32, MatrixRef::of_rows(&bytes, inner, columns))), expected);
        }
    }
}

/// Parts of rows that an epilogue was given.
#[derive(Default)]
struct Parts(Mutex<Vec<(usize, usize, usize)>>);

impl Epilogue for Parts {
    fn finish(&self, row: usize, column: usize, values: &mut [f32]) {
        values.iter_mut().enumerate().for_each(|(at, value)| *value = *value * 2.0 + (row * 1000 + column + at) as f32);
        self.0.lock().unwrap().push((row, column, values.len()));
    }
}

#[test]
fn every_element_is_finished_once() {
    for level in Level::available() {
        for (rows, inner, columns) in SIZES {
            let (a, b) = (numbers(5, rows * inner), numbers(6, inner * columns));
            let (a, b) = (
                MatrixRef::of_rows(&a, rows, inner),
                PackedB::at(level, Compute::F32, MatrixRef::of_rows(&b, inner, columns)),
            );
            let (mut c, mut plain) = (vec![0.0; rows * columns], vec![0.0; rows * columns]);
            let parts = Parts::default();
            gemm(a, &b, &mut c, columns, Some(&parts));
            gemm(a, &b, &mut plain, columns, None);
            plain
                .iter_mut()
                .enumerate()
                .for_each(|(at, x)| *x = *x * 2.0 + (at / columns * 1000 + at % columns) as f32);
            assert_eq!(c, plain);
            for (_, column, count) in parts.0.into_inner().unwrap() {
                assert!(
                    column.is_multiple_of(16) && (count >= 64 || column + count == columns),
                    "{column} {count} of {columns}"
                );
            }
        }
    }
}

#[test]
fn bits_depend_neither_on_other_rows_nor_on_levels_nor_on_threads() {
    let (rows, inner, columns) = (157, 700, 333);
    let (a, b) = (numbers(7, rows * inner), numbers(8, inner * columns));
    let right = MatrixRef::of_rows(&b, inner, columns);
    let product = |level, first: usize, rows: usize| {
        let mut c = vec![0.0f32; rows * columns];
        let left = MatrixRef::of_rows(&a[first * inner..], rows, inner);
        gemm(left, &PackedB::at(level, Compute::F32, right), &mut c, columns, None);
        c.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let expected = product(Level::Portable, 0, rows);
    for level in Level::available() {
        for threads in [1, 2, 7] {
            assert!(
                glassbox_tensor::with_threads(threads, || product(level, 0, rows)) == expected,
                "{} {threads}",
                level.name()
            );
        }
        for (first, count) in [(0, 1), (3, 5), (100, 1), (151, 6), (20, 12), (21, 13), (50, 100)] {
            assert!(product(level, first, count) == expected[first * columns..][..count * columns], "{first} {count}");
        }
    }
}

#[test]
fn infinities_and_nans_pass_through() {
    let a = MatrixRef::of_rows(&[1.0, f32::INFINITY, 0.0, f32::NAN], 2, 2);
    let b = PackedB::new(MatrixRef::of_rows(&[1.0f32, 2.0, 3.0, 0.0], 2, 2));
    let mut c = [0.0; 4];
    gemm(a, &b, &mut c, 2, None);
    assert!(c[0] == f32::INFINITY && c[1].is_nan() && c[2].is_nan() && c[3].is_nan());
}

#[test]
#[should_panic(expected = "past the end")]
fn a_result_that_is_too_short_is_refused() {
    gemm(
        MatrixRef::of_rows(&[1.0], 1, 1),
        &PackedB::new(MatrixRef::of_rows(&[1.0f32; 3], 1, 3)),
        &mut [0.0; 2],
        3,
        None,
    );
}

#[test]
fn bf16_products_are_those_of_rounded_numbers() {
    for level in Level::available() {
        for (rows, inner, columns) in SIZES {
            let round = |x: Vec<f32>| x.into_iter().map(|x| bf16::from_f32(x).to_f32()).collect::<Vec<_>>();
            let (a, b) = (round(numbers(11, rows * inner)), round(numbers(12, inner * columns)));
            let (a, b) = (MatrixRef::of_rows(&a, rows, inner), MatrixRef::of_rows(&b, inner, columns));
            let packed = PackedB::at(level, Compute::Bf16, b);
            let mut c = vec![7.0; rows * columns];
            gemm(a, &packed, &mut c, columns, None);
            // Two products are added at once, by two roundings at most: twice the bound of f32 is room enough.
            let bound = 2.0 * (inner.min(512) + inner / 512 + 4) as f64 * f64::powi(2.0, -24);
            for row in 0..rows {
                for column in 0..columns {
                    let terms = (0..inner).map(|k| f64::from(a.get(row, k)) * f64::from(b.get(k, column)));
                    let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                    let found = f64::from(c[row * columns + column]);
                    assert!((found - sum).abs() <= bound * size, "{row} {column}: {found} instead of {sum}");
                }
            }
            // A that is transposed, and fewer rows, give the same bits.
            let across: Vec<f32> = (0..inner * rows).map(|at| a.get(at % rows, at / rows)).collect();
            let mut again = vec![7.0; rows * columns];
            gemm(MatrixRef::of_rows(&across, inner, rows).transposed(), &packed, &mut again, columns, None);
            assert_eq!(c, again);
            for row in 0..rows.min(7) {
                let mut alone = vec![7.0; columns];
                let one = MatrixRef::new(&across[row..], 1, inner, 1, rows);
                gemm(one, &packed, &mut alone, columns, None);
                assert_eq!(alone, c[row * columns..][..columns]);
            }
        }
    }
}
