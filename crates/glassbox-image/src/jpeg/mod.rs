//! JPEG files, decoded to the bit as the widely used IJG decoder does.
//!
//! ONNX's `ImageDecoder` says how chroma is enlarged and by which decoder's results it is tested, and JPEG
//! itself leaves rounding open, so other decoders differ by one or two. In: the bytes of a file with 8-bit
//! samples, Huffman-coded, sequential or progressive, grey or of three colours. Out: its pixels. Anything
//! else (four colours, arithmetic coding, lossless) is [`Failure::Unsupported`]; what breaks the rules of
//! ITU-T T.81, or ends early, [`Failure::Malformed`]. The coefficients take no more memory than a number of
//! blocks that the file's length allows: each takes at least a bit.

mod huffman;
mod pixels;
mod scan;

use huffman::Table;

use glassbox_exec::Pixels;

/// Why a file can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It breaks the rules of the format.
    Malformed,
    /// It is a JPEG file of a kind that isn't decoded here.
    Unsupported,
}

/// One colour component of a frame.
struct Component {
    id: u8,
    /// How many samples it has for each `largest` of the component with most, across and down.
    sampling: [usize; 2],
    /// Which quantisation table it uses.
    quantisation: usize,
    /// The samples across and down.
    size: [usize; 2],
    /// The blocks across and down that hold samples.
    blocks: [usize; 2],
    /// The blocks in a row of `coefficients`.
    row: usize,
    /// The coefficients of each block, in row-major order.
    coefficients: Vec<[i16; 64]>,
}

/// What the frame header says.
struct Frame {
    progressive: bool,
    size: [usize; 2],
    largest: [usize; 2],
    /// The minimum coded units across and down.
    units: [usize; 2],
    components: Vec<Component>,
}

/// What has been read of a file.
#[derive(Default)]
struct File {
    quantisation: [Option<[u16; 64]>; 4],
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// The units between two restarts; 0 for none.
    restart_interval: usize,
    frame: Option<Frame>,
    jfif: bool,
    /// The colour transform that an Adobe marker says.
    adobe: Option<u8>,
}

/// The place in row-major order of the coefficient that comes n-th in the file.
const ZIGZAG: [usize; 64] = zigzag();

const fn zigzag() -> [usize; 64] {
    let mut order = [0; 64];
    let (mut row, mut column, mut index) = (0, 0, 0);
    while index < 64 {
        order[index] = row * 8 + column;
        let up = (row + column) % 2 == 0;
        match (up, row, column) {
            (true, _, 7) => row += 1,
            (true, 0, _) => column += 1,
            (true, ..) => (row, column) = (row - 1, column + 1),
            (false, 7, _) => column += 1,
            (false, _, 0) => row += 1,
            (false, ..) => (row, column) = (row + 1, column - 1),
        }
        index += 1;
    }
    order
}

/// The pixels of a file that begins as a JPEG file does.
pub(super) fn decode(bytes: &[u8]) -> Result<Pixels, Failure> {
    let mut file = File::default();
    let mut at = 2;
    let mut scanned = false;
    loop {
        let (marker, body) = next_marker(bytes, &mut at)?;
        let segment = match marker {
            0xd9 => break,
            0x01 | 0xd0..=0xd7 => continue,
            _ => segment(bytes, body, &mut at)?,
        };
        match marker {
            0xdb => file.quantisation_tables(segment)?,
            0xc4 => file.huffman_tables(segment)?,
            0xdd => file.restart_interval = usize::from(word(segment, 0)?),
            0xe0 if segment.starts_with(b"JFIF\0") => file.jfif = true,
            0xee if segment.starts_with(b"Adobe") => file.adobe = Some(byte(segment, 11)?),
            0xc0..=0xc2 if file.frame.is_none() => file.frame = Some(frame(segment, marker == 0xc2, bytes.len())?),
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcf => return Err(Failure::Unsupported),
            0xc0..=0xc2 => return Err(Failure::Malformed),
            0xda => {
                at = scan::read(&mut file, segment, bytes, at)?;
                scanned = true;
            }
            _ => {}
        }
    }
    match &file.frame {
        Some(frame) if scanned => pixels::render(&file, frame),
        _ => Err(Failure::Malformed),
    }
}

/// The next marker from `at` on, and where its segment begins.
fn next_marker(bytes: &[u8], at: &mut usize) -> Result<(u8, usize), Failure> {
    // Between segments there may be fill bytes.
    if byte(bytes, *at)? != 0xff {
        return Err(Failure::Malformed);
    }
    while byte(bytes, *at)? == 0xff {
        *at += 1;
    }
    let marker = byte(bytes, *at)?;
    *at += 1;
    Ok((marker, *at))
}

/// The segment that begins with its length at `start`; moves behind it.
fn segment<'a>(bytes: &'a [u8], start: usize, at: &mut usize) -> Result<&'a [u8], Failure> {
    let end = start + usize::from(word(bytes, start)?);
    *at = end;
    bytes.get(start + 2..end).ok_or(Failure::Malformed)
}

fn byte(bytes: &[u8], at: usize) -> Result<u8, Failure> {
    bytes.get(at).copied().ok_or(Failure::Malformed)
}

fn word(bytes: &[u8], at: usize) -> Result<u16, Failure> {
    Ok(u16::from_be_bytes([byte(bytes, at)?, byte(bytes, at + 1)?]))
}

impl File {
    fn quantisation_tables(&mut self, mut segment: &[u8]) -> Result<(), Failure> {
        while let [kind, rest @ ..] = segment {
            let (wide, slot) = (kind >> 4, usize::from(kind & 15));
            let width = match wide {
                0 => 1,
                1 => 2,
                _ => return Err(Failure::Malformed),
            };
            let values = rest.get(..64 * width).ok_or(Failure::Malformed)?;
            let mut table = [0; 64];
            for (value, place) in values.chunks_exact(width).zip(ZIGZAG) {
                table[place] = value.iter().fold(0, |value, byte| value << 8 | u16::from(*byte));
            }
            *self.quantisation.get_mut(slot).ok_or(Failure::Malformed)? = Some(table);
            segment = &rest[64 * width..];
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<(), Failure> {
        while let [kind, rest @ ..] = segment {
            let (table, rest) = Table::read(rest)?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(kind & 15)).ok_or(Failure::Malformed)? = Some(table);
            segment = rest;
        }
        Ok(())
    }
}

/// The frame that a header says, for a file of so many bytes.
fn frame(segment: &[u8], progressive: bool, file: usize) -> Result<Frame, Failure> {
    let (height, width) = (usize::from(word(segment, 1)?), usize::from(word(segment, 3)?));
    let count = usize::from(byte(segment, 5)?);
    if byte(segment, 0)? != 8 || !matches!(count, 1 | 3) {
        return Err(Failure::Unsupported);
    }
    // A height of 0 is said after the first scan, by a marker that no decoder of today reads.
    if height == 0 || width == 0 {
        return Err(Failure::Malformed);
    }
    let parts: Vec<&[u8]> = segment.get(6..6 + 3 * count).ok_or(Failure::Malformed)?.chunks_exact(3).collect();
    let sampling = |part: &[u8]| [usize::from(part[1] >> 4), usize::from(part[1] & 15)];
    if parts.iter().any(|part| sampling(part).iter().any(|samples| !(1..=4).contains(samples))) {
        return Err(Failure::Malformed);
    }
    let most = |axis: usize| parts.iter().map(|part| sampling(part)[axis]).max().unwrap_or(1);
    let (largest, size) = ([most(0), most(1)], [width, height]);
    let units = [0, 1].map(|axis: usize| size[axis].div_ceil(8 * largest[axis]));
    let blocks: usize = parts.iter().map(|part| sampling(part).iter().product::<usize>()).sum();
    if units[0] * units[1] * blocks > file.saturating_mul(8) {
        return Err(Failure::Malformed);
    }
    let component = |part: &&[u8]| {
        let sampling = sampling(part);
        let size = [0, 1].map(|axis: usize| (size[axis] * sampling[axis]).div_ceil(largest[axis]));
        let row = units[0] * sampling[0];
        Component {
            id: part[0],
            sampling,
            quantisation: usize::from(part[2]),
            size,
            blocks: size.map(|samples| samples.div_ceil(8)),
            row,
            coefficients: vec![[0; 64]; row * units[1] * sampling[1]],
        }
    };
    let components = parts.iter().map(component).collect();
    Ok(Frame { progressive, size, largest, units, components })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coefficients_come_in_zigzag_order() {
        assert_eq!(ZIGZAG[..10], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]);
        assert_eq!(ZIGZAG[54..], [39, 46, 53, 60, 61, 54, 47, 55, 62, 63]);
    }

    #[test]
    fn no_cut_or_flipped_byte_panics() {
        let file = include_bytes!("../../tests/data/subsampled.jpg");
        assert!(decode(file).is_ok());
        for length in 2..file.len() {
            let _ = decode(&file[..length]);
        }
        for place in 2..file.len() {
            for mask in [0xff, 0x10, 0x01] {
                let mut damaged = file.to_vec();
                damaged[place] ^= mask;
                let _ = decode(&damaged);
            }
        }
    }
}
