//! The skeleton of a graph.

use std::collections::HashMap;
use std::sync::Arc;

use glassbox_ir::{Attr, Graph, Node as IrNode, NodeId, Origin, RegionId, State, ValueId};
use glassbox_onnx::model::{AttributeValue, Graph as OnnxGraph, Model as OnnxModel, Node as OnnxNode};
use glassbox_tensor::ParamSource;

use super::of_onnx::attribute_text;
use super::{Constant, Def, Inner, Node, Skeleton, Type};
use crate::distance::epsilon;

/// The skeleton of a graph. What the model calls its outputs may differ from what the values are called; the ONNX file,
/// where the graph comes from one, gives the order of operands and the spelling of attributes.
pub fn of_graph(
    graph: &Graph,
    params: &Arc<dyn ParamSource>,
    outputs: &[String],
    onnx: Option<&OnnxModel>,
) -> Skeleton {
    let skeleton = Skeleton { of_value: vec![None; graph.value_count()], ..Skeleton::default() };
    let mut maker = Maker { graph, params, file: onnx.map(nodes_by_label).unwrap_or_default(), skeleton };
    for id in graph.inputs() {
        let place = maker.value(*id, Def::Input);
        maker.skeleton.inputs.push(place);
    }
    maker.region(graph.body(), None);
    let mut skeleton = maker.skeleton;
    for (place, id) in graph.outputs().iter().enumerate() {
        let name = outputs.get(place).cloned().unwrap_or_else(|| graph.value_label(*id));
        if let Some(value) = skeleton.of_value[id.index()] {
            skeleton.outputs.push((name, value));
        }
    }
    let types = |ids: &[ValueId]| ids.iter().map(|id| graph.value(*id).ty.to_string()).collect();
    skeleton.input_types = types(graph.inputs());
    skeleton.output_types = types(graph.outputs());
    skeleton.states = graph.states().iter().map(|state| (state.name.clone(), state_text(state))).collect();
    skeleton.find_users();
    skeleton
}

/// What a state is beside its name.
fn state_text(state: &State) -> String {
    let mut text = state.ty.to_string();
    if let Some(capacity) = state.capacity {
        text.push_str(&format!(", at most {capacity}"));
    }
    if let Some(initial) = &state.initial {
        text.push_str(&format!(", at first {}", attr_text(&Attr::Tensor(initial.clone()))));
    }
    text
}

struct Maker<'a> {
    graph: &'a Graph,
    params: &'a Arc<dyn ParamSource>,
    /// The nodes of the file by what they are called, where no two are called alike.
    file: HashMap<String, Option<&'a OnnxNode>>,
    skeleton: Skeleton,
}

impl Maker<'_> {
    /// A region: the nodes of one ONNX node are one.
    fn region(&mut self, region: RegionId, parent: Option<usize>) {
        let nodes = self.graph.region(region).nodes.clone();
        let mut start = 0;
        while start < nodes.len() {
            let first = self.graph.node(nodes[start]);
            let alone = onnx_origin(first).is_none_or(|(_, op)| op == "Constant");
            if let (true, Some(constant)) = (alone, self.constant(first)) {
                if let Some(result) = first.results.first() {
                    self.value(*result, Def::Constant(constant));
                }
                start += 1;
                continue;
            }
            let origin = onnx_origin(first);
            if let Some(constant) = self.passed_on(first) {
                let value = self.value(first.results[0], Def::Constant(constant));
                if let Some((node, op)) = origin {
                    self.skeleton.passing.insert(value, (node.to_owned(), op.to_owned()));
                }
                start += 1;
                continue;
            }
            let mut end = start + 1;
            // The constants of a formula have the origin of its node, too.
            while origin.is_some() && end < nodes.len() && onnx_origin(self.graph.node(nodes[end])) == origin {
                end += 1;
            }
            self.group(&nodes[start..end], parent);
            start = end;
        }
    }

    /// One node of the skeleton.
    fn group(&mut self, nodes: &[NodeId], parent: Option<usize>) {
        let graph = self.graph;
        let place = self.skeleton.nodes.len();
        let first = graph.node(nodes[0]);
        let (name, op) = match onnx_origin(first) {
            Some((node, op)) => (node.to_owned(), op.to_owned()),
            None => (own_name(graph, nodes[0]), first.op.name.to_owned()),
        };
        let layer = first.provenance.origins().find_map(|origin| match origin {
            Origin::Layer(path) => Some(path.clone()),
            _ => None,
        });
        let own: std::collections::HashSet<ValueId> =
            nodes.iter().flat_map(|id| graph.node(*id).results.iter().copied()).collect();
        let reads = nodes.iter().flat_map(|id| graph.node(*id).operands.clone());
        let mut operands: Vec<Option<ValueId>> = Vec::new();
        for operand in reads.flatten().filter(|id| !own.contains(id)) {
            if nodes.len() == 1 || !operands.contains(&Some(operand)) {
                operands.push(Some(operand));
            }
        }
        let file = self.file.get(&name).copied().flatten();
        if let Some(ordered) = file.and_then(|node| self.in_file_order(node)) {
            operands = ordered;
        }
        let attrs = file.map(attributes).unwrap_or_default();
        let inner = nodes.iter().map(|id| inner(graph.node(*id))).collect();
        self.skeleton.nodes.push(Node {
            name,
            op,
            layer: layer.unwrap_or_default(),
            attrs,
            inner,
            parent,
            ..Node::default()
        });
        if let Some(parent) = parent {
            self.skeleton.nodes[parent].children.push(place);
        }
        let operands = operands.into_iter().map(|id| id.and_then(|id| self.skeleton.of_value[id.index()]));
        self.skeleton.nodes[place].operands = operands.collect();
        for id in nodes {
            for region in graph.node(*id).regions.clone() {
                for parameter in &graph.region(region).parameters {
                    let value = self.value(*parameter, Def::Parameter(place));
                    self.skeleton.nodes[place].parameters.push(value);
                }
                self.region(region, Some(place));
                let given = graph.region(region).results.iter().map(|id| self.skeleton.of_value[id.index()]);
                let given: Vec<Option<usize>> = given.collect();
                self.skeleton.nodes[place].yields.extend(given);
            }
        }
        // What is read only inside of the group isn't to be seen, unless it has a name.
        let last = nodes.last().map(|id| graph.node(*id).results.clone()).unwrap_or_default();
        let name = |id: &ValueId| graph.value(*id).name.as_deref();
        let is_output = |name: &str| file.is_some_and(|node| node.outputs.iter().any(|output| output == name));
        // A constant within a formula is none of its results; one that the whole node became is.
        let seen = |id: &ValueId, constant: bool| {
            last.contains(id) || name(id).is_some_and(|name| !constant || is_output(name))
        };
        let results: Vec<ValueId> = nodes
            .iter()
            .map(|id| (self.constant(graph.node(*id)).is_some(), graph.node(*id)))
            .flat_map(|(constant, node)| node.results.iter().copied().filter(move |id| seen(id, constant)))
            .collect();
        for (index, id) in results.into_iter().enumerate() {
            let value = self.value(id, Def::Node(place, index));
            self.skeleton.nodes[place].results.push(value);
        }
    }

    /// The operands in the order of the file, where all of them are found by name.
    fn in_file_order(&self, node: &OnnxNode) -> Option<Vec<Option<ValueId>>> {
        let find = |name: &String| match name.is_empty() {
            true => Some(None),
            false => self.graph.find_value(name).map(Some),
        };
        node.inputs.iter().map(find).collect()
    }

    fn value(&mut self, id: ValueId, def: Def) -> usize {
        let ty = type_of(&self.graph.value(id).ty);
        let place = self.skeleton.push(self.graph.value_label(id), ty, def);
        self.skeleton.of_value[id.index()] = Some(place);
        place
    }

    /// The constant that a node only passes on, as it is or in a dtype that holds it.
    fn passed_on(&self, node: &IrNode) -> Option<Constant> {
        let ([Some(operand)], [result]) = (node.operands.as_slice(), node.results.as_slice()) else { return None };
        let value = self.skeleton.of_value[operand.index()].map(|place| &self.skeleton.values[place])?;
        let constant = value.constant()?;
        let (from, to) = (constant.dtype(), self.graph.value(*result).ty.as_tensor()?.dtype);
        let wider = from.is_float() && to.is_float() && epsilon(to) <= epsilon(from);
        let passes = node.op.name == "identity" || (node.op.name == "cast" && (from == to || wider));
        passes.then(|| constant.clone())
    }

    fn constant(&self, node: &IrNode) -> Option<Constant> {
        match (node.op.name, node.attrs.get("value"), node.attrs.get("name")) {
            ("constant", Some(Attr::Tensor(tensor)), _) => Some(Constant::tensor(tensor.clone())),
            ("parameter", _, Some(Attr::Str(name))) => Constant::parameter(self.params, name),
            _ => None,
        }
    }
}

/// The ONNX node that a node comes from, other than one that holds a constant.
fn onnx_origin(node: &IrNode) -> Option<(&str, &str)> {
    match node.provenance.first() {
        Some(Origin::Onnx { node, op }) if op != "Initializer" => Some((node, op)),
        _ => None,
    }
}

/// What a node is called that comes from no ONNX file: its layer or statement tells where it is, and its result which of
/// them it is.
fn own_name(graph: &Graph, id: NodeId) -> String {
    let node = graph.node(id);
    let result = node.results.first().map(|result| graph.value(*result).name.clone());
    match (result, node.provenance.first()) {
        (Some(Some(name)), _) => name.to_string(),
        (_, Some(Origin::Layer(path))) => format!("{path}/{}#{}", node.op.name, id.index()),
        _ => format!("{}#{}", node.op.name, id.index()),
    }
}

/// A node of our graph with the attributes that it has, given or by default.
fn inner(node: &IrNode) -> Inner {
    // The number of a draw says where it stands, not what it does.
    let meant = node.op.attrs.iter().filter(|spec| spec.name != "draw");
    let value = |spec: &glassbox_ir::op::AttrSpec| match node.attrs.get(spec.name) {
        Some(given) => Some(attr_text(given)),
        None => spec.default.value().as_ref().map(attr_text),
    };
    Inner { op: node.op.name, attrs: meant.filter_map(|spec| Some((spec.name.to_owned(), value(spec)?))).collect() }
}

fn attr_text(attr: &Attr) -> String {
    match attr {
        Attr::Bool(value) => value.to_string(),
        Attr::Int(value) => value.to_string(),
        // What an f32 attribute holds is written as short as it can be.
        Attr::Float(value) if f64::from(*value as f32) == *value => format!("{:?}", *value as f32),
        Attr::Float(value) => format!("{value:?}"),
        Attr::Str(value) => format!("{value:?}"),
        Attr::Ints(values) => format!("{values:?}"),
        Attr::Floats(values) => format!("{values:?}"),
        Attr::Strs(values) => format!("{values:?}"),
        Attr::DType(value) => value.to_string(),
        Attr::Type(value) => value.to_string(),
        Attr::Tensor(tensor) => {
            let constant = Constant::tensor(tensor.clone());
            let hash =
                constant.hash().map(|hash| format!("{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]));
            format!("{} {}", constant.short(), hash.unwrap_or_default())
        }
    }
}

fn type_of(ty: &glassbox_ir::Type) -> Option<Type> {
    let tensor = ty.as_tensor()?;
    let dims = tensor
        .dims()
        .map(|dims| dims.iter().map(|dim| dim.as_size().and_then(|size| i64::try_from(size).ok())).collect());
    Some(Type { dtype: tensor.dtype, dims })
}

fn attributes(node: &OnnxNode) -> Vec<(String, String)> {
    node.attributes
        .iter()
        .filter_map(|attribute| Some((attribute.name.clone(), attribute_text(&attribute.value)?)))
        .collect()
}

/// The nodes of a file and of the graphs in it, by what they are called.
fn nodes_by_label(model: &OnnxModel) -> HashMap<String, Option<&OnnxNode>> {
    let mut found = HashMap::new();
    collect(&model.graph, &mut found);
    found
}

fn collect<'a>(graph: &'a OnnxGraph, found: &mut HashMap<String, Option<&'a OnnxNode>>) {
    for node in &graph.nodes {
        found.entry(node.label().to_owned()).and_modify(|known| *known = None).or_insert(Some(node));
        for attribute in &node.attributes {
            match &attribute.value {
                AttributeValue::Graph(graph) => collect(graph, found),
                AttributeValue::Graphs(graphs) => graphs.iter().for_each(|graph| collect(graph, found)),
                _ => {}
            }
        }
    }
}
