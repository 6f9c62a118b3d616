//! Names of variables.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; x: f32[B]; } block entry {} };
    let _ = graph! { dynamic { f32: i64; } block entry {} };
    let _ = graph! { dynamic { inf: f32; } block entry {} };
    let _ = graph! { dynamic { x: f32; } block entry { assign x: f32; } };
    let _ = graph! { dynamic { cache: f32; } block entry {} };
}
