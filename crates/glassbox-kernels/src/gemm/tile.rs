//! The inner loops: blocks of a product, tile by tile, over one [`Engine`], which is the arithmetic of a kind of numbers
//! at a level of instructions.
//!
//! In: rows of A as *units* of four bytes (an f32, two bf16, two i16, four bytes), [`BLOCK`] units of a row beside each
//! other; panels of B, of [`VECTORS`] vectors of columns, unit after unit. Out: sums of four bytes (f32 or i32), row by
//! row. **Invariant:** the sum of an element is that of its blocks of [`BLOCK`] units in their order, each of which is one
//! chain of fused products in the order of its units that begins at zero. So its bits depend on its row of A and its
//! column of B alone: not on the rows and columns beside it, the level, or the number of threads.

/// How many units of the inner axis are summed before the sum goes to memory. A block of a panel (32 KiB with AVX-512, 16
/// KiB with AVX2) and of a tile's rows lie in the first cache.
pub(super) const BLOCK: usize = 256;
/// How many vectors of columns a panel has.
pub(super) const VECTORS: usize = 2;
/// How many units of B are read between two prefetches.
const STEP: usize = 2;
/// How many bytes ahead a single tile fetches.
const AHEAD: usize = 4096;
/// How many lines are fetched for [`STEP`] units at most, where something else than panels is.
const MOST_FETCHED: usize = 4;

/// The arithmetic of a tile. A value of it is the proof that the processor has the instructions; everything is
/// `#[inline(always)]`.
pub(super) trait Engine: Copy {
    /// A vector of sums, or of units.
    type Vector: Copy;
    /// How many columns a vector has.
    const LANES: usize;
    /// How many rows a tile has at most: 2, 6 or 12.
    const ROWS: usize;
    /// How many bytes a unit of B has.
    const STORED: usize;

    /// Sums that are zero.
    fn zero(self) -> Self::Vector;
    /// Units of B, of [`Engine::LANES`] columns.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load(self, from: *const u8) -> Self::Vector;
    /// A unit of A, in every lane.
    ///
    /// # Safety
    /// It can be read.
    unsafe fn broadcast(self, from: *const u32) -> Self::Vector;
    /// The sums, and the products of units of A and B.
    fn multiply_add(self, a: Self::Vector, b: Self::Vector, sums: Self::Vector) -> Self::Vector;
    /// The sums of two blocks.
    fn add(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// `count` sums.
    ///
    /// # Safety
    /// They can be read.
    unsafe fn load_sums(self, from: *const u32, count: usize) -> Self::Vector;
    /// `count` sums.
    ///
    /// # Safety
    /// They can be written.
    unsafe fn store_sums(self, to: *mut u32, count: usize, sums: Self::Vector);
}

/// A part of a product: some rows, some columns, the whole inner axis.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// The first row: [`BLOCK`] units, then those of the next row.
    pub(super) a: *const u32,
    /// How many units further the next block of the inner axis is.
    pub(super) a_block: usize,
    /// How many rows.
    pub(super) rows: usize,
    /// How many units the inner axis has.
    pub(super) units: usize,
    /// The first panel; the others follow.
    pub(super) panels: *const u8,
    /// How many columns.
    pub(super) columns: usize,
    /// Where the sum of the first row and column goes.
    pub(super) sums: *mut u32,
    /// How many sums further the next row's are.
    pub(super) sums_stride: usize,
    /// Whether there are sums to add to.
    pub(super) add: bool,
    /// What will be written when the sums are whole: it comes to the cache meanwhile.
    pub(super) result: Place,
    /// What else is fetched, instead of the panels: where it begins, and how many bytes. None where the panels are.
    pub(super) ahead: (*const u8, usize),
}

impl Block {
    /// What is left of a block of which so many units are summed, panel by panel. A panel has `width` columns, of which a unit
    /// has `stored` bytes.
    pub(super) fn rest(&self, done: usize, width: usize, stored: usize) -> impl Iterator<Item = Block> {
        let (whole, unit_bytes) = (*self, width * stored);
        (0..whole.columns.div_ceil(width)).map(move |panel| Block {
            a: whole.a.wrapping_add(done / BLOCK * whole.a_block + done % BLOCK),
            units: whole.units - done,
            panels: whole.panels.wrapping_add((panel * whole.units + done) * unit_bytes),
            columns: (whole.columns - panel * width).min(width),
            sums: whole.sums.wrapping_add(panel * width),
            add: whole.add || done > 0,
            result: whole.result.at(0, panel * width),
            ..whole
        })
    }
}

/// Where results of rows and columns lie.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// That of the first row and column.
    pub(super) start: *mut u8,
    /// How many bytes further the next row's is.
    pub(super) row_bytes: usize,
    /// How many bytes a result has.
    pub(super) bytes: usize,
}

impl Place {
    #[inline(always)]
    pub(super) fn at(self, row: usize, column: usize) -> Place {
        Place { start: self.start.wrapping_add(row * self.row_bytes + column * self.bytes), ..self }
    }
}

/// One tile of a block, over one block of the inner axis.
#[derive(Clone, Copy)]
struct Tile {
    a: *const u32,
    b: *const u8,
    units: usize,
    columns: usize,
    sums: *mut u32,
    sums_stride: usize,
    result: Place,
    /// Whether there are sums of earlier blocks to add to.
    add: bool,
    /// What is fetched into the cache meanwhile, and how many lines of it for every [`STEP`] units.
    ahead: *const u8,
    fetched: usize,
}

/// Where part `index` of `parts` begins, when `count` is divided as evenly as can be.
#[inline(always)]
pub(super) fn part_start(count: usize, parts: usize, index: usize) -> usize {
    count / parts * index + index.min(count % parts)
}

/// Computes a block.
///
/// # Safety
/// The block's rows of A, panels of B and sums are there, and nobody else uses the sums.
#[inline(always)]
pub(super) unsafe fn compute<E: Engine>(engine: E, block: &Block) {
    let width = VECTORS * E::LANES;
    let (panels, blocks) = (block.columns.div_ceil(width), block.units.div_ceil(BLOCK));
    let tiles = block.rows.div_ceil(E::ROWS);
    let unit_bytes = width * E::STORED;
    let panel_bytes = block.units * unit_bytes;
    // All tiles together fetch what they read, or what is asked for, each for every few units a few lines.
    let (other, other_bytes) = block.ahead;
    let fetched = match other_bytes {
        0 => (STEP * unit_bytes / 64).div_ceil(tiles),
        bytes => (bytes / 64).div_ceil((tiles * panels * (block.units / STEP)).max(1)).min(MOST_FETCHED),
    };
    let mut done = 0;
    let chunk = |step: usize| {
        // One tile reads the panels from end to end; several use a block of a panel together.
        let (inner, panel) = if tiles == 1 { (step % blocks, step / blocks) } else { (step / panels, step % panels) };
        (inner, panel, block.panels.wrapping_add(panel * panel_bytes + inner * BLOCK * unit_bytes))
    };
    for step in 0..panels * blocks {
        let (inner, panel, b) = chunk(step);
        let units = (block.units - inner * BLOCK).min(BLOCK);
        let next = if tiles == 1 { b.wrapping_add(AHEAD) } else { chunk(step + 1).2 };
        for index in 0..tiles {
            let (row, end) = (part_start(block.rows, tiles, index), part_start(block.rows, tiles, index + 1));
            let (ahead, from, last) = match other_bytes {
                0 => (next, index * fetched * (BLOCK / STEP) * 64, units * unit_bytes),
                bytes => (other, done, bytes),
            };
            done += fetched * (units / STEP) * 64;
            let tile = Tile {
                a: block.a.wrapping_add(inner * block.a_block + row * BLOCK),
                b,
                units,
                columns: (block.columns - panel * width).min(width),
                sums: block.sums.wrapping_add(row * block.sums_stride + panel * width),
                sums_stride: block.sums_stride,
                result: block.result.at(row, panel * width),
                add: block.add || inner > 0,
                ahead: ahead.wrapping_add(from),
                fetched: if from < last { fetched } else { 0 },
            };
            // SAFETY: the tile lies within the block.
            unsafe {
                if tile.columns > E::LANES {
                    tile_of_rows::<E, VECTORS>(engine, &tile, end - row);
                } else {
                    tile_of_rows::<E, 1>(engine, &tile, end - row);
                }
            }
        }
    }
}

/// Computes a tile that has so many rows.
///
/// # Safety
/// What it reads and writes is there.
#[inline(always)]
unsafe fn tile_of_rows<E: Engine, const V: usize>(engine: E, t: &Tile, rows: usize) {
    // SAFETY: as the caller says.
    unsafe {
        match rows {
            1 => tile::<E, 1, V>(engine, t),
            2 => tile::<E, 2, V>(engine, t),
            // Only engines that have the registers make the others.
            _ if const { E::ROWS <= 2 } => unreachable!("a tile of {rows} rows"),
            3 => tile::<E, 3, V>(engine, t),
            4 => tile::<E, 4, V>(engine, t),
            5 => tile::<E, 5, V>(engine, t),
            6 => tile::<E, 6, V>(engine, t),
            _ if const { E::ROWS <= 6 } => unreachable!("a tile of {rows} rows"),
            7 => tile::<E, 7, V>(engine, t),
            8 => tile::<E, 8, V>(engine, t),
            9 => tile::<E, 9, V>(engine, t),
            10 => tile::<E, 10, V>(engine, t),
            11 => tile::<E, 11, V>(engine, t),
            12 => tile::<E, 12, V>(engine, t),
            _ => unreachable!("a tile of {rows} rows"),
        }
    }
}

/// Computes a tile of `R` rows and `V` vectors of columns.
///
/// # Safety
/// What it reads and writes is there.
#[inline(always)]
unsafe fn tile<E: Engine, const R: usize, const V: usize>(engine: E, t: &Tile) {
    for row in 0..R {
        let place = t.result.at(row, 0).start;
        for line in 0..(V * E::LANES * t.result.bytes).div_ceil(64) {
            prefetch::<true>(place.wrapping_add(line * 64));
        }
    }
    let mut sums = [[engine.zero(); V]; R];
    let (mut a, mut b, mut ahead) = (t.a, t.b, t.ahead);
    for _ in 0..t.units / STEP {
        for _ in 0..t.fetched {
            prefetch::<false>(ahead);
            ahead = ahead.wrapping_add(64);
        }
        for _ in 0..STEP {
            // SAFETY: there are `units` units.
            unsafe { step(engine, &mut sums, &mut a, &mut b) };
        }
    }
    for _ in 0..t.units % STEP {
        // SAFETY: there are `units` units.
        unsafe { step(engine, &mut sums, &mut a, &mut b) };
    }
    // Spelled out, so that every index is a constant: a loop that stays one would keep the sums in memory all along.
    macro_rules! store_rows {
        ($($row:literal)*) => {
            $(if const { $row < R } {
                // SAFETY: the tile has the row.
                unsafe { store_row(engine, &sums[$row % R], t, $row) };
            })*
        };
    }
    store_rows!(0 1 2 3 4 5 6 7 8 9 10 11);
}

/// Writes the sums of a row, or adds them to those of earlier blocks.
///
/// # Safety
/// The tile has the row.
#[inline(always)]
unsafe fn store_row<E: Engine, const V: usize>(engine: E, sums: &[E::Vector; V], t: &Tile, row: usize) {
    for (vector, sums) in sums.iter().enumerate() {
        let count = (t.columns - vector * E::LANES).min(E::LANES);
        let place = t.sums.wrapping_add(row * t.sums_stride + vector * E::LANES);
        // SAFETY: as many columns as the tile has.
        unsafe {
            let sums = if t.add { engine.add(engine.load_sums(place, count), *sums) } else { *sums };
            engine.store_sums(place, count, sums);
        }
    }
}

/// Adds the products of one unit of every row and column.
///
/// # Safety
/// There is a unit more.
#[inline(always)]
unsafe fn step<E: Engine, const R: usize, const V: usize>(
    engine: E,
    sums: &mut [[E::Vector; V]; R],
    a: &mut *const u32,
    b: &mut *const u8,
) {
    let mut columns = [engine.zero(); V];
    for (vector, columns) in columns.iter_mut().enumerate() {
        // SAFETY: as the caller says; a panel has all vectors, whatever columns there are.
        *columns = unsafe { engine.load(b.wrapping_add(vector * E::LANES * E::STORED)) };
    }
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: as the caller says.
        let unit = unsafe { engine.broadcast(a.wrapping_add(row * BLOCK)) };
        for (sums, columns) in sums.iter_mut().zip(&columns) {
            *sums = engine.multiply_add(unit, *columns, *sums);
        }
    }
    *a = a.wrapping_add(1);
    *b = b.wrapping_add(VECTORS * E::LANES * E::STORED);
}

/// Asks for a line to be brought to the first or second cache. The place needs not be readable.
#[inline(always)]
fn prefetch<const FIRST: bool>(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86_64, and a prefetch never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        if FIRST {
            _mm_prefetch::<_MM_HINT_T0>(place.cast());
        } else {
            _mm_prefetch::<_MM_HINT_T1>(place.cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
