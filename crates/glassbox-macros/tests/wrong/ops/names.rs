//! Ops that there aren't, or that aren't called so.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op rellu(x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op frobnicate(x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op loop(x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op if(c) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { op call() >> _; } };
}
