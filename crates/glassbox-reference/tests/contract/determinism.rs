//! The result is the same to the bit at any number of threads.

use glassbox_exec::{Options, Value};
use glassbox_tensor::{Overflow, Tensor};

use super::{Session, graph};

const PROGRAM: &str = r#"graph "mix" {
  input %a: f32[37, 511]
  input %b: f32[511, 129]
  %p = matmul(%a, %b) : f32[37, 129]
  %s = softmax(%p) {axis = -1} : f32[37, 129]
  %axes = constant() {value = i64[1] [0]} : i64[1]
  %m = reduce_mean(%s, %axes) {keepdims = false} : f32[129]
  %e = exp(%p) : f32[37, 129]
  %t = mul(%e, %m) : f32[37, 129]
  output %t, %s
}"#;

/// Numbers between -1 and 1 that look random.
fn noise(sizes: &[usize], seed: u64) -> Value {
    let count: usize = sizes.iter().product();
    let mut state = seed;
    let values = (0..count).map(|_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 23) as f64 - 1.0
    });
    let values = values.collect();
    Tensor::store(glassbox_tensor::DType::F32, sizes, values, Overflow::Wrap).expect("sizes fit").into()
}

fn run_on(threads: usize) -> Vec<Value> {
    let inputs = [noise(&[37, 511], 1), noise(&[511, 129], 2)];
    glassbox_tensor::with_threads(threads, || {
        Session::new(graph(PROGRAM), Options::default()).expect("a session").run(&inputs).expect("a run")
    })
}

#[test]
fn threads_change_no_bit() {
    let alone = run_on(1);
    for threads in [2, 3, 7, 8] {
        for (one, many) in alone.iter().zip(run_on(threads)) {
            let (one, many) = (one.as_tensor().expect("a tensor"), many.as_tensor().expect("a tensor"));
            assert!(one.bit_eq(many), "{threads} threads");
        }
    }
}
