//! The product itself: how work is split, and where x and y stand.
//!
//! A piece of work is some panels of weights times some rows of x; how many is decided by sizes alone. A piece decodes a
//! group of a panel into scratch memory and multiplies it with all its rows, so that decoding is paid once for them.

use std::cell::Cell;
use std::ops::Range;

use glassbox_tensor::parallel_for;

use super::exact;
use super::int8::{self, Engine};
use super::layout::{GROUP, PANEL, Unit};
use super::pack::PackedBlocks;
use super::quantize::quantize;
use crate::Epilogue;
use crate::simd::Level;

/// What is multiplied with the weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Activations {
    /// The numbers of x as they are. Weights are widened to f32 as their format defines, each rounded as
    /// `glassbox-tensor` decodes it, and multiplied by `fma`: k is cut into chunks of 64, a chunk is summed in order from
    /// zero, and the sums are added in order.
    #[default]
    Exact,
    /// The numbers of x rounded to eight bits: of 32 that follow each other, beginning at a multiple of 32, the largest
    /// magnitude over 127 is the step; each is multiplied by the step's reciprocal and rounded to the nearest integer, of
    /// two the even one, which is its code (step, reciprocal and product are rounded to f32). Products of codes are added
    /// exactly as integers, over the 16 or 32 elements that share a scale of the weights; then, in order,
    /// `y = fma(scale · step, integer, y)` and, for formats with a minimum, `y = fma(minimum, step · sum of x's codes, y)`.
    ///
    /// Where one of 32 isn't finite the step is NaN, and so is the result. Where the step is below 2⁻¹²⁸, which has no
    /// reciprocal in f32, all 32 count as zero.
    Int8,
}

/// Rows of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The numbers, those of a row side by side.
    pub values: &'a [f32],
    /// How many rows.
    pub count: usize,
    /// From one row to the next.
    pub stride: usize,
}

/// Rows of numbers to be written.
#[derive(Debug)]
pub struct RowsMut<'a> {
    /// The numbers, those of a row side by side.
    pub values: &'a mut [f32],
    /// From one row to the next.
    pub stride: usize,
}

/// `y[m, n] = Σ x[m, k] · W[n, k]` for all rows of x, then the epilogue.
///
/// ```
/// use glassbox_kernels::quant::{Activations, PackedBlocks, Rows, RowsMut, matmul};
/// use glassbox_tensor::BlockFormat;
/// // One row of weights: the scale 1 (f16 0x3c00), then the codes 0, 1, …, 31.
/// let block: Vec<u8> = [0x00, 0x3c].into_iter().chain(0..32).collect();
/// let weights = PackedBlocks::pack(BlockFormat::Q8_0, 1, 32, &block).expect("a packed format");
/// let (x, mut y) = ([2.0f32; 32], [0.0f32; 1]);
/// let rows = Rows { values: &x, count: 1, stride: 32 };
/// matmul(rows, &weights, RowsMut { values: &mut y, stride: 1 }, Activations::Exact, None);
/// assert_eq!(y, [2.0 * 31.0 * 32.0 / 2.0]);
/// ```
///
/// # Panics
/// Where `x` or `y` is too short for its rows, or a stride is shorter than a row.
pub fn matmul(
    x: Rows<'_>,
    weights: &PackedBlocks,
    y: RowsMut<'_>,
    activations: Activations,
    epilogue: Option<&dyn Epilogue>,
) {
    matmul_at(Level::best(), x, weights, y, activations, epilogue);
}

/// [`matmul`] with the instructions of a level, or of the best there are below it. The results are the same.
///
/// # Panics
/// As [`matmul`] does.
pub fn matmul_at(
    level: Level,
    x: Rows<'_>,
    weights: &PackedBlocks,
    y: RowsMut<'_>,
    activations: Activations,
    epilogue: Option<&dyn Epilogue>,
) {
    let (n, k, m) = (weights.n, weights.k, x.count);
    check("x", x.values.len(), m, k, x.stride);
    check("y", y.values.len(), m, n, y.stride);
    if m == 0 || n == 0 {
        return;
    }
    let level = Level::ALL.into_iter().rev().find(|other| *other <= level && other.is_available());
    let level = level.unwrap_or(Level::Portable);
    let y = Output { start: y.values.as_mut_ptr(), stride: y.stride };
    match activations {
        Activations::Exact => {
            let split = Split::new(weights, m, exact::tile_rows(level));
            let mut tiled = BUFFER.take();
            let x = if m == 1 { &x.values[..k] } else { split.tile(x, k, &mut tiled) };
            split.run(y, epilogue, &|item, scratch| {
                exact::multiply(level, item, x, scratch);
            });
            BUFFER.set(tiled);
        }
        Activations::Int8 => {
            let engine = Engine::at(level);
            let split = Split::new(weights, m, engine.tile_rows());
            let x = quantize(level, x, weights, &split);
            split.run(y, epilogue, &|item, scratch| {
                int8::multiply(engine, item, &x, scratch);
            });
        }
    }
}

fn check(name: &str, length: usize, rows: usize, width: usize, stride: usize) {
    let needed = rows.checked_sub(1).map_or(Some(0), |before| before.checked_mul(stride)?.checked_add(width));
    assert!(needed.is_some_and(|needed| needed <= length), "{name}: {length} numbers for {rows} rows of {width}");
    assert!(rows < 2 || stride >= width, "{name}: a stride of {stride} for rows of {width}");
}

/// The most rows of x in a piece of work: their totals, and their part of x for one group, stay in the second cache.
const MAX_ROWS: usize = 264;
/// Bytes of weights that a piece of work has at least, where there are as many: reading them takes some microseconds.
const PIECE: usize = 64 << 10;

/// How a product is split.
pub(super) struct Split<'a> {
    weights: &'a PackedBlocks,
    rows: usize,
    block: usize,
    panels: usize,
    heights: &'static [usize],
}

impl<'a> Split<'a> {
    fn new(weights: &'a PackedBlocks, rows: usize, heights: &'static [usize]) -> Split<'a> {
        let block = rows.div_ceil(rows.div_ceil(MAX_ROWS)).next_multiple_of(heights[0]);
        let panels = (PIECE / weights.layout.panel_bytes(weights.k).max(1)).max(1);
        Split { weights, rows, block, panels, heights }
    }

    /// The rows of x that are multiplied together: for each such tile its first row and how many.
    pub(super) fn tiles(&self) -> Vec<(usize, usize)> {
        let mut tiles = Vec::new();
        for start in (0..self.rows).step_by(self.block) {
            let (mut first, end) = (start, self.rows.min(start + self.block));
            for height in self.heights {
                while end - first >= *height {
                    tiles.push((first, *height));
                    first += height;
                }
            }
        }
        tiles
    }

    /// The numbers of x, those of a tile together and in it those of one k side by side.
    fn tile<'b>(&self, x: Rows<'_>, k: usize, out: &'b mut Vec<f32>) -> &'b [f32] {
        out.clear();
        out.resize(x.count * k, 0.0);
        let tiles = if k == 0 { Vec::new() } else { self.tiles() };
        let to = Output { start: out.as_mut_ptr(), stride: k };
        parallel_for(tiles.len(), &|index| {
            let (first, height) = tiles[index];
            // SAFETY: no other tile has these rows, and `out` has k numbers for each.
            let tile = unsafe { std::slice::from_raw_parts_mut(to.at(first, 0), height * k) };
            // A few columns at a time, so that what is written stays in the first cache.
            for start in (0..k).step_by(64) {
                let end = k.min(start + 64);
                for row in 0..height {
                    let values = &x.values[(first + row) * x.stride..][start..end];
                    let to = tile[start * height..end * height].iter_mut().skip(row).step_by(height);
                    to.zip(values).for_each(|(to, value)| *to = *value);
                }
            }
        });
        out
    }

    fn run(&self, y: Output, epilogue: Option<&dyn Epilogue>, work: &(dyn Fn(&Item<'_>, &mut Scratch) + Sync)) {
        let batches = self.weights.panels().div_ceil(self.panels);
        parallel_for(batches * self.rows.div_ceil(self.block), &|index| {
            let (block, batch) = (index / batches * self.block, index % batches * self.panels);
            let rows = block..self.rows.min(block + self.block);
            let panels = batch..self.weights.panels().min(batch + self.panels);
            let item = Item { weights: self.weights, rows, panels, y, epilogue };
            Scratch::with(|scratch| work(&item, scratch));
        });
    }
}

/// Where results go.
#[derive(Clone, Copy)]
struct Output {
    start: *mut f32,
    stride: usize,
}

// SAFETY: pieces of work write parts of the output that don't overlap, while it is borrowed by the call.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

impl Output {
    fn at(self, row: usize, column: usize) -> *mut f32 {
        self.start.wrapping_add(row * self.stride + column)
    }
}

/// A piece of work.
pub(super) struct Item<'a> {
    pub(super) weights: &'a PackedBlocks,
    /// Which rows of x.
    pub(super) rows: Range<usize>,
    /// Which panels of weights.
    pub(super) panels: Range<usize>,
    y: Output,
    epilogue: Option<&'a dyn Epilogue>,
}

impl Item<'_> {
    /// Writes the results of a panel: `totals` has [`PANEL`] for every row.
    pub(super) fn write(&self, panel: usize, totals: &[f32]) {
        let column = panel * PANEL;
        let width = PANEL.min(self.weights.n - column);
        for (row, totals) in self.rows.clone().zip(totals.chunks_exact(PANEL)) {
            // SAFETY: y has these columns of this row, as was checked at first, and no other piece of work writes them.
            let values = unsafe { std::slice::from_raw_parts_mut(self.y.at(row, column), width) };
            values.copy_from_slice(&totals[..width]);
            if let Some(epilogue) = self.epilogue {
                epilogue.finish(row, column, values);
            }
        }
    }
}

/// Memory that a thread works in; it is kept for the next piece of work.
pub(super) struct Scratch {
    weights: Vec<Unit>,
    scales: Vec<Unit>,
    totals: Vec<Unit>,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
    /// Memory for the tiles of x, kept by the calling thread for the next product.
    static BUFFER: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

impl Scratch {
    fn with(work: impl FnOnce(&mut Scratch)) {
        let mut scratch = SCRATCH.take().unwrap_or_else(|| {
            let units = |bytes: usize| vec![Unit([0; 64]); bytes / size_of::<Unit>()];
            let weights = units(size_of::<f32>() * GROUP * PANEL);
            let scales = units(2 * size_of::<f32>() * GROUP / 16 * PANEL);
            Box::new(Scratch { weights, scales, totals: units(size_of::<f32>() * MAX_ROWS * PANEL) })
        });
        work(&mut scratch);
        SCRATCH.set(Some(scratch));
    }

    /// Room for a group of a panel as f32.
    pub(super) fn weights(&mut self) -> *mut f32 {
        self.weights.as_mut_ptr().cast()
    }

    /// Room for the scales of a group of a panel, which has at most 16 of each row, and as many minima.
    pub(super) fn scales(&mut self) -> *mut f32 {
        self.scales.as_mut_ptr().cast()
    }

    /// Room for [`PANEL`] numbers for so many rows, at most [`MAX_ROWS`] rounded up to a tile.
    pub(super) fn totals(&mut self, rows: usize) -> &mut [f32] {
        let needed = rows * PANEL * size_of::<f32>() / size_of::<Unit>();
        assert!(needed <= self.totals.len());
        // SAFETY: there is as much memory, which is plain bytes.
        unsafe { std::slice::from_raw_parts_mut(self.totals.as_mut_ptr().cast(), rows * PANEL) }
    }
}
