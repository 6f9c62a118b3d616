//! `det`.

use glassbox_tensor::{Overflow, Tensor};

use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let [outer @ .., rows, _] = x.shape() else { return Err(call.invalid("C1", "the rank is below 2")) };
    let matrices = x.load::<f64>()?;
    let size = rows * rows;
    one(Tensor::try_build(call.dtype(0), outer, Overflow::Wrap, |start, out: &mut [f64]| {
        for (index, out) in out.iter_mut().enumerate() {
            *out = determinant(matrices[(start + index) * size..][..size].to_vec(), *rows);
        }
        Ok::<_, KernelError>(())
    })?)
}

/// The determinant of a matrix whose rows lie one after the other.
fn determinant(mut matrix: Vec<f64>, size: usize) -> f64 {
    if matrix.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut product = 1.0;
    for step in 0..size {
        let larger = |best: usize, row: usize| {
            if matrix[row * size + step].abs() > matrix[best * size + step].abs() { row } else { best }
        };
        let pivot = (step..size).fold(step, larger);
        if pivot != step {
            (step..size).for_each(|column| matrix.swap(pivot * size + column, step * size + column));
            product = -product;
        }
        let divisor = matrix[step * size + step];
        product *= divisor;
        if divisor == 0.0 {
            break;
        }
        let (above, below) = matrix.split_at_mut((step + 1) * size);
        let pivot = &above[step * size..];
        for row in below.chunks_exact_mut(size) {
            let factor = row[step] / divisor;
            row[step..].iter_mut().zip(&pivot[step..]).for_each(|(value, pivot)| *value -= factor * pivot);
        }
    }
    product
}
