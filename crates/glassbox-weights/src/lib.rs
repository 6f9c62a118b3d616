//! Files of weights as sources of parameters.
//!
//! [`open`] maps a file or folder and reads its headers; a [`Package`] then has parameters by name, metadata
//! and blobs, and implements [`ParamSource`](glassbox_tensor::ParamSource). Nothing of a parameter's data is
//! read before it is touched.
//!
//! Malformed input of any kind is a [`WeightsError`] that names the file, the offset and the rule: never a
//! panic, and never an allocation that the size of the file doesn't explain. This crate knows nothing of
//! graphs or of model families.
//!
//! ```
//! use glassbox_tensor::{DType, ParamSource, Tensor};
//! use glassbox_weights::oinf::{Contents, TensorSpec, Writer};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("model.oinf");
//! let w = Tensor::from_vec(&[2, 2], vec![1.0f32, 2.0, 3.0, 4.0])?;
//! let spec = TensorSpec { name: "w".to_owned(), dtype: DType::F32, shape: vec![2, 2], quantisation: None };
//! let mut writer = Writer::create(&path, Contents { tensors: vec![spec], ..Contents::default() })?;
//! writer.tensor(&w)?;
//! writer.finish()?;
//!
//! let package = glassbox_weights::open(&path)?;
//! assert!(package.load("w")?.bit_eq(&w));
//! assert!(glassbox_weights::verify(&path, |_, _| ())?.contents);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod budget;
mod convert;
mod cursor;
mod dequantize;
mod error;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod gguf;
mod mapped;
mod metadata;
pub mod oinf;
mod open;
mod package;
mod parse;
mod pickle;
mod safetensors;
mod spec;
mod tensors;
mod values;

pub use budget::Budgeted;
pub use convert::{Converted, Options, Outcome, Output, Progress, Target, convert};
pub use dequantize::Dequantized;
pub use error::WeightsError;
pub use metadata::{Array, Metadata, MetadataValue};
pub use oinf::{Verified, verify, verify_package};
pub use open::{open, open_bytes};
pub use package::{Format, Package, Quantisation};
pub use spec::{Declared, Initial, Size, StateDim, StateSpec};
pub use tensors::write_tensors;
