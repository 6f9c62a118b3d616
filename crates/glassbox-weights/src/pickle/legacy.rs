//! Checkpoints as PyTorch wrote them before version 1.6: five pickles (a magic number, a version, the
//! system, the object, the keys of the storages), then each storage as a count of elements and its bytes.

use std::collections::HashMap;
use std::ops::Range;

use super::machine::{Done, run};
use super::node::{Heap, Id, Node};
use crate::cursor::Cursor;
use crate::error::WeightsError;

/// How the pickle of the magic number begins, in the protocol that was used.
const BEGINNING: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
const VERSION: i128 = 1001;

/// Whether a file begins with the magic number.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(BEGINNING)
}

/// What such a file has.
pub(super) struct Found {
    pub(super) heap: Heap,
    pub(super) result: Id,
    /// Where the bytes of each storage are.
    pub(super) storages: HashMap<String, Range<usize>>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Found, WeightsError> {
    let mut at = BEGINNING.len();
    let mut next = || -> Result<(Done, u64), WeightsError> {
        let done = run(&bytes[at..], at as u64)?;
        let begun = at as u64;
        at += done.length;
        Ok((done, begun))
    };
    let (version, place) = next()?;
    if !matches!(version.heap.get(version.result), Node::Int(VERSION)) {
        return Err(WeightsError::unsupported(place, "the version", "a version of the legacy format that isn't 1001"));
    }
    let (system, place) = next()?;
    if let Node::Dict(pairs) = system.heap.get(system.result) {
        let little = pairs.iter().find(|(key, _)| system.heap.text(*key) == Some("little_endian"));
        if little.is_some_and(|(_, value)| matches!(system.heap.get(*value), Node::Bool(false))) {
            return Err(WeightsError::unsupported(place, "the system", "big-endian data"));
        }
    }
    let (object, _) = next()?;
    let (keys, place) = next()?;
    let Node::List(ids) = keys.heap.get(keys.result) else {
        return Err(WeightsError::structure(place, "the keys of the storages", "they are no list"));
    };
    let sizes = element_sizes(&object.heap);
    let mut storages = HashMap::new();
    let mut cursor = Cursor::new(&bytes[at..], at as u64, "a storage");
    for id in ids {
        let key = keys.heap.text(*id).ok_or_else(|| cursor.wrong("its key is no text"))?;
        let size = sizes.get(key).ok_or_else(|| cursor.wrong(format!("no tensor has the storage {key:?}")))?;
        let count = cursor.u64()?;
        let length = count.checked_mul(*size as u64);
        let length = length.ok_or_else(|| cursor.wrong(format!("{count} elements have no size")))?;
        let start = at + cursor.position();
        cursor.take(length)?;
        storages.insert(key.to_owned(), start..at + cursor.position());
    }
    Ok(Found { heap: object.heap, result: object.result, storages })
}

/// The bytes of an element of each storage that the object names.
fn element_sizes(heap: &Heap) -> HashMap<&str, usize> {
    heap.storages()
        .map(|storage| (storage.key.as_str(), storage.dtype.and_then(|d| d.byte_len(1)).unwrap_or(1)))
        .collect()
}
