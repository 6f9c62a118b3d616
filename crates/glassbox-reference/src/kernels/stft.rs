//! `stft`.

use glassbox_tensor::{Overflow, Tensor, parallel_map};

use super::fourier::{Complex, Fourier};
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (signal, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let (length, parts) = (signal.shape()[1], signal.shape()[2]);
    let step = call.tensor(1)?.item::<i64>()? as usize;
    let window = call.opt_tensor(2)?.map(|window| window.load::<f64>()).transpose()?;
    let frame = match (call.opt_tensor(3)?, &window) {
        (Some(frame), _) => frame.item::<i64>()? as usize,
        (None, Some(window)) => window.len(),
        (None, None) => length,
    };
    let elements = signal.load::<f64>()?;
    let fourier = Fourier::new(frame);
    let (frames, kept) = (sizes[1], sizes[2]);
    let transform = |index: usize| -> Vec<f64> {
        let first = index / frames * length + index % frames * step;
        let at = |n: usize| {
            let weight = window.as_ref().map_or(1.0, |window| window[n]);
            let number = &elements[(first + n) * parts..(first + n + 1) * parts];
            Complex::new(number[0] * weight, number.get(1).map_or(0.0, |im| im * weight))
        };
        let line: Vec<Complex> = (0..frame).map(at).collect();
        fourier.forward(&line).iter().take(kept).flat_map(|value| [value.re, value.im]).collect()
    };
    let results: Vec<Vec<f64>> = parallel_map(sizes[0] * frames, transform);
    one(Tensor::store(call.dtype(0), &sizes, results.concat(), Overflow::Wrap)?)
}
