//! Calls in formulas.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { inputs: { x: f32[2] }, let y = rellu(x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = println(x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x, negative_slop=0.1); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x, negative_slope=0.1, negative_slope=0.2); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x, x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = add(x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = add(x, x, B=x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let (y, z) = relu(x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let (y, z) = x; output y; };
    let _ = graph! { inputs: { x: f32[2] }, relu(x); output x; };
    let _ = graph! { inputs: { x: f32[2] }, x + x; output x; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(negative_slope=0.1, x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = x |> ; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = x |> frob; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = if(x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x) z; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x) output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y relu(x); output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = x + ; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x) @ { fuse: true, fuse: true }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x) @ fuse; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = relu(x) @ { fuse = true }; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = x + [x, x]; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = [x x]; output y; };
    let _ = graph! { inputs: { x: f32[2] }, let y = (x + x x); output y; };
}
