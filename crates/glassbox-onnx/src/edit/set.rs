//! The model with attributes and ops of some nodes changed.

use glassbox_ir::edit::{Change, EditError};
use glassbox_ir::text::{nearest, parse_attr};
use glassbox_ir::{Attr, AttrKind};
use glassbox_tensor::{DType, Tensor};

use super::error::OnnxEditError;
use super::locate::{Location, find};
use super::message::{Rope, merged};
use super::patch::{Edit, Placed, patch_graph};
use super::{Edited, Source, tag};
use crate::dtype;
use crate::import::{ImportOptions, import};
use crate::model::{AttributeValue, Model, Node};
use crate::ops::{self, Convert};
use crate::proto::{AttributeProto, TensorProto, attribute_type};

impl Source {
    /// The model with these changes. A value is read as the attribute's kind says: that of the value which is there, else
    /// what the op declares, else what the text looks like. The op may have its domain before it: `com.example.Foo`.
    ///
    /// With `check`, the changed model is imported, and refused where it can't be.
    ///
    /// # Errors
    ///
    /// A node or attribute isn't there, a value isn't one of the attribute's kind, or the changed model is refused.
    ///
    /// ```
    /// use glassbox_ir::edit::Change;
    /// use glassbox_onnx::edit::Source;
    /// # let folder = tempfile::tempdir()?;
    /// let source = Source::open("../../models/shapes/shapes.onnx".as_ref())?;
    /// let softmax = source.model().graph.nodes.iter().find(|node| node.op == "Softmax").ok_or("it has one")?;
    /// let node = softmax.outputs[0].clone();
    /// let change = Change { node, attribute: "axis".to_owned(), value: "0".to_owned() };
    /// let path = folder.path().join("changed.onnx");
    /// source.set(&[change], true)?.write(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set(&self, changes: &[Change], check: bool) -> Result<Edited<'_>, OnnxEditError> {
        let mut first = Vec::new();
        let mut others = false;
        for change in changes {
            let (location, node) = find(&self.model, &change.node)?;
            let kinds =
                if is_of_node(change) { vec![None] } else { kinds(&self.model, &location, node, change, check)? };
            others |= kinds.len() > 1;
            first.push((location, node, change, kinds));
        }
        let edits = |last: bool| {
            let edit = |(location, node, change, kinds): &(Location, &Node, &Change, Vec<Option<Kind>>)| {
                let kind = if last { kinds.last() } else { kinds.first() };
                Ok((location.clone(), Edit::new(node, change, kind.and_then(Option::as_ref))?))
            };
            first.iter().map(edit).collect::<Result<Vec<_>, OnnxEditError>>()
        };
        let made = self.patched(&edits(false)?)?;
        let Some(refused) = check.then(|| self.refuses(&made)).flatten() else { return Ok(made) };
        // A number may be meant as a float, where the op doesn't say which it wants.
        if others {
            let made = self.patched(&edits(true)?)?;
            if self.refuses(&made).is_none() {
                return Ok(made);
            }
        }
        Err(OnnxEditError::Refused(refused))
    }

    /// Why the importer refuses a model.
    fn refuses(&self, edited: &Edited) -> Option<crate::OnnxError> {
        let model = crate::parse(edited.model.to_bytes(), self.folder());
        model.and_then(|model| import(&model, &ImportOptions::default())).err()
    }

    fn patched(&self, edits: &[(Location, Edit)]) -> Result<Edited<'_>, OnnxEditError> {
        let model = self.fields()?;
        let of = |function: Option<usize>| -> Vec<Placed> {
            let here = edits.iter().filter(|(location, _)| location.function == function);
            here.map(|(location, edit)| Placed { path: &location.path, edit }).collect()
        };
        let graph = merged(&model, tag::MODEL_GRAPH);
        let mut graph = Some(patch_graph(&graph, tag::GRAPH_NODE, &of(None))?);
        let (mut rope, mut function) = (Rope::default(), 0);
        for field in model {
            match field.tag {
                tag::MODEL_GRAPH => {
                    if let Some(graph) = graph.take() {
                        rope.push_field(tag::MODEL_GRAPH, graph);
                    }
                }
                tag::MODEL_FUNCTION => {
                    let placed = of(Some(function));
                    match placed.is_empty() {
                        true => rope.push(field.raw),
                        false => rope.push_field(field.tag, patch_graph(&field.content, tag::FUNCTION_NODE, &placed)?),
                    }
                    function += 1;
                }
                _ => rope.push(field.raw),
            }
        }
        Ok(Edited { source: self, model: rope, notes: Vec::new() })
    }
}

/// Whether a change is of the op, or takes an attribute away.
fn is_of_node(change: &Change) -> bool {
    change.attribute == "op" || change.value.is_empty()
}

impl Edit {
    fn new(node: &Node, change: &Change, kind: Option<&Kind>) -> Result<Edit, OnnxEditError> {
        if change.attribute == "op" {
            let (domain, op) = match change.value.rsplit_once('.') {
                Some((domain, op)) => (Some(domain.to_owned()), op),
                None => (None, change.value.as_str()),
            };
            return Ok(Edit::Op { domain, op: op.to_owned() });
        }
        let Some(kind) = kind else {
            let there = node.attributes.iter().any(|attribute| attribute.name == change.attribute);
            if !there {
                return Err(unknown(node, &change.attribute, &[]).into());
            }
            return Ok(Edit::Remove(change.attribute.clone()));
        };
        let proto = kind.proto(change).ok_or_else(|| OnnxEditError::Value {
            node: change.node.clone(),
            attribute: change.attribute.clone(),
            kind: kind.name(),
            value: change.value.clone(),
        })?;
        Ok(Edit::Attribute(change.attribute.clone(), Box::new(proto)))
    }
}

/// The error of an attribute that the node doesn't have; `known` are those that its op has.
fn unknown(node: &Node, name: &str, known: &[&str]) -> EditError {
    let names = node.attributes.iter().map(|attribute| attribute.name.as_str()).chain(known.iter().copied());
    let near = nearest(name, names).map(str::to_owned);
    EditError::UnknownAttribute { op: node.full_op(), node: node.label().to_owned(), name: name.to_owned(), near }
}

/// What an attribute may hold.
enum Kind {
    Float,
    Int,
    Str,
    Floats,
    Ints,
    Strs,
    /// A tensor of the dtype and dims of this one.
    Tensor(Tensor),
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Float => "a float",
            Kind::Int => "an integer",
            Kind::Str => "text",
            Kind::Floats => "a list of floats",
            Kind::Ints => "a list of integers",
            Kind::Strs => "a list of texts",
            Kind::Tensor(_) => "a tensor",
        }
    }

    /// The attribute with the value that the text stands for.
    fn proto(&self, change: &Change) -> Option<AttributeProto> {
        let text = change.value.trim();
        let list = |kind| {
            let text = if text.starts_with('[') { text.to_owned() } else { format!("[{text}]") };
            parse_attr(&text, kind).ok()
        };
        let mut proto = AttributeProto { name: Some(change.attribute.clone()), ..AttributeProto::default() };
        let kind = match self {
            Kind::Float => {
                proto.f = Some(text.parse().ok()?);
                attribute_type::FLOAT
            }
            Kind::Int => {
                proto.i = Some(text.parse().ok()?);
                attribute_type::INT
            }
            Kind::Str => {
                let quoted = change.value.starts_with('"').then(|| parse_attr(&change.value, AttrKind::Str).ok());
                let text = match quoted {
                    None => change.value.clone(),
                    Some(Some(Attr::Str(text))) => text,
                    Some(_) => return None,
                };
                proto.s = Some(text.into_bytes().into());
                attribute_type::STRING
            }
            Kind::Floats => {
                let Attr::Floats(values) = list(AttrKind::Floats)? else { return None };
                proto.floats = values.into_iter().map(|value| value as f32).collect();
                attribute_type::FLOATS
            }
            Kind::Ints => {
                let Attr::Ints(values) = list(AttrKind::Ints)? else { return None };
                proto.ints = values;
                attribute_type::INTS
            }
            Kind::Strs => {
                let Attr::Strs(values) = list(AttrKind::Strs)? else { return None };
                proto.strings = values.into_iter().map(|text| text.into_bytes().into()).collect();
                attribute_type::STRINGS
            }
            Kind::Tensor(there) => {
                proto.t = Some(Box::new(tensor(there, text)?));
                attribute_type::TENSOR
            }
        };
        proto.r#type = Some(kind);
        Some(proto)
    }
}

/// The tensor with the dtype and dims of another and these elements, as a message.
fn tensor(there: &Tensor, text: &str) -> Option<TensorProto> {
    let (dtype, shape) = (there.dtype(), there.shape());
    let text = if shape.is_empty() || text.starts_with('[') { text.to_owned() } else { format!("[{text}]") };
    let Ok(Attr::Tensor(tensor)) = parse_attr(&format!("{dtype}{shape:?} {text}"), AttrKind::Tensor) else {
        return None;
    };
    let mut proto = TensorProto {
        dims: shape.iter().map(|size| i64::try_from(*size)).collect::<Result<_, _>>().ok()?,
        data_type: dtype::to_onnx(dtype),
        ..TensorProto::default()
    };
    if dtype == DType::String {
        proto.string_data = tensor.to_strings()?.into_iter().map(|text| text.into_bytes().into()).collect();
    } else {
        proto.raw_data = Some(tensor.to_bytes().ok()?.into());
    }
    Some(proto)
}

/// What the attribute of a change may hold, the likeliest first.
fn kinds(
    model: &Model,
    location: &Location,
    node: &Node,
    change: &Change,
    check: bool,
) -> Result<Vec<Option<Kind>>, OnnxEditError> {
    let unsupported =
        |kind| OnnxEditError::Kind { node: change.node.clone(), attribute: change.attribute.clone(), kind };
    let there = node.attributes.iter().find(|attribute| attribute.name == change.attribute);
    if let Some(there) = there {
        let kind = match &there.value {
            AttributeValue::Float(_) => Some(Kind::Float),
            AttributeValue::Int(_) => Some(Kind::Int),
            AttributeValue::Str(_) => Some(Kind::Str),
            AttributeValue::Floats(_) => Some(Kind::Floats),
            AttributeValue::Ints(_) => Some(Kind::Ints),
            AttributeValue::Strs(_) => Some(Kind::Strs),
            AttributeValue::Tensor(tensor) => Some(Kind::Tensor(tensor.clone())),
            AttributeValue::Reference(_) => None,
            other => return Err(unsupported(other.kind_name())),
        };
        if kind.is_some() {
            return Ok(vec![kind]);
        }
    }
    let function = location.function.and_then(|place| model.functions.get(place));
    let opsets = function.map_or(&model.opsets, |function| &function.opsets);
    let row = opsets.get(&node.domain).and_then(|version| ops::find(&node.domain, &node.op, *version));
    if let Some(Convert::Direct(op)) = row.map(|row| row.convert) {
        let declared = op.attr(&change.attribute).map(|spec| spec.kind);
        return match declared {
            Some(AttrKind::Bool | AttrKind::Int | AttrKind::DType) => Ok(vec![Some(Kind::Int)]),
            Some(AttrKind::Float) => Ok(vec![Some(Kind::Float)]),
            Some(AttrKind::Str | AttrKind::Enum(_) | AttrKind::State) => Ok(vec![Some(Kind::Str)]),
            Some(AttrKind::Ints) => Ok(vec![Some(Kind::Ints)]),
            Some(AttrKind::Floats) => Ok(vec![Some(Kind::Floats)]),
            Some(AttrKind::Strs) => Ok(vec![Some(Kind::Strs)]),
            Some(AttrKind::Type | AttrKind::Tensor) => Err(unsupported("a tensor or a type")),
            None if check => {
                let known: Vec<&str> = op.attrs.iter().map(|spec| spec.name).collect();
                Err(unknown(node, &change.attribute, &known).into())
            }
            None => Ok(looks_like(&change.value)),
        };
    }
    Ok(looks_like(&change.value))
}

/// What a text may be a value of.
fn looks_like(text: &str) -> Vec<Option<Kind>> {
    let text = text.trim();
    let is = |kind| parse_attr(text, kind).is_ok();
    let kinds = if text.parse::<i64>().is_ok() {
        vec![Kind::Int, Kind::Float]
    } else if text.parse::<f32>().is_ok() {
        vec![Kind::Float]
    } else if is(AttrKind::Ints) {
        vec![Kind::Ints, Kind::Floats]
    } else if is(AttrKind::Floats) {
        vec![Kind::Floats]
    } else if is(AttrKind::Strs) {
        vec![Kind::Strs]
    } else {
        vec![Kind::Str]
    };
    kinds.into_iter().map(Some).collect()
}
