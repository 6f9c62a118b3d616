//! Bytes with a scale and a zero point, of numbers and back.

use glassbox_exec::KernelError;
use glassbox_ir::{AttrView, Graph, Node, ops};
use glassbox_kernels::quant::{self, Code};
use glassbox_tensor::{DType, Element, Tensor};

use super::{Built, Kernel};
use crate::fragment::{Fragment, Sizes};
use crate::slots::Call;

/// Whether a use of `dynamic_quantize_linear` is computed here: all are.
pub(crate) fn is_computed(_: &Graph, node: &Node) -> bool {
    *node.op == ops::dynamic_quantize_linear::OP
}

/// What a kernel of this file does.
enum Kind {
    /// Finds the scale and the zero point, too.
    Dynamic,
    /// Numbers to bytes.
    To,
    /// Bytes to numbers.
    From,
}

struct Linear {
    kind: Kind,
    x: usize,
    scale: Option<usize>,
    zero: Option<usize>,
    /// The axis along which there are several scales.
    axis: i64,
    dtype: DType,
}

/// One node that quantises f32 to bytes, or takes bytes as f32.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|_| fragment.nodes().len() == 1) else { return Err(String::new()) };
    let number = |place: usize| node.operands.get(place).copied().flatten().map(|id| fragment.number(id));
    let Some(x) = number(0) else { return Err(String::new()) };
    if *node.op == ops::dynamic_quantize_linear::OP {
        return Ok(Box::new(Linear { kind: Kind::Dynamic, x, scale: None, zero: None, axis: 0, dtype: DType::U8 }));
    }
    let kind = match node.op {
        op if *op == ops::quantize_linear::OP => Kind::To,
        op if *op == ops::dequantize_linear::OP => Kind::From,
        _ => return Err(String::new()),
    };
    let result = fragment.number(node.results[0]);
    let (numbers, bytes) = if matches!(kind, Kind::To) { (x, result) } else { (result, x) };
    let (scale, zero) = (number(1), number(2));
    let floats = [Some(numbers), scale].iter().all(|it| it.and_then(|it| fragment.dtype(it)) == Some(DType::F32));
    let Some(dtype @ (DType::U8 | DType::I8)) = fragment.dtype(bytes) else {
        return Err("only bytes are quantised here".to_owned());
    };
    let attr = AttrView::new(node.op, &node.attrs);
    let precise = matches!(kind, Kind::From) || attr.dtype("precision").is_none_or(|dtype| dtype == DType::F32);
    if !floats || !precise {
        return Err("only f32 is quantised here".to_owned());
    }
    Ok(Box::new(Linear { kind, x, scale, zero, axis: attr.int("axis"), dtype }))
}

impl Kernel for Linear {
    fn takes(&self, _: &Fragment, sizes: &Sizes) -> bool {
        // Scales of blocks have the rank of the tensor.
        let parameters = [self.scale, self.zero].into_iter().flatten();
        parameters.into_iter().all(|number| sizes.sizes[number].iter().filter(|size| **size != 1).count() < 2)
            && self.scale.is_none_or(|scale| {
                let (scales, sizes) = (&sizes.sizes[scale], &sizes.sizes[self.x]);
                scales.iter().product::<usize>() == 1 || scales.len() == 1 && sizes.len() > 1
            })
    }

    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        match (&self.kind, self.dtype) {
            (Kind::Dynamic, _) => dynamic(self, call),
            (_, DType::U8) => self.of::<u8>(call),
            _ => self.of::<i8>(call),
        }
    }
}

/// Bytes, and the scale and zero point that were found for them.
fn dynamic(kernel: &Linear, call: &Call) -> Result<Vec<Tensor>, KernelError> {
    let x = call.inputs[kernel.x].contiguous()?;
    let values = x.as_slice::<f32>().ok_or_else(unreadable)?;
    let [least, greatest] = quant::range(values);
    let width = greatest - least;
    let scale = if width == 0.0 { 1.0 } else { width } / 255.0;
    let mut zero = [0u8];
    quant::quantize(&[-least], scale, 0, &mut zero);
    let mut output = call.output(DType::U8, x.shape())?;
    quant::quantize(values, scale, zero[0], output.bytes());
    let mut made = vec![output.finish()?, Tensor::scalar(scale), Tensor::scalar(zero[0])];
    made.truncate(call.fragment.outputs().len());
    Ok(made)
}

impl Linear {
    fn of<T: Code + Element>(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let x = call.inputs[self.x].contiguous()?;
        let scales = call.inputs[self.scale.ok_or_else(unreadable)?].load::<f32>()?;
        let zeros = match self.zero {
            Some(zero) => call.inputs[zero].contiguous()?.as_slice::<T>().ok_or_else(unreadable)?.to_vec(),
            None => vec![T::default()],
        };
        let to = matches!(self.kind, Kind::To);
        let mut output = call.output(if to { self.dtype } else { DType::F32 }, x.shape())?;
        // Runs of elements that share a scale.
        let run = match scales.len() {
            1 => x.len(),
            _ => {
                let axis = if self.axis < 0 { self.axis + x.rank() as i64 } else { self.axis };
                x.shape()[usize::try_from(axis).unwrap_or(0) + 1..].iter().product()
            }
        };
        if run > 0 {
            for (index, first) in (0..x.len()).step_by(run).enumerate() {
                let (scale, zero) = (scales[index % scales.len()], zeros[index % zeros.len()]);
                let places = first..first + run;
                if to {
                    let values = &x.as_slice::<f32>().ok_or_else(unreadable)?[places.clone()];
                    quant::quantize(values, scale, zero, &mut output.elements::<T>()[places]);
                } else {
                    let codes = &x.as_slice::<T>().ok_or_else(unreadable)?[places.clone()];
                    quant::dequantize(codes, scale, zero, &mut output.floats()[places]);
                }
            }
        }
        Ok(vec![output.finish()?])
    }
}

fn unreadable() -> KernelError {
    KernelError::Internal("what is quantised can't be read".to_owned())
}
