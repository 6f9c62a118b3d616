//! Writing tensors that are in memory.

use std::collections::HashSet;
use std::path::Path;

use glassbox_tensor::Tensor;

use crate::convert::Output;
use crate::error::WeightsError;
use crate::metadata::Metadata;
use crate::oinf::{Contents, TensorSpec, Writer};
use crate::safetensors::SafetensorsWriter;

/// Writes tensors by name to a file, which appears whole or not at all. Of the metadata, safetensors hold texts only.
///
/// A name that comes twice, or a dtype that the format doesn't have, is an error.
///
/// # Errors
///
/// Where a name comes twice, the format lacks a dtype, or the file can't be written.
///
/// ```
/// use glassbox_tensor::{ParamSource, Tensor};
/// use glassbox_weights::{Metadata, Output, open, write_tensors};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("one.safetensors");
/// let tensors = [("w".to_owned(), Tensor::from_vec(&[2], vec![1.0f32, 2.0])?)];
/// write_tensors(&path, Output::Safetensors, &tensors, Metadata::default())?;
/// assert!(open(&path)?.load("w")?.bit_eq(&tensors[0].1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_tensors(
    path: &Path,
    output: Output,
    tensors: &[(String, Tensor)],
    metadata: Metadata,
) -> Result<(), WeightsError> {
    try_write(path, output, tensors, metadata).map_err(|error| error.in_file(path))
}

fn try_write(
    path: &Path,
    output: Output,
    tensors: &[(String, Tensor)],
    metadata: Metadata,
) -> Result<(), WeightsError> {
    let mut names = HashSet::new();
    if let Some((name, _)) = tensors.iter().find(|(name, _)| !names.insert(name)) {
        let rule = "two tensors have this name; names must be unique".to_owned();
        return Err(WeightsError::Parameter { name: name.clone(), rule });
    }
    let spec = |(name, tensor): &(String, Tensor)| TensorSpec {
        name: name.clone(),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
        quantisation: None,
    };
    let specs: Vec<TensorSpec> = tensors.iter().map(spec).collect();
    match output {
        Output::Oinf => {
            let mut writer = Writer::create(path, Contents { metadata, tensors: specs, ..Contents::default() })?;
            tensors.iter().try_for_each(|(_, tensor)| writer.tensor(tensor))?;
            writer.finish()
        }
        Output::Safetensors => {
            let mut writer = SafetensorsWriter::create(path, &metadata, specs)?;
            tensors.iter().try_for_each(|(_, tensor)| writer.tensor(tensor))?;
            writer.finish()
        }
    }
}
