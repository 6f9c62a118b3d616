//! The objects that a pickle builds. They live in an arena and refer to each other by number, so cycles
//! leak nothing and sharing costs nothing.

use glassbox_tensor::DType;

use super::torch::Known;

/// The place of an object in the [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(u32);

/// An object.
#[derive(Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    /// Of at most 128 bits.
    Int(i128),
    Float(f64),
    Text(String),
    /// Bytes, which no tensor needs: only that they are there.
    Bytes,
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A function or class that is known.
    Known(Known),
    Storage(Box<Storage>),
    Tensor(Box<TensorView>),
}

/// Where the elements of tensors are.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// Its name among the storages of the file.
    pub(super) key: String,
    /// The dtype; `None` for bytes without one.
    pub(super) dtype: Option<DType>,
    /// How many elements, or bytes without a dtype, the pickle says that it has.
    pub(super) count: u64,
    /// The first element, for a part of a storage.
    pub(super) first: u64,
}

/// A tensor: a view of a storage.
#[derive(Clone, Debug)]
pub(super) struct TensorView {
    pub(super) storage: Storage,
    pub(super) dtype: DType,
    /// In elements.
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    /// In elements.
    pub(super) strides: Vec<u64>,
    /// Where in the file it is described.
    pub(super) at: u64,
}

/// All objects of a pickle.
#[derive(Debug)]
pub(super) struct Heap {
    nodes: Vec<Node>,
}

/// The objects that are there from the beginning, once.
pub(super) const NONE: Id = Id(0);
pub(super) const FALSE: Id = Id(1);
pub(super) const TRUE: Id = Id(2);
pub(super) const EMPTY_TUPLE: Id = Id(3);

/// A pickle has no more objects: 20 for each of two hundred thousand tensors.
const MAX_NODES: usize = 4 << 20;

impl Heap {
    pub(super) fn new() -> Heap {
        Heap { nodes: vec![Node::None, Node::Bool(false), Node::Bool(true), Node::Tuple(Vec::new())] }
    }

    /// A new object; `None` when there are too many.
    pub(super) fn add(&mut self, node: Node) -> Option<Id> {
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).ok().map(Id)
    }

    pub(super) fn get(&self, id: Id) -> &Node {
        // Ids are made by `add` only, and nothing is taken away.
        &self.nodes[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Every storage that the pickle names.
    pub(super) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Storage(storage) => Some(&**storage),
            _ => None,
        })
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn count(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Node::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The numbers of a tuple or list of numbers that are not negative.
    pub(super) fn counts(&self, id: Id) -> Option<Vec<u64>> {
        match self.get(id) {
            Node::Tuple(ids) | Node::List(ids) => ids.iter().map(|id| self.count(*id)).collect(),
            _ => None,
        }
    }

    /// What an object is, for errors.
    pub(super) fn kind(&self, id: Id) -> &'static str {
        match self.get(id) {
            Node::None => "None",
            Node::Bool(_) => "a bool",
            Node::Int(_) => "an int",
            Node::Float(_) => "a float",
            Node::Text(_) => "a str",
            Node::Bytes => "bytes",
            Node::Tuple(_) => "a tuple",
            Node::List(_) => "a list",
            Node::Dict(_) => "a dict",
            Node::Known(_) => "a function or class",
            Node::Storage(_) => "a storage",
            Node::Tensor(_) => "a tensor",
        }
    }
}
