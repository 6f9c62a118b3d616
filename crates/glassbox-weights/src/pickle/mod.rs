//! PyTorch checkpoints: `.pth`, `.pt` and `.bin`, in zip archives or as they were before version 1.6.
//!
//! The pickle in them is a program. Ours is read by a machine that can build dicts, lists, tuples, numbers,
//! texts and tensors, and nothing else; whatever asks for another function or class is refused by its name,
//! and nothing is ever called. Tensors keep their strides, and those that share storage share it here too.

mod legacy;
mod machine;
mod node;
mod ops;
mod torch;
mod tree;
mod zip;

use std::sync::Arc;

use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::package::{Format, Parts};

pub(crate) use legacy::looks_like as looks_legacy;
pub(crate) use zip::MAGIC as ZIP_MAGIC;

/// Pickles are no longer than this: that is room for a hundred thousand tensors.
const LONGEST_PICKLE: usize = 32 << 20;

/// Reads a checkpoint in a zip archive: the pickle, and where its storages are.
pub(crate) fn read_zip(file: &Arc<MappedFile>) -> Result<Parts, WeightsError> {
    let archive = zip::Archive::read(file.bytes())?;
    let (prefix, pickle) = archive.pickle()?;
    if let Some(record) = archive.find(&format!("{prefix}byteorder")) {
        let range = archive.stored(record)?;
        if file.bytes()[range.clone()] != *b"little" {
            return Err(WeightsError::unsupported(range.start as u64, "byteorder", "big-endian data"));
        }
    }
    let range = archive.stored(pickle)?;
    let machine = machine::run(&file.bytes()[range.clone()], range.start as u64)?;
    let mut parts = Parts::new(Format::TorchZip, file);
    tree::collect(&machine.heap, machine.result, file, &mut parts, |key, at| {
        let name = format!("{prefix}data/{key}");
        let record = archive.find(&name);
        let missing =
            || WeightsError::structure(at, format!("the storage {key:?}"), format!("there is no entry {name:?}"));
        archive.stored(record.ok_or_else(missing)?)
    })?;
    Ok(parts)
}

/// Reads a checkpoint of the older kind.
pub(crate) fn read_legacy(file: &Arc<MappedFile>) -> Result<Parts, WeightsError> {
    let found = legacy::read(file.bytes())?;
    let mut parts = Parts::new(Format::TorchLegacy, file);
    tree::collect(&found.heap, found.result, file, &mut parts, |key, at| {
        let missing =
            || WeightsError::structure(at, format!("the storage {key:?}"), "the list of storages doesn't have it");
        found.storages.get(key).cloned().ok_or_else(missing)
    })?;
    Ok(parts)
}

/// An archive with a pickle and one storage, named `0`, stored as PyTorch does it; for fuzzing.
pub(crate) fn wrap(pickle: &[u8], storage: &[u8]) -> Vec<u8> {
    zip::write(&[("a/data.pkl", pickle), ("a/data/0", storage)])
}
