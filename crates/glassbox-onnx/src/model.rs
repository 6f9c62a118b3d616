//! A decoded model: what the file says, with every tensor in place, before any op is understood.
//!
//! Made by [`load`](crate::load) and [`parse`](crate::parse), which have checked the names: every value
//! is defined once and before its uses, for nodes that stood in another order were sorted. Empty names stand for operands and results that are left out.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use glassbox_ir::Type;
use glassbox_tensor::Tensor;

/// A model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The file it came from.
    pub file: Option<PathBuf>,
    /// The version of the file format.
    pub ir_version: i64,
    /// The version of each domain's ops. The default domain is the empty name.
    pub opsets: BTreeMap<String, i64>,
    /// The program that wrote the file.
    pub producer_name: String,
    /// Its version.
    pub producer_version: String,
    /// The namespace of the model.
    pub domain: String,
    /// The version of the model.
    pub model_version: i64,
    /// Text about the model, by key.
    pub metadata: Vec<(String, String)>,
    /// The functions that nodes may call.
    pub functions: Vec<Function>,
    /// The graph.
    pub graph: Graph,
    /// What the file breaks of the format's rules and was read all the same, in words.
    pub notes: Vec<String>,
}

/// A graph: that of the model or the body of a control op.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The name.
    pub name: String,
    /// The nodes, in topological order.
    pub nodes: Vec<Node>,
    /// The constants, sparse ones made dense.
    pub initializers: Vec<(String, Tensor)>,
    /// The inputs, in order.
    pub inputs: Vec<ValueInfo>,
    /// The outputs, in order.
    pub outputs: Vec<ValueInfo>,
    /// What is declared of other values.
    pub values: Vec<ValueInfo>,
}

/// A value's name and declared type.
#[derive(Clone, Debug)]
pub struct ValueInfo {
    /// The name.
    pub name: String,
    /// The type.
    pub ty: Declared,
}

/// A declared type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// Nothing is declared.
    Missing,
    /// A type.
    Known(Type),
    /// A map, which is two vectors here, with an element for each entry.
    Map {
        /// The type of its keys.
        keys: Type,
        /// The type of its values.
        values: Type,
    },
    /// A type that Glassbox doesn't have, in words.
    Unsupported(String),
}

impl std::fmt::Display for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Declared::Missing => f.write_str("?"),
            Declared::Known(ty) => ty.fmt(f),
            Declared::Map { keys, values } => write!(f, "map({}, {})", keys.dtype(), values.dtype()),
            Declared::Unsupported(words) => f.write_str(words),
        }
    }
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// The name; may be empty.
    pub name: String,
    /// The op.
    pub op: String,
    /// The op's domain; empty for the default.
    pub domain: String,
    /// Which of several functions of the same name is called.
    pub overload: String,
    /// The operands.
    pub inputs: Vec<String>,
    /// The results.
    pub outputs: Vec<String>,
    /// The attributes.
    pub attributes: Vec<Attribute>,
}

/// An attribute of a node, or the default of a function's attribute.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The name.
    pub name: String,
    /// The value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Clone, Debug)]
pub enum AttributeValue {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// Text. Not yet known to be UTF-8.
    Str(Bytes),
    /// A tensor.
    Tensor(Tensor),
    /// A sparse tensor, made dense.
    SparseTensor(Tensor),
    /// A graph.
    Graph(Box<Graph>),
    /// A type.
    Type(Declared),
    /// A list of floats.
    Floats(Vec<f32>),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of text.
    Strs(Vec<Bytes>),
    /// A list of tensors.
    Tensors(Vec<Tensor>),
    /// A list of graphs.
    Graphs(Vec<Graph>),
    /// A list of types.
    Types(Vec<Declared>),
    /// Inside a function: the attribute of this name that the caller gives.
    Reference(String),
}

/// A function that nodes of the model may call.
#[derive(Clone, Debug)]
pub struct Function {
    /// The domain.
    pub domain: String,
    /// The name.
    pub name: String,
    /// Which of several functions of the same name it is.
    pub overload: String,
    /// The version of each domain's ops in the body.
    pub opsets: BTreeMap<String, i64>,
    /// The names of the attributes that a caller must give or may leave out.
    pub attributes: Vec<String>,
    /// The attributes with a default.
    pub defaults: Vec<Attribute>,
    /// The body. Its inputs and outputs have no declared types.
    pub body: Graph,
}

impl Node {
    /// The op, with its domain where that isn't the default.
    pub fn full_op(&self) -> String {
        full_op(&self.domain, &self.op)
    }

    /// How a message calls the node: its name, or that of its first output.
    pub fn label(&self) -> &str {
        let output = || self.outputs.iter().find(|name| !name.is_empty()).map_or("", String::as_str);
        if self.name.is_empty() { output() } else { &self.name }
    }

    /// The graphs among the attributes.
    pub fn graphs(&self) -> impl Iterator<Item = &Graph> {
        self.attributes.iter().flat_map(|attribute| match &attribute.value {
            AttributeValue::Graph(graph) => std::slice::from_ref(&**graph),
            AttributeValue::Graphs(graphs) => graphs.as_slice(),
            _ => &[],
        })
    }
}

impl Function {
    /// How a message calls the function.
    pub fn label(&self) -> String {
        let name = full_op(&self.domain, &self.name);
        if self.overload.is_empty() { name } else { format!("{name}:{}", self.overload) }
    }
}

impl AttributeValue {
    /// The word for what it holds, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            AttributeValue::Float(_) => "float",
            AttributeValue::Int(_) => "int",
            AttributeValue::Str(_) => "string",
            AttributeValue::Tensor(_) => "tensor",
            AttributeValue::SparseTensor(_) => "sparse tensor",
            AttributeValue::Graph(_) => "graph",
            AttributeValue::Type(_) => "type",
            AttributeValue::Floats(_) => "floats",
            AttributeValue::Ints(_) => "ints",
            AttributeValue::Strs(_) => "strings",
            AttributeValue::Tensors(_) => "tensors",
            AttributeValue::Graphs(_) => "graphs",
            AttributeValue::Types(_) => "types",
            AttributeValue::Reference(_) => "reference",
        }
    }
}

/// An op's name, with its domain where that isn't the default.
pub(crate) fn full_op(domain: &str, op: &str) -> String {
    if domain.is_empty() { op.to_owned() } else { format!("{domain}.{op}") }
}

/// The one spelling of a domain: the default domain is empty.
pub(crate) fn canonical_domain(domain: Option<String>) -> String {
    domain.filter(|domain| domain != "ai.onnx").unwrap_or_default()
}
