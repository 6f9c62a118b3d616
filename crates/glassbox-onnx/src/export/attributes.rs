//! Attributes as the file has them.

use bytes::Bytes;
use glassbox_ir::attr::Default;
use glassbox_ir::{Attr, Tier, Type};
use glassbox_tensor::{DType, Tensor};

use crate::dtype::to_onnx;
use crate::proto::{
    AttributeProto, DimensionProto, DimensionValue, ElementTypeProto, GraphProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, TypeValue, ValueInfoProto, attribute_type as kind,
};

use super::emitter::Why;
use super::schema;
use super::site::Site;

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(kind), ..AttributeProto::default() }
}

pub(super) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, kind::INT) }
}

pub(super) fn float(name: &str, value: f64) -> AttributeProto {
    AttributeProto { f: Some(value as f32), ..attribute(name, kind::FLOAT) }
}

pub(super) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(Bytes::copy_from_slice(value.as_bytes())), ..attribute(name, kind::STRING) }
}

pub(super) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, kind::INTS) }
}

pub(super) fn floats(name: &str, values: &[f64]) -> AttributeProto {
    AttributeProto { floats: values.iter().map(|value| *value as f32).collect(), ..attribute(name, kind::FLOATS) }
}

pub(super) fn texts(name: &str, values: &[String]) -> AttributeProto {
    let strings = values.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect();
    AttributeProto { strings, ..attribute(name, kind::STRINGS) }
}

pub(super) fn graph(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(Box::new(graph)), ..attribute(name, kind::GRAPH) }
}

pub(super) fn tensor(name: &str, tensor: &Tensor) -> Result<AttributeProto, Why> {
    Ok(AttributeProto { t: Some(Box::new(tensor_proto(tensor)?)), ..attribute(name, kind::TENSOR) })
}

/// The number of a dtype.
pub(super) fn number(dtype: DType) -> Result<i32, Why> {
    to_onnx(schema::written(dtype)).ok_or_else(|| format!("ONNX has no {dtype}"))
}

/// A tensor, with its data in it. That of a block format is the f32 that its blocks stand for.
pub(super) fn tensor_proto(tensor: &Tensor) -> Result<TensorProto, Why> {
    let wrong = |error: glassbox_tensor::TensorError| error.to_string();
    let opened = match tensor.dtype() {
        DType::Block(_) => tensor.dequantize_blocks().map_err(wrong)?,
        _ => tensor.clone(),
    };
    let dims = opened.shape().iter().map(|size| *size as i64).collect();
    let mut proto = TensorProto { dims, data_type: Some(number(opened.dtype())?), ..TensorProto::default() };
    match opened.to_strings() {
        Some(texts) => proto.string_data = texts.into_iter().map(|text| Bytes::from(text.into_bytes())).collect(),
        None => proto.raw_data = Some(opened.to_bytes().map_err(wrong)?.into()),
    }
    Ok(proto)
}

/// A type.
pub(super) fn type_proto(ty: &Type) -> Result<TypeProto, Why> {
    let element = |ty: &Type| Ok::<_, Why>(ElementTypeProto { elem_type: Some(Box::new(type_proto(ty)?)) });
    let value = match ty {
        Type::Tensor(tensor) => {
            let dim = |dim: &glassbox_ir::Dim| {
                let value = match dim.as_int() {
                    Some(value) => Some(DimensionValue::Value(value)),
                    None if dim.is_unknown() => None,
                    None => Some(DimensionValue::Param(dim.to_string())),
                };
                DimensionProto { value }
            };
            let shape = tensor.dims().map(|dims| TensorShapeProto { dim: dims.iter().map(dim).collect() });
            TypeValue::Tensor(TensorTypeProto { elem_type: Some(number(tensor.dtype)?), shape })
        }
        Type::Sequence(inner) => TypeValue::Sequence(element(inner)?),
        Type::Optional(inner) => TypeValue::Optional(element(inner)?),
    };
    Ok(TypeProto { value: Some(value) })
}

/// A value with its type.
pub(super) fn value_info(name: &str, ty: &Type) -> Result<ValueInfoProto, Why> {
    Ok(ValueInfoProto { name: Some(name.to_owned()), r#type: Some(type_proto(ty)?) })
}

/// The attributes of a node whose op ONNX calls `op`, under the same names.
///
/// An attribute that the version doesn't have is left out where it says what it says without it; else that is why the node
/// can't be said.
pub(super) fn of(site: &mut Site, op: &'static str) -> Result<Vec<AttributeProto>, Why> {
    except(site, op, &[])
}

/// The same without the attributes that `said` names, which are said in another way.
pub(super) fn except(site: &mut Site, op: &'static str, said: &[&str]) -> Result<Vec<AttributeProto>, Why> {
    let domain = op.rsplit_once('.').map_or("", |(domain, _)| domain);
    let version = site.e.version_of(domain);
    let schema = schema::find(op, version);
    let mut made = Vec::with_capacity(site.node.attrs.len());
    let node = site.node;
    for (name, attr) in node.attrs.iter().filter(|(name, _)| !said.contains(*name)) {
        if schema.is_some_and(|schema| schema.has_attribute(name)) {
            made.push(one(site, name, attr)?);
        } else if *name != glassbox_ir::DRAW && !is_default(site, name, attr) {
            return Err(format!("{op} of version {version} has no attribute `{name}`"));
        }
    }
    Ok(made)
}

/// Whether an attribute says what its absence says.
fn is_default(site: &Site, name: &str, attr: &Attr) -> bool {
    match (site.node.op.attr(name).map(|spec| spec.default), attr) {
        (Some(Default::Bool(default)), Attr::Bool(value)) => default == *value,
        (Some(Default::Int(default)), Attr::Int(value)) => default == *value,
        (Some(Default::Float(default)), Attr::Float(value)) => default.to_bits() == value.to_bits(),
        (Some(Default::Str(default)), Attr::Str(value)) => default == value,
        (Some(Default::Ints(default)), Attr::Ints(values)) => default == values.as_slice(),
        (Some(Default::DType(default)), Attr::DType(value)) => default == *value,
        _ => false,
    }
}

/// One attribute, as its kind is written.
fn one(site: &mut Site, name: &str, attr: &Attr) -> Result<AttributeProto, Why> {
    let exact = |value: f64| f64::from(value as f32).to_bits() == value.to_bits() || value.is_nan();
    let floats_here = match attr {
        Attr::Float(value) => exact(*value),
        Attr::Floats(values) => values.iter().copied().all(exact),
        _ => true,
    };
    if !floats_here {
        // Where the values are f64 the difference shows; an op that can be taken apart is, with the number as it is.
        let wide = (0..site.operands.len()).any(|index| site.ty(index).is_some_and(|ty| ty.dtype() == DType::F64));
        if wide && matches!(site.node.op.tier, Tier::Composite(_)) {
            return Err(format!("attribute `{name}` is no f32, and ONNX has no other"));
        }
        if wide {
            site.e.note("attributes that aren't f32 were rounded to it, since ONNX has no other");
        }
    }
    Ok(match attr {
        Attr::Bool(value) => int(name, i64::from(*value)),
        Attr::Int(value) if name == "axis" && *value < 0 && site.opset() < 11 => {
            // The first versions count from the front only; `one_hot` in its result.
            let counted = if site.node.op.name == "one_hot" { site.result_ty(0) } else { site.ty(0) };
            let rank = counted.and_then(|ty| ty.as_tensor()?.rank());
            int(name, *value + rank.ok_or("its axis counts from the back, and the rank isn't known")? as i64)
        }
        Attr::Int(value) => int(name, *value),
        Attr::Float(value) => float(name, *value),
        Attr::Str(value) => text(name, value),
        Attr::Ints(values) => ints(name, values),
        Attr::Floats(values) => floats(name, values),
        Attr::Strs(values) => texts(name, values),
        Attr::DType(dtype) => int(name, i64::from(number(*dtype)?)),
        Attr::Type(ty) => AttributeProto { tp: Some(Box::new(type_proto(ty)?)), ..attribute(name, kind::TYPE_PROTO) },
        Attr::Tensor(value) => tensor(name, value)?,
    })
}
