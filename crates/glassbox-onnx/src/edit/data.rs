//! Tensors whose data is in other files, in a model that is written to another folder.
//!
//! A location is a path relative to the model's folder. A model that stays in its folder keeps its references; for another
//! folder the data that it needs is copied into one file beside it, and the references are written anew.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;
use glassbox_tensor::layout;
use prost::Message;

use super::message::{Rope, fields};
use crate::dtype;
use crate::error::OnnxError;
use crate::external::External;
use crate::proto::{StringStringEntryProto, TensorProto};
use crate::wire::Kind;

/// Where parts of the data begin: a multiple of the size of a page, so that they can be mapped.
const ALIGNMENT: u64 = 4096;
/// The number of `TensorProto.external_data`.
const EXTERNAL_DATA: u64 = 13;
/// The value of `TensorProto.data_location` for data in another file.
const EXTERNAL: i32 = 1;

/// Whether the data of a tensor in a message is in another file.
pub(super) fn is_elsewhere(message: &Bytes, kind: Kind) -> Result<bool, OnnxError> {
    for field in fields(message)? {
        let found = match (kind, inner(kind, field.tag)) {
            (Kind::Tensor, _) => field.tag == EXTERNAL_DATA,
            (_, Some(kind)) => is_elsewhere(&field.content, kind)?,
            (_, None) => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The data that is copied.
pub(super) struct Moved {
    external: External,
    /// The name of the file that it goes to.
    name: String,
    /// The parts, with the place of each.
    pub(super) parts: Vec<(u64, Bytes)>,
    end: u64,
    /// The places of parts by where their bytes are: several tensors may be the same part of a file.
    places: HashMap<(usize, usize), u64>,
}

impl Moved {
    /// Data that is read from `folder` and goes to the file `name`.
    pub(super) fn new(folder: Option<&Path>, name: String) -> Moved {
        Moved { external: External::new(folder), name, parts: Vec::new(), end: 0, places: HashMap::new() }
    }

    /// The message with its references written anew, where there are any in it.
    pub(super) fn message(&mut self, message: &Bytes, kind: Kind) -> Result<Option<Rope>, OnnxError> {
        if let Kind::Tensor = kind {
            return self.tensor(message);
        }
        let (mut changed, mut rope) = (false, Rope::default());
        for field in fields(message)? {
            let inner = match inner(kind, field.tag) {
                Some(kind) => self.message(&field.content, kind)?,
                None => None,
            };
            match inner {
                Some(inner) => {
                    rope.push_field(field.tag, inner);
                    changed = true;
                }
                None => rope.push(field.raw),
            }
        }
        Ok(changed.then_some(rope))
    }

    fn tensor(&mut self, message: &Bytes) -> Result<Option<Rope>, OnnxError> {
        let fields = fields(message)?;
        if !fields.iter().any(|field| field.tag == EXTERNAL_DATA) {
            return Ok(None);
        }
        let proto =
            TensorProto::decode(message.clone()).map_err(|error| crate::data::protobuf("TensorProto", &error))?;
        if proto.data_location != Some(EXTERNAL) {
            return Ok(None);
        }
        let name = proto.name.clone().unwrap_or_default();
        let dtype = dtype::from_onnx(i64::from(proto.data_type.unwrap_or_default()))
            .map_err(|reason| OnnxError::tensor(&name, reason))?;
        let shape = crate::tensor::shape(&proto.dims).map_err(|rule| OnnxError::tensor(&name, rule))?;
        let needed = layout::element_count(&shape).and_then(|count| dtype.byte_len(count));
        let needed = needed.ok_or_else(|| OnnxError::tensor(&name, format!("dims {shape:?} overflow")))?;
        let bytes = self.external.read(&name, &proto.external_data, needed)?;
        let offset = self.place(bytes);
        let mut rope = Rope::default();
        fields.into_iter().filter(|field| field.tag != EXTERNAL_DATA).for_each(|field| rope.push(field.raw));
        for (key, value) in
            [("location", self.name.clone()), ("offset", offset.to_string()), ("length", needed.to_string())]
        {
            rope.push_message(EXTERNAL_DATA, &StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) });
        }
        Ok(Some(rope))
    }

    /// Where bytes are in the new file.
    fn place(&mut self, bytes: Bytes) -> u64 {
        let key = (bytes.as_ptr().addr(), bytes.len());
        if let Some(offset) = self.places.get(&key) {
            return *offset;
        }
        let offset = self.end.next_multiple_of(ALIGNMENT);
        self.end = offset.saturating_add(bytes.len() as u64);
        self.parts.push((offset, bytes));
        self.places.insert(key, offset);
        offset
    }
}

/// The messages inside a message in which there may be tensors.
fn inner(kind: Kind, tag: u64) -> Option<Kind> {
    Some(match (kind, tag) {
        (Kind::Graph, 1) | (Kind::Function, 7) => Kind::Node,
        (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::SparseTensor, 1 | 2) => Kind::Tensor,
        (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => Kind::SparseTensor,
        (Kind::Node, 5) | (Kind::Function, 11) => Kind::Attribute,
        (Kind::Attribute, 6 | 11) => Kind::Graph,
        (Kind::Model, 7) => Kind::Graph,
        (Kind::Model, 25) => Kind::Function,
        _ => return None,
    })
}
