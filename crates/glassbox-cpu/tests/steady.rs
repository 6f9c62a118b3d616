//! Runs that follow each other take no memory for their values from the system: what a run freed the next one has.
//!
//! Every allocation of this program is counted, so this test is a program of its own.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use glassbox_cpu::Cpu;
use glassbox_exec::{Options, RunContext, Runtime, Session, Value};
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_tensor::{NoParams, Tensor, on_one_thread};

/// What is at least as large counts. Every value of these graphs is larger, and no list of values or sizes is as large.
const LARGE: usize = 8 << 10;

/// The system's allocator, which counts how often something large was asked for.
struct Counting;

static ASKED: AtomicUsize = AtomicUsize::new(0);

fn count(bytes: usize) {
    if bytes >= LARGE {
        ASKED.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller says.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as the caller says.
        unsafe { System.realloc(start, layout, size) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn numbers(shape: &[usize]) -> Value {
    let count: usize = shape.iter().product();
    let values = (0..count).map(|index| ((index * 7919 + 13) % 2003) as f32 / 1001.5 - 1.0).collect();
    Tensor::from_vec(shape, values).expect("as many as there are").into()
}

/// How often runs after the first three ask for something large.
fn asked(body: &str, inputs: &[Value]) -> usize {
    let graph = parse(&format!("graph \"g\" {{ {body} }}"), &ParseOptions::default()).expect("the text is sound");
    let executable = Cpu.prepare(Arc::new(graph), Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let mut session: Box<dyn Session> = executable.session().expect("memory");
    // With several threads each has scratch memory of its own, which it takes when it is given such work for the first time.
    on_one_thread(|| {
        let mut run = || drop(session.run(inputs, RunContext::new()).expect("it runs"));
        (0..3).for_each(|_| run());
        let before = ASKED.load(Ordering::Relaxed);
        (0..5).for_each(|_| run());
        ASKED.load(Ordering::Relaxed) - before
    })
}

#[test]
fn a_run_takes_no_memory_that_the_one_before_had() {
    let layer = "input %x: f32[64, 96] input %w: f32[96, 96] input %v: f32[96, 384] input %u: f32[384, 96]
        input %s: f32[96] input %b: f32[96]
        %n = layer_normalization(%x, %s, %b) %q = matmul(%n, %w) %t = transpose(%q) %p = matmul(%q, %t)
        %a = softmax(%p) %c = matmul(%a, %q) %r = add(%c, %x)
        %m = layer_normalization(%r, %s, %b) %h = matmul(%m, %v) %g = gelu(%h) %o = matmul(%g, %u) %y = add(%o, %r)
        output %y";
    let inputs = [&[64, 96][..], &[96, 96], &[96, 384], &[384, 96], &[96], &[96]].map(numbers);
    assert_eq!(asked(layer, &inputs), 0);
    // Weights are the same in every run, as those of models are: they are packed once.
    let codes: Vec<String> = (0..64 * 256).map(|at| (at % 251 - 125).to_string()).collect();
    let bytes = format!(
        "input %x: f32[64, 64] %w = constant() {{value = i8[64, 256] [{}]}}
        %q, %s, %z = dynamic_quantize_linear(%x) %p = matmul_integer(%q, %w, %z) %f = cast(%p) {{to = f32}}
        %y = mul(%f, %s) output %y",
        codes.join(", ")
    );
    assert_eq!(asked(&bytes, &[numbers(&[64, 64])]), 0);
    let filter: Vec<String> = (0..32 * 16 * 9).map(|at| format!("0.{}", at % 97)).collect();
    let image = format!(
        "input %x: f32[1, 16, 24, 24] %w = constant() {{value = f32[32, 16, 3, 3] [{}]}}
        %c = conv(%x, %w) {{pads = [1, 1, 1, 1]}} %r = relu(%c) %y = max_pool(%r) {{kernel_shape = [2, 2], strides = [2, 2]}}
        output %y",
        filter.join(", ")
    );
    assert_eq!(asked(&image, &[numbers(&[1, 16, 24, 24])]), 0);
}
