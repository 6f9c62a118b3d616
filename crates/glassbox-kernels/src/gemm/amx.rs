//! Blocks of products of bytes on the tile registers of a processor (AMX): sixteen rows by sixteen columns, of which an
//! instruction adds 64 products to every sum.
//!
//! In and out: a [`Block`] as `compute` takes it, of units of four bytes, with panels of two vectors of sixteen columns.
//! Sixteen units of such a panel are two tiles of it, as they lie. Sums wrap at 32 bits, so they are the same integers as
//! those of every other engine.
//!
//! Rust has no stable functions for these instructions, so they are written as assembly. A program has to ask Linux for the
//! registers before it uses them; where it isn't given them, they count as not there.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

use super::tile::{BLOCK, Block, VECTORS};

/// How many rows, or vectors of units, a tile register has.
const TILE: usize = 16;
/// How many columns a panel has.
const WIDTH: usize = VECTORS * TILE;
/// How many bytes a row of a panel's unit has.
const UNIT_BYTES: usize = WIDTH * 4;
/// How many lines a step reads of a panel.
const STEP_LINES: usize = TILE * UNIT_BYTES / 64;

/// Whether the processor has the instructions, and the system lets this program use them.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        // Bits 24 and 25 are AMX-TILE and AMX-INT8.
        let has = __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx >> 24 & 3 == 3;
        has && is_permitted()
    })
}

/// Asks for the tile registers, for all threads of the program. To ask again changes nothing.
fn is_permitted() -> bool {
    /// `arch_prctl`.
    const CALL: i64 = 158;
    /// `ARCH_REQ_XCOMP_PERM`.
    const REQUEST: u64 = 0x1023;
    /// `XFEATURE_XTILEDATA`.
    const TILES: u64 = 18;
    let answer: i64;
    // SAFETY: the call reads and writes no memory of this program. It fails where it isn't known, or where a thread has too
    // little room for the registers when it is given a signal.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") CALL => answer,
            in("rdi") REQUEST,
            in("rsi") TILES,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    answer == 0
}

/// How large the tile registers are, as the processor reads it.
#[repr(C, align(64))]
struct Sizes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

impl Sizes {
    /// For so many rows of A: registers 0 to 3 hold sums, 4 and 5 rows of A, 6 and 7 units of a panel.
    fn of(rows: usize) -> Sizes {
        let mut sizes = Sizes { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        // A register that isn't used has a row, too.
        let (first, second) = (rows.min(TILE) as u8, rows.saturating_sub(TILE).max(1) as u8);
        for (register, rows) in [first, first, second, second, first, second, TILE as u8, TILE as u8].iter().enumerate()
        {
            sizes.row_bytes[register] = 64;
            sizes.rows[register] = *rows;
        }
        sizes
    }

    /// # Safety
    /// [`is_available`].
    unsafe fn set(&self) {
        // SAFETY: these are sizes that the processor has.
        unsafe { asm!("ldtilecfg [{}]", in(reg) self, options(nostack)) };
    }
}

const _: () = assert!(TILE * BLOCK * 4 == 16384 && TILE * UNIT_BYTES == 2048, "as the assembly has it");

/// Two tiles of rows and two of columns, over whole steps of sixteen units.
struct Quarters {
    a: *const u32,
    b: *const u8,
    steps: usize,
    sums: *mut u32,
    sums_stride: usize,
    /// Whether there are sums to add to.
    add: bool,
    /// What is fetched for each step, how many lines of it, and how far apart those of two steps are.
    ahead: *const u8,
    lines: usize,
}

/// Computes whole steps of the inner axis, and gives how many units that were. The rest is to be added to the sums.
///
/// # Safety
/// [`is_available`]; as [`compute`](super::tile::compute) demands, of units of four bytes and panels of two vectors of 16.
pub(super) unsafe fn compute(block: &Block) -> usize {
    let whole = block.units / TILE * TILE;
    let panel_bytes = block.units * UNIT_BYTES;
    let groups = block.rows.div_ceil(2 * TILE);
    let lines = STEP_LINES.div_ceil(groups);
    let mut set = 0;
    for panel in 0..block.columns.div_ceil(WIDTH) {
        let columns = (block.columns - panel * WIDTH).min(WIDTH);
        for first in (0..whole).step_by(BLOCK) {
            let units = (whole - first).min(BLOCK);
            let b = block.panels.wrapping_add(panel * panel_bytes + first * UNIT_BYTES);
            for group in 0..groups {
                let row = group * 2 * TILE;
                let rows = (block.rows - row).min(2 * TILE);
                if set != rows {
                    // SAFETY: the registers are there.
                    unsafe { Sizes::of(rows).set() };
                    set = rows;
                }
                let sums = block.sums.wrapping_add(row * block.sums_stride + panel * WIDTH);
                let mut part = Quarters {
                    a: block.a.wrapping_add(first / BLOCK * block.a_block + row * BLOCK),
                    b,
                    steps: units / TILE,
                    sums,
                    sums_stride: block.sums_stride,
                    add: first > 0,
                    // The panels lie one after the other, so what follows is what is read next.
                    ahead: b.wrapping_add(units * UNIT_BYTES + group * lines * 64),
                    lines: if group * lines < STEP_LINES { lines } else { 0 },
                };
                // SAFETY: the part lies within the block; where it lacks columns its sums go through a square of their own.
                unsafe {
                    if columns == WIDTH {
                        part.compute(rows);
                        continue;
                    }
                    let mut square = [0u32; 2 * TILE * WIDTH];
                    (part.sums, part.sums_stride) = (square.as_mut_ptr(), WIDTH);
                    let row_of = |index: usize| sums.wrapping_add(index * block.sums_stride);
                    for index in (0..rows).filter(|_| part.add) {
                        part.sums.add(index * WIDTH).copy_from_nonoverlapping(row_of(index), columns);
                    }
                    part.compute(rows);
                    for index in 0..rows {
                        row_of(index).copy_from_nonoverlapping(part.sums.add(index * WIDTH), columns);
                    }
                }
            }
        }
    }
    // SAFETY: the registers are there. What they held is in memory, and a thread that leaves them empty is switched faster.
    unsafe { asm!("tilerelease", options(nostack)) };
    whole
}

/// A step of [`Quarters::products`], and so many of them one after the other.
macro_rules! steps {
    ($part:ident, $($step:literal)*) => {
        asm!(
            "2:",
            $($step,)*
            "add {a}, 64",
            "add {b}, 2048",
            "mov {line}, {ahead}",
            "mov {left}, {lines}",
            "test {left}, {left}",
            "jz 4f",
            "3:",
            "prefetcht1 [{line}]",
            "add {line}, 64",
            "dec {left}",
            "jnz 3b",
            "4:",
            "add {ahead}, 2048",
            "dec {steps}",
            "jnz 2b",
            a = inout(reg) $part.a => _,
            b = inout(reg) $part.b => _,
            a_stride = in(reg) BLOCK * 4,
            b_stride = in(reg) UNIT_BYTES,
            steps = inout(reg) $part.steps => _,
            ahead = inout(reg) $part.ahead => _,
            lines = in(reg) $part.lines,
            line = out(reg) _,
            left = out(reg) _,
            options(nostack)
        )
    };
}

impl Quarters {
    /// Computes so many rows, at most two tiles of them. The compiler uses no tile registers, so what they hold stays from
    /// one piece of assembly to the next.
    ///
    /// # Safety
    /// The registers have the sizes for these rows; A, B and the sums are there; there is a step.
    unsafe fn compute(&self, rows: usize) {
        let (first, second) = (self.sums, self.sums.wrapping_add(TILE * self.sums_stride));
        let (stride, two) = (self.sums_stride * 4, rows > TILE);
        // SAFETY: as the caller says.
        unsafe {
            match self.add {
                false => asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack)),
                true => {
                    asm!(
                        "tileloadd tmm0, [{0} + {1}]", "tileloadd tmm1, [{0} + {1} + 64]",
                        in(reg) first, in(reg) stride, options(nostack)
                    );
                    if two {
                        asm!(
                            "tileloadd tmm2, [{0} + {1}]", "tileloadd tmm3, [{0} + {1} + 64]",
                            in(reg) second, in(reg) stride, options(nostack)
                        );
                    }
                }
            }
            self.products(two);
            asm!(
                "tilestored [{0} + {1}], tmm0", "tilestored [{0} + {1} + 64], tmm1",
                in(reg) first, in(reg) stride, options(nostack)
            );
            if two {
                asm!(
                    "tilestored [{0} + {1}], tmm2", "tilestored [{0} + {1} + 64], tmm3",
                    in(reg) second, in(reg) stride, options(nostack)
                );
            }
        }
    }

    /// Adds the products of all steps to the sums in the registers, of one or two tiles of rows.
    ///
    /// # Safety
    /// As [`Quarters::compute`].
    unsafe fn products(&self, two: bool) {
        // SAFETY: as the caller says. The second tile of A lies 16 rows, 16 KiB, behind the first. What is fetched needs not
        // be readable.
        unsafe {
            if two {
                steps!(
                    self,
                    "tileloadd tmm4, [{a} + {a_stride}]"
                    "tileloadd tmm6, [{b} + {b_stride}]"
                    "tileloadd tmm7, [{b} + {b_stride} + 64]"
                    "tdpbusd tmm0, tmm4, tmm6"
                    "tileloadd tmm5, [{a} + {a_stride} + 16384]"
                    "tdpbusd tmm1, tmm4, tmm7"
                    "tdpbusd tmm2, tmm5, tmm6"
                    "tdpbusd tmm3, tmm5, tmm7"
                );
            } else {
                steps!(
                    self,
                    "tileloadd tmm4, [{a} + {a_stride}]"
                    "tileloadd tmm6, [{b} + {b_stride}]"
                    "tileloadd tmm7, [{b} + {b_stride} + 64]"
                    "tdpbusd tmm0, tmm4, tmm6"
                    "tdpbusd tmm1, tmm4, tmm7"
                );
            }
        }
    }
}
