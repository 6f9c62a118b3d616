//! Conversions between dtypes: what they mean, and [`Tensor::cast`].
//!
//! | from → to | rule |
//! | --- | --- |
//! | float → float | rounded once to nearest even, straight from the source value; NaN stays NaN, quiet, with its sign and the payload bits that fit |
//! | … out of range, to f64, f32, f16, bf16 | infinity; ONNX gives `saturate` no say here, and neither does [`Overflow`] |
//! | … out of range (infinities too), to an 8-bit float | [`Overflow::Saturate`]: the largest finite value; [`Overflow::Wrap`]: infinity in f8e5m2, NaN in the others |
//! | … to f4e2m1 | always saturates; NaN, which it cannot hold, becomes -0 as in ONNX's reference implementation and backend tests (its prose page says 6) |
//! | … to f8e8m0 | [`E8M0Round`]; see [`encode_e8m0`](crate::encode_e8m0) |
//! | integer, bool → float | the same, rounded once straight from the integer |
//! | float → integer | truncated toward zero; out of range, `Wrap` takes the value modulo 2^bits, exactly, `Saturate` the nearer end; NaN becomes 0; infinities become 0 with `Wrap`, the ends with `Saturate` |
//! | integer → integer | `Wrap`: modulo 2^bits; `Saturate`: the nearer end |
//! | number → t2, t1 | truncated toward zero, then the sign: -1, 0, 1 for t2; t1, which has no 0, gives 1 for it. `Overflow` has no say: modular arithmetic has no meaning there |
//! | anything → bool | whether it is not zero; NaN is true |
//! | bool → number | 0 or 1; f8e8m0 treats them as the numbers they are |
//!
//! Strings and block formats do not convert here: text wants parsing rules, blocks want dequantising.

use crate::access::with_exact_compute;
use crate::gather::check_arithmetic;
use crate::{Compute, DType, Tensor, TensorError};

/// What a conversion does with a value outside the target's range.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Overflow {
    /// Integers wrap modulo 2^bits; floats overflow to infinity or NaN.
    #[default]
    Wrap,
    /// The nearest value that the target has.
    Saturate,
}

/// How a conversion to f8e8m0 rounds between two powers of two.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum E8M0Round {
    /// To the larger, as ONNX does by default.
    #[default]
    Up,
    /// To the smaller.
    Down,
    /// To the nearer; half way, to the larger.
    Nearest,
}

/// How [`Tensor::cast_with`] converts. The default wraps, and rounds f8e8m0 up.
///
/// ```
/// use glassbox_tensor::{CastOptions, DType, Overflow, Tensor};
/// let x = Tensor::from_vec(&[2], vec![1e6f32, -0.5])?;
/// let options = CastOptions { overflow: Overflow::Saturate, ..CastOptions::default() };
/// assert_eq!(x.cast_with(DType::I8, options)?.to_vec::<i8>()?, [127, 0]);
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct CastOptions {
    /// What to do with values out of range.
    pub overflow: Overflow,
    /// How to round to f8e8m0.
    pub e8m0_round: E8M0Round,
}

impl From<Overflow> for CastOptions {
    fn from(overflow: Overflow) -> Self {
        CastOptions { overflow, ..CastOptions::default() }
    }
}

impl Tensor {
    /// The elements converted to `dtype` by the rules of [this module](crate::cast). A cast to the tensor's
    /// own dtype changes nothing and shares the data.
    ///
    /// # Errors
    ///
    /// Where `dtype` has no arithmetic (text, block formats), or there is no memory.
    ///
    /// ```
    /// use glassbox_tensor::{DType, Overflow, Tensor};
    /// let x = Tensor::from_vec(&[3], vec![1.5f32, 300.0, -1.0])?;
    /// assert_eq!(x.cast(DType::U8, Overflow::Saturate)?.to_vec::<u8>()?, [1, 255, 0]);
    /// # Ok::<(), glassbox_tensor::TensorError>(())
    /// ```
    pub fn cast(&self, dtype: DType, overflow: Overflow) -> Result<Tensor, TensorError> {
        self.cast_with(dtype, overflow.into())
    }

    /// [`Tensor::cast`] with all options.
    ///
    /// # Errors
    ///
    /// Where one of the dtypes isn't of numbers, a value doesn't fit and the options refuse that, or there isn't enough
    /// memory.
    pub fn cast_with(&self, dtype: DType, options: CastOptions) -> Result<Tensor, TensorError> {
        if dtype == self.dtype {
            return Ok(self.clone());
        }
        check_arithmetic("cast", self.dtype)?;
        check_arithmetic("cast", dtype)?;
        let source = self.contiguous()?;
        with_exact_compute!(self.dtype, C => convert::<C>(&source, dtype, options))
    }
}

/// Converts by way of `C`, which holds every value of the source's dtype exactly.
fn convert<C: Compute>(source: &Tensor, dtype: DType, options: CastOptions) -> Result<Tensor, TensorError> {
    Tensor::try_build_with::<C, TensorError>(dtype, &source.shape, options, &|start, out| source.load_range(start, out))
}
