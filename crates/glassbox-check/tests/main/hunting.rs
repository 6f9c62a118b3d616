//! One model against another: what was changed is found, whatever the names are.

use glassbox_check::report::{Cause, Kind, Verdict};
use glassbox_exec::Value;
use glassbox_tensor::Tensor;

use crate::{against, graph, model};

const NETWORK: &str = "graph \"network\" {
  input %x: f32[2, 4]
  %w1 = constant() {value = f32[4, 4] [0.5, -0.25, 0.125, 1.0, -0.5, 0.75, 0.3, -0.2, 0.9, 0.1, -0.6, 0.4, 0.2, -0.7, 0.8, -0.1]}
  %b1 = constant() {value = f32[4] [0.1, -0.2, 0.3, -0.4]}
  %h1 = matmul(%x, %w1)
  %h2 = add(%h1, %b1)
  %h3 = relu(%h2)
  %s = softmax(%h3) {axis = 1}
  %d = sub(%h3, %s)
  %w2 = constant() {value = f32[4, 2] [0.3, 0.1, -0.4, 0.6, 0.2, -0.9, 0.7, 0.5]}
  %y = matmul(%d, %w2)
  output %y
}";

fn inputs() -> Vec<Value> {
    let x = Tensor::from_vec(&[2, 4], vec![1.0f32, -2.0, 0.5, 3.0, -1.5, 2.5, 0.25, -0.75]).unwrap();
    vec![x.into()]
}

/// The same text with every value renamed.
fn renamed(text: &str) -> String {
    let mut renamed = text.to_owned();
    for (place, name) in ["w1", "b1", "h1", "h2", "h3", "w2"].iter().enumerate() {
        renamed = renamed.replace(&format!("%{name}"), &format!("%value_{place}"));
    }
    renamed
        .replace("%s ", "%value_s ")
        .replace("%s)", "%value_s)")
        .replace("%d ", "%value_d ")
        .replace("%d,", "%value_d,")
}

#[test]
fn a_model_agrees_with_itself_under_other_names() {
    let report = against(NETWORK, &renamed(NETWORK), &inputs());
    assert_eq!(report.verdict, Verdict::Agrees, "{}", report.summary);
    assert_eq!(report.rows.len(), 6);
    assert!(report.culprits.is_empty());
}

/// What is changed in ours, and the node that must be named first.
const FAULTS: &[(&str, &str, &str)] = &[
    ("relu(%h2)", "identity(%h2)", "h3"),
    ("relu(%h2)", "abs(%h2)", "h3"),
    ("{axis = 1}", "{axis = 0}", "s"),
    ("sub(%h3, %s)", "sub(%s, %h3)", "d"),
    ("sub(%h3, %s)", "add(%h3, %s)", "d"),
    ("sub(%h3, %s)", "identity(%h3)", "d"),
    ("[0.1, -0.2, 0.3, -0.4]", "[0.1, -0.2, -0.3, -0.4]", "h2"),
    ("0.7, 0.5]", "0.7, -0.5]", "y"),
    ("0.8, -0.1]", "0.8, -0.11]", "h1"),
    ("matmul(%x, %w1)", "matmul(%x, %w1t)", "w1t"),
];

#[test]
fn what_was_changed_is_named_first() {
    let transposed = "%w1t = transpose(%w1)\n  %b1 =";
    for (from, to, guilty) in FAULTS {
        assert!(NETWORK.contains(from), "{from}");
        let mut faulty = NETWORK.replacen(from, to, 1);
        if to.contains("w1t") {
            faulty = faulty.replacen("%b1 =", transposed, 1);
        }
        for good in [NETWORK.to_owned(), renamed(NETWORK)] {
            let report = against(&faulty, &good, &inputs());
            assert_eq!(report.verdict, Verdict::Differs, "{to}: {}", report.summary);
            let named: Vec<&str> = report.culprits.iter().map(|culprit| culprit.node.as_str()).collect();
            assert_eq!(named.first(), Some(guilty), "{to}: {named:?} {}", report.summary);
        }
    }
}

#[test]
fn the_cause_is_told() {
    let faulty = NETWORK.replacen("{axis = 1}", "{axis = 0}", 1);
    let report = against(&faulty, &renamed(NETWORK), &inputs());
    let attribute = Cause::Attribute { name: "axis".into(), ours: Some("0".into()), theirs: Some("1".into()) };
    assert_eq!(report.culprits[0].causes, [attribute]);
    let faulty = NETWORK.replacen("0.7, 0.5]", "0.7, -0.5]", 1);
    let report = against(&faulty, NETWORK, &inputs());
    assert!(
        matches!(&report.culprits[0].causes[..], [Cause::Constant { name, relative: Some(_), .. }] if name == "w2")
    );
}

/// Where the values don't show it, the models are held against each other nevertheless.
#[test]
fn a_change_that_the_inputs_do_not_show_is_told() {
    let faulty = NETWORK.replacen("0.8, -0.1]", "0.8, -0.2]", 1);
    let zeros = vec![Tensor::from_vec(&[2, 4], vec![0f32; 8]).unwrap().into()];
    let report = against(&faulty, NETWORK, &zeros);
    assert_eq!(report.verdict, Verdict::Structure, "{}", report.summary);
    assert_eq!((report.culprits[0].node.as_str(), report.culprits[0].kind), ("h1", Kind::Unseen));
}

/// A fault of one bit in one element isn't lost beside others that are far larger.
#[test]
fn what_differs_downstream_is_inherited() {
    let faulty = NETWORK.replacen("[0.1, -0.2, 0.3, -0.4]", "[0.1, -0.2, 0.3, -0.4001]", 1);
    let report = against(&faulty, NETWORK, &inputs());
    let status: Vec<&str> = report.rows.iter().map(|row| row.status.name()).collect();
    assert_eq!(status[..2], ["agrees", "introduced"], "{}", report.summary);
    assert!(status[2..].iter().all(|status| ["inherited", "agrees"].contains(status)), "{status:?}");
}

#[test]
fn an_output_without_a_partner_is_no_agreement() {
    let two = NETWORK.replace("output %y", "%z = softsign(%x)\n  output %y, %z");
    let report = against(&two, NETWORK, &inputs());
    assert_eq!(report.verdict, Verdict::Differs, "{}", report.summary);
    assert!(report.summary.contains("output z"), "{}", report.summary);
}

#[test]
fn models_that_have_nothing_in_common_are_an_error() {
    let other = "graph \"g\" {\n  input %a: i64[3]\n  %b = neg(%a)\n  output %b\n}";
    let three: Vec<Value> = vec![Tensor::from_vec(&[3], vec![1i64, 2, 3]).unwrap().into()];
    let (ours, theirs) = (model(graph(NETWORK), &inputs()), model(graph(other), &three));
    let tolerances = glassbox_check::tolerance::Tolerances::default();
    let hunt = glassbox_check::Hunt { reference: glassbox_backends::reference(), tolerances };
    let error = hunt.run(&ours, glassbox_check::Other::Model(Box::new(theirs))).unwrap_err();
    assert!(error.to_string().contains("no value of the model could be paired"), "{error}");
}

/// A side that fails on the way is compared up to there, and what stopped it is told.
#[test]
fn a_side_that_fails_is_told() {
    let failing = NETWORK.replace(
        "  %y = matmul(%d, %w2)",
        "  %i = cast(%x) {to = i64}\n  %k = constant() {value = i64[] [100]}\n  %j = mul(%i, %k)\n  %g = gather(%b1, %j)\n  %y = \
         matmul(%d, %w2)",
    );
    for (ours, theirs) in [(failing.as_str(), NETWORK), (NETWORK, failing.as_str())] {
        let report = against(ours, theirs, &inputs());
        assert_eq!(report.verdict, Verdict::Differs, "{}", report.summary);
        assert!(report.summary.contains("gather `g`"), "{}", report.summary);
        assert_eq!(report.rows.len(), 5, "{}", report.summary);
    }
}

/// Scores that are scaled and masked after the product, as an exporter writes them, or those for which an operand was scaled
/// before and the mask, which is zero, was dropped, as programs do that optimise. Scaled and masked are the same numbers, so
/// that by what they hold neither has one partner.
fn scores(how: &str, last: &str) -> String {
    let (nodes, scores) = match how {
        "after" => (
            "%scores = matmul(%x, %w1)\n  %scaled = mul(%scores, %quarter)\n  \
             %mask = constant() {value = f32[4] [0, 0, 0, 0]}\n  %masked = add(%scaled, %mask)",
            "%masked",
        ),
        "left" => ("%narrow = mul(%x, %quarter)\n  %fused = matmul(%narrow, %w1)", "%fused"),
        _ => ("%narrow = mul(%w1, %quarter)\n  %fused = matmul(%x, %narrow)", "%fused"),
    };
    let softmax = if how == "after" { "%p" } else { "%q" };
    format!(
        "graph \"scores\" {{
  input %x: f32[2, 4]
  %w1 = constant() {{value = f32[4, 4] [0.5, -0.25, 0.125, 1.0, -0.5, 0.75, 0.3, -0.2, 0.9, 0.1, -0.6, 0.4, 0.2, -0.7, 0.8, -0.1]}}
  %quarter = constant() {{value = f32[] 0.25}}
  {nodes}
  {softmax} = softmax({scores}) {{axis = 1}}
  %w2 = constant() {{value = f32[4, 2] [0.3, 0.1, -0.4, 0.6, 0.2, -0.9, 0.7, {last}]}}
  %y = matmul({softmax}, %w2)
  output %y
}}"
    )
}

#[test]
fn a_product_that_is_scaled_elsewhere_is_not_guilty() {
    for how in ["left", "right"] {
        let report = against(&scores("after", "0.5"), &scores(how, "0.6"), &inputs());
        let named: Vec<&str> = report.culprits.iter().map(|culprit| culprit.node.as_str()).collect();
        assert_eq!(named.first(), Some(&"y"), "{how}: {}", report.summary);
        assert!(!named.contains(&"scores") && !named.contains(&"p"), "{how}: {}", report.summary);
    }
}
