//! `.oinf` versions 1 and 2, as an older program wrote them: a header of 69 bytes padded to 72, three
//! tables, and data, all aligned to 8. They keep no hashes.
//!
//! Scales and zero points of version 2 become parameters of their own, `NAME#scales` and `NAME#zero_points`;
//! the format's own names have no `#`.

use std::sync::Arc;

use glassbox_tensor::{DType, Tensor, layout};

use super::codes;
use super::read::check_quantisations;
use crate::cursor::Cursor;
use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::metadata::{Array, MetadataValue};
use crate::package::{Entry, Format, Parts, Quantisation, entry};
use crate::spec::{Declared, Size};

const ALIGNMENT: u64 = 8;
/// What a row of each table takes at least, in bytes.
const LEAST_SIZE: usize = 16;
const LEAST_METADATA: usize = 32;
const LEAST_TENSOR: usize = 36;
/// A tensor has no more axes.
const MAX_DIMS: u32 = 64;
/// The fixed part of a quantisation: four u32 and four u64.
const QUANTISATION: u64 = 48;

/// Reads all but the data.
pub(super) fn read(file: &Arc<MappedFile>, version: u32) -> Result<Parts, WeightsError> {
    let bytes = file.bytes();
    let mut cursor = Cursor::new(bytes, 0, "the header");
    cursor.take(9)?;
    let (flags, sizes, metadata, tensors, reserved) =
        (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let offsets = [cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?];
    let length = cursor.u64()?;
    let padding = cursor.array::<3>()?;
    if flags != 0 || reserved != 0 || padding != [0; 3] {
        return Err(cursor.wrong("flags, the reserved field and the padding must be 0"));
    }
    if length != file.len() {
        return Err(cursor.wrong(format!("the file must have {length} bytes, but has {}", file.len())));
    }
    let ordered = offsets.is_sorted() && offsets[0] >= 72 && offsets[3] <= length;
    if !ordered || offsets.iter().any(|offset| !offset.is_multiple_of(ALIGNMENT)) {
        return Err(
            cursor.wrong(format!("the tables and the data, at {offsets:?}, must follow each other on multiples of 8"))
        );
    }
    // The offsets are inside the file, which is in memory.
    let table = |index: usize, what| {
        let (start, end) = (offsets[index] as usize, offsets[index + 1] as usize);
        Cursor::new(&bytes[start..end], offsets[index], what)
    };
    let mut reader =
        Reader { file, parts: Parts::new(Format::Oinf(version), file), data: offsets[3], used: Vec::new() };
    reader.sizes(&mut table(0, "the table of sizes"), sizes)?;
    reader.metadata(&mut table(1, "the table of metadata"), metadata)?;
    reader.tensors(&mut table(2, "the table of tensors"), tensors, version)?;
    reader.check_apart()?;
    let rows = reader.parts.entries.iter();
    check_quantisations(
        rows.map(|row| (row.info.name.as_str(), row.info.dtype, &row.info.shape[..], row.quantisation.as_ref())),
    )?;
    Ok(reader.parts)
}

struct Reader<'a> {
    file: &'a Arc<MappedFile>,
    parts: Parts,
    /// Where the data begins.
    data: u64,
    /// First and last byte of all data, with its name.
    used: Vec<(u64, u64, String)>,
}

impl<'a> Reader<'a> {
    fn sizes(&mut self, cursor: &mut Cursor, count: u32) -> Result<(), WeightsError> {
        self.parts.sizes = cursor.room(count.into(), LEAST_SIZE)?;
        let mut seen = std::collections::HashSet::new();
        for _ in 0..count {
            let size = Size { name: text(cursor)?, value: cursor.u64()? };
            if !seen.insert(size.name.clone()) {
                return Err(cursor.wrong(format!("{:?} is there twice", size.name)));
            }
            self.parts.sizes.push(size);
        }
        Ok(())
    }

    fn metadata(&mut self, cursor: &mut Cursor, count: u32) -> Result<(), WeightsError> {
        self.parts.metadata.0 = cursor.room(count.into(), LEAST_METADATA)?;
        let mut seen = std::collections::HashSet::new();
        for _ in 0..count {
            let key = text(cursor)?;
            let (kind, flags, length, offset) = (cursor.u32()?, cursor.u32()?, cursor.u64()?, cursor.u64()?);
            if flags != 0 || !seen.insert(key.clone()) {
                return Err(cursor.wrong(format!("the flags of {key:?} must be 0, and its name its own")));
            }
            let bytes = self.take(cursor, &key, offset, length)?;
            let mut payload = Cursor::new(bytes, offset, "the value of a metadata entry");
            let value = value(&mut payload, kind)?;
            if payload.left() >= ALIGNMENT as usize
                || payload.take(payload.left() as u64)?.iter().any(|byte| *byte != 0)
            {
                return Err(
                    payload.wrong(format!("the value of {key:?} must take all of its {length} bytes, but for zeros"))
                );
            }
            self.parts.metadata.0.push((key, value));
        }
        Ok(())
    }

    fn tensors(&mut self, cursor: &mut Cursor, count: u32, version: u32) -> Result<(), WeightsError> {
        self.parts.entries = cursor.room(count.into(), LEAST_TENSOR)?;
        for _ in 0..count {
            let at = cursor.offset();
            let name = text(cursor)?;
            let (code, rank, flags) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
            let dtype = codes::old_dtype(code);
            let dtype =
                dtype.ok_or_else(|| cursor.wrong(format!("{name:?} has the type {code}, which no tensor has")))?;
            let most = if version == 1 { 1 } else { 3 };
            if rank > MAX_DIMS || flags > most {
                return Err(cursor.wrong(format!("{name:?} has {rank} dims and the flags {flags}; that is too many")));
            }
            let shape = (0..rank).map(|_| dim(cursor)).collect::<Result<Vec<_>, _>>()?;
            let (length, offset) = (cursor.u64()?, cursor.u64()?);
            let quantised = if version == 1 { (0, 0) } else { (cursor.u64()?, cursor.u64()?) };
            if flags & 1 == 0 {
                if (length, offset) != (0, 0) {
                    return Err(cursor.wrong(format!("{name:?} has no data, so its length and offset must be 0")));
                }
                self.parts.declared.push(Declared { name, dtype, shape });
                continue;
            }
            self.take(cursor, &name, offset, length)?;
            let mut made = entry(self.file, name.clone(), dtype, shape, offset, at, None)?;
            if made.place.len as u64 != length {
                return Err(
                    cursor.wrong(format!("{name:?} takes {} bytes, but {length} are said to be there", made.place.len))
                );
            }
            if flags & 2 != 0 {
                let bytes = self.take(cursor, &format!("{name}#"), quantised.1, quantised.0)?;
                let mut payload = Cursor::new(bytes, quantised.1, "a quantisation");
                self.quantise(&mut payload, &mut made)?;
            }
            self.parts.entries.push(made);
        }
        Ok(())
    }

    /// Adds the scales and zero points of a tensor as parameters.
    fn quantise(&mut self, cursor: &mut Cursor, quantised: &mut Entry) -> Result<(), WeightsError> {
        let at = cursor.offset();
        let (scheme, scale_mode, zero_mode, reserved) = (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?);
        let (scale_axis, scale_count, zero_axis, zero_count) =
            (cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?);
        if !matches!(scheme, 1 | 2) || !matches!(scale_mode, 1 | 2) || zero_mode > 2 || reserved != 0 {
            return Err(cursor.wrong(format!("scheme {scheme} with modes {scale_mode} and {zero_mode} isn't known")));
        }
        let axis = match scale_mode {
            1 => None,
            _ => {
                Some(usize::try_from(scale_axis).ok().filter(|axis| *axis < quantised.info.shape.len()).ok_or_else(
                    || cursor.wrong(format!("axis {scale_axis} is none of {}", quantised.info.shape.len())),
                )?)
            }
        };
        if zero_mode == 2 && (scale_mode, zero_axis) != (2, scale_axis) {
            return Err(cursor.wrong("zero points along an axis need scales along the same axis"));
        }
        let mut part = |suffix: &str, dtype: DType, scalar: bool, count: u64, offset: u64| {
            let count = usize::try_from(count).ok().filter(|count| !scalar || *count == 1);
            let count = count.ok_or_else(|| cursor.wrong("one for the whole tensor is one"))?;
            let shape = if scalar { Vec::new() } else { vec![count] };
            let name = format!("{}#{suffix}", quantised.info.name);
            let made = entry(self.file, name.clone(), dtype, shape, offset, at, None)?;
            // Inside what the quantisation takes.
            cursor.take(made.place.len as u64)?;
            self.parts.entries.push(made);
            Ok::<String, WeightsError>(name)
        };
        let first = at + QUANTISATION;
        let scales = part("scales", DType::F32, scale_mode == 1, scale_count, first)?;
        let zero_points = match zero_mode {
            0 => None,
            mode => Some(part("zero_points", DType::I32, mode == 1, zero_count, first + 4 * scale_count)?),
        };
        quantised.quantisation = Some(Quantisation { axis, scales, zero_points });
        Ok(())
    }

    /// The bytes of something in the data section.
    fn take(&mut self, cursor: &Cursor, name: &str, offset: u64, length: u64) -> Result<&'a [u8], WeightsError> {
        let end = offset.checked_add(length).filter(|end| *end <= self.file.len());
        let fits = offset >= self.data && offset.is_multiple_of(ALIGNMENT);
        let Some(end) = end.filter(|_| fits) else {
            let rule = format!(
                "the {length} bytes of {name:?} at {offset} must be in the data, from {} on, on a multiple of 8",
                self.data
            );
            return Err(cursor.wrong(rule));
        };
        if length > 0 {
            self.used.push((offset, end, name.to_owned()));
        }
        let file: &'a Arc<MappedFile> = self.file;
        Ok(&file.bytes()[offset as usize..end as usize])
    }

    /// No bytes have two uses.
    fn check_apart(&mut self) -> Result<(), WeightsError> {
        self.used.sort();
        for pair in self.used.windows(2) {
            if pair[0].1 > pair[1].0 {
                let rule = format!("its data overlaps that of {:?}", pair[0].2);
                return Err(WeightsError::structure(pair[1].0, format!("{:?}", pair[1].2), rule));
            }
        }
        Ok(())
    }
}

fn dim(cursor: &mut Cursor) -> Result<usize, WeightsError> {
    usize::try_from(cursor.u64()?).map_err(|_| cursor.wrong("a dim is larger than memory"))
}

/// A text of the few characters that there are, with its padding.
fn text(cursor: &mut Cursor) -> Result<String, WeightsError> {
    let length = cursor.u32()?;
    let text = cursor.text(length.into())?.to_owned();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err(cursor.wrong(format!("{text:?} must be of letters, digits, `.`, `_` and `-`")));
    }
    let taken = 4 + u64::from(length);
    if cursor.take(taken.next_multiple_of(ALIGNMENT) - taken)?.iter().any(|byte| *byte != 0) {
        return Err(cursor.wrong(format!("the padding after {text:?} must be 0")));
    }
    Ok(text)
}

/// The value of a metadata entry.
fn value(cursor: &mut Cursor, kind: u32) -> Result<MetadataValue, WeightsError> {
    Ok(match kind {
        1 => MetadataValue::I8(cursor.i8()?),
        2 => MetadataValue::I16(cursor.i16()?),
        3 => MetadataValue::I32(cursor.i32()?),
        4 => MetadataValue::I64(cursor.i64()?),
        5 => MetadataValue::U8(cursor.u8()?),
        6 => MetadataValue::U16(cursor.u16()?),
        7 => MetadataValue::U32(cursor.u32()?),
        8 => MetadataValue::U64(cursor.u64()?),
        10 => MetadataValue::F32(cursor.f32()?),
        11 => MetadataValue::F64(cursor.f64()?),
        12 => match cursor.u8()? {
            0 => MetadataValue::Bool(false),
            1 => MetadataValue::Bool(true),
            other => return Err(cursor.wrong(format!("a bool is 0 or 1, not {other}"))),
        },
        13 => {
            let (bits, bytes) = (cursor.u32()?, cursor.u32()?);
            if bits.div_ceil(8) != bytes {
                return Err(cursor.wrong(format!("{bits} bits don't take {bytes} bytes")));
            }
            let packed = cursor.take(bytes.into())?;
            let bit = |at: u32| packed[at as usize / 8] >> (at % 8) & 1 == 1;
            MetadataValue::Array(Array::Bool((0..bits).map(bit).collect()))
        }
        14 => MetadataValue::String(text(cursor)?),
        15 => {
            let (code, rank) = (cursor.u32()?, cursor.u32()?);
            if rank > MAX_DIMS {
                return Err(cursor.wrong(format!("{rank} dims are more than {MAX_DIMS}")));
            }
            let shape = (0..rank).map(|_| dim(cursor)).collect::<Result<Vec<_>, _>>()?;
            MetadataValue::Tensor(tensor(cursor, code, &shape)?)
        }
        code => MetadataValue::Tensor(tensor(cursor, code, &[])?),
    })
}

fn tensor(cursor: &mut Cursor, code: u32, shape: &[usize]) -> Result<Tensor, WeightsError> {
    let dtype = codes::old_dtype(code).ok_or_else(|| cursor.wrong(format!("{code} is no type of a value")))?;
    let length = layout::element_count(shape).and_then(|count| dtype.byte_len(count));
    let length = length.ok_or_else(|| cursor.wrong(format!("{dtype} of dims {shape:?} has no size")))?;
    let bytes = cursor.take(length as u64)?.to_vec();
    Tensor::from_bytes(dtype, shape, bytes).map_err(|error| cursor.wrong(error.to_string()))
}
