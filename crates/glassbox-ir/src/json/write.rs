//! Graph to JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use glassbox_tensor::{DType, Tensor};

use super::document::{AttrJson, Document, Float, NodeJson, OriginJson, RegionJson, StateJson, TensorJson, ValueJson};
use super::{FORMAT, JsonError, VERSION};
use crate::attr::Attr;
use crate::graph::{Graph, Node, State};
use crate::order::Order;
use crate::provenance::Origin;
use crate::text::data_bytes;

/// The graph as JSON, the same bytes for the same graph. Fails where the bytes of a tensor can't be read.
///
/// # Errors
///
/// Where the bytes of a tensor can't be read.
///
/// ```
/// use glassbox_ir::json;
/// use glassbox_ir::text::{ParseOptions, parse};
/// let graph = parse("graph \"g\" { input %x: f32[N] %y = neg(%x) output %y }", &ParseOptions::default())?;
/// assert!(json::from_str(&json::to_string(&graph)?)?.same_as(&graph).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_string(graph: &Graph) -> Result<String, JsonError> {
    let order = Order::of(graph);
    let values = Places::new(graph.value_count(), order.values.iter().map(|id| id.index()));
    let nodes = Places::new(graph.node_count(), order.nodes.iter().map(|id| id.index()));
    let regions = Places::new(graph.regions.len(), order.regions.iter().map(|id| id.index()));
    let node = |node: &Node| -> Result<NodeJson, JsonError> {
        let attributes = node.attrs.iter().map(|(name, attr)| Ok(((*name).to_owned(), attr_json(attr)?)));
        let hints = node.hints.iter().map(|(name, advice)| Ok((name.clone(), attr_json(advice)?)));
        Ok(NodeJson {
            op: node.op.name.to_owned(),
            operands: node.operands.iter().map(|id| id.map(|id| values.of(id.index()))).collect(),
            attributes: attributes.collect::<Result<_, JsonError>>()?,
            hints: hints.collect::<Result<_, JsonError>>()?,
            regions: node.regions.iter().map(|id| regions.of(id.index())).collect(),
            results: node.results.iter().map(|id| values.of(id.index())).collect(),
            provenance: node.provenance.chains().map(|chain| chain.iter().map(origin_json).collect()).collect(),
        })
    };
    let document = Document {
        format: FORMAT.to_owned(),
        version: VERSION,
        name: graph.name.clone(),
        metadata: graph.metadata.clone(),
        states: graph.states.iter().map(state_json).collect::<Result<_, _>>()?,
        values: order
            .values
            .iter()
            .map(|id| {
                let value = graph.value(*id);
                ValueJson { name: value.name.as_deref().map(str::to_owned), r#type: value.ty.to_string() }
            })
            .collect(),
        regions: order
            .regions
            .iter()
            .map(|id| {
                let region = graph.region(*id);
                RegionJson {
                    parameters: region.parameters.iter().map(|id| values.of(id.index())).collect(),
                    nodes: region.nodes.iter().map(|id| nodes.of(id.index())).collect(),
                    results: region.results.iter().map(|id| values.of(id.index())).collect(),
                }
            })
            .collect(),
        nodes: order.nodes.iter().map(|id| node(graph.node(*id))).collect::<Result<_, _>>()?,
    };
    Ok(serde_json::to_string(&document)?)
}

/// Where in the document a part of the graph stands.
struct Places(Vec<u32>);

impl Places {
    fn new(count: usize, order: impl Iterator<Item = usize>) -> Places {
        let mut places = vec![u32::MAX; count];
        for (place, index) in order.enumerate() {
            places[index] = place as u32;
        }
        Places(places)
    }

    /// The place; one that no reader takes where the body doesn't reach the part.
    fn of(&self, index: usize) -> u32 {
        self.0[index]
    }
}

fn state_json(state: &State) -> Result<StateJson, JsonError> {
    Ok(StateJson {
        name: state.name.clone(),
        r#type: state.ty.to_string(),
        capacity: state.capacity,
        initial: state.initial.as_ref().map(tensor_json).transpose()?,
    })
}

fn attr_json(attr: &Attr) -> Result<AttrJson, JsonError> {
    Ok(match attr {
        Attr::Bool(value) => AttrJson::Bool(*value),
        Attr::Int(value) => AttrJson::Int(*value),
        Attr::Float(value) => AttrJson::Float(Float(*value)),
        Attr::Str(value) => AttrJson::String(value.clone()),
        Attr::Ints(values) => AttrJson::Ints(values.clone()),
        Attr::Floats(values) => AttrJson::Floats(values.iter().copied().map(Float).collect()),
        Attr::Strs(values) => AttrJson::Strings(values.clone()),
        Attr::DType(value) => AttrJson::DType(value.name().to_owned()),
        Attr::Type(value) => AttrJson::Type(value.to_string()),
        Attr::Tensor(value) => AttrJson::Tensor(tensor_json(value)?),
    })
}

fn tensor_json(tensor: &Tensor) -> Result<TensorJson, JsonError> {
    let (data, strings) = match tensor.dtype() {
        DType::String => (None, tensor.to_strings()),
        _ => (Some(BASE64.encode(data_bytes(tensor)?)), None),
    };
    Ok(TensorJson { dtype: tensor.dtype().name().to_owned(), dims: tensor.shape().to_vec(), data, strings })
}

fn origin_json(origin: &Origin) -> OriginJson {
    match origin.clone() {
        Origin::Onnx { node, op } => OriginJson::Onnx { node, op },
        Origin::Layer(path) => OriginJson::Layer(path),
        Origin::Statement { file, line, block, completes } => OriginJson::Statement { file, line, block, completes },
        Origin::Decomposed(op) => OriginJson::Decomposed(op),
    }
}
