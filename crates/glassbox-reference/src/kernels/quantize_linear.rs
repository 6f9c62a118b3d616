//! `quantize_linear`.

use glassbox_tensor::{DType, Overflow, Tensor};

use super::quantization::{Parameters, round_to};
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, dtype) = (call.tensor(0)?.contiguous()?, call.dtype(0));
    let parameters = Parameters::new(call)?;
    let precision = match (call.tensor(1)?.dtype(), call.attr.dtype("precision")) {
        // A scale in f64 is a run in f64, or asks for it.
        (DType::F64, _) => DType::F64,
        (_, Some(precision)) => precision,
        (DType::F8E8M0, None) => DType::F32,
        (scale, None) => scale,
    };
    let integer = dtype.is_integer();
    let quantise = |x: f64, (scale, zero): (f64, f64)| {
        let quotient = round_to(precision, x / scale);
        match integer {
            true if quotient.is_nan() => zero,
            true => quotient.round_ties_even() + zero,
            false => round_to(precision, quotient + zero),
        }
    };
    let overflow = if integer || call.attr.bool("saturate") { Overflow::Saturate } else { Overflow::Wrap };
    one(Tensor::try_build(dtype, x.shape(), overflow, |start, out: &mut [f64]| {
        x.load_range(start, out)?;
        for (offset, out) in out.iter_mut().enumerate() {
            *out = quantise(*out, parameters.at(start + offset));
        }
        Ok::<_, KernelError>(())
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::check::run;
    use glassbox_ir::{attrs, ops};

    fn quantised(x: &[f64], scale: f64, dtype: DType, saturate: bool) -> Vec<f64> {
        let x = Tensor::store(DType::F32, &[x.len()], x.to_vec(), Overflow::Wrap).unwrap();
        let operands = [x, Tensor::scalar(scale as f32)];
        let attrs = attrs! { output_dtype: dtype, saturate: saturate };
        run(&ops::quantize_linear::OP, &operands, attrs).unwrap()[0].load::<f64>().unwrap().into_owned()
    }

    #[test]
    fn integers_round_half_to_even_and_stay_in_range() {
        let x = [0.5, 1.5, -2.5, 1e9, -1e9, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
        for (dtype, low, high) in [
            (DType::I8, -128.0, 127.0),
            (DType::U8, 0.0, 255.0),
            (DType::I16, -32768.0, 32767.0),
            (DType::U16, 0.0, 65535.0),
            (DType::I4, -8.0, 7.0),
            (DType::U4, 0.0, 15.0),
            (DType::I2, -2.0, 1.0),
            (DType::U2, 0.0, 3.0),
        ] {
            let two = 2f64.min(high);
            let expected = [0.0, two, (-2f64).max(low), high, low, high, low, 0.0];
            assert_eq!(quantised(&x, 1.0, dtype, true), expected, "{dtype}");
        }
    }

    #[test]
    fn eight_bit_floats_saturate_only_if_asked() {
        assert_eq!(quantised(&[1e9, -1e9, 2.0], 2.0, DType::F8E4M3FN, true), [448.0, -448.0, 1.0]);
        assert!(quantised(&[1e9], 2.0, DType::F8E4M3FN, false)[0].is_nan());
        assert_eq!(quantised(&[1e9], 2.0, DType::F8E5M2, false), [f64::INFINITY]);
    }

    #[test]
    fn the_quotient_is_rounded_to_the_precision_before_it_is_rounded_to_an_integer() {
        // A third of the f32 just below 4.5 is 1.5 in bf16, and less in f64.
        let x = Tensor::from_vec(&[1], vec![4.5f32.next_down()]).unwrap();
        let operands = [x, Tensor::scalar(3f32)];
        let run = |precision: DType| {
            let attrs = attrs! { precision: precision, output_dtype: DType::I8 };
            run(&ops::quantize_linear::OP, &operands, attrs).unwrap()[0].item::<i64>().unwrap()
        };
        assert_eq!((run(DType::BF16), run(DType::F64)), (2, 1));
    }

    #[test]
    fn a_last_block_may_be_shorter() {
        let x = Tensor::from_vec(&[1, 5], vec![1f32, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let scale = Tensor::from_vec(&[1, 3], vec![1f32, 0.5, 0.25]).unwrap();
        let result = run(&ops::quantize_linear::OP, &[x.clone(), scale], attrs! { block_size: 2 }).unwrap();
        assert_eq!(result[0].to_vec::<u8>().unwrap(), [1, 2, 6, 8, 20]);
        let short = Tensor::from_vec(&[1, 2], vec![1f32, 0.5]).unwrap();
        let error = run(&ops::quantize_linear::OP, &[x, short], attrs! { block_size: 2 }).unwrap_err();
        assert!(error.contains("C1"), "{error}");
    }
}
