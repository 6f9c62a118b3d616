//! Reading a model: from the bytes of a file to a [`Model`] whose tensors and names are checked.
//!
//! Graphs inside attributes are followed as deep as the format's decoder lets messages nest, which
//! bounds the recursion here and in everything after.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use bytes::Bytes;
use prost::Message;

use crate::data::protobuf;
use crate::error::OnnxError;
use crate::external::{External, open};
use crate::foreign;
use crate::model::{Attribute, AttributeValue, Declared, Function, Graph, Model, Node, ValueInfo, canonical_domain};
use crate::names;
use crate::order;
use crate::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TypeProto, ValueInfoProto,
    attribute_type,
};
use crate::sparse::{self, densify};
use crate::tensor::tensor;
use crate::types::Symbols;
use crate::wire::{self, Kind};

/// The first version of the file format in which a model must say which opsets it uses.
const OPSETS_SINCE: i64 = 3;

/// Reads a model from its file, which is mapped and stays so while its tensors are used.
///
/// # Errors
///
/// Where the file can't be read, or isn't an ONNX model.
pub fn load(path: &Path) -> Result<Model, OnnxError> {
    let folder = path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let read = || {
        let mapped = open(path)?;
        let (bytes, mut external) = (mapped.bytes.clone(), External::new(folder));
        external.add_model(path, mapped);
        decode(bytes, external)
    };
    let model = read().map_err(|error| error.in_file(Some(path)))?;
    Ok(Model { file: Some(path.to_owned()), ..model })
}

/// Reads a model from bytes. Tensor data outside them is looked for in `folder`.
///
/// # Errors
///
/// Where the bytes aren't an ONNX model.
pub fn parse(bytes: Bytes, folder: Option<&Path>) -> Result<Model, OnnxError> {
    decode(bytes, External::new(folder))
}

fn decode(bytes: Bytes, external: External) -> Result<Model, OnnxError> {
    if let Some(what) = foreign::kind(&bytes) {
        return Err(OnnxError::NoModel { what });
    }
    wire::check(&bytes, Kind::Model).map_err(|rule| OnnxError::structure("the model", rule))?;
    let proto = ModelProto::decode(bytes.clone()).map_err(|error| match foreign::cut(&bytes) {
        Some(reason) => OnnxError::Protobuf { message: "ModelProto", reason },
        None => protobuf("ModelProto", &error),
    })?;
    let ir_version = proto.ir_version.unwrap_or_default();
    let mut opsets = opsets("the model", proto.opset_import)?;
    if opsets.is_empty() {
        if ir_version >= OPSETS_SINCE {
            let rule = format!(
                "IR version {ir_version} must import an opset; without one the file is cut off, or no ONNX model"
            );
            return Err(OnnxError::structure("the model", rule));
        }
        opsets.insert(String::new(), 1);
    }
    let no_graph = "there is no graph: the file is no ONNX model, or was cut off before it";
    let graph = proto.graph.ok_or_else(|| OnnxError::structure("the model", no_graph))?;
    let mut decoder = Decoder { external, symbols: Symbols::default() };
    let graph = decoder.graph(graph)?;
    let functions = proto.functions.into_iter().map(|function| decoder.function(function)).collect::<Result<_, _>>()?;
    let metadata = proto.metadata_props.into_iter();
    let mut model = Model {
        file: None,
        ir_version,
        opsets,
        producer_name: proto.producer_name.unwrap_or_default(),
        producer_version: proto.producer_version.unwrap_or_default(),
        domain: proto.domain.unwrap_or_default(),
        model_version: proto.model_version.unwrap_or_default(),
        metadata: metadata.map(|entry| (entry.key.unwrap_or_default(), entry.value.unwrap_or_default())).collect(),
        functions,
        graph,
        notes: decoder.external.notes,
    };
    let sorted = order::sort(&mut model);
    model.notes.extend(sorted);
    names::check(&model)?;
    Ok(model)
}

/// The version of each domain.
fn opsets(place: &str, protos: Vec<OperatorSetIdProto>) -> Result<BTreeMap<String, i64>, OnnxError> {
    let mut opsets = BTreeMap::new();
    for proto in protos {
        let (domain, version) = (canonical_domain(proto.domain), proto.version.unwrap_or_default());
        if opsets.insert(domain.clone(), version).is_some_and(|other| other != version) {
            return Err(OnnxError::structure(place, format!("two versions of the opset {domain:?} are imported")));
        }
    }
    Ok(opsets)
}

struct Decoder {
    external: External,
    symbols: Symbols,
}

impl Decoder {
    fn graph(&mut self, proto: GraphProto) -> Result<Graph, OnnxError> {
        let name = proto.name.unwrap_or_default();
        let mut initializers = Vec::with_capacity(proto.initializer.len() + proto.sparse_initializer.len());
        for initializer in proto.initializer {
            let label = initializer.name.clone().unwrap_or_default();
            initializers.push((label, tensor(initializer, &format!("initializer of `{name}`"), &mut self.external)?));
        }
        for initializer in proto.sparse_initializer {
            let label = sparse::name(&initializer).unwrap_or_default().to_owned();
            initializers.push((label, densify(initializer, &format!("initializer of `{name}`"), &mut self.external)?));
        }
        Ok(Graph {
            nodes: proto.node.into_iter().map(|node| self.node(node)).collect::<Result<_, _>>()?,
            initializers,
            inputs: self.values(proto.input)?,
            outputs: self.values(proto.output)?,
            values: self.values(proto.value_info)?,
            name,
        })
    }

    fn values(&mut self, protos: Vec<ValueInfoProto>) -> Result<Vec<ValueInfo>, OnnxError> {
        let value = |proto: ValueInfoProto| {
            let name = proto.name.unwrap_or_default();
            let ty = self.symbols.declared(proto.r#type);
            let ty = ty.map_err(|rule| OnnxError::structure(format!("the type of value `{name}`"), rule))?;
            Ok(ValueInfo { name, ty })
        };
        protos.into_iter().map(value).collect()
    }

    fn node(&mut self, proto: NodeProto) -> Result<Node, OnnxError> {
        let mut node = Node {
            name: proto.name.unwrap_or_default(),
            op: proto.op_type.unwrap_or_default(),
            domain: canonical_domain(proto.domain),
            overload: proto.overload.unwrap_or_default(),
            inputs: proto.input,
            outputs: proto.output,
            attributes: Vec::new(),
        };
        if node.op.is_empty() {
            return Err(OnnxError::structure(format!("node `{}`", node.label()), "it has no op"));
        }
        let place = format!("{} `{}`", node.full_op(), node.label());
        node.attributes = self.attributes(proto.attribute, &place)?;
        Ok(node)
    }

    fn attributes(&mut self, protos: Vec<AttributeProto>, place: &str) -> Result<Vec<Attribute>, OnnxError> {
        let mut names = HashSet::new();
        let mut attributes = Vec::with_capacity(protos.len());
        for proto in protos {
            let attribute = self.attribute(proto, place)?;
            if attribute.name.is_empty() || !names.insert(attribute.name.clone()) {
                let rule = format!("attribute names must be there and unique, but `{}` isn't", attribute.name);
                return Err(OnnxError::structure(place, rule));
            }
            attributes.push(attribute);
        }
        Ok(attributes)
    }

    fn attribute(&mut self, mut proto: AttributeProto, place: &str) -> Result<Attribute, OnnxError> {
        let name = proto.name.take().unwrap_or_default();
        let place = format!("attribute `{name}` of {place}");
        if let Some(reference) = proto.ref_attr_name.take().filter(|reference| !reference.is_empty()) {
            return Ok(Attribute { name, value: AttributeValue::Reference(reference) });
        }
        let filled = filled_fields(&proto);
        let kind = match (proto.r#type.unwrap_or_default(), filled.as_slice()) {
            // The first version of the format had no `type`.
            (attribute_type::UNDEFINED, [(kind, _)]) => *kind,
            (attribute_type::UNDEFINED, _) => {
                let rule = format!("it must have a type, or exactly one value; it has {:?}", names_of(&filled));
                return Err(OnnxError::structure(place, rule));
            }
            (kind, filled) if filled.iter().all(|(other, _)| *other == kind) => kind,
            (kind, filled) => {
                let rule = format!("its type is {kind}, but it holds {:?}", names_of(filled));
                return Err(OnnxError::structure(place, rule));
            }
        };
        let value = self.attribute_value(kind, proto, &place)?;
        Ok(Attribute { name, value })
    }

    fn attribute_value(&mut self, kind: i32, proto: AttributeProto, place: &str) -> Result<AttributeValue, OnnxError> {
        let missing = || OnnxError::structure(place, "its value is missing");
        // A number of 0 and an empty text may be left out.
        Ok(match kind {
            attribute_type::FLOAT => AttributeValue::Float(proto.f.unwrap_or_default()),
            attribute_type::INT => AttributeValue::Int(proto.i.unwrap_or_default()),
            attribute_type::STRING => AttributeValue::Str(proto.s.unwrap_or_default()),
            attribute_type::FLOATS => AttributeValue::Floats(proto.floats),
            attribute_type::INTS => AttributeValue::Ints(proto.ints),
            attribute_type::STRINGS => AttributeValue::Strs(proto.strings),
            attribute_type::TENSOR => {
                AttributeValue::Tensor(tensor(*proto.t.ok_or_else(missing)?, place, &mut self.external)?)
            }
            attribute_type::SPARSE_TENSOR => {
                let sparse = *proto.sparse_tensor.ok_or_else(missing)?;
                AttributeValue::SparseTensor(densify(sparse, place, &mut self.external)?)
            }
            attribute_type::GRAPH => AttributeValue::Graph(Box::new(self.graph(*proto.g.ok_or_else(missing)?)?)),
            attribute_type::TYPE_PROTO => AttributeValue::Type(self.declared(*proto.tp.ok_or_else(missing)?, place)?),
            attribute_type::TENSORS => {
                let tensors = proto.tensors.into_iter().map(|proto| tensor(proto, place, &mut self.external));
                AttributeValue::Tensors(tensors.collect::<Result<_, _>>()?)
            }
            attribute_type::SPARSE_TENSORS => {
                let tensors = proto.sparse_tensors.into_iter().map(|proto| densify(proto, place, &mut self.external));
                AttributeValue::Tensors(tensors.collect::<Result<_, _>>()?)
            }
            attribute_type::GRAPHS => {
                let graphs = proto.graphs.into_iter().map(|graph| self.graph(graph));
                AttributeValue::Graphs(graphs.collect::<Result<_, _>>()?)
            }
            attribute_type::TYPE_PROTOS => {
                let types = proto.type_protos.into_iter().map(|ty| self.declared(ty, place));
                AttributeValue::Types(types.collect::<Result<_, _>>()?)
            }
            other => return Err(OnnxError::structure(place, format!("{other} is no type of attribute"))),
        })
    }

    fn declared(&mut self, proto: TypeProto, place: &str) -> Result<Declared, OnnxError> {
        self.symbols.declared(Some(proto)).map_err(|rule| OnnxError::structure(place, rule))
    }

    fn function(&mut self, proto: FunctionProto) -> Result<Function, OnnxError> {
        let mut function = Function {
            domain: canonical_domain(proto.domain),
            name: proto.name.unwrap_or_default(),
            overload: proto.overload.unwrap_or_default(),
            opsets: BTreeMap::new(),
            attributes: proto.attribute,
            defaults: Vec::new(),
            body: Graph {
                name: String::new(),
                nodes: Vec::new(),
                initializers: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
                values: Vec::new(),
            },
        };
        let place = format!("function `{}`", function.label());
        if function.name.is_empty() {
            return Err(OnnxError::structure(place, "it has no name"));
        }
        function.opsets = opsets(&place, proto.opset_import)?;
        function.defaults = self.attributes(proto.attribute_proto, &place)?;
        if let Some(twice) = function.defaults.iter().find(|default| function.attributes.contains(&default.name)) {
            let rule = format!("attribute `{}` is declared with and without a default", twice.name);
            return Err(OnnxError::structure(place, rule));
        }
        let untyped = |name| ValueInfo { name, ty: Declared::Missing };
        function.body = Graph {
            name: function.label(),
            nodes: proto.node.into_iter().map(|node| self.node(node)).collect::<Result<_, _>>()?,
            initializers: Vec::new(),
            inputs: proto.input.into_iter().map(untyped).collect(),
            outputs: proto.output.into_iter().map(untyped).collect(),
            values: Vec::new(),
        };
        Ok(function)
    }
}

/// The fields of an attribute that hold something: the type that goes with each, and its name.
fn filled_fields(proto: &AttributeProto) -> Vec<(i32, &'static str)> {
    let fields = [
        (proto.f.is_some(), attribute_type::FLOAT, "f"),
        (proto.i.is_some(), attribute_type::INT, "i"),
        (proto.s.is_some(), attribute_type::STRING, "s"),
        (proto.t.is_some(), attribute_type::TENSOR, "t"),
        (proto.g.is_some(), attribute_type::GRAPH, "g"),
        (!proto.floats.is_empty(), attribute_type::FLOATS, "floats"),
        (!proto.ints.is_empty(), attribute_type::INTS, "ints"),
        (!proto.strings.is_empty(), attribute_type::STRINGS, "strings"),
        (!proto.tensors.is_empty(), attribute_type::TENSORS, "tensors"),
        (!proto.graphs.is_empty(), attribute_type::GRAPHS, "graphs"),
        (proto.sparse_tensor.is_some(), attribute_type::SPARSE_TENSOR, "sparse_tensor"),
        (!proto.sparse_tensors.is_empty(), attribute_type::SPARSE_TENSORS, "sparse_tensors"),
        (proto.tp.is_some(), attribute_type::TYPE_PROTO, "tp"),
        (!proto.type_protos.is_empty(), attribute_type::TYPE_PROTOS, "type_protos"),
    ];
    fields.into_iter().filter(|field| field.0).map(|(_, kind, name)| (kind, name)).collect()
}

fn names_of(fields: &[(i32, &'static str)]) -> Vec<&'static str> {
    fields.iter().map(|(_, name)| *name).collect()
}
