//! `diff`: in what two models differ as they are.

use glassbox_tensor::Tensor;
use glassbox_weights::{Metadata, Output as Format, write_tensors};
use serde_json::Value;

use super::tools::{peer, python};
use super::{Folder, glassbox, refused, root, stderr, stdout};

/// What `diff` prints with its exit code, which must be this one.
fn told(code: i32, arguments: &[&str]) -> String {
    let output = glassbox(&[&["diff"], arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

fn document(code: i32, a: &str, b: &str) -> Value {
    serde_json::from_str(&told(code, &[a, b, "--json"])).expect("JSON")
}

fn count(value: &Value) -> usize {
    value.as_array().expect("a list").len()
}

/// A variant of a peer model, made by a script that knows onnx only, with what the script says of it.
fn variant(kind: &str, name: &str) -> Option<(Folder, String, String, Value)> {
    let Some(python) = python() else {
        println!("skipped: no Python with onnx; scripts/setup.py makes one");
        return None;
    };
    let Some((whole, _)) = peer(name) else {
        println!("skipped: no peer model {name}; scripts/setup.py makes it");
        return None;
    };
    let folder = Folder::new("variant");
    let other = folder.path(&format!("{kind}.onnx"));
    let script = root().join("crates/glassbox-cli/tests/cli/diff_variant.py");
    let made = super::tools::scripted(&python, &Folder::new("python"))
        .arg(script)
        .args([kind, &whole, &other])
        .output()
        .expect("it starts");
    assert!(made.status.success(), "{}", stderr(&made));
    let told = serde_json::from_slice(&made.stdout).expect("JSON");
    Some((folder, whole, other, told))
}

const PEERS: [&str; 4] = ["resnet50", "bert_base", "silero_vad", "magika"];

#[test]
fn a_model_is_the_same_as_itself_and_as_itself_with_other_names() {
    for name in PEERS {
        let Some((_folder, whole, other, made)) = variant("rename", name) else { return };
        assert!(told(0, &[&whole, &whole]).starts_with("✓ same\n"), "{name}");
        let text = told(0, &[&whole, &other]);
        assert!(text.starts_with("✓ same structure, "), "{name}: {text}");
        let found = document(0, &whole, &other);
        let (renamed, names) = (count(&found["renamed"]), made["renamed"].as_u64().expect("a number"));
        // Not every name is one of a value or weight: constants that are part of a node count once.
        assert!(renamed > 100, "{name}: {renamed} of {names}");
        for list in ["changed", "only_in_a", "only_in_b", "weights_changed", "weights_only_in_a", "weights_only_in_b"] {
            assert_eq!(count(&found[list]), 0, "{name}: {list}");
        }
    }
}

#[test]
fn an_attribute_that_was_changed_is_the_only_difference() {
    for name in ["resnet50", "bert_base"] {
        let Some((_folder, whole, other, made)) = variant("attribute", name) else { return };
        let found = document(1, &whole, &other);
        assert_eq!(count(&found["changed"]), 1, "{name}: {found}");
        let changed = &found["changed"][0];
        assert_eq!(changed["node"], made["node"], "{name}");
        assert_eq!(changed["changes"][0]["name"], made["attribute"], "{name}: {changed}");
        assert_eq!((count(&changed["changes"]), count(&found["weights_changed"])), (1, 0), "{name}");
        assert!(told(1, &[&whole, &other]).starts_with("✗ 1 node differs\n"), "{name}");
    }
}

#[test]
fn a_weight_of_which_one_element_was_changed_is_measured() {
    for name in ["resnet50", "bert_base", "magika"] {
        let Some((_folder, whole, other, made)) = variant("weight", name) else { return };
        let found = document(1, &whole, &other);
        assert_eq!((count(&found["weights_changed"]), count(&found["changed"])), (1, 0), "{name}: {found}");
        let weight = &found["weights_changed"][0];
        assert_eq!((&weight["name"], &weight["differing"]), (&made["weight"], &1.into()), "{name}");
        for (ours, theirs) in [("relative_norm", "relative"), ("max_abs", "max_abs")] {
            let (ours, theirs) = (weight[ours].as_f64().expect("a number"), made[theirs].as_f64().expect("a number"));
            assert!((ours - theirs).abs() <= 1e-6 * theirs, "{name}: {ours}, numpy has {theirs}");
        }
        assert!(told(1, &[&whole, &other]).starts_with("✗ same structure, 1 weight differs\n"), "{name}");
    }
}

#[test]
fn a_node_that_was_dropped_is_on_one_side_only() {
    for name in ["resnet50", "bert_base"] {
        let Some((_folder, whole, other, made)) = variant("drop", name) else { return };
        let found = document(1, &whole, &other);
        assert_eq!((count(&found["only_in_a"]), count(&found["only_in_b"])), (1, 0), "{name}: {found}");
        assert_eq!((&found["only_in_a"][0]["node"], &found["only_in_a"][0]["op"]), (&made["node"], &made["op"]));
        let mut readers: Vec<&Value> =
            found["changed"].as_array().expect("a list").iter().map(|one| &one["node"]).collect();
        let mut wanted: Vec<&Value> = made["readers"].as_array().expect("a list").iter().collect();
        readers.sort_by_key(|name| name.to_string());
        wanted.sort_by_key(|name| name.to_string());
        assert_eq!(readers, wanted, "{name}");
        // From the other side it is the other way round.
        let found = document(1, &other, &whole);
        assert_eq!((count(&found["only_in_a"]), count(&found["only_in_b"])), (0, 1), "{name}: {found}");
    }
}

#[test]
fn operands_that_changed_places_are_told_as_that() {
    let Some((_folder, whole, other, made)) = variant("swap", "bert_base") else { return };
    let found = document(1, &whole, &other);
    assert_eq!(count(&found["changed"]), 1, "{found}");
    assert_eq!(found["changed"][0]["node"], made["node"]);
    assert_eq!(found["changed"][0]["changes"][0]["kind"], "order", "{found}");
}

#[test]
fn weights_that_are_stored_as_f16_are_told_apart_from_others() {
    for name in ["resnet50", "bert_base"] {
        let Some((_folder, whole, other, made)) = variant("half", name) else { return };
        let found = document(1, &whole, &other);
        assert_eq!(
            (&found["same_structure"], count(&found["weights_only_in_a"])),
            (&true.into(), 0),
            "{name}: {found}"
        );
        let stored: Vec<&Value> = found["weights_changed"].as_array().expect("a list").iter().collect();
        assert!(stored.iter().all(|weight| weight["kind"] == "stored"), "{name}: {stored:?}");
        assert_eq!(stored.len() as u64, made["stored"].as_u64().expect("a number"), "{name}");
        let text = told(1, &[&whole, &other]);
        assert!(text.contains("f32 → f16"), "{name}: {text}");
    }
}

#[test]
fn files_that_cannot_be_imported_are_compared_as_they_are() {
    for name in ["resnet50", "bert_base"] {
        let Some((_folder, whole, other, made)) = variant("unknown", name) else { return };
        assert!(told(0, &[&other, &other]).starts_with("✓ same\n"), "{name}");
        let found = document(1, &whole, &other);
        assert_eq!(count(&found["weights_changed"]), 0, "{name}");
        let differing = ["changed", "only_in_a"].map(|list| found[list].as_array().expect("a list").clone()).concat();
        assert!(differing.iter().any(|node| node["node"] == made["node"]), "{name}: {found}");
        assert!(differing.len() <= 2, "{name}: {found}");
    }
}

/// Pairs of small graphs, and what `diff` says first.
#[test]
fn small_graphs() {
    let body = |inside: &str| format!("graph \"g\" {{ input %x: f32[N, 4] {inside} output %y }}");
    let base = body("%a = neg(%x) %b = exp(%a) %y = sub(%b, %x)");
    let cases: [(&str, String, String, i32, &str); 16] = [
        ("itself", base.clone(), base.clone(), 0, "✓ same\n"),
        (
            "names",
            base.clone(),
            "graph \"h\" { input %u: f32[B, 4] %p = neg(%u) %q = exp(%p) %r = sub(%q, %u) output %r }".to_owned(),
            0,
            "✓ same structure, 5 names differ\n",
        ),
        (
            "the order of what stands side by side",
            body("%a = neg(%x) %b = exp(%x) %y = sub(%a, %b)"),
            body("%b = exp(%x) %a = neg(%x) %y = sub(%a, %b)"),
            0,
            "✓ same\n",
        ),
        (
            "the order of operands that commute",
            body("%a = neg(%x) %y = add(%a, %x)"),
            body("%a = neg(%x) %y = add(%x, %a)"),
            0,
            "✓ same\n",
        ),
        ("an op", base.clone(), base.replace("exp(", "sin("), 1, "✗ 1 node differs\n"),
        ("an order", base.clone(), base.replace("sub(%b, %x)", "sub(%x, %b)"), 1, "✗ 1 node differs\n"),
        ("an operand", base.clone(), base.replace("sub(%b, %x)", "sub(%b, %a)"), 1, "✗ 1 node differs\n"),
        ("another output", base.clone(), base.replace("output %y", "output %b"), 1, "✗ 1 output differs\n"),
        (
            "one output more",
            base.clone(),
            base.replace("output %y", "output %y, %b"),
            1,
            "✗ 1 output differs\n",
        ),
        (
            "a default that is spelled out",
            body("%y = softmax(%x)"),
            body("%y = softmax(%x) {axis = -1}"),
            0,
            "✓ same\n",
        ),
        (
            "an attribute",
            body("%y = softmax(%x) {axis = 0}"),
            body("%y = softmax(%x) {axis = 1}"),
            1,
            "✗ 1 node differs\n",
        ),
        ("a type", base.clone(), base.replace("f32[N, 4]", "f32[N, 5]"), 1, "✗ 1 input differs, 1 output differs\n"),
        ("a dim that is known", base.clone(), base.replace("[N, 4]", "[2, 4]"), 1, "✗ 1 input differs, 1 output differs\n"),
        (
            "a factor",
            body("%k = constant() {value = f32[] 2} %y = mul(%x, %k)"),
            body("%k = constant() {value = f32[] 3} %y = mul(%x, %k)"),
            1,
            "✗ 1 node differs\n",
        ),
        (
            "a weight",
            body("%k = constant() {value = f32[4] [1, 2, 3, 4]} %y = mul(%x, %k)"),
            body("%k = constant() {value = f32[4] [1, 2, 3, 5]} %y = mul(%x, %k)"),
            1,
            "✗ same structure, 1 weight differs\n",
        ),
        (
            "what a body gives",
            "graph \"g\" { input %c: bool[] input %x: f32[4] %a = neg(%x) %y = if(%c) () { yield %a } () { yield %x } output %y }"
                .to_owned(),
            "graph \"g\" { input %c: bool[] input %x: f32[4] %a = neg(%x) %y = if(%c) () { yield %x } () { yield %a } output %y }"
                .to_owned(),
            1,
            "✗ 1 node differs\n",
        ),
    ];
    let folder = Folder::new("small");
    for (what, a, b, code, first) in cases {
        let (one, other) = (folder.file("a.gb", &a), folder.file("b.gb", &b));
        let text = told(code, &[&one, &other]);
        assert!(text.starts_with(first), "{what}: {text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{what}: {text}");
        // The other way round it is the same answer.
        let back = told(code, &[&other, &one]);
        assert!(back.starts_with(first), "{what}, from B to A: {back}");
    }
}

/// A file of weights.
fn weights(folder: &Folder, name: &str, prefix: &str, last: f32) -> String {
    let tensor = |values: Vec<f32>| Tensor::from_vec(&[values.len()], values).expect("a tensor");
    let long: Vec<f32> = (0..100).map(|i| i as f32).collect();
    let tensors = [
        (format!("{prefix}layers.0.weight"), tensor(long.clone())),
        (format!("{prefix}layers.1.weight"), tensor(long.iter().map(|value| value * last).collect())),
    ];
    let path = folder.path(name);
    write_tensors(path.as_ref(), Format::Safetensors, &tensors, Metadata::default()).expect("it is written");
    path
}

#[test]
fn weights_without_a_family_are_compared_by_name() {
    let folder = Folder::new("weights");
    let a = weights(&folder, "a.safetensors", "", 1.0);
    let same = weights(&folder, "same.safetensors", "", 1.0);
    assert!(told(0, &[&a, &same]).starts_with("✓ same weights\n"));
    let renamed = weights(&folder, "renamed.safetensors", "model.", 2.0);
    let found = document(1, &a, &renamed);
    assert_eq!(found["same_structure"], Value::Null);
    assert_eq!(found["weights_changed"][0]["name"], "layers.1.weight", "{found}");
    assert_eq!(found["weights_changed"][0]["in_b"], "model.layers.1.weight", "{found}");
    // The norm of x - 2x over that of 2x.
    assert_eq!(found["weights_changed"][0]["relative_norm"], 0.5);
    assert_eq!(count(&found["weights_changed"]), 1);
    // Where the lines break hangs on how long the name of the folder is.
    let text = told(1, &[&a, &renamed]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("only weights are compared: "), "{text}");
    // A model with a graph has weights, too.
    let found = document(1, "stories", &a);
    assert_eq!(count(&found["weights_only_in_b"]), 2, "{found}");
    assert!(count(&found["weights_only_in_a"]) > 10);
}

#[test]
fn checkpoints_are_compared_with_their_graphs() {
    assert!(told(0, &["stories", "stories"]).starts_with("✓ same\n"));
    let folder = Folder::new("quantised");
    let half = folder.path("half.oinf");
    let converted = glassbox(&["-q", "convert", "stories", &half, "--quantize", "f16"]);
    assert!(converted.status.success(), "{}", stderr(&converted));
    let found = document(1, "stories", &half);
    let weights = found["weights_changed"].as_array().expect("a list");
    assert!(!weights.is_empty() && weights.iter().all(|weight| weight["kind"] == "stored"), "{found}");
    assert_eq!(count(&found["only_in_a"]) + count(&found["weights_only_in_a"]), 0, "{found}");
    let quantised = folder.path("quantised.oinf");
    let converted = glassbox(&["-q", "convert", "stories", &quantised, "--quantize", "q8_0"]);
    assert!(converted.status.success(), "{}", stderr(&converted));
    let found = document(1, "stories", &quantised);
    assert_eq!((&found["same_structure"], count(&found["weights_only_in_a"])), (&true.into(), 0), "{found}");
    let weights = found["weights_changed"].as_array().expect("a list");
    assert!(weights.len() > 20, "{found}");
    for weight in weights {
        // A block's step is its largest element over 127, and rounding takes half of it.
        let relative = weight["relative_norm"].as_f64().expect("a number");
        assert!(relative > 0.0 && relative < 0.02 && weight["type_in_b"].as_str().expect("a type").starts_with("q8_0"));
    }
    let found = document(1, "stories", "stories-rwkv7");
    assert!(count(&found["only_in_a"]) > 10 && found["same"] == false);
}

#[test]
fn faults_are_told_with_exit_code_3() {
    let folder = Folder::new("faults");
    let good = folder.file("good.gb", super::SUM);
    let bad = folder.file("bad.gb", "graph \"g\" { input %x: f32[N] %y = nosuch(%x) output %y }");
    let empty = folder.file("empty.onnx", "");
    for (a, b, want) in [
        (good.as_str(), "nowhere.onnx", "nowhere.onnx: there is no such file"),
        (&good, &bad, "nosuch"),
        (&empty, &good, "empty.onnx"),
    ] {
        let message = refused(&["diff", a, b], 3);
        assert!(message.contains(want), "{message}");
    }
    refused(&["diff", &good], 2);
}
