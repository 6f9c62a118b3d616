//! Opening weights: which format a file has is found from its first bytes, never from its name alone.

use std::path::Path;
use std::sync::Arc;

use glassbox_tensor::SharedBytes;

use crate::error::WeightsError;
use crate::mapped::MappedFile;
use crate::package::{Package, Parts};
use crate::{folder, gguf, oinf, pickle, safetensors};

/// Opens a file of weights of any known format, or a folder with a checkpoint. Only headers are read.
///
/// Known files beside it (`config.json`, `tokenizer.json` and the like) become blobs.
///
/// # Errors
///
/// Where the file can't be read, is of no format that is known, or breaks a rule of its format; see [`WeightsError`].
///
/// ```
/// use glassbox_tensor::ParamSource;
/// let package = glassbox_weights::open("../../models/stories-gpt2/model.oinf".as_ref())?;
/// assert!(package.params().len() > 10 && package.file_bytes() > 0);
/// # Ok::<(), glassbox_weights::WeightsError>(())
/// ```
pub fn open(path: &Path) -> Result<Package, WeightsError> {
    let parts = if path.is_dir() {
        folder::open_folder(path).map_err(|error| error.in_file(path))?
    } else {
        let mut parts = open_file(path)?;
        let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        if let Some(folder) = folder {
            folder::add_companions(folder, &mut parts);
        }
        parts
    };
    Package::new(parts)
}

/// Opens a file of weights that is in memory, such as one that is part of a program. `name` is what errors
/// call it. Ids follow from the contents, so they are the same in every run.
///
/// # Errors
///
/// Where the bytes are of no known format, or its tables contradict each other.
///
/// ```
/// use std::sync::Arc;
/// assert!(glassbox_weights::open_bytes("nothing", Arc::new([0u8; 4])).is_err_and(|error| error.is_unrecognized()));
/// ```
pub fn open_bytes(name: &str, bytes: SharedBytes) -> Result<Package, WeightsError> {
    Package::new(parts_of(&MappedFile::memory(name, bytes))?)
}

/// Opens one file.
pub(crate) fn open_file(path: &Path) -> Result<Parts, WeightsError> {
    parts_of(&MappedFile::open(path)?)
}

fn parts_of(file: &Arc<MappedFile>) -> Result<Parts, WeightsError> {
    let path = file.path();
    let bytes = file.bytes();
    let parts = if safetensors::looks_like(bytes) {
        safetensors::read(file)
    } else if bytes.starts_with(oinf::MAGIC) {
        oinf::read(file)
    } else if bytes.starts_with(gguf::MAGIC) {
        gguf::read(file).and_then(|parts| gguf::whole(path, parts))
    } else if bytes.starts_with(pickle::ZIP_MAGIC) {
        pickle::read_zip(file)
    } else if pickle::looks_legacy(bytes) {
        pickle::read_legacy(file)
    } else {
        let first: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let what =
            format!("it begins with [{}]; .oinf, safetensors, GGUF and PyTorch checkpoints are read", first.join(" "));
        Err(WeightsError::Unrecognized { what })
    };
    parts.map_err(|error| error.in_file(path))
}
