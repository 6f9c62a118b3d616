//! The sections of formulas.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { input: { x: f32[2] }, let y = relu(x); output y; };
    let _ = graph! { inputs: [x], output x; };
    let _ = graph! { inputs: { x f32[2] }, output x; };
    let _ = graph! { inputs: { x: f33[2] }, output x; };
    let _ = graph! { inputs: { x: f32[2.5] }, output x; };
    let _ = graph! { inputs: { x: f32[2 3] }, output x; };
    let _ = graph! { inputs: { x: f32, x: f32 }, output x; };
    let _ = graph! { inputs: { x: f32 y: f32 }, output x; };
    let _ = graph! { inputs: { x: f32 }, let y = relu(x); };
    let _ = graph! { inputs: { x: f32 }, output y; };
    let _ = graph! { inputs: { count: f32 }, output coun; };
    let _ = graph! { inputs: { x: f32 }, output x; let y = relu(x); };
    let _ = graph! { inputs: { x: f32 }, output ; };
    let _ = graph! { model: , output x; };
    let _ = graph! { inputs: { x: f32 }, output x, x; };
}
