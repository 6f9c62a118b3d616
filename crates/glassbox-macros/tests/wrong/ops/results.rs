//! Where results go.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { op relu(x); } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { op relu(x) >> z; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; assign z: f32[B]; op relu(x) >> y, z; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op top_k(x, [1]) >> y, y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } constant { k: f32; } block entry { op relu(x) >> k; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } persistent { s: f32[4]; } block entry { op relu(x) >> s; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } persistent { K(t): f32[4] @table; } block entry { transfer x >> K; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 0..2) { transfer 3 >> i; } } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x) > y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x) y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x) >> ; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; transfer x y; } };
}
