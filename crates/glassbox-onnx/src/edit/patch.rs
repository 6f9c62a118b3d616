//! Messages of graphs, nodes and attributes with changes of nodes in them. What isn't on the way to a change keeps its bytes.

use bytes::Bytes;
use prost::Message;

use super::error::OnnxEditError;
use super::message::{Rope, fields, merged};
use super::tag;
use crate::proto::AttributeProto;

/// What becomes of a node.
pub(super) enum Edit {
    Op { domain: Option<String>, op: String },
    Remove(String),
    Attribute(String, Box<AttributeProto>),
}

/// A change with the way to its node from here.
#[derive(Clone, Copy)]
pub(super) struct Placed<'e> {
    pub(super) path: &'e [usize],
    pub(super) edit: &'e Edit,
}

/// The message of a graph or function with changes in it. The decoder limits how deep bodies nest.
pub(super) fn patch_graph(message: &Bytes, node_tag: u64, placed: &[Placed]) -> Result<Rope, OnnxEditError> {
    let (mut rope, mut place) = (Rope::default(), 0);
    for field in fields(message)? {
        if field.tag != node_tag {
            rope.push(field.raw);
            continue;
        }
        let here = below(placed, place);
        place += 1;
        match here.is_empty() {
            true => rope.push(field.raw),
            false => rope.push_field(node_tag, patch_node(&field.content, &here)?),
        }
    }
    Ok(rope)
}

/// The changes that are at `place`, as they are from there.
fn below<'e>(placed: &[Placed<'e>], place: usize) -> Vec<Placed<'e>> {
    let here = placed.iter().filter(|placed| placed.path.first() == Some(&place));
    here.map(|placed| Placed { path: &placed.path[1..], edit: placed.edit }).collect()
}

fn patch_node(message: &Bytes, placed: &[Placed]) -> Result<Rope, OnnxEditError> {
    let own: Vec<&Edit> = placed.iter().filter(|placed| placed.path.is_empty()).map(|placed| placed.edit).collect();
    let names = |name: &str| {
        own.iter().any(|edit| matches!(edit, Edit::Remove(other) | Edit::Attribute(other, _) if other == name))
    };
    let op = own.iter().rev().find_map(|edit| match edit {
        Edit::Op { domain, op } => Some((domain, op)),
        _ => None,
    });
    let (mut rope, mut attribute) = (Rope::default(), 0);
    for field in fields(message)? {
        match field.tag {
            tag::NODE_OP if op.is_some() => {}
            tag::NODE_DOMAIN if op.is_some() => {}
            tag::NODE_ATTRIBUTE => {
                let name = merged(&fields(&field.content)?, 1);
                let inside = below(placed, attribute);
                attribute += 1;
                if std::str::from_utf8(&name).is_ok_and(names) {
                    continue;
                }
                match inside.is_empty() {
                    true => rope.push(field.raw),
                    false => rope.push_field(tag::NODE_ATTRIBUTE, patch_attribute(&field.content, &inside)?),
                }
            }
            _ => rope.push(field.raw),
        }
    }
    if let Some((domain, op)) = op {
        rope.push_field(tag::NODE_OP, Bytes::from(op.clone()));
        if let Some(domain) = domain {
            rope.push_field(tag::NODE_DOMAIN, Bytes::from(domain.clone()));
        }
    }
    // Of several changes of one attribute the last holds.
    let mut last: Vec<(&str, &AttributeProto)> = Vec::new();
    for edit in &own {
        match edit {
            Edit::Attribute(name, proto) => {
                last.retain(|(other, _)| other != name);
                last.push((name, proto));
            }
            Edit::Remove(name) => last.retain(|(other, _)| other != name),
            Edit::Op { .. } => {}
        }
    }
    last.into_iter().for_each(|(_, proto)| rope.push_field(tag::NODE_ATTRIBUTE, Bytes::from(proto.encode_to_vec())));
    Ok(rope)
}

fn patch_attribute(message: &Bytes, placed: &[Placed]) -> Result<Rope, OnnxEditError> {
    let all = fields(message)?;
    let (mut rope, mut place, mut single) = (Rope::default(), 0, true);
    for field in &all {
        match field.tag {
            // The one graph of an attribute is at place 0; its parts, if it is given in parts, belong together.
            tag::ATTRIBUTE_GRAPH if std::mem::take(&mut single) => {
                let graph = merged(&all, tag::ATTRIBUTE_GRAPH);
                rope.push_field(field.tag, patch_graph(&graph, tag::GRAPH_NODE, &below(placed, 0))?);
            }
            tag::ATTRIBUTE_GRAPH => {}
            tag::ATTRIBUTE_GRAPHS => {
                rope.push_field(field.tag, patch_graph(&field.content, tag::GRAPH_NODE, &below(placed, place))?);
                place += 1;
            }
            _ => rope.push(field.raw.clone()),
        }
    }
    Ok(rope)
}
