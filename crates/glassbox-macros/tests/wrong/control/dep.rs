//! `dep`.

use glassbox_macros::graph;

fn main() {
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x) >> y; dep after(y) before(z); }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; assign z: f32[B]; op relu(x) >> y; op sin(x) >> z; dep after(y) before(z); }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; assign z: f32[B]; op relu(x) >> y; dep after(z) before(y); op sin(x) >> z; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { dep before(x) after(n); } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { dep after x before n; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { dep after(x, n) before(c); } };
}
