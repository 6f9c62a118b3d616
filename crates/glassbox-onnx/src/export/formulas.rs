//! Ops that ONNX says in other words, and values that are no nodes there.

use glassbox_ir::expr::number_of;
use glassbox_ir::{Attr, Type};
use glassbox_tensor::DType;

use super::attributes::{int, number, type_proto};
use super::emitter::{Data, Why};
use super::site::Site;
use crate::proto::{AttributeProto, attribute_type};

/// A constant is an initializer, or a node of the function that it is in.
pub(super) fn constant(site: &mut Site) -> Result<(), Why> {
    let Some(Attr::Tensor(tensor)) = site.node.attrs.get("value") else { return Err("it has no value".to_owned()) };
    let name = site.results.first().cloned().unwrap_or_default();
    site.e.weight(name, Data::Tensor(tensor.clone()))
}

/// A parameter is an initializer.
pub(super) fn parameter(site: &mut Site) -> Result<(), Why> {
    let name = site.results.first().cloned().unwrap_or_default();
    let parameter = site.attr().str("name").to_owned();
    number(site.attr().ty("type").dtype())?;
    match (site.e.weight_of(&parameter), site.node.results.first()) {
        // A parameter that two nodes read is one initializer.
        (Some(there), Some(result)) => {
            site.e.needs(&there);
            site.e.call_it(*result, there);
            Ok(())
        }
        _ => site.e.weight(name, Data::Param(parameter)),
    }
}

/// The operands as they are.
pub(super) fn barrier(site: &mut Site) -> Result<(), Why> {
    for (operand, result) in site.operands.clone().iter().zip(&site.results.clone()) {
        site.e.copy_as(operand, result);
    }
    Ok(())
}

/// The operand, without a look at its dims.
pub(super) fn expect(site: &mut Site) -> Result<(), Why> {
    site.e.note("checks of dims aren't in the model: ONNX has no op for them");
    let x = site.operand(0).to_owned();
    site.last("Identity", &[&x], Vec::new())
}

/// A value of a block format is in the model as what it stands for.
pub(super) fn opened(site: &mut Site) -> Result<(), Why> {
    let x = site.operand(0).to_owned();
    site.last("Identity", &[&x], Vec::new())
}

/// The dtype of the elements is all that is said of them.
pub(super) fn sequence_empty(site: &mut Site) -> Result<(), Why> {
    let element = site.attr().ty("element");
    if !matches!(element, Type::Tensor(_)) {
        return Err(format!("ONNX has no empty sequence of {element}"));
    }
    let dtype = number(element.dtype())?;
    site.last("SequenceEmpty", &[], vec![int("dtype", i64::from(dtype))])
}

/// The type of what may be in it is an attribute where it is empty.
pub(super) fn optional(site: &mut Site) -> Result<(), Why> {
    let mut made = Vec::new();
    if let Some(Attr::Type(element)) = site.node.attrs.get("element") {
        made.push(AttributeProto {
            name: Some("type".to_owned()),
            r#type: Some(attribute_type::TYPE_PROTO),
            tp: Some(Box::new(type_proto(element)?)),
            ..AttributeProto::default()
        });
    }
    let operands: Vec<String> = site.operands.clone();
    let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
    site.last("Optional", &operands, made)
}

/// A scalar of the dtype of the first operand.
fn scalar(site: &mut Site, value: f64) -> Result<String, Why> {
    let dtype = site.ty(0).map(Type::dtype).ok_or("it has no operand")?;
    site.tensor(number_of(dtype, value).map_err(|error| error.to_string())?)
}

/// A tensor of one value everywhere.
pub(super) fn fill(site: &mut Site) -> Result<(), Why> {
    let x = site.operand(0).to_owned();
    let dtype = site.ty(0).map(Type::dtype).ok_or("it has no operand")?;
    let value = number_of(dtype, site.attr().float("value")).map_err(|error| error.to_string())?;
    let value = value.reshape(&[1]).map_err(|error| error.to_string())?;
    let shape = site.value("Shape", &[&x], Vec::new())?;
    let value = super::attributes::tensor("value", &value)?;
    site.last("ConstantOfShape", &[&shape], vec![value])
}

/// The operand of a formula that is for f32 and f64 only: in half floats it would lose what it is for.
fn wide_operand(site: &Site) -> Result<String, Why> {
    let dtype = site.ty(0).map(Type::dtype).ok_or("it has no operand")?;
    match dtype {
        DType::F32 | DType::F64 => Ok(site.operand(0).to_owned()),
        _ => Err(format!("ONNX has no such op, and the formula that stands for it is for f32 and f64, not {dtype}")),
    }
}

/// Whether two floats are equal; before version 11, which can't ask that, whether neither is larger.
fn equal(site: &mut Site, a: &str, b: &str) -> Result<String, Why> {
    if site.opset() >= 11 {
        return site.value("Equal", &[a, b], Vec::new());
    }
    let (less, more) = (site.value("Less", &[a, b], Vec::new())?, site.value("Greater", &[a, b], Vec::new())?);
    let differ = site.value("Or", &[&less, &more], Vec::new())?;
    site.value("Not", &[&differ], Vec::new())
}

/// e^x - 1 without cancellation, from u = e^x: x where u is 1, u - 1 where x is large, else (u - 1) x / ln u, in which the
/// errors of numerator and denominator are the same. (W. Kahan.)
pub(super) fn expm1(site: &mut Site) -> Result<(), Why> {
    let x = wide_operand(site)?;
    let (one, half) = (scalar(site, 1.0)?, scalar(site, 0.5)?);
    let u = site.value("Exp", &[&x], Vec::new())?;
    let less = site.value("Sub", &[&u, &one], Vec::new())?;
    let log = site.value("Log", &[&u], Vec::new())?;
    let product = site.value("Mul", &[&less, &x], Vec::new())?;
    let exact = site.value("Div", &[&product, &log], Vec::new())?;
    let size = site.value("Abs", &[&x], Vec::new())?;
    let near = site.value("Less", &[&size, &half], Vec::new())?;
    let chosen = site.value("Where", &[&near, &exact, &less], Vec::new())?;
    let unit = equal(site, &u, &one)?;
    site.last("Where", &[&unit, &x, &chosen], Vec::new())
}

/// ln(1 + x) without cancellation, from u = 1 + x: x where u is 1, ln u where x is large, else x ln u / (u - 1).
pub(super) fn log1p(site: &mut Site) -> Result<(), Why> {
    let x = wide_operand(site)?;
    let (one, half) = (scalar(site, 1.0)?, scalar(site, 0.5)?);
    let u = site.value("Add", &[&x, &one], Vec::new())?;
    let log = site.value("Log", &[&u], Vec::new())?;
    let less = site.value("Sub", &[&u, &one], Vec::new())?;
    let product = site.value("Mul", &[&log, &x], Vec::new())?;
    let exact = site.value("Div", &[&product, &less], Vec::new())?;
    let size = site.value("Abs", &[&x], Vec::new())?;
    let near = site.value("Less", &[&size, &half], Vec::new())?;
    let chosen = site.value("Where", &[&near, &exact, &log], Vec::new())?;
    let unit = equal(site, &u, &one)?;
    site.last("Where", &[&unit, &x, &chosen], Vec::new())
}
