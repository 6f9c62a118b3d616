//! `multinomial`.

use glassbox_tensor::{Overflow, Tensor};

use super::random::Stream;
use crate::call::{Call, Outcome, one};
use glassbox_exec::KernelError;

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes, stream) = (call.tensor(0)?, call.sizes(0)?, Stream::new(call));
    let classes = x.shape()[1];
    let logarithms = x.load::<f64>()?;
    let mut sums = Vec::with_capacity(logarithms.len());
    for row in 0..sizes[0] {
        let terms = &logarithms[row * classes..(row + 1) * classes];
        let greatest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !greatest.is_finite() || terms.iter().any(|term| term.is_nan()) {
            return Err(call.invalid("C4", format!("no probabilities follow from row {row} of x")));
        }
        let mut sum = 0.0;
        sums.extend(terms.iter().map(|term| {
            sum += libm::exp(term - greatest);
            sum
        }));
    }
    one(Tensor::try_build(call.dtype(0), &sizes, Overflow::Wrap, |start, out: &mut [i64]| {
        for (offset, out) in out.iter_mut().enumerate() {
            let row = (start + offset) / sizes[1];
            let sums = &sums[row * classes..(row + 1) * classes];
            let drawn = stream.uniform((start + offset) as u64) * sums[classes - 1];
            // Rounding may bring the product up to the total: the index is then the last that adds to it.
            let least = sums.partition_point(|sum| *sum <= drawn);
            *out = least.min(sums.partition_point(|sum| *sum < sums[classes - 1])) as i64;
        }
        Ok::<_, KernelError>(())
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::check::run;
    use glassbox_ir::{attrs, ops};

    #[test]
    fn indices_are_drawn_in_proportion_and_never_where_the_probability_is_zero() {
        let row = [0.0, f64::NEG_INFINITY, 3f64.ln(), f64::NEG_INFINITY];
        let x = Tensor::from_vec(&[2, 4], [row, row].concat()).unwrap();
        let result = run(&ops::multinomial::OP, &[x], attrs! { sample_size: 40_000 }).unwrap();
        let drawn = result[0].to_vec::<i32>().unwrap();
        assert!(drawn.iter().all(|index| [0, 2].contains(index)));
        let share = drawn.iter().filter(|index| **index == 2).count() as f64 / drawn.len() as f64;
        assert!((share - 0.75).abs() < 0.01, "{share}");
    }

    #[test]
    fn a_row_without_probabilities_is_an_error() {
        for bad in [f64::NEG_INFINITY, f64::NAN, f64::INFINITY] {
            let x = Tensor::from_vec(&[1, 2], vec![bad, f64::NEG_INFINITY]).unwrap();
            let error = run(&ops::multinomial::OP, &[x], attrs! {}).unwrap_err();
            assert!(error.contains("C4"), "{error}");
        }
    }
}
