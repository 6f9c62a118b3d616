//! Formulas: building graphs with code that reads like the mathematics.
//!
//! An [`Expr`] is a value of a graph under construction; `x * y.sigmoid()` adds two nodes. Mistakes
//! don't interrupt a formula: the first one is kept in the [`ExprBuilder`], what depends on it adds
//! no nodes, and [`ExprBuilder::finish`] (or [`ExprBuilder::check`]) reports it. What names dims (`reshape`,
//! `expand`) is in [`extents`](crate::extents).

use std::cell::{Ref, RefCell, RefMut};

use glassbox_tensor::{DType, Overflow, Tensor, TensorError};

use crate::attr::Attrs;
use crate::attrs;
use crate::builder::GraphBuilder;
use crate::dim::Dim;
use crate::error::{BuildError, Violation};
use crate::graph::{Graph, RegionId, ValueId};
use crate::infer::normalise_axis;
use crate::op::OpDef;
use crate::ops;
use crate::types::Type;

/// A graph under construction, for formulas. See the [module](self).
///
/// ```
/// use glassbox_ir::{ExprBuilder, GraphBuilder, Type};
/// use glassbox_tensor::DType;
/// let build = ExprBuilder::new(GraphBuilder::new("squares"));
/// let x = build.input("x", Type::tensor(DType::F32, ["N"]));
/// let y = x * x + x.scalar_like(1.0);
/// let outputs = [y.id()?];
/// assert_eq!(build.finish(&outputs)?.node_count(), 3);
/// # Ok::<(), glassbox_ir::BuildError>(())
/// ```
pub struct ExprBuilder {
    builder: RefCell<GraphBuilder>,
    error: RefCell<Option<BuildError>>,
}

/// A value of a graph under construction.
#[derive(Clone, Copy)]
pub struct Expr<'b> {
    owner: &'b ExprBuilder,
    /// `None` where an earlier mistake left no value.
    id: Option<ValueId>,
}

/// A scalar of a dtype: `value` rounded to it, and where that is an infinity that the dtype hasn't, its largest value.
///
/// # Errors
///
/// The dtype is none of numbers.
///
/// ```
/// use glassbox_ir::expr::number_of;
/// use glassbox_tensor::DType;
///
/// assert_eq!(number_of(DType::F8E4M3FN, f64::INFINITY)?.item::<f64>(), Ok(448.0));
/// # Ok::<(), glassbox_tensor::TensorError>(())
/// ```
pub fn number_of(dtype: DType, value: f64) -> Result<Tensor, TensorError> {
    let store = |overflow| Tensor::store(dtype, &[], vec![value], overflow);
    let exact = store(Overflow::Wrap)?;
    let infinite = value.is_infinite() && exact.item::<f64>() == Ok(value);
    if infinite { Ok(exact) } else { store(Overflow::Saturate) }
}

impl ExprBuilder {
    /// Formulas that add to `builder`.
    pub fn new(builder: GraphBuilder) -> ExprBuilder {
        ExprBuilder { builder: RefCell::new(builder), error: RefCell::new(None) }
    }

    /// The builder below.
    pub fn builder(&self) -> RefMut<'_, GraphBuilder> {
        self.builder.borrow_mut()
    }

    /// The graph as far as it is built.
    pub fn graph(&self) -> Ref<'_, Graph> {
        Ref::map(self.builder.borrow(), GraphBuilder::graph)
    }

    /// The first mistake since the last call, if there was one.
    ///
    /// # Errors
    ///
    /// That mistake.
    pub fn check(&self) -> Result<(), BuildError> {
        self.error.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// A value of the graph as an expression.
    pub fn expr(&self, id: ValueId) -> Expr<'_> {
        Expr { owner: self, id: Some(id) }
    }

    /// A new input.
    pub fn input(&self, name: &str, ty: Type) -> Expr<'_> {
        self.expr(self.builder().input(name, ty))
    }

    /// A constant tensor.
    pub fn constant(&self, tensor: Tensor) -> Expr<'_> {
        self.expr(self.builder().constant(tensor))
    }

    /// A constant vector of i64.
    pub fn ints(&self, values: &[i64]) -> Expr<'_> {
        match Tensor::from_vec(&[values.len()], values.to_vec()) {
            Ok(tensor) => self.constant(tensor),
            Err(error) => self.mistake("constant", error.to_string()),
        }
    }

    /// A constant scalar of i64.
    pub fn int(&self, value: i64) -> Expr<'_> {
        self.constant(Tensor::scalar(value))
    }

    /// A constant scalar of `dtype`. Floats are rounded to it, once; what is too large becomes the largest value, but an
    /// infinity stays one where the dtype has it.
    pub fn scalar(&self, dtype: DType, value: f64) -> Expr<'_> {
        match number_of(dtype, value) {
            Ok(tensor) => self.constant(tensor),
            Err(error) => self.mistake("constant", error.to_string()),
        }
    }

    /// A node with one result.
    pub fn op<'b>(&'b self, op: &'static OpDef, operands: &[Expr<'b>], attrs: Attrs) -> Expr<'b> {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        self.op_with(op, &operands, attrs)
    }

    /// A node with one result, some of whose operands are left out.
    pub fn op_with<'b>(&'b self, op: &'static OpDef, operands: &[Option<Expr<'b>>], attrs: Attrs) -> Expr<'b> {
        self.op_many(op, operands, attrs, Vec::new(), 1)[0]
    }

    /// A node with `outputs` results and perhaps regions.
    pub fn op_many<'b>(
        &'b self,
        op: &'static OpDef,
        operands: &[Option<Expr<'b>>],
        attrs: Attrs,
        regions: Vec<RegionId>,
        outputs: usize,
    ) -> Vec<Expr<'b>> {
        let nothing = vec![Expr { owner: self, id: None }; outputs];
        if operands.iter().flatten().any(|operand| operand.id.is_none()) {
            return nothing;
        }
        let ids: Vec<_> = operands.iter().map(|operand| operand.and_then(|operand| operand.id)).collect();
        let result = self.builder().node_with_regions(op, &ids, attrs, regions, outputs);
        match result {
            Ok(results) => results.into_iter().map(|id| self.expr(id)).collect(),
            Err(error) => {
                self.report(error);
                nothing
            }
        }
    }

    /// Operands side by side along `axis`.
    pub fn concat<'b>(&'b self, operands: &[Expr<'b>], axis: i64) -> Expr<'b> {
        self.op(&ops::concat::OP, operands, attrs! { axis: axis })
    }

    /// The finished graph, or the first mistake.
    ///
    /// # Errors
    ///
    /// The first mistake in an expression, or what [`GraphBuilder::finish`] finds.
    pub fn finish(self, outputs: &[ValueId]) -> Result<Graph, BuildError> {
        self.check()?;
        self.builder.into_inner().finish(outputs.to_vec())
    }

    /// Keeps a mistake for [`ExprBuilder::check`] and gives no value.
    pub fn mistake(&self, rule: &'static str, message: impl Into<String>) -> Expr<'_> {
        self.report(BuildError::Graph(Violation::new(rule, message)));
        Expr { owner: self, id: None }
    }

    /// Keeps an error for [`ExprBuilder::check`] and gives no value.
    pub(crate) fn refuse(&self, error: BuildError) -> Expr<'_> {
        self.report(error);
        Expr { owner: self, id: None }
    }

    fn report(&self, error: BuildError) {
        self.error.borrow_mut().get_or_insert(error);
    }
}

impl<'b> Expr<'b> {
    /// The value, or the mistake because of which there is none.
    ///
    /// # Errors
    ///
    /// The first mistake in an expression, because of which there is no value.
    pub fn id(self) -> Result<ValueId, BuildError> {
        self.id.ok_or_else(|| {
            let kept = self.owner.error.borrow().clone();
            kept.unwrap_or_else(|| BuildError::Graph(Violation::new("expr", "an earlier mistake left no value")))
        })
    }

    /// The builder that it belongs to.
    pub fn owner(self) -> &'b ExprBuilder {
        self.owner
    }

    /// The type; `f32[*]` where an earlier mistake left no value.
    pub fn ty(self) -> Type {
        self.id.map_or(Type::unranked(DType::F32), |id| self.owner.builder.borrow().type_of(id).clone())
    }

    /// The dtype.
    pub fn dtype(self) -> DType {
        self.ty().dtype()
    }

    /// The dims, where the rank is known.
    pub fn dims(self) -> Option<Vec<Dim>> {
        self.ty().as_tensor().and_then(|tensor| tensor.dims().map(<[Dim]>::to_vec))
    }

    /// The rank, where it is known.
    pub fn rank(self) -> Option<usize> {
        self.dims().map(|dims| dims.len())
    }

    /// A node with this as its only operand and no attributes.
    pub fn unary(self, op: &'static OpDef) -> Expr<'b> {
        self.owner.op(op, &[self], Attrs::new())
    }

    /// A node with two operands and no attributes.
    pub fn binary(self, op: &'static OpDef, other: Expr<'b>) -> Expr<'b> {
        self.owner.op(op, &[self, other], Attrs::new())
    }

    /// A scalar of this value's dtype.
    pub fn scalar_like(self, value: f64) -> Expr<'b> {
        self.owner.scalar(self.dtype(), value)
    }

    /// Converted to `dtype`; itself where it has that dtype.
    pub fn cast(self, dtype: DType) -> Expr<'b> {
        if self.dtype() == dtype { self } else { self.owner.op(&ops::cast::OP, &[self], attrs! { to: dtype }) }
    }

    /// Converted to f32 where the dtype is a narrower float, so that a formula rounds once, at its end.
    pub fn widened(self) -> Expr<'b> {
        match self.dtype() {
            DType::F64 | DType::F32 => self,
            dtype if dtype.is_float() => self.cast(DType::F32),
            _ => self,
        }
    }

    /// With its axes in another order.
    pub fn transpose(self, order: &[usize]) -> Expr<'b> {
        let order: Vec<i64> = order.iter().map(|axis| *axis as i64).collect();
        self.owner.op(&ops::transpose::OP, &[self], attrs! { perm: order })
    }

    /// With an axis of extent one added before each of `axes` (of the result).
    pub fn unsqueeze(self, axes: &[i64]) -> Expr<'b> {
        let axes = self.owner.ints(axes);
        self.binary(&ops::unsqueeze::OP, axes)
    }

    /// Without the `axes`, which have extent one.
    pub fn squeeze(self, axes: &[i64]) -> Expr<'b> {
        let axes = self.owner.ints(axes);
        self.binary(&ops::squeeze::OP, axes)
    }

    /// Elements `start..end` along `axis`, in steps.
    pub fn slice(self, axis: i64, start: i64, end: i64, step: i64) -> Expr<'b> {
        let argument = |value| self.owner.ints(&[value]);
        let operands = [self, argument(start), argument(end), argument(axis), argument(step)];
        self.owner.op(&ops::slice::OP, &operands, Attrs::new())
    }

    /// A reduction over `axes`.
    pub fn reduce(self, op: &'static OpDef, axes: &[i64], keepdims: bool) -> Expr<'b> {
        let axes = self.owner.ints(axes);
        self.owner.op(op, &[self, axes], attrs! { keepdims: keepdims, noop_with_empty_axes: true })
    }

    /// The sum over `axes`.
    pub fn sum(self, axes: &[i64], keepdims: bool) -> Expr<'b> {
        self.reduce(&ops::reduce_sum::OP, axes, keepdims)
    }

    /// The mean over `axes`.
    pub fn mean(self, axes: &[i64], keepdims: bool) -> Expr<'b> {
        self.reduce(&ops::reduce_mean::OP, axes, keepdims)
    }

    /// An axis counted from the front; a mistake is kept, and gives zero.
    pub fn axis(self, axis: i64) -> usize {
        let rank = self.rank().unwrap_or(0);
        normalise_axis("axis", axis, rank).unwrap_or_else(|violation| {
            self.owner.report(BuildError::Graph(violation));
            0
        })
    }
}

/// Names for the ops that formulas use most.
macro_rules! methods {
    (unary: $($unary:ident)*; binary: $($binary:ident = $op:ident),* $(,)?) => {
        impl<'b> Expr<'b> {
            $(
                #[doc = concat!("The op `", stringify!($unary), "` of this.")]
                pub fn $unary(self) -> Expr<'b> {
                    self.unary(&ops::$unary::OP)
                }
            )*
            $(
                #[doc = concat!("The op `", stringify!($op), "` of this and `other`.")]
                pub fn $binary(self, other: Expr<'b>) -> Expr<'b> {
                    self.binary(&ops::$op::OP, other)
                }
            )*
        }
    };
}
methods!(
    unary: abs exp log sqrt tanh sigmoid erf sign floor sin cos;
    binary: pow = pow, maximum = max, minimum = min, matmul = matmul, less = less, equal = equal,
    greater = greater, and = and,
);

impl<'b> Expr<'b> {
    /// `then` where this is true, `other` elsewhere.
    pub fn select(self, then: Expr<'b>, other: Expr<'b>) -> Expr<'b> {
        self.owner.op(&ops::where_::OP, &[self, then, other], Attrs::new())
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident = $op:ident),*) => {$(
        impl<'b> std::ops::$trait for Expr<'b> {
            type Output = Expr<'b>;
            fn $method(self, other: Expr<'b>) -> Expr<'b> {
                self.binary(&ops::$op::OP, other)
            }
        }
        impl<'b> std::ops::$trait<f64> for Expr<'b> {
            type Output = Expr<'b>;
            fn $method(self, other: f64) -> Expr<'b> {
                self.binary(&ops::$op::OP, self.scalar_like(other))
            }
        }
    )*};
}
operators!(Add add = add, Sub sub = sub, Mul mul = mul, Div div = div);

impl<'b> std::ops::Not for Expr<'b> {
    type Output = Expr<'b>;
    fn not(self) -> Expr<'b> {
        self.unary(&ops::not::OP)
    }
}

impl<'b> std::ops::Neg for Expr<'b> {
    type Output = Expr<'b>;
    fn neg(self) -> Expr<'b> {
        self.unary(&ops::neg::OP)
    }
}
