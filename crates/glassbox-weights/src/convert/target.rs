//! What weights can be made into.

use std::fmt;
use std::str::FromStr;

use glassbox_tensor::{BlockFormat, DType};

use crate::error::WeightsError;

/// What weights become.
///
/// The block formats and `i8` take matrices: floats of rank 2, the block formats only those whose rows end
/// with a block. `bf16` and `f16` take floats of rank 2 and more; `f32` takes all floats. All three of them
/// also take what is quantised already. Everything else stays: norms and biases are small, and matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// Blocks of 32, 8 bits each with one scale.
    Q8_0,
    /// Blocks of 32, 4 bits each with one scale.
    Q4_0,
    /// Blocks of 256, 4 bits each with two levels of scales and minima.
    Q4K,
    /// 8-bit integers with one f32 scale for each row: symmetric, rounded to nearest, halves to even, in -127
    /// to 127.
    I8,
    /// bf16.
    Bf16,
    /// f16.
    F16,
    /// f32.
    F32,
}

impl Target {
    /// Every target.
    pub const ALL: &'static [Target] =
        &[Target::Q8_0, Target::Q4_0, Target::Q4K, Target::I8, Target::Bf16, Target::F16, Target::F32];

    /// The name, as in `q4_k`.
    pub const fn name(self) -> &'static str {
        self.dtype().name()
    }

    /// The dtype that weights will have.
    pub const fn dtype(self) -> DType {
        match self {
            Target::Q8_0 => DType::Block(BlockFormat::Q8_0),
            Target::Q4_0 => DType::Block(BlockFormat::Q4_0),
            Target::Q4K => DType::Block(BlockFormat::Q4K),
            Target::I8 => DType::I8,
            Target::Bf16 => DType::BF16,
            Target::F16 => DType::F16,
            Target::F32 => DType::F32,
        }
    }

    /// Whether it is a plain float.
    pub(super) const fn is_float(self) -> bool {
        matches!(self, Target::Bf16 | Target::F16 | Target::F32)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Target {
    type Err = WeightsError;

    fn from_str(name: &str) -> Result<Target, WeightsError> {
        Target::ALL.iter().copied().find(|target| target.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
            WeightsError::Unrecognized { what: format!("{name:?} is none of {}", names.join(", ")) }
        })
    }
}
