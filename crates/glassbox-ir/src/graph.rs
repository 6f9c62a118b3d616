//! The graph: the one data structure of every stage.
//!
//! SSA in structured regions. A [`Graph`] owns three arenas (values, nodes, regions) and one body
//! region. A node reads operands, gives results, and may own regions: the bodies of `if`, `loop`,
//! `scan` and `call`. A region may read the values of the regions around it (a capture), so nesting
//! needs no argument lists. The order of the nodes in a region is the order of their effects.
//!
//! Invariants (checked by [`verify`](crate::verify())): every value is defined once, before its uses,
//! in the region of the use or one around it; names of values are unique; types are what inference
//! says. Nodes are only ever appended; a pass that changes a graph builds a new one.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use glassbox_tensor::Tensor;

use crate::attr::{Attr, Attrs, Hints};
use crate::draws::draw_of;
use crate::op::OpDef;
use crate::provenance::{Origin, Provenance};
use crate::types::{TensorType, Type};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The place in the graph's arena, counted from zero.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl From<$name> for usize {
            fn from(id: $name) -> usize {
                id.index()
            }
        }
    };
}

id!(
    /// A value of a graph.
    ValueId
);
id!(
    /// A node of a graph.
    NodeId
);
id!(
    /// A region of a graph.
    RegionId
);

/// A typed program. See the [module](self).
///
/// ```
/// use glassbox_ir::text::{ParseOptions, parse};
/// let graph = parse("graph \"g\" { input %x: f32[N] %y = abs(%x) output %y }", &ParseOptions::default())?;
/// let node = graph.walk()[0];
/// assert_eq!((graph.node(node).op.name, graph.node_label(node).as_str()), ("abs", "y"));
/// assert_eq!(graph.find_value("y"), Some(graph.outputs()[0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    /// The name, as the model gives it.
    pub name: String,
    /// Text about the model by key: producer, labels, task.
    pub metadata: Vec<(String, String)>,
    pub(crate) states: StateTable,
    /// The values that have a name.
    pub(crate) names: HashMap<Arc<str>, ValueId>,
    pub(crate) values: Vec<ValueInfo>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) regions: Vec<Region>,
}

/// The empty graph: a body without inputs, nodes and outputs.
impl Default for Graph {
    fn default() -> Graph {
        Graph {
            name: String::new(),
            metadata: Vec::new(),
            states: StateTable::default(),
            names: HashMap::new(),
            values: Vec::new(),
            nodes: Vec::new(),
            regions: vec![Region::default()],
        }
    }
}

/// A list of nodes with parameters and results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// What the region is given each time it runs. For the body of the graph: the inputs.
    pub parameters: Vec<ValueId>,
    /// The nodes, in program order.
    pub nodes: Vec<NodeId>,
    /// What the region gives back. For the body of the graph: the outputs.
    pub results: Vec<ValueId>,
}

/// One use of an op.
#[derive(Clone, Debug)]
pub struct Node {
    /// The op.
    pub op: &'static OpDef,
    /// The operands; `None` where an optional operand is left out.
    pub operands: Vec<Option<ValueId>>,
    /// The attributes that were given.
    pub attrs: Attrs,
    /// What the author advises the compiler: `fuse = true`. It never changes a value.
    pub hints: Hints,
    /// The bodies.
    pub regions: Vec<RegionId>,
    /// The results.
    pub results: Vec<ValueId>,
    /// Where the node comes from.
    pub provenance: Provenance,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// The name, where it has one. Unique within the graph.
    pub name: Option<Arc<str>>,
    /// The type.
    pub ty: Type,
}

/// A tensor that lives from step to step, where the backend lives.
#[derive(Clone, Debug)]
pub struct State {
    /// The name. Unique within the graph.
    pub name: String,
    /// The type. The dims that are no number grow: those that are symbols are followed, see [`held`](crate::held).
    pub ty: TensorType,
    /// How far the dim may grow that grows; of several, the last: rows stand before what each of them remembers.
    pub capacity: Option<u64>,
    /// The contents at the start and after a reset; zeros (of extent zero along the dims that grow) if absent. Along
    /// an axis that doesn't grow, an extent of one stands for all. Where the first axis grows and they have one row, that is
    /// how every row begins.
    pub initial: Option<Tensor>,
}

impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        let same_initial = match (&self.initial, &other.initial) {
            (Some(a), Some(b)) => a.bit_eq(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same_initial && self.name == other.name && self.ty == other.ty && self.capacity == other.capacity
    }
}

/// The states of a graph, in order of declaration. It reads as a slice, and finds a state by name in constant time.
#[derive(Clone, Debug, Default)]
pub struct StateTable {
    pub(crate) list: Vec<State>,
    index: HashMap<String, usize>,
    /// Whether the growth of any is followed: asked for every node with bodies, so it isn't searched for each time.
    followed: bool,
}

impl StateTable {
    /// The state that is named `name`.
    pub fn named(&self, name: &str) -> Option<&State> {
        self.list.get(*self.index.get(name)?)
    }

    /// Whether a symbol says what any of them holds.
    pub fn any_followed(&self) -> bool {
        self.followed
    }

    /// Adds a state. Of two with one name, the first is found by it.
    pub(crate) fn push(&mut self, state: State) {
        self.followed |= state.is_followed();
        self.index.entry(state.name.clone()).or_insert(self.list.len());
        self.list.push(state);
    }
}

impl FromIterator<State> for StateTable {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> StateTable {
        let mut made = StateTable::default();
        states.into_iter().for_each(|state| made.push(state));
        made
    }
}

impl Deref for StateTable {
    type Target = [State];

    fn deref(&self) -> &[State] {
        &self.list
    }
}

impl<'s> IntoIterator for &'s StateTable {
    type Item = &'s State;
    type IntoIter = std::slice::Iter<'s, State>;

    fn into_iter(self) -> std::slice::Iter<'s, State> {
        self.list.iter()
    }
}

impl Node {
    /// The name of the state that the node reads or writes, where its op declares that it does.
    pub fn state(&self) -> Option<&str> {
        let spec = self.op.state_attr()?;
        match self.attrs.get(spec.name) {
            Some(Attr::Str(name)) => Some(name),
            _ => None,
        }
    }

    /// The number of the draw, where the node draws: see [`draws`](crate::draws).
    pub fn draw(&self) -> Option<i64> {
        draw_of(self.op, &self.attrs)
    }
}

impl Graph {
    /// The body.
    pub fn body(&self) -> RegionId {
        RegionId(0)
    }

    /// The inputs.
    pub fn inputs(&self) -> &[ValueId] {
        &self.region(self.body()).parameters
    }

    /// The outputs.
    pub fn outputs(&self) -> &[ValueId] {
        &self.region(self.body()).results
    }

    /// The states, in order of declaration.
    pub fn states(&self) -> &StateTable {
        &self.states
    }

    /// The state that is named `name`.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.states.named(name)
    }

    /// A value.
    pub fn value(&self, id: ValueId) -> &ValueInfo {
        &self.values[id.index()]
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// A region.
    pub fn region(&self, id: RegionId) -> &Region {
        &self.regions[id.index()]
    }

    /// The number of values: one more than the largest index.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// The number of nodes, those of nested regions included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Every value, by index.
    pub fn value_ids(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.values.len() as u32).map(ValueId)
    }

    /// Every node in program order, a node before those of its regions.
    pub fn walk(&self) -> Vec<NodeId> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack = Vec::new();
        stack.extend(self.region(self.body()).nodes.iter().rev().copied());
        while let Some(id) = stack.pop() {
            order.push(id);
            for region in self.node(id).regions.iter().rev() {
                stack.extend(self.region(*region).nodes.iter().rev().copied());
            }
        }
        order
    }

    /// The number of regions, the body included.
    pub fn region_count(&self) -> usize {
        self.regions.len()
    }

    /// The value that is named `name`.
    pub fn find_value(&self, name: &str) -> Option<ValueId> {
        self.names.get(name).copied()
    }

    /// How a message calls a value: its name, or its number.
    pub fn value_label(&self, id: ValueId) -> String {
        match &self.value(id).name {
            Some(name) => name.to_string(),
            None => format!("#{}", id.index()),
        }
    }

    /// The op of the file that a node came from, where that was ONNX: `Reshape`, `com.example.Op`. Its name there may say more
    /// than that of one of the nodes that it became.
    pub fn onnx_op(&self, id: NodeId) -> Option<&str> {
        match self.node(id).provenance.first() {
            Some(Origin::Onnx { op, .. }) if !op.is_empty() => Some(op),
            _ => None,
        }
    }

    /// How a message calls a node: the name it came with, or that of its first result.
    pub fn node_label(&self, id: NodeId) -> String {
        let node = self.node(id);
        let origin = match node.provenance.first() {
            Some(Origin::Onnx { node, .. }) if !node.is_empty() => Some(node.clone()),
            Some(Origin::Layer(path)) => Some(path.clone()),
            Some(Origin::Statement { file, line, block, .. }) if block.is_empty() => Some(format!("{file}:{line}")),
            Some(Origin::Statement { file, line, block, .. }) => Some(format!("{file}:{line}, block {block}")),
            _ => None,
        };
        origin.unwrap_or_else(|| match node.results.first() {
            Some(result) => self.value_label(*result),
            None => format!("node {}", id.index()),
        })
    }
}
