//! Huffman codes, and the bits that they are read from.

use super::{Failure, byte};

/// A Huffman code of at most 16 bits, as T.81 annex C numbers it.
pub(super) struct Table {
    /// For each length: the code after the last one of it, the first one, and where its symbols begin.
    lengths: [(u32, u32, usize); 17],
    symbols: Vec<u8>,
}

/// The bits of a scan, up to the next marker.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    count: u32,
}

impl Table {
    /// The code that a segment says, and what follows it.
    pub(super) fn read(segment: &[u8]) -> Result<(Table, &[u8]), Failure> {
        let counts = segment.get(..16).ok_or(Failure::Malformed)?;
        let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let symbols = segment.get(16..16 + total).filter(|_| total <= 256).ok_or(Failure::Malformed)?;
        let mut lengths = [(0, 0, 0); 17];
        let (mut code, mut index) = (0u32, 0);
        for (length, count) in (1..).zip(counts) {
            lengths[length] = (code + u32::from(*count), code, index);
            if lengths[length].0 > 1 << length {
                return Err(Failure::Malformed);
            }
            index += usize::from(*count);
            code = lengths[length].0 << 1;
        }
        Ok((Table { lengths, symbols: symbols.to_vec() }, &segment[16 + total..]))
    }
}

impl<'a> Bits<'a> {
    /// The bits from `at` on.
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Bits<'a> {
        Bits { bytes, at, buffer: 0, count: 0 }
    }

    /// The next bits, at most 16, as a number.
    pub(super) fn take(&mut self, count: u32) -> Result<u32, Failure> {
        while self.count < count {
            let next = byte(self.bytes, self.at)?;
            if next == 0xff {
                // A zero follows a byte of all ones; anything else is a marker, where the bits end.
                if byte(self.bytes, self.at + 1)? != 0 {
                    return Err(Failure::Malformed);
                }
                self.at += 1;
            }
            self.at += 1;
            self.buffer = self.buffer << 8 | u64::from(next);
            self.count += 8;
        }
        self.count -= count;
        Ok((self.buffer >> self.count) as u32 & ((1 << count) - 1))
    }

    /// The next bit.
    pub(super) fn bit(&mut self) -> Result<bool, Failure> {
        Ok(self.take(1)? == 1)
    }

    /// The next symbol of a code.
    pub(super) fn symbol(&mut self, table: &Table) -> Result<u8, Failure> {
        let mut code = 0;
        for (end, first, index) in &table.lengths[1..] {
            code = code << 1 | self.take(1)?;
            if code < *end {
                return table.symbols.get(index + (code - first) as usize).copied().ok_or(Failure::Malformed);
            }
        }
        Err(Failure::Malformed)
    }

    /// The next number of so many bits, of which those with a leading 0 are the negative ones.
    pub(super) fn signed(&mut self, count: u32) -> Result<i32, Failure> {
        if count == 0 {
            return Ok(0);
        }
        let value = self.take(count)? as i32;
        Ok(if value < 1 << (count - 1) { value - (1 << count) + 1 } else { value })
    }

    /// Where the marker is that ends these bits.
    pub(super) fn end(&self) -> usize {
        self.at
    }
}
