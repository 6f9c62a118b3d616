//! Bounds: what is known of the values of symbols, and what follows for expressions.
//!
//! In: a [`Dim`] and [`Assumptions`] (for each symbol a lower and an upper bound and a divisor; without any, that it is
//! at least zero). Out: a [`Range`], a proof that one dim is at least another, a divisor, the most bytes that a value
//! of a type can take.
//!
//! Invariant: what is said holds for every assignment of the symbols that keeps the assumptions and for which the dim
//! has a value. Where nothing can be said, nothing is: a `false` means *not proven*. The work for one question is
//! limited, and arithmetic is in 128 bits that end in infinity, so that no size overflows.

use std::collections::BTreeMap;

use glassbox_tensor::DType;

use crate::dim::{Atom, Dim};
use crate::graph::State;
use crate::types::Type;

/// What is known of one extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    lower: i64,
    upper: Option<i64>,
    multiple: i64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { lower: 0, upper: None, multiple: 1 }
    }
}

impl Bounds {
    /// Nothing but what is true of every extent: it is at least zero.
    pub fn any() -> Bounds {
        Bounds::default()
    }

    /// It is at least `lower`, too.
    pub fn at_least(self, lower: i64) -> Bounds {
        Bounds { lower: self.lower.max(lower), ..self }
    }

    /// It is at most `upper`, too.
    pub fn at_most(self, upper: i64) -> Bounds {
        Bounds { upper: Some(self.upper.map_or(upper, |known| known.min(upper))), ..self }
    }

    /// It is a multiple of `multiple`, which replaces what was said of that before; less than 1 says nothing.
    pub fn multiple_of(self, multiple: i64) -> Bounds {
        Bounds { multiple: multiple.max(1), ..self }
    }
}

/// What is known of dims: of symbols, and of whole expressions such as `K+T`.
///
/// ```
/// use glassbox_ir::{Assumptions, Bounds, Dim};
///
/// let known = Assumptions::new().with("T", Bounds::any().at_least(1).at_most(128)).with("K", Bounds::any().multiple_of(8));
/// let (k, t) = (Dim::symbol("K"), Dim::symbol("T"));
/// let all = &k + &t;
/// assert!(known.prove_ge(&all, &t) && known.prove_ge(&all, &Dim::Int(1)) && !known.prove_ge(&k, &t));
/// assert_eq!(known.range(&t.ceil_div(&Dim::Int(64))).upper, Some(2));
/// assert!(known.is_multiple_of(&(k * Dim::Int(4)), 32));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assumptions(BTreeMap<Dim, Bounds>);

/// Between which numbers a dim lies; `None` where there is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least that it can be.
    pub lower: Option<i64>,
    /// The most that it can be.
    pub upper: Option<i64>,
}

/// How many rewritten forms of an expression are looked at to answer one question.
const MAX_FORMS: usize = 128;

impl Assumptions {
    /// Every symbol is at least zero.
    pub fn new() -> Assumptions {
        Assumptions::default()
    }

    /// With `bounds` for a symbol or an expression, instead of what was known of it.
    pub fn with(mut self, dim: impl Into<Dim>, bounds: Bounds) -> Assumptions {
        self.0.insert(dim.into(), bounds);
        self
    }

    /// What the states of a graph say: the symbol of an axis along which a state grows is no more than its capacity.
    pub fn of_states(states: &[State]) -> Assumptions {
        let mut known = Assumptions::new();
        for state in states {
            let bounded = state.bounded_axis().and_then(|axis| state.ty.dims()?.get(axis));
            let symbol = bounded.filter(|dim| dim.as_symbol().is_some());
            let capacity = state.capacity.and_then(|capacity| i64::try_from(capacity).ok());
            if let (Some(symbol), Some(capacity)) = (symbol, capacity) {
                let bounds = known.0.entry(symbol.clone()).or_default();
                *bounds = bounds.at_most(capacity);
            }
        }
        known
    }

    /// Between which numbers a dim lies.
    pub fn range(&self, dim: &Dim) -> Range {
        // The opposite may leave the range of i64 where the dim doesn't: it is unknown then.
        let opposite = Dim::Int(-1) * dim.clone();
        let upper = self.interval(dim).high.min(negated(self.least(&opposite)));
        // Infinities don't fit either.
        Range { lower: i64::try_from(self.least(dim)).ok(), upper: i64::try_from(upper).ok() }
    }

    /// Whether `a` is at least `b` for certain.
    pub fn prove_ge(&self, a: &Dim, b: &Dim) -> bool {
        self.least(&(a - b)) >= 0
    }

    /// Whether a dim is a multiple of `n` for certain. Of 0, only 0 is.
    pub fn is_multiple_of(&self, dim: &Dim, n: i64) -> bool {
        let divisor = self.divisor(dim);
        divisor == 0 || n != 0 && divisor.is_multiple_of(n.unsigned_abs())
    }

    /// The most bytes that the elements of a value of type `ty` take; none for sequences, strings and where an extent
    /// has no upper bound.
    pub fn max_bytes(&self, ty: &Type) -> Option<u64> {
        let tensor = match ty {
            Type::Tensor(tensor) => tensor,
            Type::Optional(element) => return self.max_bytes(element),
            Type::Sequence(_) => return None,
        };
        let uppers: Vec<Option<u64>> = tensor
            .dims()?
            .iter()
            .map(|dim| self.range(dim).upper.map(|upper| u64::try_from(upper).unwrap_or(0)))
            .collect();
        let elements = match uppers.contains(&Some(0)) {
            true => 0,
            false => uppers.into_iter().try_fold(1u64, |product, upper| product.checked_mul(upper?))?,
        };
        match tensor.dtype {
            DType::Block(format) => {
                elements.div_ceil(format.block_elements() as u64).checked_mul(format.block_bytes() as u64)
            }
            dtype => u64::try_from((u128::from(elements) * dtype.bits()? as u128).div_ceil(8)).ok(),
        }
    }

    /// The greatest number known to divide a dim; 0 for the dim 0, which all divide.
    fn divisor(&self, dim: &Dim) -> u64 {
        let form = match dim {
            Dim::Int(value) => return value.unsigned_abs(),
            Dim::Unknown => return 1,
            Dim::Expr(expr) => expr.terms.iter().fold(0, |divisor, (product, coefficient)| {
                let atoms = product.iter().map(|atom| self.divisor_of_atom(atom));
                // A product that doesn't fit is divided by as much of it as does.
                let term = atoms
                    .fold(coefficient.unsigned_abs(), |product, next| product.checked_mul(next).unwrap_or(product));
                gcd(divisor, term)
            }),
        };
        // A whole expression of which a divisor is known: the larger of the two divides it as well.
        let told = self.0.get(dim).map_or(1, |bounds| bounds.multiple.unsigned_abs());
        form.max(told)
    }

    fn divisor_of_atom(&self, atom: &Atom) -> u64 {
        match atom {
            Atom::Symbol(_) => {
                self.0.get(&Dim::from_atom(atom.clone())).map_or(1, |bounds| bounds.multiple.unsigned_abs())
            }
            Atom::FloorDiv(a, Dim::Int(n)) if *n != 0 => {
                let divisor = self.divisor(a);
                if divisor.is_multiple_of(n.unsigned_abs()) { divisor / n.unsigned_abs() } else { 1 }
            }
            Atom::FloorDiv(..) => 1,
            Atom::Mod(a, b) | Atom::Min(a, b) | Atom::Max(a, b) | Atom::Broadcast(a, b) => {
                gcd(self.divisor(a), self.divisor(b))
            }
        }
    }

    /// The least that a dim can be.
    fn least(&self, dim: &Dim) -> i128 {
        let mut forms = MAX_FORMS;
        self.lower(dim, &mut forms)
    }

    /// The least that a dim can be: by its form, and by forms of it that are equal or less.
    fn lower(&self, dim: &Dim, forms: &mut usize) -> i128 {
        let mut best = self.interval(dim).low;
        let Dim::Expr(expr) = dim else { return best };
        for (product, coefficient) in &expr.terms {
            let Some(atom) = product.iter().find(|atom| atom.parts().is_some()) else { continue };
            if *forms == 0 {
                return best;
            }
            *forms -= 1;
            let alone = product.len() == 1;
            let with = |atom: &Atom, value: &Dim| dim.replace_atoms(&|found| (found == atom).then(|| value.clone()));
            let instead = |value: Dim| {
                let term = Dim::from_terms(BTreeMap::from([(product.clone(), *coefficient)]));
                dim - &term + value
            };
            let scaled = Dim::Int(*coefficient);
            let found = match atom {
                Atom::Symbol(_) => continue,
                // Either side is a bound.
                Atom::Min(a, b) if alone && *coefficient < 0 => self.either(instead, &scaled, [a, b], forms),
                Atom::Max(a, b) if alone && *coefficient > 0 => self.either(instead, &scaled, [a, b], forms),
                // It is one of the two.
                Atom::Min(a, b) | Atom::Max(a, b) | Atom::Broadcast(a, b) => {
                    let first = self.lower(&with(atom, a), forms);
                    first.min(self.lower(&with(atom, b), forms))
                }
                // n * floor(a / n) is in [a - n + 1, a].
                Atom::FloorDiv(a, Dim::Int(n)) if alone && *n > 0 => {
                    let least = if *coefficient > 0 { a - &Dim::Int(n - 1) } else { a.clone() };
                    let times = instead(Dim::Int(0)) * Dim::Int(*n) + scaled * least;
                    match self.lower(&times, forms) {
                        infinite @ (NEGATIVE | POSITIVE) => infinite,
                        bound => -(-bound).div_euclid(i128::from(*n)),
                    }
                }
                Atom::FloorDiv(..) => continue,
                Atom::Mod(a, b) => {
                    let quotient = Dim::from_atom(Atom::FloorDiv(a.clone(), b.clone()));
                    self.lower(&with(atom, &(a - &(b * &quotient))), forms)
                }
            };
            best = best.max(found);
        }
        best
    }

    /// The better of two bounds: those of the dim with one or the other in the place of a term.
    fn either(&self, instead: impl Fn(Dim) -> Dim, factor: &Dim, sides: [&Dim; 2], forms: &mut usize) -> i128 {
        let [first, second] = sides.map(|side| instead(factor * side));
        self.lower(&first, forms).max(self.lower(&second, forms))
    }

    /// Between which numbers a dim lies, by interval arithmetic over its form.
    fn interval(&self, dim: &Dim) -> Interval {
        let form = match dim {
            Dim::Int(value) => Interval::of(*value),
            Dim::Unknown => Interval::WHOLE,
            Dim::Expr(expr) => expr.terms.iter().fold(Interval::of(0), |sum, (product, coefficient)| {
                let atoms = product.iter().map(|atom| self.interval_of_atom(atom));
                sum.plus(atoms.fold(Interval::of(*coefficient), Interval::times))
            }),
        };
        match self.0.get(dim) {
            Some(bounds) => form.and(Interval::of_bounds(bounds)),
            None => form,
        }
    }

    fn interval_of_atom(&self, atom: &Atom) -> Interval {
        let Some((a, b)) = atom.parts() else {
            let bounds = self.0.get(&Dim::from_atom(atom.clone())).copied().unwrap_or_default();
            return Interval::of_bounds(&bounds);
        };
        let (a, b) = (self.interval(a), self.interval(b));
        match atom {
            Atom::Symbol(_) => Interval::WHOLE,
            Atom::FloorDiv(..) => a.divided_by(b),
            Atom::Mod(..) => a.modulo(b),
            Atom::Min(..) => Interval { low: a.low.min(b.low), high: a.high.min(b.high) },
            Atom::Max(..) => Interval { low: a.low.max(b.low), high: a.high.max(b.high) },
            Atom::Broadcast(..) => {
                let one_of = Interval { low: a.low.min(b.low), high: a.high.max(b.high) };
                // What isn't 1 doesn't give way.
                let stays = |side: Interval| if side.low > 1 { side } else { Interval::WHOLE };
                one_of.and(stays(a)).and(stays(b))
            }
        }
    }
}

/// Infinities at the ends of intervals. No other number of an interval is larger than [`MAX_FINITE`].
const NEGATIVE: i128 = i128::MIN;
const POSITIVE: i128 = i128::MAX;
const MAX_FINITE: i128 = 1 << 100;

/// The numbers from `low` to `high`, both included where they are finite.
#[derive(Clone, Copy, Debug)]
struct Interval {
    low: i128,
    high: i128,
}

impl Interval {
    const WHOLE: Interval = Interval { low: NEGATIVE, high: POSITIVE };

    fn of(value: i64) -> Interval {
        Interval { low: value.into(), high: value.into() }
    }

    fn of_bounds(bounds: &Bounds) -> Interval {
        let multiple = i128::from(bounds.multiple);
        let lower = -(-i128::from(bounds.lower)).div_euclid(multiple) * multiple;
        let upper = bounds.upper.map_or(POSITIVE, |upper| i128::from(upper).div_euclid(multiple) * multiple);
        Interval { low: lower, high: upper }
    }

    /// The numbers of both.
    fn and(self, other: Interval) -> Interval {
        Interval { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    fn plus(self, other: Interval) -> Interval {
        let sum = |a: i128, b: i128, infinity: i128| match (a, b) {
            _ if a == infinity || b == infinity => infinity,
            (NEGATIVE | POSITIVE, _) => a,
            (_, NEGATIVE | POSITIVE) => b,
            _ => limited(a + b),
        };
        Interval { low: sum(self.low, other.low, NEGATIVE), high: sum(self.high, other.high, POSITIVE) }
    }

    fn times(self, other: Interval) -> Interval {
        let product = |a: i128, b: i128| match (a, b) {
            (0, _) | (_, 0) => 0,
            (NEGATIVE | POSITIVE, _) | (_, NEGATIVE | POSITIVE) => {
                if (a < 0) == (b < 0) {
                    POSITIVE
                } else {
                    NEGATIVE
                }
            }
            _ => match a.checked_mul(b) {
                Some(product) => limited(product),
                None if (a < 0) == (b < 0) => POSITIVE,
                None => NEGATIVE,
            },
        };
        Interval::around([self.low, self.high].map(|a| [other.low, other.high].map(|b| product(a, b))))
    }

    /// The quotients, rounded down. A divisor that is at least zero isn't zero where there is a quotient.
    fn divided_by(self, divisor: Interval) -> Interval {
        if divisor.low < 0 {
            return Interval::WHOLE;
        }
        let quotient = |a: i128, b: i128| match (a, b) {
            (NEGATIVE | POSITIVE, _) => a,
            (_, POSITIVE) => {
                if a < 0 {
                    -1
                } else {
                    0
                }
            }
            _ => a.div_euclid(b),
        };
        let divisors = [divisor.low.max(1), divisor.high.max(1)];
        Interval::around([self.low, self.high].map(|a| divisors.map(|b| quotient(a, b))))
    }

    /// The remainders, which have the sign of the divisor.
    fn modulo(self, divisor: Interval) -> Interval {
        let within = |end: i128| if matches!(end, NEGATIVE | POSITIVE) { end } else { end - end.signum() };
        let remainders = Interval { low: within(divisor.low).min(0), high: within(divisor.high).max(0) };
        match divisor.low >= 0 && self.low >= 0 {
            true if self.high < divisor.low => self,
            true => Interval { low: 0, high: remainders.high.min(self.high) },
            false => remainders,
        }
    }

    fn around(ends: [[i128; 2]; 2]) -> Interval {
        let [[a, b], [c, d]] = ends;
        Interval { low: a.min(b).min(c).min(d), high: a.max(b).max(c).max(d) }
    }
}

fn limited(value: i128) -> i128 {
    match value {
        _ if value > MAX_FINITE => POSITIVE,
        _ if value < -MAX_FINITE => NEGATIVE,
        _ => value,
    }
}

fn negated(end: i128) -> i128 {
    match end {
        NEGATIVE => POSITIVE,
        POSITIVE => NEGATIVE,
        finite => -finite,
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
