//! One node that is being said: what it is given, what it is called, and the ways to write it.
//!
//! Whatever is written goes through [`Site::put`], which holds it against the standard.

use glassbox_ir::{AttrView, Node, Type};
use glassbox_tensor::Tensor;

use crate::proto::{AttributeProto, NodeProto};

use super::attributes;
use super::emitter::{Data, Emitter, Why};
use super::rows;
use super::schema::{self, Slot};

/// One node that is being said.
pub(super) struct Site<'e, 'g> {
    pub(super) e: &'e mut Emitter<'g>,
    pub(super) node: &'g Node,
    /// What the operands are called; empty where one is left out, none at the end.
    pub(super) operands: Vec<String>,
    /// What the results are called.
    pub(super) results: Vec<String>,
    pub(super) name: String,
}

impl<'g> Site<'_, 'g> {
    /// The attributes of the node.
    pub(super) fn attr(&self) -> AttrView<'g> {
        AttrView::new(self.node.op, &self.node.attrs)
    }

    pub(super) fn opset(&self) -> i64 {
        self.e.opset
    }

    /// The type of an operand that is given.
    pub(super) fn ty(&self, index: usize) -> Option<&'g Type> {
        let id = (*self.node.operands.get(index)?)?;
        Some(&self.e.graph.value(id).ty)
    }

    /// The type of a result.
    pub(super) fn result_ty(&self, index: usize) -> Option<&'g Type> {
        self.node.results.get(index).map(|id| &self.e.graph.value(*id).ty)
    }

    pub(super) fn operand(&self, index: usize) -> &str {
        self.operands.get(index).map_or("", String::as_str)
    }

    pub(super) fn has(&self, index: usize) -> bool {
        !self.operand(index).is_empty()
    }

    /// The contents of an operand, where it is given. Old versions have many an operand as an attribute.
    pub(super) fn contents(&self, index: usize) -> Result<Option<&'g Tensor>, Why> {
        let Some(id) = self.node.operands.get(index).copied().flatten() else { return Ok(None) };
        let name = self.node.op.input(index).map_or("", |input| input.name);
        let missing =
            || format!("its operand {name} isn't constant, and opset {} takes only constants for it", self.e.opset);
        self.e.constant(id).map(Some).ok_or_else(missing)
    }

    /// The integers in an operand, where it is given.
    pub(super) fn ints(&self, index: usize) -> Result<Option<Vec<i64>>, Why> {
        let Some(tensor) = self.contents(index)? else { return Ok(None) };
        tensor.load::<i64>().map(|values| Some(values.into_owned())).map_err(|error| error.to_string())
    }

    /// What the message says where the op isn't known.
    pub(super) fn no_words(&self) -> Why {
        match rows::newest(self.node.op) {
            Some(name) => match schema::first(name) {
                Some(first) => format!("ONNX has {name} from version {first} of its domain on"),
                None => format!("ONNX has no {name} any more"),
            },
            None => "ONNX has no such op".to_owned(),
        }
    }

    /// Writes the node as the op `name` with the same operands, results and attributes.
    pub(super) fn same(&mut self, name: &'static str) -> Result<(), Why> {
        let attributes = attributes::of(self, name)?;
        let (operands, results) = (self.operands.clone(), self.results.clone());
        self.put(name, &operands, &results, attributes)
    }

    /// Writes a node, after it was held against the standard.
    pub(super) fn put(
        &mut self,
        op: &'static str,
        operands: &[String],
        results: &[String],
        attributes: Vec<AttributeProto>,
    ) -> Result<(), Why> {
        let (domain, short) = op.rsplit_once('.').unwrap_or(("", op));
        let version = self.e.version_of(domain);
        let schema = schema::find(op, version).ok_or_else(|| {
            let first = schema::first(op).map_or(String::new(), |first| format!(", but from {first} on"));
            format!("version {version} of its domain has no {op}{first}")
        })?;
        let slots = |names: &[String]| -> Vec<Slot<'_>> {
            let slot = |name: &String| match (name.is_empty(), self.e.types.get(name)) {
                (true, _) => Slot::Empty,
                (_, None) => Slot::Made,
                (_, Some(ty)) => Slot::Value(ty),
            };
            names.iter().map(slot).collect()
        };
        if let Some(why) = schema.misfit(&slots(operands), &slots(results)) {
            return Err(format!("{op} of version {version}: {why}"));
        }
        for attribute in &attributes {
            let name = attribute.name.as_deref().unwrap_or_default();
            if !schema.has_attribute(name) {
                return Err(format!("{op} of version {version} has no attribute `{name}`"));
            }
        }
        if !domain.is_empty() {
            self.e.domains.insert(domain);
        }
        let input = operands.to_vec();
        self.e.push(NodeProto {
            input,
            output: results.to_vec(),
            name: Some(std::mem::take(&mut self.name)).filter(|name| !name.is_empty()),
            op_type: Some(short.to_owned()),
            domain: (!domain.is_empty()).then(|| domain.to_owned()),
            attribute: attributes,
            ..NodeProto::default()
        });
        Ok(())
    }

    /// Writes the node as a call of a function of the model.
    pub(super) fn call_function(&mut self, domain: String, name: String, operands: Vec<String>) {
        self.e.push(NodeProto {
            input: operands,
            output: self.results.clone(),
            name: Some(std::mem::take(&mut self.name)).filter(|name| !name.is_empty()),
            op_type: Some(name),
            domain: Some(domain.clone()),
            ..NodeProto::default()
        });
        self.e.function_domains.insert(domain);
    }

    /// Writes a node with one result, which is a new value.
    pub(super) fn value(
        &mut self,
        op: &'static str,
        operands: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> Result<String, Why> {
        let operands: Vec<String> = operands.iter().map(|name| (*name).to_owned()).collect();
        let hint = format!("{}_{}", self.results.first().map_or("value", String::as_str), op.to_ascii_lowercase());
        let result = self.e.fresh(&hint);
        self.put(op, &operands, std::slice::from_ref(&result), attributes)?;
        Ok(result)
    }

    /// Writes a node whose results are those of this one.
    pub(super) fn last(
        &mut self,
        op: &'static str,
        operands: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> Result<(), Why> {
        let operands: Vec<String> = operands.iter().map(|name| (*name).to_owned()).collect();
        let results = self.results.clone();
        self.put(op, &operands, &results, attributes)
    }

    /// A constant.
    pub(super) fn tensor(&mut self, tensor: Tensor) -> Result<String, Why> {
        let hint = format!("{}_constant", self.results.first().map_or("value", String::as_str));
        let name = self.e.fresh(&hint);
        self.e.weight(name.clone(), Data::Tensor(tensor))?;
        Ok(name)
    }

    /// A vector of integers.
    pub(super) fn vector(&mut self, values: &[i64]) -> Result<String, Why> {
        let tensor = Tensor::from_vec(&[values.len()], values.to_vec()).map_err(|error| error.to_string())?;
        self.tensor(tensor)
    }
}
