//! The data files of the conformance tests: one tensor, sequence or optional each.

use std::path::Path;

use bytes::Bytes;
use glassbox_tensor::Tensor;
use prost::Message;

use crate::error::OnnxError;
use crate::external::{External, map};
use crate::proto::{OptionalProto, SequenceProto, TensorProto, element_kind};
use crate::sparse::densify;
use crate::tensor::tensor;
use crate::wire::{self, Kind};

/// A value of a data file.
#[derive(Clone, Debug)]
pub enum Data {
    /// A tensor.
    Tensor(Tensor),
    /// A list.
    Sequence(Vec<Data>),
    /// A value or nothing.
    Optional(Option<Box<Data>>),
}

/// Reads a file that holds a `TensorProto`.
pub fn read_tensor_pb(path: &Path) -> Result<Data, OnnxError> {
    map(path).and_then(parse_tensor).map_err(|error| error.in_file(Some(path)))
}

/// Reads a file that holds a `SequenceProto`.
pub fn read_sequence_pb(path: &Path) -> Result<Data, OnnxError> {
    map(path).and_then(parse_sequence).map_err(|error| error.in_file(Some(path)))
}

/// Reads a file that holds an `OptionalProto`.
pub fn read_optional_pb(path: &Path) -> Result<Data, OnnxError> {
    map(path).and_then(parse_optional).map_err(|error| error.in_file(Some(path)))
}

/// The tensor in the bytes of a `TensorProto`.
pub fn parse_tensor(bytes: Bytes) -> Result<Data, OnnxError> {
    proportionate(&bytes, Kind::Tensor)?;
    let proto = TensorProto::decode(bytes).map_err(|error| protobuf("TensorProto", &error))?;
    Ok(Data::Tensor(tensor(proto, "data", &mut External::default())?))
}

/// The list in the bytes of a `SequenceProto`.
pub fn parse_sequence(bytes: Bytes) -> Result<Data, OnnxError> {
    proportionate(&bytes, Kind::Sequence)?;
    sequence(SequenceProto::decode(bytes).map_err(|error| protobuf("SequenceProto", &error))?)
}

/// The optional in the bytes of an `OptionalProto`.
pub fn parse_optional(bytes: Bytes) -> Result<Data, OnnxError> {
    proportionate(&bytes, Kind::Optional)?;
    optional(OptionalProto::decode(bytes).map_err(|error| protobuf("OptionalProto", &error))?)
}

fn proportionate(bytes: &[u8], kind: Kind) -> Result<(), OnnxError> {
    wire::check(bytes, kind).map_err(|rule| OnnxError::structure("the data", rule))
}

pub(crate) fn protobuf(message: &'static str, error: &prost::DecodeError) -> OnnxError {
    OnnxError::Protobuf { message, reason: error.to_string() }
}

fn sequence(proto: SequenceProto) -> Result<Data, OnnxError> {
    let label = proto.name.unwrap_or_default();
    let external = &mut External::default();
    let kind = proto.elem_type.unwrap_or_default();
    let filled = [
        (element_kind::TENSOR, !proto.tensor_values.is_empty()),
        (element_kind::SPARSE_TENSOR, !proto.sparse_tensor_values.is_empty()),
        (element_kind::SEQUENCE, !proto.sequence_values.is_empty()),
        (element_kind::MAP, !proto.map_values.is_empty()),
        (element_kind::OPTIONAL, !proto.optional_values.is_empty()),
    ];
    if let Some((other, _)) = filled.iter().find(|(field, filled)| *filled && *field != kind) {
        let rule = format!("the sequence says that its elements are of kind {kind}, but holds some of kind {other}");
        return Err(OnnxError::structure(format!("sequence `{label}`"), rule));
    }
    let elements = match kind {
        element_kind::TENSOR => {
            let values = proto.tensor_values.into_iter().enumerate();
            values.map(|(at, value)| Ok(Data::Tensor(tensor(value, &format!("{label}[{at}]"), external)?))).collect()
        }
        element_kind::SPARSE_TENSOR => {
            let values = proto.sparse_tensor_values.into_iter().enumerate();
            values.map(|(at, value)| Ok(Data::Tensor(densify(value, &format!("{label}[{at}]"), external)?))).collect()
        }
        element_kind::SEQUENCE => proto.sequence_values.into_iter().map(sequence).collect(),
        element_kind::OPTIONAL => proto.optional_values.into_iter().map(optional).collect(),
        element_kind::MAP => Err(no_maps(&label)),
        element_kind::UNDEFINED => Ok(Vec::new()),
        _ => Err(OnnxError::structure(format!("sequence `{label}`"), format!("element kind {kind} is not known"))),
    };
    elements.map(Data::Sequence)
}

fn optional(proto: OptionalProto) -> Result<Data, OnnxError> {
    let label = proto.name.unwrap_or_default();
    let external = &mut External::default();
    let kind = proto.elem_type.unwrap_or_default();
    let filled = [
        (element_kind::TENSOR, proto.tensor_value.is_some()),
        (element_kind::SPARSE_TENSOR, proto.sparse_tensor_value.is_some()),
        (element_kind::SEQUENCE, proto.sequence_value.is_some()),
        (element_kind::MAP, proto.map_value.is_some()),
        (element_kind::OPTIONAL, proto.optional_value.is_some()),
    ];
    if let Some((other, _)) = filled.iter().find(|(field, filled)| *filled && *field != kind) {
        let rule = format!("the optional says that its value is of kind {kind}, but holds one of kind {other}");
        return Err(OnnxError::structure(format!("optional `{label}`"), rule));
    }
    let value = if let Some(value) = proto.tensor_value {
        Some(Data::Tensor(tensor(*value, &label, external)?))
    } else if let Some(value) = proto.sparse_tensor_value {
        Some(Data::Tensor(densify(*value, &label, external)?))
    } else if let Some(value) = proto.sequence_value {
        Some(sequence(*value)?)
    } else if let Some(value) = proto.optional_value {
        Some(optional(*value)?)
    } else if proto.map_value.is_some() {
        return Err(no_maps(&label));
    } else {
        None
    };
    Ok(Data::Optional(value.map(Box::new)))
}

fn no_maps(label: &str) -> OnnxError {
    OnnxError::UnsupportedTensor { tensor: label.to_owned(), what: "a map".to_owned() }
}
