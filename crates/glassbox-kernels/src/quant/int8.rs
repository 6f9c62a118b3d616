//! Products with activations of eight bits: exact sums of integers, then f32.
//!
//! The definition stands at [`Activations::Int8`](super::Activations::Int8). Codes of weights are unsigned here; what
//! their offset contributes, `−offset · Σ x's codes`, is what a sum of integers begins with.

use std::marker::PhantomData;

use glassbox_tensor::parallel_for;

use super::dots::{Dots, Words};
#[cfg(target_arch = "x86_64")]
use super::dots::{Maddubs, Vnni};
use super::layout::{BLOCK, GROUP, HALF, LINE, Layout, PANEL, Packing, Q2K, Q4K, Q6K, Q8_0, for_format};
use super::matmul::{Item, Rows, Scratch, Split};
use super::pack::PackedBlocks;
use super::unpack::{codes, each, scales};
use crate::simd::{Kernel, Level, Portable, Simd, run_at};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};

/// The instructions that multiply bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Engine {
    Words,
    Maddubs,
    Vnni,
}

impl Engine {
    /// The best one within an available level.
    pub(super) fn at(level: Level) -> Engine {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if is_x86_feature_detected!("avx512vnni") => Engine::Vnni,
            Level::Avx2 | Level::Avx512 => Engine::Maddubs,
            Level::Portable => Engine::Words,
        }
    }

    /// The level of the vectors that go with it.
    fn level(self) -> Level {
        match self {
            Engine::Vnni => Level::Avx512,
            Engine::Maddubs => Level::Avx2,
            Engine::Words => Level::Portable,
        }
    }

    /// The heights of tiles.
    pub(super) fn tile_rows(self) -> &'static [usize] {
        match self {
            Engine::Vnni => &[12, 8, 4, 2, 1],
            Engine::Maddubs => &[4, 2, 1],
            Engine::Words => &[4, 1],
        }
    }
}

/// Rows of x as codes, in tiles: those of a tile together, and in it what belongs to the same k side by side.
pub(super) struct Quantized {
    /// Four codes of a row that follow each other, the first one in the lowest byte.
    words: Vec<i32>,
    /// The step, for every 32.
    steps: Vec<f32>,
    /// For what shares a scale of the weights: what the sum of integers begins with.
    starts: Vec<i32>,
    /// For the same: the step times the sum of the codes.
    sums: Vec<f32>,
}

/// Rounds rows of x as they are to be multiplied with these weights.
pub(super) fn quantize(level: Level, x: Rows<'_>, weights: &PackedBlocks, split: &Split<'_>) -> Quantized {
    let (m, k, shared) = (x.count, weights.k, weights.layout.shared());
    let mut made = Quantized {
        words: vec![0; m * k / 4],
        steps: vec![0.0; m * k / BLOCK],
        starts: vec![0; m * k / shared],
        sums: vec![0.0; m * k / shared],
    };
    let target = Target {
        words: made.words.as_mut_ptr(),
        steps: made.steps.as_mut_ptr(),
        starts: made.starts.as_mut_ptr(),
        sums: made.sums.as_mut_ptr(),
        shared,
        offset: weights.layout.offset,
        k,
    };
    let tiles = split.tiles();
    parallel_for(tiles.len(), &|index| run_at(level, Quantize { target: &target, x, tile: tiles[index] }));
    made
}

/// Where the parts of [`Quantized`] are written.
struct Target {
    words: *mut i32,
    steps: *mut f32,
    starts: *mut i32,
    sums: *mut f32,
    shared: usize,
    offset: i32,
    k: usize,
}

// SAFETY: each tile writes what belongs to its rows, which no other tile has.
unsafe impl Sync for Target {}

struct Quantize<'a> {
    target: &'a Target,
    x: Rows<'a>,
    tile: (usize, usize),
}

impl Kernel for Quantize<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let (first, height) = self.tile;
        let Target { words, steps, starts, sums, shared, offset, k } = *self.target;
        for row in 0..height {
            let values = &self.x.values[(first + row) * self.x.stride..][..k];
            for (block, values) in values.chunks_exact(BLOCK).enumerate() {
                let mut codes = [0i8; BLOCK];
                let step = round_block(values, &mut codes);
                // SAFETY: a row has k/32 steps, k/4 words and k/shared of the others; the tile's begin at its first row.
                unsafe {
                    *steps.add(first * k / BLOCK + block * height + row) = step;
                    for (at, four) in codes.chunks_exact(4).enumerate() {
                        let word = i32::from_le_bytes([four[0] as u8, four[1] as u8, four[2] as u8, four[3] as u8]);
                        *words.add(first * k / 4 + (block * 8 + at) * height + row) = word;
                    }
                    for (part, codes) in codes.chunks_exact(shared).enumerate() {
                        let at = first * k / shared + (block * (BLOCK / shared) + part) * height + row;
                        let sum: i32 = codes.iter().map(|code| i32::from(*code)).sum();
                        *starts.add(at) = -offset * sum;
                        *sums.add(at) = step * sum as f32;
                    }
                }
            }
        }
    }
}

/// The codes of 32 numbers, and their step.
#[inline(always)]
fn round_block(values: &[f32], codes: &mut [i8; BLOCK]) -> f32 {
    // As integers, so that what isn't finite is the largest.
    let most = values.iter().fold(0, |most: u32, value| most.max(value.to_bits() & 0x7fff_ffff));
    let most = f32::from_bits(most);
    if !most.is_finite() {
        return f32::NAN;
    }
    let step = most / 127.0;
    let inverse = 1.0 / step;
    if !inverse.is_finite() {
        return 0.0;
    }
    for (code, value) in codes.iter_mut().zip(values) {
        // Adding 1.5 · 2^23 rounds to an integer, whose lowest byte is then the lowest byte of the bits.
        *code = (value * inverse + 12_582_912.0).to_bits() as i8;
    }
    step
}

/// Multiplies panels of weights with rows of x, see [`Item`].
pub(super) fn multiply(engine: Engine, item: &Item<'_>, x: &Quantized, scratch: &mut Scratch) {
    let (k, layout, rows) = (item.weights.k, item.weights.layout, item.rows.len());
    for panel in item.panels.clone() {
        let totals = scratch.totals(rows);
        totals.fill(0.0);
        let totals = totals.as_mut_ptr();
        let (bytes, scaling) = (scratch.weights().cast::<u8>(), scratch.scales());
        let mut lines = item.weights.panel(panel).as_ptr().cast::<u8>();
        for start in (0..k).step_by(GROUP) {
            let blocks = GROUP.min(k - start) / BLOCK;
            let group = Group { x, scaling, start, blocks, first: item.rows.start, rows, k, totals };
            let half = layout.half_bytes(blocks);
            if rows == 1 {
                for_format!(item.weights.format, P => run_packed::<P>(engine, lines, &group));
            } else {
                let size = blocks * BLOCK * HALF;
                for_format!(item.weights.format, P => {
                    run_at(engine.level(), Unpack::<P> { lines, blocks, bytes, scaling, packing: PhantomData });
                });
                run_bytes(engine, layout, [bytes, bytes.wrapping_add(size)], &group);
            }
            lines = lines.wrapping_add(2 * half);
        }
        item.write(panel, scratch.totals(rows));
    }
}

/// One row of x, and codes as they are packed.
fn run_packed<P: Packing>(engine: Engine, lines: *const u8, group: &Group<'_>) {
    match engine {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an engine is chosen where the processor has its instructions.
        Engine::Vnni => unsafe { packed_vnni::<P>(lines, group) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Engine::Maddubs => unsafe { packed_maddubs::<P>(lines, group) },
        _ => packed::<Portable, Words, P>(Portable, Words, lines, group),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn packed_vnni<P: Packing>(lines: *const u8, group: &Group<'_>) {
    // SAFETY: the processor has AVX-512 and VNNI, the caller says.
    let (simd, dots) = unsafe { (Avx512::assume(), Vnni::assume()) };
    packed::<Avx512, Vnni, P>(simd, dots, lines, group);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt")]
unsafe fn packed_maddubs<P: Packing>(lines: *const u8, group: &Group<'_>) {
    // SAFETY: the processor has AVX2, the caller says.
    let simd = unsafe { Avx2::assume() };
    match P::LAYOUT.bits {
        8 => packed::<Avx2, Maddubs<8>, P>(simd, Maddubs, lines, group),
        5..=7 => packed::<Avx2, Maddubs<6>, P>(simd, Maddubs, lines, group),
        _ => packed::<Avx2, Maddubs<4>, P>(simd, Maddubs, lines, group),
    }
}

#[inline(always)]
fn packed<S: Simd, D: Dots<S>, P: Packing>(simd: S, dots: D, lines: *const u8, group: &Group<'_>) {
    let half = P::LAYOUT.half_bytes(group.blocks);
    // SAFETY: a panel has both halves of every group, and the scratch has room for the scales of one.
    unsafe {
        unpack_scales::<S, P>(simd, lines, group.blocks, group.scaling);
        unpack_scales::<S, P>(simd, lines.add(half), group.blocks, group.scaling.add(HALF));
        let codes = lines.add(P::LAYOUT.header_bytes(group.blocks));
        tile::<S, D, P, P, 1>(simd, dots, [codes, codes.add(half)], group, 0);
    }
}

/// Several rows of x, and codes as bytes. Of the format only some properties matter, so one format stands for all that
/// share them.
fn run_bytes(engine: Engine, layout: Layout, halves: [*const u8; 2], group: &Group<'_>) {
    match (layout.shared(), layout.has_minima()) {
        (32, false) => run_bytes_as::<Q8_0>(engine, layout.bits, halves, group),
        (32, true) => run_bytes_as::<Q4K>(engine, layout.bits, halves, group),
        (_, false) => run_bytes_as::<Q6K>(engine, layout.bits, halves, group),
        (_, true) => run_bytes_as::<Q2K>(engine, layout.bits, halves, group),
    }
}

fn run_bytes_as<P: Packing>(engine: Engine, bits: u32, halves: [*const u8; 2], group: &Group<'_>) {
    match engine {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an engine is chosen where the processor has its instructions.
        Engine::Vnni => unsafe { bytes_vnni::<P>(halves, group) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Engine::Maddubs => unsafe {
            match bits {
                8 => bytes_maddubs::<P, 8>(halves, group),
                5..=7 => bytes_maddubs::<P, 6>(halves, group),
                _ => bytes_maddubs::<P, 4>(halves, group),
            }
        },
        _ => tiles::<Portable, Words, P>(Portable, Words, halves, group),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn bytes_vnni<P: Packing>(halves: [*const u8; 2], group: &Group<'_>) {
    // SAFETY: the processor has AVX-512 and VNNI, the caller says.
    let (simd, dots) = unsafe { (Avx512::assume(), Vnni::assume()) };
    tiles::<Avx512, Vnni, P>(simd, dots, halves, group);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt")]
unsafe fn bytes_maddubs<P: Packing, const BITS: u32>(halves: [*const u8; 2], group: &Group<'_>) {
    // SAFETY: the processor has AVX2, the caller says.
    let simd = unsafe { Avx2::assume() };
    tiles::<Avx2, Maddubs<BITS>, P>(simd, Maddubs::<BITS>, halves, group);
}

/// Unpacks a group of a panel into scratch memory. It is only made with a group and room for its codes and scales.
struct Unpack<P> {
    lines: *const u8,
    blocks: usize,
    bytes: *mut u8,
    scaling: *mut f32,
    packing: PhantomData<P>,
}

impl<P: Packing> Kernel for Unpack<P> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Unpack { lines, blocks, bytes, scaling, .. } = self;
        for half in 0..PANEL / HALF {
            // SAFETY: a panel has both halves of every group, and the scratch has room for them.
            unsafe {
                let header = lines.add(half * P::LAYOUT.half_bytes(blocks));
                unpack_scales::<S, P>(simd, header, blocks, scaling.add(half * HALF));
                let codes = header.add(P::LAYOUT.header_bytes(blocks));
                unpack_codes::<S, P>(simd, codes, blocks, bytes.add(half * blocks * BLOCK * HALF));
            }
        }
    }
}

/// A group of a panel that is multiplied with rows of x, and where their totals stand.
struct Group<'a> {
    x: &'a Quantized,
    /// Room for [`PANEL`] scales and [`PANEL`] minima for each part.
    scaling: *mut f32,
    /// The group's first k.
    start: usize,
    blocks: usize,
    /// The first row of x.
    first: usize,
    rows: usize,
    /// The length of a row of x.
    k: usize,
    /// [`PANEL`] for each row.
    totals: *mut f32,
}

#[inline(always)]
unsafe fn unpack_scales<S: Simd, P: Packing>(simd: S, header: *const u8, blocks: usize, out: *mut f32) {
    for row in (0..HALF).step_by(S::LANES) {
        for part in 0..blocks * (BLOCK / P::LAYOUT.shared()) {
            // SAFETY: the header has as many parts, and `out` room for them.
            unsafe {
                let (scale, minimum) = scales::<S, P>(simd, header, part, row);
                simd.store_at(out.add(2 * part * PANEL + row), scale);
                if P::LAYOUT.has_minima() {
                    simd.store_at(out.add((2 * part + 1) * PANEL + row), minimum);
                }
            }
        }
    }
}

/// Writes codes as those of eight bits are packed.
#[inline(always)]
unsafe fn unpack_codes<S: Simd, P: Packing>(simd: S, lines: *const u8, blocks: usize, out: *mut u8) {
    for row in (0..HALF).step_by(S::LANES) {
        for block in 0..blocks {
            // SAFETY: there are as many blocks, and `out` has 8 lines for each.
            unsafe {
                let lines = lines.add(block * P::LAYOUT.code_bytes() + 4 * row);
                let out = out.add(block * 8 * LINE + 4 * row);
                each!(AT in [0 1 2 3 4 5 6 7] {
                    simd.store_i32_at(out.add(AT * LINE).cast(), codes::<S, P, AT>(simd, lines));
                });
            }
        }
    }
}

/// Adds the products of one group to the totals of all rows. `halves` has the codes of both halves as bytes.
#[inline(always)]
fn tiles<S: Simd, D: Dots<S>, P: Packing>(simd: S, dots: D, halves: [*const u8; 2], group: &Group<'_>) {
    let mut first = 0;
    for &height in D::TILE_ROWS {
        while group.rows - first >= height {
            // SAFETY: the scratch has the codes; the tiles of x have these heights in this order.
            unsafe {
                match height {
                    12 if S::LANES == 16 => tile::<S, D, P, Q8_0, 12>(simd, dots, halves, group, first),
                    8 if S::LANES == 16 => tile::<S, D, P, Q8_0, 8>(simd, dots, halves, group, first),
                    4 => tile::<S, D, P, Q8_0, 4>(simd, dots, halves, group, first),
                    2 if S::LEVEL != Level::Portable => tile::<S, D, P, Q8_0, 2>(simd, dots, halves, group, first),
                    _ => tile::<S, D, P, Q8_0, 1>(simd, dots, halves, group, first),
                }
            }
            first += height;
        }
    }
}

/// Adds the products of `ROWS` rows of x and a group of a panel to their totals. Codes are packed as `C` has them.
///
/// # Safety
/// `halves` has the codes of both halves, `group` their scales; the rows from `row` of the group's are a tile of x.
#[inline(always)]
unsafe fn tile<S: Simd, D: Dots<S>, P: Packing, C: Packing, const ROWS: usize>(
    simd: S,
    dots: D,
    halves: [*const u8; 2],
    group: &Group<'_>,
    row: usize,
) {
    let shared = P::LAYOUT.shared();
    let parts = BLOCK / shared;
    let Group { x, scaling, start, blocks, k, .. } = *group;
    let (first, totals) = (group.first + row, group.totals.wrapping_add(row * PANEL));
    for column in (0..PANEL).step_by(2 * S::LANES) {
        for block in 0..blocks {
            // SAFETY: all of these are within what the caller says there is.
            unsafe {
                let codes_at = |vector: usize| {
                    let column = column + vector * S::LANES;
                    halves[column / HALF].add(block * C::LAYOUT.code_bytes() + 4 * (column % HALF))
                };
                let at = start / BLOCK + block;
                let lines = [codes_at(0), codes_at(1)];
                let words = x.words.as_ptr().add(first * k / 4 + at * 8 * ROWS);
                let steps = x.steps.as_ptr().add(first * k / BLOCK + at * ROWS);
                let mut starts = x.starts.as_ptr().add(first * k / shared + at * parts * ROWS);
                let mut x_sums = x.sums.as_ptr().add(first * k / shared + at * parts * ROWS);
                let mut scaling = scaling.add(block * parts * 2 * PANEL + column);
                let mut sums = [[dots.begin(simd, simd.splat_i32(0)); 2]; ROWS];
                each!(AT in [0 1 2 3 4 5 6 7] {
                    if AT * 4 % shared == 0 {
                        for (row, sums) in sums.iter_mut().enumerate() {
                            *sums = [dots.begin(simd, simd.splat_i32(*starts.add(row))); 2];
                        }
                    }
                    let pair = [codes::<S, C, AT>(simd, lines[0]), codes::<S, C, AT>(simd, lines[1])];
                    let pair = [dots.prepare(simd, pair[0]), dots.prepare(simd, pair[1])];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat_i32(*words.add(AT * ROWS + row));
                        sums[0] = dots.add(simd, sums[0], pair[0], x);
                        sums[1] = dots.add(simd, sums[1], pair[1], x);
                    }
                    if (AT + 1) * 4 % shared == 0 {
                        for (row, sums) in sums.iter().enumerate() {
                            let (step, start) = (simd.splat(*steps.add(row)), simd.splat_i32(*starts.add(row)));
                            for (vector, sum) in sums.iter().enumerate() {
                                let total = totals.add(row * PANEL + column + vector * S::LANES);
                                let scale = simd.load_at(scaling.add(vector * S::LANES));
                                let integer = simd.from_i32(dots.end(simd, *sum, start));
                                let mut y = simd.fma(simd.mul(scale, step), integer, simd.load_at(total));
                                if P::LAYOUT.has_minima() {
                                    let minimum = simd.load_at(scaling.add(PANEL + vector * S::LANES));
                                    y = simd.fma(minimum, simd.splat(*x_sums.add(row)), y);
                                }
                                simd.store_at(total, y);
                            }
                        }
                        starts = starts.add(ROWS);
                        x_sums = x_sums.add(ROWS);
                        scaling = scaling.add(2 * PANEL);
                    }
                });
            }
        }
    }
}
