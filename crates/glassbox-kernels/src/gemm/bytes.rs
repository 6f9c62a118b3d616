//! Products of bytes, summed in i32: the same integers on every processor.

use super::dots::{ByteDot, compute_bytes};
use super::float::shape_at;
use super::matrix::{MatrixRef, assert_fits};
use super::packed::pack;
use super::product::{Left, Product, Right, Shape};
use super::tile::{Block, Place};
use crate::memory::Memory;

/// The right matrix of products of bytes: K × N weights of i8, packed once for many, and the sums of its columns.
///
/// ```
/// use glassbox_kernels::gemm::{MatrixRef, PackedBInt8, Sums, gemm_int8};
/// let b = PackedBInt8::new(MatrixRef::of_rows(&[1i8, -128, 2, 127], 2, 2));
/// assert_eq!(b.column_sums(), [3, -1]);
/// let mut c = [0i32; 2];
/// gemm_int8(MatrixRef::of_rows(&[255u8, 3], 1, 2), &b, &mut c, 2, &Sums);
/// assert_eq!(c, [261, -32259]);
/// ```
pub struct PackedBInt8 {
    panels: Memory,
    inner: usize,
    columns: usize,
    dot: ByteDot,
    column_sums: Vec<i32>,
}

impl PackedBInt8 {
    /// Packs a matrix for the best instructions of this processor.
    pub fn new(matrix: MatrixRef<'_, i8>) -> PackedBInt8 {
        PackedBInt8::at(ByteDot::best(), matrix)
    }

    /// Packs a matrix for these instructions; for the best there are where the processor lacks them.
    pub fn at(dot: ByteDot, matrix: MatrixRef<'_, i8>) -> PackedBInt8 {
        let dot = if dot.is_available() { dot } else { ByteDot::best() };
        let (inner, columns) = (matrix.rows(), matrix.columns());
        let shape = shape(dot);
        let panels = Memory::zeroed(shape.panel_bytes(inner.div_ceil(dot.unit()), columns));
        let to: *mut i8 = panels.start().cast();
        // SAFETY: the memory has room for the panels, and nobody else has it yet.
        unsafe {
            match dot.unit() {
                2 => pack::<i8, i8, 2>(matrix, shape.width(), to, |x| x),
                _ => pack::<i8, i8, 4>(matrix, shape.width(), to, |x| x),
            }
        }
        // A sum of a panel's column, over what was packed: it lies in the panel's order.
        let mut column_sums = vec![0i32; columns];
        let panel_size = (shape.width() * inner.next_multiple_of(dot.unit())).max(1);
        // SAFETY: the memory holds as many bytes, all of them written.
        let packed = unsafe { std::slice::from_raw_parts(to.cast_const(), panels.len()) };
        for (sums, panel) in column_sums.chunks_mut(shape.width()).zip(packed.chunks_exact(panel_size)) {
            for units in panel.chunks_exact(shape.width() * dot.unit()) {
                for (sum, unit) in sums.iter_mut().zip(units.chunks_exact(dot.unit())) {
                    *sum = sum.wrapping_add(unit.iter().map(|x| i32::from(*x)).sum::<i32>());
                }
            }
        }
        PackedBInt8 { panels, inner, columns, dot, column_sums }
    }

    /// K: the number of rows of the matrix.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// N: the number of columns of the matrix.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many bytes the panels take.
    pub fn bytes(&self) -> usize {
        self.panels.len()
    }

    /// The sum of every column, by which a zero point of A is corrected: Σ(a − z)·b = Σa·b − z·Σb.
    pub fn column_sums(&self) -> &[i32] {
        &self.column_sums
    }
}

/// What the left matrix of a product of bytes is made of.
pub trait Byte: Copy + Send + Sync + sealed::Bits {}

impl Byte for u8 {}
impl Byte for i8 {}

mod sealed {
    pub trait Bits {
        /// Whether negative.
        const SIGNED: bool;
        /// As i16.
        fn wide(self) -> i16;
        /// As u8; signed ones 128 larger than they are.
        fn raised(self) -> u8;
    }
    impl Bits for u8 {
        const SIGNED: bool = false;
        #[inline(always)]
        fn wide(self) -> i16 {
            i16::from(self)
        }
        #[inline(always)]
        fn raised(self) -> u8 {
            self
        }
    }
    impl Bits for i8 {
        const SIGNED: bool = true;
        #[inline(always)]
        fn wide(self) -> i16 {
            i16::from(self)
        }
        #[inline(always)]
        fn raised(self) -> u8 {
            self as u8 ^ 0x80
        }
    }
}

/// What is made of the sums of a product of bytes as soon as they are whole, while they are in the cache.
pub trait IntegerEpilogue<T>: Sync {
    /// Writes the elements of C from `row` and `column` on, of as many sums. Each element is given once. A part begins at
    /// a multiple of 16 columns and has at least 64, but for the last one of a row.
    fn finish(&self, row: usize, column: usize, sums: &[i32], out: &mut [T]);
}

/// The sums as they are.
#[derive(Clone, Copy, Debug)]
pub struct Sums;

impl IntegerEpilogue<i32> for Sums {
    fn finish(&self, _: usize, _: usize, sums: &[i32], out: &mut [i32]) {
        out.copy_from_slice(sums);
    }
}

/// C is what the epilogue makes of A·B, whose sums are exact modulo 2³²: exact where K is 65,793 or less. Row `r` of C
/// begins at `r · c_stride`; what lies between its rows stays.
///
/// # Panics
/// Where A has another number of columns than B has rows, or C is too short, or its rows overlap.
pub fn gemm_int8<A: Byte, T: Send>(
    a: MatrixRef<'_, A>,
    b: &PackedBInt8,
    c: &mut [T],
    c_stride: usize,
    epilogue: &dyn IntegerEpilogue<T>,
) {
    assert_eq!(a.columns(), b.inner, "the columns of A and the rows of B");
    assert_fits(c, c_stride, a.rows(), b.columns);
    let pairs = |row: usize, first: usize, units: &mut [u32]| {
        pack_units(a, row, first, units, |[x, y]: [A; 2]| x.wide() as u16 as u32 | (y.wide() as u32) << 16);
    };
    let quads = |row: usize, first: usize, units: &mut [u32]| {
        pack_units(a, row, first, units, |unit: [A; 4]| u32::from_le_bytes(unit.map(A::raised)));
    };
    let raised = A::SIGNED && b.dot.unit() == 4;
    let rows = Rows { start: c.as_mut_ptr(), stride: c_stride };
    let rows = &rows;
    let finish = |row: usize, column: usize, sums: *mut u32, count: usize| {
        // SAFETY: these sums and elements of C are the calling task's.
        let (sums, out) = unsafe {
            (
                std::slice::from_raw_parts_mut(sums.cast::<i32>(), count),
                std::slice::from_raw_parts_mut(rows.start.wrapping_add(row * rows.stride + column), count),
            )
        };
        if raised {
            for (sum, of_column) in sums.iter_mut().zip(&b.column_sums[column..]) {
                *sum = sum.wrapping_sub(of_column.wrapping_mul(128));
            }
        }
        epilogue.finish(row, column, sums, out);
    };
    // SAFETY: the block is one of this product, whose panels were packed for these instructions.
    let compute = |block: &Block| unsafe { compute_bytes(b.dot, block) };
    let product = Product {
        rows: a.rows(),
        units: b.inner.div_ceil(b.dot.unit()),
        columns: b.columns,
        shape: shape(b.dot),
        a: Left::Pack(if b.dot.unit() == 2 { &pairs } else { &quads }),
        a_rows: a.dense_rows(),
        b: Right::Panels(b.panels.start()),
        compute: &compute,
        sums: None,
        result: Place { start: rows.start.cast(), row_bytes: c_stride * size_of::<T>(), bytes: size_of::<T>() },
        finish: Some(&finish),
    };
    // SAFETY: the panels are as large as their shape says.
    unsafe { product.run() };
}

/// Writes units of a row of A, from unit `first` on. What is past the row's end is as if it were zeros.
fn pack_units<T: Copy, const UNIT: usize>(
    a: MatrixRef<'_, T>,
    row: usize,
    first: usize,
    units: &mut [u32],
    unit: impl Fn([T; UNIT]) -> u32,
) {
    let begin = first * UNIT;
    let whole = ((a.columns() - begin) / UNIT).min(units.len());
    match a.row_part(row, begin, whole * UNIT) {
        Some(from) => {
            let (from, _) = from.as_chunks::<UNIT>();
            units.iter_mut().zip(from).for_each(|(to, from)| *to = unit(*from));
        }
        None => {
            for (index, to) in units[..whole].iter_mut().enumerate() {
                *to = unit(std::array::from_fn(|place| a.get(row, begin + index * UNIT + place)));
            }
        }
    }
    if let Some(last) = units.get_mut(whole) {
        // B has zeros there, so it doesn't matter what A has.
        let end = a.columns() - 1;
        *last = unit(std::array::from_fn(|place| a.get(row, (begin + whole * UNIT + place).min(end))));
    }
}

/// C, whose rows are written by many threads.
struct Rows<T> {
    start: *mut T,
    stride: usize,
}

// SAFETY: every task writes elements of its own, and elements may go to other threads.
unsafe impl<T: Send> Sync for Rows<T> {}

/// What panels and tiles look like.
fn shape(dot: ByteDot) -> Shape {
    let shape = shape_at(dot.level(), dot.unit());
    match dot {
        // Two registers of sixteen rows, which are multiplied at eight times the speed of vectors.
        ByteDot::Tiles => Shape { rows: 32, speed: 8, ..shape },
        _ => shape,
    }
}
