//! Symbolic dims: the extents of a tensor's axes.
//!
//! A [`Dim`] is an integer, an expression over named symbols (`B`, `T+1`, `2*D`, `min(T, 448)`), or
//! unknown. Expressions are kept in one canonical form, a sum of products with integer coefficients,
//! so that two dims that are equal as polynomials are equal as values: `(T+1)*2 == 2*T+2`. What is known of
//! the values of symbols, and what follows for expressions, is in [`bounds`](crate::bounds).
//!
//! Invariants: an expression never is a constant (that is [`Dim::Int`]); symbols stand for integers
//! that are at least zero; arithmetic that leaves the range of `i64`, or whose result would be larger
//! or deeper than any shape that is meant (see [`MAX_PARTS`]), gives [`Dim::Unknown`]. Unknown is
//! absorbing, and it is never the *same* as anything, itself included: see [`Dim::same`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::bind::Bindings;

/// The extent of one axis.
///
/// ```
/// use glassbox_ir::Dim;
/// let t = Dim::symbol("T");
/// let two = (t.clone() + Dim::Int(1)) * Dim::Int(2);
/// assert_eq!(two, Dim::Int(2) * t.clone() + Dim::Int(2));
/// assert_eq!(two.same(&t), None);
/// // Unknown is never the same as anything.
/// assert_eq!(Dim::Unknown.same(&Dim::Unknown), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dim {
    /// A known extent. Negative values occur only inside arithmetic, never in a verified type.
    Int(i64),
    /// An expression with at least one symbol.
    Expr(Arc<DimExpr>),
    /// Nothing is known.
    Unknown,
}

/// A sum of products: each product of atoms has an integer coefficient, the empty product is the
/// constant term.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DimExpr {
    pub(crate) terms: BTreeMap<Vec<Atom>, i64>,
}

/// What products are made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Atom {
    Symbol(Arc<str>),
    FloorDiv(Dim, Dim),
    Mod(Dim, Dim),
    Min(Dim, Dim),
    Max(Dim, Dim),
    /// The extent of two axes that are broadcast against each other.
    Broadcast(Dim, Dim),
}

/// The most terms and atoms that an expression may have, nested ones included. A larger one is unknown:
/// a product of sums would otherwise grow without bound.
pub const MAX_PARTS: usize = 512;

/// How deep `floordiv`, `mod`, `min`, `max` and `broadcast` may stand in each other; deeper is unknown.
pub const MAX_NESTING: usize = 32;

impl Dim {
    /// The dim that is named `name`.
    pub fn symbol(name: &str) -> Dim {
        Dim::from_atom(Atom::Symbol(name.into()))
    }

    /// The extent, where it is a known integer.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Dim::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The extent as a size, where it is a known integer that is not negative.
    pub fn as_size(&self) -> Option<usize> {
        self.as_int().and_then(|value| usize::try_from(value).ok())
    }

    /// Whether nothing is known of the dim.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Dim::Unknown)
    }

    /// Whether two dims are the same for every value of their symbols: `Some(true)`; differ for every
    /// value: `Some(false)`; or nobody can say: `None`.
    pub fn same(&self, other: &Dim) -> Option<bool> {
        match self - other {
            Dim::Int(difference) => Some(difference == 0),
            _ => None,
        }
    }

    /// What holds of both: the dim itself where they are the same, else unknown.
    pub fn join(&self, other: &Dim) -> Dim {
        if self == other { self.clone() } else { Dim::Unknown }
    }

    /// The quotient, rounded down. Division by zero is unknown.
    pub fn floor_div(&self, divisor: &Dim) -> Dim {
        match (self, divisor) {
            (_, Dim::Unknown | Dim::Int(0)) | (Dim::Unknown, _) => Dim::Unknown,
            (Dim::Int(a), Dim::Int(b)) => a.checked_div_euclid(*b).map_or(Dim::Unknown, |q| {
                // Euclid and floor differ where the divisor is negative.
                if *b < 0 && a.checked_rem_euclid(*b) != Some(0) { Dim::Int(q - 1) } else { Dim::Int(q) }
            }),
            (_, Dim::Int(1)) => self.clone(),
            _ if self == divisor => Dim::Int(1),
            (Dim::Expr(expr), _) => expr
                .divide_exactly(divisor)
                .unwrap_or_else(|| Dim::from_atom(Atom::FloorDiv(self.clone(), divisor.clone()))),
            _ => Dim::from_atom(Atom::FloorDiv(self.clone(), divisor.clone())),
        }
    }

    /// The quotient, rounded up.
    pub fn ceil_div(&self, divisor: &Dim) -> Dim {
        (self + divisor - Dim::Int(1)).floor_div(divisor)
    }

    /// The remainder of [`Dim::floor_div`].
    pub fn modulo(&self, divisor: &Dim) -> Dim {
        match (self, divisor) {
            (_, Dim::Unknown | Dim::Int(0)) | (Dim::Unknown, _) => Dim::Unknown,
            (Dim::Int(_), Dim::Int(_)) => self - &(self.floor_div(divisor) * divisor.clone()),
            (_, Dim::Int(1)) => Dim::Int(0),
            _ if self == divisor => Dim::Int(0),
            (Dim::Expr(expr), _) if expr.divide_exactly(divisor).is_some() => Dim::Int(0),
            _ => Dim::from_atom(Atom::Mod(self.clone(), divisor.clone())),
        }
    }

    /// The smaller of the two.
    pub fn minimum(&self, other: &Dim) -> Dim {
        match (self.is_natural_past(other), other.is_natural_past(self)) {
            (_, true) => self.clone(),
            (true, _) => other.clone(),
            _ => self.choose(other, |difference| difference <= 0, Atom::Min),
        }
    }

    /// The larger of the two.
    pub fn maximum(&self, other: &Dim) -> Dim {
        match (self.is_natural_past(other), other.is_natural_past(self)) {
            (true, _) => self.clone(),
            (_, true) => other.clone(),
            _ => self.choose(other, |difference| difference >= 0, Atom::Max),
        }
    }

    /// The extent of two axes, one of this extent and one of `other`, that are broadcast against each other: an
    /// extent of 1 gives way, two others are equal. Where they can't be broadcast, the result means nothing, since
    /// the op that broadcasts is an error then; two numbers of that kind are unknown.
    ///
    /// Neither `max` nor any other arithmetic says the same: 0 and 1 are broadcast to 0, 1 and 5 to 5.
    ///
    /// ```
    /// use glassbox_ir::Dim;
    ///
    /// let (b, c) = (Dim::symbol("B"), Dim::symbol("C"));
    /// assert_eq!(b.broadcast(&Dim::Int(1)), b);
    /// assert_eq!(b.broadcast(&Dim::Int(5)), Dim::Int(5));
    /// assert_eq!(b.broadcast(&c), c.broadcast(&b));
    /// assert_eq!(b.broadcast(&c).to_string(), "broadcast(B, C)");
    /// ```
    pub fn broadcast(&self, other: &Dim) -> Dim {
        match (self, other) {
            (Dim::Int(1), dim) | (dim, Dim::Int(1)) => dim.clone(),
            (Dim::Int(a), Dim::Int(b)) => {
                if a == b {
                    Dim::Int(*a)
                } else {
                    Dim::Unknown
                }
            }
            // Whatever the other is, it is this or 1.
            (Dim::Int(known), _) | (_, Dim::Int(known)) => Dim::Int(*known),
            (Dim::Unknown, _) | (_, Dim::Unknown) => Dim::Unknown,
            _ => {
                // Broadcasting is associative and idempotent: the parts in order, each once, are one form for all.
                let mut parts: Vec<&Dim> = Vec::new();
                let mut rest = vec![self, other];
                while let Some(dim) = rest.pop() {
                    match dim.as_broadcast() {
                        Some((a, b)) => rest.extend([a, b]),
                        None => parts.push(dim),
                    }
                }
                parts.sort_unstable();
                parts.dedup();
                let mut all = parts.into_iter().rev();
                let last = all.next().cloned().unwrap_or(Dim::Unknown);
                all.fold(last, |so_far, dim| Dim::from_atom(Atom::Broadcast(dim.clone(), so_far)))
            }
        }
    }

    /// The two sides, where the dim is nothing but a broadcast.
    fn as_broadcast(&self) -> Option<(&Dim, &Dim)> {
        match self.as_atom()? {
            Atom::Broadcast(a, b) => Some((a, b)),
            _ => None,
        }
    }

    /// What says more of an extent that is both: an integer before a symbol, a symbol before another expression, an
    /// expression before nothing; of two of a kind, this one.
    pub fn meet(&self, other: &Dim) -> Dim {
        let rank = |dim: &Dim| match dim {
            Dim::Int(_) => 0,
            Dim::Expr(_) if dim.as_symbol().is_some() => 1,
            Dim::Expr(_) if dim.as_broadcast().is_none() => 2,
            Dim::Expr(_) => 3,
            Dim::Unknown => 4,
        };
        if rank(other) < rank(self) { other.clone() } else { self.clone() }
    }

    /// Whether the dim is at least zero whatever its symbols are, as far as its form tells.
    pub(crate) fn is_natural(&self) -> bool {
        match self {
            Dim::Int(value) => *value >= 0,
            Dim::Expr(_) => self.is_natural_past(&Dim::Int(0)),
            Dim::Unknown => false,
        }
    }

    /// Whether this is `other` plus something that is at least zero whatever the symbols are, as far as
    /// the form of the difference tells: a sum of products of what is at least zero.
    fn is_natural_past(&self, other: &Dim) -> bool {
        let Dim::Expr(difference) = self - other else { return false };
        difference.terms.iter().all(|(product, coefficient)| *coefficient > 0 && product.iter().all(Atom::is_natural))
    }

    fn choose(&self, other: &Dim, first: impl Fn(i64) -> bool, atom: fn(Dim, Dim) -> Atom) -> Dim {
        if self.is_unknown() || other.is_unknown() {
            return Dim::Unknown;
        }
        // A difference may not fit where its opposite does, or neither where both are numbers.
        let sign = match (self, other, self - other, other - self) {
            (Dim::Int(a), Dim::Int(b), ..) => Some(a.cmp(b) as i64),
            (_, _, Dim::Int(difference), _) => Some(difference.signum()),
            (_, _, _, Dim::Int(opposite)) => Some(-opposite.signum()),
            _ => None,
        };
        if let Some(sign) = sign {
            return if first(sign) { self.clone() } else { other.clone() };
        }
        let (a, b) = if self <= other { (self, other) } else { (other, self) };
        Dim::from_atom(atom(a.clone(), b.clone()))
    }

    /// The dim with every symbol of `bindings` replaced by what it is bound to.
    pub fn substitute(&self, bindings: &Bindings) -> Dim {
        self.replace(&|name| bindings.get(name).cloned())
    }

    /// The dim with the symbols that `replacement` knows replaced.
    pub fn replace(&self, replacement: &dyn Fn(&str) -> Option<Dim>) -> Dim {
        self.replace_atoms(&|atom| match atom {
            Atom::Symbol(name) => replacement(name),
            _ => None,
        })
    }

    /// The dim with the atoms that `replacement` knows replaced, those that stand in other atoms too.
    pub(crate) fn replace_atoms(&self, replacement: &dyn Fn(&Atom) -> Option<Dim>) -> Dim {
        let Dim::Expr(expr) = self else { return self.clone() };
        let mut sum = Dim::Int(0);
        for (product, coefficient) in &expr.terms {
            let mut term = Dim::Int(*coefficient);
            for atom in product {
                term = term * atom.replace(replacement);
            }
            sum = sum + term;
        }
        sum
    }

    /// Calls `visit` with the name of each symbol, repeated as it occurs.
    pub fn for_each_symbol(&self, visit: &mut dyn FnMut(&str)) {
        let Dim::Expr(expr) = self else { return };
        for atom in expr.terms.keys().flatten() {
            if let Atom::Symbol(name) = atom {
                visit(name);
            }
            if let Some((a, b)) = atom.parts() {
                a.for_each_symbol(visit);
                b.for_each_symbol(visit);
            }
        }
    }

    /// The name, where the dim is one bare symbol.
    pub fn as_symbol(&self) -> Option<&str> {
        match self.as_atom()? {
            Atom::Symbol(name) => Some(name),
            _ => None,
        }
    }

    /// The atom, where the dim is nothing but one.
    fn as_atom(&self) -> Option<&Atom> {
        let Dim::Expr(expr) = self else { return None };
        let (product, coefficient) = expr.terms.first_key_value()?;
        match (expr.terms.len(), coefficient, product.as_slice()) {
            (1, 1, [atom]) => Some(atom),
            _ => None,
        }
    }

    /// The dim as c * s + r, where `s` is a symbol that stands in no other place: c and r.
    pub(crate) fn linear_in(&self, symbol: &str) -> Option<(i64, Dim)> {
        let Dim::Expr(expr) = self else { return None };
        let alone = expr
            .terms
            .iter()
            .find(|(product, _)| matches!(product.as_slice(), [Atom::Symbol(name)] if name.as_ref() == symbol));
        let (product, coefficient) = alone?;
        let mut rest = expr.terms.clone();
        rest.remove(product);
        let rest = Dim::from_terms(rest);
        let mut again = false;
        rest.for_each_symbol(&mut |name| again |= name == symbol);
        (!again).then_some((*coefficient, rest))
    }

    pub(crate) fn from_atom(atom: Atom) -> Dim {
        Dim::within_limits(BTreeMap::from([(vec![atom], 1)]))
    }

    fn within_limits(terms: BTreeMap<Vec<Atom>, i64>) -> Dim {
        let expr = DimExpr { terms };
        let (parts, nested) = expr.measure();
        if parts > MAX_PARTS || nested > MAX_NESTING { Dim::Unknown } else { Dim::Expr(Arc::new(expr)) }
    }

    /// The number of terms and atoms, and how deep atoms stand in each other.
    fn measure(&self) -> (usize, usize) {
        match self {
            Dim::Int(_) | Dim::Unknown => (1, 0),
            Dim::Expr(expr) => expr.measure(),
        }
    }

    pub(crate) fn from_terms(mut terms: BTreeMap<Vec<Atom>, i64>) -> Dim {
        terms.retain(|_, coefficient| *coefficient != 0);
        match (terms.len(), terms.first_key_value()) {
            (0, _) => Dim::Int(0),
            (1, Some((product, value))) if product.is_empty() => Dim::Int(*value),
            _ => Dim::within_limits(terms),
        }
    }

    /// The dim as a sum of terms; `None` for unknown.
    fn terms(&self) -> Option<BTreeMap<Vec<Atom>, i64>> {
        match self {
            Dim::Int(value) => Some(BTreeMap::from([(Vec::new(), *value)])),
            Dim::Expr(expr) => Some(expr.terms.clone()),
            Dim::Unknown => None,
        }
    }

    fn try_add(&self, other: &Dim) -> Option<Dim> {
        let mut sum = self.terms()?;
        for (product, coefficient) in other.terms()? {
            let entry = sum.entry(product).or_insert(0);
            *entry = entry.checked_add(coefficient)?;
        }
        Some(Dim::from_terms(sum))
    }

    fn try_mul(&self, other: &Dim) -> Option<Dim> {
        let mut product = BTreeMap::new();
        let (left, right) = (self.terms()?, other.terms()?);
        if left.len() * right.len() > MAX_PARTS {
            return None;
        }
        for (a, x) in left {
            for (b, y) in &right {
                let mut atoms: Vec<Atom> = a.iter().chain(b).cloned().collect();
                atoms.sort();
                let entry = product.entry(atoms).or_insert(0i64);
                *entry = entry.checked_add(x.checked_mul(*y)?)?;
            }
        }
        Some(Dim::from_terms(product))
    }
}

impl DimExpr {
    fn measure(&self) -> (usize, usize) {
        let mut parts = self.terms.len();
        let mut nested = 0;
        for atom in self.terms.keys().flatten() {
            parts += 1;
            if let Some((a, b)) = atom.parts() {
                let (a, b) = (a.measure(), b.measure());
                parts += a.0 + b.0;
                nested = nested.max(1 + a.1.max(b.1));
            }
        }
        (parts, nested)
    }

    /// The quotient, where every term can be divided without a remainder whatever the symbols are.
    fn divide_exactly(&self, divisor: &Dim) -> Option<Dim> {
        let divisor = match divisor {
            Dim::Int(value) => (Vec::new(), *value),
            Dim::Expr(expr) if expr.terms.len() == 1 => {
                let (product, value) = expr.terms.first_key_value()?;
                (product.clone(), *value)
            }
            _ => return None,
        };
        let mut quotient = BTreeMap::new();
        for (product, coefficient) in &self.terms {
            let mut rest = product.clone();
            for atom in &divisor.0 {
                rest.remove(rest.iter().position(|candidate| candidate == atom)?);
            }
            if coefficient.checked_rem(divisor.1)? != 0 {
                return None;
            }
            quotient.insert(rest, coefficient.checked_div(divisor.1)?);
        }
        Some(Dim::from_terms(quotient))
    }
}

impl Atom {
    /// The dims that it is made of; a symbol has none.
    pub(crate) fn parts(&self) -> Option<(&Dim, &Dim)> {
        match self {
            Atom::Symbol(_) => None,
            Atom::FloorDiv(a, b) | Atom::Mod(a, b) | Atom::Min(a, b) | Atom::Max(a, b) | Atom::Broadcast(a, b) => {
                Some((a, b))
            }
        }
    }

    /// Whether it is at least zero whatever its symbols are, as far as its form tells.
    fn is_natural(&self) -> bool {
        match self {
            Atom::Symbol(_) => true,
            Atom::Max(a, b) => a.is_natural() || b.is_natural(),
            // A remainder has the sign of the divisor.
            Atom::Mod(_, b) => b.is_natural(),
            Atom::FloorDiv(a, b) | Atom::Min(a, b) | Atom::Broadcast(a, b) => a.is_natural() && b.is_natural(),
        }
    }

    fn replace(&self, replacement: &dyn Fn(&Atom) -> Option<Dim>) -> Dim {
        if let Some(dim) = replacement(self) {
            return dim;
        }
        let part = |dim: &Dim| dim.replace_atoms(replacement);
        match self {
            Atom::Symbol(_) => Dim::from_atom(self.clone()),
            Atom::FloorDiv(a, b) => part(a).floor_div(&part(b)),
            Atom::Mod(a, b) => part(a).modulo(&part(b)),
            Atom::Min(a, b) => part(a).minimum(&part(b)),
            Atom::Max(a, b) => part(a).maximum(&part(b)),
            Atom::Broadcast(a, b) => part(a).broadcast(&part(b)),
        }
    }
}

impl std::ops::Add for &Dim {
    type Output = Dim;
    fn add(self, other: &Dim) -> Dim {
        self.try_add(other).unwrap_or(Dim::Unknown)
    }
}

impl std::ops::Sub for &Dim {
    type Output = Dim;
    fn sub(self, other: &Dim) -> Dim {
        self + &(&Dim::Int(-1) * other)
    }
}

impl std::ops::Mul for &Dim {
    type Output = Dim;
    fn mul(self, other: &Dim) -> Dim {
        if matches!(self, Dim::Int(0)) || matches!(other, Dim::Int(0)) {
            return Dim::Int(0);
        }
        self.try_mul(other).unwrap_or(Dim::Unknown)
    }
}

macro_rules! by_value {
    ($($trait:ident $method:ident),*) => {$(
        impl std::ops::$trait for Dim {
            type Output = Dim;
            fn $method(self, other: Dim) -> Dim {
                std::ops::$trait::$method(&self, &other)
            }
        }
    )*};
}
by_value!(Add add, Sub sub, Mul mul);

impl From<i64> for Dim {
    fn from(value: i64) -> Dim {
        Dim::Int(value)
    }
}

impl From<usize> for Dim {
    fn from(value: usize) -> Dim {
        i64::try_from(value).map_or(Dim::Unknown, Dim::Int)
    }
}

impl From<&str> for Dim {
    fn from(name: &str) -> Dim {
        Dim::symbol(name)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Int(value) => write!(f, "{value}"),
            Dim::Unknown => f.write_str("?"),
            Dim::Expr(expr) => write!(f, "{expr}"),
        }
    }
}

impl fmt::Display for DimExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The constant (the empty product) sorts first; people write it last.
        let constant = self.terms.iter().filter(|(product, _)| product.is_empty());
        let others = self.terms.iter().filter(|(product, _)| !product.is_empty());
        for (place, (product, coefficient)) in others.chain(constant).enumerate() {
            match (place, *coefficient < 0) {
                (0, true) | (_, true) => f.write_str("-")?,
                (0, false) => {}
                (_, false) => f.write_str("+")?,
            }
            let size = coefficient.unsigned_abs();
            if size != 1 || product.is_empty() {
                write!(f, "{size}")?;
                if !product.is_empty() {
                    f.write_str("*")?;
                }
            }
            for (index, atom) in product.iter().enumerate() {
                if index > 0 {
                    f.write_str("*")?;
                }
                write!(f, "{atom}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Atom::Symbol(name) if is_identifier(name) => f.write_str(name),
            Atom::Symbol(name) => write!(f, "{name:?}"),
            Atom::FloorDiv(a, b) => write!(f, "floordiv({a}, {b})"),
            Atom::Mod(a, b) => write!(f, "mod({a}, {b})"),
            Atom::Min(a, b) => write!(f, "min({a}, {b})"),
            Atom::Max(a, b) => write!(f, "max({a}, {b})"),
            Atom::Broadcast(a, b) => write!(f, "broadcast({a}, {b})"),
        }
    }
}

/// Whether a symbol can be printed bare; anything else is printed in quotes.
fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let reserved = matches!(name, "floordiv" | "mod" | "min" | "max" | "broadcast");
    !reserved
        && chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|rest| rest.is_ascii_alphanumeric() || rest == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t() -> Dim {
        Dim::symbol("T")
    }

    #[test]
    fn equal_polynomials_are_equal() {
        let left = (t() + Dim::Int(1)) * Dim::Int(2);
        let right = t() + t() + Dim::Int(2);
        assert_eq!(left, right);
        assert_eq!(left.to_string(), "2*T+2");
        assert_eq!(left.same(&right), Some(true));
        assert_eq!(left.same(&(right.clone() + Dim::Int(1))), Some(false));
        assert_eq!(left.same(&t()), None);
    }

    #[test]
    fn unknown_is_never_the_same() {
        assert_eq!(Dim::Unknown.same(&Dim::Unknown), None);
        assert!((Dim::Unknown + Dim::Int(1)).is_unknown());
        assert_eq!(Dim::Unknown * Dim::Int(0), Dim::Int(0));
    }

    #[test]
    fn division_cancels_what_it_can() {
        let d = Dim::symbol("D");
        assert_eq!((d.clone() * Dim::Int(4)).floor_div(&Dim::Int(2)), d.clone() * Dim::Int(2));
        assert_eq!((d.clone() * t()).floor_div(&t()), d);
        assert_eq!(d.floor_div(&Dim::Int(2)).to_string(), "floordiv(D, 2)");
        assert_eq!((d.clone() * Dim::Int(4)).modulo(&Dim::Int(2)), Dim::Int(0));
        assert_eq!(Dim::Int(-7).floor_div(&Dim::Int(2)), Dim::Int(-4));
        assert_eq!(Dim::Int(-7).floor_div(&Dim::Int(-2)), Dim::Int(3));
        assert_eq!(Dim::Int(7).ceil_div(&Dim::Int(2)), Dim::Int(4));
        assert!(d.floor_div(&Dim::Int(0)).is_unknown());
    }

    #[test]
    fn substitution_evaluates() {
        let bindings = Bindings::from_iter([("T", 7i64)]);
        let dim = t().minimum(&Dim::Int(5)) + t().floor_div(&Dim::Int(2)) + Dim::symbol("B");
        assert_eq!(dim.substitute(&bindings), Dim::symbol("B") + Dim::Int(8));
    }

    #[test]
    fn a_broadcast_keeps_a_name() {
        let (b, c, d) = (Dim::symbol("B"), Dim::symbol("C"), Dim::symbol("D"));
        let both = b.broadcast(&c);
        assert_eq!(both.broadcast(&b), both);
        assert_eq!(b.broadcast(&c.broadcast(&d)), d.broadcast(&b).broadcast(&c));
        assert_eq!(both.broadcast(&d).to_string(), "broadcast(B, broadcast(C, D))");
        let at = |b: i64, c: i64| both.substitute(&Bindings::from_iter([("B", b), ("C", c)]));
        assert_eq!([at(1, 5), at(5, 1), at(4, 4), at(0, 1), at(1, 0), at(1, 1)], [5, 5, 4, 0, 0, 1].map(Dim::Int));
        assert!(at(2, 3).is_unknown());
        assert_eq!(both.substitute(&Bindings::from_iter([("B", 3i64)])), Dim::Int(3));
        assert_eq!(both.substitute(&Bindings::from_iter([("B", 1i64)])), c);
        assert_eq!(both.same(&b), None);
        assert_eq!(Dim::symbol("broadcast").to_string(), "\"broadcast\"");
    }

    #[test]
    fn overflow_is_unknown() {
        assert!((Dim::Int(i64::MAX) + Dim::Int(1)).is_unknown());
        assert!((t() * Dim::Int(i64::MAX) * Dim::Int(2)).is_unknown());
        assert!(Dim::Int(i64::MIN).floor_div(&Dim::Int(-1)).is_unknown());
    }

    #[test]
    fn expressions_do_not_explode() {
        let sums = (0..40).map(|n| Dim::symbol(&format!("S{n}")) + Dim::Int(1));
        assert!(sums.fold(Dim::Int(1), |product, sum| product * sum).is_unknown());
        let doubled = (0..40).fold(t(), |dim, _| dim.floor_div(&Dim::Int(3)) + dim.floor_div(&Dim::Int(5)));
        assert!(doubled.is_unknown());
        let nested = (0..1000).fold(t(), |dim, _| (dim + Dim::Int(1)).floor_div(&Dim::Int(2)));
        assert!(nested.is_unknown());
    }

    #[test]
    fn min_and_max_take_what_is_certain() {
        assert_eq!(t().minimum(&(t() + Dim::Int(1))), t());
        assert_eq!(t().maximum(&(t() + Dim::Int(1))), t() + Dim::Int(1));
        assert_eq!(t().maximum(&Dim::Int(3)), Dim::Int(3).maximum(&t()));
        assert_eq!(Dim::Int(i64::MAX).minimum(&Dim::Int(-1)), Dim::Int(-1));
        assert_eq!(Dim::Int(i64::MAX).maximum(&Dim::Int(-1)), Dim::Int(i64::MAX));
    }
}
