//! Taking composites apart.
//!
//! [`decompose`] gives, for one use of a composite with given operand types, a graph that computes
//! the same from simpler ops: its inputs are the operands that are present, its outputs the results.
//! A decomposition is written as formulas (see [`expr`](crate::expr)) and may ask for the dims and
//! for the contents of operands that shape the result. Dims may be symbolic, so that one decomposition serves
//! every size ([`Decompose::dims`]); an unknown dim of an operand gets a name of its own first. Where a rule needs a
//! number ([`Decompose::sizes`]) that isn't known yet, the answer is [`BuildError::NotStatic`], never a guess.

use std::collections::BTreeSet;

use glassbox_tensor::{DType, Tensor};

use crate::attr::Attrs;
use crate::builder::GraphBuilder;
use crate::dim::Dim;
use crate::draws::draw_of;
use crate::error::{BuildError, Violation};
use crate::expr::{Expr, ExprBuilder};
use crate::graph::{Graph, ValueId};
use crate::infer::{AttrView, Known, Operand};
use crate::op::{OpDef, Tier};
use crate::provenance::{Origin, Provenance};
use crate::types::{Shape, TensorType, Type};

/// One use of a composite, as its decomposition sees it.
pub struct Decompose<'a> {
    /// Where the formulas go.
    pub f: &'a ExprBuilder,
    /// The attributes.
    pub attr: AttrView<'a>,
    /// How many results are asked for.
    pub outputs: usize,
    op: &'static OpDef,
    operands: &'a [Option<Operand>],
    inputs: Vec<Option<ValueId>>,
}

/// The graph that a use of the composite `op` stands for. What it draws is numbered by
/// [`draw_within`](crate::draw_within), from the number of the composite's own draw.
///
/// # Errors
///
/// [`BuildError::NotStatic`] where a rank, an extent or contents aren't known that the decomposition is written from;
/// another [`BuildError`] where the op isn't a composite or its operands break its rules.
pub fn decompose(
    op: &'static OpDef,
    attrs: &Attrs,
    operands: &[Option<Operand>],
    outputs: usize,
) -> Result<Graph, BuildError> {
    let Tier::Composite(rule) = op.tier else {
        return Err(BuildError::Graph(Violation::new("tier", format!("`{}` is not a composite", op.name))));
    };
    // Numbers that follow from the composite's own, so that it draws the same whoever takes it apart.
    let mut builder = GraphBuilder::new(op.name).decomposing(draw_of(op, attrs).unwrap_or(0));
    builder.set_provenance(Provenance::new(Origin::Decomposed(op.name.to_owned())));
    let types = named(operands);
    let inputs =
        types.into_iter().enumerate().map(|(index, ty)| Some(builder.input(&format!("operand{index}"), ty?))).collect();
    let f = ExprBuilder::new(builder);
    let context = Decompose { f: &f, attr: AttrView::new(op, attrs), outputs, op, operands, inputs };
    let results = rule(&context).and_then(|results| results.into_iter().map(Expr::id).collect::<Result<Vec<_>, _>>());
    drop(context);
    // What a formula couldn't do is the op's own.
    let own = |error| match error {
        BuildError::NotStatic { missing, .. } => BuildError::NotStatic { op: op.name, node: String::new(), missing },
        other => other,
    };
    results.and_then(|results: Vec<ValueId>| f.finish(&results)).map_err(own)
}

/// The types of the operands, with a name for each dim that is unknown. Two such dims have two names: nothing says that
/// they are equal.
fn named(operands: &[Option<Operand>]) -> Vec<Option<Type>> {
    let mut taken = BTreeSet::new();
    for dim in operands.iter().flatten().filter_map(|operand| operand.ty.as_tensor()?.dims()).flatten() {
        dim.for_each_symbol(&mut |name| {
            taken.insert(name.to_owned());
        });
    }
    let fresh = |index: usize, axis: usize| {
        let mut name = format!("operand{index}_axis{axis}");
        while taken.contains(&name) {
            name.push('_');
        }
        Dim::symbol(&name)
    };
    let operand = |(index, operand): (usize, &Option<Operand>)| {
        let ty = &operand.as_ref()?.ty;
        let Some(dims) = ty.as_tensor().and_then(TensorType::dims) else { return Some(ty.clone()) };
        let name = |(axis, dim): (usize, &Dim)| if dim.is_unknown() { fresh(index, axis) } else { dim.clone() };
        let shape = Shape::Ranked(dims.iter().enumerate().map(name).collect());
        Some(TensorType { dtype: ty.dtype(), shape }.into())
    };
    operands.iter().enumerate().map(operand).collect()
}

impl<'a> Decompose<'a> {
    /// Whether the operand in place `index` is given.
    pub fn has(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Some(_)))
    }

    /// The operand in place `index`, which the op declares as needed.
    pub fn x(&self, index: usize) -> Expr<'a> {
        match self.opt(index) {
            Some(expr) => expr,
            None => self.f.mistake("arity", format!("operand {index} of `{}` is missing", self.op.name)),
        }
    }

    /// The operand in place `index`, where it is given.
    pub fn opt(&self, index: usize) -> Option<Expr<'a>> {
        self.inputs.get(index).copied().flatten().map(|id| self.f.expr(id))
    }

    /// Every operand from place `first` on; those left out are passed over.
    pub fn rest(&self, first: usize) -> Vec<Expr<'a>> {
        (first..self.inputs.len()).filter_map(|index| self.opt(index)).collect()
    }

    /// The dtype of the operand in place `index`.
    pub fn dtype(&self, index: usize) -> DType {
        self.x(index).dtype()
    }

    /// The rank of a tensor operand.
    ///
    /// # Errors
    ///
    /// Where the operand is missing, is no tensor, or its rank isn't known.
    pub fn rank(&self, index: usize) -> Result<usize, BuildError> {
        self.x(index).rank().ok_or_else(|| self.missing(format!("the rank of operand {index}")))
    }

    /// The dims of a tensor operand, of known rank.
    ///
    /// # Errors
    ///
    /// As [`Decompose::dims_of`].
    pub fn dims(&self, index: usize) -> Result<Vec<Dim>, BuildError> {
        self.dims_of(self.x(index))
    }

    /// The dims of any expression, of known rank and none of them unknown.
    ///
    /// # Errors
    ///
    /// Where the type is that of no tensor, or its rank isn't known.
    pub fn dims_of(&self, expr: Expr<'_>) -> Result<Vec<Dim>, BuildError> {
        let dims = expr.dims().filter(|dims| !dims.iter().any(Dim::is_unknown));
        dims.ok_or_else(|| self.missing(format!("the dims of {}", expr.ty())))
    }

    /// A dim as a number, for a rule that is written from it. `what` says which, for the message.
    ///
    /// # Errors
    ///
    /// Where the dim isn't a number.
    pub fn number(&self, dim: &Dim, what: &str) -> Result<i64, BuildError> {
        dim.as_int().ok_or_else(|| self.missing(format!("{what}, which is {dim}")))
    }

    /// A tensor of these dims whose elements are all `value`.
    pub fn filled(&self, dtype: DType, value: f64, dims: &[Dim]) -> Expr<'a> {
        self.f.scalar(dtype, value).expand(dims)
    }

    /// The dims of a tensor operand, which must all be known integers.
    ///
    /// # Errors
    ///
    /// As [`Decompose::sizes_of`].
    pub fn sizes(&self, index: usize) -> Result<Vec<i64>, BuildError> {
        self.sizes_of(self.x(index))
    }

    /// The dims of any expression, which must all be known integers.
    ///
    /// # Errors
    ///
    /// Where the type is that of no tensor, or one of its dims isn't a number.
    pub fn sizes_of(&self, expr: Expr<'_>) -> Result<Vec<i64>, BuildError> {
        let ty = expr.ty();
        let sizes = ty.as_tensor().and_then(|tensor| tensor.shape.sizes());
        let sizes = sizes.ok_or_else(|| self.missing(format!("every dim of {ty}")))?;
        Ok(sizes.into_iter().map(|size| size as i64).collect())
    }

    /// The contents of an operand that shapes the result.
    ///
    /// # Errors
    ///
    /// Where the contents of the operand aren't known.
    pub fn contents(&self, index: usize) -> Result<&'a Tensor, BuildError> {
        let known = self.operands.get(index).and_then(|operand| operand.as_ref()?.known.as_ref()?.tensor());
        known.ok_or_else(|| self.missing(format!("the contents of operand {index}")))
    }

    /// The integers in an operand that shapes the result.
    ///
    /// # Errors
    ///
    /// Where the contents of the operand aren't known, or aren't integers.
    pub fn ints(&self, index: usize) -> Result<Vec<i64>, BuildError> {
        let known = self.operands.get(index).and_then(|operand| operand.as_ref()?.known.as_ref());
        let values = known.and_then(Known::ints).and_then(|dims| dims.iter().map(|dim| dim.as_int()).collect());
        values.ok_or_else(|| self.missing(format!("the contents of operand {index}")))
    }

    /// The error of a decomposition for which `what` isn't known.
    pub fn missing(&self, what: impl Into<String>) -> BuildError {
        BuildError::NotStatic { op: self.op.name, node: String::new(), missing: what.into() }
    }

    /// The error of a decomposition whose operands break `rule`.
    pub fn invalid(&self, rule: &'static str, message: impl Into<String>) -> BuildError {
        BuildError::Node { op: self.op.name, node: String::new(), violation: Violation::new(rule, message) }
    }
}
