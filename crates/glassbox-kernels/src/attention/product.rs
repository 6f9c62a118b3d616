//! Products of a few rows with a block: the scores of queries, and the mixtures of values.
//!
//! Each element of a result is one sum over k in ascending order, fused, from zero: the same bits whatever the number of
//! rows and vectors beside it.

use crate::simd::Simd;

/// The left operand: its element of row `r` and place `k` stands at `from + r * row + k * step`.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) from: *const f32,
    pub(super) row: usize,
    pub(super) step: usize,
}

/// The right operand in pairs of vectors: vector `v` of place `k` stands at
/// `from + v / 2 * pair + v % 2 * LANES + k * step`.
#[derive(Clone, Copy)]
pub(super) struct Right {
    pub(super) from: *const f32,
    pub(super) pair: usize,
    pub(super) step: usize,
}

/// What is asked for meanwhile, before it is needed: so many lines of 64 bytes for each place `k`, from
/// `from + k * step` on.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub(super) from: *const f32,
    pub(super) step: usize,
    pub(super) lines: usize,
}

impl Ahead {
    /// Nothing.
    pub(super) const NONE: Ahead = Ahead { from: std::ptr::null(), step: 0, lines: 0 };
}

/// Asks for the line of the cache that a number stands in.
#[inline(always)]
pub(super) fn fetch(from: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has the instruction, and it may be given any address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// How many of `rows` are taken together: as many as the registers have room for.
#[inline(always)]
pub(super) fn group<S: Simd>(rows: usize) -> usize {
    let sizes: &[usize] = if S::LANES == 16 { &[12, 8, 4, 2] } else { &[6, 4, 2] };
    sizes.iter().copied().find(|size| rows >= *size).unwrap_or(1)
}

/// The most that [`group`] gives.
pub(super) const MAX_GROUP: usize = 12;

/// Calls an expression with a constant that is the size of a group.
macro_rules! with_group {
    ($simd:ty, $rows:expr, $constant:ident => $body:expr) => {
        match $rows {
            12 if <$simd as Simd>::LANES == 16 => {
                const $constant: usize = 12;
                $body
            }
            8 if <$simd as Simd>::LANES == 16 => {
                const $constant: usize = 8;
                $body
            }
            6 if <$simd as Simd>::LANES < 16 => {
                const $constant: usize = 6;
                $body
            }
            4 => {
                const $constant: usize = 4;
                $body
            }
            2 => {
                const $constant: usize = 2;
                $body
            }
            _ => {
                const $constant: usize = 1;
                $body
            }
        }
    };
}
pub(super) use with_group;

/// `M` rows times `N` vectors; the rows of the result stand `pitch` apart.
///
/// # Safety
/// All of the operands and of the result is there.
#[allow(clippy::needless_range_loop, reason = "see in it")]
#[inline(always)]
unsafe fn tile<S: Simd, const M: usize, const N: usize>(
    simd: S,
    depth: usize,
    left: Left,
    right: Right,
    out: *mut f32,
    pitch: usize,
    ahead: Ahead,
) {
    // Loops over indices alone: what a closure or an iterator does with vectors isn't always compiled for the level.
    let mut sums = [[simd.zero(); N]; M];
    for k in 0..depth {
        // With more rows the registers are full, and there is more to compute for each number that is read.
        if M <= 4 {
            for line in 0..ahead.lines {
                fetch(ahead.from.wrapping_add(k * ahead.step + line * 16));
            }
        }
        // SAFETY: the caller says that all is there.
        unsafe {
            let right_row = right.from.add(k * right.step);
            let left_column = left.from.add(k * left.step);
            let mut vectors = [simd.zero(); N];
            for n in 0..N {
                vectors[n] = simd.load_at(right_row.add(n / 2 * right.pair + n % 2 * S::LANES));
            }
            for m in 0..M {
                let x = simd.splat(*left_column.add(m * left.row));
                for n in 0..N {
                    sums[m][n] = simd.fma(x, vectors[n], sums[m][n]);
                }
            }
        }
    }
    for m in 0..M {
        for n in 0..N {
            // SAFETY: as above.
            unsafe { simd.store_at(out.add(m * pitch + n * S::LANES), sums[m][n]) };
        }
    }
}

/// `M` rows times `vectors` vectors, of which the first is the first of a pair. What is asked for ahead is so with the
/// first vectors.
///
/// # Safety
/// All of the operands and of the result is there.
#[inline(always)]
pub(super) unsafe fn rows<S: Simd, const M: usize>(
    simd: S,
    (depth, vectors): (usize, usize),
    left: Left,
    right: Right,
    out: *mut f32,
    pitch: usize,
    mut ahead: Ahead,
) {
    let at = |vector: usize| Right { from: right.from.wrapping_add(vector / 2 * right.pair), ..right };
    let mut done = 0;
    // SAFETY: the caller says that all is there.
    unsafe {
        // With few rows, several vectors keep enough sums going that none waits for the one before.
        if M <= 2 {
            if M == 1 {
                while done + 8 <= vectors {
                    tile::<S, M, 8>(simd, depth, left, at(done), out.add(done * S::LANES), pitch, ahead);
                    (done, ahead) = (done + 8, Ahead::NONE);
                }
            }
            while done + 4 <= vectors {
                tile::<S, M, 4>(simd, depth, left, at(done), out.add(done * S::LANES), pitch, ahead);
                (done, ahead) = (done + 4, Ahead::NONE);
            }
        }
        if M == 4 && S::LANES == 16 {
            while done + 4 <= vectors {
                tile::<S, M, 4>(simd, depth, left, at(done), out.add(done * S::LANES), pitch, ahead);
                (done, ahead) = (done + 4, Ahead::NONE);
            }
        }
        while done + 2 <= vectors {
            tile::<S, M, 2>(simd, depth, left, at(done), out.add(done * S::LANES), pitch, ahead);
            (done, ahead) = (done + 2, Ahead::NONE);
        }
        if done < vectors {
            tile::<S, M, 1>(simd, depth, left, at(done), out.add(done * S::LANES), pitch, ahead);
        }
    }
}
