//! What `cache` does.

use glassbox_macros::graph;

fn main() {
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.clear K; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.incremnt s; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache read K; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.increment f; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.increment n; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.increment K; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.increment v s; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.increment 1.5 s; }
    };
    let _ = graph! {
        dynamic { v: f32[2]; n: i64; } persistent { K(t): f32[2] @table; s: i64 @init(0); f: f32; } block entry { cache.reset v; }
    };
}
