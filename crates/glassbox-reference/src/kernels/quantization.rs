//! Quantising and dequantising: the scale and the zero point of each element.

use glassbox_ir::Dim;
use glassbox_ir::ops::quantization::{Granularity, granularity};
use glassbox_tensor::{DType, FloatFormat, Overflow, Unpacked};

use crate::call::Call;
use glassbox_exec::KernelError;

/// The scales and zero points of a call with operands x, scale, zero point.
pub(super) struct Parameters {
    scales: Vec<f64>,
    zeros: Option<Vec<f64>>,
    granularity: Granularity,
    /// The extent of the axis that the scales are spread along.
    extent: usize,
    /// How many elements one step along it is.
    inner: usize,
}

impl Parameters {
    /// The parameters of `call`.
    pub(super) fn new(call: &Call) -> Result<Parameters, KernelError> {
        let dims = |index: usize| -> Result<Vec<Dim>, KernelError> {
            Ok(call.tensor(index)?.shape().iter().map(|size| Dim::from(*size)).collect())
        };
        let (x, scale) = (dims(0)?, dims(1)?);
        let found = granularity(Some(&x), Some(&scale), call.attr.int("axis"), call.attr.int("block_size"))?;
        let granularity =
            found.ok_or_else(|| KernelError::Internal("known dims don't say how scales are spread".to_owned()))?;
        let shape = call.tensor(0)?.shape();
        let (extent, inner) = match granularity {
            Granularity::Tensor => (1, 1),
            Granularity::Axis { axis } | Granularity::Blocks { axis, .. } => {
                (shape[axis], shape[axis + 1..].iter().product())
            }
        };
        let zeros = call.opt_tensor(2)?.map(|zeros| zeros.load::<f64>()).transpose()?;
        let scales = call.tensor(1)?.load::<f64>()?.into_owned();
        Ok(Parameters { scales, zeros: zeros.map(|zeros| zeros.into_owned()), granularity, extent, inner })
    }

    /// The scale and the zero point of the element in place `index`.
    pub(super) fn at(&self, index: usize) -> (f64, f64) {
        let place = match self.granularity {
            Granularity::Tensor => 0,
            Granularity::Axis { .. } => index / self.inner % self.extent,
            Granularity::Blocks { size, .. } => {
                let (outer, step) = (index / self.inner / self.extent, index / self.inner % self.extent);
                (outer * self.extent.div_ceil(size) + step / size) * self.inner + index % self.inner
            }
        };
        (self.scales[place], self.zeros.as_ref().map_or(0.0, |zeros| zeros[place]))
    }
}

/// `value` rounded to a float dtype; f64 and integers leave it as it is.
pub(super) fn round_to(dtype: DType, value: f64) -> f64 {
    let narrow = |format: FloatFormat| format.decode(format.encode(Unpacked::from_f64(value), Overflow::Wrap));
    match dtype {
        DType::F32 => f64::from(value as f32),
        DType::F16 => narrow(FloatFormat::F16),
        DType::BF16 => narrow(FloatFormat::BF16),
        _ => value,
    }
}
