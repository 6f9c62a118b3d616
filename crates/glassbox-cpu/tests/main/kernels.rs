//! Each kind of kernel in graphs of its own, and that it is one.

use std::sync::Arc;

use glassbox_cpu::Cpu;
use glassbox_exec::{Options, Runtime, Value};
use glassbox_ir::{AttrView, Graph, ops};
use glassbox_tensor::{NoParams, Tensor};

use super::{graph, held_against_the_reference, numbers, run_on};

/// The names of the calls that a graph is compiled to.
fn kernels(source: &Arc<Graph>) -> Vec<String> {
    let compiled = glassbox_cpu::compiled(source).expect("it can be compiled");
    let graph = compiled.graph();
    let calls = graph.walk().into_iter().map(|id| graph.node(id)).filter(|node| *node.op == ops::call::OP);
    calls.map(|node| AttrView::new(node.op, &node.attrs).opt_str("function").unwrap_or_default().to_owned()).collect()
}

/// Held against the reference with inputs of these sizes; what it is compiled to.
fn check(body: &str, sizes: &[&[usize]]) -> Vec<String> {
    let source = graph(body);
    let inputs: Vec<Value> = sizes.iter().enumerate().map(|(seed, sizes)| numbers(sizes, seed).into()).collect();
    assert!(held_against_the_reference(&source, &inputs, body), "the reference runs it");
    let executable = Cpu.prepare(source.clone(), Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let left: Vec<String> =
        executable.report().fallbacks.iter().map(|left| format!("{}: {}", left.op, left.why)).collect();
    assert!(left.is_empty(), "{left:?}");
    kernels(&source)
}

#[test]
fn chains_of_elementwise_nodes_are_one_program() {
    let gelu = "input %x: f32[A, B]
        %h = gelu(%x) %n = neg(%h) %s = sigmoid(%n) %y = mul(%s, %x) output %y";
    assert_eq!(check(gelu, &[&[5, 37]]).len(), 1);
    let spread = "input %x: f32[A, B] input %r: f32[B] input %c: f32[A, 1]
        %a = add(%x, %r) %m = mul(%a, %c) %t = tanh(%m) output %t";
    assert_eq!(check(spread, &[&[5, 37], &[37], &[5, 1]]).len(), 1);
    let masks = "input %x: f32[A] input %z: f32[A]
        %l = less(%x, %z) %w = where(%l, %x, %z) %a = abs(%w) output %a, %l";
    assert_eq!(check(masks, &[&[97], &[97]]).len(), 1);
}

#[test]
fn norms_and_softmax_are_one_program() {
    let layer = "input %x: f32[A, B, 24] input %s: f32[24] input %b: f32[24]
        %y = layer_normalization(%x, %s, %b) output %y";
    assert_eq!(check(layer, &[&[2, 3, 24], &[24], &[24]]).len(), 1);
    assert_eq!(check("input %x: f32[A, 50] %y = softmax(%x) output %y", &[&[7, 50]]).len(), 1);
    let rms = "input %x: f32[A, 20] input %s: f32[20] %y = rms_normalization(%x, %s) output %y";
    assert_eq!(check(rms, &[&[3, 20], &[20]]).len(), 1);
    // Reductions of nothing, and without the reduced axes.
    let sums = "input %x: f32[A, B] %axes = constant() {value = i64[1] [1]}
        %y = reduce_sum(%x, %axes) {keepdims = false} %z = reduce_max(%x, %axes) output %y, %z";
    check(sums, &[&[5, 300]]);
    check(sums, &[&[4, 0]]);
    check("input %x: f32[A, B, C] %y = reduce_mean(%x) output %y", &[&[2, 3, 4]]);
}

#[test]
fn products_take_what_finishes_them() {
    let weight = |rows: usize, columns: usize| {
        let values = numbers(&[rows, columns], 9).to_vec::<f32>().expect("numbers");
        format!("%w = constant() {{value = f32[{rows}, {columns}] {values:?}}}")
    };
    let dense = format!(
        "input %x: f32[A, B, 5] input %b: f32[9] input %r: f32[A, B, 9] {}
         %p = matmul(%x, %w) %s = add(%p, %b) %g = gelu(%s) %y = add(%g, %r) output %y",
        weight(5, 9)
    );
    assert_eq!(check(&dense, &[&[2, 3, 5], &[9], &[2, 3, 9]]).len(), 1);
    check(&dense, &[&[1, 1, 5], &[9], &[1, 1, 9]]);
    let turned = format!("input %x: f32[A, 5] {} %t = transpose(%w) %y = matmul(%x, %t) output %y", weight(9, 5));
    check(&turned, &[&[3, 5]]);
    let batch = "input %x: f32[A, 4, 6, 5] input %z: f32[4, 5, 7] input %v: f32[5]
        %y = matmul(%x, %z) %n = tanh(%y) %u = matmul(%x, %v) output %n, %u";
    check(batch, &[&[2, 4, 6, 5], &[4, 5, 7], &[5]]);
    check("input %x: f32[A, K] input %z: f32[K, B] %y = matmul(%x, %z) output %y", &[&[3, 0], &[0, 2]]);
    let gemm = "input %x: f32[6, 4] input %z: f32[6, 5] input %c: f32[5]
        %y = gemm(%x, %z, %c) {transA = true, alpha = 0.5, beta = 2.0} output %y";
    check(gemm, &[&[6, 4], &[6, 5], &[5]]);
}

#[test]
fn convolutions_take_norms_residuals_and_activations() {
    let constant = |name: &str, sizes: &[usize]| {
        let values = numbers(sizes, name.len()).to_vec::<f32>().expect("numbers");
        let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
        let dims = sizes.join(", ");
        format!("%{name} = constant() {{value = f32[{dims}] {values:?}}}")
    };
    let block = format!(
        "input %x: f32[N, 6, H, W] input %r: f32[N, 10, H, W] {} {} {} {} {}
         %c = conv(%x, %weight) {{pads = [1, 1, 1, 1]}}
         %v = abs(%variances) %n = batch_normalization(%c, %scale, %bias, %mean, %v)
         %s = add(%n, %r) %y = relu(%s) output %y",
        constant("weight", &[10, 6, 3, 3]),
        constant("scale", &[10]),
        constant("bias", &[10]),
        constant("mean", &[10]),
        constant("variances", &[10]),
    );
    check(&block, &[&[2, 6, 7, 5], &[2, 10, 7, 5]]);
    for [inner, outer] in [[16, 32], [19, 21]] {
        let residual = format!(
            "input %x: f32[N, 5, 9, 7] {} {} {} {}
             %a = conv(%x, %first) {{pads = [1, 1, 1, 1], strides = [2, 2]}} %r = relu(%a)
             %b = conv(%r, %second) %c = conv(%r, %other) {{pads = [1, 1, 1, 1]}}
             %s = add(%b, %c) %t = relu(%s) %d = conv(%t, %last) %u = add(%t, %d) %v = relu(%u)
             %p = max_pool(%v) {{kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]}}
             %y = global_average_pool(%p) output %y",
            constant("first", &[inner, 5, 3, 3]),
            constant("second", &[outer, inner, 1, 1]),
            constant("other", &[outer, inner, 3, 3]),
            constant("last", &[outer, outer, 1, 1]),
        );
        check(&residual, &[&[2, 5, 9, 7]]);
    }
    let depthwise = format!(
        "input %x: f32[1, 6, 9, 9] {} %c = conv(%x, %weight) {{group = 6, strides = [2, 2]}} %y = sigmoid(%c) output %y",
        constant("weight", &[6, 1, 3, 3]),
    );
    check(&depthwise, &[&[1, 6, 9, 9]]);
    let line = format!("input %x: f32[2, 3, 20] {} %y = conv(%x, %weight) output %y", constant("weight", &[4, 3, 5]));
    check(&line, &[&[2, 3, 20]]);
}

#[test]
fn windows_of_which_none_fits() {
    let weight = |sizes: &[usize]| {
        let values = numbers(sizes, 9).to_vec::<f32>().expect("numbers");
        format!("%w = constant() {{value = f32{sizes:?} {values:?}}}")
    };
    // By blocks of channels, from plain channels, in groups, by channel.
    for (channels, filters, groups) in [(16, 16, 1), (1, 16, 1), (16, 32, 2), (16, 16, 16)] {
        let body = format!(
            "input %x: f32[A, {channels}, H, W] {} %y = conv(%x, %w) {{group = {groups}}} output %y",
            weight(&[filters, channels / groups, 3, 3])
        );
        for [height, width] in [[2, 5], [5, 2], [2, 2], [3, 3]] {
            check(&body, &[&[1, channels, height, width]]);
        }
    }
    for channels in [1, 16] {
        let body = format!(
            "input %x: f32[A, {channels}, H, W]
             %y, %i = max_pool(%x) {{kernel_shape = [3, 2]}}
             %z = average_pool(%x) {{kernel_shape = [3, 2], strides = [2, 1], ceil_mode = true}} output %y, %z"
        );
        let source = graph(&body);
        for [height, width] in [[2, 4], [2, 1], [3, 2]] {
            let x: Value = numbers(&[1, channels, height, width], 1).into();
            assert!(held_against_the_reference(&source, &[x], &body), "the reference runs it");
        }
    }
}

#[test]
fn attention_with_masks_groups_and_caps() {
    let plain = "input %q: f32[B, 4, T, 8] input %k: f32[B, 2, S, 8] input %v: f32[B, 2, S, 8] input %m: f32[T, S]
        %y = attention(%q, %k, %v, %m) {softcap = 3.0} output %y";
    check(plain, &[&[2, 4, 5, 8], &[2, 2, 9, 8], &[2, 2, 9, 8], &[5, 9]]);
    let flat = "input %q: f32[1, T, 32] input %k: f32[1, T, 16] input %v: f32[1, T, 16]
        %y = attention(%q, %k, %v) {is_causal = true, q_num_heads = 4, kv_num_heads = 2, left_window_size = 3} output %y";
    check(flat, &[&[1, 11, 32], &[1, 11, 16], &[1, 11, 16]]);
}

#[test]
fn rows_of_tables() {
    let source = graph("input %t: f32[R, 3] input %i: i64[N] %y = gather(%t, %i) output %y");
    let indices = |indices: Vec<i64>| Value::from(Tensor::from_vec(&[indices.len()], indices).expect("a vector"));
    for rows in [vec![0, -1, 2, 2], vec![]] {
        assert!(held_against_the_reference(&source, &[numbers(&[4, 3], 1).into(), indices(rows)], "rows"));
    }
    // Of a vector a row is one element; with one index of no axes the result has none either.
    let element = graph("input %t: i64[R] input %i: i64[] %y = gather(%t, %i) output %y");
    let index = Tensor::scalar(-2i64).into();
    assert!(held_against_the_reference(&element, &[indices(vec![7, 8, 9]), index], "an element"));
    let executable = Cpu.prepare(source, Arc::new(NoParams), &Options::default()).expect("it can be prepared");
    let mut session = executable.session().expect("there is memory");
    let error = session.run(&[numbers(&[4, 3], 1).into(), indices(vec![4])], glassbox_exec::RunContext::new());
    assert!(error.is_err_and(|error| error.to_string().contains("C2")));
}

#[test]
fn reductions_over_axes_in_the_middle() {
    let reduce = |sizes: &[usize], axes: &str, keepdims: bool| {
        let (listed, count) = (format!("{sizes:?}"), axes.matches(',').count() + 1);
        let one = |name: &str, op: &str| format!("%{name} = {op}(%x, %axes) {{keepdims = {keepdims}}}");
        let all = [("s", "reduce_sum"), ("m", "reduce_mean"), ("g", "reduce_max"), ("l", "reduce_min")];
        let body = format!(
            "input %x: f32{listed} %axes = constant() {{value = i64[{count}] [{axes}]}} {} output %s, %m, %g, %l",
            all.map(|(name, op)| one(name, op)).join(" ")
        );
        check(&body, &[sizes]);
    };
    reduce(&[5, 7, 67], "1", false);
    reduce(&[3, 2, 5, 1100], "1, -2", true);
    reduce(&[4, 3], "0", true);
    reduce(&[2, 0, 3], "1", false);
    reduce(&[2, 3, 0], "1", false);
    check("input %x: f32[A, B, C] %y = softmax(%x) {axis = 1} output %y", &[&[3, 5, 70]]);
}

#[test]
fn the_largest_and_smallest_of_special_numbers() {
    let columns = [
        [f32::NAN, 1.0, 2.0],
        [1.0, f32::NAN, f32::INFINITY],
        [0.0, -0.0, 0.0],
        [-0.0, 0.0, -0.0],
        [f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY],
        [f32::MIN, f32::MAX, 0.0],
    ];
    let values = (0..3).flat_map(|row| columns.map(|column| column[row])).collect();
    let x = Tensor::from_vec(&[3, 6], values).expect("as many as there are");
    let body = "input %x: f32[3, 6] %axes = constant() {value = i64[1] [0]}
        %g = reduce_max(%x, %axes) %l = reduce_min(%x, %axes) output %g, %l";
    let source = graph(body);
    let run = |runtime: &dyn glassbox_exec::Runtime| {
        run_on(runtime, &source, &[x.clone().into()], glassbox_exec::Precision::Declared).expect("it runs")
    };
    for (found, reference) in run(&Cpu).iter().zip(run(&glassbox_reference::Reference)) {
        let (found, reference) = (found.as_tensor().expect("a tensor"), reference.as_tensor().expect("a tensor"));
        assert!(found.bit_eq(reference), "{found:?}, the reference {reference:?}");
    }
}

#[test]
fn comparisons_of_integers() {
    let ints = |sizes: &[usize], seed: i64| {
        let count: usize = sizes.iter().product();
        let values = (0..count as i64).map(|index| (index * 7 + seed) % 5 - 2).collect::<Vec<i64>>();
        Tensor::from_vec(sizes, values).expect("as many as there are")
    };
    for dtype in ["i32", "i64"] {
        for op in ["equal", "less", "less_or_equal", "greater", "greater_or_equal"] {
            for [a, b] in
                [[&[3, 5, 1][..], &[1, 1, 37]], [&[4, 6], &[4, 6]], [&[2, 3], &[2, 1]], [&[], &[]], [&[0, 3], &[3]]]
            {
                let body = format!(
                    "input %a: i64{a:?} input %b: i64{b:?} %c = cast(%a) {{to = {dtype}}} %d = cast(%b) {{to = {dtype}}}
                     %y = {op}(%c, %d) output %y"
                );
                assert!(held_against_the_reference(&graph(&body), &[ints(a, 1).into(), ints(b, 3).into()], &body));
            }
        }
    }
    // A one-hot vector, turned.
    let turned = "input %i: i64[7, 1] %k = constant() {value = i64[1, 4] [0, 1, 2, 3]}
        %e = equal(%i, %k) %t = transpose(%e) %f = cast(%t) {to = f32} output %f";
    assert!(held_against_the_reference(&graph(turned), &[ints(&[7, 1], 0).into()], turned));
}

#[test]
fn tensors_one_after_the_other() {
    let two = "input %x: f32[A, B, 5] input %y: f32[A, C, 5] %t = transpose(%x) {perm = [0, 2, 1]}
        %u = transpose(%y) {perm = [0, 2, 1]} %z = concat(%t, %u, %t) {axis = -1} output %z";
    check(two, &[&[3, 7, 5], &[3, 2, 5]]);
    check(two, &[&[3, 0, 5], &[3, 1, 5]]);
    check(two, &[&[0, 2, 5], &[0, 1, 5]]);
    // So much that it is copied in pieces, which end within runs.
    let long = "input %x: f32[A, B] input %y: f32[A, C] %z = concat(%x, %y) {axis = 1} output %z";
    check(long, &[&[5, 9001], &[5, 7013]]);
    check("input %x: f32[A] input %y: f32[B] %z = concat(%x, %y) {axis = 0} output %z", &[&[40_000], &[3]]);
}

/// Attention of q [.., Q, 24], k [.., K, 24] and v [.., K, 40], with `between` on the way from %p to %s.
fn spelled(head: &str, inputs: &str, between: &str) -> String {
    let turned = if head.contains('H') { "[0, 1, 3, 2]" } else { "[0, 2, 1]" };
    format!(
        "input %q: f32[{head}, Q, 24] input %k: f32[{head}, K, 24] input %v: f32[{head}, K, 40] {inputs}
        %t = transpose(%k) {{perm = {turned}}} %p = matmul(%q, %t) {between}
        %w = softmax(%s) {{axis = -1}} %y = matmul(%w, %v) output %y"
    )
}

#[test]
fn attention_that_is_spelled_out_is_one_kernel() {
    let eight = "%c = constant() {value = f32[] 8}";
    let (q, k, v): (&[usize], &[usize], &[usize]) = (&[2, 3, 9, 24], &[2, 3, 300, 24], &[2, 3, 300, 40]);
    let one = |kernels: Vec<String>, what: &str| {
        assert_eq!(kernels.len(), 1, "{what}: {kernels:?}");
        assert!(kernels[0].starts_with("matmul"), "{what}: {kernels:?}");
    };
    one(check(&spelled("B, H", "", "%s = identity(%p)"), &[q, k, v]), "bare");
    one(check(&spelled("B, H", "", &format!("{eight} %s = div(%p, %c)")), &[q, k, v]), "scaled");
    let capped = "%c = constant() {value = f32[] 5} %d = div(%p, %c) %h = tanh(%d) %s = mul(%c, %h)";
    one(check(&spelled("B, H", "", capped), &[q, k, v]), "capped");
    for mask in ["B, 1, 1, K", "1, 1, Q, K", "B, H, Q, K", "1, H, 1, K", "Q, K", "K", "B, 1, Q, 1"] {
        let sizes: Vec<usize> = mask
            .split(", ")
            .map(|name| match name {
                "B" => 2,
                "H" => 3,
                "Q" => 9,
                "K" => 300,
                _ => 1,
            })
            .collect();
        let body =
            spelled("B, H", &format!("input %m: f32[{mask}]"), &format!("{eight} %d = div(%p, %c) %s = add(%m, %d)"));
        one(check(&body, &[q, k, v, &sizes]), mask);
    }
    // What isn't seen, by a truth value; positions of ALiBi; one query.
    let hidden = "%z = constant() {value = f32[] 0} %n = constant() {value = f32[] -inf}
        %b = less(%m, %z) %a = mul(%p, %e) %s = where(%b, %n, %a)";
    let body = spelled("B, H", "input %m: f32[B, 1, Q, K] input %e: f32[H, 1, 1]", hidden);
    one(check(&body, &[q, k, v, &[2, 1, 9, 300], &[3, 1, 1]]), "hidden");
    one(check(&body, &[&[2, 3, 1, 24], k, v, &[2, 1, 1, 300], &[3, 1, 1]]), "one query");
    one(check(&body, &[q, &[2, 3, 0, 24], &[2, 3, 0, 40], &[2, 1, 9, 0], &[3, 1, 1]]), "no keys");
    one(
        check(
            &spelled("N", "input %m: f32[N, 1, K]", "%s = add(%p, %m)"),
            &[&[6, 30, 24], &[6, 70, 24], &[6, 70, 40], &[6, 1, 70]],
        ),
        "three axes",
    );
}

#[test]
fn a_query_that_sees_nothing_is_nan_where_attention_is_spelled_out() {
    let body = "%n = constant() {value = f32[] -inf} %s = add(%p, %n)";
    check(&spelled("B, H", "", body), &[&[1, 2, 3, 24], &[1, 2, 7, 24], &[1, 2, 7, 40]]);
}

#[test]
fn what_else_uses_the_scores_keeps_attention_apart() {
    let body = "input %q: f32[2, 5, 8] input %k: f32[2, 8, 6] input %v: f32[2, 6, 8]
        %p = matmul(%q, %k) %w = softmax(%p) {axis = -1} %y = matmul(%w, %v) output %y, %w";
    assert_eq!(check(body, &[&[2, 5, 8], &[2, 8, 6], &[2, 6, 8]]), ["reduce_max+sub+exp+reduce_sum+div"]);
    // The values hang on the scores.
    let hung = "input %q: f32[2, 5, 8] input %k: f32[2, 8, 6]
        %p = matmul(%q, %k) %w = softmax(%p) {axis = -1}
        %t = transpose(%p) {perm = [0, 2, 1]} %y = matmul(%w, %t) output %y";
    check(hung, &[&[2, 5, 8], &[2, 8, 6]]);
}
