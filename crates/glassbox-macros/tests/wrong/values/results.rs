//! Results that don't fit what they are written to, whatever the package has.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[2, D]; } block entry { assign y: f32[3, D]; op relu(x) >> y; } };
    let _ = graph! { dynamic { x: f32[2, D]; } block entry { assign y: f32[D]; op relu(x) >> y; } };
    let _ = graph! { dynamic { x: f32[2, D]; } block entry { assign y: f32[2, D]; op cast(x, f16) >> y; } };
    let _ = graph! { dynamic { x: f32[4]; } block entry { assign y: f32[5]; transfer x >> y; } };
    let _ = graph! {
        dynamic { x: f32[4, 3]; }
        constant { W(l): f32[3, 5] @pattern("W.{l}"); n: i64; }
        block entry {
            assign h: f32[4, 3];
            transfer x >> h;
            loop layers (l in 0..n) { op matmul(h, W[l]) >> h; }
        }
    };
    let _ = graph! { dynamic { x: f32[4]; y: f32[3]; } block entry { assign z: f32[4]; op add(x, y) >> z; } };
    let _ = graph! {
        dynamic { x: f32[4, K]; } constant { w: f32[K, 7]; } block entry { assign z: f32[4, 6]; op matmul(x, w) >> z; }
    };
    let _ = graph! {
        dynamic { t: i64; } persistent { K(i): f32[8] @table; }
        block entry { assign k: f32[9]; cache.read K[t] >> k; }
    };
}
