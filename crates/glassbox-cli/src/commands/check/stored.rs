//! Values that somebody else has computed, in the forms in which they are stored.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use glassbox_check::side::{Entry, Load, Stored};
use glassbox_check::skeleton::Skeleton;
use glassbox_check::{Meaning, Other};
use glassbox_ir::text::parse_type;
use glassbox_tensor::{DType, SharedBytes, Tensor};
use serde_json::Value;

use super::python::Taken;
use crate::arrays::{self, Arrays};
use crate::inputs;

/// Opens a `.npz` file, a folder with an `index.json`, or a file of polygraphy. `None` for what is none of these.
pub(super) fn open(path: &Path, name: &str) -> Result<Option<Other>> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if path.is_dir() && path.join("index.json").is_file() {
        return Ok(Some(side(name, folder(path)?, None)));
    }
    if path.is_file() && ending == "npz" {
        return Ok(Some(side(name, npz(path)?, None)));
    }
    if path.is_file() && ending == "json" {
        return Ok(polygraphy(path)?.map(|entries| side(name, entries, None)));
    }
    Ok(None)
}

/// The model that computed values.
pub(super) enum Of {
    /// The very model that is checked.
    ThisModel(Arc<Skeleton>),
    /// Another one, with what it means where its nodes are known.
    Another(Arc<Skeleton>, Option<Meaning>),
}

/// The other side, of values.
pub(super) fn side(name: &str, entries: Vec<Entry>, of: Option<Of>) -> Other {
    let (skeleton, meaning, of_this_model) = match of {
        Some(Of::ThisModel(skeleton)) => (Some(skeleton), None, true),
        Some(Of::Another(skeleton, meaning)) => (Some(skeleton), meaning, false),
        None => (None, None, false),
    };
    let (values, skeleton) = Stored::new(entries, skeleton);
    Other::Values { name: name.to_owned(), values: Box::new(values), skeleton, meaning, of_this_model }
}

/// Entries whose files stay there as long as one of them is held.
pub(super) fn keeping(entries: Vec<Entry>, files: Taken) -> Vec<Entry> {
    let files = Rc::new(files);
    let one = |entry: Entry| {
        let (files, load) = (files.clone(), entry.load);
        let load = move || {
            let _ = &files;
            load()
        };
        Entry { load: Box::new(load), ..entry }
    };
    entries.into_iter().map(one).collect()
}

fn npz(path: &Path) -> Result<Vec<Entry>> {
    let arrays = arrays::read_npz(path)?;
    let entry = |(name, tensor): (String, Tensor)| Entry {
        name,
        turns: Vec::new(),
        load: Box::new(move || Ok(tensor.clone().into())),
    };
    Ok(arrays.into_iter().map(entry).collect())
}

/// The outputs that polygraphy saved, of the first runner's first run. `None` where the file is something else.
fn polygraphy(path: &Path) -> Result<Option<Vec<Entry>>> {
    let place = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(place)?;
    let Ok(document) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
    if document.get("polygraphy_class").and_then(Value::as_str) != Some("RunResults") {
        return Ok(None);
    }
    let outputs = document.pointer("/lst/0/1/0/outputs").and_then(Value::as_object);
    let outputs = outputs.with_context(|| format!("{}: it has no run with outputs", path.display()))?;
    let mut entries = Vec::with_capacity(outputs.len());
    for (name, held) in outputs {
        let array = held.pointer("/values/array").or_else(|| held.get("array")).and_then(Value::as_str);
        let array = array.with_context(|| format!("{}: `{name}` is no array of NumPy", path.display()))?;
        let bytes =
            BASE64_STANDARD.decode(array).with_context(|| format!("{}: `{name}` isn't base64", path.display()))?;
        let label = format!("{}: `{name}`", path.display());
        let tensor = match arrays::read_bytes(&bytes, &label)? {
            Some(Arrays::One(tensor)) => tensor,
            _ => bail!("{label} is no array of NumPy"),
        };
        entries.push(Entry {
            name: name.clone(),
            turns: Vec::new(),
            load: Box::new(move || Ok(tensor.clone().into())),
        });
    }
    Ok(Some(entries))
}

/// A folder of `trace --save`, or one that another program wrote in the same form: `index.json` lists the files. An entry
/// with a `start` begins there in a file of the elements of several, in little-endian order; such a file is mapped, so that
/// an element is read where it is needed, and nowhere copied.
pub(super) fn folder(folder: &Path) -> Result<Vec<Entry>> {
    let index = folder.join("index.json");
    let place = || index.display().to_string();
    let text = std::fs::read_to_string(&index).with_context(place)?;
    let document: Value = serde_json::from_str(&text).with_context(place)?;
    let list = match &document {
        Value::Array(list) => list,
        Value::Object(fields) => match fields.get("values") {
            Some(Value::Array(list)) => list,
            _ => bail!("{}: it has no list `values`", index.display()),
        },
        _ => bail!("{}: it is neither a list nor an object", index.display()),
    };
    let mut entries = Vec::with_capacity(list.len());
    let mut mapped: HashMap<PathBuf, SharedBytes> = HashMap::new();
    for (number, item) in list.iter().enumerate() {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        let missing = |key: &str| format!("{}: entry {number} has no `{key}`", index.display());
        let name = text("name").or(text("value")).with_context(|| missing("name"))?.to_owned();
        // An entry without a file is a value that couldn't be stored.
        let Some(file) = text("file") else { continue };
        let file = inside(folder, file).with_context(|| missing("file within the folder"))?;
        let turns = match item.get("turns").and_then(Value::as_array) {
            Some(turns) => turns.iter().filter_map(Value::as_u64).collect(),
            None => turns_of(text("path").unwrap_or_default()),
        };
        let dtype = text("dtype").map(str::to_owned);
        let load: Load = match item.get("start").and_then(Value::as_u64) {
            // A value that is no array, as `trace --save` writes it; its type says what the file holds.
            None if file.extension().is_some_and(|ending| ending == "pb") => {
                let ty =
                    text("type").and_then(|ty| parse_type(ty).ok()).with_context(|| missing("type that is known"))?;
                Box::new(move || inputs::of_pb(&file, &ty).map_err(|error| io::Error::other(format!("{error:#}"))))
            }
            None => Box::new(move || read(&file, dtype.as_deref()).map(Into::into)),
            Some(start) => {
                let whole = match mapped.get(&file) {
                    Some(whole) => whole.clone(),
                    None => mapped.entry(file.clone()).or_insert(map(&file)?).clone(),
                };
                let dtype = dtype.and_then(|name| name.parse().ok()).with_context(|| missing("dtype that is known"))?;
                let dims = item.get("shape").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let shape: Option<Vec<usize>> =
                    dims.iter().map(|dim| dim.as_u64().and_then(|dim| usize::try_from(dim).ok())).collect();
                let shape = shape.with_context(|| missing("shape"))?;
                let start = usize::try_from(start).with_context(|| missing("start within a file"))?;
                Box::new(move || {
                    Tensor::from_shared(dtype, &shape, whole.clone(), start).map(Into::into).map_err(io::Error::other)
                })
            }
        };
        entries.push(Entry { name, turns, load });
    }
    Ok(entries)
}

/// A file in the folder; `None` where its name leads out of it.
fn inside(folder: &Path, file: &str) -> Option<PathBuf> {
    let plain = Path::new(file).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    plain.then(|| folder.join(file))
}

/// The turns in `loop[3]/if`.
fn turns_of(path: &str) -> Vec<u64> {
    let parts = path.split("]/").map(|part| part.trim_end_matches(']'));
    parts.filter_map(|part| part.rsplit_once('[').and_then(|(_, turn)| turn.parse().ok())).collect()
}

/// The bytes of a file.
fn map(file: &Path) -> Result<SharedBytes> {
    let place = || format!("{}: the file can't be mapped", file.display());
    let opened = File::open(file).with_context(place)?;
    if opened.metadata().with_context(place)?.len() == 0 {
        // A file without bytes can't be mapped.
        return Ok(Arc::new([0u8; 0]));
    }
    // SAFETY: the map is read-only and lives as long as any tensor over it. Nobody writes the file any more: it is one of our
    // own temporary folder, or one of a folder whose index is there, which is written last.
    Ok(Arc::new(unsafe { memmap2::Mmap::map(&opened) }.with_context(place)?))
}

/// An array whose dtype NumPy may lack: it is stored as integers of the same width then.
fn read(file: &Path, dtype: Option<&str>) -> io::Result<Tensor> {
    let tensor = arrays::read_npy(file).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let declared = dtype.and_then(|name| name.parse::<DType>().ok());
    let Some(declared) = declared.filter(|declared| declared.is_float() && tensor.dtype().is_integer()) else {
        return Ok(tensor);
    };
    let bytes = tensor.to_bytes().map_err(io::Error::other)?;
    Tensor::from_bytes(declared, tensor.shape(), bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_read_from_paths() {
        assert_eq!(turns_of("loop[3]/if"), [3]);
        assert_eq!(turns_of("outer[0]/a/inner[12]"), [0, 12]);
        assert!(turns_of("").is_empty());
        assert!(turns_of("if/call").is_empty());
    }

    #[test]
    fn a_file_leads_out_of_the_folder_by_no_name() {
        let folder = Path::new("/data");
        assert!(inside(folder, "a.npy").is_some());
        for name in ["../a.npy", "/etc/passwd", ".", "a/../../b"] {
            assert!(inside(folder, name).is_none(), "{name}");
        }
    }
}
