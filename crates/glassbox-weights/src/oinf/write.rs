//! Writing `.oinf` version 3: the tables are planned first, then tensors come one by one, and the tables with
//! their hashes are written last, into the room that was left for them.
//!
//! The bytes are a function of the contents alone. Data that is the same is stored once.

use std::collections::HashMap;
use std::path::Path;

use glassbox_tensor::{DType, Tensor};

use super::header::{ALIGNMENT, HEADER, Header};
use super::read::check;
use super::tables::{BlobRow, Extent, Tables, TensorRow};
use crate::atomic::AtomicFile;
use crate::error::WeightsError;
use crate::metadata::Metadata;
use crate::package::Quantisation;
use crate::spec::{Declared, Size, StateSpec};

/// Bytes that are hashed and written at a time.
const CHUNK: usize = 1 << 20;

/// What a tensor will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name.
    pub name: String,
    /// The dtype that it is stored in.
    pub dtype: DType,
    /// The size of each axis, outermost first.
    pub shape: Vec<usize>,
    /// How its integers stand for real numbers, where they do.
    pub quantisation: Option<Quantisation>,
}

/// What a file will hold, but for the data of its tensors.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// What the file says about itself.
    pub metadata: Metadata,
    /// The size variables.
    pub sizes: Vec<Size>,
    /// The tensors, in the order in which their data will come.
    pub tensors: Vec<TensorSpec>,
    /// Tensors that are named without data.
    pub declared: Vec<Declared>,
    /// The states.
    pub states: Vec<StateSpec>,
    /// Names and bytes of embedded files.
    pub blobs: Vec<(String, Vec<u8>)>,
}

/// A file that is being written. Dropped before [`Writer::finish`], it leaves nothing.
pub struct Writer {
    file: AtomicFile,
    tables: Tables,
    tables_length: u64,
    /// How many of the tensors have come.
    written: usize,
    /// Where data with a hash and length is.
    places: HashMap<([u8; 32], u64), u64>,
}

impl Writer {
    /// Begins a file at `path`, which appears when all is written.
    ///
    /// # Errors
    ///
    /// Where the file can't be made, or two tensors have one name.
    pub fn create(path: &Path, contents: Contents) -> Result<Writer, WeightsError> {
        Writer::try_create(path, contents).map_err(|error| error.in_file(path))
    }

    fn try_create(path: &Path, contents: Contents) -> Result<Writer, WeightsError> {
        let empty = Extent { offset: 0, length: 0, hash: [0; 32] };
        let with_data = contents.tensors.into_iter().map(|spec| TensorRow {
            at: 0,
            name: spec.name,
            dtype: spec.dtype,
            shape: spec.shape,
            extent: Some(empty),
            quantisation: spec.quantisation,
        });
        let without = contents.declared.into_iter().map(|declared| TensorRow {
            at: 0,
            name: declared.name,
            dtype: declared.dtype,
            shape: declared.shape,
            extent: None,
            quantisation: None,
        });
        let blob = |(name, _): &(String, Vec<u8>)| BlobRow { at: 0, name: name.clone(), extent: empty };
        let tables = Tables {
            metadata: contents.metadata,
            sizes: contents.sizes,
            tensors: with_data.chain(without).collect(),
            states: contents.states,
            blobs: contents.blobs.iter().map(blob).collect(),
        };
        check(&tables)?;
        let tables_length = tables.encode()?.len() as u64;
        let mut writer =
            Writer { file: AtomicFile::create(path)?, tables, tables_length, written: 0, places: HashMap::new() };
        writer.file.seek((HEADER + tables_length).next_multiple_of(ALIGNMENT))?;
        for (index, (_, bytes)) in contents.blobs.iter().enumerate() {
            writer.tables.blobs[index].extent = writer.put(bytes)?;
        }
        Ok(writer)
    }

    /// Writes the next tensor, in the order of the contents.
    ///
    /// # Errors
    ///
    /// Where the tensor isn't the one that comes next, or the file can't be written.
    pub fn tensor(&mut self, tensor: &Tensor) -> Result<(), WeightsError> {
        let row = self.tables.tensors.get(self.written).filter(|row| row.extent.is_some());
        let Some(row) = row else {
            let rule = format!("all {} tensors of the contents have been written", self.written);
            return Err(WeightsError::Parameter { name: String::new(), rule });
        };
        let name = row.name.clone();
        if (tensor.dtype(), tensor.shape()) != (row.dtype, &row.shape[..]) {
            let (dtype, shape) = (tensor.dtype(), tensor.shape());
            let rule =
                format!("it was announced as {} of dims {:?}, but is {dtype} of dims {shape:?}", row.dtype, row.shape);
            return Err(WeightsError::Parameter { name, rule });
        }
        let extent = match tensor.as_bytes() {
            Some(bytes) => self.put(bytes)?,
            None => {
                let bytes = tensor.to_bytes().map_err(|error| WeightsError::Tensor { name, error })?;
                self.put(&bytes)?
            }
        };
        self.tables.tensors[self.written].extent = Some(extent);
        self.written += 1;
        Ok(())
    }

    /// Writes data, unless the same is there already.
    fn put(&mut self, bytes: &[u8]) -> Result<Extent, WeightsError> {
        let (offset, length) = (self.file.position(), bytes.len() as u64);
        let mut hasher = blake3::Hasher::new();
        for chunk in bytes.chunks(CHUNK) {
            hasher.update(chunk);
            self.file.write(chunk)?;
        }
        let hash = *hasher.finalize().as_bytes();
        if length > 0 {
            if let Some(earlier) = self.places.get(&(hash, length)) {
                let extent = Extent { offset: *earlier, length, hash };
                self.file.seek(offset)?;
                return Ok(extent);
            }
            self.places.insert((hash, length), offset);
        }
        self.file.pad(ALIGNMENT)?;
        Ok(Extent { offset, length, hash })
    }

    /// Writes the tables, has all on the disk, and gives the file its name.
    ///
    /// # Errors
    ///
    /// Where a tensor hasn't come that was announced, or the file can't be written.
    pub fn finish(mut self) -> Result<(), WeightsError> {
        let missing = self.tables.tensors.get(self.written).filter(|row| row.extent.is_some());
        if let Some(row) = missing {
            let rule = "it was announced, but its data didn't come".to_owned();
            return Err(WeightsError::Parameter { name: row.name.clone(), rule });
        }
        let file_length = self.file.position();
        let tables = self.tables.encode()?;
        let header = Header {
            file_length,
            tables_length: self.tables_length,
            metadata: count(self.tables.metadata.len())?,
            sizes: count(self.tables.sizes.len())?,
            tensors: count(self.tables.tensors.len())?,
            states: count(self.tables.states.len())?,
            blobs: count(self.tables.blobs.len())?,
            tables_hash: *blake3::hash(&tables).as_bytes(),
        };
        self.file.seek(0)?;
        self.file.write(&header.encode())?;
        self.file.write(&tables)?;
        self.file.pad(ALIGNMENT)?;
        self.file.finish(file_length)
    }
}

fn count(entries: usize) -> Result<u32, WeightsError> {
    u32::try_from(entries).map_err(|_| WeightsError::structure(0, "a table", format!("{entries} entries are too many")))
}
