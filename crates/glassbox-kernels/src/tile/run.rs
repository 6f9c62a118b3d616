//! A run: sources and destinations are checked, and the space is cut into pieces for threads.

use glassbox_tensor::parallel_for;

use super::compile::{Compiled, MAX_LOADS, MAX_STORES, Uniform};
use super::interpret::{Piece, SHORT, TILE};
use super::space::{Bound, Destination, MAX_RANK, Source, Space};
use crate::simd::{Level, run_at};

/// What a piece costs, in additions of one number: some ten microseconds.
const PIECE: usize = 1 << 17;

impl Compiled {
    /// Runs the program over a space, on all threads. The result depends neither on their number nor on the processor.
    ///
    /// # Panics
    /// Where there aren't as many sources and destinations as loads and stores, in their formats; where an element of the
    /// space lies outside of one, or two elements are written to one place; where the space has more than
    /// [`MAX_RANK`] outer dims.
    pub fn run(&self, space: Space, loads: &[Source], stores: &mut [Destination]) {
        self.run_at(Level::best(), space, loads, stores);
    }

    /// [`Compiled::run`] with the vectors of a level.
    ///
    /// # Panics
    /// As [`Compiled::run`].
    pub fn run_at(&self, level: Level, space: Space, loads: &[Source], stores: &mut [Destination]) {
        assert!(space.rows.len() <= MAX_RANK, "at most {MAX_RANK} outer dims");
        assert!(loads.len() == self.program().loads.len(), "as many sources as loads");
        assert!(stores.len() == self.program().stores.len(), "as many destinations as stores");
        let (mut sources, mut destinations) = ([Bound::NOTHING; MAX_LOADS], [Bound::NOTHING; MAX_STORES]);
        for ((bound, store), found) in destinations.iter_mut().zip(&self.program().stores).zip(stores) {
            *bound = Bound::destination(found, &space);
            assert!(bound.format == store.format, "a destination is {}, its store {}", bound.format, store.format);
        }
        let destinations = &destinations[..self.program().stores.len()];
        for ((bound, load), found) in sources.iter_mut().zip(&self.program().loads).zip(loads) {
            *bound = Bound::source(found, &space, destinations);
            assert!(bound.format == load.format, "a source is {}, its load {}", bound.format, load.format);
        }
        let (sources, rows) = (&sources[..loads.len()], space.row_count());
        if rows == 0 || space.columns == 0 {
            return;
        }
        let elementwise = self.program().is_elementwise();
        let packed = elementwise && space.columns < SHORT && rows > 1;
        let uniform = self.uniform(|load| match packed {
            true => sources[load].is_one(&space),
            false => sources[load].column_stride == 0,
        });
        let whole = Piece {
            compiled: self,
            space,
            first_source: None,
            sources,
            destinations,
            uniform: &uniform,
            packed,
            rows: 0..rows,
            columns: 0..space.columns,
        };
        in_pieces(level, &whole, elementwise);
    }
}

/// Cuts a run into pieces by the sizes and the program alone.
fn in_pieces(level: Level, whole: &Piece, elementwise: bool) {
    let (rows, columns) = (whole.rows.len(), whole.columns.len());
    let elements = (PIECE / whole.compiled.cost).max(TILE);
    // Reductions go over whole rows.
    let width = if elementwise { columns.min(elements.next_multiple_of(TILE)) } else { columns };
    let height = (elements / width).clamp(1, rows);
    let (across, down) = (columns.div_ceil(width), rows.div_ceil(height));
    parallel_for(across * down, &|number| {
        let (row, column) = (number / across * height, number % across * width);
        let piece = Piece {
            rows: row..(row + height).min(rows),
            columns: column..(column + width).min(columns),
            ..whole.clone()
        };
        run_at(level, piece);
    });
}

/// A program that is applied in place to segments of a matrix while it is computed: the first load is the segment, and
/// the only store is the segment too. Made by [`Compiled::epilogue`].
///
/// ```
/// use glassbox_kernels::tile::{Compiled, Data, Format, Operation, Program, Source};
/// let mut program = Program::default();
/// let (product, bias) = (program.load(Format::F32), program.load(Format::F32));
/// let sum = program.step(Operation::Add, &[product, bias]);
/// program.store(sum, Format::F32);
/// let compiled = Compiled::new(&program)?;
///
/// // The bias belongs to the columns of a matrix of 2 by 4.
/// let bias = [1.0, 2.0, 3.0, 4.0];
/// let bias = Source { data: Data::F32(&bias), offset: 0, row_strides: &[0], column_stride: 1 };
/// let epilogue = compiled.epilogue(2, 4, &[bias]);
/// let mut segment = [10.0, 20.0];
/// epilogue.apply(1, 2, &mut segment);
/// assert_eq!(segment, [13.0, 24.0]);
/// # Ok::<(), glassbox_kernels::tile::ProgramError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Epilogue<'a> {
    compiled: &'a Compiled,
    rows: usize,
    columns: usize,
    /// The first is the segment.
    sources: [Bound<'a>; MAX_LOADS],
    uniform: Uniform,
}

impl Compiled {
    /// Whether the program can be an [`Epilogue`]: elementwise, its first load is f32, and its only store too.
    pub fn is_epilogue(&self) -> bool {
        let program = self.program();
        let first = program.loads.first().is_some_and(|load| load.format == super::Format::F32);
        first && program.is_elementwise() && program.stores.len() == 1 && program.stores[0].format == super::Format::F32
    }

    /// The program as the end of a matrix product of so many rows and columns. `loads` are those after the first, with one
    /// row stride each; none may be [`Data::Destination`](super::Data::Destination). Nothing is allocated.
    ///
    /// # Panics
    /// Where the program isn't [one for this](Compiled::is_epilogue); as [`Compiled::run`] for the loads.
    pub fn epilogue<'a>(&'a self, rows: usize, columns: usize, loads: &[Source<'a>]) -> Epilogue<'a> {
        assert!(self.is_epilogue(), "an epilogue is elementwise, and its first load and its only store are f32");
        assert!(loads.len() + 1 == self.program().loads.len(), "as many sources as loads after the first");
        let space = Space { rows: &[rows], columns };
        let mut sources = [Bound::NOTHING; MAX_LOADS];
        for ((bound, load), found) in sources[1..].iter_mut().zip(&self.program().loads[1..]).zip(loads) {
            *bound = Bound::source(found, &space, &[]);
            assert!(bound.format == load.format, "a source is {}, its load {}", bound.format, load.format);
        }
        let uniform = self.uniform(|load| load > 0 && sources[load].column_stride == 0);
        Epilogue { compiled: self, rows, columns, sources, uniform }
    }
}

impl Epilogue<'_> {
    /// Applies the program to `values`, which are the columns from `column` on of a row.
    ///
    /// # Panics
    /// Where they aren't within the matrix.
    pub fn apply(&self, row: usize, column: usize, values: &mut [f32]) {
        let columns = values.len();
        self.apply_block(row, column, 1, columns, values, columns);
    }

    /// Applies the program to a block of the matrix, `rows` by `columns` from `row` and `column` on. `values` has a row of it
    /// every `stride` numbers.
    ///
    /// # Panics
    /// Where the block isn't within the matrix, or not within the values, or its rows overlap.
    pub fn apply_block(
        &self,
        row: usize,
        column: usize,
        rows: usize,
        columns: usize,
        values: &mut [f32],
        stride: usize,
    ) {
        self.apply_block_at(Level::best(), [row, column], [rows, columns], values, stride);
    }

    /// [`Epilogue::apply_block`] with the vectors of a level; `at` and `sizes` are of rows and columns.
    ///
    /// # Panics
    /// As [`Epilogue::apply_block`].
    pub fn apply_block_at(&self, level: Level, at: [usize; 2], sizes: [usize; 2], values: &mut [f32], stride: usize) {
        let ([row, column], [rows, columns]) = (at, sizes);
        if rows == 0 || columns == 0 {
            return;
        }
        assert!(row < self.rows && rows <= self.rows - row, "rows within the matrix");
        assert!(column < self.columns && columns <= self.columns - column, "columns within the matrix");
        assert!(columns <= values.len() && (rows == 1 || columns <= stride), "a row within the values, and no overlap");
        assert!(
            (rows - 1).checked_mul(stride).is_some_and(|last| last <= values.len() - columns),
            "rows within the values"
        );
        let strides = [stride as isize];
        // The place of row 0 and column 0 of the matrix, from which elements of the block are found by their indices. It
        // may lie before the values; only elements of the block are read and written.
        let before = row.wrapping_mul(stride).wrapping_add(column);
        let segment = Bound {
            first: values.as_mut_ptr().wrapping_sub(before).cast(),
            row_strides: &strides,
            column_stride: 1,
            in_place: Some(0),
            ..Bound::NOTHING
        };
        let piece = Piece {
            compiled: self.compiled,
            space: Space { rows: &[self.rows], columns: self.columns },
            first_source: Some(segment),
            sources: &self.sources[..self.compiled.program().loads.len()],
            destinations: &[segment],
            uniform: &self.uniform,
            packed: false,
            rows: row..row + rows,
            columns: column..column + columns,
        };
        run_at(level, piece);
    }
}
