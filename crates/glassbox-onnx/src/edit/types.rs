//! The types of values: from what the file declares, or what the importer infers, to the file's messages.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use glassbox_ir::{Dim, Shape, Type};
use prost::Message;

use super::Source;
use super::message::{Field, fields, merged};
use super::tag;
use crate::dtype;
use crate::error::OnnxError;
use crate::import::{ImportOptions, import};
use crate::model::{Declared, Model, ValueInfo};
use crate::proto::{
    DimensionProto, DimensionValue, ElementTypeProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue,
    ValueInfoProto,
};
use crate::types::spelled;

/// What is known of the types of a model's values.
pub(super) struct Types {
    /// What the file says of a value: the bytes of its message.
    declared: HashMap<String, Bytes>,
    /// What the importer says of a value, or why it says nothing.
    inferred: Result<HashMap<String, Type>, String>,
    /// What the file calls a symbol.
    symbols: HashMap<String, String>,
}

impl Types {
    /// The types of the values `names`. `nodes` says which nodes it takes to compute them.
    pub(super) fn of(source: &Source, graph: &[Field], names: &[&str], nodes: &[bool]) -> Types {
        let lists = [
            (tag::GRAPH_VALUE_INFO, &source.model.graph.values),
            (tag::GRAPH_INPUT, &source.model.graph.inputs),
            (tag::GRAPH_OUTPUT, &source.model.graph.outputs),
        ];
        let mut declared = HashMap::new();
        for (tag, infos) in lists {
            let messages = graph.iter().filter(|field| field.tag == tag);
            for (field, info) in messages.zip(infos).filter(|(_, info)| is_ranked(&info.ty)) {
                declared.insert(info.name.clone(), field.content.clone());
            }
        }
        let missing = names.iter().any(|name| !declared.contains_key(*name));
        let inferred = if missing { infer(&source.model, names, nodes) } else { Ok(HashMap::new()) };
        Types { declared, inferred, symbols: symbols(graph) }
    }

    /// The message that declares a value, or why its type isn't known.
    pub(super) fn message(&self, name: &str) -> Result<Bytes, String> {
        if let Some(declared) = self.declared.get(name) {
            return Ok(declared.clone());
        }
        let inferred = self.inferred.as_ref().map_err(Clone::clone)?;
        let ty = inferred.get(name).ok_or_else(|| "nothing gives it".to_owned())?;
        let proto = self.proto(ty).ok_or_else(|| format!("it is {ty}, which ONNX doesn't have"))?;
        Ok(ValueInfoProto { name: Some(name.to_owned()), r#type: Some(proto) }.encode_to_vec().into())
    }

    fn proto(&self, ty: &Type) -> Option<TypeProto> {
        let value = match ty {
            Type::Tensor(tensor) => TypeValue::Tensor(TensorTypeProto {
                elem_type: Some(dtype::to_onnx(tensor.dtype)?),
                shape: match &tensor.shape {
                    Shape::Unranked => None,
                    Shape::Ranked(dims) => {
                        Some(TensorShapeProto { dim: dims.iter().map(|dim| self.dim(dim)).collect() })
                    }
                },
            }),
            Type::Sequence(element) => {
                TypeValue::Sequence(ElementTypeProto { elem_type: Some(Box::new(self.proto(element)?)) })
            }
            Type::Optional(element) => {
                TypeValue::Optional(ElementTypeProto { elem_type: Some(Box::new(self.proto(element)?)) })
            }
        };
        Some(TypeProto { value: Some(value) })
    }

    fn dim(&self, dim: &Dim) -> DimensionProto {
        let value = match dim {
            Dim::Int(size) => Some(DimensionValue::Value(*size)),
            Dim::Unknown => None,
            // A formula is a name like another to whoever reads the file: equal ones are equal dims.
            Dim::Expr(_) => {
                let name = dim.to_string();
                Some(DimensionValue::Param(self.symbols.get(&name).cloned().unwrap_or(name)))
            }
        };
        DimensionProto { value }
    }
}

/// Whether a declared type says the rank.
fn is_ranked(ty: &Declared) -> bool {
    fn ranked(ty: &Type) -> bool {
        match ty {
            Type::Tensor(tensor) => tensor.rank().is_some(),
            Type::Sequence(element) | Type::Optional(element) => ranked(element),
        }
    }
    match ty {
        Declared::Known(ty) => ranked(ty),
        Declared::Missing => false,
        // It can't be inferred either, and others may know it.
        Declared::Map { .. } | Declared::Unsupported(_) => true,
    }
}

/// What the importer says of the values, from the nodes that it takes.
fn infer(model: &Model, names: &[&str], nodes: &[bool]) -> Result<HashMap<String, Type>, String> {
    let mut model = model.clone();
    let mut kept = nodes.iter().copied();
    model.graph.nodes.retain(|_| kept.next().unwrap_or(false));
    let given: HashSet<&str> = model.graph.nodes.iter().flat_map(|node| &node.outputs).map(String::as_str).collect();
    let known = |name: &str| {
        given.contains(name)
            || model.graph.inputs.iter().any(|input| input.name == name)
            || model.graph.initializers.iter().any(|(initializer, _)| initializer == name)
    };
    let outputs = names.iter().filter(|name| known(name));
    model.graph.outputs = outputs.map(|name| ValueInfo { name: (*name).to_owned(), ty: Declared::Missing }).collect();
    model.graph.values = Vec::new();
    let import = import(&model, &ImportOptions::default()).map_err(|error| error.root().to_string())?;
    let types = import.graph.outputs().iter().map(|id| import.graph.value(*id).ty.clone());
    Ok(import.outputs.into_iter().zip(types).collect())
}

/// What the file calls the symbols that it names in another way than the importer.
fn symbols(graph: &[Field]) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let infos =
        graph.iter().filter(|field| [tag::GRAPH_INPUT, tag::GRAPH_OUTPUT, tag::GRAPH_VALUE_INFO].contains(&field.tag));
    let mut collect = |content: &Bytes| -> Result<(), OnnxError> {
        // ValueInfo.type, Type.tensor_type, Tensor.shape, Shape.dim, Dimension.dim_param
        let shape = [2, 1, 2]
            .into_iter()
            .try_fold(content.clone(), |message, tag| fields(&message).map(|fields| merged(&fields, tag)))?;
        for dim in fields(&shape)?.iter().filter(|field| field.tag == 1) {
            let name = merged(&fields(&dim.content)?, 2);
            let Ok(name) = std::str::from_utf8(&name) else { continue };
            if spelled(name) != name {
                found.insert(spelled(name), name.to_owned());
            }
        }
        Ok(())
    };
    for field in infos {
        // What can't be read here has been read by the decoder, or is another kind of type.
        let _ = collect(&field.content);
    }
    found
}
