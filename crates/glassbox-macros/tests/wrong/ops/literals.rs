//! Literals.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, 1.0f32) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, 1e999) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, -nan) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, [1, x]) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op add(x, [1 2]) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: i64; op add(n, 0.5) >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: i64; transfer 0.5 >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: u8; transfer 256 >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: bool; transfer 1 >> y; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; transfer n >> y; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } persistent { s: i32; } block entry { cache.write true >> s; }
    };
}
