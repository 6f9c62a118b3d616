//! What the op table's rows are made of.
//!
//! An [`OpDef`] is the whole declaration of an op: its meaning in words, operands, results,
//! attributes, labelled constraints, an example, and the functions that infer its result types and,
//! for a composite, take it apart. Everything else (printer, parser, builder, verifier, importer,
//! status page) reads the declaration. One file in [`ops`](crate::ops) holds one op.

use std::fmt;

use glassbox_tensor::{Class, DType};

use crate::attr::{AttrKind, Default};
use crate::decompose::Decompose;
use crate::effects::Effects;
use crate::error::{BuildError, Violation};
use crate::expr::Expr;
use crate::held::Bodies;
use crate::infer::{AttrView, Infer, Known, Operand, Signature};
use crate::types::{TensorType, Type};

/// The declaration of an op.
///
/// ```
/// use glassbox_ir::ops;
/// let op = ops::find("softmax").expect("it is in the table");
/// assert_eq!(op.inputs[0].name, "x");
/// assert!(op.attr("axis").is_some() && op.effects.is_pure());
/// ```
pub struct OpDef {
    /// The name: the ONNX name in snake case where ONNX has the op.
    pub name: &'static str,
    /// Where its meaning comes from.
    pub tier: Tier,
    /// What it computes, in a few sentences: semantics, numerics (compute and accumulation dtype,
    /// rounding, NaN, overflow). The first sentence stands alone.
    pub doc: &'static str,
    /// The operands. Only the last may be variadic.
    pub inputs: &'static [Input],
    /// The results. Only the last may be variadic.
    pub outputs: &'static [Output],
    /// The attributes.
    pub attrs: &'static [AttrSpec],
    /// The labelled constraints that [`OpDef::infer`] checks: `("C1", "axis is in [-r, r)")`.
    pub constraints: &'static [(&'static str, &'static str)],
    /// How many regions it has.
    pub regions: usize,
    /// How they run.
    pub bodies: Bodies,
    /// For an op that changes a state: what the state holds after it.
    pub holds: Option<HoldsFn>,
    /// What a use of it does besides giving results, without what its bodies do.
    pub effects: Effects,
    /// How the elements of its results come to be rounded.
    pub rounding: Rounding,
    /// One example in the text form, that runs as a test: `abs(f32[2] [-1, 2]) -> f32[2] [1, 2]`.
    pub example: &'static str,
    /// The result types, or the constraint that doesn't hold.
    pub infer: InferFn,
    /// What is known of the results' contents, for the ops that shape computations are made of.
    pub known: Option<KnownFn>,
    /// The types that the parameters of its regions have. Without it the regions take nothing.
    pub body_types: Option<BodyTypesFn>,
}

/// Infers the types of the results.
pub type InferFn = fn(&Infer) -> Result<Vec<Type>, Violation>;
/// Says what is known of the contents of the results, which have the given types.
pub type KnownFn = fn(&Infer, &[Type]) -> Vec<Option<Known>>;
/// Gives the types that the parameters of the regions have: at first, then given what is known of the regions.
pub type BodyTypesFn = fn(AttrView, &[Option<Operand>], Option<&[Signature]>) -> Result<Vec<Vec<Type>>, Violation>;
/// Says what the state that a use of the op changes holds after it, given the types of the results.
pub type HoldsFn = fn(&Infer, &[Type]) -> Option<TensorType>;
/// Takes a composite apart; gives the values that stand for its results.
pub type DecomposeFn = for<'a> fn(&Decompose<'a>) -> Result<Vec<Expr<'a>>, BuildError>;

/// Where the meaning of an op comes from.
#[derive(Clone, Copy)]
pub enum Tier {
    /// From its reference kernel.
    Primitive,
    /// From its decomposition.
    Composite(DecomposeFn),
    /// From the interpreter: bodies and states.
    Control,
}

/// How the elements of an op's results come to be rounded: how far two programs that compute it rightly may be apart, from
/// the least to the most.
///
/// ```
/// use glassbox_ir::{Rounding, ops};
/// assert_eq!(ops::transpose::OP.rounding, Rounding::Exact);
/// assert!(ops::add::OP.rounding < ops::matmul::OP.rounding);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rounding {
    /// It moves, selects or compares elements, or counts, and rounds nothing.
    Exact,
    /// Each element is rounded once.
    Once,
    /// Each element is a function that is approximated.
    Function,
    /// Each element is a sum of many, or made of several such steps.
    Sum,
}

/// One operand of an op.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// The name, for messages and documentation.
    pub name: &'static str,
    /// How many there are.
    pub count: Count,
    /// Which types it takes.
    pub kind: Kind,
    /// Operands with the same letter have the same dtype.
    pub letter: Option<char>,
    /// Whether the *contents* shape the results or the decomposition (a shape, axes, `k`). Such an operand
    /// is a scalar or a vector.
    pub shapes: bool,
}

/// One result of an op.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The name, for messages and documentation.
    pub name: &'static str,
    /// Whether any number of them may stand here.
    pub variadic: bool,
}

/// How many operands stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// One.
    One,
    /// One or none.
    Optional,
    /// At least so many, of the same dtype.
    Variadic(usize),
    /// At least so many, of whatever types.
    Mixed(usize),
}

/// Which types an operand takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A tensor of one of these dtypes.
    Tensor(DTypes),
    /// A sequence.
    Sequence,
    /// An optional.
    Optional,
    /// Any value at all.
    Any,
}

/// A set of dtypes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DTypes {
    /// Every dtype.
    Any,
    /// Floats, the narrow ones included.
    Float,
    /// Integers of both signs.
    Int,
    /// Signed integers and floats.
    SignedNumeric,
    /// Floats and integers.
    Numeric,
    /// Numbers and bool.
    NumericOrBool,
    /// Exactly these.
    These(&'static [DType]),
}

/// One attribute of an op.
#[derive(Clone, Copy, Debug)]
pub struct AttrSpec {
    /// The name.
    pub name: &'static str,
    /// What it holds.
    pub kind: AttrKind,
    /// What it is when it isn't given.
    pub default: Default,
}

impl OpDef {
    /// A row to start from: fill in the rest with `..OpDef::BASE`.
    pub const BASE: OpDef = OpDef {
        name: "",
        tier: Tier::Primitive,
        doc: "",
        inputs: &[],
        outputs: &[Output::one("y")],
        attrs: &[],
        constraints: &[],
        regions: 0,
        bodies: Bodies::Again,
        holds: None,
        effects: Effects::NONE,
        rounding: Rounding::Sum,
        example: "",
        infer: |_| Ok(Vec::new()),
        known: None,
        body_types: None,
    };

    /// The declaration of the attribute `name`.
    pub fn attr(&self, name: &str) -> Option<&'static AttrSpec> {
        self.attrs.iter().find(|spec| spec.name == name)
    }

    /// The attribute that names the state which the op reads or writes.
    pub fn state_attr(&self) -> Option<&'static AttrSpec> {
        self.attrs.iter().find(|spec| spec.kind == AttrKind::State)
    }

    /// The declaration of the operand in place `index`.
    pub fn input(&self, index: usize) -> Option<&'static Input> {
        self.inputs
            .get(index)
            .or_else(|| self.inputs.last().filter(|last| matches!(last.count, Count::Variadic(_) | Count::Mixed(_))))
    }
}

impl PartialEq for OpDef {
    fn eq(&self, other: &OpDef) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for OpDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Input {
    /// One tensor of `dtypes`.
    pub const fn one(name: &'static str, dtypes: DTypes) -> Input {
        Input { name, count: Count::One, kind: Kind::Tensor(dtypes), letter: None, shapes: false }
    }

    /// A value of any kind: tensor, sequence or optional.
    pub const fn value(name: &'static str) -> Input {
        Input { kind: Kind::Any, ..Input::one(name, DTypes::Any) }
    }

    /// One sequence.
    pub const fn sequence(name: &'static str) -> Input {
        Input { kind: Kind::Sequence, ..Input::one(name, DTypes::Any) }
    }

    /// The operand may be left out.
    pub const fn optional(self) -> Input {
        Input { count: Count::Optional, ..self }
    }

    /// At least `least` operands, of the same dtype.
    pub const fn variadic(self, least: usize) -> Input {
        Input { count: Count::Variadic(least), ..self }
    }

    /// At least `least` operands, of whatever types.
    pub const fn mixed(self, least: usize) -> Input {
        Input { count: Count::Mixed(least), ..self }
    }

    /// Operands with the same letter have the same dtype.
    pub const fn same(self, letter: char) -> Input {
        Input { letter: Some(letter), ..self }
    }

    /// The contents shape the results.
    pub const fn shapes(self) -> Input {
        Input { shapes: true, ..self }
    }
}

impl Output {
    /// One result.
    pub const fn one(name: &'static str) -> Output {
        Output { name, variadic: false }
    }

    /// Any number of results.
    pub const fn variadic(name: &'static str) -> Output {
        Output { name, variadic: true }
    }
}

impl AttrSpec {
    /// An attribute that must be given.
    pub const fn required(name: &'static str, kind: AttrKind) -> AttrSpec {
        AttrSpec { name, kind, default: Default::Required }
    }

    /// An attribute that may be absent.
    pub const fn optional(name: &'static str, kind: AttrKind) -> AttrSpec {
        AttrSpec { name, kind, default: Default::Absent }
    }

    /// A truth value with a default.
    pub const fn bool(name: &'static str, default: bool) -> AttrSpec {
        AttrSpec { name, kind: AttrKind::Bool, default: Default::Bool(default) }
    }

    /// An integer with a default.
    pub const fn int(name: &'static str, default: i64) -> AttrSpec {
        AttrSpec { name, kind: AttrKind::Int, default: Default::Int(default) }
    }

    /// A float with a default.
    pub const fn float(name: &'static str, default: f64) -> AttrSpec {
        AttrSpec { name, kind: AttrKind::Float, default: Default::Float(default) }
    }

    /// A dtype with a default.
    pub const fn dtype(name: &'static str, default: DType) -> AttrSpec {
        AttrSpec { name, kind: AttrKind::DType, default: Default::DType(default) }
    }

    /// A member of an enumeration, with a default.
    pub const fn one_of(name: &'static str, members: &'static [&'static str], default: &'static str) -> AttrSpec {
        AttrSpec { name, kind: AttrKind::Enum(members), default: Default::Str(default) }
    }
}

impl DTypes {
    /// Whether the set has `dtype`.
    pub fn contains(self, dtype: DType) -> bool {
        let class = dtype.class();
        match self {
            DTypes::Any => true,
            DTypes::Float => class == Class::Float,
            DTypes::Int => matches!(class, Class::Signed | Class::Unsigned),
            DTypes::SignedNumeric => matches!(class, Class::Signed | Class::Float),
            DTypes::Numeric => matches!(class, Class::Signed | Class::Unsigned | Class::Float),
            DTypes::NumericOrBool => {
                matches!(class, Class::Signed | Class::Unsigned | Class::Float | Class::Bool)
            }
            DTypes::These(dtypes) => dtypes.contains(&dtype),
        }
    }
}

impl fmt::Display for DTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DTypes::Any => f.write_str("any dtype"),
            DTypes::Float => f.write_str("a float dtype"),
            DTypes::Int => f.write_str("an integer dtype"),
            DTypes::SignedNumeric => f.write_str("a float or signed integer dtype"),
            DTypes::Numeric => f.write_str("a float or integer dtype"),
            DTypes::NumericOrBool => f.write_str("a float, integer or bool dtype"),
            DTypes::These(dtypes) => {
                for (place, dtype) in dtypes.iter().enumerate() {
                    let separator = if place == 0 { "" } else { " or " };
                    write!(f, "{separator}{dtype}")?;
                }
                Ok(())
            }
        }
    }
}
