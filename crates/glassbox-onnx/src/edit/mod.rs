//! Other ONNX files from an ONNX file: the piece between some of its values, the model with attributes of nodes changed,
//! and a copy that runs in another folder.
//!
//! In comes a file, out come an [`Edited`] model, which [`Edited::write`] puts into a file. The file's own bytes are cut and
//! patched: what isn't changed stays as it is, with everything that Glassbox doesn't read (documentation, annotations,
//! metadata of nodes and values, fields of later versions of the format). A piece keeps the opset imports, the functions
//! that it calls, the metadata, and of values, constants and annotations those that belong to it; what training needs is
//! left out. Data in other files stays where it is if the new file is in the same folder; else what is needed of it is
//! copied beside the new file.
//!
//! Refuses names that aren't there, with the nearest that are; values inside bodies as places to cut; values for attributes
//! of another kind; and to write over a file that the model is read from.

mod data;
mod error;
mod extract;
mod locate;
mod message;
mod patch;
mod set;
mod types;

use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::NamedTempFile;

use crate::error::OnnxError;
use crate::external::map;
use crate::model::Model;
use crate::wire::Kind;

use data::Moved;
pub use error::OnnxEditError;
pub use extract::{Cut, Wired};
use message::{Field, Rope, fields, merged};

/// The numbers of fields that are cut or patched.
pub(super) mod tag {
    pub(crate) const MODEL_GRAPH: u64 = 7;
    pub(crate) const MODEL_TRAINING: u64 = 20;
    pub(crate) const MODEL_FUNCTION: u64 = 25;
    pub(crate) const GRAPH_NODE: u64 = 1;
    pub(crate) const GRAPH_INITIALIZER: u64 = 5;
    pub(crate) const GRAPH_INPUT: u64 = 11;
    pub(crate) const GRAPH_OUTPUT: u64 = 12;
    pub(crate) const GRAPH_VALUE_INFO: u64 = 13;
    pub(crate) const GRAPH_ANNOTATION: u64 = 14;
    pub(crate) const GRAPH_SPARSE: u64 = 15;
    pub(crate) const FUNCTION_NODE: u64 = 7;
    pub(crate) const NODE_OUTPUT: u64 = 2;
    pub(crate) const NODE_OP: u64 = 4;
    pub(crate) const NODE_ATTRIBUTE: u64 = 5;
    pub(crate) const NODE_DOMAIN: u64 = 7;
    pub(crate) const ATTRIBUTE_GRAPH: u64 = 6;
    pub(crate) const ATTRIBUTE_GRAPHS: u64 = 11;
}

/// An ONNX file that other files are made of.
pub struct Source {
    /// None of a file that is in memory.
    path: Option<PathBuf>,
    bytes: Bytes,
    model: Model,
}

/// A model that isn't written yet.
pub struct Edited<'s> {
    source: &'s Source,
    model: Rope,
    /// What is worth to be told: what was left out, or is an input besides those that were asked for.
    pub notes: Vec<String>,
}

impl Source {
    /// Opens a file, which is mapped and must stay as it is while the model and what is made of it are used.
    ///
    /// # Errors
    ///
    /// The file can't be read, or breaks a rule of the format.
    pub fn open(path: &Path) -> Result<Source, OnnxEditError> {
        let bytes = map(path).map_err(|error| error.in_file(Some(path)))?;
        Ok(Source { path: Some(path.to_owned()), bytes, model: crate::load(path)? })
    }

    /// A file that is in memory, whose data is all in it.
    ///
    /// # Errors
    ///
    /// The bytes break a rule of the format.
    pub fn of_bytes(bytes: Bytes) -> Result<Source, OnnxEditError> {
        Ok(Source { path: None, model: crate::parse(bytes.clone(), None)?, bytes })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Whether a node, wherever it is, has this name or gives a value of it.
    pub fn has_node(&self, name: &str) -> bool {
        locate::find(&self.model, name).is_ok()
    }

    /// The model as it is, to be written to another folder with the data that it needs.
    ///
    /// # Errors
    ///
    /// The file breaks a rule of the format.
    ///
    /// ```
    /// use glassbox_onnx::edit::Source;
    /// # let folder = tempfile::tempdir()?;
    /// let source = Source::open("../../models/shapes/shapes.onnx".as_ref())?;
    /// let path = folder.path().join("copy.onnx");
    /// source.copy()?.write(&path)?;
    /// assert_eq!(std::fs::read(path)?, std::fs::read("../../models/shapes/shapes.onnx")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn copy(&self) -> Result<Edited<'_>, OnnxEditError> {
        Ok(Edited { source: self, model: self.bytes.clone().into(), notes: Vec::new() })
    }

    fn fields(&self) -> Result<Vec<Field>, OnnxError> {
        fields(&self.bytes)
    }

    /// The fields of the graph.
    fn graph(&self, model: &[Field]) -> Result<Vec<Field>, OnnxError> {
        fields(&merged(model, tag::MODEL_GRAPH))
    }

    fn folder(&self) -> Option<&Path> {
        self.path.as_deref().map(folder_of)
    }
}

impl Edited<'_> {
    /// How many bytes the model has, without data in other files.
    pub fn byte_len(&self) -> usize {
        self.model.len()
    }

    /// The file that data would be copied to where the model is written to `path`: the model is read from another folder, and
    /// has data in other files.
    ///
    /// # Errors
    ///
    /// The file breaks a rule of the format.
    pub fn data_path(&self, path: &Path) -> Result<Option<PathBuf>, OnnxEditError> {
        let stays = self.source.folder().is_some_and(|folder| same_file(folder, folder_of(path)));
        if stays || !data::is_elsewhere(&self.source.bytes, Kind::Model)? {
            return Ok(None);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Some(path.with_file_name(format!("{name}.data"))))
    }

    /// Writes the model, and beside it, under its name and `.data`, the data in other files that it would lack there: the
    /// files that were written. A file that is there is replaced; a file appears whole or not at all.
    ///
    /// # Errors
    ///
    /// The model is read from that file, data of a tensor can't be had, or a file can't be written.
    pub fn write(&self, path: &Path) -> Result<Vec<PathBuf>, OnnxEditError> {
        if self.source.path.as_deref().is_some_and(|source| same_file(source, path)) {
            return Err(OnnxEditError::OverSource { path: path.to_owned() });
        }
        let Some(data) = self.data_path(path)? else {
            write(path, |file| self.model.parts().iter().try_for_each(|part| file.write_all(part)))?;
            return Ok(vec![path.to_owned()]);
        };
        let name = data.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut moved = Moved::new(self.source.folder(), name);
        // The model itself is small where its data is in other files.
        let model = moved.message(&self.model.to_bytes(), Kind::Model)?;
        let mut written = Vec::new();
        if !moved.parts.is_empty() {
            written.push(data.clone());
            write(&data, |file| {
                moved.parts.iter().try_for_each(|(offset, part)| {
                    file.seek(SeekFrom::Start(*offset))?;
                    file.write_all(part)
                })
            })?;
        }
        let model = model.as_ref().unwrap_or(&self.model);
        write(path, |file| model.parts().iter().try_for_each(|part| file.write_all(part)))?;
        written.push(path.to_owned());
        Ok(written)
    }
}

/// Writes a file under another name in the same folder, then gives it its name.
fn write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<&mut NamedTempFile>) -> std::io::Result<()>,
) -> Result<(), OnnxEditError> {
    let wrong = |source| OnnxEditError::Write { path: path.to_owned(), source };
    let mut file = temporary(folder_of(path)).map_err(wrong)?;
    let mut buffered = BufWriter::new(&mut file);
    content(&mut buffered).and_then(|()| buffered.flush()).map_err(wrong)?;
    drop(buffered);
    file.persist(path).map_err(|error| wrong(error.error))?;
    Ok(())
}

/// A file in a folder that goes away unless it is given a name.
pub(crate) fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".glassbox-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file, the system takes away what its mask says.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether both paths lead to one file that is there.
fn same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
