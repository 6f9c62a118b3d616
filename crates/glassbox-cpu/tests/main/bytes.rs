//! Products of bytes, and what makes bytes of numbers: equal to the reference, for their sums are exact.

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Options, Precision, Runtime, Value};
use glassbox_reference::Reference;
use glassbox_tensor::{NoParams, Tensor};

use super::{graph, numbers, run_on};

/// Bytes of all values.
fn bytes(sizes: &[usize], seed: usize) -> Vec<u8> {
    let mut state = seed as u64 + 11;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..sizes.iter().product()).map(|_| next()).collect()
}

fn unsigned(sizes: &[usize], seed: usize) -> Value {
    Tensor::from_vec(sizes, bytes(sizes, seed)).expect("a tensor").into()
}

fn signed(sizes: &[usize], seed: usize) -> Value {
    let bytes = bytes(sizes, seed).into_iter().map(|byte| byte as i8).collect();
    Tensor::from_vec(sizes, bytes).expect("a tensor").into()
}

/// The outputs are those of the reference to the bit, and `left` nodes are left to it.
fn same(body: &str, inputs: &[Value], left: usize) {
    let source = graph(body);
    let want = run_on(&Reference, &source, inputs, Precision::Declared).expect("the reference runs it");
    let got = run_on(&Cpu, &source, inputs, Precision::Declared).unwrap_or_else(|error| panic!("{body}: {error}"));
    for (want, got) in want.iter().zip(&got) {
        let (want, got) = (want.as_tensor().expect("a tensor"), got.as_tensor().expect("a tensor"));
        assert!(want.bit_eq(got), "{body}\n{want:?}\n{got:?}");
    }
    let executable = Cpu.prepare(source, Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let fallbacks = &executable.report().fallbacks;
    assert_eq!(fallbacks.len(), left, "{body}: {fallbacks:?}");
}

#[test]
fn products_of_bytes() {
    for (rows, inner, columns) in [(1, 70, 33), (13, 300, 64), (2, 0, 5), (0, 4, 4), (5, 3, 1)] {
        let (a, b) = ([rows, inner], [inner, columns]);
        for zeros in ["", ", %za", ", %za, %zb"] {
            for (left, right) in [("u8", "u8"), ("u8", "i8"), ("i8", "u8"), ("i8", "i8")] {
                let of = |ty: &str, sizes: &[usize], seed| {
                    if ty == "u8" { unsigned(sizes, seed) } else { signed(sizes, seed) }
                };
                let body = format!(
                    "input %a: {left}[A, K] input %b: {right}[K, N] input %za: {left}[] input %zb: {right}[N]
                    %s = matmul_integer(%a, %b{zeros}) output %s"
                );
                let inputs = [of(left, &a, 1), of(right, &b, 2), of(left, &[], 3), of(right, &[columns], 4)];
                same(&body, &inputs, 0);
            }
        }
    }
}

#[test]
fn products_of_bytes_take_the_cast_and_what_follows() {
    let body = "input %x: f32[2, 9, 40] input %w: i8[40, 24] input %bias: f32[24]
        %q, %s, %z = dynamic_quantize_linear(%x)
        %p = matmul_integer(%q, %w, %z) %c = cast(%p) {to = f32} %f = mul(%c, %s) %y = add(%f, %bias) output %y";
    let inputs = [numbers(&[2, 9, 40], 1).into(), signed(&[40, 24], 2), numbers(&[24], 3).into()];
    same(body, &inputs, 0);
    let compiled = glassbox_cpu::compiled(&graph(body)).expect("it can be compiled");
    assert!(compiled.graph().to_string().contains("matmul_integer+cast+mul+add"), "{}", compiled.graph());
}

#[test]
fn dynamic_quantisation_finds_the_range() {
    let body = "input %x: f32[A, B] %q, %s, %z = dynamic_quantize_linear(%x) output %q, %s, %z";
    for values in [vec![0.0f32; 6], vec![1.0, 2.0, 3.0, 4.0, 5.0, 255.0], vec![-1.0, -2.5, 3.0, 0.5, 0.25, -7.0]] {
        same(body, &[Tensor::from_vec(&[2, 3], values).expect("a tensor").into()], 0);
    }
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX];
    for place in 0..odd.len() {
        let values = vec![1.0, odd[place], -3.0, odd[(place + 1) % 4], 0.0, 9.0];
        same(body, &[Tensor::from_vec(&[2, 3], values).expect("a tensor").into()], 0);
    }
    same(body, &[Tensor::from_vec(&[0, 3], Vec::<f32>::new()).expect("a tensor").into()], 0);
}

#[test]
fn bytes_of_numbers_and_back() {
    let there = "input %x: f32[A, 5, B] input %s: f32[S] input %z: i8[S]
        %q = quantize_linear(%x, %s, %z) {axis = 1} %y = dequantize_linear(%q, %s, %z) {axis = 1} output %q, %y";
    let scales = Tensor::from_vec(&[5], vec![0.1f32, 0.02, 0.3, 1.0, 0.05]).expect("a tensor");
    same(there, &[numbers(&[3, 5, 7], 1).into(), scales.into(), signed(&[5], 2)], 0);
    let one = "input %x: f32[A, B] input %s: f32[] input %z: u8[]
        %q = quantize_linear(%x, %s, %z) %y = dequantize_linear(%q, %s, %z) output %q, %y";
    same(one, &[numbers(&[33, 17], 1).into(), Tensor::scalar(0.01f32).into(), unsigned(&[], 5)], 0);
    // Blocks, and other dtypes, are the reference's.
    let blocks =
        "input %x: f32[4, 6] input %s: f32[2, 6] %q = quantize_linear(%x, %s) {axis = 0, block_size = 2} output %q";
    same(
        blocks,
        &[numbers(&[4, 6], 1).into(), Tensor::from_vec(&[2, 6], vec![0.1f32; 12]).expect("a tensor").into()],
        0,
    );
    let wide = "input %x: f32[4, 6] input %s: f32[] input %z: i16[] %q = quantize_linear(%x, %s, %z) output %q";
    same(wide, &[numbers(&[4, 6], 1).into(), Tensor::scalar(0.1f32).into(), Tensor::scalar(3i16).into()], 1);
}

#[test]
fn products_that_are_bytes_again() {
    for y in ["u8", "i8"] {
        let body = format!(
            "input %a: u8[3, A, 20] input %b: i8[20, 9] input %as: f32[] input %az: u8[] input %bs: f32[9] input %bz: i8[9]
            input %ys: f32[] input %yz: {y}[]
            %y = qlinear_matmul(%a, %as, %az, %b, %bs, %bz, %ys, %yz) output %y"
        );
        let scales = Tensor::from_vec(&[9], (1..10).map(|x| x as f32 / 100.0).collect()).expect("a tensor");
        let zero: Value = if y == "u8" { unsigned(&[], 8) } else { signed(&[], 9) };
        let inputs = [
            unsigned(&[3, 4, 20], 1),
            signed(&[20, 9], 2),
            Tensor::scalar(0.05f32).into(),
            unsigned(&[], 3),
            scales.into(),
            signed(&[9], 4),
            Tensor::scalar(0.7f32).into(),
            zero,
        ];
        same(&body, &inputs, 0);
    }
}

#[test]
fn convolutions_of_bytes() {
    for (x, w, attrs) in [
        (vec![2, 6, 9, 8], vec![4, 3, 3, 2], "group = 2, pads = [1, 0, 2, 1], strides = [2, 1], dilations = [1, 2]"),
        (vec![1, 5, 7, 7], vec![5, 1, 3, 3], "group = 5, pads = [1, 1, 1, 1]"),
        (vec![1, 3, 40, 41], vec![17, 3, 3, 3], "auto_pad = \"SAME_UPPER\""),
        (vec![2, 4, 11], vec![3, 4, 4], "pads = [3, 0]"),
    ] {
        let maps = w[0];
        let ranks = |sizes: &[usize]| sizes.iter().map(|size| size.to_string()).collect::<Vec<_>>().join(", ");
        for (left, right) in [("u8", "i8"), ("i8", "u8")] {
            let of =
                |ty: &str, sizes: &[usize], seed| if ty == "u8" { unsigned(sizes, seed) } else { signed(sizes, seed) };
            let (x_type, w_type) = (ranks(&x), ranks(&w));
            let body = format!(
                "input %x: {left}[{x_type}] input %w: {right}[{w_type}] input %zx: {left}[] input %zw: {right}[{maps}]
                %y = conv_integer(%x, %w, %zx, %zw) {{{attrs}}} output %y"
            );
            let inputs = [of(left, &x, 1), of(right, &w, 2), of(left, &[], 3), of(right, &[maps], 4)];
            same(&body, &inputs, 0);
            let body = format!(
                "input %x: {left}[{x_type}] input %w: {right}[{w_type}] input %zx: {left}[] input %zw: {right}[{maps}]
                input %sx: f32[] input %sw: f32[{maps}] input %sy: f32[] input %zy: u8[] input %b: i32[{maps}]
                %y = qlinear_conv(%x, %sx, %zx, %w, %sw, %zw, %sy, %zy, %b) {{{attrs}}} output %y"
            );
            let scales = (0..maps).map(|map| 0.01 + map as f32 / 100.0).collect();
            let bias = (0..maps).map(|map| map as i32 * 1000 - 3000).collect();
            let mut inputs = inputs.to_vec();
            inputs.extend([
                Tensor::scalar(0.03f32).into(),
                Tensor::from_vec(&[maps], scales).expect("a tensor").into(),
                Tensor::scalar(4.5f32).into(),
                unsigned(&[], 5),
                Tensor::from_vec(&[maps], bias).expect("a tensor").into(),
            ]);
            same(&body, &inputs, 0);
        }
    }
}

/// A product with a weight that is stored in bytes, as the text of its tensors says.
#[test]
fn products_take_weights_in_bytes() {
    let bytes = |low: i64, high: i64| {
        let codes: Vec<String> = (0..24 * 10).map(|at| (low + at * 37 % (high - low + 1)).to_string()).collect();
        codes.join(", ")
    };
    let scales: Vec<String> = (1..11).map(|x| format!("0.0{x}")).collect();
    let scales = scales.join(", ");
    let body = |ty: &str, dims: &str, codes: String, scale: &str, zero: &str, attrs: &str, turn: &str| {
        format!(
            "input %x: f32[A, 24] input %b: f32[10] %w = constant() {{value = {ty}[{dims}] [{codes}]}}
            %s = constant() {{value = f32{scale}}} %z = constant() {{value = {ty}{zero}}}
            %d = dequantize_linear(%w, %s, %z) {{{attrs}}} {turn} %p = matmul(%x, %m) %y = add(%p, %b) output %y"
        )
    };
    let (plain, turned) = ("%m = identity(%d)", "%m = transpose(%d) {perm = [1, 0]}");
    for body in [
        body("i8", "24, 10", bytes(-128, 127), "[] 0.03", "[] 0", "axis = 1", plain),
        body("u8", "24, 10", bytes(0, 255), "[] 0.03", "[] 123", "axis = 1", plain),
        body(
            "u8",
            "24, 10",
            bytes(100, 140),
            &format!("[10] [{scales}]"),
            "[10] [120, 1, 2, 3, 4, 5, 6, 7, 8, 255]",
            "axis = 1",
            plain,
        ),
        body(
            "i8",
            "10, 24",
            bytes(-128, 127),
            &format!("[10] [{scales}]"),
            "[10] [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
            "axis = 0",
            turned,
        ),
        // A scale for each term, and one for each two of them.
        body(
            "i8",
            "10, 24",
            bytes(-128, 127),
            &format!("[24] [{}]", ["0.5"; 24].join(", ")),
            &format!("[24] [{}]", ["3"; 24].join(", ")),
            "axis = 1",
            turned,
        ),
        body(
            "i8",
            "10, 24",
            bytes(-128, 127),
            &format!("[10, 12] [{}]", ["0.5"; 120].join(", ")),
            &format!("[10, 12] [{}]", ["3"; 120].join(", ")),
            "axis = 1, block_size = 2",
            turned,
        ),
    ] {
        let source = graph(&body);
        for rows in [1, 5] {
            let inputs = [numbers(&[rows, 24], 1).into(), numbers(&[10], 2).into()];
            assert!(super::held_against_the_reference(&source, &inputs, &body));
        }
        let executable = Cpu.prepare(source, Arc::new(NoParams), &Options::default()).expect("it can be prepared");
        assert!(executable.report().fallbacks.is_empty(), "{body}: {:?}", executable.report().fallbacks);
    }
}
