//! Where the elements of a tensor lie, as tile programs are told.

use std::borrow::Cow;

use glassbox_exec::KernelError;
use glassbox_kernels::tile::Data;
use glassbox_tensor::{DType, Tensor};

/// The elements of a tensor that a tile program can read.
///
/// # Errors
///
/// An internal error, where it can't.
pub(super) fn data(tensor: &Tensor) -> Result<Data<'_>, KernelError> {
    let data = match tensor.dtype() {
        DType::F32 => tensor.reach::<f32>().map(Data::F32),
        DType::Bool => tensor.reach::<bool>().map(|values| Data::Bool(as_bytes(values))),
        _ => None,
    };
    data.ok_or_else(|| KernelError::Internal("a tile program was given what it can't read".to_owned()))
}

/// Truth values as bytes: 0 and 1.
pub(super) fn as_bytes(values: &[bool]) -> &[u8] {
    // SAFETY: a bool is one byte, and every bool is a u8.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

/// The tensor, or a copy whose elements can be walked along.
///
/// # Errors
///
/// Where there is no memory for the copy.
pub(super) fn walkable(tensor: &Tensor) -> Result<Cow<'_, Tensor>, KernelError> {
    let walkable = match tensor.dtype() {
        DType::F32 => tensor.reach::<f32>().is_some(),
        DType::Bool => tensor.reach::<bool>().is_some(),
        _ => false,
    };
    Ok(if walkable { Cow::Borrowed(tensor) } else { Cow::Owned(tensor.contiguous()?) })
}

/// The stride of a tensor along each axis of `sizes`, to which it broadcasts.
pub(super) fn strides_in(tensor: &Tensor, sizes: &[usize]) -> Vec<isize> {
    let missing = sizes.len() - tensor.rank().min(sizes.len());
    let own = tensor.shape().iter().zip(tensor.strides());
    let own =
        own.zip(&sizes[missing..]).map(|((size, stride), whole)| if *size == 1 && *whole != 1 { 0 } else { *stride });
    std::iter::repeat_n(0, missing).chain(own).collect()
}
