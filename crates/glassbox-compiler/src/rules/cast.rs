//! Conversions: of one dtype to itself, two in a row, and where they are cheapest.

use glassbox_ir::{Attrs, OpDef, ValueId, ops};
use glassbox_tensor::{Class, DType};

use super::movement::moves;
use crate::no_match::NoMatch;
use crate::rebuild::Rebuild;
use crate::rule::{Candidate, Roots, Rule};

const CAST: Roots = Roots::Ops(&[&ops::cast::OP]);

/// A cast to the dtype that is there.
pub(super) static SAME_DTYPE: Rule = Rule {
    name: "cast-same-dtype",
    equation: "cast(x, dtype of x) = x",
    roots: CAST,
    apply: |rebuild, root| {
        let x = root.operand(0)?;
        let (from, to) = (rebuild.tensor_type(x)?.dtype, rebuild.tensor_type(root.result()?)?.dtype);
        if from == to { Ok(vec![x]) } else { Err(NoMatch::DType(from)) }
    },
};

/// A cast of what was cast to a dtype that holds all it was.
pub(super) static TWICE: Rule = Rule {
    name: "cast-twice",
    equation: "cast(cast(x, a), b) = cast(x, b), where a holds every value of the dtype of x",
    roots: CAST,
    apply: |rebuild, root| {
        let inner = rebuild.giver_of(root.operand(0)?, &ops::cast::OP)?;
        let x = inner.operand(0)?;
        let from = rebuild.tensor_type(x)?.dtype;
        let through = rebuild.tensor_type(inner.result()?)?.dtype;
        let to = rebuild.tensor_type(root.result()?)?.dtype;
        if !holds_all(through, from) {
            return Err(NoMatch::NotExact("the dtype between doesn't hold every value"));
        }
        if from == to && from.is_float() {
            // There and back, a signalling NaN has become a quiet one.
            super::identity::check_quiet(rebuild, x)?;
        }
        Ok(vec![rebuild.emit(&ops::cast::OP, &[x], root.attrs.clone())?])
    },
};

/// A cast to fewer bits goes before what moves elements.
pub(super) static NARROW_EARLY: Rule = Rule {
    name: "cast-narrow-early",
    equation: "cast(move(x), fewer bits) = move(cast(x, fewer bits)), for transpose, reshape, squeeze, unsqueeze",
    roots: CAST,
    apply: |rebuild, root| {
        let moved = root.operand(0)?;
        check_bits(rebuild, moved, root, |from, to| to < from)?;
        let mover = rebuild.giver(moved)?;
        if !moves(mover.op) {
            return Err(NoMatch::Op { wanted: "an op that moves elements", found: mover.op.name });
        }
        rebuild.check_only_here(moved)?;
        let cast = rebuild.emit(&ops::cast::OP, &[mover.operand(0)?], root.attrs.clone())?;
        Ok(vec![with_first(rebuild, mover.op, &mover, cast)?])
    },
};

/// A cast to more bits goes behind what moves elements.
pub(super) static WIDEN_LATE: Rule = Rule {
    name: "cast-widen-late",
    equation: "move(cast(x, more bits)) = cast(move(x), more bits), for transpose, reshape, squeeze, unsqueeze",
    roots: Roots::Ops(&[&ops::transpose::OP, &ops::reshape::OP, &ops::squeeze::OP, &ops::unsqueeze::OP]),
    apply: |rebuild, root| {
        let wide = root.operand(0)?;
        let cast = rebuild.giver_of(wide, &ops::cast::OP)?;
        let narrow = cast.operand(0)?;
        check_bits(rebuild, narrow, &cast, |from, to| to > from)?;
        rebuild.check_only_here(wide)?;
        let moved = with_first(rebuild, root.op, root, narrow)?;
        Ok(vec![rebuild.emit(&ops::cast::OP, &[moved], cast.attrs.clone())?])
    },
};

/// Compares the bits that an element of `from`, and of the result of a cast, takes.
fn check_bits(
    rebuild: &Rebuild,
    from: ValueId,
    cast: &Candidate,
    wanted: impl Fn(u32, u32) -> bool,
) -> Result<(), NoMatch> {
    let dtype = rebuild.tensor_type(from)?.dtype;
    let bits = |dtype: DType| dtype.bits().map(|bits| bits as u32).ok_or(NoMatch::DType(dtype));
    let (before, after) = (bits(dtype)?, bits(rebuild.tensor_type(cast.result()?)?.dtype)?);
    if wanted(before, after) { Ok(()) } else { Err(NoMatch::NoGain) }
}

/// The same use of an op, with another first operand.
fn with_first(rebuild: &mut Rebuild, op: &'static OpDef, like: &Candidate, first: ValueId) -> Result<ValueId, NoMatch> {
    let mut operands = like.operands.clone();
    if let Some(operand) = operands.first_mut() {
        *operand = Some(first);
    }
    let attrs: Attrs = like.attrs.clone();
    rebuild.emit_many(op, &operands, attrs, 1)?.first().copied().ok_or(NoMatch::NoGain)
}

/// Whether every value of `small` is one of `large`.
fn holds_all(large: DType, small: DType) -> bool {
    let bits = |dtype: DType| dtype.bits().map_or(0, |bits| bits as u32);
    match (small.class(), large.class()) {
        (Class::Bool, Class::Signed | Class::Unsigned) => !matches!(large, DType::T1 | DType::T2 | DType::I1),
        (Class::Bool, Class::Float) => PLAIN_FLOATS.contains(&large),
        (Class::Unsigned, Class::Unsigned) => bits(large) >= bits(small),
        (Class::Unsigned, Class::Signed) => !ternary(large) && bits(large) > bits(small),
        (Class::Signed, Class::Signed) => !ternary(large) && !ternary(small) && bits(large) >= bits(small),
        // f64 holds integers of 53 bits, f32 of 24.
        (Class::Signed | Class::Unsigned, Class::Float) => match large {
            DType::F64 => bits(small) <= 32,
            DType::F32 => bits(small) <= 16,
            _ => false,
        },
        (Class::Float, Class::Float) => {
            matches!(
                (small, large),
                (DType::F32 | DType::F16 | DType::BF16, DType::F64) | (DType::F16 | DType::BF16, DType::F32)
            )
        }
        _ => false,
    }
}

const PLAIN_FLOATS: &[DType] = &[DType::F64, DType::F32, DType::F16, DType::BF16];

fn ternary(dtype: DType) -> bool {
    matches!(dtype, DType::T1 | DType::T2)
}

#[cfg(test)]
mod tests {
    use glassbox_ir::{attrs, ops};
    use glassbox_reference::evaluate;
    use glassbox_tensor::{DType, Tensor};

    use super::super::check::{odd_tensor, table};
    use super::super::{MOVE, SIMPLIFY};
    use super::*;

    #[test]
    fn casts_that_do_nothing_or_twice_the_same() {
        let inputs = "input %h: f16[2, 3] input %i: i8[2, 3] input %b: bool[2] input %f: f32[2, 3]";
        table(
            SIMPLIFY,
            inputs,
            &[
                ("%a = cast(%h) {to = f16} %y = neg(%a)", &["neg"]),
                ("%a = cast(%h) {to = f32} %y = cast(%a) {to = f64}", &["cast"]),
                ("%a = cast(%h) {to = f32} %b2 = cast(%a) {to = f64} %y = cast(%b2) {to = f32}", &["cast"]),
                // An input may hold a signalling NaN.
                ("%a = cast(%h) {to = f32} %y = cast(%a) {to = f16}", &["cast", "cast"]),
                ("%e = exp(%h) %a = cast(%e) {to = f32} %y = cast(%a) {to = f16}", &["exp"]),
                ("%a = cast(%f) {to = f16} %y = cast(%a) {to = f32}", &["cast", "cast"]),
                ("%a = cast(%i) {to = i32} %y = cast(%a) {to = i8}", &["identity"]),
                ("%a = cast(%i) {to = i32} %y = cast(%a) {to = u8}", &["cast"]),
                ("%a = cast(%i) {to = u8} %y = cast(%a) {to = i32}", &["cast", "cast"]),
                ("%a = cast(%i) {to = f32} %y = cast(%a) {to = f64}", &["cast"]),
                ("%a = cast(%b) {to = i64} %y = cast(%a) {to = bool}", &["identity"]),
                ("%a = cast(%b) {to = f32} %y = cast(%a) {to = f16}", &["cast"]),
            ],
        );
    }

    #[test]
    fn casts_go_where_they_have_less_to_do() {
        table(
            MOVE,
            "input %x: f32[2, 3] input %h: f16[2, 3]",
            &[
                ("%t = transpose(%x) %y = cast(%t) {to = f16}", &["cast", "transpose"]),
                ("%t = transpose(%h) %y = cast(%t) {to = f32}", &["transpose", "cast"]),
                ("%c = cast(%h) {to = f32} %y = transpose(%c)", &["transpose", "cast"]),
                ("%c = cast(%x) {to = f16} %y = transpose(%c)", &["cast", "transpose"]),
                ("%t = transpose(%x) %y = cast(%t) {to = i32}", &["transpose", "cast"]),
                // Both are needed: moving one of them would make a third.
                (
                    "%t = transpose(%x) %c = cast(%t) {to = f16} %a = cast(%t) {to = f16} %y = add(%a, %c)",
                    &["transpose", "cast", "cast", "add"],
                ),
            ],
        );
    }

    /// The elements plus a negative zero: the same, but for NaNs that signal.
    fn quiet(x: &Tensor) -> Tensor {
        let zero = Tensor::scalar(-0.0f64).cast(x.dtype(), glassbox_tensor::Overflow::Wrap).expect("a zero");
        let sum = evaluate(&ops::add::OP, &Attrs::new(), &[Some(x.clone().into()), Some(zero.into())], 1, 1 << 20);
        sum.expect("a sum")[0].as_tensor().cloned().expect("a tensor")
    }

    /// Whatever is cast twice is the same, cast once: for all dtypes, values that are special, and any bits.
    #[test]
    fn the_table_of_dtypes_is_exact() {
        let numeric: Vec<DType> = DType::ALL.iter().copied().filter(|dtype| dtype.bits().is_some()).collect();
        let cast = |x: &Tensor, to: DType| {
            let made = evaluate(&ops::cast::OP, &attrs! { to: to }, &[Some(x.clone().into())], 1, 1 << 20);
            made.ok().and_then(|made| made[0].as_tensor().cloned())
        };
        let mut pairs = 0;
        for from in &numeric {
            let any = odd_tensor(*from, &[512], 3);
            for through in numeric.iter().filter(|through| holds_all(**through, *from)) {
                for to in &numeric {
                    // There and back again only what arithmetic made.
                    let x = if from == to && from.is_float() { quiet(&any) } else { any.clone() };
                    let Some(between) = cast(&x, *through) else { panic!("{from} to {through}") };
                    let (Some(twice), Some(once)) = (cast(&between, *to), cast(&x, *to)) else { continue };
                    assert!(twice.bit_eq(&once), "{from} to {through} to {to}: {twice:?}, not {once:?}");
                    pairs += 1;
                }
            }
        }
        assert!(pairs > 300, "{pairs}");
    }
}
