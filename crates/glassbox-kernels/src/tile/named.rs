//! Programs for what models have: normalisations, softmax, activations.
//!
//! Each is written as its formula; a fusion finds its own programs, and these are what it is tested and measured with.

use std::f32::consts::FRAC_1_SQRT_2;

use super::program::{Format, Operand, Operation, Program};

/// e^(x − max) / Σ e^(x − max) over the columns.
///
/// ```
/// println!("{}", glassbox_kernels::tile::named::softmax(glassbox_kernels::tile::Format::F32));
/// ```
pub fn softmax(format: Format) -> Program {
    let mut program = Program::default();
    let x = program.load(format);
    let largest = program.step(Operation::RowMax, &[x]);
    let below = program.step(Operation::Sub, &[x, largest]);
    let power = program.step(Operation::Exp, &[below]);
    let sum = program.step(Operation::RowSum, &[power]);
    let share = program.step(Operation::Div, &[power, sum]);
    program.store(share, format);
    program
}

/// (x − mean) / √(variance + epsilon) · scale + bias; the loads are x, scale and bias.
pub fn layer_norm(format: Format, epsilon: f32) -> Program {
    let mut program = Program::default();
    let (x, scale, bias) = (program.load(format), program.load(format), program.load(format));
    let mean = program.step(Operation::RowMean, &[x]);
    let centred = program.step(Operation::Sub, &[x, mean]);
    let square = program.step(Operation::Mul, &[centred, centred]);
    let variance = program.step(Operation::RowMean, &[square]);
    let deviation = deviation(&mut program, variance, epsilon);
    let normal = program.step(Operation::Mul, &[centred, deviation]);
    let scaled = program.step(Operation::Mul, &[normal, scale]);
    let shifted = program.step(Operation::Add, &[scaled, bias]);
    program.store(shifted, format);
    program
}

/// x / √(mean of squares + epsilon) · scale; the loads are x and scale.
pub fn rms_norm(format: Format, epsilon: f32) -> Program {
    let mut program = Program::default();
    let (x, scale) = (program.load(format), program.load(format));
    let square = program.step(Operation::Mul, &[x, x]);
    let mean = program.step(Operation::RowMean, &[square]);
    let deviation = deviation(&mut program, mean, epsilon);
    let normal = program.step(Operation::Mul, &[x, deviation]);
    let scaled = program.step(Operation::Mul, &[normal, scale]);
    program.store(scaled, format);
    program
}

fn deviation(program: &mut Program, variance: Operand, epsilon: f32) -> Operand {
    let sum = program.step(Operation::Add, &[variance, epsilon.into()]);
    let root = program.step(Operation::Sqrt, &[sum]);
    program.step(Operation::Reciprocal, &[root])
}

/// x · (1 + erf(x / √2)) / 2.
pub fn gelu(format: Format) -> Program {
    elementwise(format, |program, x| {
        let scaled = program.step(Operation::Mul, &[x, FRAC_1_SQRT_2.into()]);
        let erf = program.step(Operation::Erf, &[scaled]);
        let above = program.step(Operation::Add, &[erf, 1.0.into()]);
        let product = program.step(Operation::Mul, &[x, above]);
        program.step(Operation::Mul, &[product, 0.5.into()])
    })
}

/// x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) / 2.
pub fn gelu_tanh(format: Format) -> Program {
    elementwise(format, |program, x| {
        let square = program.step(Operation::Mul, &[x, x]);
        let cube = program.step(Operation::Mul, &[square, x]);
        let small = program.step(Operation::Mul, &[cube, 0.044_715.into()]);
        let sum = program.step(Operation::Add, &[x, small]);
        let scaled = program.step(Operation::Mul, &[sum, 0.797_884_6.into()]);
        let tanh = program.step(Operation::Tanh, &[scaled]);
        let above = program.step(Operation::Add, &[tanh, 1.0.into()]);
        let product = program.step(Operation::Mul, &[x, above]);
        program.step(Operation::Mul, &[product, 0.5.into()])
    })
}

/// x · sigmoid(x).
pub fn silu(format: Format) -> Program {
    elementwise(format, |program, x| {
        let gate = program.step(Operation::Sigmoid, &[x]);
        program.step(Operation::Mul, &[x, gate])
    })
}

/// gate · sigmoid(gate) · x; the loads are gate and x.
pub fn swiglu(format: Format) -> Program {
    let mut program = Program::default();
    let (gate, x) = (program.load(format), program.load(format));
    let open = program.step(Operation::Sigmoid, &[gate]);
    let silu = program.step(Operation::Mul, &[gate, open]);
    let product = program.step(Operation::Mul, &[silu, x]);
    program.store(product, format);
    program
}

fn elementwise(format: Format, body: impl Fn(&mut Program, Operand) -> Operand) -> Program {
    let mut program = Program::default();
    let x = program.load(format);
    let result = body(&mut program, x);
    program.store(result, format);
    program
}
