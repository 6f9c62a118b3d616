//! A product as tasks: how it is split, where A is packed, and when rows of it are finished.
//!
//! In: A as a function that packs units of a row, B as panels, an engine as a function that computes a block. Out: every
//! row of every block is handed over once, when its sums are whole. How a product is split hangs on its sizes and on the
//! level alone.

use std::ops::Range;

use glassbox_tensor::parallel_for;

use super::tile::{BLOCK, Block, Place, VECTORS, part_start};
use crate::memory::Scratch;

/// How many rows a task has at most: a block of them (144 KiB) lies in the second cache.
const ROWS: usize = 144;
/// How many columns a task has at most, where there are rows for several tiles.
const COLUMNS: usize = 256;
/// How many columns a task has at least, where there are so many.
const LEAST_COLUMNS: usize = 64;
/// How many columns a task has at least where rows were divided instead: what finishes a row takes less for each column of
/// a wide part of it.
const WIDE_COLUMNS: usize = 128;
/// How many tasks are wanted, as long as none falls below [`LEAST_WORK`].
const TASKS: usize = 48;
/// How many products a task has at least, in units of four bytes: some microseconds.
const LEAST_WORK: usize = 1 << 18;
/// How many bytes of panels a task of one tile reads.
const STREAM: usize = 256 << 10;
/// How many units of A are packed once for all tasks; of more, each task packs its own rows. Half of a second cache.
const SHARED: usize = 128 << 10;
/// How many columns a task has at least that packs its own rows, where there are so many: packing a number costs less
/// than a fortieth of its products then.
const LEAST_OWN: usize = 512;
/// How many bytes of panels stay in the second cache while rows pass by. Then the rows are what is fetched ahead.
const RESIDENT: usize = 512 << 10;
/// How many tiles of rows are packed at once where the next ones are fetched meanwhile.
const TILES: usize = 4;
/// How many rows a product has at most whose tasks pack their columns of B themselves.
pub(super) const FEW_ROWS: usize = 2 * ROWS;
/// How many units of A one task packs.
const PACKED: usize = 16 << 10;

/// The engine that is used, and what a panel of it looks like.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// How many columns a vector has.
    pub(super) lanes: usize,
    /// How many rows a tile has at most.
    pub(super) rows: usize,
    /// How many bytes a unit of B has.
    pub(super) stored: usize,
    /// How many times faster than of f32 products of its units are.
    pub(super) speed: usize,
}

impl Shape {
    /// How many columns a panel has.
    pub(super) fn width(self) -> usize {
        VECTORS * self.lanes
    }

    /// How many bytes the panels of so many columns have.
    ///
    /// # Panics
    /// Where no address reaches so far.
    pub(super) fn panel_bytes(self, units: usize, columns: usize) -> usize {
        let padded = columns.checked_next_multiple_of(self.width());
        let bytes = padded.and_then(|columns| columns.checked_mul(units)?.checked_mul(self.stored));
        let Some(bytes) = bytes else { panic!("a matrix of {units} × {columns} is larger than memory") };
        bytes
    }
}

/// How a product is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grid {
    /// How many parts the rows are divided in, as evenly as can be.
    row_parts: usize,
    /// How many columns a task has: whole panels.
    columns: usize,
    /// How many of them are computed before the next: whole panels.
    block_columns: usize,
    /// Whether a task packs its rows itself.
    packs_itself: bool,
}

impl Grid {
    /// With `whole_rows`, every task has all of them.
    fn of(rows: usize, columns: usize, units: usize, shape: Shape, whole_rows: bool) -> Grid {
        let width = shape.width();
        let whole = columns.next_multiple_of(width);
        if rows <= shape.rows {
            let streamed = (STREAM / (units * shape.stored).max(1)).next_multiple_of(width);
            let columns = streamed.max(LEAST_COLUMNS).min(whole);
            return Grid { row_parts: 1, columns, block_columns: columns, packs_itself: false };
        }
        let packs_itself = !whole_rows && rows.saturating_mul(units.next_multiple_of(BLOCK)) > SHARED;
        let least = if packs_itself { LEAST_OWN } else { LEAST_COLUMNS }.next_multiple_of(width);
        let mut row_parts = if whole_rows { 1 } else { rows.div_ceil(ROWS) };
        let mut parts = columns.div_ceil(COLUMNS);
        let size = |parts: usize| columns.div_ceil(parts).next_multiple_of(width).max(least).min(whole);
        if packs_itself {
            // As few as there can be: each of them packs the rows again.
            parts = 1;
        }
        let least_work = LEAST_WORK.saturating_mul(2 * shape.speed);
        let enough = |row_parts: usize, parts: usize| {
            row_parts * columns.div_ceil(size(parts)) >= TASKS
                || (rows / row_parts).saturating_mul(size(parts)).saturating_mul(units) < least_work
        };
        // Rows first, so that their parts stay wide; a task that packs its rows itself has as many as can be instead.
        for divides_rows in [!packs_itself, packs_itself] {
            if divides_rows {
                while !whole_rows && !enough(row_parts, parts) && rows.div_ceil(row_parts) >= 4 * shape.rows {
                    row_parts *= 2;
                }
                continue;
            }
            let least = if row_parts > 1 { least.max(WIDE_COLUMNS) } else { least };
            while !enough(row_parts, parts) && size(parts) >= 2 * least {
                parts *= 2;
            }
        }
        let task_columns = size(parts);
        let blocks = task_columns.div_ceil(COLUMNS);
        let block_columns = task_columns.div_ceil(blocks).next_multiple_of(width).max(LEAST_COLUMNS).min(whole);
        Grid { row_parts, columns: (blocks * block_columns).min(whole), block_columns, packs_itself }
    }
}

/// Units of A.
pub(super) enum Left<'a> {
    /// One row, whose units lie beside each other.
    Row(*const u32),
    /// Writes units of a row, from one on.
    Pack(&'a (dyn Fn(usize, usize, &mut [u32]) + Sync)),
}

// SAFETY: the row is only read, while the caller of `multiply` holds it.
unsafe impl Sync for Left<'_> {}

/// Panels of B.
pub(super) enum Right<'a> {
    /// They are there.
    Panels(*const u8),
    /// Writes those of some columns.
    Pack(&'a (dyn Fn(Range<usize>, *mut u8) + Sync)),
}

/// A product to compute.
pub(super) struct Product<'a> {
    pub(super) rows: usize,
    /// How many units the inner axis has.
    pub(super) units: usize,
    pub(super) columns: usize,
    pub(super) shape: Shape,
    pub(super) a: Left<'a>,
    /// The rows of A as they lie in memory, if they do so one after the other: where, and how many bytes each has.
    pub(super) a_rows: Option<(*const u8, usize)>,
    pub(super) b: Right<'a>,
    /// Computes a block; the pointers that it has are those of this product.
    pub(super) compute: &'a (dyn Fn(&Block) + Sync),
    /// Where sums go: to C, or else to memory of the task.
    pub(super) sums: Option<(*mut u32, usize)>,
    /// Where results go.
    pub(super) result: Place,
    /// Is called for every row of a block that is whole: row, column, and the sums from there on, so many.
    pub(super) finish: Option<&'a (dyn Fn(usize, usize, *mut u32, usize) + Sync)>,
}

// SAFETY: panels are only read. Every task writes sums of rows and columns that no other task has.
unsafe impl Sync for Product<'_> {}

impl Product<'_> {
    /// Computes it.
    ///
    /// # Safety
    /// The panels and sums are there, as many as the sizes say, and nobody else uses the sums.
    pub(super) unsafe fn run(&self) {
        if self.rows == 0 || self.columns == 0 {
            return;
        }
        let whole_rows = matches!(self.b, Right::Pack(_));
        let grid = Grid::of(self.rows, self.columns, self.units, self.shape, whole_rows);
        let shared = match &self.a {
            Left::Pack(pack) if !grid.packs_itself => Some(self.pack_all(*pack)),
            _ => None,
        };
        let column_parts = self.columns.div_ceil(grid.columns);
        parallel_for(grid.row_parts * column_parts, &|task| {
            let (part, column_part) = (task % grid.row_parts, task / grid.row_parts);
            let rows = part_start(self.rows, grid.row_parts, part)..part_start(self.rows, grid.row_parts, part + 1);
            let first = column_part * grid.columns;
            let columns = first..(first + grid.columns).min(self.columns);
            // SAFETY: the rows and columns are this task's.
            unsafe {
                match (&self.a, &shared) {
                    (Left::Row(row), _) => self.blocks(*row, BLOCK, rows, columns, &grid),
                    (_, Some(all)) => {
                        let a = all.units().wrapping_add(rows.start * BLOCK);
                        self.blocks(a, self.rows * BLOCK, rows, columns, &grid);
                    }
                    (Left::Pack(pack), None) => self.own_rows(*pack, rows, columns, &grid),
                }
            }
        });
    }

    /// Packs and computes rows: all at once where panels pass by, a few after the other where the panels stay in the
    /// cache.
    ///
    /// # Safety
    /// As [`Product::run`]; nobody else has these rows and columns.
    unsafe fn own_rows(
        &self,
        pack: &(dyn Fn(usize, usize, &mut [u32]) + Sync),
        rows: Range<usize>,
        columns: Range<usize>,
        grid: &Grid,
    ) {
        let resident = self.shape.panel_bytes(self.units, columns.len()) <= RESIDENT;
        let each = if resident { TILES * self.shape.rows } else { rows.len() };
        let parts = rows.len().div_ceil(each);
        for part in 0..parts {
            let start = |part: usize| rows.start + part_start(rows.len(), parts, part);
            let (first, end) = (start(part), start(part + 1));
            let own = self.pack_rows(pack, first, end);
            // SAFETY: as the caller says.
            unsafe { self.blocks(own.units(), (end - first) * BLOCK, first..end, columns.clone(), grid) };
        }
    }

    /// Computes and finishes rows, block by block.
    ///
    /// # Safety
    /// As [`Product::run`]; nobody else has these rows and columns.
    unsafe fn blocks(&self, a: *const u32, a_block: usize, rows: Range<usize>, columns: Range<usize>, grid: &Grid) {
        let resident = grid.packs_itself && self.shape.panel_bytes(self.units, columns.len()) <= RESIDENT;
        let next_rows = (rows.len()).min(self.rows - rows.end);
        let mut ahead = match self.a_rows {
            Some((start, bytes)) if resident => (start.wrapping_add(rows.end * bytes), next_rows * bytes),
            _ => (std::ptr::null(), 0),
        };
        for column in columns.clone().step_by(grid.block_columns) {
            let count = grid.block_columns.min(columns.end - column);
            // SAFETY: as the caller says.
            unsafe { self.block(a, a_block, rows.clone(), column..column + count, ahead) };
            ahead = (std::ptr::null(), 0);
        }
    }

    /// Computes and finishes a block.
    ///
    /// # Safety
    /// As [`Product::run`]; nobody else has these rows and columns.
    unsafe fn block(
        &self,
        a: *const u32,
        a_block: usize,
        rows: Range<usize>,
        columns: Range<usize>,
        ahead: (*const u8, usize),
    ) {
        let packed;
        let panels = match self.b {
            Right::Panels(panels) => panels.wrapping_add(self.shape.panel_bytes(self.units, columns.start)),
            Right::Pack(pack) => {
                packed = Scratch::take(self.shape.panel_bytes(self.units, columns.len()));
                pack(columns.clone(), packed.start());
                packed.start()
            }
        };
        let scratch;
        let (sums, sums_stride) = match self.sums {
            Some((sums, stride)) => (sums.wrapping_add(rows.start * stride + columns.start), stride),
            None => {
                scratch = Scratch::take(rows.len() * columns.len() * 4);
                (scratch.start().cast(), columns.len())
            }
        };
        if self.units == 0 {
            for row in 0..rows.len() {
                // SAFETY: the sums are this block's.
                unsafe { std::ptr::write_bytes(sums.wrapping_add(row * sums_stride), 0, columns.len()) };
            }
        } else {
            (self.compute)(&Block {
                a,
                a_block,
                rows: rows.len(),
                units: self.units,
                panels,
                columns: columns.len(),
                sums,
                sums_stride,
                add: false,
                result: self.result.at(rows.start, columns.start),
                ahead,
            });
        }
        if let Some(finish) = self.finish {
            for (index, row) in rows.enumerate() {
                finish(row, columns.start, sums.wrapping_add(index * sums_stride), columns.len());
            }
        }
    }

    /// All rows, packed by all threads: blocks of the inner axis, of which each has every row.
    fn pack_all(&self, pack: &(dyn Fn(usize, usize, &mut [u32]) + Sync)) -> Scratch {
        let blocks = self.units.div_ceil(BLOCK);
        let scratch = Scratch::take(blocks * self.rows * BLOCK * 4);
        let start = Start(scratch.start().cast());
        let start = &start;
        let rows_each = (PACKED / self.units.max(1)).clamp(1, self.rows);
        parallel_for(self.rows.div_ceil(rows_each), &|task| {
            let first = task * rows_each;
            for row in first..(first + rows_each).min(self.rows) {
                // SAFETY: the scratch has room for every row, and the row is this task's.
                unsafe { pack_row(pack, row, self.units, start.0.wrapping_add(row * BLOCK), self.rows * BLOCK) };
            }
        });
        scratch
    }

    /// Some rows, packed by this thread.
    fn pack_rows(&self, pack: &(dyn Fn(usize, usize, &mut [u32]) + Sync), first: usize, end: usize) -> Scratch {
        let blocks = self.units.div_ceil(BLOCK);
        let scratch = Scratch::take(blocks * (end - first) * BLOCK * 4);
        let start: *mut u32 = scratch.start().cast();
        for row in first..end {
            let to = start.wrapping_add((row - first) * BLOCK);
            // SAFETY: the scratch has room for these rows.
            unsafe { pack_row(pack, row, self.units, to, (end - first) * BLOCK) };
        }
        scratch
    }
}

/// Packs a row, block after block.
///
/// # Safety
/// There is room, and nobody else uses it.
unsafe fn pack_row(
    pack: &(dyn Fn(usize, usize, &mut [u32]) + Sync),
    row: usize,
    units: usize,
    to: *mut u32,
    a_block: usize,
) {
    for (index, first) in (0..units).step_by(BLOCK).enumerate() {
        // SAFETY: as the caller says; scratch memory always holds numbers.
        let room =
            unsafe { std::slice::from_raw_parts_mut(to.wrapping_add(index * a_block), BLOCK.min(units - first)) };
        pack(row, first, room);
    }
}

/// Where memory begins whose parts go to other threads.
struct Start(*mut u32);

// SAFETY: every task writes parts of its own.
unsafe impl Sync for Start {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_split_into_whole_panels_of_useful_size() {
        let shapes = [(16, 12, 4, 1), (8, 6, 2, 1), (16, 32, 4, 8)];
        for (lanes, rows, stored, speed) in shapes {
            let shape = Shape { lanes, rows, stored, speed };
            for rows in [1, 2, 6, 7, 12, 13, 49, 128, 1500, 12544, 100_000] {
                for columns in [1, 15, 16, 64, 100, 768, 2304, 50257] {
                    for units in [0, 1, 64, 768, 4608] {
                        let whole = Grid::of(rows, columns, units, shape, true);
                        assert!(whole.row_parts == 1 && !whole.packs_itself);
                        let grid = Grid::of(rows, columns, units, shape, false);
                        assert!(grid.columns.is_multiple_of(shape.width()) && grid.columns > 0);
                        assert!(grid.block_columns.is_multiple_of(shape.width()));
                        // Only the last block of a row may be narrow.
                        assert!(grid.columns.is_multiple_of(grid.block_columns) || grid.columns >= columns);
                        assert!((LEAST_COLUMNS.min(columns)..=grid.columns).contains(&grid.block_columns));
                        assert!(grid.columns >= columns.min(LEAST_COLUMNS), "{rows} {columns} {units}");
                        assert!((1..=rows).contains(&grid.row_parts) && rows.div_ceil(grid.row_parts) <= ROWS);
                    }
                }
            }
        }
    }
}
