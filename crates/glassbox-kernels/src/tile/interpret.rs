//! Executes a compiled program over some rows and columns, with the vectors of one level.

use std::cell::Cell;
use std::ops::Range;

use super::compile::{Action, Compiled, Lanes, MAX_STORES, Phase, Slot, Uniform, Value};
use super::loops::{self, Place};
use super::program::Format;
use super::reduce::{self, Partial};
use super::row::Row;
use super::space::{Bound, Space};
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
        if scratch.places.len() < values {
            scratch.places.resize(values, Place::NOWHERE);
        }
        let steps = self.compiled.program.steps.len();
        if scratch.partials.len() < steps {
            scratch.partials.resize(steps, Partial([0.0; MAX_LANES]));
        }
        let start = scratch.lanes.as_mut_ptr().cast::<f32>();
        Machine {
            simd,
            row: Row::first(&self),
            piece: &self,
            loads: self.compiled.program.loads.len(),
            uniforms: start,
            // SAFETY: the places are within what was reserved.
            tiles: unsafe { start.add(values * MAX_LANES) },
            // SAFETY: as above.
            rows: unsafe { start.add((values + self.compiled.tile_slots * tile) * MAX_LANES) },
            row_length: row * MAX_LANES,
            direct: [false; MAX_STORES],
            places: &mut scratch.places[..values],
            partials: &mut scratch.partials[..steps],
        }
        .run();
        SCRATCH.set(Some(scratch));
    }
}

impl<'a> Piece<'a> {
    #[inline(always)]
    pub(super) fn source(&self, load: usize) -> &Bound<'a> {
        match &self.first_source {
            Some(first) if load == 0 => first,
            _ => &self.sources[load],
        }
    }
}

/// Columns of a row, or whole rows.
#[derive(Clone, Copy)]
struct Tile {
    /// The values that are the same for all columns are computed, instead of the others.
    is_uniform: bool,
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
    row: Row,
    uniforms: *mut f32,
    tiles: *mut f32,
    rows: *mut f32,
    row_length: usize,
    /// The stores whose value is computed where it is stored.
    direct: [bool; MAX_STORES],
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
        let mut row = piece.rows.start;
        while row < piece.rows.end {
            let rows = together.min(piece.rows.end - row);
            let has_uniform = !piece.packed || row == piece.rows.start;
            if has_uniform {
                self.uniform_loads();
            }
            let phases = &piece.compiled.phases;
            for (number, phase) in phases.iter().enumerate() {
                self.begin_reductions(phase);
                let mut is_uniform = has_uniform && piece.uniform.has_steps_in(number);
                let mut column = columns.start;
                // Before the tiles comes what is the same for all of them. The loops of all operations are compiled
                // into the one call.
                while is_uniform || column < columns.end {
                    let (width, kept) = (TILE.min(columns.end - column), column - columns.start);
                    let tile = Tile { is_uniform, rows, column, columns: width, kept };
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
            }
            row += rows;
            if row < piece.rows.end {
                self.row.advance(piece, rows);
            }
        }
    }

    /// The places that don't change during the piece.
    #[inline(always)]
    fn begin(&mut self) {
        let compiled = self.piece.compiled;
        let constants = self.places.len() - compiled.constants.len();
        let (values, constant_places) = self.places.split_at_mut(constants);
        for (number, place) in values.iter_mut().enumerate() {
            // SAFETY: there is a vector for each value.
            *place = Place { pointer: unsafe { self.uniforms.add(number * MAX_LANES) }, step: 0 };
        }
        for (place, constant) in constant_places.iter_mut().zip(&compiled.constants) {
            *place = Place { pointer: constant.0.as_ptr().cast_mut(), step: 0 };
        }
        for (number, direct) in self.direct.iter_mut().enumerate().take(self.piece.destinations.len()) {
            *direct = is_direct(self.piece, number);
        }
    }

    #[inline(always)]
    fn uniform_loads(&mut self) {
        for load in (0..self.loads).filter(|load| self.piece.uniform.get(*load as Value)) {
            // SAFETY: the row is one of the space.
            let number = unsafe { loops::load_one(self.piece.source(load).format, self.row.sources[load]) };
            self.fill(load as Value, number);
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
                Action::Step { work, result, operands, store } => {
                    if piece.uniform.get(*result) != tile.is_uniform {
                        continue;
                    }
                    let count = if tile.is_uniform { MAX_LANES } else { tile.count() };
                    let to = match store {
                        // SAFETY: there is a vector for each value.
                        _ if tile.is_uniform => unsafe { self.uniforms.add(usize::from(*result) * MAX_LANES) },
                        Some(store) if self.direct[usize::from(*store)] => {
                            self.row.destinations[usize::from(*store)].cast::<f32>().wrapping_add(tile.column)
                        }
                        _ => self.room(*result, tile),
                    };
                    let operands = operands.map(|operand| self.places[usize::from(operand)]);
                    // SAFETY: operands and result have room for the tile, or for a vector.
                    unsafe { loops::step(self.simd, *work, count, to, operands) }
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
        let source = self.piece.source(load);
        let dense = tile.rows == 1 || source.is_dense(&self.piece.space);
        let from = self.row.sources[load].wrapping_offset(source.distance(tile.column, source.column_stride));
        // What a store writes over must not be what another one still reads.
        let overwritten = source.in_place.is_some() && self.piece.compiled.is_stored(load);
        if source.format == Format::F32 && source.column_stride == 1 && dense && !overwritten {
            return Place { pointer: from.cast(), step: 1 };
        }
        // SAFETY: the row and the column are within the space, the slot has room for a tile.
        unsafe {
            let to = self.tiles.add(slot * TILE);
            let stride = if tile.columns == 1 && dense { 1 } else { source.column_stride };
            let (mut index, mut row, mut from) = (self.row.index, 0, from);
            let count = if dense { tile.count() } else { tile.columns };
            loop {
                loops::load(self.simd, source.format, from, stride, count, to.add(row * tile.columns));
                row += 1;
                if dense || row == tile.rows {
                    break;
                }
                self.piece.space.next(&mut index);
                from = source.at(&index, tile.column);
            }
            Place { pointer: to, step: 1 }
        }
    }

    #[inline(always)]
    fn store(&self, store: usize, tile: &Tile) {
        let destination = &self.piece.destinations[store];
        let from = self.places[usize::from(self.piece.compiled.stores[store])];
        let dense = tile.rows == 1 || destination.is_dense(&self.piece.space);
        let column = destination.distance(tile.column, destination.column_stride);
        // SAFETY: the row and the column are within the space, the value has the tile's numbers.
        unsafe {
            let stride = if tile.columns == 1 && dense { 1 } else { destination.column_stride };
            let (mut index, mut row) = (self.row.index, 0);
            let mut to = self.row.destinations[store].wrapping_offset(column);
            let count = if dense { tile.count() } else { tile.columns };
            loop {
                let from = Place { pointer: from.pointer.add(row * tile.columns * from.step), step: from.step };
                loops::store(self.simd, destination.format, to, stride, count, from);
                row += 1;
                if dense || row == tile.rows {
                    break;
                }
                self.piece.space.next(&mut index);
                to = destination.at(&index, tile.column);
            }
        }
    }
}

/// Whether the value of a store is computed where it is stored: the numbers there are f32 and contiguous, the value isn't
/// the same for all columns, and what is there before is read by that step at the latest.
#[inline(never)]
fn is_direct(piece: &Piece, store: usize) -> bool {
    let compiled = piece.compiled;
    let Some((at, result)) = compiled.makers[store] else { return false };
    let destination = &piece.destinations[store];
    let contiguous = match piece.packed {
        true => destination.is_dense(&piece.space),
        false => destination.column_stride == 1,
    };
    let read_later = |load: usize| piece.source(load).in_place == Some(store) && compiled.last_reads[load] > at + 1;
    contiguous && !piece.uniform.get(result) && !(0..piece.sources.len()).any(read_later)
}
