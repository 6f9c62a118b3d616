//! `matmul_integer`: products of matrices of 8-bit integers.

use super::common::*;
use super::matmul::product_shape;
use super::quantization::column;

const BYTES: DTypes = DTypes::These(&[DType::I8, DType::U8]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "matmul_integer",
    tier: Tier::Composite(decompose),
    doc: "matmul of a - a_zero_point and b - b_zero_point, as i32. The sums wrap. A zero point is one number, or one for \
          each row of a or column of b: a vector, or with the dims of the matrix but 1 for the inner one.",
    inputs: &[
        Input::one("a", BYTES).same('A'),
        Input::one("b", BYTES).same('B'),
        Input::one("a_zero_point", BYTES).same('A').optional(),
        Input::one("b_zero_point", BYTES).same('B').optional(),
    ],
    constraints: &[
        ("C1", "no operand is a scalar"),
        ("C2", "the inner dims are equal"),
        ("C3", "the other dims broadcast"),
        ("C4", "a zero point is one number, or one for each row of a or column of b"),
    ],
    example: "matmul_integer(u8[1, 2] [11, 12], u8[2, 1] [3, 4], u8[] 10) -> i32[1, 1] [11]",
    infer: |infer| {
        let (a, b) = (infer.tensor(0)?, infer.tensor(1)?);
        for (matrix, zero) in [(0, 2), (1, 3)] {
            check_parameter(infer, matrix, zero, matrix == 0, "C4")?;
        }
        Ok(vec![TensorType { dtype: DType::I32, shape: product_shape(&a.shape, &b.shape)? }.into()])
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};

/// A scale or zero point of a matrix: one number, or one for each row (else column).
pub(super) fn check_parameter(
    infer: &Infer,
    matrix: usize,
    parameter: usize,
    by_row: bool,
    rule: &'static str,
) -> Result<(), Violation> {
    let (Some(dims), Some(given)) = (infer.dims(matrix), infer.dims(parameter)) else { return Ok(()) };
    if given.iter().all(|dim| *dim == Dim::Int(1)) && given.len() <= dims.len() {
        return Ok(());
    }
    // A vector is one row or column.
    let extent = match dims.len() {
        0 | 1 => None,
        rank => Some(&dims[rank - if by_row { 2 } else { 1 }]),
    };
    let fits = match (extent, given.len()) {
        (Some(extent), 1) => extent.same(&given[0]) != Some(false),
        (Some(_), rank) if rank == dims.len() => {
            let inner = if by_row { rank - 1 } else { rank - 2 };
            let same = |(axis, (dim, given)): (usize, (&Dim, &Dim))| match axis == inner {
                true => *given == Dim::Int(1) || given.is_unknown(),
                false => *given == Dim::Int(1) || dim.same(given) != Some(false),
            };
            dims.iter().zip(given).enumerate().all(same)
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let message = format!("{} is {} for {}", infer.name_of(parameter), infer.ty(parameter)?, infer.ty(matrix)?);
    Err(Violation::new(rule, message))
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let centred = |x: Expr<'a>, zero: Option<Expr<'a>>| match zero {
        Some(zero) => x.cast(DType::I32) - zero.cast(DType::I32),
        None => x.cast(DType::I32),
    };
    let a = centred(d.x(0), d.opt(2).map(|zero| column(d.x(0), zero)));
    Ok(vec![a.matmul(centred(d.x(1), d.opt(3)))])
}
