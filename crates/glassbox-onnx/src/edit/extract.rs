//! The piece of a model between some of its values.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use glassbox_ir::edit::EditError;
use glassbox_ir::text::nearest;

use super::error::OnnxEditError;
use super::locate::{inner_names, inside_of};
use super::message::{Field, Rope, fields, merged};
use super::types::Types;
use super::{Edited, Source, tag};
use crate::import::{called, functions};
use crate::model::{Function, Graph, Model, Node};
use crate::proto::ValueInfoProto;

/// Where a piece begins and ends, by the names of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The values that are its inputs; without any, it begins with the inputs of the model.
    pub from: Vec<String>,
    /// The values that are its outputs; without any, it ends with the outputs of the model.
    pub to: Vec<String>,
}

/// A node of the graph, and the values of the graph that it reads.
#[derive(Clone, Debug)]
pub struct Wired<'m> {
    /// The node.
    pub node: &'m Node,
    /// Its inputs, and what its bodies read from the graph around.
    pub reads: Vec<&'m str>,
}

impl Source {
    /// The nodes of the graph, with what each reads.
    pub fn wired(&self) -> impl Iterator<Item = Wired<'_>> {
        self.model.graph.nodes.iter().map(|node| Wired { node, reads: reads(node) })
    }

    /// The piece of the model that computes the values `to` from the values `from`. Inputs of the model that it needs
    /// besides are its inputs, too.
    ///
    /// # Errors
    ///
    /// A name isn't there, stands in a body, begins and ends the piece, or isn't needed; or the type of a value that becomes
    /// an input is neither in the file nor can be inferred.
    ///
    /// ```
    /// use glassbox_onnx::edit::{Cut, Source};
    /// # let folder = tempfile::tempdir()?;
    /// let source = Source::open("../../models/shapes/shapes.onnx".as_ref())?;
    /// let last = source.model().graph.nodes.last().ok_or("it has nodes")?.inputs[0].clone();
    /// let cut = Cut { from: vec![last.clone()], to: Vec::new() };
    /// let path = folder.path().join("last.onnx");
    /// source.extract(&cut)?.write(&path)?;
    /// let piece = glassbox_onnx::load(&path)?;
    /// assert_eq!((piece.graph.nodes.len(), piece.graph.inputs[0].name.as_str()), (1, last.as_str()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extract(&self, cut: &Cut) -> Result<Edited<'_>, OnnxEditError> {
        let model = self.fields()?;
        let graph = self.graph(&model)?;
        let slice = Slice::of(&self.model.graph, cut, count(&graph, tag::GRAPH_INITIALIZER))?;
        let mut notes = slice.notes.clone();
        let content = slice.content(self, &graph, &mut notes)?;
        let used = used_functions(&self.model, &slice.kept);
        let mut used = used.into_iter();
        let (mut rope, mut content) = (Rope::default(), Some(content));
        for field in model {
            match field.tag {
                tag::MODEL_GRAPH => {
                    if let Some(content) = content.take() {
                        rope.push_field(tag::MODEL_GRAPH, content);
                    }
                }
                tag::MODEL_TRAINING => {
                    notes.push(
                        "what the file says of training is left out, since it speaks of the whole model".to_owned(),
                    );
                }
                tag::MODEL_FUNCTION if !used.next().unwrap_or(true) => {}
                _ => rope.push(field.raw),
            }
        }
        Ok(Edited { source: self, model: rope, notes })
    }
}

/// What a piece is made of.
struct Slice<'m> {
    graph: &'m Graph,
    from: Vec<&'m str>,
    to: Vec<&'m str>,
    /// The inputs of the model that the piece needs besides.
    also: Vec<&'m str>,
    needed: HashSet<&'m str>,
    /// The values that the piece has: those that are needed, and all that its nodes give.
    present: HashSet<&'m str>,
    /// How many initializers are dense; the sparse ones follow them.
    dense: usize,
    /// By the place of the node.
    kept: Vec<bool>,
    notes: Vec<String>,
}

impl<'m> Slice<'m> {
    fn of(graph: &'m Graph, cut: &Cut, dense: usize) -> Result<Slice<'m>, EditError> {
        let values = values(graph);
        let find =
            |names: &[String]| names.iter().map(|name| find(graph, &values, name)).collect::<Result<Vec<_>, _>>();
        let (mut from, mut to) = (find(&cut.from)?, find(&cut.to)?);
        if to.is_empty() {
            to = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        }
        for list in [&mut from, &mut to] {
            let mut seen = HashSet::new();
            list.retain(|name| seen.insert(*name));
        }
        if let Some(both) = to.iter().find(|name| from.contains(name)) {
            return Err(EditError::BothEnds { name: (*both).to_owned() });
        }
        let mut needed: HashSet<&str> = to.iter().copied().collect();
        let cut: HashSet<&str> = from.iter().copied().collect();
        let mut kept = vec![false; graph.nodes.len()];
        for (place, node) in graph.nodes.iter().enumerate().rev() {
            let used = |output: &String| needed.contains(output.as_str()) && !cut.contains(output.as_str());
            if node.outputs.iter().any(used) {
                kept[place] = true;
                needed.extend(reads(node));
            }
        }
        if let Some(unneeded) = from.iter().find(|name| !needed.contains(*name)) {
            let ends = to.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(EditError::Unneeded { name: (*unneeded).to_owned(), ends });
        }
        let nodes = graph.nodes.iter().zip(&kept).filter(|(_, kept)| **kept);
        let outputs = nodes.flat_map(|(node, _)| node.outputs.iter().map(String::as_str));
        let present = needed.iter().copied().chain(outputs).collect();
        let given: HashSet<&str> = graph.initializers.iter().map(|(name, _)| name.as_str()).collect();
        let inputs = graph.inputs.iter().map(|input| input.name.as_str());
        let also: Vec<&str> =
            inputs.filter(|name| needed.contains(name) && !cut.contains(name) && !given.contains(name)).collect();
        let mut notes = Vec::new();
        if !from.is_empty() && !also.is_empty() {
            notes.push(format!("the piece needs inputs of the model besides: {}", also.join(", ")));
        }
        Ok(Slice { graph, from, to, also, needed, present, dense, kept, notes })
    }

    /// The message of the graph.
    fn content(&self, source: &Source, graph: &[Field], notes: &mut Vec<String>) -> Result<Rope, OnnxEditError> {
        let ends: Vec<&str> = self.from.iter().chain(&self.also).chain(&self.to).copied().collect();
        let types = Types::of(source, graph, &ends, &self.nodes_for(&ends));
        let mut rope = Rope::default();
        let mut places: BTreeMap<u64, usize> = BTreeMap::new();
        for field in graph {
            let place = places.entry(field.tag).or_default();
            self.field(field, *place, &mut rope)?;
            *place += 1;
        }
        for name in self.from.iter().chain(&self.also) {
            let message = types.message(name);
            let message = message.map_err(|why| OnnxEditError::Untyped { name: (*name).to_owned(), why })?;
            rope.push_field(tag::GRAPH_INPUT, message);
        }
        // An input that has an initializer is one whose value may be given; it stays one.
        let inputs = graph.iter().filter(|field| field.tag == tag::GRAPH_INPUT);
        for (field, input) in inputs.zip(&self.graph.inputs) {
            let name = input.name.as_str();
            if self.needed.contains(name) && !self.also.contains(&name) && !self.from.contains(&name) {
                rope.push(field.raw.clone());
            }
        }
        for name in &self.to {
            match types.message(name) {
                Ok(message) => rope.push_field(tag::GRAPH_OUTPUT, message),
                Err(why) => {
                    notes.push(format!("the type of the output `{name}` is left out, since it isn't known: {why}"));
                    let untyped = ValueInfoProto { name: Some((*name).to_owned()), r#type: None };
                    rope.push_message(tag::GRAPH_OUTPUT, &untyped);
                }
            }
        }
        Ok(rope)
    }

    /// A field of the graph, the one in this place of those with its number, as it is in the piece.
    fn field(&self, field: &Field, place: usize, rope: &mut Rope) -> Result<(), OnnxEditError> {
        let initializer = |place: usize| {
            let name = self.graph.initializers.get(place).map_or("", |(name, _)| name.as_str());
            self.needed.contains(name) && !self.from.contains(&name)
        };
        let stays = match field.tag {
            tag::GRAPH_NODE => match self.graph.nodes.get(place) {
                Some(node) if self.kept[place] => return self.node(node, field, rope),
                _ => false,
            },
            tag::GRAPH_INITIALIZER => initializer(place),
            tag::GRAPH_SPARSE => initializer(self.dense + place),
            tag::GRAPH_INPUT | tag::GRAPH_OUTPUT => false,
            tag::GRAPH_VALUE_INFO => {
                let name = self.graph.values.get(place).map_or("", |info| info.name.as_str());
                let end = self.from.contains(&name) || self.also.contains(&name) || self.to.contains(&name);
                self.present.contains(name) && !end
            }
            // TensorAnnotation.tensor_name
            tag::GRAPH_ANNOTATION => {
                let name = merged(&fields(&field.content)?, 1);
                std::str::from_utf8(&name).is_ok_and(|name| self.present.contains(name))
            }
            _ => true,
        };
        if stays {
            rope.push(field.raw.clone());
        }
        Ok(())
    }

    /// A node that stays. An output of it that is an input of the piece gets another name, since names are unique.
    fn node(&self, node: &Node, field: &Field, rope: &mut Rope) -> Result<(), OnnxEditError> {
        if !node.outputs.iter().any(|output| self.from.contains(&output.as_str())) {
            rope.push(field.raw.clone());
            return Ok(());
        }
        let mut message = Rope::default();
        for field in fields(&field.content)? {
            match std::str::from_utf8(&field.content) {
                Ok(name) if field.tag == tag::NODE_OUTPUT && self.from.contains(&name) => {
                    message.push_field(tag::NODE_OUTPUT, Bytes::from(self.fresh(name)));
                }
                _ => message.push(field.raw),
            }
        }
        rope.push_field(tag::GRAPH_NODE, message);
        Ok(())
    }

    /// A name like this one that no value has.
    fn fresh(&self, name: &str) -> String {
        let mut taken: HashSet<&str> = values(self.graph).into_keys().collect();
        self.graph.nodes.iter().for_each(|node| inner_names(node, &mut taken));
        let mut fresh = format!("{name}_cut");
        while taken.contains(fresh.as_str()) {
            fresh.push('_');
        }
        fresh
    }

    /// Which nodes of the model it takes to compute values.
    fn nodes_for(&self, names: &[&'m str]) -> Vec<bool> {
        let mut needed: HashSet<&str> = names.iter().copied().collect();
        let mut taken = vec![false; self.graph.nodes.len()];
        for (place, node) in self.graph.nodes.iter().enumerate().rev() {
            if node.outputs.iter().any(|output| needed.contains(output.as_str())) {
                taken[place] = true;
                needed.extend(reads(node));
            }
        }
        taken
    }
}

/// How many fields have a number.
fn count(fields: &[Field], tag: u64) -> usize {
    fields.iter().filter(|field| field.tag == tag).count()
}

/// Every value of the graph itself, with the place of the node that gives it.
fn values(graph: &Graph) -> HashMap<&str, Option<usize>> {
    let inputs = graph.inputs.iter().map(|input| (input.name.as_str(), None));
    let initializers = graph.initializers.iter().map(|(name, _)| (name.as_str(), None));
    let outputs = graph.nodes.iter().enumerate();
    let outputs = outputs.flat_map(|(place, node)| node.outputs.iter().map(move |name| (name.as_str(), Some(place))));
    inputs.chain(initializers).chain(outputs).filter(|(name, _)| !name.is_empty()).collect()
}

/// The name of a value of the graph itself, as the graph has it.
fn find<'m>(graph: &'m Graph, values: &HashMap<&'m str, Option<usize>>, name: &str) -> Result<&'m str, EditError> {
    if let Some((name, _)) = values.get_key_value(name) {
        return Ok(name);
    }
    if let Some(node) = inside_of(graph, name) {
        let node = format!("{} `{}`", node.full_op(), node.label());
        return Err(EditError::InsideBody { name: name.to_owned(), node });
    }
    let mut names: Vec<&str> = values.keys().copied().collect();
    names.sort_unstable();
    let near = nearest(name, names.into_iter()).map(str::to_owned);
    Err(EditError::UnknownValue { name: name.to_owned(), near })
}

/// The values of the graphs around that a node reads: its inputs, and what its bodies read and don't define.
fn reads(node: &Node) -> Vec<&str> {
    let mut names: Vec<&str> = node.inputs.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    for graph in node.graphs() {
        let own = values(graph);
        let outputs = graph.outputs.iter().map(|output| output.name.as_str());
        let read = graph.nodes.iter().flat_map(reads).chain(outputs);
        names.extend(read.filter(|name| !own.contains_key(name)));
    }
    names
}

/// Which functions the nodes that stay call, and those that these call, in the order of the file.
fn used_functions(model: &Model, kept: &[bool]) -> Vec<bool> {
    fn calls<'m>(node: &'m Node, found: &mut Vec<&'m Node>) {
        found.push(node);
        node.graphs().flat_map(|graph| &graph.nodes).for_each(|node| calls(node, found));
    }
    let table = functions(model);
    let mut used = vec![false; model.functions.len()];
    let mut open: Vec<&Node> = Vec::new();
    let nodes = model.graph.nodes.iter().zip(kept).filter(|(_, kept)| **kept);
    nodes.for_each(|(node, _)| calls(node, &mut open));
    while let Some(node) = open.pop() {
        let Some(function) = called(&table, node) else { continue };
        let place = model.functions.iter().position(|other: &Function| std::ptr::eq(other, function));
        let Some(used) = place.and_then(|place| used.get_mut(place)) else { continue };
        if !std::mem::replace(used, true) {
            function.body.nodes.iter().for_each(|node| calls(node, &mut open));
        }
    }
    used
}
