//! Dtypes and dims.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f23[B]; } block entry {} };
    let _ = graph! { dynamic { x: float[B]; } block entry {} };
    let _ = graph! { dynamic { n: i64; x: f32[n]; } block entry {} };
    let _ = graph! { constant { scale: f32; } dynamic { x: f32[scale]; } block entry {} };
    let _ = graph! { block entry { assign a: f32[2]; assign b: f32[a]; } };
    let _ = graph! { dynamic { x: f32[2.5]; } block entry {} };
    let _ = graph! { dynamic { x: f32[B * ]; } block entry {} };
    let _ = graph! { dynamic { x: f32[99999999999999999999]; } block entry {} };
    let _ = graph! { dynamic { x: f32[2u32]; } block entry {} };
    let _ = graph! { dynamic { x: f32[min(B)]; } block entry {} };
    let _ = graph! { dynamic { x: f32[abs(B)]; } block entry {} };
    let _ = graph! { dynamic { x: f32[B D]; } block entry {} };
}
