//! Figures that were computed by hand.

use super::*;
use crate::op::Tier;
use crate::text::{ParseOptions, parse};

fn of(body: &str) -> Stats {
    let graph = parse(&format!("graph \"g\" {{ {body} }}"), &ParseOptions::default()).expect("the text is sound");
    stats(&graph).expect("it is counted")
}

#[test]
fn every_primitive_has_a_row_and_every_row_is_a_primitive() {
    for op in ops::TABLE {
        let primitive = matches!(op.tier, Tier::Primitive) || (matches!(op.tier, Tier::Control) && op.regions == 0);
        assert_eq!(work::row(op.name).is_some(), primitive, "{}", op.name);
    }
}

#[test]
fn operations_are_those_of_the_formulas() {
    for (body, flops, macs) in [
        ("input %x: f32[2, 3] %y = exp(%x) output %y", "6", "0"),
        ("input %x: f32[B, 3] %y = exp(%x) output %y", "3*B", "0"),
        ("input %x: f32[2, 1] input %z: f32[3] %y = add(%x, %z) output %y", "6", "0"),
        ("input %x: f32[4] %y = max(%x, %x, %x) output %y", "8", "0"),
        ("input %x: f32[2, 5] %y = reduce_sum(%x) output %y", "10", "0"),
        ("input %x: f32[2, 3, 4] input %w: f32[4, 5] %y = matmul(%x, %w) output %y", "240", "120"),
        ("input %x: f32[4] input %w: f32[4] %y = matmul(%x, %w) output %y", "8", "4"),
        // 2 images, 8 maps of 4 * 4, windows of 3 * 5 * 5; then the bias.
        (
            "input %x: f32[2, 3, 8, 8] input %w: f32[8, 3, 5, 5] input %b: f32[8] %y = conv(%x, %w, %b) output %y",
            "38656",
            "19200",
        ),
        // In two groups each map sees 2 of 4 channels.
        ("input %x: f32[1, 4, 6] input %w: f32[6, 2, 3] %y = conv(%x, %w) {group = 2} output %y", "288", "144"),
        // Each of the 3 * 4 elements is spread over 2 maps of 3 taps.
        ("input %x: f32[1, 3, 4] input %w: f32[3, 2, 3] %y = conv_transpose(%x, %w) output %y", "144", "72"),
        ("input %x: f32[1, 1, 4, 4] %y = max_pool(%x) {kernel_shape = [2, 2]} output %y", "36", "0"),
        ("input %x: f32[2, 3] %y = transpose(%x) output %y", "0", "0"),
        ("input %x: f32[?, 3] %y = exp(%x) output %y", "?", "0"),
    ] {
        let total = of(body).total();
        assert_eq!((total.flops.to_string().as_str(), total.macs.to_string().as_str()), (flops, macs), "{body}");
    }
}

#[test]
fn attention_takes_two_products_for_each_query_and_key() {
    // 2 batches, 4 heads, 5 queries, 7 keys of size 8: q k^T and weights v take 2 * 4 * 5 * 7 * 8 multiply-adds each.
    let body = "input %q: f32[2, 4, 5, 8] input %k: f32[2, 4, 7, 8] input %v: f32[2, 4, 7, 8] %y = attention(%q, %k, %v) output %y";
    assert_eq!(of(body).total().macs, Dim::Int(2 * 2 * 4 * 5 * 7 * 8));
    let body = "input %q: f32[B, 4, T, 8] input %k: f32[B, 4, S, 8] input %v: f32[B, 4, S, 8] %y = attention(%q, %k, %v) output %y";
    assert_eq!(of(body).total().macs.to_string(), "64*B*S*T");
}

#[test]
fn composites_take_what_they_are_made_of() {
    // alpha a b + beta c, without the factors, which are 1.
    let gemm = of("input %a: f32[2, 3] input %b: f32[3, 4] input %c: f32[4] %y = gemm(%a, %b, %c) output %y").total();
    assert_eq!((gemm.macs, gemm.flops), (Dim::Int(24), Dim::Int(56)));
    // A maximum, a difference, an exponential, a sum and a quotient for each element.
    let softmax = of("input %x: f32[2, 3] %y = softmax(%x) output %y").total();
    assert_eq!((softmax.flops, softmax.read, softmax.written), (Dim::Int(30), Dim::Int(24), Dim::Int(24)));
}

#[test]
fn bytes_are_those_of_operands_and_results() {
    for (body, read, written) in [
        ("input %x: f32[2, 3] %y = mul(%x, %x) output %y", "24", "24"),
        ("input %x: f16[N] %y = neg(%x) output %y", "2*N", "2*N"),
        ("input %x: f32[2, 3] %y = reshape(%x, %s) output %y", "0", "0"),
        ("input %t: f32[1000, 4] input %i: i64[2] %y = gather(%t, %i) output %y", "48", "32"),
        ("input %t: f32[1000, 4] %y = shape(%t) output %y", "0", "16"),
    ] {
        let body = body.replace("%y = reshape", "%s = constant() {value = i64[1] [6]} %y = reshape");
        let total = of(&body).total();
        assert_eq!((total.read.to_string().as_str(), total.written.to_string().as_str()), (read, written), "{body}");
    }
}

#[test]
fn weights_are_counted_once_at_their_first_reader() {
    let stats = of(
        "input %x: f32[2] %w = constant() {value = f32[2] [1, 2]} %k = parameter() {name = \"k\", type = f16[2, 2]} \
                    %u = constant() {value = f32[] 1} %a = mul(%x, %w) %b = add(%a, %w) %c = cast(%k) {to = f32} %y = matmul(%b, %c) output %y",
    );
    let weights: Vec<String> =
        stats.nodes.iter().map(|(_, cost)| format!("{} {}", cost.weights, cost.weight_bytes)).collect();
    assert_eq!(weights, ["2 8", "0 0", "4 8", "0 0"]);
}

#[test]
fn bodies_count_as_often_as_they_run() {
    let scan = of(
        "input %x: f32[T, 4] input %s: f32[4] %h, %y = scan(%s, %x) {num_scan_inputs = 1} (%a: f32[4], %b: f32[4]) { %c = add(%a, %b) yield %c, %c } output %y",
    );
    assert_eq!(scan.total().flops.to_string(), "4*T");
    let looped = "input %x: f32[4] %n = constant() {value = i64[] 5} %y = loop(%n, _, %x) (%i: i64[], %g: bool[], %v: f32[4]) { %w = neg(%v) yield %g, %w } output %y";
    let counted = of(looped);
    assert_eq!(counted.total().flops, Dim::Int(20));
    assert_eq!(counted.notes, ["the loop `y` is counted for 5 turns, the most that it may run"]);
    let unbound = of(&looped.replace("loop(%n,", "loop(_,"));
    assert_eq!(unbound.total().flops, Dim::Unknown);
    assert_eq!(unbound.notes, ["how often the loop `y` runs isn't known, nor what it takes"]);
    let branches = of(
        "input %c: bool[] input %x: f32[4] %y = if(%c) () { %a = neg(%x) %b = neg(%a) yield %b } () { %d = abs(%x) yield %d } output %y",
    );
    assert_eq!((branches.total().flops, branches.nodes.len()), (Dim::Int(8), 2));
}

#[test]
fn memory_is_that_of_what_lives_at_one_time() {
    for (body, peak) in [
        // The input, and two of the chain.
        ("input %x: f32[4] %a = neg(%x) %b = neg(%a) %c = neg(%b) output %c", Dim::Int(48)),
        // %a is used to the end.
        ("input %x: f32[4] %a = neg(%x) %b = neg(%a) %c = add(%a, %b) output %c", Dim::Int(64)),
        // A view takes nothing, and keeps its operand.
        ("input %x: f32[4] %a = neg(%x) %b = identity(%a) %c = neg(%b) output %c", Dim::Int(48)),
        ("input %x: f32[4] %w = constant() {value = f32[4] [1, 2, 3, 4]} %c = mul(%x, %w) output %c", Dim::Int(32)),
        ("input %x: f32[N] %c = neg(%x) output %c", Dim::Unknown),
        // In the body: a copy of the carried value, and what it gives.
        (
            "input %x: f32[4] %y = loop(_, _, %x) (%i: i64[], %g: bool[], %v: f32[4]) { %w = neg(%v) yield %g, %w } output %y",
            Dim::Int(32 + 9 + 32),
        ),
    ] {
        assert_eq!(of(body).peak, peak, "{body}");
    }
}

#[test]
fn what_is_not_counted_is_named() {
    let stats = of("input %x: f32[8] input %k: i64[1] %v, %i = top_k(%x, %k) output %v");
    assert_eq!(stats.uncounted.into_iter().collect::<Vec<_>>(), [("top_k", 1)]);
}

#[test]
fn a_call_reads_what_comes_from_outside_and_writes_what_it_gives() {
    let text = "graph \"g\" { input %x: f32[2, 3] input %table: f32[100, 3] input %i: i64[2]
        %y = call() {function = \"f\"} () { %w = constant() {value = f32[3, 4] [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}
            %r = gather(%table, %i) {axis = 0} %a = add(%x, %r) %m = matmul(%a, %w) %t = tanh(%m) yield %t }
        output %y }";
    let graph = parse(text, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let stats = stats(&graph).expect("sound");
    let [(_, cost)] = &stats.calls[..] else { panic!("{:?}", stats.calls) };
    // x, the two rows that are picked and their numbers, and the weight; of the result 2 × 4.
    assert_eq!((cost.read.as_int(), cost.written.as_int()), (Some(24 + 24 + 16 + 48), Some(32)));
    // A sum, a product of matrices, and a tanh each.
    assert_eq!(cost.flops.as_int(), Some(6 + 2 * 2 * 3 * 4 + 8));
}
