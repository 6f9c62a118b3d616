//! What the reference interpreter promises, checked from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod determinism;
mod examples;
mod limits;
mod math;
mod moving;
mod observer;
mod precise;
mod regions;
mod states;
mod surroundings;
mod symbols;
mod windows;

use glassbox_ir::{Graph, text};
use glassbox_reference::Value;
use glassbox_tensor::Tensor;

/// The graph that a text is.
fn graph(source: &str) -> Graph {
    text::parse(source, &text::ParseOptions::default()).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

/// A vector of f32.
fn vector(values: &[f32]) -> Value {
    Tensor::from_vec(&[values.len()], values.to_vec()).expect("sizes fit").into()
}

/// The elements of a tensor as f64.
fn elements(value: &Value) -> Vec<f64> {
    value.as_tensor().expect("a tensor").load::<f64>().expect("numbers").into_owned()
}
