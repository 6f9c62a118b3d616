//! Conditions.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { if n { return; } } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { if cc { return; } } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { if n < 3 { return; } } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { if c return; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { if c { return; } else return; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } dynamic { many: bool[B]; } block entry { if many { return; } }
    };
    let _ = graph! { persistent { K(t): bool @table; } block entry { if K { return; } } };
}
