//! Memory of keys and values, and attention.

use glassbox_macros::graph;

fn main() {
    let _ = graph! { inputs: { q: f16[2], t: i64 }, state: { kv: cache(f16, layers=2, cap=4) }, output q; };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f17, layers=2, cap=4) }, output q; };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2) }, output q; };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, cap=2) }, output q; };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, capacity=4) }, output q; };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache }, output q; };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, kv_write(kv, layer=0, step=t, k=q); output q;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, kv_write(q, layer=0, step=t, k=q, v=q); output q;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, kv_write(layer=0, step=t, k=q, v=q); output q;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, kv_write(kv, layr=0, step=t, k=q, v=q); output q;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, kv_write(kv, layer=t, step=t, k=q, v=q); output q;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, kv_write(kv, layer=0, step=t, k=1.0, v=q); output q;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, let y = kv_read(kv, layer=0, step=t); output y;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, let y = kv_write(kv, layer=0, step=t, k=q, v=q); output y;
    };
    let _ = graph! {
        inputs: { q: f16[2], t: i64 }, state: { kv: kv_cache(f16, layers=2, cap=4) }, let y = relu(kv); output y;
    };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, let y = sdpa(q, q); output y; };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, let y = sdpa(q, q, q, mask=q); output y; };
    let _ = graph! { inputs: { q: f16[2], t: i64 }, let y = sdpa(q, q, 1.0); output y; };
}
