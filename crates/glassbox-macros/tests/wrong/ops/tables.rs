//! Entries of tables as operands.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { volatile { W(l): f32[2] @pattern("W.{l}"); } block entry { assign y: f32[2]; op relu(W) >> y; } };
    let _ = graph! {
        volatile { W(l): f32[2] @pattern("W.{l}"); } block entry { assign y: f32[2]; op relu(W[0, 1]) >> y; }
    };
    let _ = graph! {
        volatile { W(l): f32[2] @pattern("W.{l}"); } block entry { assign y: f32[2]; op relu(W[0..1]) >> y; }
    };
    let _ = graph! { volatile { W(l): f32[2] @pattern("W.{l}"); } block entry { assign y: f32[2]; op relu(W[y]) >> y; } };
    let _ = graph! { volatile { W(l): f32[2] @pattern("W.{l}"); } block entry { assign y: f32[2]; op relu(y) >> W; } };
    let _ = graph! { persistent { K(t): f32[2] @table; } block entry { assign y: f32[2]; op relu(K[0]) >> y; } };
    let _ = graph! { persistent { K(t): f32[2] @table; } block entry { assign y: f32[2]; op relu(K) >> y; } };
}
