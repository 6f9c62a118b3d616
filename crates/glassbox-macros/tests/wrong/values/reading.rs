//! Variables that are read where they have no value, whatever the package has.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { block entry { assign y: f32[2]; assign z: f32[2]; op relu(y) >> z; } };
    let _ = graph! { block entry { assign y: f32[2]; assign z: f32[2]; transfer y >> z; } };
    let _ = graph! {
        dynamic { c: bool; x: f32[2]; }
        block entry { assign y: f32[2]; if c { op relu(x) >> y; } op add(x, y) >> x; }
    };
    let _ = graph! {
        dynamic { x: f32[2]; }
        constant { n: i64; }
        block entry { assign y: f32[2]; loop turns (i in 0..n) { op relu(x) >> y; } op add(x, y) >> x; }
    };
    let _ = graph! {
        dynamic { x: f32[2]; }
        block entry { assign y: f32[2]; branch helper; transfer x >> y; }
        block helper { op relu(y) >> x; }
    };
    let _ = graph! { persistent { K(i): f32[2] @table; } block entry { assign y: f32[2]; cache.write y >> K[0]; } };
}
