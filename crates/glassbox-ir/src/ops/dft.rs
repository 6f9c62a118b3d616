//! `dft`: the discrete Fourier transform.

use super::common::*;

const LENGTHS: DTypes = DTypes::These(&[DType::I32, DType::I64]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "dft",
    doc: "The discrete Fourier transform along `axis` (by default the one before the last): for each k the sum over n of \
          x[n] exp(-2πi k n / N). The last axis holds the real part alone, or the real and the imaginary part. N is \
          `dft_length`, by default the extent of the axis; x is cut or filled with zeros to it. With `inverse` the sign \
          of the exponent is + and the sums are divided by N. With `onesided`, of the transform of a real x only the \
          first N/2+1 elements are given; with `inverse` too, x is such a half, N is by default twice what is before its \
          last element, and the real signal is given. Computed in f64 and rounded once.",
    inputs: &[
        Input::one("x", DTypes::Float),
        Input::one("dft_length", LENGTHS).optional().shapes(),
        Input::one("axis", LENGTHS).optional().shapes(),
    ],
    attrs: &[AttrSpec::bool("inverse", false), AttrSpec::bool("onesided", false)],
    constraints: &[
        ("C1", "x has at least two axes; the last has extent 1 or 2"),
        ("C2", "axis is one number in [-r, r), and not the last axis"),
        ("C3", "the length is one number, at least 1"),
        ("C4", "with onesided x is real, with onesided and inverse it has two parts"),
    ],
    example: "dft(f32[1, 2, 1] [1, 3]) -> f32[1, 2, 2] [4, 0, -2, 0]",
    infer,
    ..OpDef::BASE
};

/// The axis of a transform, counted from the front.
///
/// # Errors
///
/// Where the axis is outside the tensor, or is the last one, which holds the parts of the numbers.
pub fn axis_of(axis: i64, rank: usize) -> Result<usize, Violation> {
    let found = normalise_axis("C2", axis, rank)?;
    match found + 1 == rank {
        true => Err(Violation::new("C2", format!("axis {axis} is the last of {rank}, which holds the parts of the numbers"))),
        false => Ok(found),
    }
}

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let one = |index: usize, rule: &'static str| match infer.ints(index) {
        Some(values) if values.len() != 1 => {
            Err(Violation::new(rule, format!("{} has {} elements", infer.name_of(index), values.len())))
        }
        Some(values) => Ok(values[0].clone()),
        None => Ok(Dim::Unknown),
    };
    let (inverse, onesided) = (infer.attr.bool("inverse"), infer.attr.bool("onesided"));
    let (length, axis) = (one(1, "C3")?, one(2, "C2")?);
    let Some(dims) = x.dims() else { return Ok(vec![Type::unranked(x.dtype)]) };
    let parts = match dims {
        [_, .., parts] if parts.as_int().is_none_or(|parts| (1..=2).contains(&parts)) => parts.as_int(),
        _ => return Err(Violation::new("C1", format!("x is {x}"))),
    };
    if let (true, Some(parts)) = (onesided, parts)
        && (parts == 2) != inverse
    {
        return Err(Violation::new("C4", format!("inverse is {inverse}, and the numbers of {x} have {parts} parts")));
    }
    let mut result = dims.to_vec();
    result[dims.len() - 1] = Dim::Int(if inverse && onesided { 1 } else { 2 });
    let axis = match (infer.has(2), axis.as_int()) {
        (false, _) => dims.len() - 2,
        (true, Some(axis)) => axis_of(axis, dims.len())?,
        // Any axis but the last may have any extent.
        (true, None) => {
            let last = result.split_off(dims.len() - 1);
            let open = vec![Dim::Unknown; dims.len() - 1];
            return Ok(vec![Type::tensor(x.dtype, open.into_iter().chain(last))]);
        }
    };
    let length = match infer.has(1) {
        true => length,
        false if inverse && onesided => Dim::Int(2) * (&dims[axis] - &Dim::Int(1)),
        false => dims[axis].clone(),
    };
    if length.as_int().is_some_and(|length| length < 1) {
        return Err(Violation::new("C3", format!("the length is {length}")));
    }
    result[axis] = match onesided && !inverse {
        true => length.floor_div(&Dim::Int(2)) + Dim::Int(1),
        false => length,
    };
    Ok(vec![Type::tensor(x.dtype, result)])
}
