//! Executes a compiled program over some rows and columns, with the vectors of one level.

use std::cell::Cell;
use std::ops::Range;

use super::compile::{Action, Compiled, Lanes, Phase, Slot, Uniform, Value};
use super::loops::{self, Place};
use super::program::Format;
use super::reduce::{self, Partial};
use super::space::{Bound, MAX_RANK, Space};
use crate::simd::{Kernel, MAX_LANES, Simd};

/// How many numbers of a value are computed in one loop. Half a dozen values of this size and as much of loads fit into
/// 32 KiB of first-level cache; it is a multiple of the block of a reduction.
pub(super) const TILE: usize = 512;

/// Rows of fewer columns than this are put together to tiles of many rows, where no step goes over a row.
pub(super) const SHORT: usize = 128;

/// What a thread needs to execute a piece; it is kept from piece to piece.
#[derive(Default)]
struct Scratch {
    /// A vector for each value that is the same for all columns; then the slots.
    lanes: Vec<Lanes>,
    places: Vec<Place>,
    partials: Vec<Partial>,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Some rows and columns of a run.
#[derive(Clone)]
pub(super) struct Piece<'a> {
    pub(super) compiled: &'a Compiled,
    pub(super) space: Space<'a>,
    /// The first source, where it isn't the first of `sources`.
    pub(super) first_source: Option<Bound<'a>>,
    pub(super) sources: &'a [Bound<'a>],
    pub(super) destinations: &'a [Bound<'a>],
    /// Which values are the same for all columns of a row; where `packed` is set, for all rows too.
    pub(super) uniform: &'a Uniform,
    /// Rows are put together to tiles. The piece then has all columns, and the program no reduction.
    pub(super) packed: bool,
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

impl Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut scratch = SCRATCH.take().unwrap_or_default();
        let (values, columns) = (self.compiled.value_count(), self.columns.len());
        let (tile, row) = (TILE / MAX_LANES, columns.div_ceil(MAX_LANES));
        let needed = values + self.compiled.tile_slots * tile + self.compiled.row_slots * row;
        if scratch.lanes.len() < needed {
            scratch.lanes.resize(needed, Lanes([0.0; MAX_LANES]));
        }
        scratch.places.clear();
        scratch.places.resize(values, Place::NOWHERE);
        scratch.partials.clear();
        scratch.partials.resize(self.compiled.program.steps.len(), Partial([0.0; MAX_LANES]));
        let start = scratch.lanes.as_mut_ptr().cast::<f32>();
        Machine {
            simd,
            piece: &self,
            loads: self.compiled.program.loads.len(),
            uniforms: start,
            // SAFETY: the places are within what was reserved.
            tiles: unsafe { start.add(values * MAX_LANES) },
            // SAFETY: as above.
            rows: unsafe { start.add((values + self.compiled.tile_slots * tile) * MAX_LANES) },
            row_length: row * MAX_LANES,
            direct: [false; super::compile::MAX_STORES],
            places: &mut scratch.places,
            partials: &mut scratch.partials,
        }
        .run();
        SCRATCH.set(Some(scratch));
    }
}

/// Columns of a row, or whole rows.
#[derive(Clone, Copy)]
struct Tile {
    /// The values that are the same for all columns are computed, instead of the others.
    is_uniform: bool,
    /// Indices of the first row.
    index: [usize; MAX_RANK],
    rows: usize,
    column: usize,
    /// Columns of each row.
    columns: usize,
    /// Where the tile begins in what is kept of a row.
    kept: usize,
}

impl Tile {
    fn count(&self) -> usize {
        self.rows * self.columns
    }
}

struct Machine<'a, S> {
    simd: S,
    piece: &'a Piece<'a>,
    loads: usize,
    uniforms: *mut f32,
    tiles: *mut f32,
    rows: *mut f32,
    row_length: usize,
    /// The stores whose value is computed where it is stored.
    direct: [bool; super::compile::MAX_STORES],
    places: &'a mut [Place],
    partials: &'a mut [Partial],
}

impl<S: Simd> Machine<'_, S> {
    #[inline(always)]
    fn run(mut self) {
        let piece = self.piece;
        self.begin();
        let columns = piece.columns.clone();
        let together = if piece.packed { (TILE / columns.len().max(1)).max(1) } else { 1 };
        let mut index = piece.space.index(piece.rows.start);
        let mut row = piece.rows.start;
        while row < piece.rows.end {
            let rows = together.min(piece.rows.end - row);
            let mut is_uniform = !piece.packed || row == piece.rows.start;
            if is_uniform {
                self.uniform_loads(&index);
            }
            let phases = &piece.compiled.phases;
            for (number, phase) in phases.iter().enumerate() {
                self.begin_reductions(phase);
                let mut column = columns.start;
                // Before the tiles comes what is the same for all of them. The loops of all operations are compiled
                // into the one call.
                while is_uniform || column < columns.end {
                    let (width, kept) = (TILE.min(columns.end - column), column - columns.start);
                    let tile = Tile { is_uniform, index, rows, column, columns: width, kept };
                    self.tile(phase, &tile);
                    if is_uniform {
                        is_uniform = false;
                        continue;
                    }
                    if number + 1 == phases.len() {
                        self.stores(&tile);
                    }
                    column += TILE;
                }
                self.finish_reductions(phase);
                is_uniform = !piece.packed;
            }
            (0..rows).for_each(|_| piece.space.next(&mut index));
            row += rows;
        }
    }

    /// The places that don't change during the piece.
    #[inline(always)]
    fn begin(&mut self) {
        let compiled = self.piece.compiled;
        let constants = self.places.len() - compiled.constants.len();
        for (number, place) in self.places.iter_mut().enumerate() {
            let pointer = match number.checked_sub(constants) {
                Some(constant) => compiled.constants[constant].0.as_ptr().cast_mut(),
                // SAFETY: there is a vector for each value.
                None => unsafe { self.uniforms.add(number * MAX_LANES) },
            };
            *place = Place { pointer, step: 0 };
        }
        let last = &compiled.phases[compiled.phases.len() - 1];
        for (at, action) in last.actions.iter().enumerate() {
            if let Action::Step { result, store: Some(store), .. } = action
                && !self.piece.uniform.get(*result)
            {
                let number = usize::from(*store);
                let destination = &self.piece.destinations[number];
                let contiguous = match self.piece.packed {
                    true => destination.is_dense(&self.piece.space),
                    false => destination.column_stride == 1,
                };
                // What is there before is read by this step at the latest.
                let read = |load: &usize| self.source(*load).in_place == Some(number);
                let read_later = (0..self.loads).filter(read).any(|load| compiled.last_reads[load] > at + 1);
                self.direct[number] = contiguous && !read_later;
            }
        }
    }

    #[inline(always)]
    fn source(&self, load: usize) -> &Bound<'_> {
        match &self.piece.first_source {
            Some(first) if load == 0 => first,
            _ => &self.piece.sources[load],
        }
    }

    #[inline(always)]
    fn uniform_loads(&mut self, index: &[usize; MAX_RANK]) {
        for load in (0..self.loads).filter(|load| self.piece.uniform.get(*load as Value)) {
            let source = *self.source(load);
            // SAFETY: the index is one of the space; there is a vector for each value.
            unsafe {
                let number = loops::load_one(source.format, source.at(index, 0));
                self.fill(load as Value, number);
            }
        }
    }

    #[inline(always)]
    fn fill(&mut self, value: Value, number: f32) {
        // SAFETY: there is a vector for each value.
        unsafe { self.uniforms.add(usize::from(value) * MAX_LANES).cast::<Lanes>().write(Lanes([number; MAX_LANES])) }
    }

    #[inline(always)]
    fn begin_reductions(&mut self, phase: &Phase) {
        for action in &phase.actions {
            if let Action::Reduce { operation, result, .. } = action {
                self.partials[usize::from(*result) - self.loads] = Partial::empty(*operation);
            }
        }
    }

    #[inline(always)]
    fn finish_reductions(&mut self, phase: &Phase) {
        for action in &phase.actions {
            if let Action::Reduce { operation, result, .. } = action {
                let partial = self.partials[usize::from(*result) - self.loads];
                self.fill(*result, partial.finish(*operation, self.piece.space.columns));
            }
        }
    }

    #[inline(always)]
    fn tile(&mut self, phase: &Phase, tile: &Tile) {
        let piece = self.piece;
        for value in phase.kept.iter().filter(|value| !piece.uniform.get(**value)) {
            self.places[usize::from(*value)] = Place { pointer: self.room(*value, tile), step: 1 };
        }
        for action in &phase.actions {
            match action {
                Action::Load { load, slot } => {
                    if !tile.is_uniform && !piece.uniform.get(*load) {
                        self.places[usize::from(*load)] = self.load(usize::from(*load), usize::from(*slot), tile);
                    }
                }
                Action::Step { operation, result, operands, store } => {
                    if piece.uniform.get(*result) != tile.is_uniform {
                        continue;
                    }
                    let (to, count) = match store {
                        // SAFETY: there is a vector for each value.
                        _ if tile.is_uniform => {
                            (unsafe { self.uniforms.add(usize::from(*result) * MAX_LANES) }, MAX_LANES)
                        }
                        Some(store) if self.direct[usize::from(*store)] => {
                            let destination = &piece.destinations[usize::from(*store)];
                            (destination.at(&tile.index, tile.column).cast::<f32>(), tile.count())
                        }
                        _ => (self.room(*result, tile), tile.count()),
                    };
                    let operands = operands.map(|operand| self.places[usize::from(operand)]);
                    // SAFETY: operands and result have room for the tile, or for a vector.
                    unsafe { loops::step(self.simd, *operation, count, to, operands) }
                    self.places[usize::from(*result)] = Place { pointer: to, step: usize::from(!tile.is_uniform) };
                }
                Action::Reduce { operation, result, operand } => {
                    if !tile.is_uniform {
                        let operand = self.places[usize::from(*operand)];
                        let partial = &mut self.partials[usize::from(*result) - self.loads];
                        // SAFETY: the operand has the tile's numbers.
                        unsafe { reduce::reduce(self.simd, *operation, tile.columns, operand, partial) }
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn stores(&self, tile: &Tile) {
        for store in (0..self.piece.destinations.len()).filter(|store| !self.direct[*store]) {
            self.store(store, tile);
        }
    }

    /// Where a value is computed that isn't stored at once.
    #[inline(always)]
    fn room(&self, value: Value, tile: &Tile) -> *mut f32 {
        // SAFETY: there is room for so many tiles and rows.
        unsafe {
            match self.piece.compiled.slots[usize::from(value)] {
                Slot::Tile(slot) => self.tiles.add(slot * TILE),
                Slot::Row(slot) => self.rows.add(slot * self.row_length + tile.kept),
            }
        }
    }

    /// A load of a tile: read where it lies if it is f32 and contiguous, otherwise converted.
    #[inline(always)]
    fn load(&self, load: usize, slot: usize, tile: &Tile) -> Place {
        let source = self.source(load);
        let dense = tile.rows == 1 || source.is_dense(&self.piece.space);
        // SAFETY: the indices are within the space, the slot has room for a tile.
        unsafe {
            let from = source.at(&tile.index, tile.column);
            // What a store writes over must not be what another one still reads.
            let overwritten = source.in_place.is_some() && self.piece.compiled.is_stored(load);
            if source.format == Format::F32 && source.column_stride == 1 && dense && !overwritten {
                return Place { pointer: from.cast(), step: 1 };
            }
            let to = self.tiles.add(slot * TILE);
            let stride = if tile.columns == 1 && dense { 1 } else { source.column_stride };
            if dense {
                loops::load(self.simd, source.format, from, stride, tile.count(), to);
            } else {
                let mut index = tile.index;
                for row in 0..tile.rows {
                    let from = source.at(&index, tile.column);
                    loops::load(self.simd, source.format, from, stride, tile.columns, to.add(row * tile.columns));
                    self.piece.space.next(&mut index);
                }
            }
            Place { pointer: to, step: 1 }
        }
    }

    #[inline(always)]
    fn store(&self, store: usize, tile: &Tile) {
        let destination = &self.piece.destinations[store];
        let from = self.places[usize::from(self.piece.compiled.stores[store])];
        let dense = tile.rows == 1 || destination.is_dense(&self.piece.space);
        // SAFETY: the indices are within the space, the value has the tile's numbers.
        unsafe {
            if dense {
                let stride = if tile.columns == 1 { 1 } else { destination.column_stride };
                let to = destination.at(&tile.index, tile.column);
                loops::store(self.simd, destination.format, to, stride, tile.count(), from);
                return;
            }
            let mut index = tile.index;
            for row in 0..tile.rows {
                let to = destination.at(&index, tile.column);
                let from = Place { pointer: from.pointer.add(row * tile.columns * from.step), step: from.step };
                loops::store(self.simd, destination.format, to, destination.column_stride, tile.columns, from);
                self.piece.space.next(&mut index);
            }
        }
    }
}

impl Space<'_> {
    /// The indices of a row.
    pub(super) fn index(&self, row: usize) -> [usize; MAX_RANK] {
        let (mut index, mut rest) = ([0; MAX_RANK], row);
        for (index, size) in index.iter_mut().zip(self.rows).rev() {
            *index = rest % size;
            rest /= size;
        }
        index
    }

    /// The indices of the next row.
    #[inline(always)]
    fn next(&self, index: &mut [usize; MAX_RANK]) {
        for (index, size) in index.iter_mut().zip(self.rows).rev() {
            *index += 1;
            if *index < *size {
                return;
            }
            *index = 0;
        }
    }
}
