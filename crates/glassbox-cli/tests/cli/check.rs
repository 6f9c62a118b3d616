//! `check` against every kind of other side, and what it says where the other side can't be had.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::tools::{peer, python};
use super::{Folder, glassbox, printed, refused, stderr, stdout};

const IMAGE: &str = "image=models/shapes/images/star.png";

/// A chain with one op, so that two of them differ in a known node.
fn chain(op: &str) -> String {
    format!(
        "graph \"chain\" {{\n  input %x: f32[4]\n  %a = exp(%x) : f32[4]\n  %b = {op}(%a) : f32[4]\n  %c = neg(%b) : f32[4]\n  \
         output %c\n}}\n"
    )
}

fn document(arguments: &[&str]) -> Value {
    let output = glassbox(arguments);
    serde_json::from_str(&stdout(&output))
        .unwrap_or_else(|error| panic!("{error}: {}{}", stdout(&output), stderr(&output)))
}

#[test]
fn the_values_of_a_trace_are_another_side() {
    let folder = Folder::new("saved");
    printed(&["-q", "trace", "shapes", "-i", IMAGE, "--backend", "reference", "--save", &folder.path("values")]);
    let text = printed(&["-q", "check", "shapes", "-i", IMAGE, "--against", &folder.path("values")]);
    assert!(text.contains("agrees: 29 values compared"), "{text}");
    let other =
        glassbox(&["-q", "check", "shapes", "-i", "image=zeros", "-d", "N=1", "--against", &folder.path("values")]);
    assert_eq!(other.status.code(), Some(1), "{}", stdout(&other));
}

/// A file as polygraphy writes it: arrays of NumPy in base64.
#[test]
fn the_outputs_that_polygraphy_saved_are_another_side() {
    let folder = Folder::new("polygraphy");
    let model = folder.file("abs.gb", &chain("abs"));
    printed(&["-q", "trace", &model, "-i", "x=const:0.5", "--save", &folder.path("values")]);
    let mut outputs = serde_json::Map::new();
    for entry in std::fs::read_dir(folder.path("values")).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "npy") {
            let name =
                path.file_stem().expect("a name").to_string_lossy().split_once('-').expect("a number").1.to_owned();
            let array = BASE64_STANDARD.encode(std::fs::read(&path).expect("the array"));
            let held =
                json!({"values": {"array": array, "polygraphy_class": "ndarray"}, "polygraphy_class": "LazyArray"});
            outputs.insert(name, held);
        }
    }
    assert_eq!(outputs.len(), 3);
    let run = json!({"outputs": outputs, "runtime": 0.1, "polygraphy_class": "IterationResult"});
    let saved = json!({"lst": [["runner", [run]]], "polygraphy_class": "RunResults"});
    let saved = folder.file("saved.json", &saved.to_string());
    let text = printed(&["-q", "check", &model, "-i", "x=const:0.5", "--against", &saved]);
    assert!(text.contains("agrees: 3 values compared"), "{text}");
    let sqrt = folder.file("sqrt.gb", &chain("sqrt"));
    let report = document(&["-q", "check", &sqrt, "-i", "x=const:0.5", "--against", &saved, "--json"]);
    assert_eq!(report["culprits"][0]["node"], "b", "{report}");
}

#[test]
fn another_model_is_another_side_and_the_cause_is_told() {
    let folder = Folder::new("models");
    let (ours, theirs) =
        (folder.file("sqrt.gb", &chain("sqrt")), folder.file("abs.gb", &chain("abs").replace("%b", "%other")));
    let report = document(&["-q", "check", &ours, "-i", "x=const:0.5", "--against", &theirs, "--json"]);
    assert_eq!((&report["format"], &report["version"]), (&json!("glassbox.check"), &json!(1)));
    assert_eq!((&report["verdict"], &report["agrees"]), (&json!("differs"), &json!(false)));
    let first = &report["culprits"][0];
    assert_eq!((&first["node"], &first["theirs"]), (&json!("b"), &json!("other")));
    assert_eq!(first["causes"][0], json!({"kind": "op", "ours": "sqrt", "theirs": "abs"}));
}

#[test]
fn a_page_is_written_whole() {
    let folder = Folder::new("page");
    let (ours, theirs) = (folder.file("sqrt.gb", &chain("sqrt")), folder.file("abs.gb", &chain("abs")));
    let page = folder.path("report.html");
    let check = glassbox(&["-q", "check", &ours, "-i", "x=const:0.5", "--against", &theirs, "--html", &page]);
    assert_eq!(check.status.code(), Some(1));
    let text = std::fs::read_to_string(&page).expect("the page");
    assert!(text.starts_with("<!DOCTYPE html>") && text.trim_end().ends_with("</html>"));
}

#[test]
fn what_is_allowed_passes_and_every_bit_counts_where_it_is_asked_for() {
    let folder = Folder::new("allowed");
    let model = folder.file("exp.gb", &chain("abs"));
    let check = |more: &[&str]| {
        let mut arguments = vec!["-q", "check", &model, "-i", "x=const:1", "--against", "precise"];
        arguments.extend(more);
        glassbox(&arguments).status.code()
    };
    assert_eq!(check(&[]), Some(0), "rounding is no difference");
    assert_eq!(check(&["--exact"]), Some(1), "unless every bit counts");
    assert_eq!(check(&["--rtol", "1e-12"]), Some(1), "or less is allowed");
    assert_eq!(check(&["--rtol", "1e-6", "--tolerance", "output:c=1e-12"]), Some(1));
    assert_eq!(check(&["--rtol", "1e-12", "--tolerance", "output=1e-6"]), Some(0), "the last that fits counts");
    assert_eq!(check(&["--tolerance", "op:exp"]), Some(2), "that is no tolerance");
}

#[test]
fn outputs_that_no_node_computes_are_compared() {
    let folder = Folder::new("given");
    let text = |second: u32| {
        format!(
            "graph \"g\" {{ input %x: f32[2] %k = constant() {{value = f32[2] [1, {second}]}} %y = neg(%x) output %y, %k, %x }}"
        )
    };
    let (model, other) = (folder.file("two.gb", &text(2)), folder.file("three.gb", &text(3)));
    let check = |against: &str| document(&["-q", "check", &model, "-i", "x=const:1", "--against", against, "--json"]);
    for against in ["precise", "cpu", "toy", &model] {
        let report = check(against);
        assert_eq!((&report["verdict"], &report["agrees"]), (&json!("agrees"), &json!(true)), "{against}: {report}");
        assert_eq!(report["values"].as_array().map(Vec::len), Some(3), "{against}: {report}");
    }
    let report = check(&other);
    assert_eq!((&report["agrees"], &report["culprits"][0]["node"]), (&json!(false), &json!("k")), "{report}");
    // What was stored by another program under the name of an output.
    let index = json!({"values": [{"name": "k", "file": "k.npy"}]});
    folder.file("index.json", &index.to_string());
    for (second, agrees) in [(2f32, true), (3f32, false)] {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".to_owned() + &" ".repeat(60);
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend([118, 0]);
        bytes.extend(&header.as_bytes()[..117]);
        bytes.push(b'\n');
        bytes.extend([1f32, second].iter().flat_map(|value| value.to_le_bytes()));
        std::fs::write(folder.path("k.npy"), bytes).expect("a file");
        assert_eq!(check(&folder.path(""))["agrees"], json!(agrees), "{second}");
    }
}

#[test]
fn onnxruntime_is_asked_by_the_tool_itself() {
    let Some(python) = python() else {
        println!("skipped: no Python with onnxruntime; scripts/setup.py makes one");
        return;
    };
    for (name, values) in [("silero_vad", 109), ("loop_scan", 333), ("external_data", 4)] {
        let Some((model, inputs)) = peer(name) else {
            println!("skipped: no peer model {name}; scripts/setup.py makes it");
            continue;
        };
        let python = python.display().to_string();
        let arguments =
            ["-q", "check", &model, "-i", &inputs, "--against", "onnxruntime", "--python", &python, "--json"];
        let report = document(&arguments);
        assert_eq!(report["agrees"], true, "{name}: {}", report["summary"]);
        assert_eq!(report["values"].as_array().map(Vec::len), Some(values), "{name}: {}", report["pairing"]);
    }
}

#[test]
fn lists_optionals_and_maps_are_handed_to_onnxruntime() {
    let Some(python) = python() else {
        println!("skipped: no Python with onnxruntime; scripts/setup.py makes one");
        return;
    };
    let (python, folder) = (python.display().to_string(), Folder::new("handed"));
    for (case, names) in [
        ("conformance/node/test_sequence_insert_at_back", "sequence tensor"),
        ("conformance/node/test_optional_has_element_optional_input", "optional_input"),
        ("conformance/node/test_optional_has_element_empty_optional_input", "optional_input"),
        ("conformance/node/test_optional_get_element_optional_tensor", "optional_input"),
        ("conformance/node/test_optional_get_element_optional_sequence", "optional_input"),
        ("contrib/maps/DictVectorizer_words", "x"),
        ("contrib/maps/CastMap_DENSE_3_TO_FLOAT", "x"),
    ] {
        let case_folder = glassbox_testkit::cache::folder().join(case);
        if !case_folder.is_dir() {
            println!("skipped: no case {case}; scripts/setup.py fetches or makes them");
            continue;
        }
        let mut model = case_folder.join("model.onnx").display().to_string();
        if case.starts_with("conformance") {
            // In an opset that onnxruntime knows.
            let newest = std::mem::replace(&mut model, folder.path("model.onnx"));
            printed(&["-q", "convert", &newest, &model, "--opset", "21", "--force"]);
        }
        let file = |place: usize| case_folder.join(format!("data_set_0/input_{place}.pb")).display().to_string();
        let inputs = names.split(' ').enumerate().map(|(place, name)| format!("{name}={}", file(place)));
        let inputs: Vec<String> = inputs.flat_map(|input| ["-i".to_owned(), input]).collect();
        let mut asked = vec!["-q", "check", &model, "--against", "onnxruntime", "--python", &python, "--json"];
        asked.extend(inputs.iter().map(String::as_str));
        let report = document(&asked);
        let compared = report["values"].as_array().map(Vec::len);
        assert_eq!((&report["agrees"], compared), (&json!(true), Some(1)), "{case}: {report}");
    }
}

#[test]
fn torch_is_asked_by_the_tool_itself() {
    let folder = Folder::new("torch");
    let golden = "crates/glassbox-models/tests/golden/llama";
    let tokens = format!("tokens={}", folder.file("tokens.json", "[[1, 2, 3, 4, 5, 6]]"));
    let lengths = format!("lengths={}", folder.file("lengths.json", "[6]"));
    let asked = ["-q", "check", golden, "-i", &tokens, "-i", &lengths, "--against", "torch", "--json", "--python"];
    let lacking = stand_in(&folder, "lacking", "echo missing: transformers >&2; exit 4");
    let message = refused(&[&asked[..], &[&lacking]].concat(), 3);
    assert!(message.contains("lacks a module that --against torch needs"), "{message}");
    let onnx = ["-q", "check", "models/shapes/shapes.onnx", "-i", IMAGE, "--against", "torch"];
    assert!(refused(&onnx, 3).contains("is no checkpoint"));
    let environment = glassbox_testkit::cache::folder().join("venv-torch");
    if !environment.join(".stamp").is_file() {
        println!("skipped: no Python with torch; scripts/setup.py --only venv-torch makes one");
        return;
    }
    let python = environment.join("bin/python").display().to_string();
    let report = document(&[&asked[..], &[&python]].concat());
    assert_eq!(report["agrees"], true, "{}", report["summary"]);
    let values = report["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    // The two layers of the model, what is before and after them, and its output.
    assert!(values.len() >= 20, "{} values: {}", values.len(), report["pairing"]);
    assert_eq!(values.last().map(|value| &value["value"]), Some(&json!("logits")), "{values:?}");
}

/// A program that stands in for a Python that can't do what it is asked.
pub(super) fn stand_in(folder: &Folder, name: &str, script: &str) -> String {
    let path = folder.file(name, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(Path::new(&path), std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    path
}

#[test]
fn what_goes_wrong_in_the_other_program_is_told() {
    let folder = Folder::new("python");
    for (name, script, says) in [
        ("missing", "echo missing: onnxruntime >&2; exit 4", "lacks a module that --against onnxruntime needs"),
        ("memory", "echo too much >&2; exit 5", "has too little memory"),
        ("failing", "echo first >&2; echo 'ValueError: last words' >&2; exit 1", "ValueError: last words"),
        ("killed", "kill -9 $$", "was ended by a signal"),
        ("silent", "exit 0", "index.json"),
    ] {
        let python = stand_in(&folder, name, script);
        let message = refused(
            &["-q", "check", "models/shapes/shapes.onnx", "-i", IMAGE, "--against", "onnxruntime", "--python", &python],
            3,
        );
        assert!(message.contains(says), "{name}: {message}");
    }
    let slow = stand_in(&folder, "slow", "exec sleep 600");
    let arguments =
        ["-q", "check", "models/shapes/shapes.onnx", "-i", IMAGE, "--against", "onnxruntime", "--timeout", "1"];
    let message = refused(&[&arguments[..], &["--python", &slow]].concat(), 3);
    assert!(message.contains("has not ended after 1 s"), "{message}");
    let message = refused(&[&arguments[..], &["--python", "/no/such/python"]].concat(), 3);
    assert!(message.contains("/no/such/python can't be started"), "{message}");
}

#[test]
fn an_other_side_that_is_nothing_is_refused() {
    let folder = Folder::new("nothing");
    let text = folder.file("values.json", "{\"polygraphy_class\": \"RunResults\", \"lst\": []}");
    let refusal = |against: &str| refused(&["-q", "check", "shapes", "-i", IMAGE, "--against", against], 3);
    assert!(refusal("nosuch").contains("there is no such file or folder"), "{}", refusal("nosuch"));
    assert!(refusal(&text).contains("it has no run with outputs"));
    assert!(refusal("torch").contains("is no checkpoint"));
    let graph = folder.file("chain.gb", &chain("abs"));
    let message = refused(&["-q", "check", &graph, "-i", "x=zeros", "--against", "onnxruntime"], 3);
    assert!(message.contains("is no ONNX file"), "{message}");
}

/// The chain as a program in block form.
fn program(op: &str) -> String {
    format!(
        "dynamic {{ x: f32[4]; }}\nblock entry {{\n  assign a: f32[4];\n  assign b: f32[4];\n  assign c: f32[4];\n  op exp(x) >> a;\n  \
         op {op}(a) >> b;\n  op neg(b) >> c;\n}}\n"
    )
}

#[test]
fn a_program_is_checked_and_is_another_side() {
    let folder = Folder::new("program-sides");
    let graph = folder.file("sqrt.gb", &chain("sqrt"));
    let (good, wrong) = (folder.file("sqrt.gbp", &program("sqrt")), folder.file("abs.gbp", &program("abs")));
    for (ours, theirs) in [(&good, &graph), (&graph, &good), (&good, &good)] {
        let text = printed(&["-q", "check", ours, "-i", "x=const:0.5", "--against", theirs]);
        assert!(text.contains("agrees: 3 values compared"), "{text}");
    }
    for (ours, theirs) in [(&wrong, &graph), (&wrong, &good)] {
        let report = document(&["-q", "check", ours, "-i", "x=const:0.5", "--against", theirs, "--json"]);
        let first = &report["culprits"][0];
        assert_eq!(first["causes"][0], json!({"kind": "op", "ours": "abs", "theirs": "sqrt"}), "{report}");
        assert_eq!(report["culprits"].as_array().map(Vec::len), Some(1), "{report}");
    }
    let report = document(&["-q", "check", &graph, "-i", "x=const:0.5", "--against", &wrong, "--json"]);
    assert_eq!(report["culprits"][0]["node"], "b", "{report}");
    let broken = folder.file("broken.gbp", "block entry { op relu(y) >> y; }");
    assert!(refused(&["-q", "check", &graph, "-i", "x=zeros", "--against", &broken], 3).contains("broken.gbp"));
}

/// A folder whose values lie in one file, one after the other.
#[test]
fn values_in_one_file_are_another_side() {
    let folder = Folder::new("one-file");
    let model = folder.file("abs.gb", &chain("abs"));
    let value = |x: f32| x.to_le_bytes().repeat(4);
    let bytes = [value(0.5f32.exp()), value(0.5f32.exp()), value(-(0.5f32.exp()))].concat();
    std::fs::create_dir(folder.path("values")).expect("a folder");
    std::fs::write(folder.path("values/values.bin"), &bytes).expect("the file");
    let entry = |name: &str, start: usize| json!({"name": name, "file": "values.bin", "start": start, "dtype": "f32", "shape": [4]});
    let index = |last: usize| json!({"values": [entry("a", 0), entry("b", 16), entry("c", last)]}).to_string();
    std::fs::write(folder.path("values/index.json"), index(32)).expect("the index");
    let text =
        printed(&["-q", "check", &model, "-i", "x=const:0.5", "--against", &folder.path("values"), "--rtol", "1e-6"]);
    assert!(text.contains("3 values compared"), "{text}");
    std::fs::write(folder.path("values/index.json"), index(40)).expect("the index");
    refused(&["-q", "check", &model, "-i", "x=const:0.5", "--against", &folder.path("values")], 3);
}
