//! What is on the edge: rows alone and among others, threads, odd sizes, numbers that are no ordinary ones.

use super::*;

const BOTH: [Activations; 2] = [Activations::Exact, Activations::Int8];

/// A row has the same bits alone and among others, whatever the height of the tile that it falls into.
#[test]
fn a_row_depends_on_itself_alone() {
    let mut random = Random(6);
    for format in FORMATS {
        let (n, k) = (45, if format.block_elements() == 32 { 352 } else { 512 });
        let bytes = blocks(format, n, k, &mut random);
        let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
        let row_bytes = bytes.len() / n;
        let alone = PackedBlocks::pack(format, 1, k, &bytes[40 * row_bytes..41 * row_bytes]).expect("packed");
        let x = random.numbers(64 * k);
        for level in Level::available().into_iter().filter(|level| *level != Level::Portable) {
            for activations in BOTH {
                let single: Vec<f32> = x.chunks(k).flat_map(|x| product(level, x, &weights, activations)).collect();
                for m in [2, 3, 4, 5, 6, 7, 8, 9, 13, 23, 64] {
                    let found = product(level, &x[..m * k], &weights, activations);
                    assert_eq!(bits(&found), bits(&single[..m * n]), "{} {m} {level:?}", format.name());
                }
                let column: Vec<f32> = single.chunks(n).map(|y| y[40]).collect();
                assert_eq!(bits(&product(level, &x, &alone, activations)), bits(&column), "{}", format.name());
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let mut random = Random(7);
    for (format, m, n, k) in [(BlockFormat::Q4K, 300, 130, 256), (BlockFormat::Q8_0, 1, 5000, 64)] {
        let bytes = blocks(format, n, k, &mut random);
        let x = random.numbers(m * k);
        for activations in BOTH {
            let results = [1, 2, 7].map(|threads| {
                glassbox_tensor::with_threads(threads, || {
                    let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
                    let mut y = vec![f32::NAN; m * n];
                    let rows = Rows { values: &x, count: m, stride: k };
                    super::super::matmul(rows, &weights, RowsMut { values: &mut y, stride: n }, activations, None);
                    bits(&y)
                })
            });
            assert!(results[0] == results[1] && results[1] == results[2], "{}", format.name());
            let weights = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
            assert_eq!(bits(&product(Level::best(), &x, &weights, activations)), results[0]);
        }
    }
}

/// Counts how often each result is finished, in the result itself.
struct Finish;

impl Epilogue for Finish {
    fn finish(&self, row: usize, column: usize, values: &mut [f32]) {
        for (at, value) in values.iter_mut().enumerate() {
            *value = *value * 2.0 + (1000 * row + column + at) as f32;
        }
    }
}

#[test]
fn strides_and_epilogues() {
    let mut random = Random(8);
    let (m, n, k) = (5, 41, 64);
    let bytes = blocks(BlockFormat::Q5_1, n, k, &mut random);
    let weights = PackedBlocks::pack(BlockFormat::Q5_1, n, k, &bytes).expect("packed");
    let dense = random.numbers(m * k);
    for activations in BOTH {
        let plain = product(Level::best(), &dense, &weights, activations);
        // Between rows there is what must not be read or written.
        let mut x = vec![f32::NAN; (m - 1) * 70 + k];
        x.chunks_mut(70).zip(dense.chunks(k)).for_each(|(to, from)| to[..k].copy_from_slice(from));
        let mut y = vec![7.0; (m - 1) * 50 + n];
        let (rows, out) = (Rows { values: &x, count: m, stride: 70 }, RowsMut { values: &mut y, stride: 50 });
        matmul_at(Level::best(), rows, &weights, out, activations, Some(&Finish));
        for (at, found) in y.iter().enumerate() {
            let (row, column) = (at / 50, at % 50);
            let finished = || plain[row * n + column] * 2.0 + (1000 * row + column) as f32;
            assert_eq!(*found, if column < n { finished() } else { 7.0 }, "{row} {column}");
        }
    }
}

#[test]
fn nothing_is_nothing() {
    for activations in BOTH {
        let none = PackedBlocks::pack(BlockFormat::Q4_0, 0, 32, &[]).expect("packed");
        assert_eq!(product(Level::best(), &[1.0; 64], &none, activations), [0.0f32; 0]);
        let some = PackedBlocks::pack(BlockFormat::Q4_0, 3, 32, &[1; 54]).expect("packed");
        assert_eq!(product(Level::best(), &[], &some, activations), [0.0f32; 0]);
        let flat = PackedBlocks::pack(BlockFormat::Q4_0, 3, 0, &[]).expect("packed");
        let mut y = [f32::NAN; 6];
        let rows = Rows { values: &[], count: 2, stride: 0 };
        matmul_at(Level::best(), rows, &flat, RowsMut { values: &mut y, stride: 3 }, activations, None);
        assert_eq!(y, [0.0; 6]);
    }
}

#[test]
fn packed_blocks_take_little_more_than_their_source() {
    for format in FORMATS {
        let (n, k) = (256, 1024);
        let bytes = blocks(format, n, k, &mut Random(9));
        let packed = PackedBlocks::pack(format, n, k, &bytes).expect("packed");
        let ratio = packed.byte_len() as f64 / bytes.len() as f64;
        assert!(ratio <= 1.1, "{}: {ratio}", format.name());
    }
}

#[test]
#[should_panic(expected = "don't end with a block")]
fn half_a_block_is_refused() {
    PackedBlocks::pack(BlockFormat::Q4K, 1, 128, &[0; 72]);
}

#[test]
#[should_panic(expected = "x: 63 numbers")]
fn a_short_x_is_refused() {
    let weights = PackedBlocks::pack(BlockFormat::Q8_0, 1, 32, &[0; 34]).expect("packed");
    let rows = Rows { values: &[0.0; 63], count: 2, stride: 32 };
    matmul_at(Level::best(), rows, &weights, RowsMut { values: &mut [0.0; 2], stride: 1 }, Activations::Exact, None);
}

#[test]
fn gathered_rows_are_those_of_the_decoded_table() {
    let mut random = Random(10);
    for &format in BlockFormat::ALL {
        let (n, k) = (19, 2 * format.block_elements());
        let bytes = blocks(format, n, k, &mut random);
        let table = decoded(format, n, k, &bytes);
        for count in [0, 1, 7, 300] {
            let rows: Vec<usize> = (0..count).map(|_| (random.next() >> 32) as usize % n).collect();
            let mut out = vec![f32::NAN; count * k];
            super::super::gather_rows(&bytes, format, k, &rows, &mut out);
            let expected: Vec<f32> = rows.iter().flat_map(|row| &table[row * k..][..k]).copied().collect();
            assert_eq!(bits(&out), bits(&expected), "{}", format.name());
        }
    }
}

#[test]
#[should_panic(expected = "row 2 of 2")]
fn a_row_outside_the_table_is_refused() {
    super::super::gather_rows(&[0; 68], BlockFormat::Q8_0, 32, &[2], &mut [0.0; 32]);
}
