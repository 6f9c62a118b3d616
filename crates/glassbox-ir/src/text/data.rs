//! The data of tensors that are too long to be written element by element.
//!
//! Such a tensor is written as a hash of its dtype, dims and bytes; the bytes themselves stand in a
//! `data` section, or are known to whoever reads the text. What is read is always held against the hash.

use glassbox_tensor::{DType, Tensor, TensorError};

/// The most elements that are written one by one.
pub(super) const MAX_ELEMENTS: usize = 16;

/// The bytes that stand for the data of a tensor: its own, or for strings each length and text.
pub(crate) fn data_bytes(tensor: &Tensor) -> Result<Vec<u8>, TensorError> {
    let Some(strings) = tensor.to_strings() else { return tensor.to_bytes() };
    let mut bytes = Vec::new();
    for string in strings {
        bytes.extend((string.len() as u64).to_le_bytes());
        bytes.extend(string.as_bytes());
    }
    Ok(bytes)
}

/// The tensor of which these are the [`data_bytes`].
pub(super) fn tensor_of_data(dtype: DType, dims: &[usize], bytes: &[u8]) -> Result<Tensor, String> {
    if dtype != DType::String {
        return Tensor::from_bytes(dtype, dims, bytes.to_vec()).map_err(|error| error.to_string());
    }
    let mut strings = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        strings.push(take_string(&mut rest).ok_or("the data of a string tensor ends inside a string, or isn't UTF-8")?);
    }
    Tensor::from_strings(dims, strings).map_err(|error| error.to_string())
}

fn take_string(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (string, after) = after.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(string.to_vec()).ok()
}

/// What identifies a tensor: the first 128 bits of the BLAKE3 hash of its dtype, dims and data.
///
/// # Errors
///
/// Where the bytes of the tensor can't be read.
pub fn data_hash(tensor: &Tensor) -> Result<u128, TensorError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(tensor.dtype().name().as_bytes());
    hasher.update(&[0]);
    hasher.update(&(tensor.rank() as u64).to_le_bytes());
    for dim in tensor.shape() {
        hasher.update(&(*dim as u64).to_le_bytes());
    }
    match tensor.as_bytes() {
        Some(bytes) => hasher.update(bytes),
        None => hasher.update(&data_bytes(tensor)?),
    };
    let mut first = [0; 16];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Ok(u128::from_be_bytes(first))
}
