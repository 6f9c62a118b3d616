//! Binding symbols: from declared types and the types that are given, what each symbol stands for.
//!
//! [`bind`] is the one place where sizes become values of symbols: specialisation, the check of inputs before a run
//! and the simulator call it. In: the declared types with labels for messages, and the types given for them. Out:
//! [`Bindings`], with which every declared dim comes out as the given one.
//!
//! Symbols are solved from dims that are bare symbols first, then from expressions that are linear in one symbol that
//! has no value yet (`T+1` given as 9: `T` is 8). Then every declared dim is computed and compared. Given dims are
//! integers, or expressions in symbols of the caller's own, which are another set of names than the declared ones.
//! What is given as unknown binds nothing and is compared with nothing; so are expressions of which no symbol can be
//! solved for.
//!
//! Refuses with a [`BindError`]: two values for a symbol, an equation that no extent solves, a dim that comes out as
//! another, and symbolic dims of which nothing says that they are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use thiserror::Error;

use crate::dim::Dim;
use crate::graph::Graph;
use crate::types::{Shape, Type};

/// What symbols stand for, by name.
///
/// ```
/// use glassbox_ir::{Bindings, Dim};
///
/// let sizes = Bindings::from_iter([("B", 4i64)]);
/// assert_eq!((Dim::symbol("B") * Dim::symbol("T")).substitute(&sizes).to_string(), "4*T");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings(BTreeMap<String, Dim>);

impl Bindings {
    /// No bindings.
    pub fn new() -> Bindings {
        Bindings::default()
    }

    /// What a symbol stands for.
    pub fn get(&self, symbol: &str) -> Option<&Dim> {
        self.0.get(symbol)
    }

    /// What a symbol stands for, where that is a number.
    pub fn size(&self, symbol: &str) -> Option<i64> {
        self.get(symbol)?.as_int()
    }

    /// Binds a symbol; gives what it was bound to before.
    pub fn insert(&mut self, symbol: impl Into<String>, dim: impl Into<Dim>) -> Option<Dim> {
        self.0.insert(symbol.into(), dim.into())
    }

    /// Every symbol and what it stands for, in order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Dim)> {
        self.0.iter().map(|(name, dim)| (name.as_str(), dim))
    }

    /// Whether nothing is bound.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>, D: Into<Dim>> FromIterator<(N, D)> for Bindings {
    fn from_iter<I: IntoIterator<Item = (N, D)>>(pairs: I) -> Bindings {
        Bindings(pairs.into_iter().map(|(name, dim)| (name.into(), dim.into())).collect())
    }
}

/// An axis of one of the values that types are given for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What the value is called.
    pub label: String,
    /// The axis; of a sequence or optional, that of its elements.
    pub axis: usize,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "axis {} of `{}`", self.axis, self.label)
    }
}

/// Why given types don't fit declared ones.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BindError {
    /// Another number of types is given than is declared.
    #[error("{declared} types are declared, {given} are given")]
    Count {
        /// How many are declared.
        declared: usize,
        /// How many are given.
        given: usize,
    },
    /// The kind, dtype, rank or an extent isn't the declared one.
    #[error("`{label}` is declared {declared}, not {given}")]
    Type {
        /// What the value is called.
        label: String,
        /// Its declared type.
        declared: Type,
        /// The type that is given.
        given: Type,
    },
    /// One symbol would have two values.
    #[error("`{symbol}` is {first} by {first_site}, and {second} by {second_site}")]
    Conflict {
        /// The symbol.
        symbol: String,
        /// The one value.
        first: Dim,
        /// Where it comes from.
        first_site: Site,
        /// The other value.
        second: Dim,
        /// Where that comes from.
        second_site: Site,
    },
    /// No extent that a symbol could have gives the dim.
    #[error("{site} is declared {declared}, and no extent `{symbol}` makes that {given}")]
    Unsolvable {
        /// The symbol that would have to be solved for.
        symbol: String,
        /// Where.
        site: Site,
        /// The declared dim.
        declared: Dim,
        /// The given one.
        given: Dim,
    },
    /// A declared dim comes out as another than the given one.
    #[error("{site} is declared {declared}, which is {computed} where {values}, and is given as {given}")]
    Mismatch {
        /// Where.
        site: Site,
        /// The declared dim.
        declared: Dim,
        /// What it comes out as; unknown where it has no value: a division by zero, or out of the range of i64.
        computed: Dim,
        /// The values of its symbols: `T is 3`.
        values: String,
        /// The given dim.
        given: Dim,
    },
    /// Symbolic dims of which nothing says that they are equal.
    #[error("{site} is declared {declared}, and nothing says that this is {given} as given")]
    Undecided {
        /// Where.
        site: Site,
        /// The declared dim, with what is known of its symbols.
        declared: Dim,
        /// The given dim.
        given: Dim,
    },
    /// A given type names a symbol that already means something else.
    #[error("a given type has the symbol `{symbol}`, which stands for something else that no given type binds")]
    Captured {
        /// The symbol.
        symbol: String,
    },
}

/// What symbols stand for where values of the types `given` stand in the places of `declared` types, each of which
/// has a label for messages.
///
/// # Errors
///
/// A [`BindError`] that names the value, the symbol and both dims where the types don't fit.
///
/// # Examples
///
/// ```
/// use glassbox_ir::{Dim, Type, bind};
/// use glassbox_tensor::DType;
///
/// let (x, y) = (Type::tensor(DType::F32, ["B", "T"]), Type::tensor(DType::F32, [Dim::symbol("T") + Dim::Int(1)]));
/// let declared = [("x", &x), ("y", &y)];
/// let given = |t: i64, next: i64| [Type::tensor(DType::F32, [2, t]), Type::tensor(DType::F32, [next])];
/// assert_eq!(bind(&declared, &given(8, 9))?.size("T"), Some(8));
/// assert_eq!(
///     bind(&declared, &given(3, 9)).unwrap_err().to_string(),
///     "axis 0 of `y` is declared T+1, which is 4 where T is 3, and is given as 9"
/// );
/// # Ok::<(), glassbox_ir::BindError>(())
/// ```
pub fn bind(declared: &[(&str, &Type)], given: &[Type]) -> Result<Bindings, BindError> {
    if declared.len() != given.len() {
        return Err(BindError::Count { declared: declared.len(), given: given.len() });
    }
    let mut solver = Solver::default();
    for ((label, declared), given) in declared.iter().zip(given) {
        if !solver.collect(label, declared, given, false) {
            let (declared, given) = ((*declared).clone(), given.clone());
            return Err(BindError::Type { label: (*label).to_owned(), declared, given });
        }
    }
    solver.bare_symbols()?;
    while solver.equations()? {}
    solver.same_forms();
    solver.check()?;
    Ok(solver.bindings.into_iter().map(|(symbol, (dim, _))| (symbol, dim)).collect())
}

/// What the symbols of a graph stand for where its inputs have the types `given`.
///
/// # Errors
///
/// As [`bind`]; the labels are the names of the inputs.
pub fn bind_inputs(graph: &Graph, given: &[Type]) -> Result<Bindings, BindError> {
    let labels: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    let types = graph.inputs().iter().map(|id| &graph.value(*id).ty);
    let declared: Vec<(&str, &Type)> = labels.iter().map(String::as_str).zip(types).collect();
    bind(&declared, given)
}

/// What the symbols of a graph stand for in a run: its inputs have the types `inputs`, and its states hold values of the
/// types that `held` gives. Of states whose growth isn't followed nothing is asked.
///
/// # Errors
///
/// As [`bind`]; the labels are the names of the inputs and states.
pub fn bind_run(graph: &Graph, inputs: &[Type], held: &dyn Fn(&str) -> Option<Type>) -> Result<Bindings, BindError> {
    let labels: Vec<String> = graph.inputs().iter().map(|id| graph.value_label(*id)).collect();
    let followed: Vec<_> = graph.states.iter().filter(|state| state.is_followed()).collect();
    let types: Vec<Type> = followed.iter().map(|state| state.ty.clone().into()).collect();
    let declared = graph.inputs().iter().map(|id| &graph.value(*id).ty);
    let mut declared: Vec<(&str, &Type)> = labels.iter().map(String::as_str).zip(declared).collect();
    let mut given = inputs.to_vec();
    if declared.len() == given.len() {
        for (state, ty) in followed.iter().zip(&types) {
            let Some(held) = held(&state.name) else { continue };
            declared.push((&state.name, ty));
            given.push(held);
        }
    }
    bind(&declared, &given)
}

/// A declared dim that is an expression, and the known dim that is given for it.
struct Equation<'a> {
    site: Site,
    declared: &'a Dim,
    given: &'a Dim,
}

#[derive(Default)]
struct Solver<'a> {
    equations: Vec<Equation<'a>>,
    /// What symbols stand for, and which site says so.
    bindings: BTreeMap<String, (Dim, Site)>,
}

/// A name that stands for the symbol that is solved for, which can't be among the caller's.
const WANTED: &str = "\0wanted";

impl<'a> Solver<'a> {
    /// The equations between two types; false where they don't fit whatever the symbols are. `nested` says that the
    /// types are those of elements: there only numbers bind, since an element's type may be that of another run.
    fn collect(&mut self, label: &str, declared: &'a Type, given: &'a Type, nested: bool) -> bool {
        let (declared, given) = match (declared, given) {
            (Type::Tensor(declared), Type::Tensor(given)) if declared.dtype == given.dtype => (declared, given),
            (Type::Sequence(declared), Type::Sequence(given)) | (Type::Optional(declared), Type::Optional(given)) => {
                return self.collect(label, declared, given, true);
            }
            _ => return false,
        };
        let (Shape::Ranked(declared), Shape::Ranked(given)) = (&declared.shape, &given.shape) else { return true };
        if declared.len() != given.len() {
            return false;
        }
        for (axis, (declared, given)) in declared.iter().zip(given).enumerate() {
            match (declared, given) {
                (Dim::Int(declared), Dim::Int(given)) if declared != given => return false,
                (_, Dim::Int(given)) if *given < 0 => return false,
                (Dim::Expr(_), Dim::Expr(_)) if nested => {}
                (Dim::Expr(_), Dim::Int(_) | Dim::Expr(_)) => {
                    let site = Site { label: label.to_owned(), axis };
                    self.equations.push(Equation { site, declared, given });
                }
                _ => {}
            }
        }
        true
    }

    /// Binds what is declared as a bare symbol. A number binds before an expression.
    fn bare_symbols(&mut self) -> Result<(), BindError> {
        for Equation { site, declared, given } in &self.equations {
            let Some(symbol) = declared.as_symbol() else { continue };
            match self.bindings.get(symbol) {
                Some((known, _)) if known.same(given) == Some(true) => continue,
                Some((Dim::Int(_), _)) if given.as_int().is_none() => continue,
                Some((known, first_site)) if known.as_int().is_some() || given.as_int().is_none() => {
                    return Err(BindError::Conflict {
                        symbol: symbol.to_owned(),
                        first: known.clone(),
                        first_site: first_site.clone(),
                        second: (*given).clone(),
                        second_site: site.clone(),
                    });
                }
                _ => {}
            }
            self.bindings.insert(symbol.to_owned(), ((*given).clone(), site.clone()));
        }
        Ok(())
    }

    /// Solves each equation with one symbol that has no value; whether one was found.
    fn equations(&mut self) -> Result<bool, BindError> {
        let mut found = false;
        for Equation { site, declared, given } in &self.equations {
            let Some(symbol) = self.only_unbound(declared) else { continue };
            let renamed = declared.replace(&|name| match self.bindings.get(name) {
                _ if name == symbol => Some(Dim::symbol(WANTED)),
                bound => bound.map(|(dim, _)| dim.clone()),
            });
            let Some((factor, rest)) = renamed.linear_in(WANTED) else { continue };
            let (factor, difference) = (Dim::Int(factor), *given - &rest);
            let solution = difference.floor_div(&factor);
            let exact = difference.modulo(&factor) == Dim::Int(0);
            if !exact || !solution.is_natural() {
                if difference.as_int().is_none() {
                    continue;
                }
                let (declared, given) = ((*declared).clone(), (*given).clone());
                return Err(BindError::Unsolvable { symbol, site: site.clone(), declared, given });
            }
            self.bindings.insert(symbol, (solution, site.clone()));
            found = true;
        }
        Ok(found)
    }

    /// The symbol of `dim` that has no value, where that is exactly one.
    fn only_unbound(&self, dim: &Dim) -> Option<String> {
        let unbound = self.unbound(dim);
        if unbound.len() == 1 { unbound.into_iter().next() } else { None }
    }

    fn unbound(&self, dim: &Dim) -> BTreeSet<String> {
        let mut unbound = BTreeSet::new();
        dim.for_each_symbol(&mut |name| {
            if !self.bindings.contains_key(name) {
                unbound.insert(name.to_owned());
            }
        });
        unbound
    }

    /// Where a dim is given as it is declared, symbols that nothing else binds stay what they are.
    fn same_forms(&mut self) {
        for Equation { site, declared, given } in &self.equations {
            if declared == given {
                for symbol in self.unbound(declared) {
                    let dim = Dim::symbol(&symbol);
                    self.bindings.insert(symbol, (dim, site.clone()));
                }
            }
        }
    }

    /// Every declared dim whose symbols have values comes out as the given one.
    fn check(&self) -> Result<(), BindError> {
        for Equation { site, declared, given } in &self.equations {
            if declared.as_symbol().is_some() || !self.unbound(declared).is_empty() {
                continue;
            }
            let computed = declared.replace(&|name| self.bindings.get(name).map(|(dim, _)| dim.clone()));
            let (site, declared, given) = (site.clone(), (*declared).clone(), (*given).clone());
            match computed.same(&given) {
                Some(true) => {}
                None if !computed.is_unknown() => {
                    return Err(BindError::Undecided { site, declared: computed, given });
                }
                _ => {
                    let mut values = BTreeSet::new();
                    declared.for_each_symbol(&mut |name| {
                        values
                            .extend(self.bindings.get(name).map(|(dim, _)| format!("{} is {dim}", Dim::symbol(name))));
                    });
                    let values = values.into_iter().collect::<Vec<_>>().join(", ");
                    return Err(BindError::Mismatch { site, declared, computed, values, given });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse_type;

    fn types(texts: &[&str]) -> Vec<Type> {
        texts.iter().map(|text| parse_type(text).expect("a type")).collect()
    }

    /// The bindings as `B = 2, T = 3`, or the message.
    fn bound(declared: &[&str], given: &[&str]) -> String {
        const LABELS: &[&str] = &["x", "y", "z"];
        let (declared, given) = (types(declared), types(given));
        let declared: Vec<(&str, &Type)> = LABELS.iter().copied().zip(&declared).collect();
        match bind(&declared, &given) {
            Ok(bindings) => bindings.iter().map(|(name, dim)| format!("{name} = {dim}")).collect::<Vec<_>>().join(", "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn symbols_are_solved_for() {
        for (declared, given, want) in [
            (&["f32[B, T]", "i64[T]"][..], &["f32[2, 3]", "i64[3]"][..], "B = 2, T = 3"),
            (&["f32[T+1]"], &["f32[9]"], "T = 8"),
            // The bare symbol binds, wherever it stands.
            (&["f32[T+1]", "f32[T]"], &["f32[9]", "f32[8]"], "T = 8"),
            (&["f32[2*D, D+E]"], &["f32[6, 10]"], "D = 3, E = 7"),
            (&["f32[D+E]", "f32[E*F]", "f32[F]"], &["f32[10]", "f32[12]", "f32[4]"], "D = 7, E = 3, F = 4"),
            (&["f32[T-1]"], &["f32[0]"], "T = 1"),
            (&["f32[10-T]"], &["f32[7]"], "T = 3"),
            (&["f32[floordiv(T, 2)]", "f32[T]"], &["f32[3]", "f32[7]"], "T = 7"),
            // Nothing says what the symbols are.
            (&["f32[B*T]"], &["f32[7]"], ""),
            (&["f32[floordiv(T, 2)]"], &["f32[7]"], ""),
            (&["f32[T, 5]"], &["f32[?, 5]"], ""),
            (&["f32[*]", "f32[?]"], &["f32[2, 2]", "f32[3]"], ""),
            (&["seq<f32[T]>", "opt<f32[B]>"], &["seq<f32[4]>", "opt<f32[?]>"], "T = 4"),
        ] {
            assert_eq!(bound(declared, given), want, "{declared:?} {given:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (declared, given, want) in [
            (&["f32[T]", "f32[T]"][..], &["f32[5]", "f32[6]"][..], "`T` is 5 by axis 0 of `x`, and 6 by axis 0 of `y`"),
            (&["f32[T, T]"], &["f32[5, 6]"], "`T` is 5 by axis 0 of `x`, and 6 by axis 1 of `x`"),
            (
                &["f32[T+1]", "f32[T]"],
                &["f32[9]", "f32[3]"],
                "axis 0 of `x` is declared T+1, which is 4 where T is 3, and is given as 9",
            ),
            (&["f32[2*D]"], &["f32[7]"], "axis 0 of `x` is declared 2*D, and no extent `D` makes that 7"),
            (&["f32[T+5]"], &["f32[2]"], "axis 0 of `x` is declared T+5, and no extent `T` makes that 2"),
            (
                &["f32[T+1]", "f32[2*T]"],
                &["f32[9]", "f32[15]"],
                "axis 0 of `y` is declared 2*T, which is 16 where T is 8, and is given as 15",
            ),
            (
                &["f32[floordiv(T, D)]", "f32[T, D]"],
                &["f32[9]", "f32[3, 0]"],
                "axis 0 of `x` is declared floordiv(T, D), which is ? where D is 0, T is 3, and is given as 9",
            ),
            (
                &["f32[broadcast(B, C)]", "f32[B, C]"],
                &["f32[3]", "f32[2, 3]"],
                "axis 0 of `x` is declared broadcast(B, C), which is ? where B is 2, C is 3, and is given as 3",
            ),
            (&["f32[T, 2]"], &["f32[5, 3]"], "`x` is declared f32[T, 2], not f32[5, 3]"),
            (&["f32[T]"], &["f32[5, 3]"], "`x` is declared f32[T], not f32[5, 3]"),
            (&["f32[T]"], &["i64[5]"], "`x` is declared f32[T], not i64[5]"),
            (&["f32[T]"], &["seq<f32[5]>"], "`x` is declared f32[T], not seq<f32[5]>"),
            (
                &["seq<f32[T]>", "f32[T]"],
                &["seq<f32[4]>", "f32[5]"],
                "`T` is 4 by axis 0 of `x`, and 5 by axis 0 of `y`",
            ),
            (&["f32[T]"], &["f32[5]", "f32[5]"], "1 types are declared, 2 are given"),
        ] {
            assert_eq!(bound(declared, given), want, "{declared:?} {given:?}");
        }
        assert_eq!(
            bound(&["f32[T*T]", "f32[T]"], &["f32[1]", "f32[4294967296]"]),
            "axis 0 of `x` is declared T*T, which is ? where T is 4294967296, and is given as 1"
        );
    }

    #[test]
    fn symbols_are_bound_to_symbols() {
        for (declared, given, want) in [
            (&["f32[B, T]"][..], &["f32[4, T]"][..], "B = 4, T = T"),
            // The caller's names are his own.
            (&["f32[B, T]"], &["f32[T, B]"], "B = T, T = B"),
            (&["f32[T]", "f32[T+1]"], &["f32[2*N+1]", "f32[2*N+2]"], "T = 2*N+1"),
            (&["f32[T+1]"], &["f32[T+1]"], "T = T"),
            (&["f32[2*T]"], &["f32[2*N+4]"], "T = N+2"),
            (&["f32[B*T]"], &["f32[B*T]"], "B = B, T = T"),
            // A number says more, and the other input is to have it too.
            (&["f32[T]", "f32[T]"], &["f32[5]", "f32[T]"], "T = 5"),
            (&["f32[T]", "f32[T]"], &["f32[T]", "f32[5]"], "T = 5"),
            (&["f32[T]", "f32[T]"], &["f32[A]", "f32[B]"], "`T` is A by axis 0 of `x`, and B by axis 0 of `y`"),
            (
                &["f32[T]", "f32[T+1]"],
                &["f32[N]", "f32[M]"],
                "axis 0 of `y` is declared N+1, and nothing says that this is M as given",
            ),
            (
                &["f32[T]", "f32[T+1]"],
                &["f32[N]", "f32[N]"],
                "axis 0 of `y` is declared T+1, which is N+1 where T is N, and is given as N",
            ),
            // N may be 0, and no T makes T+1 zero: T isn't N-1.
            (&["f32[T+1]"], &["f32[N]"], ""),
        ] {
            assert_eq!(bound(declared, given), want, "{declared:?} {given:?}");
        }
    }
}
