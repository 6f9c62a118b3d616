//! `range`: numbers at equal distances.

use super::common::*;
use super::indexing::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "range",
    doc: "The vector start, start + delta, start + 2·delta, … up to but without `limit`: max(ceil((limit - start) / \
          delta), 0) numbers. Floats are computed in f64, each from its place, and round once.",
    inputs: &[
        Input::one("start", DTypes::Numeric).same('T').shapes(),
        Input::one("limit", DTypes::Numeric).same('T').shapes(),
        Input::one("delta", DTypes::Numeric).same('T').shapes(),
    ],
    constraints: &[
        ("C1", "start, limit and delta have one element each"),
        ("C2", "delta isn't 0"),
        ("C3", "there is a finite number of numbers"),
    ],
    example: "range(i64[] 1, i64[] 6, i64[] 2) -> i64[3] [1, 3, 5]",
    infer: |infer| {
        (0..3).try_for_each(|index| check_one_element(infer, index, "C1"))?;
        let dtype = infer.dtype(0)?;
        let count = if dtype.is_float() { count_of_floats(infer)? } else { count_of_integers(infer)? };
        Ok(vec![Type::tensor(dtype, [count])])
    },
    known: Some(|infer, types| vec![numbers(infer, types)]),
    rounding: Rounding::Once,
    ..OpDef::BASE
};

fn count_of_floats(infer: &Infer) -> Result<Dim, Violation> {
    let number = |index: usize| infer.contents(index).and_then(|tensor| tensor.load::<f64>().ok()?.first().copied());
    let delta = number(2);
    if delta == Some(0.0) {
        return Err(Violation::new("C2", "delta is 0"));
    }
    let (Some(start), Some(limit), Some(delta)) = (number(0), number(1), delta) else { return Ok(Dim::Unknown) };
    let count = ((limit - start) / delta).ceil().max(0.0);
    if !start.is_finite() || !limit.is_finite() || delta.is_nan() || count >= i64::MAX as f64 {
        return Err(Violation::new("C3", format!("from {start} to {limit} in steps of {delta}")));
    }
    Ok(Dim::Int(count as i64))
}

fn count_of_integers(infer: &Infer) -> Result<Dim, Violation> {
    if let (Some(start), Some(limit), Some(delta)) = (integer(infer, 0), integer(infer, 1), integer(infer, 2)) {
        return match integer_count(start, limit, delta) {
            Some(count) => Ok(Dim::Int(count)),
            None if delta == 0 => Err(Violation::new("C2", "delta is 0")),
            None => Err(Violation::new("C3", format!("from {start} to {limit} in steps of {delta}"))),
        };
    }
    let [start, limit, delta] = [0, 1, 2].map(|index| single(infer, index).unwrap_or(Dim::Unknown));
    Ok(match delta.as_int() {
        Some(0) => return Err(Violation::new("C2", "delta is 0")),
        Some(step) if step > 0 => (&limit - &start).ceil_div(&delta).maximum(&Dim::Int(0)),
        Some(_) => (&start - &limit).ceil_div(&(Dim::Int(0) - delta)).maximum(&Dim::Int(0)),
        None => Dim::Unknown,
    })
}

/// An integer of any dtype.
fn integer(infer: &Infer, index: usize) -> Option<i128> {
    let Some(tensor) = infer.contents(index) else { return single(infer, index)?.as_int().map(i128::from) };
    match tensor.dtype() {
        DType::U64 => tensor.item::<u64>().ok().map(i128::from),
        _ => tensor.item::<i64>().ok().map(i128::from),
    }
}

/// How many integers there are from `start` up to but without `limit`; none where nobody can count them.
pub fn integer_count(start: i128, limit: i128, delta: i128) -> Option<i64> {
    let (distance, step) = if delta < 0 { (start - limit, -delta) } else { (limit - start, delta) };
    if step == 0 {
        return None;
    }
    if distance <= 0 { Some(0) } else { i64::try_from((distance + step - 1) / step).ok() }
}

fn numbers(infer: &Infer, types: &[Type]) -> Option<Known> {
    let count = types[0].as_tensor()?.dims()?.first()?.as_size().filter(|count| *count <= 1024)?;
    let (start, delta) = (single(infer, 0)?, single(infer, 2)?);
    known_as(&types[0], (0..count).map(|place| &start + &(&delta * &Dim::from(place))).collect())
}
