//! What the names of a model stand for while its nodes are converted.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use glassbox_ir::ValueId;

use crate::model::{AttributeValue, Function};

use super::Frame;

/// The names of one graph, inside those of the graphs around it.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    outer: Option<&'a Scope<'a>>,
    /// `None` for an input of a function that the caller leaves out.
    values: RefCell<HashMap<String, Option<ValueId>>>,
    /// The keys and the values of maps.
    maps: RefCell<HashMap<String, [ValueId; 2]>>,
}

impl<'a> Scope<'a> {
    /// A graph inside another.
    pub(crate) fn inside(outer: &'a Scope<'a>) -> Scope<'a> {
        Scope { outer: Some(outer), ..Scope::default() }
    }

    /// Says what a name stands for. An inner name hides an outer one.
    pub(crate) fn define(&self, name: &str, value: Option<ValueId>) {
        self.values.borrow_mut().insert(name.to_owned(), value);
    }

    /// Says of what keys and values a map is, by its name.
    pub(crate) fn define_map(&self, name: &str, parts: [ValueId; 2]) {
        self.maps.borrow_mut().insert(name.to_owned(), parts);
    }

    /// The keys and values of the map that a name stands for, where it stands for one.
    pub(crate) fn find_map(&self, name: &str) -> Option<[ValueId; 2]> {
        if self.has(name) {
            return None;
        }
        let found = self.maps.borrow().get(name).copied();
        found.or_else(|| self.outer?.find_map(name))
    }

    /// Whether a name is defined in this graph itself.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.borrow().contains_key(name)
    }

    /// What a name stands for: `None` if nobody says, `Some(None)` if it was left out.
    pub(crate) fn find(&self, name: &str) -> Option<Option<ValueId>> {
        let found = self.values.borrow().get(name).copied();
        found.or_else(|| self.outer?.find(name))
    }
}

/// Where nodes stand: the graph or function around them.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// What all of the model shares.
    pub(crate) frame: &'a Frame<'a>,
    /// The version of each domain's ops.
    pub(crate) opsets: &'a BTreeMap<String, i64>,
    /// The function, where it is one.
    pub(crate) function: Option<&'a Function>,
    /// The attributes that the function was called with, and its defaults.
    pub(crate) bindings: &'a [(&'a str, &'a AttributeValue)],
    /// What to put before the names of nodes and values: the calls on the way here.
    pub(crate) prefix: &'a str,
    /// How many regions are around.
    pub(crate) depth: usize,
    /// The names.
    pub(crate) scope: &'a Scope<'a>,
}
