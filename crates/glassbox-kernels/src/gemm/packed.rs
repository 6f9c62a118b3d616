//! B in panels.
//!
//! A panel has two vectors of columns; its elements lie unit after unit of the inner axis, the columns of a unit beside
//! each other, zeros past the last column. So a tile reads its panel from one end to the other, and a product of one row
//! reads all panels so.

use glassbox_tensor::parallel_for;
use half::{bf16, f16};

use super::float::{self, Held, tile_rows};
use super::matrix::MatrixRef;
use super::memory::Memory;
use super::product::Shape;
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

impl Packable for f32 {}
impl Packable for f16 {}
impl Packable for bf16 {}

mod sealed {
    pub trait Held {
        const HELD: super::Held;
    }
    impl Held for f32 {
        const HELD: super::Held = super::Held::F32;
    }
    impl Held for half::f16 {
        const HELD: super::Held = super::Held::F16;
    }
    impl Held for half::bf16 {
        const HELD: super::Held = super::Held::Bf16;
    }
}

impl PackedB {
    /// Packs a matrix for the best level of this processor.
    pub fn new<T: Packable>(matrix: MatrixRef<'_, T>) -> PackedB {
        PackedB::at(Level::best(), matrix)
    }

    /// Packs a matrix for a level, which its products are then computed at; for the best there is where the processor
    /// lacks that level.
    pub fn at<T: Packable>(level: Level, matrix: MatrixRef<'_, T>) -> PackedB {
        let (inner, columns) = (matrix.rows(), matrix.columns());
        let shape = shape(level, T::HELD);
        let panels = Memory::zeroed(shape.panel_bytes(inner, columns));
        // SAFETY: the memory has room for the panels, and nobody else has it yet.
        unsafe { pack(matrix, shape.width(), panels.start().cast()) };
        PackedB { panels, inner, columns, held: T::HELD, level }
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
        (self.held == Held::F32).then(|| unsafe { std::slice::from_raw_parts(self.panels.start().cast(), self.bytes() / 4) })
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
    let lanes = float::lanes(level);
    Shape { lanes, rows: tile_rows(lanes), stored: held.bytes() }
}

/// Writes the panels of a matrix, `width` columns each, with all threads.
///
/// # Safety
/// There is room for them, of which nobody else has anything.
pub(super) unsafe fn pack<T: Copy + Default + Send + Sync>(matrix: MatrixRef<'_, T>, width: usize, panels: *mut T) {
    let (inner, columns) = (matrix.rows(), matrix.columns());
    let panel_size = width * inner;
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
            pack_panel(matrix, panel * width, width, elements);
        }
    });
}

/// Writes one panel: the columns from `first` on.
fn pack_panel<T: Copy + Default>(matrix: MatrixRef<'_, T>, first: usize, width: usize, panel: &mut [T]) {
    let count = width.min(matrix.columns() - first);
    if matrix.column_stride() == 1 {
        for (row, to) in panel.chunks_exact_mut(width).enumerate() {
            if let Some(from) = matrix.row_part(row, first, count) {
                to[..count].copy_from_slice(from);
                to[count..].fill(T::default());
            }
        }
        return;
    }
    // Pieces of columns, so that lines of the source are read whole, and the part of the panel that is written stays in
    // the first cache.
    const PIECE: usize = 16;
    for (piece, to) in panel.chunks_mut(width * PIECE).enumerate() {
        for column in 0..count {
            for (row, to) in to.chunks_exact_mut(width).enumerate() {
                to[column] = matrix.get(piece * PIECE + row, first + column);
            }
        }
        if count < width {
            to.chunks_exact_mut(width).for_each(|to| to[count..].fill(T::default()));
        }
    }
}

/// Where panels begin that go to other threads.
struct Start<T>(*mut T);

// SAFETY: every task writes panels of its own.
unsafe impl<T: Send> Sync for Start<T> {}
