//! Hunts where the other side makes one node of several, or takes the same formula another way.

use glassbox_check::report::{Report, Verdict};
use glassbox_exec::Value;
use glassbox_tensor::Tensor;

use crate::{against, against_stored};

fn inputs(shape: &[usize]) -> Vec<Value> {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|place| ((place * 37 + 11) % 53) as f32 / 17.0 - 1.5).collect();
    vec![Tensor::from_vec(shape, values).unwrap().into()]
}

fn named(report: &Report) -> Vec<&str> {
    report.culprits.iter().map(|culprit| culprit.node.as_str()).collect()
}

/// A normalisation in nine steps, between products whose weights tell which is which.
const SPELLED: &str = "graph \"spelled\" {
  input %x: f32[3, 4]
  %r = sin(%x)
  %h = add(%x, %r)
  %axis = constant() {value = i64[1] [-1]}
  %mean = reduce_mean(%h, %axis)
  %apart = sub(%h, %mean)
  %two = constant() {value = f32[] 2.0}
  %square = pow(%apart, %two)
  %variance = reduce_mean(%square, %axis)
  %epsilon = constant() {value = f32[] 0.001}
  %above = add(%variance, %epsilon)
  %deviation = sqrt(%above)
  %quotient = div(%apart, %deviation)
  %weight = constant() {value = f32[4] [0.5, -1.25, 0.125, 2.0]}
  %scaled = mul(%quotient, %weight)
  %bias = constant() {value = f32[4] [0.1, 0.2, -0.3, 0.4]}
  %normal = add(%scaled, %bias)
  %w = constant() {value = f32[4, 2] [0.3, 0.1, -0.4, 0.6, 0.2, -0.9, 0.7, 0.5]}
  %y = matmul(%normal, %w)
  output %y
}";

/// The same with the normalisation as one node, and other names.
const FUSED: &str = "graph \"fused\" {
  input %x: f32[3, 4]
  %k1 = sin(%x)
  %k2 = add(%x, %k1)
  %k3 = constant() {value = f32[4] [0.5, -1.25, 0.125, 2.0]}
  %k4 = constant() {value = f32[4] [0.1, 0.2, -0.3, 0.4]}
  %k5 = layer_normalization(%k2, %k3, %k4) {epsilon = 0.001}
  %k6 = constant() {value = f32[4, 2] [0.3, 0.1, -0.4, 0.6, 0.2, -0.9, 0.7, 0.5]}
  %k7 = matmul(%k5, %k6)
  output %k7
}";

#[test]
fn a_spelled_out_formula_agrees_with_one_node() {
    let report = against(SPELLED, FUSED, &inputs(&[3, 4]));
    assert!(matches!(report.verdict, Verdict::Agrees | Verdict::Rounding), "{}", report.summary);
}

#[test]
fn the_step_that_is_wrong_is_named_though_the_other_side_has_one_node() {
    let faults = [
        ("div(%apart, %deviation)", "div(%deviation, %apart)", "quotient"),
        ("sub(%h, %mean)", "sub(%mean, %h)", "apart"),
        ("add(%variance, %epsilon)", "sub(%variance, %epsilon)", "above"),
        ("sqrt(%above)", "identity(%above)", "deviation"),
        ("pow(%apart, %two)", "abs(%apart)", "square"),
        ("mul(%quotient, %weight)", "add(%quotient, %weight)", "scaled"),
        ("add(%scaled, %bias)", "identity(%scaled)", "normal"),
        ("add(%x, %r)", "identity(%x)", "h"),
        ("f32[] 0.001", "f32[] 0.1", "above"),
        ("[0.1, 0.2, -0.3, 0.4]", "[0.1, 0.2, 0.3, 0.4]", "normal"),
    ];
    for (from, to, guilty) in faults {
        assert!(SPELLED.contains(from), "{from}");
        let report = against(&SPELLED.replacen(from, to, 1), FUSED, &inputs(&[3, 4]));
        assert_eq!(report.verdict, Verdict::Differs, "{to}: {}", report.summary);
        assert_eq!(named(&report).first(), Some(&guilty), "{to}: {:?} {}", named(&report), report.summary);
    }
}

#[test]
fn what_is_given_is_read_by_a_formula_too() {
    let direct = |text: &str| {
        let without = text.replace("  %r = sin(%x)\n  %h = add(%x, %r)\n", "").replace("%h", "%x");
        without.replace("  %k1 = sin(%x)\n  %k2 = add(%x, %k1)\n", "").replace("%k2", "%x")
    };
    let faulty = direct(SPELLED).replacen("div(%apart, %deviation)", "div(%deviation, %apart)", 1);
    let report = against(&faulty, &direct(FUSED), &inputs(&[3, 4]));
    assert_eq!(named(&report).first(), Some(&"quotient"), "{}", report.summary);
}

/// A gated unit three times, each product taken in the order that `order` says.
fn gated(order: [&str; 2], first: &str) -> String {
    let mut text = "graph \"gated\" {\n  input %x: f32[3, 4]\n  %half = constant() {value = f32[] 0.5}\n  \
                    %one = constant() {value = f32[] 1.0}\n"
        .to_owned();
    for layer in 1..=3 {
        let before = if layer == 1 { "x".to_owned() } else { format!("h{}", layer - 1) };
        let weight = |place: usize| format!("{:?}", ((place * 7 + layer * 5) % 13) as f32 / 5.0 - 1.1);
        let weights = (0..16).map(weight).collect::<Vec<_>>().join(", ");
        let weights = if layer == 1 { weights.replacen(&weight(3), first, 1) } else { weights };
        let [one, other] =
            order.map(|product| product.replace("%e", &format!("%e{layer}")).replace("%m", &format!("%m{layer}")));
        let (one, other) = (one.replace("%p", &format!("%p{layer}")), other.replace("%p", &format!("%p{layer}")));
        text += &format!(
            "  %w{layer} = constant() {{value = f32[4, 4] [{weights}]}}\n  %m{layer} = matmul(%{before}, %w{layer})\n  \
             %f{layer} = erf(%m{layer})\n  %e{layer} = add(%f{layer}, %one)\n  %p{layer} = {one}\n  %h{layer} = {other}\n"
        );
    }
    text + "  output %h3\n}"
}

#[test]
fn products_in_another_order_do_not_hide_the_weight_that_is_wrong() {
    let ours = ["mul(%e, %half)", "mul(%m, %p)"];
    let theirs = ["mul(%m, %e)", "mul(%p, %half)"];
    let right = "1.5";
    let good = gated(theirs, right).replace("%p", "%q").replace("%f", "%g");
    let report = against(&gated(ours, right), &good, &inputs(&[3, 4]));
    assert!(matches!(report.verdict, Verdict::Agrees | Verdict::Rounding), "{}", report.summary);
    let report = against(&gated(ours, "-1.5"), &good, &inputs(&[3, 4]));
    assert_eq!(report.verdict, Verdict::Differs, "{}", report.summary);
    assert_eq!(named(&report), ["m1"], "{}", report.summary);
}

/// Scores with a mask, whose sum is taken in one node or in two.
fn masked(scale: &str, by: &str, mask: &str) -> String {
    format!(
        "graph \"masked\" {{
  input %x: f32[3, 4]
  %w = constant() {{value = f32[4, 4] [{by}, -0.25, 0.125, 1.0, -0.5, 0.75, 0.3, -0.2, 0.9, 0.1, -0.6, 0.4, 0.2, -0.7, 0.8, -0.1]}}
  %q = matmul(%x, %w)
  %s = constant() {{value = f32[] 0.5}}
  {scale}
  %mask = constant() {{value = f32[4] [0.0, 0.0, {mask}, {mask}]}}
  %scores = add(%scaled, %mask)
  %share = softmax(%scores) {{axis = 1}}
  %y = matmul(%share, %w)
  output %y
}}"
    )
}

#[test]
fn a_mask_hides_no_difference_of_what_it_is_added_to() {
    let ours = "%u = mul(%q, %s)\n  %scaled = identity(%u)";
    let theirs = "%scaled = mul(%q, %s)";
    for mask in ["-1e4", "-1e9", "-3.4028235e38"] {
        let good = masked(theirs, "0.5", mask);
        let report = against(&masked(ours, "0.5", mask), &good, &inputs(&[3, 4]));
        assert!(matches!(report.verdict, Verdict::Agrees | Verdict::Rounding), "{mask}: {}", report.summary);
        let report = against(&masked(ours, "0.6", mask), &good, &inputs(&[3, 4]));
        assert_eq!(named(&report).first(), Some(&"q"), "{mask}: {}", report.summary);
        // A mask that is forgotten.
        let faulty = good.replacen("add(%scaled, %mask)", "identity(%scaled)", 1);
        let report = against(&faulty, &good, &inputs(&[3, 4]));
        assert_eq!(named(&report).first(), Some(&"scores"), "{mask}: {}", report.summary);
    }
}

#[test]
fn what_puts_elements_in_another_order_is_named_and_not_what_reads_them() {
    let text = |order: &str| {
        format!(
            "graph \"g\" {{
  input %x: f32[1, 3, 2, 4]
  %moved = transpose(%x) {{perm = {order}}}
  %shape = constant() {{value = i64[2] [2, 12]}}
  %flat = reshape(%moved, %shape)
  %y = sin(%flat)
  output %y
}}"
        )
    };
    let (wrong, right) = (text("[1, 2, 0, 3]"), text("[0, 2, 1, 3]"));
    let report = against(&wrong, &right, &inputs(&[1, 3, 2, 4]));
    assert_eq!(named(&report).first(), Some(&"moved"), "{}", report.summary);
}

#[test]
fn an_output_in_another_order_differs() {
    let text = |order: &str, last: &str| {
        format!("graph \"g\" {{ input %x: f32[3, 4] %moved = transpose(%x) {{perm = {order}}} {last} output %y }}")
    };
    let x = inputs(&[3, 4])[0].as_tensor().unwrap().clone();
    let sines = Tensor::from_vec(&[3, 4], x.to_vec::<f32>().unwrap().into_iter().map(f32::sin).collect()).unwrap();
    for (last, y) in [("%y = identity(%moved)", &x), ("%y = sin(%moved)", &sines)] {
        let stored = [("moved", x.clone()), ("y", y.clone())];
        let report = against_stored(&text("[1, 0]", last), &inputs(&[3, 4]), &stored);
        assert_eq!(report.verdict, Verdict::Differs, "{last}: {}", report.summary);
        assert_eq!(named(&report).first(), Some(&"moved"), "{last}: {}", report.summary);
    }
}

#[test]
fn a_node_that_only_passes_a_constant_on_is_named() {
    let text = |sum: &str| {
        format!(
            "graph \"g\" {{
  input %x: f32[2, 2]
  %m = mul(%x, %x)
  %b = constant() {{value = f32[2, 2] [0.5, -1.25, 0.125, 2.0]}}
  %h = {sum}
  %y = sin(%h)
  output %y
}}"
        )
    };
    let ours = text("identity(%b) @ onnx(\"sum\", \"Identity\")");
    let good = text("add(%m, %b)");
    for theirs in [good.clone(), good.replace("%h", "%k")] {
        let report = against(&ours, &theirs, &inputs(&[2, 2]));
        assert_eq!(named(&report).first(), Some(&"sum"), "{}", report.summary);
    }
}

#[test]
fn what_makes_no_difference_is_none() {
    let text = |attrs: [&str; 2]| {
        format!(
            "graph \"g\" {{
  input %x: f32[3, 4]
  %w = constant() {{value = f32[4] [0.5, -1.25, 0.125, 2.0]}}
  %n = layer_normalization(%x, %w){}
  %shape = constant() {{value = i64[2] [2, 6]}}
  %y = reshape(%n, %shape){}
  output %y
}}",
            attrs[0], attrs[1]
        )
    };
    let report = against(&text([" {stash_type = f32}", " {allowzero = true}"]), &text(["", ""]), &inputs(&[3, 4]));
    assert_eq!(report.verdict, Verdict::Agrees, "{}", report.summary);
    let report = against(&text([" {epsilon = 0.1}", ""]), &text(["", ""]), &inputs(&[3, 4]));
    assert_eq!(named(&report), ["n"], "{}", report.summary);
}
