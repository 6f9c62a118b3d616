//! JSON to graph.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use glassbox_tensor::{DType, Tensor};

use super::document::{AttrJson, Document, Float, Header, NodeJson, OriginJson, RegionJson, StateJson, TensorJson};
use super::{FORMAT, JsonError, VERSION};
use crate::attr::{Attr, Attrs, Hints};
use crate::graph::{Graph, Node, NodeId, Region, RegionId, State, StateTable, ValueId, ValueInfo};
use crate::ops;
use crate::order::Order;
use crate::provenance::{Origin, Provenance};
use crate::text::parse_type;
use crate::types::Type;
use crate::verify::verify;

/// What a part of the document means, or why it means nothing.
type Meaning<T> = Result<T, String>;

/// The graph that `text` is. It is verified.
///
/// # Errors
///
/// Where the text isn't JSON of this format and version, or what it says isn't a graph that inference accepts.
pub fn from_str(text: &str) -> Result<Graph, JsonError> {
    let header: Header = serde_json::from_str(text)?;
    if header.format != FORMAT {
        return Err(JsonError::Format { found: header.format });
    }
    if header.version != VERSION {
        return Err(JsonError::Version { found: header.version });
    }
    let document: Document = serde_json::from_str(text)?;
    let values = each("values", document.values, |value| {
        Ok(ValueInfo { ty: ty(&value.r#type)?, name: value.name.map(Into::into) })
    })?;
    let named = values.iter().enumerate();
    let names = named.filter_map(|(index, value)| Some((value.name.clone()?, ValueId(index as u32)))).collect();
    let graph = Graph {
        name: document.name,
        metadata: document.metadata,
        states: StateTable::from_iter(each("states", document.states, state)?),
        names,
        values,
        regions: each("regions", document.regions, |value| Ok(region(value)))?,
        nodes: each("nodes", document.nodes, node)?,
    };
    verify(&graph).map_err(JsonError::Invalid)?;
    let reached = Order::of(&graph);
    for (place, reached, all) in [
        ("values", reached.values.len(), graph.values.len()),
        ("nodes", reached.nodes.len(), graph.nodes.len()),
        ("regions", reached.regions.len(), graph.regions.len()),
    ] {
        if reached != all {
            let message = format!("{all} are listed, but the body reaches {reached} of them");
            return Err(JsonError::Content { place: place.to_owned(), message });
        }
    }
    Ok(graph)
}

fn each<A, B>(place: &str, list: Vec<A>, meaning: impl Fn(A) -> Meaning<B>) -> Result<Vec<B>, JsonError> {
    let wrong = |index: usize, message| JsonError::Content { place: format!("{place}[{index}]"), message };
    let list = list.into_iter().enumerate();
    list.map(|(index, item)| meaning(item).map_err(|message| wrong(index, message))).collect()
}

fn ty(text: &str) -> Meaning<Type> {
    parse_type(text).map_err(|error| format!("the type: {error}"))
}

fn dtype(name: &str) -> Meaning<DType> {
    name.parse().map_err(|error: glassbox_tensor::TensorError| error.to_string())
}

fn state(state: StateJson) -> Meaning<State> {
    let ty = match ty(&state.r#type)? {
        Type::Tensor(tensor) => tensor,
        other => return Err(format!("a state is a tensor, not {other}")),
    };
    let initial = state.initial.map(tensor).transpose()?;
    Ok(State { name: state.name, ty, capacity: state.capacity, initial })
}

fn region(region: RegionJson) -> Region {
    Region {
        parameters: region.parameters.into_iter().map(ValueId).collect(),
        nodes: region.nodes.into_iter().map(NodeId).collect(),
        results: region.results.into_iter().map(ValueId).collect(),
    }
}

fn node(node: NodeJson) -> Meaning<Node> {
    let op = ops::find(&node.op).ok_or_else(|| format!("there is no op {:?}", node.op))?;
    let mut attrs = Attrs::new();
    for (name, value) in node.attributes {
        let spec = op.attr(&name).ok_or_else(|| format!("`{}` has no attribute {name:?}", op.name))?;
        if attrs.insert(spec.name, attr(value)?).is_some() {
            return Err(format!("the attribute {name:?} is given twice"));
        }
    }
    let mut hints = Hints::new();
    for (name, value) in node.hints {
        if hints.insert(name.clone(), attr(value)?).is_some() {
            return Err(format!("the hint {name:?} is given twice"));
        }
    }
    Ok(Node {
        op,
        operands: node.operands.into_iter().map(|id| id.map(ValueId)).collect(),
        attrs,
        hints,
        regions: node.regions.into_iter().map(RegionId).collect(),
        results: node.results.into_iter().map(ValueId).collect(),
        provenance: Provenance::of_chains(
            node.provenance.into_iter().map(|chain| chain.into_iter().map(origin).collect()),
        ),
    })
}

fn attr(attr: AttrJson) -> Meaning<Attr> {
    Ok(match attr {
        AttrJson::Bool(value) => Attr::Bool(value),
        AttrJson::Int(value) => Attr::Int(value),
        AttrJson::Float(Float(value)) => Attr::Float(value),
        AttrJson::String(value) => Attr::Str(value),
        AttrJson::Ints(values) => Attr::Ints(values),
        AttrJson::Floats(values) => Attr::Floats(values.into_iter().map(|Float(value)| value).collect()),
        AttrJson::Strings(values) => Attr::Strs(values),
        AttrJson::DType(name) => Attr::DType(dtype(&name)?),
        AttrJson::Type(text) => Attr::Type(ty(&text)?),
        AttrJson::Tensor(value) => Attr::Tensor(tensor(value)?),
    })
}

fn tensor(tensor: TensorJson) -> Meaning<Tensor> {
    let dtype = dtype(&tensor.dtype)?;
    let made = match (dtype, tensor.data, tensor.strings) {
        (DType::String, None, Some(strings)) => Tensor::from_strings(&tensor.dims, strings),
        (DType::String, ..) => return Err("a tensor of strings has `strings`, and no `data`".to_owned()),
        (_, Some(data), None) => {
            let bytes = BASE64.decode(data).map_err(|error| format!("the data of a tensor: {error}"))?;
            Tensor::from_bytes(dtype, &tensor.dims, bytes)
        }
        _ => return Err(format!("a tensor of {dtype} has `data`, and no `strings`")),
    };
    made.map_err(|error| error.to_string())
}

fn origin(origin: OriginJson) -> Origin {
    match origin {
        OriginJson::Onnx { node, op } => Origin::Onnx { node, op },
        OriginJson::Layer(path) => Origin::Layer(path),
        OriginJson::Statement { file, line, block, completes } => Origin::Statement { file, line, block, completes },
        OriginJson::Decomposed(op) => Origin::Decomposed(op),
    }
}
