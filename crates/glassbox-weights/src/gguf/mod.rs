//! GGUF files, versions 2 and 3, little-endian: metadata with typed values, then descriptions of tensors,
//! then their data.
//!
//! The format writes dims innermost first; a [`Package`](crate::Package) has them outermost first. Tokenizer
//! and chat template are metadata (`tokenizer.ggml.tokens`, `tokenizer.chat_template`, …).

mod split;
pub(crate) mod types;

use std::sync::Arc;

use glassbox_tensor::layout;

use crate::cursor::Cursor;
use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::metadata::{Metadata, MetadataValue};
use crate::package::{Entry, Format, Parts, entry};
use crate::values;

pub(crate) use split::whole;

pub(crate) const MAGIC: &[u8] = b"GGUF";

/// The most axes that a tensor of the format has.
const MAX_DIMS: u32 = 4;
/// Where the data and each tensor begin, unless the metadata says otherwise.
const ALIGNMENT: u64 = 32;

/// Reads all but the data of one file.
pub(crate) fn read(file: &Arc<MappedFile>) -> Result<Parts, WeightsError> {
    let mut cursor = Cursor::new(file.bytes(), 0, "the header");
    cursor.take(MAGIC.len() as u64)?;
    let version = cursor.u32()?;
    if !matches!(version, 2 | 3) {
        let what = match version.swap_bytes() {
            2 | 3 => "big-endian GGUF".to_owned(),
            _ => format!("version {version} of GGUF; 2 and 3 are read"),
        };
        return Err(WeightsError::unsupported(4, "the header", what));
    }
    let (tensors, keys) = (cursor.u64()?, cursor.u64()?);
    let mut parts = Parts::new(Format::Gguf(version), file);
    parts.metadata = metadata(&mut cursor, keys)?;
    let alignment = alignment(&parts.metadata)?;
    cursor.reading("the descriptions of tensors");
    // A name's length, the number of dims, a type and an offset.
    let mut described: Vec<Described> = cursor.room(tensors, 8 + 4 + 4 + 8)?;
    for _ in 0..tensors {
        described.push(describe(&mut cursor)?);
    }
    let data = cursor.offset().next_multiple_of(alignment);
    parts.entries.reserve_exact(described.len());
    for tensor in described {
        parts.entries.push(place(file, tensor, data, alignment)?);
    }
    check_apart(&parts.entries)?;
    Ok(parts)
}

fn metadata(cursor: &mut Cursor, keys: u64) -> Result<Metadata, WeightsError> {
    cursor.reading("the metadata");
    // A key's length, a type and a value.
    let mut pairs = cursor.room(keys, 8 + 4 + 1)?;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..keys {
        let length = cursor.u64()?;
        let key = cursor.text(length)?;
        if !seen.insert(key) {
            return Err(cursor.wrong(format!("the key {key:?} is there twice")));
        }
        let kind = cursor.u32()?;
        pairs.push((key.to_owned(), values::value(cursor, kind)?));
    }
    Ok(Metadata(pairs))
}

fn alignment(metadata: &Metadata) -> Result<u64, WeightsError> {
    match metadata.get("general.alignment") {
        None => Ok(ALIGNMENT),
        Some(MetadataValue::U32(alignment)) if alignment.is_power_of_two() && *alignment >= 8 => {
            Ok((*alignment).into())
        }
        Some(other) => {
            let rule =
                format!("it is the {} {other}; it must be a u32, and a power of two from 8 on", other.type_name());
            Err(WeightsError::structure(0, "general.alignment", rule))
        }
    }
}

/// The description of a tensor.
struct Described {
    at: u64,
    name: String,
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
}

fn describe(cursor: &mut Cursor) -> Result<Described, WeightsError> {
    let at = cursor.offset();
    let length = cursor.u64()?;
    let name = cursor.text(length)?.to_owned();
    let rank = cursor.u32()?;
    if rank > MAX_DIMS {
        return Err(cursor.wrong(format!("tensor {name:?} has {rank} dims; the format has at most {MAX_DIMS}")));
    }
    let mut shape = Vec::with_capacity(rank as usize);
    for _ in 0..rank {
        let dim = cursor.u64()?;
        let dim = usize::try_from(dim);
        shape.push(dim.map_err(|_| cursor.wrong(format!("a dim of tensor {name:?} is larger than memory")))?);
    }
    shape.reverse();
    Ok(Described { at, name, shape, kind: cursor.u32()?, offset: cursor.u64()? })
}

fn place(file: &Arc<MappedFile>, tensor: Described, data: u64, alignment: u64) -> Result<Entry, WeightsError> {
    let Described { at, name, shape, kind, offset } = tensor;
    let place = format!("tensor {name:?}");
    let Some(dtype) = types::dtype(kind) else {
        return Err(WeightsError::unsupported(at, place, format!("the type {}", types::describe(kind))));
    };
    if !offset.is_multiple_of(alignment) {
        let rule = format!("its data is at {offset} of the data, which is no multiple of the alignment, {alignment}");
        return Err(WeightsError::structure(at, place, rule));
    }
    // Data that isn't there has no place that matters.
    let empty = layout::element_count(&shape) == Some(0);
    let offset = if empty { 0 } else { data.saturating_add(offset) };
    entry(file, name, dtype, shape, offset, at, None)
}

/// No two tensors share bytes.
fn check_apart(entries: &[Entry]) -> Result<(), WeightsError> {
    let mut order: Vec<&Entry> = entries.iter().filter(|entry| entry.place.len > 0).collect();
    order.sort_by_key(|entry| entry.place.offset);
    for pair in order.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        if first.place.offset + first.place.len > second.place.offset {
            let rule = format!("its data overlaps that of {:?}", first.info.name);
            let place = format!("tensor {:?}", second.info.name);
            return Err(WeightsError::structure(second.place.offset as u64, place, rule));
        }
    }
    Ok(())
}
