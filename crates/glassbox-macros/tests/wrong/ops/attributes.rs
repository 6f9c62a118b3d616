//! Attributes of ops.

use glassbox_macros::graph;

fn main() {
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x, slope=0.1) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x, negativ_slope=0.1) >> y; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op sin(x, axis=1) >> y; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op softmax(x, axis=0.5) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op softmax(x, axis="last") >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op softmax(x, axis=n) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op softmax(x, axis=_) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op softmax(x, axis=[1]) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op softmax(x, axis=0, axis=1) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op transpose(x, perm=[0, 0.5]) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op gelu(x, approximate="tan") >> y; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op cast(x) >> y; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op cast(x, to="f16") >> y; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op concat(x, x) >> y; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x, negative_slope=) >> y; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; loop a (i in 0..2) { op softmax(x, axis=i) >> y; } }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x) >> y @ fuse; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x) >> y @ { fuse }; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { assign y: f32[B]; op relu(x) >> y @ { fuse: true, fuse: false }; }
    };
}
