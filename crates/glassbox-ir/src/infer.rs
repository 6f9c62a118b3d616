//! Inference: from the types of a node's operands to the types of its results.
//!
//! [`infer_op`] checks one use of an op against its declaration (arity, dtypes, attributes, then the
//! labelled constraints) and gives the result types. It is the one place where legality is decided:
//! the builder, the verifier, specialisation and the interpreter (with the true shapes, before each
//! kernel) all call it. Besides types it carries what is [`Known`] of contents, so that shape
//! computations (`shape` → `gather` → `concat` → `reshape`) keep their symbolic dims.
//!
//! Nothing is defaulted: an unknown dim gives an unknown dim.

use glassbox_tensor::{DType, Tensor};

use crate::attr::{Attr, AttrKind, Attrs, Default};
use crate::dim::Dim;
use crate::error::Violation;
use crate::graph::StateTable;
use crate::held::Held;
use crate::op::{Count, Input, Kind, OpDef};
use crate::types::{Shape, TensorType, Type};

/// What is known of the contents of a value.
#[derive(Clone, Debug)]
pub enum Known {
    /// Everything: a constant, or, at run time, the value itself.
    Tensor(Tensor),
    /// The integers of a vector, or with `scalar` the one integer of a tensor of rank zero.
    Ints {
        /// The elements.
        values: Vec<Dim>,
        /// Whether the rank is zero.
        scalar: bool,
    },
}

/// The most elements a vector may have for its contents to be followed symbolically.
const MAX_KNOWN: usize = 1024;

impl Known {
    /// The integers of a vector.
    pub fn vector(values: Vec<Dim>) -> Option<Known> {
        let useful = values.len() <= MAX_KNOWN && values.iter().any(|dim| !dim.is_unknown());
        useful.then_some(Known::Ints { values, scalar: false })
    }

    /// The integer of a scalar.
    pub fn scalar(value: Dim) -> Option<Known> {
        (!value.is_unknown()).then(|| Known::Ints { values: vec![value], scalar: true })
    }

    /// The integers in it, in order, where it holds integers and not too many; rank zero or one.
    pub fn ints(&self) -> Option<Vec<Dim>> {
        match self {
            Known::Ints { values, .. } => Some(values.clone()),
            Known::Tensor(tensor) => {
                let fits = tensor.dtype().is_integer() && tensor.len() <= MAX_KNOWN && tensor.rank() <= 1;
                let values = if fits { tensor.load::<i64>().ok()? } else { return None };
                Some(values.iter().map(|value| Dim::Int(*value)).collect())
            }
        }
    }

    /// The tensor, where all of it is known.
    pub fn tensor(&self) -> Option<&Tensor> {
        match self {
            Known::Tensor(tensor) => Some(tensor),
            Known::Ints { .. } => None,
        }
    }

    fn is_scalar(&self) -> bool {
        match self {
            Known::Tensor(tensor) => tensor.rank() == 0,
            Known::Ints { scalar, .. } => *scalar,
        }
    }

    /// The same integers as another op gives them, keeping the rank of this one.
    pub fn with_values(&self, values: Vec<Dim>) -> Option<Known> {
        if self.is_scalar() { Known::scalar(values.into_iter().next()?) } else { Known::vector(values) }
    }
}

/// What inference is told of one operand.
#[derive(Clone, Debug)]
pub struct Operand {
    /// The type.
    pub ty: Type,
    /// The contents, as far as they are known.
    pub known: Option<Known>,
}

/// The types at the ends of a region.
#[derive(Clone, Debug)]
pub struct Signature {
    /// The types of the parameters.
    pub parameters: Vec<Type>,
    /// The types of the results, once the region's nodes are inferred.
    pub results: Vec<Type>,
}

/// The attributes of a node, with the defaults of the op's declaration.
///
/// Asking for an attribute that the op doesn't declare, or for the wrong kind, is a mistake in the
/// op's own code, not in a graph, and panics; [`infer_op`] has checked what the node gives.
#[derive(Clone, Copy)]
pub struct AttrView<'a> {
    op: &'static OpDef,
    attrs: &'a Attrs,
}

/// One use of an op, as its inference sees it.
pub struct Infer<'a> {
    /// The op.
    pub op: &'static OpDef,
    /// The attributes.
    pub attr: AttrView<'a>,
    /// The operands, in order; `None` where an optional one is left out.
    pub operands: &'a [Option<Operand>],
    /// The regions.
    pub regions: &'a [Signature],
    /// The states of the graph.
    pub states: &'a StateTable,
    /// What the states hold before the node.
    pub held: &'a Held,
    /// How many results the node has.
    pub outputs: usize,
}

impl<'a> AttrView<'a> {
    /// The attributes `attrs` of a use of `op`.
    pub fn new(op: &'static OpDef, attrs: &'a Attrs) -> AttrView<'a> {
        AttrView { op, attrs }
    }

    /// What the node gives, without defaults.
    pub fn all(&self) -> &'a Attrs {
        self.attrs
    }

    fn given(&self, name: &str) -> (Option<&'a Attr>, Default) {
        let Some(spec) = self.op.attr(name) else {
            panic!("the code of op `{}` asks for the attribute `{name}`, which it doesn't declare", self.op.name)
        };
        (self.attrs.get(name), spec.default)
    }

    fn mistake(&self, name: &str) -> ! {
        panic!("the code of op `{}` asks for the attribute `{name}` as another kind than it declares", self.op.name)
    }

    /// An integer.
    pub fn int(&self, name: &str) -> i64 {
        self.opt_int(name).unwrap_or_else(|| self.mistake(name))
    }

    /// An integer that may be absent.
    pub fn opt_int(&self, name: &str) -> Option<i64> {
        match self.given(name) {
            (Some(Attr::Int(value)), _) => Some(*value),
            (None, Default::Int(value)) => Some(value),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A float.
    pub fn float(&self, name: &str) -> f64 {
        self.opt_float(name).unwrap_or_else(|| self.mistake(name))
    }

    /// A float that may be absent.
    pub fn opt_float(&self, name: &str) -> Option<f64> {
        match self.given(name) {
            (Some(Attr::Float(value)), _) => Some(*value),
            (None, Default::Float(value)) => Some(value),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A truth value.
    pub fn bool(&self, name: &str) -> bool {
        match self.given(name) {
            (Some(Attr::Bool(value)), _) => *value,
            (None, Default::Bool(value)) => value,
            _ => self.mistake(name),
        }
    }

    /// Text.
    pub fn str(&self, name: &str) -> &'a str {
        self.opt_str(name).unwrap_or_else(|| self.mistake(name))
    }

    /// Text that may be absent.
    pub fn opt_str(&self, name: &str) -> Option<&'a str> {
        match self.given(name) {
            (Some(Attr::Str(value)), _) => Some(value),
            (None, Default::Str(value)) => Some(value),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A list of integers that may be absent.
    pub fn ints(&self, name: &str) -> Option<&'a [i64]> {
        match self.given(name) {
            (Some(Attr::Ints(values)), _) => Some(values),
            (None, Default::Ints(values)) => Some(values),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A list of floats that may be absent.
    pub fn floats(&self, name: &str) -> Option<&'a [f64]> {
        match self.given(name) {
            (Some(Attr::Floats(values)), _) => Some(values),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A list of text that may be absent.
    pub fn strs(&self, name: &str) -> Option<&'a [String]> {
        match self.given(name) {
            (Some(Attr::Strs(values)), _) => Some(values),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A dtype that may be absent.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        match self.given(name) {
            (Some(Attr::DType(value)), _) => Some(*value),
            (None, Default::DType(value)) => Some(value),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A type that may be absent.
    pub fn opt_ty(&self, name: &str) -> Option<&'a Type> {
        match self.given(name) {
            (Some(Attr::Type(value)), _) => Some(value),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }

    /// A type that must be given.
    pub fn ty(&self, name: &str) -> &'a Type {
        match self.given(name) {
            (Some(Attr::Type(value)), _) => value,
            _ => self.mistake(name),
        }
    }

    /// A tensor that may be absent.
    pub fn tensor(&self, name: &str) -> Option<&'a Tensor> {
        match self.given(name) {
            (Some(Attr::Tensor(value)), _) => Some(value),
            (None, Default::Absent) => None,
            _ => self.mistake(name),
        }
    }
}

impl<'a> Infer<'a> {
    /// Whether the operand in place `index` is given.
    pub fn has(&self, index: usize) -> bool {
        matches!(self.operands.get(index), Some(Some(_)))
    }

    /// The operand in place `index`.
    pub fn operand(&self, index: usize) -> Option<&'a Operand> {
        self.operands.get(index)?.as_ref()
    }

    /// The type of an operand that must be there.
    ///
    /// # Errors
    ///
    /// Where the operand is missing.
    pub fn ty(&self, index: usize) -> Result<&'a Type, Violation> {
        let operand = self.operand(index).map(|operand| &operand.ty);
        operand.ok_or_else(|| Violation::new("arity", format!("operand {} is missing", self.name_of(index))))
    }

    /// The type of an operand that must be a tensor.
    ///
    /// # Errors
    ///
    /// Where the operand is missing or no tensor.
    pub fn tensor(&self, index: usize) -> Result<&'a TensorType, Violation> {
        let ty = self.ty(index)?;
        ty.as_tensor()
            .ok_or_else(|| Violation::new("dtype", format!("operand {} is {ty}, not a tensor", self.name_of(index))))
    }

    /// The dtype of an operand that must be a tensor.
    ///
    /// # Errors
    ///
    /// Where the operand is missing or no tensor.
    pub fn dtype(&self, index: usize) -> Result<DType, Violation> {
        Ok(self.tensor(index)?.dtype)
    }

    /// The dims of a tensor operand, where the rank is known.
    pub fn dims(&self, index: usize) -> Option<&'a [Dim]> {
        self.operand(index)?.ty.as_tensor()?.dims()
    }

    /// The rank of a tensor operand, where it is known.
    pub fn rank(&self, index: usize) -> Option<usize> {
        self.dims(index).map(<[Dim]>::len)
    }

    /// The integers that an operand holds, where they are known: one `Dim` each.
    pub fn ints(&self, index: usize) -> Option<Vec<Dim>> {
        self.operand(index)?.known.as_ref()?.ints()
    }

    /// The integers that an operand holds, where every one is a known number.
    pub fn static_ints(&self, index: usize) -> Option<Vec<i64>> {
        self.ints(index)?.iter().map(Dim::as_int).collect()
    }

    /// The contents of an operand, where all is known.
    pub fn contents(&self, index: usize) -> Option<&'a Tensor> {
        self.operand(index)?.known.as_ref()?.tensor()
    }

    /// An axis counted from the front. `rule` is the label of the constraint that says its range.
    ///
    /// # Errors
    ///
    /// Where the axis is outside `[-rank, rank)`: a violation of `rule`.
    pub fn axis(&self, rule: &'static str, axis: i64, rank: usize) -> Result<usize, Violation> {
        normalise_axis(rule, axis, rank)
    }

    /// What an operand is called in the op's declaration.
    pub fn name_of(&self, index: usize) -> String {
        match self.op.input(index) {
            Some(input) if index < self.op.inputs.len() => format!("`{}`", input.name),
            Some(input) => format!("`{}[{}]`", input.name, index + 1 - self.op.inputs.len()),
            None => format!("{index}"),
        }
    }
}

/// An axis counted from the front, where it is in `[-rank, rank)`.
///
/// # Errors
///
/// Where the axis is outside `[-rank, rank)`: a violation of `rule`.
pub fn normalise_axis(rule: &'static str, axis: i64, rank: usize) -> Result<usize, Violation> {
    let extent = rank as i64;
    let wrapped = if axis < 0 { axis.checked_add(extent) } else { Some(axis) };
    match wrapped {
        Some(index) if (0..extent).contains(&index) => Ok(index as usize),
        _ => Err(Violation::new(rule, format!("axis {axis} is outside [-{rank}, {rank}) of a tensor of rank {rank}"))),
    }
}

/// The types of the results of one use of an op, and what is known of their contents. Nothing is taken to be known of
/// what states hold.
///
/// # Errors
///
/// The constraint that the use breaks: one of the op's own, or one that all ops share.
pub fn infer_op(
    op: &'static OpDef,
    attrs: &Attrs,
    operands: &[Option<Operand>],
    regions: &[Signature],
    states: &StateTable,
    outputs: usize,
) -> Result<Vec<(Type, Option<Known>)>, Violation> {
    infer_op_after(op, attrs, operands, regions, (states, &mut Held::ANYWHERE.clone()), outputs)
}

/// As [`infer_op`], at a place where the states hold what is said, which becomes what they hold after the node.
///
/// # Errors
///
/// As [`infer_op`].
pub fn infer_op_after(
    op: &'static OpDef,
    attrs: &Attrs,
    operands: &[Option<Operand>],
    regions: &[Signature],
    (states, held): (&StateTable, &mut Held),
    outputs: usize,
) -> Result<Vec<(Type, Option<Known>)>, Violation> {
    check_use(op, attrs, operands, regions.len())?;
    let infer = Infer { op, attr: AttrView::new(op, attrs), operands, regions, states, held, outputs };
    let types = (op.infer)(&infer)?;
    if types.len() != outputs {
        return Err(Violation::new("arity", format!("has {outputs} results, gives {}", types.len())));
    }
    types.iter().try_for_each(check_type)?;
    let known = match op.known {
        Some(known) => known(&infer, &types),
        None => vec![None; types.len()],
    };
    if let (Some(holds), Some(Attr::Str(name))) = (op.holds, attrs.get("state"))
        && let Some(state) = states.named(name)
    {
        let after = holds(&infer, &types).unwrap_or_else(|| state.open_type());
        held.set(state, after);
    }
    Ok(types.into_iter().zip(known).collect())
}

/// What every use of an op must keep, before its own inference (or the types of the parameters of its
/// regions) can be asked for: attributes, operands and the number of regions are as declared.
pub(crate) fn check_use(
    op: &'static OpDef,
    attrs: &Attrs,
    operands: &[Option<Operand>],
    regions: usize,
) -> Result<(), Violation> {
    check_attrs(op, attrs)?;
    check_operands(op, operands)?;
    check_shaping(op, operands)?;
    if regions != op.regions {
        return Err(Violation::new("regions", format!("has {regions} regions, takes {}", op.regions)));
    }
    Ok(())
}

/// What shapes results is a scalar or a vector, and not so long that it couldn't be followed.
fn check_shaping(op: &OpDef, operands: &[Option<Operand>]) -> Result<(), Violation> {
    for (index, operand) in operands.iter().enumerate() {
        let Some(input) = op.input(index).filter(|input| input.shapes) else { continue };
        let dims = operand.as_ref().and_then(|operand| operand.ty.as_tensor()?.dims()).unwrap_or_default();
        let long = matches!(dims, [Dim::Int(length)] if *length > MAX_KNOWN as i64);
        if dims.len() > 1 || long {
            let shape = Shape::Ranked(dims.to_vec());
            let message = format!(
                "operand `{}`, of dims {shape}, must be a scalar or a vector of at most {MAX_KNOWN} elements",
                input.name
            );
            return Err(Violation::new("dims", message));
        }
    }
    Ok(())
}

/// The most axes that a type may have: ranks that add up (as in `gather`) must not explode.
pub const MAX_AXES: usize = 1024;

/// How deep sequences and optionals may stand in each other.
pub const MAX_NESTED_TYPES: usize = 16;

/// What every type keeps: no dim is negative, their number and product and the nesting are within limits.
///
/// # Errors
///
/// The limit that the type breaks.
///
/// ```
/// use glassbox_ir::{Type, check_type};
/// use glassbox_tensor::DType;
/// assert!(check_type(&Type::tensor(DType::F32, ["N", "4"])).is_ok());
/// assert!(check_type(&Type::tensor(DType::F32, [-1i64])).is_err());
/// ```
pub fn check_type(ty: &Type) -> Result<(), Violation> {
    let mut innermost = ty;
    for _ in 0..=MAX_NESTED_TYPES {
        innermost = match innermost {
            Type::Sequence(element) | Type::Optional(element) => element,
            Type::Tensor(tensor) => {
                let dims = tensor.dims().unwrap_or_default();
                if dims.len() > MAX_AXES {
                    let message = format!("a tensor of {} axes, more than {MAX_AXES}", dims.len());
                    return Err(Violation::new("dims", message));
                }
                if dims.iter().any(|dim| matches!(dim, Dim::Int(value) if *value < 0)) {
                    return Err(Violation::new("dims", format!("{ty} has a negative dim")));
                }
                let mut sizes = dims.iter().filter_map(Dim::as_int).filter(|size| *size != 0);
                if sizes.try_fold(1i64, |product, size| product.checked_mul(size)).is_none() {
                    let message = format!("{ty}: the product of its dims is larger than any memory");
                    return Err(Violation::new("dims", message));
                }
                return Ok(());
            }
        };
    }
    Err(Violation::new("nesting", format!("a type in which more than {MAX_NESTED_TYPES} sequences or optionals nest")))
}

/// Attributes: declared, of the right kind, none missing.
fn check_attrs(op: &OpDef, attrs: &Attrs) -> Result<(), Violation> {
    for (name, attr) in attrs {
        let Some(spec) = op.attr(name) else {
            let names: Vec<_> = op.attrs.iter().map(|spec| spec.name).collect();
            return Err(Violation::new("attribute", format!("has no attribute `{name}`; it has {names:?}")));
        };
        if attr.kind_name() != spec.kind.name() {
            let message = format!("attribute `{name}` is a {}, not a {}", attr.kind_name(), spec.kind.name());
            return Err(Violation::new("attribute", message));
        }
        if let (AttrKind::Enum(members), Attr::Str(value)) = (spec.kind, attr)
            && !members.contains(&value.as_str())
        {
            return Err(Violation::new(
                "attribute",
                format!("attribute `{name}` is {value:?}, not one of {members:?}"),
            ));
        }
    }
    match op.attrs.iter().find(|spec| spec.default == Default::Required && !attrs.contains_key(spec.name)) {
        Some(spec) => Err(Violation::new("attribute", format!("the attribute `{}` is missing", spec.name))),
        None => Ok(()),
    }
}

/// Operands: as many as declared, of the declared kinds and dtypes.
fn check_operands(op: &OpDef, operands: &[Option<Operand>]) -> Result<(), Violation> {
    let variadic = op.inputs.last().map(|last| last.count);
    let most = match variadic {
        Some(Count::Variadic(_) | Count::Mixed(_)) => usize::MAX,
        _ => op.inputs.len(),
    };
    if operands.len() > most {
        return Err(Violation::new("arity", format!("has {} operands, takes at most {most}", operands.len())));
    }
    let mut letters: Vec<(char, DType, &str)> = Vec::new();
    for (index, input) in op.inputs.iter().enumerate() {
        let given = operands.get(index).and_then(Option::as_ref);
        match input.count {
            Count::One if given.is_none() => {
                return Err(Violation::new("arity", format!("operand `{}` is missing", input.name)));
            }
            Count::One | Count::Optional => {
                let Some(operand) = given else { continue };
                check_operand(input, operand)?;
                if let Some(letter) = input.letter {
                    check_letter(letter, input, operand, &mut letters)?;
                }
            }
            Count::Variadic(least) | Count::Mixed(least) => {
                let rest = operands.get(index..).unwrap_or_default();
                if rest.len() < least {
                    let message = format!("has {} operands `{}`, takes at least {least}", rest.len(), input.name);
                    return Err(Violation::new("arity", message));
                }
                let letter = input.letter.or(matches!(input.count, Count::Variadic(_)).then_some('…'));
                for operand in rest {
                    let Some(operand) = operand else {
                        if matches!(input.count, Count::Mixed(_)) {
                            continue;
                        }
                        return Err(Violation::new("arity", format!("an operand `{}` is missing", input.name)));
                    };
                    check_operand(input, operand)?;
                    if let Some(letter) = letter.filter(|_| matches!(input.count, Count::Variadic(_))) {
                        check_letter(letter, input, operand, &mut letters)?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn check_operand(input: &Input, operand: &Operand) -> Result<(), Violation> {
    let fits = match (input.kind, &operand.ty) {
        (Kind::Tensor(dtypes), Type::Tensor(tensor)) => dtypes.contains(tensor.dtype),
        (Kind::Sequence, Type::Sequence(_)) | (Kind::Optional, Type::Optional(_)) | (Kind::Any, _) => true,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let wanted = match input.kind {
        Kind::Tensor(dtypes) => format!("a tensor of {dtypes}"),
        Kind::Sequence => "a sequence".to_owned(),
        Kind::Optional => "an optional".to_owned(),
        Kind::Any => "any value".to_owned(),
    };
    Err(Violation::new("dtype", format!("operand `{}` is {}, not {wanted}", input.name, operand.ty)))
}

fn check_letter<'a>(
    letter: char,
    input: &'a Input,
    operand: &Operand,
    letters: &mut Vec<(char, DType, &'a str)>,
) -> Result<(), Violation> {
    let dtype = operand.ty.dtype();
    match letters.iter().find(|(known, ..)| *known == letter) {
        Some((_, first, name)) if *first != dtype => Err(Violation::new(
            "dtype",
            format!("operand `{}` is {dtype}, but `{name}` is {first}; they must be the same", input.name),
        )),
        Some(_) => Ok(()),
        None => {
            letters.push((letter, dtype, input.name));
            Ok(())
        }
    }
}
