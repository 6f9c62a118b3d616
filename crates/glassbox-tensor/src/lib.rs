//! Dtypes, shapes and tensors over owned or memory-mapped bytes, with exact conversions.
//!
//! A [`Tensor`] is a dtype, a shape, strides in elements, and storage that is shared between all its
//! views. Sub-byte dtypes stay packed. Conversions are right by construction: every one starts from the
//! exact source value and rounds once, to nearest even (see [`cast`]).
//!
//! This crate knows nothing of graphs, files or devices. It refuses, with a [`TensorError`], lengths that
//! do not match a shape, sizes that overflow, ranges outside their storage, and bit patterns that a dtype
//! does not have.
//!
//! ```
//! use glassbox_tensor::{DType, Overflow, Tensor};
//! let x = Tensor::from_vec(&[2, 2], vec![1.0f32, 1.9, -3.0, f32::NAN])?;
//! let narrow = x.cast(DType::F8E5M2, Overflow::Saturate)?;
//! assert_eq!(narrow.load::<f32>()?[1], 2.0);
//! let column = x.permute(&[1, 0])?.slice_axis(0, 0, 1, 1)?;
//! assert_eq!(column.to_vec::<f32>()?, [1.0, -3.0]);
//! # Ok::<(), glassbox_tensor::TensorError>(())
//! ```

#[cfg(target_endian = "big")]
compile_error!("glassbox-tensor keeps tensor data little-endian and reads it in place");

mod access;
mod block;
mod buffer;
mod build;
pub mod cast;
mod codec;
mod compute;
mod dtype;
mod e8m0;
mod element;
mod error;
mod float_format;
mod gather;
pub mod layout;
mod packed;
mod parallel;
mod params;
mod storage;
mod tensor;
mod update;
mod view;

pub use block::BlockFormat;
pub use buffer::{Buffer, Recycler};
pub use build::BUILD_CHUNK;
pub use cast::{CastOptions, E8M0Round, Overflow};
pub use compute::{Compute, IntegerFormat};
pub use dtype::{Class, DType};
pub use e8m0::{decode_e8m0, encode_e8m0};
pub use element::{Element, F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0};
pub use error::TensorError;
pub use float_format::{FloatFormat, NanEncoding, SaturateRule, Unpacked};
pub use half::{bf16, f16};
pub use parallel::{
    Interrupt, Interrupted, TryWork, interruptible, on_one_thread, parallel_chunks, parallel_for, parallel_map,
    try_parallel_chunks,
};
pub use params::{NoParams, ParamError, ParamId, ParamInfo, ParamSource};
pub use storage::SharedBytes;
pub use tensor::Tensor;
