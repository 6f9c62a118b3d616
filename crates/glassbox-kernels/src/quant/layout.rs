//! What a format's codes and scales are, and where they stand in packed memory.
//!
//! An element of every format here is `scale · (code − offset) + minimum`, where a code is an unsigned integer of a few
//! bits, and the scale and the minimum belong to 16 or 32 elements that follow each other.
//!
//! [`PANEL`] rows are a panel. A panel has one group after the other along k, each of [`GROUP`] elements of every row, the
//! last one of what is left; a group is a header, in which the scales stand, those of the rows side by side, and then
//! lines of codes. In a line each row has four bytes, for four elements that follow each other: where a code has eight
//! bits, these are the codes; where it has fewer, it is split into planes of four, two or one bits, and a byte of a plane
//! has the bits of 2, 4 or 8 elements:
//!
//! - the plane of four bits has 4 lines for 32 elements: of line `i`, the lower bits are elements `4i..`, the upper ones
//!   elements `16 + 4i..`;
//! - the plane of two bits has 2 lines: of line `i`, bits `2j..` are elements `16i + 4j..`;
//! - the plane of one bit has 1 line: bit `j` is elements `4j..`.
//!
//! So a kernel reads memory in order, and vectors of any width read the same lines, a lane being a row.

use glassbox_tensor::BlockFormat;

/// Rows of a panel.
pub(super) const PANEL: usize = 32;
/// Elements of a row in one group; fewer in the last.
pub(super) const GROUP: usize = 256;
/// Elements of a row in one block of codes.
pub(super) const BLOCK: usize = 32;
/// Bytes of a line of codes.
pub(super) const LINE: usize = 4 * PANEL;

/// The unit of packed memory, and of scratch memory: what a cache holds together.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Unit(pub(super) [u8; 64]);

/// How scales stand in a header, for all rows each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scales {
    /// For every 32 elements an f16.
    Half,
    /// For every 32 elements an f16 and an f16 minimum.
    HalfAndMinimum,
    /// An f16 and an f16 for minima, then for every 32 elements a byte and a byte for the minimum.
    Bytes,
    /// An f16, then for every 16 elements a signed byte.
    SignedBytes,
    /// An f16 and an f16 for minima, then for every 16 elements a byte: four bits, and four for the minimum.
    Nibbles,
}

/// How a format is packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Bits of a code.
    pub(super) bits: u32,
    /// What is taken off a code.
    pub(super) offset: i32,
    /// How scales stand in a header.
    pub(super) scales: Scales,
}

impl Layout {
    /// That of a format; `None` for those that aren't packed.
    pub(super) const fn of(format: BlockFormat) -> Option<Layout> {
        let (bits, offset, scales) = match format {
            BlockFormat::Q8_0 => (8, 128, Scales::Half),
            BlockFormat::Q5_0 => (5, 16, Scales::Half),
            BlockFormat::Q5_1 => (5, 0, Scales::HalfAndMinimum),
            BlockFormat::Q4_0 => (4, 8, Scales::Half),
            BlockFormat::Q4_1 => (4, 0, Scales::HalfAndMinimum),
            BlockFormat::Q2K => (2, 0, Scales::Nibbles),
            BlockFormat::Q3K => (3, 4, Scales::SignedBytes),
            BlockFormat::Q4K => (4, 0, Scales::Bytes),
            BlockFormat::Q5K => (5, 0, Scales::Bytes),
            BlockFormat::Q6K => (6, 32, Scales::SignedBytes),
            BlockFormat::Q8_1 | BlockFormat::Q8K | BlockFormat::IQ4NL => return None,
        };
        Some(Layout { bits, offset, scales })
    }

    /// How many elements share a scale.
    pub(super) const fn shared(self) -> usize {
        match self.scales {
            Scales::Half | Scales::HalfAndMinimum | Scales::Bytes => 32,
            Scales::SignedBytes | Scales::Nibbles => 16,
        }
    }

    /// Whether there are minima.
    pub(super) const fn has_minima(self) -> bool {
        matches!(self.scales, Scales::HalfAndMinimum | Scales::Bytes | Scales::Nibbles)
    }

    /// Bytes of the header of a group of so many blocks.
    pub(super) const fn header_bytes(self, blocks: usize) -> usize {
        match self.scales {
            Scales::Half => 2 * PANEL * blocks,
            Scales::HalfAndMinimum => 4 * PANEL * blocks,
            Scales::SignedBytes => 2 * PANEL + 2 * PANEL * blocks,
            Scales::Bytes | Scales::Nibbles => 4 * PANEL + 2 * PANEL * blocks,
        }
    }

    /// Bytes of the codes of one block.
    pub(super) const fn code_bytes(self) -> usize {
        self.bits as usize * LINE
    }

    /// Bytes of a group of so many blocks.
    pub(super) const fn group_bytes(self, blocks: usize) -> usize {
        self.header_bytes(blocks) + self.code_bytes() * blocks
    }

    /// Bytes of a panel whose rows have `k` elements.
    pub(super) const fn panel_bytes(self, k: usize) -> usize {
        let rest = k % GROUP / BLOCK;
        k / GROUP * self.group_bytes(GROUP / BLOCK) + if rest > 0 { self.group_bytes(rest) } else { 0 }
    }
}

/// The layout of a format as a type, for code that is compiled for each.
pub(super) trait Packing: Copy + Send + Sync + 'static {
    /// The layout.
    const LAYOUT: Layout;
}

macro_rules! packings {
    ($($name:ident)*) => {
        $(#[derive(Clone, Copy)]
        #[allow(non_camel_case_types, reason = "they are named as the formats are")]
        pub(super) struct $name;
        impl Packing for $name {
            const LAYOUT: Layout = match Layout::of(BlockFormat::$name) {
                Some(layout) => layout,
                None => panic!("a format that isn't packed"),
            };
        })*
    };
}
packings! { Q8_0 Q5_0 Q5_1 Q4_0 Q4_1 Q2K Q3K Q4K Q5K Q6K }

/// Evaluates an expression with a type named `$packing` for a format; nothing for formats that aren't packed.
macro_rules! for_format {
    ($format:expr, $packing:ident => $body:expr) => {
        for_format!(@ $format, $packing => $body; Q8_0 Q5_0 Q5_1 Q4_0 Q4_1 Q2K Q3K Q4K Q5K Q6K)
    };
    (@ $format:expr, $packing:ident => $body:expr; $($name:ident)*) => {
        match $format {
            $(glassbox_tensor::BlockFormat::$name => {
                type $packing = $crate::quant::layout::$name;
                $body
            })*
            _ => {}
        }
    };
}
pub(super) use for_format;
