//! Products of matrices: C = A·B, f32 and int8, with B packed once or on the way.
//!
//! In: A and B as slices with strides ([`MatrixRef`]), B packed into panels ([`PackedB`], [`PackedBInt8`]). Out: C as rows
//! of a slice, each part of which is handed to an [`Epilogue`] while it is in the cache, for biases, activations, residuals.
//!
//! **Invariant:** an element of a product of f32 is the sum of blocks of 256 terms in their order; a block is one chain of
//! fused products in the order of its terms, from zero. So the bits of a row depend on that row and on B alone: not on
//! how many rows are computed with it, on the level of instructions, or on the number of threads. One row is computed by
//! the same tiles as many. The error of an element is at most (256 + K/256)·ε·Σ|a·b|, where ε = 2⁻²⁴ and terms of ε² are
//! left out.
//!
//! How a product is split hangs on its sizes and the level alone; no sum is split over threads.

mod amx;
mod bytes;
mod dots;
mod float;
mod matrix;
mod packed;
mod product;
mod tile;

pub use crate::Epilogue;
pub use bytes::{Byte, IntegerEpilogue, PackedBInt8, Sums, gemm_int8};
pub use dots::ByteDot;
pub use matrix::MatrixRef;
pub use packed::{Compute, Packable, PackedB};

use crate::memory::Scratch;
use matrix::assert_fits;
use packed::Panels;
use product::{Left, Product, Right};
use tile::Place;

use crate::simd::Level;

/// C = A·B. Row `r` of C begins at `r · c_stride`; what lies between its rows stays.
///
/// ```
/// use glassbox_kernels::gemm::{MatrixRef, PackedB, gemm};
/// let weight = [1.0f32, 0.0, 2.0, 0.0, 1.0, 0.0]; // two outputs of three inputs each
/// let b = PackedB::new(MatrixRef::of_rows(&weight, 2, 3).transposed());
/// let mut c = [0.0; 4];
/// gemm(MatrixRef::of_rows(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3), &b, &mut c, 2, None);
/// assert_eq!(c, [7.0, 2.0, 16.0, 5.0]);
/// ```
///
/// # Panics
/// Where A has another number of columns than B has rows, or C is too short, or its rows overlap.
pub fn gemm(a: MatrixRef<'_, f32>, b: &PackedB, c: &mut [f32], c_stride: usize, epilogue: Option<&dyn Epilogue>) {
    multiply(a, b.panels(), None, c, c_stride, epilogue);
}

/// [`gemm`] with a B that is used once. It is packed by the call, into memory that the thread keeps for its next one.
///
/// # Panics
/// As [`gemm`].
pub fn gemm_unpacked(
    a: MatrixRef<'_, f32>,
    b: MatrixRef<'_, f32>,
    c: &mut [f32],
    c_stride: usize,
    epilogue: Option<&dyn Epilogue>,
) {
    gemm_unpacked_at(Level::best(), a, b, c, c_stride, epilogue);
}

/// [`gemm_unpacked`] with the vectors of a level.
///
/// # Panics
/// As [`gemm`].
pub fn gemm_unpacked_at(
    level: Level,
    a: MatrixRef<'_, f32>,
    b: MatrixRef<'_, f32>,
    c: &mut [f32],
    c_stride: usize,
    epilogue: Option<&dyn Epilogue>,
) {
    let (inner, columns, held) = (b.rows(), b.columns(), float::Held::F32);
    let shape = packed::shape(level, held);
    if a.rows() <= product::FEW_ROWS {
        let pack = |columns: std::ops::Range<usize>, panels: *mut u8| {
            // SAFETY: there is room for the panels of these columns, which is the calling task's.
            unsafe { packed::pack_columns(b, columns, shape.width(), panels.cast()) };
        };
        let panels = Panels { start: std::ptr::null(), inner, columns, held, level };
        return multiply(a, panels, Some(&pack), c, c_stride, epilogue);
    }
    let scratch = Scratch::take(shape.panel_bytes(inner, columns));
    // SAFETY: the scratch has room for the panels, and is this call's.
    unsafe { packed::pack::<f32, f32, 1>(b, shape.width(), scratch.start().cast(), |x| x) };
    multiply(a, Panels { start: scratch.start(), inner, columns, held, level }, None, c, c_stride, epilogue);
}

/// Writes panels of some columns.
type PackPanels<'a> = &'a (dyn Fn(std::ops::Range<usize>, *mut u8) + Sync);

/// C = A·B, B in panels, or packed on the way.
fn multiply(
    a: MatrixRef<'_, f32>,
    b: Panels,
    pack_b: Option<PackPanels<'_>>,
    c: &mut [f32],
    c_stride: usize,
    epilogue: Option<&dyn Epilogue>,
) {
    let (rows, inner, columns) = (a.rows(), b.inner, b.columns);
    assert_eq!(a.columns(), inner, "the columns of A and the rows of B");
    assert_fits(c, c_stride, rows, columns);
    let unit = b.held.unit();
    let pack = |row: usize, first: usize, units: &mut [u32]| match a.row_part(row, first, units.len()) {
        Some(from) => units.iter_mut().zip(from).for_each(|(unit, a)| *unit = a.to_bits()),
        None => units.iter_mut().enumerate().for_each(|(at, unit)| *unit = a.get(row, first + at).to_bits()),
    };
    let pack_pairs = |row: usize, first: usize, units: &mut [u32]| {
        let count = (2 * units.len()).min(inner - 2 * first);
        match a.row_part(row, 2 * first, count) {
            Some(from) => float::round_pairs(b.level, from, units),
            None => {
                let mut numbers = [0.0; 2 * tile::BLOCK];
                numbers[..count].iter_mut().enumerate().for_each(|(at, x)| *x = a.get(row, 2 * first + at));
                float::round_pairs(b.level, &numbers[..count], units);
            }
        }
    };
    // SAFETY: the block is one of this product, whose panels were packed for the level.
    let compute = |block: &tile::Block| unsafe { float::compute_at(b.level, b.held, block) };
    let finish = |row: usize, column: usize, sums: *mut u32, count: usize| {
        if let Some(epilogue) = epilogue {
            // SAFETY: these elements of C are the calling task's.
            epilogue.finish(row, column, unsafe { std::slice::from_raw_parts_mut(sums.cast::<f32>(), count) });
        }
    };
    let in_place = unit == 1 && rows == 1 && (a.column_stride() == 1 || inner <= 1);
    let product = Product {
        rows,
        units: inner.div_ceil(unit),
        columns,
        shape: packed::shape(b.level, b.held),
        a: match unit {
            _ if in_place => Left::Row(a.place(0, 0).cast()),
            1 => Left::Pack(&pack),
            _ => Left::Pack(&pack_pairs),
        },
        a_rows: a.dense_rows(),
        b: pack_b.map_or(Right::Panels(b.start), Right::Pack),
        compute: &compute,
        sums: Some((c.as_mut_ptr().cast(), c_stride)),
        result: Place { start: c.as_mut_ptr().cast(), row_bytes: c_stride * 4, bytes: 4 },
        finish: epilogue.is_some().then_some(&finish),
    };
    // SAFETY: the panels are as large as their shape says; C has room for every row.
    unsafe { product.run() };
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_bytes;
