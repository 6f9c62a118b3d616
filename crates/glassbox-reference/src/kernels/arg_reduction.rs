//! What `arg_max` and `arg_min` share.

use glassbox_ir::infer::normalise_axis;
use glassbox_tensor::{Class, DType};

use super::reduction::Reduction;
use crate::call::{Call, Outcome, one};

/// The place of the element that no other of its line wins against. A NaN wins against all else.
pub(super) fn arg_reduce(
    call: &Call,
    float: impl Fn(f64, f64) -> bool + Sync,
    signed: impl Fn(i64, i64) -> bool + Sync,
    unsigned: impl Fn(u64, u64) -> bool + Sync,
) -> Outcome {
    let x = call.tensor(0)?;
    let axis = normalise_axis("C1", call.attr.int("axis"), x.rank())?;
    let reduction = Reduction::over(x, &[axis], call.attr.bool("keepdims"))?;
    let last = call.attr.bool("select_last_index");
    one(match x.dtype().class() {
        Class::Float => {
            let wins = |a: f64, b: f64| float(a, b) || (a.is_nan() && !b.is_nan());
            let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            reduction.run(DType::I64, |terms| place(terms, wins, same, last))?
        }
        Class::Signed => reduction.run(DType::I64, |terms| place(terms, &signed, |a, b| a == b, last))?,
        _ => reduction.run(DType::I64, |terms| place(terms, &unsigned, |a, b| a == b, last))?,
    })
}

/// The place of the winner; of equals the first or the last.
fn place<T: Copy>(terms: &[T], wins: impl Fn(T, T) -> bool, same: impl Fn(T, T) -> bool, last: bool) -> i64 {
    let mut best = 0;
    for (index, term) in terms.iter().enumerate().skip(1) {
        if wins(*term, terms[best]) || (last && same(*term, terms[best])) {
            best = index;
        }
    }
    best as i64
}
