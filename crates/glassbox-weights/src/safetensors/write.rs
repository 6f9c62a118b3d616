//! Writing safetensors: the header first, for the sizes of all tensors are known, then their data one by one.

use std::path::Path;

use glassbox_tensor::{Tensor, layout};

use super::dtype_name;
use crate::atomic::AtomicFile;
use crate::error::WeightsError;
use crate::metadata::{Metadata, MetadataValue};
use crate::oinf::TensorSpec;

/// The header is padded so that the data begins at a multiple of this.
const ALIGNMENT: usize = 64;

/// A file that is being written. Dropped before it is finished, it leaves nothing.
pub(crate) struct SafetensorsWriter {
    file: AtomicFile,
    tensors: Vec<TensorSpec>,
    written: usize,
}

impl SafetensorsWriter {
    /// Begins a file at `path`. Of the metadata, texts are written.
    pub(crate) fn create(
        path: &Path,
        metadata: &Metadata,
        tensors: Vec<TensorSpec>,
    ) -> Result<SafetensorsWriter, WeightsError> {
        let header = header(metadata, &tensors)?;
        let mut file = AtomicFile::create(path).map_err(|error| error.in_file(path))?;
        file.write(&(header.len() as u64).to_le_bytes())?;
        file.write(&header)?;
        Ok(SafetensorsWriter { file, tensors, written: 0 })
    }

    /// Writes the next tensor.
    pub(crate) fn tensor(&mut self, tensor: &Tensor) -> Result<(), WeightsError> {
        let spec = self.tensors.get(self.written);
        let spec = spec.filter(|spec| (spec.dtype, &spec.shape[..]) == (tensor.dtype(), tensor.shape()));
        let Some(spec) = spec else {
            let rule = "it isn't what was announced".to_owned();
            return Err(WeightsError::Parameter { name: String::new(), rule });
        };
        self.written += 1;
        match tensor.as_bytes() {
            Some(bytes) => self.file.write(bytes),
            None => {
                let wrong = |error| WeightsError::Tensor { name: spec.name.clone(), error };
                self.file.write(&tensor.to_bytes().map_err(wrong)?)
            }
        }
    }

    /// Has all on the disk, and gives the file its name.
    pub(crate) fn finish(self) -> Result<(), WeightsError> {
        let length = self.file.position();
        self.file.finish(length)
    }
}

/// The header's text, padded with spaces.
fn header(metadata: &Metadata, tensors: &[TensorSpec]) -> Result<Vec<u8>, WeightsError> {
    let mut object = serde_json::Map::new();
    let texts = metadata.iter().filter_map(|(name, value)| match value {
        MetadataValue::String(text) => Some((name.to_owned(), serde_json::Value::from(text.as_str()))),
        _ => None,
    });
    let texts: serde_json::Map<_, _> = texts.collect();
    if !texts.is_empty() {
        object.insert("__metadata__".to_owned(), texts.into());
    }
    let mut start = 0usize;
    for spec in tensors {
        let wrong = |rule: String| WeightsError::Parameter { name: spec.name.clone(), rule };
        let dtype = dtype_name(spec.dtype).ok_or_else(|| wrong(format!("safetensors has no dtype {}", spec.dtype)))?;
        let length = layout::element_count(&spec.shape).and_then(|count| spec.dtype.byte_len(count));
        let end = length.and_then(|length| start.checked_add(length));
        let end = end.ok_or_else(|| wrong(format!("dims {:?} have no size", spec.shape)))?;
        let described = serde_json::json!({ "dtype": dtype, "shape": spec.shape, "data_offsets": [start, end] });
        if spec.name == "__metadata__" || object.insert(spec.name.clone(), described).is_some() {
            return Err(wrong("its name is taken".to_owned()));
        }
        start = end;
    }
    let mut text = serde_json::Value::from(object).to_string().into_bytes();
    text.resize((text.len() + 8).next_multiple_of(ALIGNMENT) - 8, b' ');
    Ok(text)
}
