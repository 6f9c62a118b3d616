//! Calls of blocks.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch other; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch c yes noo; } block yes {} block no {} };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch c; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch x yes; } block yes {} };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch n yes; } block yes {} };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch c yes no maybe; } block yes {} block no {} block maybe {}
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch a; } block a { branch entry; } };
    let _ = graph! {
        dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch a; } block a { branch b; } block b { branch a; }
    };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry { branch a; } block a { branch a; } };
    let _ = graph! { dynamic { x: f32[B]; n: i64; c: bool; } block entry {} block unused {} };
}
