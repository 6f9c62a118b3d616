//! `for` and `if` in formulas.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { inputs: { x: f32[2] }, let y = for l in 0..3 { z = x; }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = for l in 0..3 { x }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = for l in 0..=3 { x = relu(x); }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = for l in 3 { x = relu(x); }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = for 0..3 { x = relu(x); }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let (y, z) = for l in 0..3 { x = relu(x); }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = for l in 0..3 { let z = relu(x); }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, x = relu(x); output x; };
    let _ = graph! { inputs: { x: f32[2], c: bool }, let y = if c { x }; output y; };
    let _ = graph! { inputs: { x: f32[2], c: bool }, let y = if c { x } else { x; }; output y; };
    let _ = graph! { inputs: { x: f32[2], c: bool }, let y = if c { x = relu(x); x } else { x }; output y; };
    let _ = graph! { inputs: { x: f32[2], c: bool }, let y = if c { x } else { 1.0 }; output y; };
    let _ = graph! { inputs: { x: f32[2], c: bool }, let y = if c x else { x }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = for l in 0..3 { x = relu(x) }; output y; };
}
