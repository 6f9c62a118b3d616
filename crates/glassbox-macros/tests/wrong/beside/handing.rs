//! `yield` and `await`.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { await x; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { yield n; } block b { await n; if c { yield x; } } block d { await x; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { loop a (i in 0..2) { yield x; } } block b { await x; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { if c { return; } yield x; } block b { await x; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch a; } block a { yield x; } block b { await x; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch b; yield x; } block b { await x; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { yield z; } };
    let _ = graph! { persistent { s(i): f32 @table; } block entry { yield s; } };
    let _ = graph! {
        constant { k(l): f32 @pattern("k.{l}"); } block entry { yield k; } block b { await k; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { yield x; await x; } block b { await x; op relu(x) >> x; yield x; } block d { await x; op sin(x) >> x; yield x; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { yield n; } block b { await n; yield x; } block d { await n; yield x; } block e { await x; }
    };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } persistent { s: i64; } block entry { yield x; cache.increment s; await x; } block b { await x; cache.reset s; yield x; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { yield; } };
}
