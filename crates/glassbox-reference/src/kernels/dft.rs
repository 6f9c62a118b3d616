//! `dft`.

use glassbox_ir::ops::dft::axis_of;
use glassbox_tensor::{Overflow, Tensor, parallel_map};

use super::fourier::{Complex, Fourier};
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (x, sizes) = (call.tensor(0)?, call.sizes(0)?);
    let (inverse, onesided) = (call.attr.bool("inverse"), call.attr.bool("onesided"));
    let axis = if call.has(2) { call.tensor(2)?.item::<i64>()? } else { -2 };
    let (axis, rank) = (axis_of(axis, x.rank())?, x.rank());
    let length = match (call.has(1), inverse && onesided) {
        (true, _) => call.tensor(1)?.item::<i64>()? as usize,
        (false, true) => 2 * x.shape()[axis].saturating_sub(1),
        (false, false) => x.shape()[axis],
    };
    // The axis stands before that of the parts, so that a line is a run of elements.
    let mut order: Vec<usize> = (0..rank - 1).filter(|other| *other != axis).collect();
    order.extend([axis, rank - 1]);
    let (parts, taken) = (x.shape()[rank - 1], x.shape()[axis]);
    let (given, result_parts) = (sizes[axis], sizes[rank - 1]);
    let elements = x.permute(&order)?.load::<f64>()?.into_owned();
    let fourier = Fourier::new(length);
    let transform = |line: &[f64]| {
        let at = |n: usize| match line.get(n * parts..(n + 1) * parts) {
            Some([re]) => Complex::new(*re, 0.0),
            Some([re, im]) => Complex::new(*re, *im),
            _ => Complex::default(),
        };
        let spectrum = match (inverse, onesided) {
            (false, _) => fourier.forward(&(0..length).map(at).collect::<Vec<_>>()),
            // The inverse transform is the forward one of the conjugate, conjugated.
            (true, false) => fourier.forward(&(0..length).map(|k| at(k).conj()).collect::<Vec<_>>()),
            (true, true) => fourier.forward(&(0..length).map(|k| mirrored(k, length, at).conj()).collect::<Vec<_>>()),
        };
        let scale = if inverse { length as f64 } else { 1.0 };
        let sign = if inverse { -1.0 } else { 1.0 };
        let both = spectrum.iter().take(given).flat_map(|value| [value.re / scale, sign * value.im / scale]);
        both.enumerate().filter(|(index, _)| index % 2 < result_parts).map(|(_, value)| value).collect()
    };
    let lines: Vec<&[f64]> = match taken * parts {
        0 => vec![&[]; sizes.iter().product::<usize>() / (given * result_parts).max(1)],
        run => elements.chunks_exact(run).collect(),
    };
    let results: Vec<Vec<f64>> = parallel_map(lines.len(), |line| transform(lines[line]));
    let permuted: Vec<usize> = order.iter().map(|axis| sizes[*axis]).collect();
    let result = Tensor::store(call.dtype(0), &permuted, results.concat(), Overflow::Wrap)?;
    let mut back = vec![0; rank];
    for (place, axis) in order.iter().enumerate() {
        back[*axis] = place;
    }
    one(result.permute(&back)?)
}

/// Element k of the whole spectrum of a real signal of `length`, of which `at` gives the first half.
fn mirrored(k: usize, length: usize, at: impl Fn(usize) -> Complex) -> Complex {
    match k {
        // The sums are real there, whatever stands in the imaginary part.
        _ if k == 0 || 2 * k == length => Complex::new(at(k).re, 0.0),
        _ if 2 * k < length => at(k),
        _ => at(length - k).conj(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::check::{run, run_with};
    use glassbox_ir::{attrs, ops};

    fn signal(shape: &[usize]) -> Tensor {
        let count = shape.iter().product();
        Tensor::from_vec(shape, (0..count).map(|n: usize| ((n * 37) % 23) as f64 - 11.0).collect()).unwrap()
    }

    #[test]
    fn the_inverse_gives_the_signal_back_along_any_axis() {
        let x = signal(&[3, 5, 7, 2]);
        for axis in [0i64, 1, -2] {
            let operands = |x: &Tensor| [Some(x.clone()), None, Some(Tensor::scalar(axis))];
            let dft = &ops::dft::OP;
            let y = run_with(dft, &operands(&x), attrs! {}, 1, Default::default()).unwrap();
            let back = run_with(dft, &operands(&y[0]), attrs! { inverse: true }, 1, Default::default()).unwrap();
            let (a, b) = (x.load::<f64>().unwrap(), back[0].load::<f64>().unwrap());
            assert!(a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() < 1e-12), "axis {axis}");
        }
    }

    #[test]
    fn half_a_spectrum_gives_a_real_signal_of_even_and_odd_length() {
        for length in [1usize, 2, 6, 7] {
            let x = signal(&[2, length, 1]);
            let half = run(&ops::dft::OP, std::slice::from_ref(&x), attrs! { onesided: true }).unwrap();
            assert_eq!(half[0].shape(), [2, length / 2 + 1, 2]);
            let operands = [half[0].clone(), Tensor::scalar(length as i64)];
            let back = run(&ops::dft::OP, &operands, attrs! { inverse: true, onesided: true }).unwrap();
            assert_eq!(back[0].shape(), [2, length, 1]);
            let (a, b) = (x.load::<f64>().unwrap(), back[0].load::<f64>().unwrap());
            assert!(a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() < 1e-12), "length {length}");
        }
    }

    #[test]
    fn a_longer_signal_is_cut_and_a_shorter_one_filled_with_zeros() {
        let x = Tensor::from_vec(&[3, 1], vec![1f64, 2.0, 4.0]).unwrap();
        let of = |length: i64| {
            run(&ops::dft::OP, &[x.clone(), Tensor::scalar(length)], attrs! {}).unwrap()[0].to_vec::<f64>().unwrap()
        };
        assert_eq!(of(2), [3.0, 0.0, -1.0, 0.0]);
        assert_eq!(of(4)[..2], [7.0, 0.0]);
        assert_eq!(of(4).len(), 8);
        let error = run(&ops::dft::OP, &[x.clone(), Tensor::scalar(0i64)], attrs! {}).unwrap_err();
        assert!(error.contains("C3"), "{error}");
    }
}
