//! Products with activations of eight bits: exact sums of integers, then f32.
//!
//! The definition stands at [`Activations::Int8`](super::Activations::Int8). Codes of weights are unsigned here; what
//! their offset contributes, `−offset · Σ x's codes`, is what a sum of integers begins with.

use std::marker::PhantomData;

use super::dots::{Dots, Words};
#[cfg(target_arch = "x86_64")]
use super::dots::{Maddubs, Vnni};
use super::layout::{BLOCK, GROUP, LINE, Layout, PANEL, Packing, Q2K, Q4K, Q6K, Q8_0, for_format};
use super::matmul::{Item, Scratch};
use super::quantize::Quantized;
use super::unpack::{codes, each, prefetch_block, scales};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2, Avx512};
use crate::simd::{Kernel, Level, Portable, Simd, run_at};

/// The instructions that multiply bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Engine {
    /// Those of every processor.
    Words,
    /// Those of AVX2.
    Maddubs,
    /// Those of AVX512-VNNI.
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
            #[cfg(target_arch = "x86_64")]
            Engine::Vnni => Vnni::TILE_ROWS,
            #[cfg(target_arch = "x86_64")]
            Engine::Maddubs => Maddubs::<8>::TILE_ROWS,
            _ => Words::TILE_ROWS,
        }
    }
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
            if rows == 1 && engine != Engine::Words {
                for_format!(item.weights.format, P => run_packed::<P>(engine, lines, &group));
            } else {
                for_format!(item.weights.format, P => {
                    run_at(engine.level(), Unpack::<P> { lines, blocks, bytes, scaling, packing: PhantomData });
                });
                run_bytes(engine, layout, bytes, &group);
            }
            lines = lines.wrapping_add(layout.group_bytes(blocks));
        }
        item.write(panel, scratch.totals(rows));
    }
}

/// One row of x, and codes as they are packed; not for [`Engine::Words`].
fn run_packed<P: Packing>(engine: Engine, lines: *const u8, group: &Group<'_>) {
    match engine {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an engine is chosen where the processor has its instructions.
        Engine::Vnni => unsafe { packed_vnni::<P>(lines, group) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Engine::Maddubs => unsafe { packed_maddubs::<P>(lines, group) },
        // This goes by way of bytes, so that it isn't compiled for every format.
        _ => {}
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
    // SAFETY: the scratch has room for the scales of a group.
    unsafe {
        unpack_scales::<S, P>(simd, lines, group.blocks, group.scaling);
        row::<S, D, P>(simd, dots, lines.add(P::LAYOUT.header_bytes(group.blocks)), group);
    }
}

/// Several rows of x, and codes as bytes. Of the format only some properties matter, so one format stands for all that
/// share them.
fn run_bytes(engine: Engine, layout: Layout, lines: *const u8, group: &Group<'_>) {
    match (layout.shared(), layout.has_minima()) {
        (32, false) => run_bytes_as::<Q8_0>(engine, layout.bits, lines, group),
        (32, true) => run_bytes_as::<Q4K>(engine, layout.bits, lines, group),
        (_, false) => run_bytes_as::<Q6K>(engine, layout.bits, lines, group),
        (_, true) => run_bytes_as::<Q2K>(engine, layout.bits, lines, group),
    }
}

fn run_bytes_as<P: Packing>(engine: Engine, bits: u32, lines: *const u8, group: &Group<'_>) {
    match engine {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an engine is chosen where the processor has its instructions.
        Engine::Vnni => unsafe { bytes_vnni::<P>(lines, group) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Engine::Maddubs => unsafe {
            match bits {
                8 => bytes_maddubs::<P, 8>(lines, group),
                5..=7 => bytes_maddubs::<P, 6>(lines, group),
                _ => bytes_maddubs::<P, 4>(lines, group),
            }
        },
        _ => tiles::<Portable, Words, P>(Portable, Words, lines, group),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn bytes_vnni<P: Packing>(lines: *const u8, group: &Group<'_>) {
    // SAFETY: the processor has AVX-512 and VNNI, the caller says.
    let (simd, dots) = unsafe { (Avx512::assume(), Vnni::assume()) };
    tiles::<Avx512, Vnni, P>(simd, dots, lines, group);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,popcnt,bmi1,bmi2,lzcnt")]
unsafe fn bytes_maddubs<P: Packing, const BITS: u32>(lines: *const u8, group: &Group<'_>) {
    // SAFETY: the processor has AVX2, the caller says.
    let simd = unsafe { Avx2::assume() };
    tiles::<Avx2, Maddubs<BITS>, P>(simd, Maddubs::<BITS>, lines, group);
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
        // SAFETY: the scratch has room for what a group has.
        unsafe {
            unpack_scales::<S, P>(simd, lines, blocks, scaling);
            unpack_codes::<S, P>(simd, lines.add(P::LAYOUT.header_bytes(blocks)), blocks, bytes);
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
    for row in (0..PANEL).step_by(S::LANES) {
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
    for row in (0..PANEL).step_by(S::LANES) {
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

/// Adds the products of one group to the totals of all rows. `lines` has its codes as bytes.
#[inline(always)]
fn tiles<S: Simd, D: Dots<S>, P: Packing>(simd: S, dots: D, lines: *const u8, group: &Group<'_>) {
    let mut first = 0;
    for &height in D::TILE_ROWS {
        while group.rows - first >= height {
            // SAFETY: the scratch has the codes; the tiles of x have these heights in this order.
            unsafe {
                match height {
                    12 if S::LANES == 16 => tile::<S, D, P, 12>(simd, dots, lines, group, first),
                    8 if S::LANES == 16 => tile::<S, D, P, 8>(simd, dots, lines, group, first),
                    4 => tile::<S, D, P, 4>(simd, dots, lines, group, first),
                    2 if S::LEVEL != Level::Portable => tile::<S, D, P, 2>(simd, dots, lines, group, first),
                    _ => tile::<S, D, P, 1>(simd, dots, lines, group, first),
                }
            }
            first += height;
        }
    }
}

/// Where the parts of x that belong to a block are.
struct Place {
    words: *const i32,
    steps: *const f32,
    starts: *const i32,
    sums: *const f32,
}

impl Group<'_> {
    /// For block `block` of the group, and the tile of `height` rows from `row` on.
    #[inline(always)]
    fn place(&self, shared: usize, row: usize, height: usize, block: usize) -> Place {
        let Group { x, start, k, .. } = *self;
        let (first, at) = (self.first + row, start / BLOCK + block);
        let part = first * k / shared + at * (BLOCK / shared) * height;
        Place {
            words: x.words.as_ptr().wrapping_add(first * k / 4 + at * 8 * height),
            steps: x.steps.as_ptr().wrapping_add(first * k / BLOCK + at * height),
            starts: x.starts.as_ptr().wrapping_add(part),
            sums: x.sums.as_ptr().wrapping_add(part),
        }
    }
}

/// Adds the products of one row of x and a group to its totals.
///
/// # Safety
/// `lines` has the group's codes as `P` packs them, and the group's scales are unpacked.
#[inline(always)]
unsafe fn row<S: Simd, D: Dots<S>, P: Packing>(simd: S, dots: D, lines: *const u8, group: &Group<'_>) {
    let shared = P::LAYOUT.shared();
    let parts = BLOCK / shared;
    for column in (0..PANEL).step_by(2 * S::LANES) {
        for block in 0..group.blocks {
            let place = group.place(shared, 0, 1, block);
            // SAFETY: x has the block's elements, the caller says what else is there.
            unsafe {
                let lines = lines.add(block * P::LAYOUT.code_bytes() + 4 * column);
                if column == 0 {
                    prefetch_block::<P>(lines);
                }
                let mut sums = [dots.begin(simd, simd.splat_i32(0)); 2];
                each!(AT in [0 1 2 3 4 5 6 7] {
                    let start = simd.splat_i32(*place.starts.add(AT * 4 / shared));
                    if (AT * 4).is_multiple_of(shared) {
                        sums = [dots.begin(simd, start); 2];
                    }
                    let x = simd.splat_i32(*place.words.add(AT));
                    let pair = [codes::<S, P, AT>(simd, lines), codes::<S, P, AT>(simd, lines.add(4 * S::LANES))];
                    sums[0] = dots.add(simd, sums[0], dots.prepare(simd, pair[0]), x);
                    sums[1] = dots.add(simd, sums[1], dots.prepare(simd, pair[1]), x);
                    if ((AT + 1) * 4).is_multiple_of(shared) {
                        let part = AT * 4 / shared;
                        let integers = [dots.end(simd, sums[0], start), dots.end(simd, sums[1], start)];
                        let part = Part {
                            scaling: group.scaling.add((block * parts + part) * 2 * PANEL + column),
                            step: simd.splat(*place.steps),
                            x_sum: simd.splat(*place.sums.add(part)),
                            total: group.totals.add(column),
                        };
                        part.finish::<P>(simd, integers);
                    }
                });
            }
        }
    }
}

/// Adds the products of `ROWS` rows of x, from row `first` of the group's on, and a group to their totals.
///
/// # Safety
/// `lines` has the group's codes as bytes, the group's scales are unpacked, and the rows are a tile of x.
#[inline(always)]
unsafe fn tile<S: Simd, D: Dots<S>, P: Packing, const ROWS: usize>(
    simd: S,
    dots: D,
    lines: *const u8,
    group: &Group<'_>,
    first: usize,
) {
    const { assert!(ROWS <= 12, "the rows that are named below") };
    let shared = P::LAYOUT.shared();
    let parts = BLOCK / shared;
    let totals = group.totals.wrapping_add(first * PANEL);
    for column in (0..PANEL).step_by(2 * S::LANES) {
        for part in 0..group.blocks * parts {
            let place = group.place(shared, first, ROWS, part / parts);
            let within = part % parts;
            // SAFETY: x has the part's elements, the caller says what else is there.
            unsafe {
                let words = place.words.add(within * (shared / 4) * ROWS);
                let (starts, x_sums) = (place.starts.add(within * ROWS), place.sums.add(within * ROWS));
                let lines = lines.add(part * (shared / 4) * LINE + 4 * column);
                let mut sums = [[dots.begin(simd, simd.splat_i32(0)); 2]; ROWS];
                for (row, sums) in sums.iter_mut().enumerate() {
                    *sums = [dots.begin(simd, simd.splat_i32(*starts.add(row))); 2];
                }
                for at in 0..shared / 4 {
                    let pair = lines.add(at * LINE).cast::<i32>();
                    let pair = [simd.load_i32_at(pair), simd.load_i32_at(pair.add(S::LANES))];
                    let pair = [dots.prepare(simd, pair[0]), dots.prepare(simd, pair[1])];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat_i32(*words.add(at * ROWS + row));
                        sums[0] = dots.add(simd, sums[0], pair[0], x);
                        sums[1] = dots.add(simd, sums[1], pair[1], x);
                    }
                }
                // One by one, so that sums stay in registers.
                each!(ROW in [0 1 2 3 4 5 6 7 8 9 10 11] {
                    if ROW < ROWS {
                        let start = simd.splat_i32(*starts.add(ROW));
                        let integers = [dots.end(simd, sums[ROW][0], start), dots.end(simd, sums[ROW][1], start)];
                        let part = Part {
                            scaling: group.scaling.add(part * 2 * PANEL + column),
                            step: simd.splat(*place.steps.add(ROW)),
                            x_sum: simd.splat(*x_sums.add(ROW)),
                            total: totals.add(ROW * PANEL + column),
                        };
                        part.finish::<P>(simd, integers);
                    }
                });
            }
        }
    }
}

/// What makes sums of integers numbers, for one row of x and two vectors of columns.
struct Part<S: Simd> {
    scaling: *const f32,
    step: S::F32,
    x_sum: S::F32,
    total: *mut f32,
}

impl<S: Simd> Part<S> {
    /// # Safety
    /// There are two vectors of scales and of totals, and after [`PANEL`] scales the minima.
    #[inline(always)]
    unsafe fn finish<P: Packing>(self, simd: S, integers: [S::I32; 2]) {
        for (vector, integer) in integers.into_iter().enumerate() {
            // SAFETY: as the caller says.
            unsafe {
                let (scaling, total) = (self.scaling.add(vector * S::LANES), self.total.add(vector * S::LANES));
                let scale = simd.mul(simd.load_at(scaling), self.step);
                let mut y = simd.fma(scale, simd.from_i32(integer), simd.load_at(total));
                if P::LAYOUT.has_minima() {
                    y = simd.fma(simd.load_at(scaling.add(PANEL)), self.x_sum, y);
                }
                simd.store_at(total, y);
            }
        }
    }
}
