//! `mel_weight_matrix`.

use glassbox_tensor::{Overflow, Tensor};

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let count = |index: usize| Ok::<_, glassbox_exec::KernelError>(call.tensor(index)?.item::<i64>()?);
    let edge = |index: usize| Ok::<_, glassbox_exec::KernelError>(call.tensor(index)?.item::<f64>()?);
    let (length, rate, lower, upper) = (count(1)?, count(2)?, edge(3)?, edge(4)?);
    let sizes = call.sizes(0)?;
    let (rows, bands) = (sizes[0], sizes[1]);
    if rate < 1 {
        return Err(call.invalid("C2", format!("sample_rate is {rate}")));
    }
    if !(0.0 <= lower && lower <= upper) {
        return Err(call.invalid("C3", format!("the edges are {lower} and {upper} Hz")));
    }
    let mel = |hertz: f64| 2595.0 * libm::log10(1.0 + hertz / 700.0);
    let step = (mel(upper) - mel(lower)) / (bands as f64 + 2.0);
    let bin = |edge: usize| -> f64 {
        let hertz = 700.0 * (libm::pow(10.0, (edge as f64 * step + mel(lower)) / 2595.0) - 1.0);
        ((length as f64 + 1.0) * hertz / rate as f64).floor()
    };
    let last = bin(bands + 1);
    // The last bin is only where the last triangle has come down to 0 again, so it may lie just outside.
    let outside = bin(bands) >= rows as f64 || last > rows as f64;
    if bands > 0 && (outside || last.is_nan()) {
        return Err(call.invalid("C3", format!("the last edge, of {upper} Hz, lies in bin {last} of {rows}")));
    }
    one(Tensor::build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [f64]| {
        for (offset, out) in out.iter_mut().enumerate() {
            let (row, band) = (((start + offset) / bands) as f64, (start + offset) % bands);
            let (left, centre, right) = (bin(band), bin(band + 1), bin(band + 2));
            *out = match row {
                _ if left <= row && row < centre => (row - left) / (centre - left),
                _ if centre <= row && row < right => (right - row) / (right - centre),
                // The peak is 1 even where nothing is left of either side.
                _ if row == centre => 1.0,
                _ => 0.0,
            };
        }
    })?)
}
