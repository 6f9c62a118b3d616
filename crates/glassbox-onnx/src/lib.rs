//! ONNX models in and out of the Glassbox graph.
//!
//! Two steps. [`load`] (or [`parse`]) reads a file into a [`Model`]: decoded, with every tensor in
//! place and every name checked. [`import()`] turns a model into a [`glassbox_ir::Graph`], one row of
//! the table in [`ops`] for each op and range of versions. The conformance data beside the models is
//! read by [`read_tensor_pb`], [`read_sequence_pb`] and [`read_optional_pb`]. [`edit`] makes other files of a file, [`export()`] a
//! model of a graph.
//!
//! Nothing is guessed: an op, version, attribute, dtype or encoding that isn't understood is an
//! [`OnnxError`] that names it, and all ops that are unsupported are named at once, before anything is
//! built. This crate knows nothing of backends.

pub mod data;
mod decode;
pub mod dtype;
pub mod edit;
pub mod error;
pub mod export;
mod external;
mod foreign;
pub mod import;
pub mod maps;
pub mod model;
mod names;
pub mod ops;
mod order;
pub mod proto;
mod sparse;
mod tensor;
mod types;
mod wire;

pub use data::{
    Data, parse_map, parse_optional, parse_sequence, parse_tensor, read_map_pb, read_optional_pb, read_sequence_pb,
    read_tensor_pb,
};
pub use decode::{load, parse};
pub use error::{OnnxError, UnsupportedNode};
pub use export::{Export, ExportError, ExportOptions, Unsaid, Weights, export, unsaid};
pub use import::{Import, ImportOptions, import};
pub use maps::Maps;
pub use model::Model;
