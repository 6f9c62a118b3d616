//! The product of two matrices, which matmul, convolutions and attention are made of.
//!
//! Each element of the result is the sum over the inner axis in its order, from the first term on, in
//! the accumulation type, whatever the blocking and the number of threads. f32 is accumulated in f64:
//! the products are exact, so fusing multiply and add changes nothing; f16, bf16 and narrower in f32,
//! as the numeric contract says; integers in i64, wrapping.

use glassbox_tensor::{parallel_chunks, parallel_map};

/// Rows of the left matrix that are worked on together.
const ROWS: usize = 4;
/// Columns of the right matrix that are worked on together.
pub(crate) const COLUMNS: usize = 16;
/// Panels of the right matrix that one task takes.
const PANELS: usize = 4;

/// A type that products are accumulated in.
pub(crate) trait Accumulate: Copy + Default + Send + Sync {
    /// `self + a * b`.
    fn add_product(self, a: Self, b: Self) -> Self;
}

impl Accumulate for f64 {
    #[inline(always)]
    fn add_product(self, a: f64, b: f64) -> f64 {
        self + a * b
    }
}

impl Accumulate for f32 {
    #[inline(always)]
    fn add_product(self, a: f32, b: f32) -> f32 {
        self + a * b
    }
}

impl Accumulate for i64 {
    #[inline(always)]
    fn add_product(self, a: i64, b: i64) -> i64 {
        self.wrapping_add(a.wrapping_mul(b))
    }
}

/// The left matrix, its rows packed in groups.
pub(crate) struct Left<A> {
    rows: usize,
    inner: usize,
    packed: Vec<A>,
}

impl<A: Accumulate> Left<A> {
    /// Packs the matrix of `rows` × `inner` elements that lie row after row.
    pub(crate) fn pack(elements: &[A], rows: usize, inner: usize) -> Left<A> {
        let mut packed = vec![A::default(); rows.div_ceil(ROWS) * ROWS * inner];
        for (row, line) in elements.chunks_exact(inner.max(1)).take(rows).enumerate() {
            let group = row / ROWS * ROWS * inner;
            for (step, value) in line.iter().enumerate() {
                packed[group + step * ROWS + row % ROWS] = *value;
            }
        }
        Left { rows, inner, packed }
    }

    /// The product with a right matrix of `columns` columns, row after row.
    ///
    /// `pack(column, panel)` writes columns `column..column + COLUMNS` of the right matrix, inner step
    /// after inner step; what is past the last column may be anything.
    pub(crate) fn product(&self, columns: usize, pack: &(dyn Fn(usize, &mut [A]) + Sync)) -> Vec<A> {
        if self.rows == 0 {
            // There is no row for a panel to begin in.
            return Vec::new();
        }
        let width = COLUMNS * PANELS;
        let blocks: Vec<Vec<A>> = parallel_map(columns.div_ceil(width), |block| {
            let mut panel = vec![A::default(); self.inner * COLUMNS];
            let mut results = vec![A::default(); self.rows * width];
            for first in (block * width..columns.min((block + 1) * width)).step_by(COLUMNS) {
                pack(first, &mut panel);
                self.panel(&panel, &mut results[first - block * width..], width);
            }
            results
        });
        let mut all = vec![A::default(); self.rows * columns];
        parallel_chunks(&mut all, columns, &|row, line| {
            for (block, line) in line.chunks_mut(width).enumerate() {
                line.copy_from_slice(&blocks[block][row * width..][..line.len()]);
            }
        });
        all
    }

    /// All rows times one panel, to `results`, whose rows are `width` apart.
    fn panel(&self, panel: &[A], results: &mut [A], width: usize) {
        for (group, left) in self.packed.chunks_exact((ROWS * self.inner).max(1)).enumerate() {
            let tile = tile(left, panel);
            for (row, sums) in tile.iter().enumerate().take(self.rows - group * ROWS) {
                results[(group * ROWS + row) * width..][..COLUMNS].copy_from_slice(sums);
            }
        }
    }
}

/// The products of one group of rows and one panel, with the widest vectors that the machine has. The
/// order of the sums, and so the result, is the same with each.
fn tile<A: Accumulate>(left: &[A], panel: &[A]) -> [[A; COLUMNS]; ROWS] {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has AVX-512F.
            return unsafe { tile_avx512(left, panel) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            return unsafe { tile_avx2(left, panel) };
        }
    }
    tile_any(left, panel)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn tile_avx512<A: Accumulate>(left: &[A], panel: &[A]) -> [[A; COLUMNS]; ROWS] {
    tile_any(left, panel)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn tile_avx2<A: Accumulate>(left: &[A], panel: &[A]) -> [[A; COLUMNS]; ROWS] {
    tile_any(left, panel)
}

#[inline(always)]
fn tile_any<A: Accumulate>(left: &[A], panel: &[A]) -> [[A; COLUMNS]; ROWS] {
    let mut sums = [[A::default(); COLUMNS]; ROWS];
    for (left, right) in left.chunks_exact(ROWS).zip(panel.chunks_exact(COLUMNS)) {
        for (sums, a) in sums.iter_mut().zip(left) {
            for (sum, b) in sums.iter_mut().zip(right) {
                *sum = sum.add_product(*a, *b);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_of_any_size_is_the_sum_in_order() {
        for (rows, inner, columns) in
            [(1, 1, 1), (3, 5, 7), (4, 16, 16), (9, 33, 70), (2, 0, 3), (0, 2, 3), (5, 3, 0), (0, 2, 40)]
        {
            let value = |seed: usize| ((seed * 7919 + 13) % 101) as f64 / 7.0 - 5.0;
            let a: Vec<f64> = (0..rows * inner).map(value).collect();
            let b: Vec<f64> = (0..inner * columns).map(|seed| value(seed + 1000)).collect();
            let product = Left::pack(&a, rows, inner).product(columns, &|first, panel| {
                for (step, line) in panel.chunks_exact_mut(COLUMNS).enumerate() {
                    let count = COLUMNS.min(columns - first);
                    line[..count].copy_from_slice(&b[step * columns + first..][..count]);
                }
            });
            for row in 0..rows {
                for column in 0..columns {
                    let sum = (0..inner).fold(0.0, |sum, k| sum + a[row * inner + k] * b[k * columns + column]);
                    assert_eq!(product[row * columns + column].to_bits(), sum.to_bits(), "{rows} {inner} {columns}");
                }
            }
        }
    }
}
