//! The shape of the JSON document, as data.

use std::fmt;

use glassbox_tensor::DType;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{format_float, parse_float};

/// What says whether the rest can be read.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) format: String,
    pub(super) version: u64,
    pub(super) name: String,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) states: Vec<StateJson>,
    pub(super) values: Vec<ValueJson>,
    pub(super) regions: Vec<RegionJson>,
    pub(super) nodes: Vec<NodeJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateJson {
    pub(super) name: String,
    pub(super) r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) capacity: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) initial: Option<TensorJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) r#type: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegionJson {
    pub(super) parameters: Vec<u32>,
    pub(super) nodes: Vec<u32>,
    pub(super) results: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeJson {
    pub(super) op: String,
    pub(super) operands: Vec<Option<u32>>,
    pub(super) attributes: Vec<(String, AttrJson)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hints: Vec<(String, AttrJson)>,
    pub(super) regions: Vec<u32>,
    pub(super) results: Vec<u32>,
    /// Chains of origins.
    pub(super) provenance: Vec<Vec<OriginJson>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum AttrJson {
    Bool(bool),
    Int(i64),
    Float(Float),
    String(String),
    Ints(Vec<i64>),
    Floats(Vec<Float>),
    Strings(Vec<String>),
    DType(String),
    Type(String),
    Tensor(TensorJson),
}

/// A tensor: `data` is base64, `strings` stands for it where the dtype is string.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TensorJson {
    pub(super) dtype: String,
    pub(super) dims: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) strings: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum OriginJson {
    Onnx { node: String, op: String },
    Layer(String),
    Statement { file: String, line: u32, block: String, completes: bool },
    Decomposed(String),
}

/// A float: a number where it is finite, else text as in the text form.
#[derive(Clone, Copy)]
pub(super) struct Float(pub(super) f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.serialize_str(&format_float(DType::F64, self.0.to_bits()))
        }
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Float, D::Error> {
        deserializer.deserialize_any(FloatVisitor)
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = Float;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"inf\", \"-inf\", \"nan\" or \"bits(0x…)\"")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Float, E> {
        Ok(Float(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Float, E> {
        let digits = text.strip_prefix("bits(0x").and_then(|rest| rest.strip_suffix(')'));
        let bits = match digits {
            Some(digits) => u64::from_str_radix(digits, 16).map_err(|error| error.to_string()),
            None if matches!(text, "inf" | "-inf" | "nan") => parse_float(DType::F64, text),
            None => Err(format!("{text:?} is not a float")),
        };
        bits.map(|bits| Float(f64::from_bits(bits))).map_err(E::custom)
    }
}
