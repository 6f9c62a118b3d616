//! Dims as values: the extents that a formula names, as integers of the graph under construction.
//!
//! In: a [`Dim`]; out: an expression that holds it when the graph runs. A number is a constant. A symbolic dim is read
//! off an axis that has it: of a value that is at hand, or of an input of the graph; an expression is computed from its
//! parts where no axis has it. A dim of which no input tells is a mistake that names it
//! ([`BuildError::NotStatic`](crate::BuildError::NotStatic)); a guess is never made.

use glassbox_tensor::Tensor;

use crate::attr::Attrs;
use crate::attrs;
use crate::builder::int_vector;
use crate::dim::{Atom, Dim};
use crate::error::BuildError;
use crate::expr::{Expr, ExprBuilder};
use crate::ops;

impl ExprBuilder {
    /// A dim as a scalar of i64.
    pub fn extent(&self, dim: &Dim) -> Expr<'_> {
        match dim {
            Dim::Int(value) => self.int(*value),
            _ => self.one_extent(dim, None).squeeze(&[0]),
        }
    }

    /// Dims as a vector of i64; those that `near` has are read off it.
    pub fn extents<'b>(&'b self, dims: &[Dim], near: Option<Expr<'b>>) -> Expr<'b> {
        if let Some(constant) = int_vector(dims) {
            return self.constant(constant);
        }
        let near_dims = near.and_then(Expr::dims).unwrap_or_default();
        let mut parts: Vec<Expr<'b>> = Vec::new();
        let mut place = 0;
        while place < dims.len() {
            let rest = &dims[place..];
            let numbers = rest.iter().take_while(|dim| dim.as_int().is_some()).count();
            let run = near_dims.iter().position(|dim| *dim == rest[0]).filter(|_| numbers == 0);
            let (part, length) = match (run, near) {
                (Some(axis), Some(near)) => {
                    let alike = near_dims[axis..].iter().zip(rest).take_while(|(a, b)| a == b && b.as_int().is_none());
                    let length = alike.count();
                    (axes_of(near, axis, length), length)
                }
                _ if numbers > 0 => (self.ints(&rest.iter().map_while(Dim::as_int).collect::<Vec<_>>()), numbers),
                _ => (self.one_extent(&rest[0], near), 1),
            };
            parts.push(part);
            place += length;
        }
        match parts[..] {
            [only] => only,
            _ => self.concat(&parts, 0),
        }
    }

    /// A dim as a vector of one i64.
    fn one_extent<'b>(&'b self, dim: &Dim, near: Option<Expr<'b>>) -> Expr<'b> {
        let Dim::Expr(expr) = dim else {
            return dim.as_int().map_or_else(|| self.no_extent(dim), |value| self.ints(&[value]));
        };
        if let Some(found) = near.and_then(|near| axis_with(near, dim)) {
            return found;
        }
        let inputs = self.graph().inputs().to_vec();
        if let Some(found) = inputs.into_iter().find_map(|id| axis_with(self.expr(id), dim)) {
            return found;
        }
        let mut sum: Option<Expr<'b>> = None;
        for (product, coefficient) in &expr.terms {
            let mut term = (*coefficient != 1 || product.is_empty()).then(|| self.ints(&[*coefficient]));
            for atom in product {
                let factor = self.extent_of_atom(atom, near);
                term = Some(term.map_or(factor, |term| term * factor));
            }
            sum = match (sum, term) {
                (Some(sum), Some(term)) => Some(sum + term),
                (sum, term) => sum.or(term),
            };
        }
        sum.unwrap_or_else(|| self.no_extent(dim))
    }

    fn extent_of_atom<'b>(&'b self, atom: &Atom, near: Option<Expr<'b>>) -> Expr<'b> {
        let dim = Dim::from_atom(atom.clone());
        let Some((a, b)) = atom.parts() else {
            // No axis may have the symbol alone, but one that is it and a number.
            let places = near.into_iter().chain(self.graph().inputs().to_vec().into_iter().map(|id| self.expr(id)));
            let shifted = |x: Expr<'b>| {
                let dims = x.dims()?;
                let found = dims.iter().enumerate().find_map(|(axis, other)| Some((axis, (other - &dim).as_int()?)));
                found.map(|(axis, shift)| axes_of(x, axis, 1) - self.ints(&[shift]))
            };
            return places.into_iter().find_map(shifted).unwrap_or_else(|| self.no_extent(&dim));
        };
        let [x, y] = [a, b].map(|part| match part {
            Dim::Int(value) => self.ints(&[*value]),
            part => self.one_extent(part, near),
        });
        match atom {
            // The op rounds toward zero.
            Atom::FloorDiv(a, b) if a.is_natural() && b.is_natural() => x / y,
            Atom::Mod(..) => x.binary(&ops::mod_::OP, y),
            Atom::Min(..) => x.minimum(y),
            Atom::Max(..) => x.maximum(y),
            Atom::Broadcast(..) => x.equal(self.ints(&[1])).select(y, x),
            Atom::FloorDiv(..) | Atom::Symbol(_) => self.no_extent(&dim),
        }
    }

    fn no_extent(&self, dim: &Dim) -> Expr<'_> {
        self.refuse(BuildError::NotStatic { op: "shape", node: String::new(), missing: format!("the extent {dim}") })
    }
}

impl<'b> Expr<'b> {
    /// With these dims, as many elements as before. One may be the number -1: what the others leave; a zero is an
    /// extent of zero. Symbolic dims are those of this value or of inputs of the graph, or made of such.
    pub fn reshape(self, dims: &[Dim]) -> Expr<'b> {
        let (shape, zero_is_extent) = match self.constant_target(dims) {
            Some((shape, zero_is_extent)) => (self.owner().constant(shape), zero_is_extent),
            None => (self.owner().extents(dims, Some(self)), true),
        };
        self.owner().op(&ops::reshape::OP, &[self, shape], attrs! { allowzero: zero_is_extent })
    }

    /// Repeated to these dims, where it has an extent of one or fewer axes.
    pub fn expand(self, dims: &[Dim]) -> Expr<'b> {
        let shape = self.owner().extents(dims, Some(self));
        self.binary(&ops::expand::OP, shape)
    }

    /// The target of a reshape that needs no computing: of numbers; or with a 0 for each symbolic dim that stays in its
    /// place; or with -1 for the only symbolic one. The flag says that a 0 in it is an extent.
    fn constant_target(self, dims: &[Dim]) -> Option<(Tensor, bool)> {
        if let Some(numbers) = int_vector(dims) {
            return Some((numbers, true));
        }
        if dims.contains(&Dim::Int(0)) {
            return None;
        }
        let old = self.dims()?;
        let stays = |(axis, dim): (usize, &Dim)| match dim {
            Dim::Int(value) => Some(*value),
            dim => (old.get(axis) == Some(dim)).then_some(0),
        };
        if let Some(kept) = dims.iter().enumerate().map(stays).collect::<Option<Vec<i64>>>() {
            return Some((Tensor::from_vec(&[kept.len()], kept).ok()?, false));
        }
        let count = |dims: &[Dim]| dims.iter().fold(Dim::Int(1), |product, dim| product * dim.clone());
        let (numbers, symbolic): (Vec<Dim>, Vec<Dim>) = dims.iter().cloned().partition(|dim| dim.as_int().is_some());
        let rest = count(&old).floor_div(&count(&numbers));
        if symbolic.len() != 1 || numbers.contains(&Dim::Int(-1)) || rest != symbolic[0] {
            return None;
        }
        let target: Vec<i64> = dims.iter().map(|dim| dim.as_int().unwrap_or(-1)).collect();
        Some((Tensor::from_vec(&[target.len()], target).ok()?, true))
    }
}

/// The extents of `length` axes of `x` from `axis` on.
fn axes_of(x: Expr<'_>, axis: usize, length: usize) -> Expr<'_> {
    let attrs: Attrs = attrs! { start: axis as i64, end: (axis + length) as i64 };
    x.owner().op(&ops::shape::OP, &[x], attrs)
}

/// The extent of an axis of `x` that has this dim.
fn axis_with<'b>(x: Expr<'b>, dim: &Dim) -> Option<Expr<'b>> {
    let axis = x.dims()?.iter().position(|other| other == dim)?;
    Some(axes_of(x, axis, 1))
}

#[cfg(test)]
mod tests {
    use glassbox_tensor::DType;

    use super::*;
    use crate::builder::GraphBuilder;
    use crate::text::parse_dim;
    use crate::types::Type;

    /// The printed graph that reshapes an input of dims `from` beside inputs `i64[B, T+1]` and `i64[N]`.
    fn reshaped(from: &str, to: &[&str]) -> Result<String, BuildError> {
        let f = ExprBuilder::new(GraphBuilder::new("g"));
        let Ok(ty) = crate::text::parse_type(from) else { panic!("{from} is a type") };
        let x = f.input("x", ty);
        f.input("y", Type::tensor(DType::I64, [Dim::symbol("B"), Dim::symbol("T") + Dim::Int(1)]));
        f.input("z", Type::tensor(DType::I64, ["N"]));
        let dims: Vec<Dim> = to.iter().map(|dim| parse_dim(dim).expect("a dim")).collect();
        let result = x.reshape(&dims);
        f.check()?;
        assert_eq!(result.dims(), Some(dims), "{from} to {to:?}");
        let id = result.id()?;
        Ok(f.finish(&[id])?.to_string())
    }

    #[test]
    fn reshape_is_constant_where_it_can_be() {
        for (from, to, shape) in [
            ("f32[2, 6]", &["3", "4"][..], "i64[2] [3, 4]"),
            ("f32[B, T, 64]", &["B", "T", "8", "8"], "i64[4] [0, 0, 8, 8]"),
            ("f32[1, T, 64]", &["1", "8", "T", "8"], "i64[4] [1, 8, -1, 8]"),
            ("f32[B, T, 64]", &["B*T", "64"], "i64[2] [-1, 64]"),
        ] {
            let text = reshaped(from, to).expect("it is built");
            assert!(text.contains(shape) && !text.contains("shape(%x)"), "{from} to {to:?}: {text}");
        }
    }

    #[test]
    fn what_must_be_computed_is_read_off_values_and_inputs() {
        for (from, to, parts) in [
            ("f32[B, 8, T, 8]", &["B", "2", "4", "T", "8"][..], &["shape(%x) {end = 1", "shape(%x) {end = 3"][..]),
            ("f32[B, T, 64]", &["0", "B", "T"], &["shape(%x) {end = 2, start = 0}"]),
            ("f32[B*N]", &["B", "N"], &["shape(%y)", "shape(%z)"]),
            ("f32[B*T]", &["B", "T"], &["shape(%y)", "sub("]),
            ("f32[N*floordiv(N, 2)]", &["floordiv(N, 2)", "N"], &["div("]),
            ("f32[N*min(N, B)]", &["min(N, B)", "N"], &["min("]),
        ] {
            let text = reshaped(from, to).unwrap_or_else(|error| panic!("{from} to {to:?}: {error}"));
            parts.iter().for_each(|part| assert!(text.contains(part), "{from} to {to:?}: {text}"));
        }
    }

    #[test]
    fn an_extent_that_nothing_tells_is_named() {
        let error = reshaped("f32[*]", &["M", "N"]).unwrap_err().to_string();
        assert!(error.contains("the extent M"), "{error}");
    }
}
