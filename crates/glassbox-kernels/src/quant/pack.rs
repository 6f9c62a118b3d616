//! A matrix of blocks, rearranged once for the kernels.

use std::fmt;

use glassbox_tensor::{BlockFormat, parallel_chunks};

use super::layout::{BLOCK, GROUP, LINE, Layout, PANEL, Unit};
use super::source;
use crate::memory::Memory;

/// A weight matrix of `n` rows and `k` columns in a block format, its rows side by side as the kernels read them. It holds
/// the same codes and scales as the source, in at most 1.1 times the memory (rows are padded to a multiple of 32).
///
/// ```
/// use glassbox_kernels::quant::PackedBlocks;
/// use glassbox_tensor::BlockFormat;
/// let packed = PackedBlocks::pack(BlockFormat::Q8_0, 2, 32, &[0; 2 * 34]).expect("a packed format");
/// assert_eq!((packed.rows(), packed.columns()), (2, 32));
/// assert!(PackedBlocks::pack(BlockFormat::IQ4NL, 2, 32, &[0; 2 * 18]).is_none());
/// ```
pub struct PackedBlocks {
    pub(super) format: BlockFormat,
    pub(super) layout: Layout,
    pub(super) n: usize,
    pub(super) k: usize,
    memory: Memory,
}

impl fmt::Debug for PackedBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedBlocks({}, {} × {})", self.format.name(), self.n, self.k)
    }
}

impl PackedBlocks {
    /// Packs the bytes of `n` rows of blocks, on all threads. `None` for a format that has no kernels here: `q8_1`, `q8_k`
    /// and `iq4_nl`.
    ///
    /// # Panics
    /// Where `k` isn't a whole number of blocks, or `bytes` isn't as long as `n` rows of `k` elements are.
    pub fn pack(format: BlockFormat, n: usize, k: usize, bytes: &[u8]) -> Option<PackedBlocks> {
        let layout = Layout::of(format)?;
        assert!(k.is_multiple_of(format.block_elements()), "rows of {k} elements don't end with a block");
        let row_bytes = k / format.block_elements() * format.block_bytes();
        assert!(row_bytes.checked_mul(n) == Some(bytes.len()), "{} bytes for {n} rows of {row_bytes}", bytes.len());
        let panel_units = layout.panel_bytes(k) / size_of::<Unit>();
        let panels = n.div_ceil(PANEL);
        let memory = Memory::zeroed(panels * panel_units * size_of::<Unit>());
        // SAFETY: as in `units_of`, and nobody else has the memory yet.
        let units = unsafe { std::slice::from_raw_parts_mut(memory.start().cast::<Unit>(), panels * panel_units) };
        parallel_chunks(units, panel_units, &|panel, units| {
            let first = panel * PANEL;
            let rows = &bytes[first * row_bytes..n.min(first + PANEL) * row_bytes];
            pack_panel(format, layout, k, rows, bytes_of(units));
        });
        Some(PackedBlocks { format, layout, n, k, memory })
    }

    /// The format of the source.
    pub fn format(&self) -> BlockFormat {
        self.format
    }

    /// How many rows the matrix has: the columns of a product.
    pub fn rows(&self) -> usize {
        self.n
    }

    /// How many columns the matrix has: the length of a sum in a product.
    pub fn columns(&self) -> usize {
        self.k
    }

    /// The bytes of memory that this takes.
    pub fn byte_len(&self) -> usize {
        self.memory.len()
    }

    pub(super) fn panels(&self) -> usize {
        self.n.div_ceil(PANEL)
    }

    pub(super) fn panel(&self, index: usize) -> &[Unit] {
        let units = self.layout.panel_bytes(self.k) / size_of::<Unit>();
        &units_of(&self.memory)[index * units..(index + 1) * units]
    }
}

/// Packed memory as units.
fn units_of(memory: &Memory) -> &[Unit] {
    // SAFETY: the bytes are initialised, aligned to a cache line as units are, and units are plain bytes.
    unsafe { std::slice::from_raw_parts(memory.start().cast(), memory.len() / size_of::<Unit>()) }
}

fn bytes_of(units: &mut [Unit]) -> &mut [u8] {
    // SAFETY: a unit is plain bytes.
    unsafe { std::slice::from_raw_parts_mut(units.as_mut_ptr().cast(), size_of_val(units)) }
}

fn pack_panel(format: BlockFormat, layout: Layout, k: usize, rows: &[u8], panel: &mut [u8]) {
    let row_bytes = k / format.block_elements() * format.block_bytes();
    let group_sources = GROUP / format.block_elements() * format.block_bytes();
    for (row, sources) in rows.chunks_exact(row_bytes.max(1)).enumerate() {
        let groups = panel.chunks_mut(layout.group_bytes(GROUP / BLOCK));
        groups.zip(sources.chunks(group_sources)).for_each(|(group, sources)| {
            pack_group(format, layout, sources, row, group);
        });
    }
}

/// The blocks of one row into a group.
fn pack_group(format: BlockFormat, layout: Layout, sources: &[u8], row: usize, group: &mut [u8]) {
    let elements = format.block_elements();
    let blocks = sources.len() / format.block_bytes() * elements / BLOCK;
    let (header, lines) = group.split_at_mut(layout.header_bytes(blocks));
    let mut codes = [0u8; GROUP];
    for (at, source) in sources.chunks_exact(format.block_bytes()).enumerate() {
        source::scales(format, source, at, row, header);
        source::codes(format, source, &mut codes);
        for (part, codes) in codes[..elements].chunks_exact(BLOCK).enumerate() {
            let block = at * elements / BLOCK + part;
            pack_codes(layout.bits, codes, row, &mut lines[block * layout.code_bytes()..]);
        }
    }
}

/// 32 codes of one row into the planes of a block.
fn pack_codes(bits: u32, codes: &[u8], row: usize, lines: &mut [u8]) {
    let words: [u32; 8] = std::array::from_fn(|at| {
        u32::from_le_bytes([codes[4 * at], codes[4 * at + 1], codes[4 * at + 2], codes[4 * at + 3]])
    });
    let mut put = |line: usize, word: u32| lines[line * LINE + 4 * row..][..4].copy_from_slice(&word.to_le_bytes());
    let four = |at: usize| words[at] & 0x0f0f_0f0f | (words[at + 4] & 0x0f0f_0f0f) << 4;
    let two = |line: usize, from: u32| {
        (0..4).fold(0, |all, at| all | (words[4 * line + at] >> from & 0x0303_0303) << (2 * at))
    };
    let one = |from: u32| (0..8).fold(0, |all, at| all | (words[at] >> from & 0x0101_0101) << at);
    match bits {
        8 => (0..8).for_each(|at| put(at, words[at])),
        2 | 3 => (0..2).for_each(|line| put(line, two(line, 0))),
        _ => (0..4).for_each(|line| put(line, four(line))),
    }
    match bits {
        3 => put(2, one(2)),
        5 => put(4, one(4)),
        6 => (0..2).for_each(|line| put(4 + line, two(line, 4))),
        _ => {}
    }
}
