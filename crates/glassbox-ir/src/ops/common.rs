//! What the declarations of many ops share: operand lists, inference by shape, known contents.

pub(super) use glassbox_tensor::{Class, DType};

pub(super) use crate::attr::AttrKind;
pub(super) use crate::decompose::Decompose;
pub(super) use crate::dim::Dim;
pub(super) use crate::effects::Effects;
pub(super) use crate::error::{BuildError, Violation};
pub(super) use crate::expr::Expr;
pub(super) use crate::infer::{Infer, Known, normalise_axis};
pub(super) use crate::op::{AttrSpec, DTypes, Input, OpDef, Output, Rounding, Tier};
pub(super) use crate::types::{Shape, TensorType, Type};

/// What inference gives.
pub(super) type Types = Result<Vec<Type>, Violation>;
/// What a decomposition gives.
pub(super) type Exprs<'a> = Result<Vec<Expr<'a>>, BuildError>;

/// One float operand.
pub(super) const FLOAT: &[Input] = &[Input::one("x", DTypes::Float)];
/// One operand of floats or integers.
pub(super) const NUMERIC: &[Input] = &[Input::one("x", DTypes::Numeric)];
/// Two operands of one numeric dtype, broadcast against each other.
pub(super) const NUMERIC_PAIR: &[Input] =
    &[Input::one("a", DTypes::Numeric).same('T'), Input::one("b", DTypes::Numeric).same('T')];
/// Two operands of one dtype, whichever, broadcast against each other.
pub(super) const ANY_PAIR: &[Input] = &[Input::one("a", DTypes::Any).same('T'), Input::one("b", DTypes::Any).same('T')];
/// Two truth values, broadcast against each other.
pub(super) const BOOL_PAIR: &[Input] =
    &[Input::one("a", DTypes::These(&[DType::Bool])), Input::one("b", DTypes::These(&[DType::Bool]))];
/// Any number of operands of one numeric dtype, broadcast against each other.
pub(super) const NUMERIC_MANY: &[Input] = &[Input::one("x", DTypes::Numeric).variadic(1)];
/// The integers that are bits in two's complement or unsigned: all but the ternary and the sign dtypes.
pub(super) const BITS: DTypes = DTypes::These(&[
    DType::I64,
    DType::I32,
    DType::I16,
    DType::I8,
    DType::U64,
    DType::U32,
    DType::U16,
    DType::U8,
    DType::I4,
    DType::U4,
    DType::I2,
    DType::U2,
    DType::I1,
    DType::U1,
]);
/// Two operands of one dtype of [`BITS`], broadcast against each other.
pub(super) const BITS_PAIR: &[Input] = &[Input::one("a", BITS).same('T'), Input::one("b", BITS).same('T')];
/// The constraint that [`broadcast`] checks.
pub(super) const BROADCASTS: (&str, &str) =
    ("C1", "the shapes broadcast: aligned at the last axis, dims are equal or one of them is 1");

/// An elementwise op of one float operand: fill in name, doc and example.
pub(super) const UNARY_FLOAT: OpDef = OpDef { inputs: FLOAT, infer: same_as_first, ..OpDef::BASE };
/// An elementwise op of two operands of one numeric dtype.
pub(super) const BINARY: OpDef =
    OpDef { inputs: NUMERIC_PAIR, constraints: &[BROADCASTS], infer: broadcast_all, ..OpDef::BASE };
/// A comparison of two operands of one numeric dtype.
pub(super) const COMPARISON: OpDef =
    OpDef { inputs: NUMERIC_PAIR, constraints: &[BROADCASTS], infer: broadcast_to_bool, ..OpDef::BASE };

/// The result is like the first operand.
pub(super) fn same_as_first(infer: &Infer) -> Types {
    Ok(vec![infer.ty(0)?.clone()])
}

/// The result has the first operand's dtype, and all operands are broadcast.
pub(super) fn broadcast_all(infer: &Infer) -> Types {
    let dtype = infer.dtype(0)?;
    Ok(vec![TensorType { dtype, shape: broadcast(infer, "C1")? }.into()])
}

/// The result is bool, and all operands are broadcast.
pub(super) fn broadcast_to_bool(infer: &Infer) -> Types {
    Ok(vec![TensorType { dtype: DType::Bool, shape: broadcast(infer, "C1")? }.into()])
}

/// The shape of all operands broadcast.
pub(super) fn broadcast(infer: &Infer, rule: &'static str) -> Result<Shape, Violation> {
    let mut shape = Shape::Ranked(Vec::new());
    for index in (0..infer.operands.len()).filter(|index| infer.has(*index)) {
        shape = broadcast_shapes(rule, &shape, &infer.tensor(index)?.shape)?;
    }
    Ok(shape)
}

/// The shape of two operands broadcast.
pub(super) fn broadcast_shapes(rule: &'static str, a: &Shape, b: &Shape) -> Result<Shape, Violation> {
    let (Shape::Ranked(a), Shape::Ranked(b)) = (a, b) else { return Ok(Shape::Unranked) };
    Ok(Shape::Ranked(broadcast_dims(rule, a, b)?))
}

/// The dims of two operands broadcast: aligned at the last, 1 gives way.
pub(super) fn broadcast_dims(rule: &'static str, a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, Violation> {
    let rank = a.len().max(b.len());
    let at = |dims: &[Dim], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(Dim::Int(1), |i| dims[i].clone());
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (Dim::Int(x), Dim::Int(y)) if x != y && x != 1 && y != 1 => {
                let (a, b) = (Shape::Ranked(a.to_vec()), Shape::Ranked(b.to_vec()));
                Err(Violation::new(rule, format!("{a} and {b} don't broadcast")))
            }
            (x, y) => Ok(x.broadcast(&y)),
        })
        .collect()
}

/// Checks that a shape broadcasts to another without changing it.
pub(super) fn spreads_to(rule: &'static str, small: &Shape, large: &Shape) -> Result<(), Violation> {
    let (Shape::Ranked(from), Shape::Ranked(to)) = (small, large) else { return Ok(()) };
    let spreads = |(from, to): (&Dim, &Dim)| *from == Dim::Int(1) || from.same(to) != Some(false);
    let all = from.len() <= to.len() && from.iter().rev().zip(to.iter().rev()).all(spreads);
    if all { Ok(()) } else { Err(Violation::new(rule, format!("{small} doesn't broadcast to {large}"))) }
}

/// What is known of an integer op of two operands, each a scalar or a vector.
pub(super) fn known_binary(infer: &Infer, types: &[Type], op: fn(&Dim, &Dim) -> Dim) -> Vec<Option<Known>> {
    vec![binary_ints(infer, types, op)]
}

fn binary_ints(infer: &Infer, types: &[Type], op: fn(&Dim, &Dim) -> Dim) -> Option<Known> {
    let result = types.first()?.as_tensor()?;
    if !matches!(result.dtype, DType::I64 | DType::I32) || result.rank()? > 1 {
        return None;
    }
    let (a, b) = (infer.ints(0)?, infer.ints(1)?);
    let count = if a.is_empty() || b.is_empty() { 0 } else { a.len().max(b.len()) };
    let at = |values: &[Dim], index: usize| values[if values.len() == 1 { 0 } else { index }].clone();
    let values: Vec<Dim> = (0..count).map(|index| op(&at(&a, index), &at(&b, index))).collect();
    if result.rank()? == 0 { Known::scalar(values.into_iter().next()?) } else { Known::vector(values) }
}

/// Whether an integer dtype or bool has this value exactly.
pub(super) fn holds(dtype: DType, value: f64) -> bool {
    let bits = match (dtype.bits(), dtype.class()) {
        (_, Class::Bool) => return value == 0.0 || value == 1.0,
        (Some(bits), Class::Signed | Class::Unsigned) => bits as i32,
        _ => return false,
    };
    let (least, beyond) = match dtype.class() {
        Class::Unsigned => (0.0, 2f64.powi(bits)),
        _ => (-2f64.powi(bits - 1), 2f64.powi(bits - 1)),
    };
    match dtype {
        DType::T1 => value == -1.0 || value == 1.0,
        DType::T2 => value == -1.0 || value == 0.0 || value == 1.0,
        _ => value.fract() == 0.0 && (least..beyond).contains(&value),
    }
}

/// The axes of a list that is a set: each in range, counted from the front, sorted, each once however often it is given. For
/// ops of which a second mention of an axis (as 1 and -1 of two) asks for nothing else than the first.
pub(super) fn set_of_axes(rule: &'static str, axes: &[i64], rank: usize) -> Result<Vec<usize>, Violation> {
    let mut found = axes.iter().map(|axis| normalise_axis(rule, *axis, rank)).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The extents of an axis list: each in range, none twice, counted from the front, sorted.
pub(super) fn normalise_axes(rule: &'static str, axes: &[i64], rank: usize) -> Result<Vec<usize>, Violation> {
    let mut found = axes.iter().map(|axis| normalise_axis(rule, *axis, rank)).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    match found.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Violation::new(rule, format!("axis {} is given twice in {axes:?}", pair[0]))),
        None => Ok(found),
    }
}
