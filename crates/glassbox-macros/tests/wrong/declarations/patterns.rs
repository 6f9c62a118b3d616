//! Tables of parameters.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { volatile { W(l): f32[D, D]; } block entry {} };
    let _ = graph! { volatile { W: f32[D, D] @pattern("W.{l}"); } block entry {} };
    let _ = graph! { volatile { W(l): f32[D, D] @pattern("W.{i}"); } block entry {} };
    let _ = graph! { volatile { W(l, m): f32[D, D] @pattern("W.{l}"); } block entry {} };
    let _ = graph! { volatile { W(l): f32[D, D] @pattern("W.{l"); } block entry {} };
    let _ = graph! { volatile { W(l): f32[D, D] @pattern("W.{l}") @init(0); } block entry {} };
    let _ = graph! { volatile { W(l): f32[D, D] @ref("W"); } block entry {} };
    let _ = graph! { volatile { W(l, l): f32[D, D] @pattern("W.{l}.{l}"); } block entry {} };
    let _ = graph! { persistent { W(l): f32[D, D] @pattern("W.{l}"); } block entry {} };
}
