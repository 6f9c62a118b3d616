//! Places of persistent variables.

use glassbox_macros::graph;

fn main() {
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read v >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read J[0] >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read K[0, 1] >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read s[0] >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read K[v] >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read K[0..=1] >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read K[0:1] >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read K[0; 1] >> y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { assign y: f32[2]; cache.read K[0] y; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.write v >> v; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.write >> K[0]; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.write w >> K[0]; }
    };
}
