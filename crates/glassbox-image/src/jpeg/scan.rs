//! Scans: the coefficients of blocks, or what refines them (T.81 annexes F and G).

use super::huffman::{Bits, Table};
use super::{Failure, File, Frame, ZIGZAG, byte, next_marker};

/// What a scan's header says.
struct Scan {
    /// For each component of the scan: its place in the frame, and its tables.
    parts: Vec<(usize, usize, usize)>,
    /// The first and last coefficient.
    band: [usize; 2],
    /// Whether bits are added to coefficients that have some already.
    refines: bool,
    /// The lowest bit that is given.
    low: u32,
}

/// What is carried from block to block.
struct Carry {
    /// The last DC coefficient of each component.
    dc: Vec<i32>,
    /// How many further blocks have no more coefficients.
    empty: u32,
}

/// Reads a scan whose bits begin at `start`; gives where the next marker is.
pub(super) fn read(file: &mut File, header: &[u8], bytes: &[u8], start: usize) -> Result<usize, Failure> {
    let mut frame = file.frame.take().ok_or(Failure::Malformed)?;
    let scan = Scan::new(&frame, header)?;
    let mut bits = Bits::new(bytes, start);
    let mut carry = Carry { dc: vec![0; frame.components.len()], empty: 0 };
    let alone = scan.parts.len() == 1;
    let units = match scan.parts[..] {
        [(index, ..)] if alone => frame.components[index].blocks,
        _ => frame.units,
    };
    for unit in 0..units[0] * units[1] {
        if file.restart_interval > 0 && unit > 0 && unit % file.restart_interval == 0 {
            let mut at = bits.end();
            match next_marker(bytes, &mut at)? {
                (0xd0..=0xd7, _) => bits = Bits::new(bytes, at),
                _ => return Err(Failure::Malformed),
            }
            carry.dc.fill(0);
            carry.empty = 0;
        }
        let (column, row) = (unit % units[0], unit / units[0]);
        for (index, dc, ac) in &scan.parts {
            let component = &mut frame.components[*index];
            let [across, down] = if alone { [1, 1] } else { component.sampling };
            for block in 0..across * down {
                let place = (row * down + block / across) * component.row + column * across + block % across;
                let tables = (file.dc[*dc].as_ref(), file.ac[*ac].as_ref());
                let coefficients = &mut component.coefficients[place];
                if frame.progressive {
                    scan.progressive(&mut bits, tables, coefficients, &mut carry, *index)?;
                } else {
                    scan.sequential(&mut bits, tables, coefficients, &mut carry, *index)?;
                }
            }
        }
    }
    file.frame = Some(frame);
    Ok(bits.end())
}

impl Scan {
    fn new(frame: &Frame, header: &[u8]) -> Result<Scan, Failure> {
        let count = usize::from(byte(header, 0)?);
        let part = |index: usize| {
            let (id, tables) = (byte(header, 1 + 2 * index)?, byte(header, 2 + 2 * index)?);
            let place = frame.components.iter().position(|component| component.id == id).ok_or(Failure::Malformed)?;
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            if dc > 3 || ac > 3 { Err(Failure::Malformed) } else { Ok((place, dc, ac)) }
        };
        if count == 0 || count > frame.components.len() {
            return Err(Failure::Malformed);
        }
        let parts = (0..count).map(part).collect::<Result<Vec<_>, _>>()?;
        let at = 1 + 2 * count;
        let (band, bits) =
            ([usize::from(byte(header, at)?), usize::from(byte(header, at + 1)?)], byte(header, at + 2)?);
        let (high, low) = (bits >> 4, u32::from(bits & 15));
        let fits = match (frame.progressive, band) {
            (false, _) => true,
            (true, [0, last]) => last == 0,
            (true, [first, last]) => first <= last && last < 64 && count == 1,
        };
        if !fits || low > 13 {
            return Err(Failure::Malformed);
        }
        if !frame.progressive {
            return Ok(Scan { parts, band: [0, 63], refines: false, low: 0 });
        }
        Ok(Scan { parts, band, refines: high != 0, low })
    }

    /// The next DC coefficient: the difference to the last one is given.
    fn dc(&self, bits: &mut Bits, table: Option<&Table>, carry: &mut Carry, component: usize) -> Result<i16, Failure> {
        let size = bits.symbol(table.ok_or(Failure::Malformed)?)?;
        if size > 15 {
            return Err(Failure::Malformed);
        }
        let dc = &mut carry.dc[component];
        *dc = dc.wrapping_add(bits.signed(size.into())?);
        Ok((*dc << self.low) as i16)
    }

    fn sequential(
        &self,
        bits: &mut Bits,
        (dc, ac): (Option<&Table>, Option<&Table>),
        block: &mut [i16; 64],
        carry: &mut Carry,
        component: usize,
    ) -> Result<(), Failure> {
        block[0] = self.dc(bits, dc, carry, component)?;
        let ac = ac.ok_or(Failure::Malformed)?;
        let mut index = 1;
        while index < 64 {
            let symbol = bits.symbol(ac)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            index += zeros;
            match (zeros, size) {
                (15, 0) => {}
                (_, 0) => break,
                _ => *block.get_mut(place(index)?).ok_or(Failure::Malformed)? = bits.signed(size)? as i16,
            }
            index += 1;
        }
        Ok(())
    }

    fn progressive(
        &self,
        bits: &mut Bits,
        (dc, ac): (Option<&Table>, Option<&Table>),
        block: &mut [i16; 64],
        carry: &mut Carry,
        component: usize,
    ) -> Result<(), Failure> {
        match (self.band[0], self.refines) {
            (0, false) => block[0] = self.dc(bits, dc, carry, component)?,
            (0, true) => {
                if bits.bit()? {
                    block[0] |= 1 << self.low;
                }
            }
            (_, false) => self.first_ac(bits, ac.ok_or(Failure::Malformed)?, block, &mut carry.empty)?,
            (_, true) => self.refine_ac(bits, ac.ok_or(Failure::Malformed)?, block, &mut carry.empty)?,
        }
        Ok(())
    }

    fn first_ac(&self, bits: &mut Bits, table: &Table, block: &mut [i16; 64], empty: &mut u32) -> Result<(), Failure> {
        if *empty > 0 {
            *empty -= 1;
            return Ok(());
        }
        let mut index = self.band[0];
        while index <= self.band[1] {
            let symbol = bits.symbol(table)?;
            let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && zeros < 15 {
                *empty = (1 << zeros) - 1 + bits.take(zeros)?;
                return Ok(());
            }
            index += zeros as usize;
            if size > 0 {
                block[place(index)?] = (bits.signed(size)? << self.low) as i16;
            }
            index += 1;
        }
        Ok(())
    }

    /// Adds a bit to the coefficients that aren't 0, and puts new ones between them.
    fn refine_ac(&self, bits: &mut Bits, table: &Table, block: &mut [i16; 64], empty: &mut u32) -> Result<(), Failure> {
        let unit = 1i16 << self.low;
        let mut index = self.band[0];
        while *empty == 0 && index <= self.band[1] {
            let symbol = bits.symbol(table)?;
            let (mut zeros, size) = (u32::from(symbol >> 4), symbol & 15);
            let new = match size {
                0 if zeros < 15 => {
                    *empty = (1 << zeros) + bits.take(zeros)?;
                    break;
                }
                0 => 0,
                1 if bits.bit()? => unit,
                1 => -unit,
                _ => return Err(Failure::Malformed),
            };
            // The run counts coefficients that are still 0.
            while index <= self.band[1] {
                let coefficient = &mut block[place(index)?];
                if *coefficient != 0 {
                    refine(bits, coefficient, unit)?;
                } else if zeros > 0 {
                    zeros -= 1;
                } else {
                    *coefficient = new;
                    index += 1;
                    break;
                }
                index += 1;
            }
        }
        if *empty > 0 {
            for index in index..=self.band[1] {
                let coefficient = &mut block[place(index)?];
                if *coefficient != 0 {
                    refine(bits, coefficient, unit)?;
                }
            }
            *empty -= 1;
        }
        Ok(())
    }
}

/// Moves a coefficient away from 0 by `unit` if the next bit says so.
fn refine(bits: &mut Bits, coefficient: &mut i16, unit: i16) -> Result<(), Failure> {
    if bits.bit()? && *coefficient & unit == 0 {
        *coefficient = coefficient.wrapping_add(if *coefficient > 0 { unit } else { -unit });
    }
    Ok(())
}

fn place(index: usize) -> Result<usize, Failure> {
    ZIGZAG.get(index).copied().ok_or(Failure::Malformed)
}
