//! Tensor data in files beside the model.
//!
//! Each file is mapped once. A location is a path relative to the model's folder; one that is
//! absolute, has a `..`, or leads outside the folder through a link is refused, so that a model can't
//! read other files. A missing `offset` is 0; a missing `length` is what the dims need.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use memmap2::Mmap;

use crate::error::OnnxError;
use crate::proto::StringStringEntryProto;

/// So much data of other files may be copied, whatever their size.
const COPIED_ALLOWANCE: usize = 64 << 20;
/// Beyond it, as often as this.
const COPIED_RATIO: usize = 8;

/// The files that a model's tensors may be in.
#[derive(Default)]
pub(crate) struct External {
    folder: Option<PathBuf>,
    mapped: HashMap<PathBuf, Mapped>,
    /// How many bytes of the files were copied.
    copied: usize,
    /// How many bytes sparse tensors take that were made dense, and how many values they store.
    pub(crate) dense: usize,
    pub(crate) stored: usize,
    /// What was read otherwise than it stands there, in words.
    pub(crate) notes: Vec<String>,
}

/// A file that is mapped.
pub(crate) struct Mapped {
    /// All of its bytes.
    pub(crate) bytes: Bytes,
    file: File,
}

impl Mapped {
    /// A copy of `part`, where it is a part of the map. It is read from the file: copied from the map, its
    /// pages would stay in memory beside the copy.
    fn copy(&self, part: &Bytes) -> Option<Vec<u8>> {
        let offset = part.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        if offset.checked_add(part.len())? > self.bytes.len() {
            return None;
        }
        let mut copy = vec![0; part.len()];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset as u64)).ok()?;
        file.read_exact(&mut copy).ok()?;
        Some(copy)
    }
}

/// The bytes of a whole file, mapped.
pub(crate) fn map(path: &Path) -> Result<Bytes, OnnxError> {
    open(path).map(|mapped| mapped.bytes)
}

/// A file, opened and mapped.
pub(crate) fn open(path: &Path) -> Result<Mapped, OnnxError> {
    let io = |error| OnnxError::Io { error };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(OnnxError::Io { error: std::io::Error::other("it is no regular file") });
    }
    if metadata.len() == 0 {
        return Ok(Mapped { bytes: Bytes::new(), file });
    }
    // SAFETY: the map is read-only and lives as long as any tensor over it. If another process
    // shortens the file meanwhile, reading past its end kills this one, as with every mapped file; models and weights are
    // not written while they are in use.
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    Ok(Mapped { bytes: Bytes::from_owner(map), file })
}

impl External {
    /// Keeps a note, where there is one.
    pub(crate) fn note(&mut self, note: Option<String>) {
        self.notes.extend(note);
    }

    /// Data relative to `folder`; without one, external data is an error.
    pub(crate) fn new(folder: Option<&Path>) -> External {
        External { folder: folder.map(Path::to_owned), ..External::default() }
    }

    /// The file that the model itself was read from.
    pub(crate) fn add_model(&mut self, path: &Path, mapped: Mapped) {
        self.mapped.insert(path.to_owned(), mapped);
    }

    /// A copy of bytes that may be a part of a mapped file.
    pub(crate) fn copy(&self, part: &Bytes) -> Vec<u8> {
        /// Smaller parts aren't worth a call of the system.
        const WORTH_READING: usize = 1 << 16;
        let read = || self.mapped.values().find_map(|mapped| mapped.copy(part));
        if part.len() < WORTH_READING { None } else { read() }.unwrap_or_else(|| part.to_vec())
    }

    /// The `needed` bytes that the entries describe.
    pub(crate) fn read(
        &mut self,
        tensor: &str,
        entries: &[StringStringEntryProto],
        needed: usize,
    ) -> Result<Bytes, OnnxError> {
        let entry = |key: &str| {
            let found = entries.iter().find(|entry| entry.key.as_deref() == Some(key));
            found.map(|entry| entry.value.as_deref().unwrap_or_default())
        };
        let location = entry("location").unwrap_or_default();
        let fail =
            |rule: String| OnnxError::External { tensor: tensor.to_owned(), location: location.to_owned(), rule };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => match text.parse::<usize>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(fail(format!("`{key}` is {text:?}, which is no byte count"))),
            },
        };
        let offset = number("offset")?.unwrap_or(0);
        if let Some(length) = number("length")?
            && length != needed
        {
            return Err(fail(format!("`length` is {length}, but the dims and dtype need {needed} bytes")));
        }
        let bytes = self.file(location).map_err(fail)?;
        let end = offset.checked_add(needed).filter(|end| *end <= bytes.len());
        match end {
            Some(end) => Ok(bytes.slice(offset..end)),
            None => Err(fail(format!(
                "{needed} bytes at offset {offset} are wanted, but the file has {} bytes",
                bytes.len()
            ))),
        }
    }

    /// Counts bytes that are copied out of the files. Many tensors may name the same place of a file, and so
    /// need more memory than the files have bytes: that is refused.
    pub(crate) fn count_copy(&mut self, bytes: usize) -> Result<(), String> {
        let files = self.mapped.values().fold(0usize, |total, file| total.saturating_add(file.bytes.len()));
        let most = COPIED_ALLOWANCE.saturating_add(files.saturating_mul(COPIED_RATIO));
        self.copied = self.copied.saturating_add(bytes);
        if self.copied <= most {
            return Ok(());
        }
        Err(format!("copies of data in other files would take more than {most} bytes, out of proportion to the files"))
    }

    /// The bytes of the file at `location`, or the rule that it breaks.
    fn file(&mut self, location: &str) -> Result<Bytes, String> {
        let Some(folder) = &self.folder else {
            return Err("the model was not read from a folder; load it from its file".to_owned());
        };
        let relative = Path::new(location);
        let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if location.is_empty() || location.contains(['\\', '\0']) || !relative.components().all(inside) {
            return Err("a location must be a path inside the model's folder, without `..`".to_owned());
        }
        let folder = folder.canonicalize().map_err(|error| format!("the model's folder can't be resolved: {error}"))?;
        let path =
            folder.join(relative).canonicalize().map_err(|error| format!("the file can't be opened: {error}"))?;
        if !path.starts_with(&folder) {
            return Err(format!(
                "it leads to {}, outside the model's folder {}; copy the file there",
                path.display(),
                folder.display()
            ));
        }
        if let Some(mapped) = self.mapped.get(&path) {
            return Ok(mapped.bytes.clone());
        }
        let mapped = open(&path).map_err(|error| error.to_string())?;
        let bytes = mapped.bytes.clone();
        self.mapped.insert(path, mapped);
        Ok(bytes)
    }
}
