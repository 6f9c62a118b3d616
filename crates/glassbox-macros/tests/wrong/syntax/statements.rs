//! How statements begin and end.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32; } block entry { let y = x; } };
    let _ = graph! { block entry { assing y: f32; } };
    let _ = graph! { block entry { assign y; } };
    let _ = graph! { block entry { assign y: f32 } };
    let _ = graph! { dynamic { x: f32; } block entry { assign y: f32; y = x; } };
    let _ = graph! { dynamic { x: f32; } block entry { assign y: f32; relu(x) >> y; } };
    let _ = graph! { block entry { for i in 0..3 {} } };
    let _ = graph! { block entry { loop l (i in 0..3) { break; } } };
    let _ = graph! { block a {} block entry { call a; } };
    let _ = graph! { block entry { else {} } };
    let _ = graph! { block entry { ; } };
}
