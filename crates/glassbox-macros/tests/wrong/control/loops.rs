//! Loops.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop (i in 0..3) {} } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a i in 0..3 {} } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i of 0..3) {} } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 0..=3) {} } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 3) {} } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 0..x) {} } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 0..3) ; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (n in 0..3) {} } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 0..3) { loop b (i in 0..3) {} } }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 0..2.5) {} } };
}
