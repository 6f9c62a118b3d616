//! B in panels.
//!
//! A panel has two vectors of columns; its elements lie unit after unit of the inner axis, the columns of a unit beside
//! each other, zeros past the last column. So a tile reads its panel from one end to the other, and a product of one row
//! reads all panels so.

use std::ops::Range;

use glassbox_tensor::parallel_for;
use half::{bf16, f16};

use super::dots::has_bf16_dot;
use super::float::{Held, shape_at};
use super::matrix::MatrixRef;
use super::product::Shape;
use crate::memory::Memory;
use crate::simd::Level;

/// How many elements one task packs at least.
const LEAST_PACKED: usize = 1 << 16;

/// The right matrix of a product, packed once for many: K × N numbers, held as f32, f16 or bf16. Numbers of 16 bits are
/// widened when they are read, which is exact, and take half the memory.
///
/// ```
/// use glassbox_kernels::gemm::{MatrixRef, PackedB, gemm};
/// let b = PackedB::new(MatrixRef::of_rows(&[1.0f32, 2.0, 3.0, 4.0], 2, 2));
/// let mut c = [0.0; 2];
/// gemm(MatrixRef::of_rows(&[10.0, 1.0], 1, 2), &b, &mut c, 2, None);
/// assert_eq!(c, [13.0, 24.0]);
/// ```
pub struct PackedB {
    panels: Memory,
    inner: usize,
    columns: usize,
    held: Held,
    level: Level,
}

/// What [`PackedB`] is made of, and holds as it is.
pub trait Packable: Copy + Default + Send + Sync + sealed::Held {}

/// What products are computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compute {
    /// f32: each product is exact, and added to the sum with one rounding.
    #[default]
    F32,
    /// A and B are rounded to bf16, and sums of f32 take two products at once, where the processor has the instruction
    /// (AVX512-BF16). Its way of rounding sums is its own: numbers below 2⁻¹²⁶ count as zero, and a sum takes two
    /// roundings for each pair. Zen 4 does twice as many products so as of f32, Sapphire Rapids half as many. Elsewhere B
    /// is rounded to bf16 and computed with in f32.
    Bf16,
}

impl Compute {
    /// Whether this processor has instructions for it.
    pub fn is_available(self) -> bool {
        self == Compute::F32 || has_bf16_dot()
    }
}

impl Packable for f32 {}
impl Packable for f16 {}
impl Packable for bf16 {}
impl Packable for i8 {}

mod sealed {
    pub trait Held {
        const HELD: super::Held;
        /// As bf16, rounded to nearest even.
        fn to_bf16(self) -> half::bf16;
    }
    impl Held for f32 {
        const HELD: super::Held = super::Held::F32;
        fn to_bf16(self) -> half::bf16 {
            half::bf16::from_f32(self)
        }
    }
    impl Held for half::f16 {
        const HELD: super::Held = super::Held::F16;
        fn to_bf16(self) -> half::bf16 {
            half::bf16::from_f32(self.to_f32())
        }
    }
    impl Held for half::bf16 {
        const HELD: super::Held = super::Held::Bf16;
        fn to_bf16(self) -> half::bf16 {
            self
        }
    }
    impl Held for i8 {
        const HELD: super::Held = super::Held::I8;
        fn to_bf16(self) -> half::bf16 {
            // Every i8 is one.
            half::bf16::from_f32(f32::from(self))
        }
    }
}

impl PackedB {
    /// Packs a matrix for the best level of this processor.
    pub fn new<T: Packable>(matrix: MatrixRef<'_, T>) -> PackedB {
        PackedB::at(Level::best(), Compute::F32, matrix)
    }

    /// Packs a matrix for products that are computed so.
    pub fn of<T: Packable>(compute: Compute, matrix: MatrixRef<'_, T>) -> PackedB {
        PackedB::at(Level::best(), compute, matrix)
    }

    /// Packs a matrix for a level, which its products are then computed at; for the best there is where the processor
    /// lacks that level.
    pub fn at<T: Packable>(level: Level, compute: Compute, matrix: MatrixRef<'_, T>) -> PackedB {
        let (inner, columns) = (matrix.rows(), matrix.columns());
        let held = match compute {
            Compute::F32 => T::HELD,
            Compute::Bf16 if level == Level::Avx512 && has_bf16_dot() => Held::Bf16Pairs,
            Compute::Bf16 => Held::Bf16,
        };
        let shape = shape(level, held);
        let panels = Memory::zeroed(shape.panel_bytes(inner.div_ceil(held.unit()), columns));
        let (width, start) = (shape.width(), panels.start());
        // SAFETY: the memory has room for the panels, and nobody else has it yet.
        unsafe {
            match held {
                Held::Bf16Pairs => pack::<T, bf16, 2>(matrix, width, start.cast(), T::to_bf16),
                Held::Bf16 => pack::<T, bf16, 1>(matrix, width, start.cast(), T::to_bf16),
                Held::F32 | Held::F16 | Held::I8 => pack::<T, T, 1>(matrix, width, start.cast(), |x| x),
            }
        }
        PackedB { panels, inner, columns, held, level }
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

    /// The panels, where they hold f32: what a product of one row reads from one end to the other.
    pub fn as_f32(&self) -> Option<&[f32]> {
        // SAFETY: the memory is aligned, and holds as many numbers.
        (self.held == Held::F32)
            .then(|| unsafe { std::slice::from_raw_parts(self.panels.start().cast(), self.bytes() / 4) })
    }

    pub(super) fn panels(&self) -> Panels {
        Panels {
            start: self.panels.start(),
            inner: self.inner,
            columns: self.columns,
            held: self.held,
            level: self.level,
        }
    }
}

/// Panels, wherever they lie.
#[derive(Clone, Copy)]
pub(super) struct Panels {
    pub(super) start: *const u8,
    pub(super) inner: usize,
    pub(super) columns: usize,
    pub(super) held: Held,
    pub(super) level: Level,
}

/// What the panels and tiles of f32 look like at a level.
pub(super) fn shape(level: Level, held: Held) -> Shape {
    shape_at(level, held.bytes())
}

/// Writes the panels of a matrix, `width` columns each and `UNIT` elements of the inner axis in a unit, with all threads.
///
/// # Safety
/// There is room for them, of which nobody else has anything.
pub(super) unsafe fn pack<T: Copy + Send + Sync, U: Copy + Default + Send, const UNIT: usize>(
    matrix: MatrixRef<'_, T>,
    width: usize,
    panels: *mut U,
    convert: impl Fn(T) -> U + Sync,
) {
    let (inner, columns) = (matrix.rows(), matrix.columns());
    let panel_size = width * inner.next_multiple_of(UNIT);
    if panel_size == 0 {
        return;
    }
    let each = (LEAST_PACKED / panel_size).max(1);
    let start = Start(panels);
    let start = &start;
    let count = columns.div_ceil(width);
    parallel_for(count.div_ceil(each), &|task| {
        for panel in task * each..((task + 1) * each).min(count) {
            // SAFETY: as the caller says; the panel is this task's.
            let elements =
                unsafe { std::slice::from_raw_parts_mut(start.0.wrapping_add(panel * panel_size), panel_size) };
            pack_panel::<T, U, UNIT>(matrix, panel * width, width, elements, &convert);
        }
    });
}

/// Writes the panels of some columns of a matrix of f32, with this thread.
///
/// # Safety
/// There is room for them, of which nobody else has anything.
pub(super) unsafe fn pack_columns(matrix: MatrixRef<'_, f32>, columns: Range<usize>, width: usize, panels: *mut f32) {
    let panel_size = width * matrix.rows();
    for (index, first) in columns.step_by(width).enumerate() {
        // SAFETY: as the caller says.
        let panel = unsafe { std::slice::from_raw_parts_mut(panels.wrapping_add(index * panel_size), panel_size) };
        pack_panel::<f32, f32, 1>(matrix, first, width, panel, &|x| x);
    }
}

/// Writes one panel: the columns from `first` on.
fn pack_panel<T: Copy, U: Copy + Default, const UNIT: usize>(
    matrix: MatrixRef<'_, T>,
    first: usize,
    width: usize,
    panel: &mut [U],
    convert: &impl Fn(T) -> U,
) {
    let (inner, count) = (matrix.rows(), width.min(matrix.columns() - first));
    if matrix.column_stride() == 1 {
        for (unit, to) in panel.chunks_exact_mut(width * UNIT).enumerate() {
            for place in 0..UNIT {
                let row = unit * UNIT + place;
                let from = if row < inner { matrix.row_part(row, first, count).unwrap_or(&[]) } else { &[] };
                if UNIT == 1 {
                    from.iter().zip(&mut *to).for_each(|(from, to)| *to = convert(*from));
                    to[from.len()..].fill(U::default());
                    continue;
                }
                let mut to = to[place..].iter_mut().step_by(UNIT);
                from.iter().zip(&mut to).for_each(|(from, to)| *to = convert(*from));
                to.for_each(|to| *to = U::default());
            }
        }
        return;
    }
    // Pieces of columns, so that lines of the source are read whole, and the part of the panel that is written stays in
    // the first cache.
    const PIECE: usize = 16;
    for (piece, to) in panel.chunks_mut(width * PIECE).enumerate() {
        let begin = piece * PIECE;
        let present = (inner - begin).min(PIECE);
        if count < width || present < PIECE {
            to.fill(U::default());
        }
        for column in 0..count {
            for row in 0..present {
                let place = (row / UNIT * width + column) * UNIT + row % UNIT;
                to[place] = convert(matrix.get(begin + row, first + column));
            }
        }
    }
}

/// Where panels begin that go to other threads.
struct Start<T>(*mut T);

// SAFETY: every task writes panels of its own.
unsafe impl<T: Send> Sync for Start<T> {}
