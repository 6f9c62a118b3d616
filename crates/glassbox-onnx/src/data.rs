//! Data files of the ONNX format, read and written: one tensor, sequence, optional or map each.

use std::path::Path;

use bytes::Bytes;
use glassbox_tensor::{DType, Overflow, Tensor};
use prost::Message;

use crate::dtype;
use crate::error::OnnxError;
use crate::external::{External, map};
use crate::proto::{MapProto, OptionalProto, SequenceProto, TensorProto, element_kind};
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
    /// A value for each key. The keys are a vector of integers or strings.
    Map(Tensor, Vec<Data>),
}

/// Reads a file that holds a `TensorProto`.
///
/// # Errors
///
/// Where the file can't be read, or isn't a tensor that we know.
pub fn read_tensor_pb(path: &Path) -> Result<Data, OnnxError> {
    map(path).and_then(parse_tensor).map_err(|error| error.in_file(Some(path)))
}

/// Reads a file that holds a `SequenceProto`.
///
/// # Errors
///
/// Where the file can't be read, or isn't a sequence that we know.
pub fn read_sequence_pb(path: &Path) -> Result<Data, OnnxError> {
    map(path).and_then(parse_sequence).map_err(|error| error.in_file(Some(path)))
}

/// Reads a file that holds an `OptionalProto`.
///
/// # Errors
///
/// Where the file can't be read, or isn't an optional that we know.
pub fn read_optional_pb(path: &Path) -> Result<Data, OnnxError> {
    map(path).and_then(parse_optional).map_err(|error| error.in_file(Some(path)))
}

/// Reads a file that holds a `MapProto`.
///
/// # Errors
///
/// Where the file can't be read, or holds something else.
pub fn read_map_pb(path: &Path) -> Result<Data, OnnxError> {
    map(path).and_then(parse_map).map_err(|error| error.in_file(Some(path)))
}

/// The map in the bytes of a `MapProto`.
///
/// # Errors
///
/// Where they are something else, or keys and values aren't as many.
pub fn parse_map(bytes: Bytes) -> Result<Data, OnnxError> {
    proportionate(&bytes, Kind::Map)?;
    entries(MapProto::decode(bytes).map_err(|error| protobuf("MapProto", &error))?)
}

/// The tensor in the bytes of a `TensorProto`.
///
/// # Errors
///
/// Where the bytes aren't a tensor that we know.
pub fn parse_tensor(bytes: Bytes) -> Result<Data, OnnxError> {
    proportionate(&bytes, Kind::Tensor)?;
    let proto = TensorProto::decode(bytes).map_err(|error| protobuf("TensorProto", &error))?;
    Ok(Data::Tensor(tensor(proto, "data", &mut External::default())?))
}

/// The list in the bytes of a `SequenceProto`.
///
/// # Errors
///
/// Where the bytes aren't a sequence that we know.
pub fn parse_sequence(bytes: Bytes) -> Result<Data, OnnxError> {
    proportionate(&bytes, Kind::Sequence)?;
    sequence(SequenceProto::decode(bytes).map_err(|error| protobuf("SequenceProto", &error))?)
}

/// The optional in the bytes of an `OptionalProto`.
///
/// # Errors
///
/// Where the bytes aren't an optional that we know.
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
        element_kind::MAP => proto.map_values.into_iter().map(entries).collect(),
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
    } else if let Some(value) = proto.map_value {
        Some(entries(*value)?)
    } else {
        None
    };
    Ok(Data::Optional(value.map(Box::new)))
}

fn entries(proto: MapProto) -> Result<Data, OnnxError> {
    let label = proto.name.unwrap_or_default();
    let fail = |rule: String| OnnxError::structure(format!("map `{label}`"), rule);
    let number = proto.key_type.unwrap_or_default();
    let dtype = dtype::from_onnx(i64::from(number)).map_err(&fail)?;
    let keys = match dtype {
        DType::String if proto.keys.is_empty() => {
            let text = |key: Bytes| String::from_utf8(key.to_vec()).map_err(|_| fail("a key is not UTF-8".to_owned()));
            let keys = proto.string_keys.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
            Tensor::from_strings(&[keys.len()], keys)
        }
        dtype if dtype.is_integer() && proto.string_keys.is_empty() => {
            let wide = Tensor::from_vec(&[proto.keys.len()], proto.keys);
            let keys = wide.and_then(|wide| Ok((wide.cast(dtype, Overflow::Saturate)?, wide)));
            match keys {
                Ok((keys, wide)) if keys.load::<i64>().ok() == wide.load::<i64>().ok() => Ok(keys),
                Ok(_) => return Err(fail(format!("a key is no {dtype}"))),
                Err(error) => Err(error),
            }
        }
        _ => return Err(fail(format!("keys of {dtype} are integers or strings, in the field for them alone"))),
    };
    let keys = keys.map_err(|error| fail(error.to_string()))?;
    let values = match proto.values.map(|values| sequence(*values)).transpose()? {
        Some(Data::Sequence(values)) => values,
        _ => Vec::new(),
    };
    if keys.len() != values.len() {
        return Err(fail(format!("it has {} keys and {} values", keys.len(), values.len())));
    }
    Ok(Data::Map(keys, values))
}

impl Data {
    /// The bytes of the message that holds it: a `TensorProto`, `SequenceProto`, `OptionalProto` or `MapProto`.
    ///
    /// ```
    /// use glassbox_onnx::{Data, parse_sequence};
    /// use glassbox_tensor::Tensor;
    /// let texts = Tensor::from_strings(&[1], vec!["a".to_owned()])?;
    /// let bytes = Data::Sequence(vec![Data::Tensor(texts)]).encode()?;
    /// let Data::Sequence(items) = parse_sequence(bytes.into())? else { panic!("it is a sequence") };
    /// assert_eq!(items.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where a tensor can't be read, or is of a dtype that ONNX doesn't have.
    pub fn encode(&self) -> Result<Vec<u8>, OnnxError> {
        Ok(match self {
            Data::Tensor(tensor) => tensor_proto(tensor)?.encode_to_vec(),
            Data::Sequence(items) => sequence_proto(items)?.encode_to_vec(),
            Data::Optional(item) => optional_proto(item.as_deref())?.encode_to_vec(),
            Data::Map(keys, values) => map_proto(keys, values)?.encode_to_vec(),
        })
    }
}

fn tensor_proto(tensor: &Tensor) -> Result<TensorProto, OnnxError> {
    let fail = |rule: String| OnnxError::Tensor { tensor: "data".to_owned(), rule };
    let number = dtype::to_onnx(tensor.dtype()).ok_or_else(|| fail(format!("ONNX has no {}", tensor.dtype())))?;
    let dims = tensor.shape().iter().map(|size| *size as i64).collect();
    let mut proto = TensorProto { data_type: Some(number), dims, ..TensorProto::default() };
    match tensor.to_strings() {
        Some(texts) => proto.string_data = texts.into_iter().map(|text| Bytes::from(text.into_bytes())).collect(),
        None => proto.raw_data = Some(tensor.to_bytes().map_err(|error| fail(error.to_string()))?.into()),
    }
    Ok(proto)
}

fn sequence_proto(items: &[Data]) -> Result<SequenceProto, OnnxError> {
    let mut proto = SequenceProto::default();
    for item in items {
        let kind = match item {
            Data::Tensor(tensor) => {
                proto.tensor_values.push(tensor_proto(tensor)?);
                element_kind::TENSOR
            }
            Data::Sequence(items) => {
                proto.sequence_values.push(sequence_proto(items)?);
                element_kind::SEQUENCE
            }
            Data::Optional(item) => {
                proto.optional_values.push(optional_proto(item.as_deref())?);
                element_kind::OPTIONAL
            }
            Data::Map(keys, values) => {
                proto.map_values.push(map_proto(keys, values)?);
                element_kind::MAP
            }
        };
        if proto.elem_type.replace(kind).is_some_and(|other| other != kind) {
            return Err(OnnxError::structure("the data", "a sequence holds values of different kinds"));
        }
    }
    Ok(proto)
}

fn optional_proto(item: Option<&Data>) -> Result<OptionalProto, OnnxError> {
    let mut proto = OptionalProto::default();
    let kind = match item {
        None => element_kind::UNDEFINED,
        Some(Data::Tensor(tensor)) => {
            proto.tensor_value = Some(Box::new(tensor_proto(tensor)?));
            element_kind::TENSOR
        }
        Some(Data::Sequence(items)) => {
            proto.sequence_value = Some(Box::new(sequence_proto(items)?));
            element_kind::SEQUENCE
        }
        Some(Data::Optional(item)) => {
            proto.optional_value = Some(Box::new(optional_proto(item.as_deref())?));
            element_kind::OPTIONAL
        }
        Some(Data::Map(keys, values)) => {
            proto.map_value = Some(Box::new(map_proto(keys, values)?));
            element_kind::MAP
        }
    };
    proto.elem_type = Some(kind);
    Ok(proto)
}

fn map_proto(keys: &Tensor, values: &[Data]) -> Result<MapProto, OnnxError> {
    let fail = |rule: String| OnnxError::Tensor { tensor: "keys".to_owned(), rule };
    let key_type = dtype::to_onnx(keys.dtype());
    let values = Some(Box::new(sequence_proto(values)?));
    let mut proto = MapProto { key_type, values, ..MapProto::default() };
    match keys.to_strings() {
        Some(texts) => proto.string_keys = texts.into_iter().map(|text| Bytes::from(text.into_bytes())).collect(),
        None => proto.keys = keys.load::<i64>().map_err(|error| fail(error.to_string()))?.into_owned(),
    }
    Ok(proto)
}
