//! Safetensors files: eight bytes of length, a header of JSON, and the data.
//!
//! The header is read by our own parser of its fields: the errors then name the entry and its place in the
//! file, duplicate names are found, and the order of the file is kept. What must hold: the data of the
//! entries fills the rest of the file, without overlaps and without gaps.

mod write;

use std::fmt;
use std::sync::Arc;

use glassbox_tensor::DType;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::metadata::{Metadata, MetadataValue};
use crate::package::{Entry, Format, Parts, entry};

pub(crate) use write::SafetensorsWriter;

/// Headers are no longer than this, by the format's own rule.
const LONGEST_HEADER: u64 = 100_000_000;

/// Whether a file begins as safetensors do: a length that fits, then an object of JSON.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    (2..=LONGEST_HEADER).contains(&length) && rest.first() == Some(&b'{')
}

/// One entry of the header.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The whole header, in the order of the file.
#[derive(Default)]
struct Header {
    metadata: Metadata,
    entries: Vec<(String, Described)>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Header, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a description of each tensor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                let mut seen = false;
                while let Some(name) = map.next_key::<String>()? {
                    if name != "__metadata__" {
                        header.entries.push((name, map.next_value()?));
                        continue;
                    }
                    if std::mem::replace(&mut seen, true) {
                        return Err(A::Error::custom("there are two `__metadata__`"));
                    }
                    let texts: serde_json::Map<String, serde_json::Value> = map.next_value()?;
                    for (name, value) in texts {
                        let serde_json::Value::String(text) = value else {
                            return Err(A::Error::custom(format!("the metadata {name:?} is no text")));
                        };
                        header.metadata.0.push((name, MetadataValue::String(text)));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The dtype of a name.
fn dtype(name: &str) -> Option<DType> {
    Some(match name {
        "F64" => DType::F64,
        "F32" => DType::F32,
        "F16" => DType::F16,
        "BF16" => DType::BF16,
        "F8_E4M3" => DType::F8E4M3FN,
        "F8_E5M2" => DType::F8E5M2,
        "F8_E4M3FNUZ" => DType::F8E4M3FNUZ,
        "F8_E5M2FNUZ" => DType::F8E5M2FNUZ,
        "F8_E8M0" => DType::F8E8M0,
        "F4" => DType::F4E2M1,
        "I64" => DType::I64,
        "I32" => DType::I32,
        "I16" => DType::I16,
        "I8" => DType::I8,
        "U64" => DType::U64,
        "U32" => DType::U32,
        "U16" => DType::U16,
        "U8" => DType::U8,
        "BOOL" => DType::Bool,
        _ => return None,
    })
}

/// The name of a dtype, where the format has it.
pub(crate) fn dtype_name(wanted: DType) -> Option<&'static str> {
    const NAMES: [&str; 19] = [
        "F64",
        "F32",
        "F16",
        "BF16",
        "F8_E4M3",
        "F8_E5M2",
        "F8_E4M3FNUZ",
        "F8_E5M2FNUZ",
        "F8_E8M0",
        "F4",
        "I64",
        "I32",
        "I16",
        "I8",
        "U64",
        "U32",
        "U16",
        "U8",
        "BOOL",
    ];
    NAMES.into_iter().find(|name| dtype(name) == Some(wanted))
}

/// Reads the header of one file.
pub(crate) fn read(file: &Arc<MappedFile>) -> Result<Parts, WeightsError> {
    let bytes = file.bytes();
    let short =
        || WeightsError::structure(0, "the length of the header", format!("the file has only {} bytes", bytes.len()));
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(short)?;
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        let rule = format!("it says {length} bytes, but no header has more than {LONGEST_HEADER}");
        return Err(WeightsError::structure(0, "the length of the header", rule));
    }
    let text = usize::try_from(length).ok().and_then(|length| rest.get(..length));
    let text = text.ok_or_else(|| {
        let rule = format!("it says {length} bytes, but only {} follow; the file is cut short", rest.len());
        WeightsError::structure(0, "the length of the header", rule)
    })?;
    let header: Header = serde_json::from_slice(text)
        .map_err(|error| WeightsError::structure(8 + place_of(text, &error), "the header", error.to_string()))?;
    let mut parts = Parts::new(Format::Safetensors, file);
    parts.metadata = header.metadata;
    parts.entries.reserve_exact(header.entries.len());
    let data = 8 + length;
    for (name, described) in header.entries {
        parts.entries.push(one(file, data, name, &described)?);
    }
    check_cover(file, &parts.entries, data)?;
    Ok(parts)
}

/// The offset in `text` that an error of the parser is about.
fn place_of(text: &[u8], error: &serde_json::Error) -> u64 {
    let before = text.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    before.map(|line| line.len() as u64).sum::<u64>() + error.column() as u64
}

fn one(file: &Arc<MappedFile>, data: u64, name: String, described: &Described) -> Result<Entry, WeightsError> {
    let [start, end] = described.data_offsets;
    let at = data.saturating_add(start);
    let place = format!("tensor {name:?}");
    let Some(dtype) = dtype(&described.dtype) else {
        return Err(WeightsError::unsupported(at, place, format!("the dtype {:?}", described.dtype)));
    };
    let dims = described.shape.iter().map(|dim| usize::try_from(*dim)).collect::<Result<Vec<_>, _>>();
    let dims = dims.map_err(|_| WeightsError::structure(at, place.as_str(), "a dim is larger than memory"))?;
    let entry = entry(file, name, dtype, dims, at, at, None)?;
    if end.checked_sub(start) != Some(entry.place.len as u64) {
        let rule = format!(
            "its data is said to be bytes {start} to {end}, but {dtype} of dims {:?} takes {} bytes",
            entry.info.shape, entry.place.len
        );
        return Err(WeightsError::structure(at, place, rule));
    }
    Ok(entry)
}

/// The data of all entries follows one on the other, from the header to the end of the file.
fn check_cover(file: &Arc<MappedFile>, entries: &[Entry], data: u64) -> Result<(), WeightsError> {
    let mut order: Vec<&Entry> = entries.iter().collect();
    order.sort_by_key(|entry| (entry.place.offset, entry.place.len));
    let mut next = data;
    for entry in order {
        let (start, name) = (entry.place.offset as u64, &entry.info.name);
        if start != next {
            let what = if start < next { "overlaps" } else { "leaves a gap after" };
            let rule = format!("its data begins at byte {start}, which {what} that before it, which ends at {next}");
            return Err(WeightsError::structure(start, format!("tensor {name:?}"), rule));
        }
        next = start + entry.place.len as u64;
    }
    if next != file.len() {
        let rule = format!("the data of the tensors ends at byte {next}, but the file has {} bytes", file.len());
        return Err(WeightsError::structure(next, "the end of the data", rule));
    }
    Ok(())
}
