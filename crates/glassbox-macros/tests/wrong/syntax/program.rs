//! Sections and blocks.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamics { x: f32; } block entry {} };
    let _ = graph! { dynamic x: f32; block entry {} };
    let _ = graph! { dynamic { x f32; } block entry {} };
    let _ = graph! { dynamic { x: f32 } block entry {} };
    let _ = graph! { dynamic { x: f32, y: f32; } block entry {} };
    let _ = graph! { block {} };
    let _ = graph! { block entry };
    let _ = graph! { dynamic { x: f32; } block };
    let _ = graph! { block entrry {} };
    let _ = graph! { dynamic { x: f32; } };
    let _ = graph! { block entry {} block entry {} };
    let _ = graph! { block entry {} function f {} };
}
