//! Attributes of declarations.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { volatile { x: f32 @initial(0); } block entry {} };
    let _ = graph! { volatile { x: f32 @init(0) @init(1); } block entry {} };
    let _ = graph! { volatile { x: f32 @init; } block entry {} };
    let _ = graph! { volatile { x: f32 @init(y); } block entry {} };
    let _ = graph! { volatile { x: i32 @init(0.5); } block entry {} };
    let _ = graph! { volatile { x: i8 @init(300); } block entry {} };
    let _ = graph! { volatile { x: bool @init(1); } block entry {} };
    let _ = graph! { dynamic { x: f32[B] @init(0.0); } block entry {} };
    let _ = graph! { dynamic { x: f32[B] @ref("x"); } block entry {} };
    let _ = graph! { dynamic { x(l): f32[B]; } block entry {} };
    let _ = graph! { constant { x: f32 @init(1.0); } block entry {} };
    let _ = graph! { volatile { x: f32 @ref(weights); } block entry {} };
    let _ = graph! { volatile { x: f32 @ref("a") @init(0); } block entry {} };
    let _ = graph! { volatile { x: f32 @table; } block entry {} };
    let _ = graph! { volatile { x: f32[4] @fixed(i=3); } block entry {} };
}
