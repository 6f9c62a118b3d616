//! Writing an exported model: into bytes, or into files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use glassbox_tensor::{DType, ParamError, ParamSource, Tensor};
use prost::Message;
use tempfile::NamedTempFile;

use crate::edit::{folder_of, temporary};
use crate::proto::{StringStringEntryProto, TensorProto};

use super::emitter::{Data, Weight};
use super::{Export, ExportError, attributes};

/// What a file of the format may hold: messages of protobuf end before 2 GiB.
const MOST_BYTES: u64 = (1 << 31) - (1 << 20);

/// Weights of more bytes in all stand beside the model, if nothing else is asked for.
const INLINE: u64 = 1 << 30;

/// Tensors of fewer bytes stay in the model.
const SMALL: usize = 1024;

/// Where tensors begin in files of their own.
const ALIGNMENT: u64 = 64;

/// Where the weights of a model are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// In the model, unless they are larger than 1 GiB: then beside it.
    #[default]
    Fitting,
    /// In the model.
    Inline,
    /// In a file beside it, with `.data` behind its name.
    Beside,
    /// In several files beside it, none of which is larger than so many bytes unless one tensor is.
    Sharded(u64),
}

impl Export {
    /// The model in one piece.
    ///
    /// # Errors
    ///
    /// A parameter can't be had; the model is larger than a file of the format may be.
    pub fn to_bytes(&self, params: &dyn ParamSource) -> Result<Vec<u8>, ExportError> {
        let mut model = self.model.clone();
        let graph = model.graph.get_or_insert_default();
        for weight in &self.weights {
            graph.initializer.push(inline(weight, &loaded(weight, params)?)?);
        }
        let bytes = model.encoded_len() as u64;
        if bytes > MOST_BYTES {
            return Err(ExportError::TooLarge { bytes });
        }
        Ok(model.encode_to_vec())
    }

    /// How many bytes the weights take.
    ///
    /// # Errors
    ///
    /// A parameter isn't there.
    pub fn weight_bytes(&self, params: &dyn ParamSource) -> Result<u64, ExportError> {
        let bytes = |weight: &Weight| -> Result<u64, ExportError> {
            let (dtype, count) = match &weight.data {
                Data::Tensor(tensor) => (tensor.dtype(), tensor.len() as u64),
                Data::Param(name) => {
                    let param = params.find(name).ok_or(ParamError::Missing { name: name.clone(), near: None })?;
                    (param.dtype, param.shape.iter().map(|size| *size as u64).product())
                }
            };
            let bits = super::schema::written(dtype).bits().unwrap_or_default() as u64;
            Ok((count * bits).div_ceil(8))
        };
        self.weights.iter().map(bytes).sum()
    }

    /// The files that [`Export::write`] would write to, so far as it is known beforehand: the model, and what stands beside it.
    ///
    /// # Errors
    ///
    /// A parameter isn't there.
    pub fn paths(&self, path: &Path, params: &dyn ParamSource, weights: Weights) -> Result<Vec<PathBuf>, ExportError> {
        let mut paths = vec![path.to_owned()];
        if let Some(limit) = self.limit(params, weights)? {
            let most = if limit == u64::MAX { 1 } else { self.weight_bytes(params)?.div_ceil(limit.max(1)) };
            paths.extend((0..most.max(1)).map(|shard| data_path(path, shard as usize, limit)));
        }
        Ok(paths)
    }

    /// How large a file beside the model may be; none where all is in the model.
    fn limit(&self, params: &dyn ParamSource, weights: Weights) -> Result<Option<u64>, ExportError> {
        Ok(match weights {
            Weights::Inline => None,
            Weights::Beside => Some(u64::MAX),
            Weights::Sharded(bytes) => Some(bytes),
            Weights::Fitting => (self.weight_bytes(params)? > INLINE).then_some(u64::MAX),
        })
    }

    /// Writes the model to `path` and its weights where `weights` says: the files that were written. A file that is there is
    /// replaced; a file appears whole or not at all.
    ///
    /// # Errors
    ///
    /// Those of [`Export::to_bytes`], and a file can't be written.
    pub fn write(&self, path: &Path, params: &dyn ParamSource, weights: Weights) -> Result<Vec<PathBuf>, ExportError> {
        let Some(limit) = self.limit(params, weights)? else {
            let bytes = self.to_bytes(params)?;
            let mut file = Out::new(path)?;
            file.put(&bytes)?;
            file.finish()?;
            return Ok(vec![path.to_owned()]);
        };
        let mut model = self.model.clone();
        let graph = model.graph.get_or_insert_default();
        let mut shards: Vec<Out> = Vec::new();
        for weight in &self.weights {
            let tensor = loaded(weight, params)?;
            if tensor.dtype() == DType::String || tensor.byte_len().is_some_and(|bytes| bytes < SMALL) {
                graph.initializer.push(inline(weight, &tensor)?);
                continue;
            }
            let bytes = tensor.to_bytes().map_err(|error| ExportError::Tensor { name: weight.name.clone(), error })?;
            let full = shards.last().is_none_or(|shard| shard.length > 0 && shard.length + bytes.len() as u64 > limit);
            if full {
                shards.push(Out::new(&data_path(path, shards.len(), limit))?);
            }
            let Some(shard) = shards.last_mut() else { continue };
            let (offset, name) = (shard.put(&bytes)?, shard.name());
            graph.initializer.push(elsewhere(weight, &tensor, &name, offset, bytes.len())?);
        }
        let mut written = Vec::new();
        for shard in shards {
            written.push(shard.finish()?);
        }
        let mut file = Out::new(path)?;
        file.put(&model.encode_to_vec())?;
        written.insert(0, file.finish()?);
        Ok(written)
    }
}

/// The file beside a model that data goes to.
fn data_path(path: &Path, shard: usize, limit: u64) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = if limit == u64::MAX { format!("{name}.data") } else { format!("{name}.{:05}.data", shard + 1) };
    path.with_file_name(name)
}

/// The data of an initializer, of a block format as f32.
fn loaded(weight: &Weight, params: &dyn ParamSource) -> Result<Tensor, ExportError> {
    let tensor = match &weight.data {
        Data::Tensor(tensor) => tensor.clone(),
        Data::Param(name) => params.load(name)?,
    };
    match tensor.dtype() {
        DType::Block(_) => {
            tensor.dequantize_blocks().map_err(|error| ExportError::Tensor { name: weight.name.clone(), error })
        }
        _ => Ok(tensor),
    }
}

fn inline(weight: &Weight, tensor: &Tensor) -> Result<TensorProto, ExportError> {
    let wrong = |_| ExportError::DType { name: weight.name.clone(), dtype: tensor.dtype().to_string() };
    let proto = attributes::tensor_proto(tensor).map_err(wrong)?;
    Ok(TensorProto { name: Some(weight.name.clone()), ..proto })
}

/// A tensor whose data is in another file.
fn elsewhere(
    weight: &Weight,
    tensor: &Tensor,
    file: &str,
    offset: u64,
    length: usize,
) -> Result<TensorProto, ExportError> {
    let wrong = |_| ExportError::DType { name: weight.name.clone(), dtype: tensor.dtype().to_string() };
    let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
    Ok(TensorProto {
        name: Some(weight.name.clone()),
        dims: tensor.shape().iter().map(|size| *size as i64).collect(),
        data_type: Some(attributes::number(tensor.dtype()).map_err(wrong)?),
        external_data: vec![
            entry("location", file.to_owned()),
            entry("offset", offset.to_string()),
            entry("length", length.to_string()),
        ],
        data_location: Some(1),
        ..TensorProto::default()
    })
}

/// A file that is being written under another name.
struct Out {
    path: PathBuf,
    file: BufWriter<NamedTempFile<File>>,
    length: u64,
}

impl Out {
    fn new(path: &Path) -> Result<Out, ExportError> {
        let file = temporary(folder_of(path)).map_err(|error| ExportError::Write { path: path.to_owned(), error })?;
        Ok(Out { path: path.to_owned(), file: BufWriter::new(file), length: 0 })
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Writes bytes at the next place that is aligned; gives the place.
    fn put(&mut self, bytes: &[u8]) -> Result<u64, ExportError> {
        let wrong = |error| ExportError::Write { path: self.path.clone(), error };
        let offset = self.length.next_multiple_of(ALIGNMENT);
        let gap = [0u8; ALIGNMENT as usize];
        self.file.write_all(&gap[..(offset - self.length) as usize]).map_err(wrong)?;
        self.file.write_all(bytes).map_err(wrong)?;
        self.length = offset + bytes.len() as u64;
        Ok(offset)
    }

    fn finish(self) -> Result<PathBuf, ExportError> {
        let Out { path, file, .. } = self;
        let wrong = |error| ExportError::Write { path: path.clone(), error };
        let file = file.into_inner().map_err(|error| wrong(error.into_error()))?;
        file.persist(&path).map_err(|error| wrong(error.error))?;
        Ok(path)
    }
}
