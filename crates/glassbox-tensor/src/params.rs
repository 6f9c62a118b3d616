//! Named tensors that somebody keeps: the weights of a model, wherever they are.
//!
//! A graph names its weights and a [`ParamSource`] has them. Readers of weight files implement it;
//! interpreters and backends read through it; neither knows the other. Describing a parameter reads
//! nothing of its data, and a source may hand out tensors over mapped memory, so nothing is read
//! from a disk before it is used.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::{DType, Tensor};

/// The identity of a parameter's data, 128 bits: equal ids mean equal data, in every run.
///
/// Whatever is derived from a parameter (a packed or converted copy) is kept under its id, never
/// under its address or its name. A source whose file keeps no hash of the contents derives the id
/// from the identity of the file instead (its path, length and time of change), so a changed file
/// has new ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub u128);

/// 32 hexadecimal digits.
impl fmt::Display for ParamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for ParamId {
    type Err = std::num::ParseIntError;

    /// Reads the 32 digits that printing an id gives.
    fn from_str(text: &str) -> Result<ParamId, Self::Err> {
        u128::from_str_radix(text, 16).map(ParamId)
    }
}

/// What is known of a parameter before its data is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamInfo {
    /// The name, as the checkpoint has it.
    pub name: String,
    /// The dtype it is stored in.
    pub dtype: DType,
    /// The size of each axis, outermost first.
    pub shape: Vec<usize>,
    /// The identity of its data.
    pub id: ParamId,
}

/// Why a parameter can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParamError {
    /// The source has no parameter of that name.
    #[error("there is no parameter named {name:?}{}", near.as_ref().map(|n| format!("; is {n:?} meant?")).unwrap_or_default())]
    Missing {
        /// The name asked for.
        name: String,
        /// A name that is there and looks like it.
        near: Option<String>,
    },
    /// The parameter is there, and its data can't be read.
    #[error("parameter {name:?}: {error}")]
    Unreadable {
        /// The name of the parameter.
        name: String,
        /// What is wrong, with the file and the place in it.
        error: Box<dyn Error + Send + Sync>,
    },
}

/// Something that has parameters by name.
///
/// ```
/// use glassbox_tensor::{NoParams, ParamSource};
/// assert!(NoParams.params().is_empty() && NoParams.load("w").is_err());
/// ```
pub trait ParamSource: Send + Sync {
    /// Every parameter, in the order of the source. Names are unique.
    fn params(&self) -> &[ParamInfo];

    /// The parameter with this name, where there is one. Reads no data.
    fn find(&self, name: &str) -> Option<&ParamInfo> {
        self.params().iter().find(|param| param.name == name)
    }

    /// The data of a parameter: of the dtype and shape that [`ParamSource::find`] tells.
    fn load(&self, name: &str) -> Result<Tensor, ParamError>;
}

/// A source without parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoParams;

impl ParamSource for NoParams {
    fn params(&self) -> &[ParamInfo] {
        &[]
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        Err(ParamError::Missing { name: name.to_owned(), near: None })
    }
}
