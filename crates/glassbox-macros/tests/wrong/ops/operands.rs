//! Operands.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, x, n) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, z) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign yes: f32[B]; op relu(yess) >> yes; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, _) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, x, B=x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op clip(min=0.0, x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, f32) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, x + x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, relu(x)) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, x[0]) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x x) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add x, x >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, 'a') >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, x.0) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, entry) >> y; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; loop a (i in 0..2) {} op add(x, i) >> y; }
    };
}
