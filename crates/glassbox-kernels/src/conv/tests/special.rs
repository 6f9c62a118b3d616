//! Infinities and NaN, as the definition has them: a tap outside is a zero that is multiplied.

use super::plain::{convolve, numbers, run_plain};
use crate::conv::{Activation, Convolution, Fused, Options};
use crate::simd::Level;

#[test]
fn infinities_and_nan_go_where_they_are_seen() {
    let base =
        Convolution { kernel: [3, 3], pad_begin: [1, 1], pad_end: [1, 1], input: [5, 6], ..Convolution::POINTWISE };
    let kernels = [
        (Convolution { in_channels: 20, out_channels: 19, ..base }, false),
        (Convolution { in_channels: 3, out_channels: 19, ..base }, true),
        (Convolution { in_channels: 19, out_channels: 19, groups: 19, ..base }, false),
        (Convolution { in_channels: 6, out_channels: 9, groups: 3, ..base }, false),
    ];
    for (conv, plain_input) in kernels {
        for (in_input, special) in
            [f32::INFINITY, f32::NEG_INFINITY, f32::NAN].iter().flat_map(|x| [(true, *x), (false, *x)])
        {
            let mut input = numbers(1, conv.in_channels * 30);
            let mut weights = numbers(2, conv.weights());
            if in_input {
                input[37] = special
            } else {
                weights[11] = special
            }
            let [sums, _] = convolve(&conv, &input, &weights);
            for level in Level::available() {
                let options = Options { level, plain_input, ..Options::default() };
                let fused = Fused { activation: Activation::Clip(-100.0, 100.0), ..Fused::default() };
                let found = run_plain(&conv, options, [&input, &weights], &fused, None);
                for (place, (found, sum)) in found.iter().zip(&sums).enumerate() {
                    let same = match (found.is_nan(), sum.is_nan()) {
                        (false, false) => (f64::from(*found) - sum.clamp(-100.0, 100.0)).abs() < 1e-4,
                        (found, sum) => found && sum,
                    };
                    assert!(same, "{found} for {sum} at {place}: {special} {in_input} {options:?} {conv:?}");
                }
            }
        }
    }
}
