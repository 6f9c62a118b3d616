//! Indices of persistent variables.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { persistent { K(t): f32[4]; } block entry {} };
    let _ = graph! { persistent { K: f32[4] @table; } block entry {} };
    let _ = graph! { persistent { K(t): f32[4] @table(t); } block entry {} };
    let _ = graph! { persistent { K(t): f32[4] @table @fixed(l=3); } block entry {} };
    let _ = graph! { persistent { K(t): f32[4] @table @fixed(t=3, t=4); } block entry {} };
    let _ = graph! { persistent { K(t): f32[4] @table @fixed(t); } block entry {} };
    let _ = graph! { persistent { K(t): f32[4] @table @fixed; } block entry {} };
    let _ = graph! { persistent { M(r): f32[4] @auto_dim(s); } block entry {} };
    let _ = graph! { persistent { M(r): f32[4] @auto_dim(r, r); } block entry {} };
    let _ = graph! { persistent { M(r, c): f32[4] @auto_dim(r, c); } block entry {} };
    let _ = graph! { persistent { M(r): f32[4] @auto_dim(r) @table; } block entry {} };
    let _ = graph! { persistent { M(r, l): f32[4] @table @auto_dim(r); } block entry {} };
    let _ = graph! { persistent { K(t): f32[4] @table @ref("K"); } block entry {} };
}
