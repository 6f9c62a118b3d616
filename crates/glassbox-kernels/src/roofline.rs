//! What this processor can do at most: how many multiply-adds and how many bytes of memory a second.
//!
//! Both are loops that do nothing else. They are timed by whoever calls them, on as many threads as
//! [`parallel_for`](glassbox_tensor::parallel_for) has, and give a number that hangs on all that was done, so that nothing of
//! it is left out by the compiler.

use glassbox_tensor::parallel_map;

use crate::simd::{Kernel, Simd, run};

/// How many vectors are multiplied beside each other: two units of four or five turns each need ten, and AVX2 has sixteen
/// registers, of which two are taken.
const CHAINS: usize = 12;

/// Into how many pieces what is read is split: threads that are slower take fewer.
const PIECES: usize = 64;

/// Runs `pieces` pieces of `turns` turns of multiply-adds, and gives how many floating point operations that were, two for
/// each multiply-add. The pieces are split over the threads.
///
/// ```
/// use glassbox_kernels::roofline::multiply_add;
/// assert!(multiply_add(2, 1000) >= 2 * 1000 * 2 * 12);
/// assert_eq!(multiply_add(0, 1000), 0);
/// ```
pub fn multiply_add(pieces: usize, turns: usize) -> u64 {
    let done = parallel_map(pieces, |_| run(MultiplyAdd { turns }));
    done.iter().map(|(operations, sum)| if sum.is_nan() { 0 } else { *operations }).sum()
}

/// One piece of multiply-adds.
struct MultiplyAdd {
    turns: usize,
}

impl Kernel for MultiplyAdd {
    type Output = (u64, f32);

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> (u64, f32) {
        // What is hidden from the compiler can't be folded. x ← x·0.5 + 0.5 stays near 1: neither denormal nor infinite.
        let half = simd.splat(std::hint::black_box(0.5));
        let mut sums = [simd.splat(std::hint::black_box(1.0)); CHAINS];
        for _ in 0..self.turns {
            for sum in &mut sums {
                *sum = simd.fma(*sum, half, half);
            }
        }
        let mut total = simd.zero();
        for sum in sums {
            total = simd.add(total, sum);
        }
        let operations = (self.turns * CHAINS * S::LANES) as u64 * 2;
        (operations, simd.sum(total))
    }
}

/// Reads every element once, each thread whole stretches of them, and gives their sum as integers of 32 bits, which wraps.
///
/// ```
/// use glassbox_kernels::roofline::read;
/// assert_eq!(read(&vec![1; 1000]), 1000);
/// assert_eq!(read(&[]), 0);
/// ```
pub fn read(elements: &[i32]) -> i32 {
    let size = elements.len().div_ceil(PIECES).max(1);
    let sums = parallel_map(elements.len().div_ceil(size), |piece| {
        let from = piece * size;
        run(Read(&elements[from..(from + size).min(elements.len())]))
    });
    sums.iter().fold(0, |sum, one| sum.wrapping_add(*one))
}

/// One stretch that is read.
struct Read<'a>(&'a [i32]);

impl Kernel for Read<'_> {
    type Output = i32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> i32 {
        const BESIDE: usize = 4;
        let mut sums = [simd.splat_i32(0); BESIDE];
        let mut chunks = self.0.chunks_exact(BESIDE * S::LANES);
        for chunk in &mut chunks {
            for (place, sum) in sums.iter_mut().enumerate() {
                // SAFETY: a chunk has BESIDE vectors of LANES elements, and `place` is below BESIDE.
                let read = unsafe { simd.load_i32_at(chunk.as_ptr().add(place * S::LANES)) };
                *sum = simd.add_i32(*sum, read);
            }
        }
        let mut total = chunks.remainder().iter().fold(0i32, |sum, one| sum.wrapping_add(*one));
        for sum in sums {
            let mut lanes = [0i32; crate::simd::MAX_LANES];
            // SAFETY: there is room for the lanes of any level.
            unsafe { simd.store_i32_at(lanes.as_mut_ptr(), sum) };
            total = lanes.iter().fold(total, |sum, one| sum.wrapping_add(*one));
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Level, run_at};

    #[test]
    fn every_element_is_read_once() {
        for level in Level::available() {
            for length in [0usize, 1, 15, 63, 64, 65, 127, 1009] {
                let elements: Vec<i32> = (0..length as i32).map(|value| value.wrapping_mul(1_234_567_891)).collect();
                let wanted = elements.iter().fold(0i32, |sum, one| sum.wrapping_add(*one));
                assert_eq!(run_at(level, Read(&elements)), wanted, "{} elements, {}", length, level.name());
                assert_eq!(read(&elements), wanted);
            }
        }
    }

    #[test]
    fn multiply_adds_stay_where_they_are_fast() {
        for level in Level::available() {
            let (operations, sum) = run_at(level, MultiplyAdd { turns: 1000 });
            assert_eq!(operations % (1000 * CHAINS as u64 * 2), 0);
            let lanes = operations / (1000 * CHAINS as u64 * 2);
            assert_eq!(sum, (CHAINS as u64 * lanes) as f32, "1·0.5 + 0.5 is 1, {}", level.name());
        }
    }
}
