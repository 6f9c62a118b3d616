//! The named programs against their formulas in f64.

use super::super::*;
use super::random::Draws;
use crate::simd::Level;

/// Runs a program of f32 loads, of which the first goes over rows and columns and the others over columns alone unless `full`.
fn run(level: Level, program: &Program, rows: usize, columns: usize, loads: &[Vec<f32>], full: bool) -> Vec<f32> {
    let mut result = vec![0.0; rows * columns];
    let whole = [columns as isize];
    let sources: Vec<Source> = loads
        .iter()
        .enumerate()
        .map(|(number, data)| Source {
            data: Data::F32(data),
            offset: 0,
            row_strides: if number == 0 || full { &whole } else { &[0] },
            column_stride: 1,
        })
        .collect();
    let store = Destination { data: DataMut::F32(&mut result), offset: 0, row_strides: &whole, column_stride: 1 };
    Compiled::new(program).unwrap().run_at(level, Space { rows: &[rows], columns }, &sources, &mut [store]);
    result
}

/// Over some sizes, that no result is further from the formula than `relative` of it and `absolute` together.
fn check(program: &Program, full: bool, [relative, absolute]: [f64; 2], formula: impl Fn(&[&[f64]]) -> Vec<f64>) {
    for (rows, columns) in [(1, 1), (3, 2), (5, 63), (4, 64), (7, 129), (2, 768), (3, 1031), (1, 5000)] {
        let draws = &mut Draws::new((rows * columns) as u64);
        let mut number = || (draws.bits() as f32 / u32::MAX as f32 - 0.5) * 10.0;
        let loads: Vec<Vec<f32>> =
            (0..program.loads.len()).map(|_| (0..rows * columns).map(|_| number()).collect()).collect();
        let wide: Vec<Vec<f64>> = loads.iter().map(|load| load.iter().copied().map(f64::from).collect()).collect();
        for level in Level::available() {
            let found = run(level, program, rows, columns, &loads, full);
            for row in 0..rows {
                let part = row * columns..(row + 1) * columns;
                let of_load =
                    |load: usize| if load == 0 || full { &wide[load][part.clone()] } else { &wide[load][..columns] };
                let operands: Vec<&[f64]> = (0..wide.len()).map(of_load).collect();
                for (column, expected) in formula(&operands).into_iter().enumerate() {
                    let error = (f64::from(found[row * columns + column]) - expected).abs();
                    let bound = relative * expected.abs() + absolute;
                    assert!(error <= bound, "{rows} by {columns} at {column}: {error:e} of {expected:e}");
                }
            }
        }
    }
}

/// Half a unit in the last place of 1.
const HALF_ULP: f64 = 1.0 / (1 << 24) as f64;

#[test]
fn softmax() {
    // The difference of x and its maximum, at most 10, is rounded, and exp is steep there; then exp, sum, quotient.
    check(&named::softmax(Format::F32), false, [20.0 * HALF_ULP, 1e-40], |loads| {
        let largest = loads[0].iter().copied().fold(f64::MIN, f64::max);
        let powers: Vec<f64> = loads[0].iter().map(|x| (x - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect()
    });
}

#[test]
fn layer_norm() {
    // Numbers near the mean lose what was rounded of mean and x, at most 5, and a deviation of 2.9 divides it; scale and
    // bias are at most 5.
    check(&named::layer_norm(Format::F32, 1e-5), false, [10.0 * HALF_ULP, 60.0 * HALF_ULP], |loads| {
        let count = loads[0].len() as f64;
        let mean = loads[0].iter().sum::<f64>() / count;
        let variance = loads[0].iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let deviation = (variance + f64::from(1e-5f32)).sqrt();
        (0..loads[0].len()).map(|at| (loads[0][at] - mean) / deviation * loads[1][at] + loads[2][at]).collect()
    });
}

#[test]
fn rms_norm() {
    check(&named::rms_norm(Format::F32, 1e-6), false, [12.0 * HALF_ULP, 0.0], |loads| {
        let mean = loads[0].iter().map(|x| x * x).sum::<f64>() / loads[0].len() as f64;
        let deviation = (mean + f64::from(1e-6f32)).sqrt();
        loads[0].iter().zip(loads[1]).map(|(x, scale)| x / deviation * scale).collect()
    });
}

#[test]
fn activations() {
    let each = |f: fn(f64) -> f64| move |loads: &[&[f64]]| loads[0].iter().copied().map(f).collect::<Vec<f64>>();
    // 1 + erf and 1 + tanh cancel for negative x: an ulp of 1 times x, at most 5.
    check(
        &named::gelu(Format::F32),
        false,
        [8.0 * HALF_ULP, 12.0 * HALF_ULP],
        each(|x| x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)) / 2.0),
    );
    check(
        &named::gelu_tanh(Format::F32),
        false,
        [8.0 * HALF_ULP, 12.0 * HALF_ULP],
        each(|x| x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh()) / 2.0),
    );
    check(&named::silu(Format::F32), false, [6.0 * HALF_ULP, 0.0], each(|x| x / (1.0 + (-x).exp())));
    check(&named::swiglu(Format::F32), true, [8.0 * HALF_ULP, 0.0], |loads| {
        loads[0].iter().zip(loads[1]).map(|(gate, x)| gate / (1.0 + (-gate).exp()) * x).collect()
    });
}

#[test]
fn softmax_of_masked_and_spoiled_rows() {
    let program = named::softmax(Format::F32);
    for level in Level::available() {
        let row = vec![f32::NEG_INFINITY, 1.0, f32::NEG_INFINITY, 1.0, 500.0, -1000.0];
        assert_eq!(run(level, &program, 1, 6, &[row], false), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
        assert!(run(level, &program, 1, 2, &[vec![f32::NAN, 1.0]], false).iter().all(|x| x.is_nan()));
        assert!(run(level, &program, 1, 2, &[vec![f32::NEG_INFINITY; 2]], false).iter().all(|x| x.is_nan()));
    }
}

#[test]
fn sums_that_overflow_in_f32_are_taken_in_f64() {
    let mut program = Program::default();
    let x = program.load(Format::F32);
    let mean = program.step(Operation::RowMean, &[x]);
    program.store(mean, Format::F32);
    for level in Level::available() {
        assert_eq!(run(level, &program, 1, 700, &[vec![3e38; 700]], false), [3e38; 700]);
    }
}
