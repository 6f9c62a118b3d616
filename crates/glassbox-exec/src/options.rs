//! How a graph is run: precision, limits, seed, and what is registered for ops that need more than arithmetic.

use std::sync::Arc;

use glassbox_ir::{TensorType, Type};
use glassbox_tensor::{DType, Overflow, Tensor, TensorError};

use crate::image::ImageDecoder;
use crate::policy::Policy;
use crate::value::Value;

/// In which dtype floats are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// In the dtype that the graph says.
    #[default]
    Declared,
    /// f16, bf16 and f32 are carried as f64, from the inputs to the outputs; casts between them don't round.
    Precise,
}

impl Precision {
    /// The dtype in which values of `dtype` are carried.
    ///
    /// ```
    /// use glassbox_exec::Precision;
    /// use glassbox_tensor::DType;
    /// assert_eq!(Precision::Precise.carried(DType::F16), DType::F64);
    /// assert_eq!(Precision::Precise.carried(DType::I8), DType::I8);
    /// assert_eq!(Precision::Declared.carried(DType::F16), DType::F16);
    /// ```
    pub fn carried(self, dtype: DType) -> DType {
        match (self, dtype) {
            (Precision::Precise, DType::F16 | DType::BF16 | DType::F32) => DType::F64,
            _ => dtype,
        }
    }

    /// The type of the values that are carried for one of type `ty`.
    ///
    /// ```
    /// use glassbox_exec::Precision;
    /// use glassbox_ir::Type;
    /// use glassbox_tensor::DType;
    /// let ty = Type::sequence(Type::tensor(DType::BF16, ["N"]));
    /// assert_eq!(Precision::Precise.carried_type(&ty), Type::sequence(Type::tensor(DType::F64, ["N"])));
    /// ```
    pub fn carried_type(self, ty: &Type) -> Type {
        match ty {
            Type::Tensor(tensor) => {
                TensorType { dtype: self.carried(tensor.dtype), shape: tensor.shape.clone() }.into()
            }
            Type::Sequence(element) => Type::sequence(self.carried_type(element)),
            Type::Optional(element) => Type::optional(self.carried_type(element)),
        }
    }

    /// A tensor as it is carried.
    ///
    /// # Errors
    ///
    /// Where there is no memory for it.
    pub fn carry_tensor(self, tensor: &Tensor) -> Result<Tensor, TensorError> {
        match self.carried(tensor.dtype()) {
            dtype if dtype == tensor.dtype() => Ok(tensor.clone()),
            dtype => tensor.cast(dtype, Overflow::Wrap),
        }
    }

    /// A value as it is carried.
    ///
    /// # Errors
    ///
    /// Where there is no memory for it.
    ///
    /// ```
    /// use glassbox_exec::{Precision, Value};
    /// use glassbox_tensor::Tensor;
    /// let value = Value::from(Tensor::from_vec(&[1], vec![0.5f32])?);
    /// assert_eq!(Precision::Precise.carry(&value)?.ty().to_string(), "f64[1]");
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn carry(self, value: &Value) -> Result<Value, TensorError> {
        value.map(&|tensor: &Tensor| self.carry_tensor(tensor))
    }
}

/// How a graph is run.
///
/// ```
/// use glassbox_exec::{Limits, Options, Precision};
/// use glassbox_tensor::DType;
/// let options = Options { precision: Precision::Precise, seed: 7, ..Options::default() };
/// assert_eq!(options.precision.carried(DType::BF16), DType::F64);
/// let small = Options { limits: Limits { bytes: 1 << 20, turns: 1000 }, ..options };
/// assert_eq!(small.limits.turns, 1000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// In which dtype floats are carried.
    pub precision: Precision,
    /// Where a run stops with an error.
    pub limits: Limits,
    /// The seed of ops that draw at random and have no seed of their own.
    pub seed: u64,
    /// What reads pictures for `image_decoder`. Without one, a graph that has such a node is refused before it runs.
    pub images: Option<ImageDecoder>,
    /// In how many bits products are computed; without one, in those that the graph says. The reference, which computes what
    /// the graph says, refuses to be given one.
    pub policy: Option<Arc<Policy>>,
}

/// Where a run stops with an error.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The most bytes that the results of one node may take.
    pub bytes: usize,
    /// The most turns that one loop may take.
    pub turns: u64,
}

/// The variable of the environment that says how many bytes the results of a node may take, where the memory of the
/// machine shall not say it.
pub const MEMORY_LIMIT: &str = "GLASSBOX_MEMORY_LIMIT";

/// How many bytes [`MEMORY_LIMIT`] says, where it is set.
///
/// # Errors
///
/// Where it isn't a number of bytes. [`Limits::default`] can't tell, and takes no limit from it then: a program asks here
/// before it runs anything.
///
/// ```
/// match glassbox_exec::memory_limit() {
///     Ok(Some(bytes)) => println!("a node may give {bytes} bytes"),
///     Ok(None) => println!("the machine's memory is the limit"),
///     Err(why) => println!("{why}"),
/// }
/// ```
pub fn memory_limit() -> Result<Option<usize>, String> {
    let Ok(text) = std::env::var(MEMORY_LIMIT) else { return Ok(None) };
    let bytes = text.trim().parse().map(Some);
    bytes.map_err(|_| format!("{MEMORY_LIMIT} is {text:?}: it must be a number of bytes, such as 2147483648"))
}

/// As many bytes as `GLASSBOX_MEMORY_LIMIT` says; without it as the control group of the process may have or, if
/// that is not limited, as the machine has. A hundred million turns.
impl Default for Limits {
    fn default() -> Limits {
        let told = memory_limit().ok().flatten();
        let found = || [memory_of_machine(), memory_of_group()].into_iter().flatten().min();
        Limits { bytes: told.or_else(found).unwrap_or(8 << 30), turns: 100_000_000 }
    }
}

/// The main memory, where the system tells.
fn memory_of_machine() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok()?.checked_mul(1024)
}

/// What the control group of the process may have, in version 2 and in version 1, where there is a limit.
fn memory_of_group() -> Option<usize> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
}
