//! Products of bytes against sums in i64.

use super::*;
use crate::simd::Level;

const SIZES: [(usize, usize, usize); 15] = [
    (0, 3, 3),
    (3, 0, 3),
    (3, 3, 0),
    (1, 1, 1),
    (1, 5, 17),
    (2, 1023, 33),
    (5, 1024, 65),
    (7, 1025, 16),
    (12, 2051, 48),
    (13, 4, 500),
    (49, 600, 64),
    (149, 30, 40),
    (300, 66, 129),
    (1001, 7, 3),
    (70, 2200, 97),
];

/// The ways that this processor has; it says which it lacks.
fn available() -> Vec<ByteDot> {
    let (there, lacking): (Vec<_>, Vec<_>) = ByteDot::ALL.into_iter().partition(|dot| dot.is_available());
    lacking.iter().for_each(|dot| println!("skipped: no {dot:?} here"));
    there
}

/// Bytes that look random, or of the extremes alone.
fn bytes(seed: usize, count: usize, extreme: bool) -> Vec<u8> {
    let numbers = tests::numbers(seed, count).into_iter();
    let extremes = [0x80u8, 0x7f, 0xff, 0x00];
    numbers.map(|x| (x * 128.0) as i8 as u8).map(|x| if extreme { extremes[x as usize % 4] } else { x }).collect()
}

fn signed(bytes: Vec<u8>) -> Vec<i8> {
    bytes.into_iter().map(|x| x as i8).collect()
}

/// Holds the product of A and B, in every way and order of elements, against sums in i64.
fn check<A: Byte + Into<i64>>(a: &[A], b: &[i8], (rows, inner, columns): (usize, usize, usize)) {
    let (left, right) = (MatrixRef::of_rows(a, rows, inner), MatrixRef::of_rows(b, inner, columns));
    let mut expected = vec![0i32; rows * columns];
    for (at, sum) in expected.iter_mut().enumerate() {
        let terms = (0..inner).map(|k| left.get(at / columns, k).into() * i64::from(right.get(k, at % columns)));
        *sum = terms.sum::<i64>() as i32;
    }
    let a_across: Vec<A> = (0..inner * rows).map(|at| left.get(at % rows, at / rows)).collect();
    let b_across: Vec<i8> = (0..inner * columns).map(|at| right.get(at % inner, at / inner)).collect();
    let left_across = MatrixRef::of_rows(&a_across, inner, rows).transposed();
    let right_across = MatrixRef::of_rows(&b_across, columns, inner).transposed();
    for dot in available() {
        for (a, b) in [(left, right), (left_across, right_across)] {
            let packed = PackedBInt8::at(dot, b);
            let mut c = vec![7i32; rows * columns];
            gemm_int8(a, &packed, &mut c, columns, &Sums);
            assert_eq!(c, expected, "{dot:?} {rows} × {inner} × {columns}");
            let sums: Vec<i32> = (0..columns).map(|at| (0..inner).map(|k| i32::from(b.get(k, at))).sum()).collect();
            assert_eq!(packed.column_sums(), sums);
        }
    }
}

#[test]
fn products_of_bytes_are_exact() {
    for (rows, inner, columns) in SIZES {
        for extreme in [false, true] {
            let (a, b) = (bytes(1, rows * inner, extreme), signed(bytes(2, inner * columns, extreme)));
            check(&a, &b, (rows, inner, columns));
            check(&signed(a), &b, (rows, inner, columns));
        }
    }
}

#[test]
fn nothing_saturates_where_every_product_is_extreme() {
    let sizes = (7, 4099, 18);
    for b in [-128i8, 127] {
        let b = vec![b; sizes.1 * sizes.2];
        check(&vec![255u8; sizes.0 * sizes.1], &b, sizes);
        check(&vec![-128i8; sizes.0 * sizes.1], &b, sizes);
        check(&vec![127i8; sizes.0 * sizes.1], &b, sizes);
    }
}

#[test]
fn sums_wrap_alike_where_they_do_not_fit() {
    let sizes = (1, 70_001, 3);
    check(&vec![255u8; sizes.1], &vec![-128i8; sizes.1 * sizes.2], sizes);
}

#[test]
fn every_sum_is_finished_once_and_only_rows_are_written() {
    struct Scale;
    impl IntegerEpilogue<f32> for Scale {
        fn finish(&self, row: usize, column: usize, sums: &[i32], out: &mut [f32]) {
            assert!(column.is_multiple_of(16) && sums.len() == out.len());
            let each = out.iter_mut().zip(sums).enumerate();
            each.for_each(|(at, (out, sum))| *out += *sum as f32 * 0.5 + (row * 1000 + column + at) as f32);
        }
    }
    let (rows, inner, columns, stride) = (45, 50, 301, 310);
    let (a, b) = (bytes(3, rows * inner, false), signed(bytes(4, inner * columns, false)));
    for threads in [1, 2, 7] {
        for dot in available() {
            let packed = PackedBInt8::at(dot, MatrixRef::of_rows(&b, inner, columns));
            let mut c = vec![0.25f32; rows * stride];
            let a = MatrixRef::of_rows(&a, rows, inner);
            glassbox_tensor::with_threads(threads, || gemm_int8(a, &packed, &mut c, stride, &Scale));
            for (at, found) in c.iter().enumerate() {
                let (row, column) = (at / stride, at % stride);
                let mut expected = 0.25;
                if column < columns {
                    let terms = (0..inner).map(|k| i32::from(a.get(row, k)) * i32::from(b[k * columns + column]));
                    expected += terms.sum::<i32>() as f32 * 0.5 + (row * 1000 + column) as f32;
                }
                assert_eq!(*found, expected);
            }
        }
    }
}

#[test]
fn the_best_way_is_of_the_best_level() {
    assert!(ByteDot::best().is_available());
    assert_eq!(ByteDot::best().level(), Level::best());
}
