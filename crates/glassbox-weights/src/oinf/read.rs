//! From the bytes of an `.oinf` file to its parts. Everything but the data is read and checked.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use glassbox_tensor::DType;

use super::header::{ALIGNMENT, HEADER, Header, VERSION};
use super::tables::{Extent, Tables, id};
use super::{codes, old};
use crate::cursor::Cursor;
use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::package::{Blob, Format, Parts, Quantisation, entry};
use crate::spec::{Declared, Initial, StateDim};

/// Reads a file of any version.
pub(crate) fn read(file: &Arc<MappedFile>) -> Result<Parts, WeightsError> {
    let mut cursor = Cursor::new(file.bytes(), 0, "the header");
    cursor.take(5)?;
    match cursor.u32()? {
        1 => old::read(file, 1),
        2 => old::read(file, 2),
        VERSION => read_v3(file),
        other => Err(WeightsError::unsupported(
            5,
            "the header",
            format!("version {other} of .oinf; 1 to {VERSION} are read"),
        )),
    }
}

/// The header and tables of a file of version 3, checked against their hashes and each other.
pub(super) fn tables(bytes: &[u8]) -> Result<(Header, Tables), WeightsError> {
    let header = Header::decode(bytes)?;
    let mut cursor = Cursor::new(bytes, 0, "the tables");
    cursor.take(HEADER)?;
    let range = cursor.take(header.tables_length)?;
    if *blake3::hash(range).as_bytes() != header.tables_hash {
        return Err(WeightsError::damaged(HEADER, "the tables", "their hash isn't that of their bytes"));
    }
    let padding = cursor.take(header.data() - HEADER - header.tables_length)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(WeightsError::damaged(
            HEADER + header.tables_length,
            "the padding after the tables",
            "it must be zero",
        ));
    }
    let mut cursor = Cursor::new(range, HEADER, "the tables");
    let tables = Tables::decode(&mut cursor, &header)?;
    check(&tables)?;
    check_extents(&header, &tables)?;
    Ok((header, tables))
}

fn read_v3(file: &Arc<MappedFile>) -> Result<Parts, WeightsError> {
    let (_, tables) = tables(file.bytes())?;
    let mut parts = Parts::new(Format::Oinf(VERSION), file);
    parts.metadata = tables.metadata;
    parts.sizes = tables.sizes;
    parts.states = tables.states;
    for blob in tables.blobs {
        let (offset, len) = (blob.extent.offset as usize, blob.extent.length as usize);
        parts.blobs.push((blob.name, Blob::Inside { file: Arc::clone(file), offset, len }));
    }
    for row in tables.tensors {
        let Some(extent) = row.extent else {
            parts.declared.push(Declared { name: row.name, dtype: row.dtype, shape: row.shape });
            continue;
        };
        let code = codes::code(row.dtype).unwrap_or_default();
        let id = id(code, &row.shape, &extent.hash);
        let place = format!("tensor {:?}", row.name);
        let mut entry = entry(file, row.name, row.dtype, row.shape, extent.offset, row.at, Some(id))?;
        if entry.place.len as u64 != extent.length {
            let rule = format!("it takes {} bytes, but {} are said to be there", entry.place.len, extent.length);
            return Err(WeightsError::structure(row.at, place, rule));
        }
        entry.quantisation = row.quantisation;
        parts.entries.push(entry);
    }
    Ok(parts)
}

/// Whether the tables agree with each other, but for the places of data.
pub(super) fn check(tables: &Tables) -> Result<(), WeightsError> {
    check_names(tables)?;
    let rows = tables.tensors.iter();
    check_quantisations(rows.map(|row| (row.name.as_str(), row.dtype, &row.shape[..], row.quantisation.as_ref())))
}

/// Names are unique in each table, and what names others names some that are there.
fn check_names(tables: &Tables) -> Result<(), WeightsError> {
    fn unique<'a>(table: &str, names: impl Iterator<Item = &'a str>) -> Result<HashSet<&'a str>, WeightsError> {
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(name) {
                return Err(WeightsError::structure(
                    HEADER,
                    format!("the table of {table}"),
                    format!("{name:?} is there twice"),
                ));
            }
        }
        Ok(seen)
    }
    unique("metadata", tables.metadata.iter().map(|(name, _)| name))?;
    let sizes = unique("sizes", tables.sizes.iter().map(|size| size.name.as_str()))?;
    let tensors = unique("tensors", tables.tensors.iter().map(|tensor| tensor.name.as_str()))?;
    unique("states", tables.states.iter().map(|state| state.name.as_str()))?;
    unique("blobs", tables.blobs.iter().map(|blob| blob.name.as_str()))?;
    for state in &tables.states {
        let wrong = |rule: String| WeightsError::structure(HEADER, format!("the state {:?}", state.name), rule);
        for dim in &state.dims {
            if let StateDim::Named(name) = dim
                && !sizes.contains(name.as_str())
            {
                return Err(wrong(format!("there is no size {name:?}")));
            }
        }
        if let Initial::Param(name) = &state.initial
            && !tensors.contains(name.as_str())
        {
            return Err(wrong(format!("there is no tensor {name:?} to begin with")));
        }
    }
    Ok(())
}

/// Blobs, then tensors, in the order of their tables, fill the file: each begins where the one before it
/// ended, on the next multiple of 64, or is the very bytes of an earlier one.
pub(super) fn check_extents(header: &Header, tables: &Tables) -> Result<(), WeightsError> {
    let mut next = header.data();
    let mut seen = HashSet::new();
    for (at, name, extent) in extents(tables) {
        if extent.offset != next && seen.contains(&(extent.offset, extent.length, extent.hash)) {
            continue;
        }
        let wrong = |rule: String| WeightsError::structure(at, format!("{name:?}"), rule);
        if extent.offset != next {
            return Err(wrong(format!(
                "its data must begin at {next}, after that before it, not at {}",
                extent.offset
            )));
        }
        let end = next.checked_add(extent.length).and_then(|end| end.checked_next_multiple_of(ALIGNMENT));
        next = end.filter(|end| *end <= header.file_length).ok_or_else(|| {
            wrong(format!("its {} bytes at {next} leave the file, which has {}", extent.length, header.file_length))
        })?;
        seen.insert((extent.offset, extent.length, extent.hash));
    }
    if next != header.file_length {
        let rule = format!("the last data ends at {next}, but the file at {}", header.file_length);
        return Err(WeightsError::structure(next, "the end of the data", rule));
    }
    Ok(())
}

/// All data, in the order of the tables: where it is described, its name, its place.
pub(super) fn extents(tables: &Tables) -> impl Iterator<Item = (u64, &str, &Extent)> {
    let blobs = tables.blobs.iter().map(|blob| (blob.at, blob.name.as_str(), &blob.extent));
    let tensors = tables.tensors.iter().filter_map(|row| Some((row.at, row.name.as_str(), row.extent.as_ref()?)));
    blobs.chain(tensors)
}

/// Scales and zero points are there, and fit what they scale. A row is a name, dtype, dims and quantisation.
pub(super) fn check_quantisations<'a>(
    rows: impl Iterator<Item = (&'a str, DType, &'a [usize], Option<&'a Quantisation>)> + Clone,
) -> Result<(), WeightsError> {
    let by_name: HashMap<&str, (DType, &[usize])> =
        rows.clone().map(|(name, dtype, shape, _)| (name, (dtype, shape))).collect();
    for (name, dtype, shape, quantisation) in rows {
        let Some(Quantisation { axis, scales, zero_points }) = quantisation else { continue };
        let wrong = |rule: String| WeightsError::Parameter { name: name.to_owned(), rule };
        if !dtype.is_integer() {
            return Err(wrong(format!("it has scales, but is {dtype}; integers have scales")));
        }
        let wanted: Vec<usize> = axis.iter().filter_map(|axis| shape.get(*axis).copied()).collect();
        let part = |name: &String, dtype: DType, may_be_scalar: bool| match by_name.get(name.as_str()) {
            None => Err(wrong(format!("its scales or zero points, {name:?}, aren't there"))),
            Some((found, dims)) => {
                let fits = *dims == wanted || (may_be_scalar && dims.is_empty());
                if *found != dtype || !fits {
                    return Err(wrong(format!(
                        "{name:?} must be {dtype} of dims {wanted:?}, not {found} of dims {dims:?}"
                    )));
                }
                Ok(())
            }
        };
        part(scales, DType::F32, false)?;
        if let Some(zero_points) = zero_points {
            part(zero_points, DType::I32, true)?;
        }
    }
    Ok(())
}
