//! A plain evaluator of programs: one number after the other, one row after the other.
//!
//! It follows the rounding that operations and reductions document, so results must agree to the bit. The elementary
//! functions are those of the crate, which have tests of their own.

use super::super::*;
use crate::math;
use crate::simd::{Kernel, Level, Simd, run_at};

/// The values of a program for one row: `loads[l][column]`, gives `stores[s][column]`.
pub(super) fn row(program: &Program, columns: usize, loads: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut steps: Vec<Vec<f32>> = Vec::new();
    for step in &program.steps {
        let operand = |operand: &Operand| match operand {
            Operand::Load(load) => loads[*load].clone(),
            Operand::Step(step) => steps[*step].clone(),
            Operand::Constant(constant) => vec![*constant; columns],
        };
        let operands: Vec<Vec<f32>> = step.operands.iter().map(operand).collect();
        let result = if step.operation.is_reduction() {
            vec![reduction(step.operation, &operands[0]); columns]
        } else {
            let at = |column: usize| operands.iter().map(|operand| operand[column]).collect::<Vec<f32>>();
            (0..columns).map(|column| element(step.operation, &at(column))).collect()
        };
        steps.push(result);
    }
    let value = |store: &Store| match store.value {
        Operand::Load(load) => loads[load].clone(),
        Operand::Step(step) => steps[step].clone(),
        Operand::Constant(_) => unreachable!("a store of a constant isn't compiled"),
    };
    program.stores.iter().map(value).collect()
}

/// ONNX: NaN wins.
fn smaller(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

fn reduction(operation: Operation, row: &[f32]) -> f32 {
    let wide = row.iter().copied().map(f64::from);
    match operation {
        Operation::RowMax => wide.fold(f64::NEG_INFINITY, larger) as f32,
        Operation::RowMin => wide.fold(f64::INFINITY, smaller) as f32,
        Operation::RowSum => sum(row) as f32,
        Operation::RowMean => (sum(row) / row.len() as f64) as f32,
        _ => unreachable!("not a reduction"),
    }
}

/// In the order that [`crate::tile`] documents. Every 512 numbers are summed from 0 and then added.
fn sum(row: &[f32]) -> f64 {
    let mut total = [0f64; 16];
    for tile in row.chunks(512) {
        let mut lanes = [0f64; 16];
        for block in tile.chunks(64) {
            let number = |place: usize| block.get(place).copied().unwrap_or(0.0);
            for (lane, sum) in lanes.iter_mut().enumerate() {
                let low = number(lane) + number(lane + 16);
                let high = number(lane + 32) + number(lane + 48);
                *sum += f64::from(low + high);
            }
        }
        if lanes.iter().any(|sum| !sum.is_finite()) {
            tile.iter().enumerate().for_each(|(place, x)| total[place % 16] += f64::from(*x));
        } else {
            total.iter_mut().zip(lanes).for_each(|(total, sum)| *total += sum);
        }
    }
    let mut half = 8;
    while half > 0 {
        (0..half).for_each(|lane| total[lane] += total[lane + half]);
        half /= 2;
    }
    total[0]
}

/// One operation on numbers, in f64 and rounded to f32 once.
pub(super) fn element(operation: Operation, operands: &[f32]) -> f32 {
    use Operation::*;
    let wide = |place: usize| f64::from(operands.get(place).copied().unwrap_or(0.0));
    let (x, y, z) = (wide(0), wide(1), wide(2));
    let truth = |truth: bool| f64::from(u8::from(truth));
    let result = match operation {
        Add => x + y,
        Sub => x - y,
        Mul => x * y,
        Div => x / y,
        Min => smaller(x, y),
        Max => larger(x, y),
        Fma => return operands[0].mul_add(operands[1], operands[2]),
        Neg => -x,
        Abs => x.abs(),
        Sign if x > 0.0 => 1.0,
        Sign if x < 0.0 => -1.0,
        Sign => x,
        Floor => x.floor(),
        Ceil => x.ceil(),
        Trunc => x.trunc(),
        RoundEven => x.round_ties_even(),
        RoundF16 => return half::f16::from_f32(operands[0]).to_f32(),
        RoundBf16 => return half::bf16::from_f32(operands[0]).to_f32(),
        Sqrt => x.sqrt(),
        Reciprocal => 1.0 / x,
        Less => truth(x < y),
        LessOrEqual => truth(x <= y),
        Greater => truth(x > y),
        GreaterOrEqual => truth(x >= y),
        Equal => truth(x == y),
        And => truth(x != 0.0 && y != 0.0),
        Or => truth(x != 0.0 || y != 0.0),
        Xor => truth((x != 0.0) != (y != 0.0)),
        Not => truth(x == 0.0),
        IsNan => truth(x.is_nan()),
        IsInfinite => truth(x.is_infinite()),
        Where => return if x != 0.0 { operands[1] } else { operands[2] },
        _ => return run_at(Level::Portable, Function(operation, operands[0], operands.get(1).copied().unwrap_or(0.0))),
    };
    let _ = z;
    result as f32
}

/// An elementary function of one or two numbers.
struct Function(Operation, f32, f32);

impl Kernel for Function {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        use Operation::*;
        let (x, y) = (simd.splat(self.1), simd.splat(self.2));
        let result = match self.0 {
            Pow => math::pow(simd, x, y),
            Exp => math::exp(simd, x),
            Exp2 => math::exp2(simd, x),
            Expm1 => math::expm1(simd, x),
            Log => math::log(simd, x),
            Log2 => math::log2(simd, x),
            Log1p => math::log1p(simd, x),
            Tanh => math::tanh(simd, x),
            Sigmoid => math::sigmoid(simd, x),
            Softplus => math::softplus(simd, x),
            Sinh => math::sinh(simd, x),
            Cosh => math::cosh(simd, x),
            Erf => math::erf(simd, x),
            Sin => math::sin(simd, x),
            Cos => math::cos(simd, x),
            Atan => math::atan(simd, x),
            other => unreachable!("{other} is evaluated in f64"),
        };
        simd.lanes(result)[0]
    }
}
