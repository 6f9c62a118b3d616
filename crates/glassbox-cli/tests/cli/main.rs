//! The command line, as a user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bench;
mod check;
mod diff;
mod language;
mod pictures;
mod programs;
mod running;
mod table;
mod tools;
mod usage;
mod values;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the root").to_owned()
}

/// `glassbox` in the root of the repository, without the variables that make it write otherwise.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glassbox"));
    command.args(arguments).current_dir(root());
    for name in ["CLICOLOR_FORCE", "FORCE_COLOR", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

/// Runs `glassbox`.
fn glassbox(arguments: &[&str]) -> Output {
    command(arguments).output().expect("it starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command prints that succeeds.
fn printed(arguments: &[&str]) -> String {
    let output = glassbox(arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// The message of a command that fails with this exit code.
fn refused(arguments: &[&str], code: i32) -> String {
    let output = glassbox(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    stderr(&output)
}

/// A folder of this test's own, which is gone afterwards.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(name: &str) -> Folder {
        Folder(tempfile::Builder::new().prefix(name).tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

const SUM: &str =
    "graph \"sum\" {\n  input %x: f32[N]\n  input %y: f32[N]\n  %z = add(%x, %y) : f32[N]\n  output %z\n}\n";

#[test]
fn the_classifier_gives_what_onnxruntime_gives_for_every_image() {
    let expected = std::fs::read_to_string(root().join("models/shapes/expected.json")).expect("expected.json");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let images = expected.as_object().expect("images");
    assert_eq!(images.len(), 10);
    for (name, probabilities) in images {
        let image = format!("image=models/shapes/images/{name}");
        let given: Value =
            serde_json::from_str(&printed(&["run", "shapes", "--input", &image, "--json"])).expect("JSON");
        let labels = given["labels"].as_array().expect("labels");
        let values = given["outputs"][0]["value"]["values"].as_array().expect("values");
        assert_eq!((values.len(), labels.len()), (10, 10));
        for (label, value) in labels.iter().zip(values) {
            let wanted = probabilities[label.as_str().expect("a label")].as_f64().expect("a number");
            let given = value.as_f64().expect("a number");
            assert!((given - wanted).abs() <= 1e-5, "{name}, {label}: {given}, onnxruntime gave {wanted}");
        }
    }
}

#[test]
fn a_run_shows_classes_and_writes_outputs() {
    let folder = Folder::new("run");
    let text = printed(&["run", "shapes", "-i", "models/shapes/images/star.png", "-o", &folder.path("out"), "-q"]);
    assert!(text.starts_with("probabilities: f32[1, 10] = ["), "{text}");
    assert!(text.lines().nth(1).is_some_and(|line| line.ends_with("%  star")), "{text}");
    let written = std::fs::read(folder.path("out/probabilities.npy")).expect("it is written");
    assert!(written.starts_with(b"\x93NUMPY"));
}

#[test]
fn what_is_written_can_be_an_input_again() {
    let folder = Folder::new("again");
    let model = folder.file("sum.gb", SUM);
    printed(&["run", &model, "-i", "x=const:1.5", "-i", "y=const:-4", "--dim", "N=3", "-o", &folder.path("out")]);
    let input = format!("x={}", folder.path("out/z.npy"));
    let text = printed(&["run", &model, "-i", &input, "-i", "y=zeros", "--dim", "N=3"]);
    assert_eq!(text.trim(), "z: f32[3] = [-2.5 -2.5 -2.5]");
}

#[test]
fn random_inputs_are_the_same_for_the_same_seed() {
    let folder = Folder::new("random");
    let model = folder.file("sum.gb", SUM);
    let run =
        |seed| printed(&["run", &model, "-i", "x=random", "-i", "y=zeros", "-d", "N=4", "--seed", seed, "--json"]);
    assert_eq!(run("7"), run("7"));
    assert_ne!(run("7"), run("8"));
}

#[test]
fn missing_and_wrong_inputs_are_named_with_what_to_do() {
    let folder = Folder::new("wrong");
    let model = folder.file("sum.gb", SUM);
    let message = refused(&["run", &model, "-i", "x=zeros", "-d", "N=2"], 3);
    assert!(message.contains("no value is given for y: f32[N]") && message.contains("--input"), "{message}");
    let message = refused(&["run", &model, "-i", "x=zeros", "-i", "y=zeros"], 3);
    assert!(message.contains("--dim N=SIZE"), "{message}");
    let message = refused(&["run", &model, "-i", "w=zeros"], 3);
    assert!(message.contains("the model has no such input; it has x, y"), "{message}");
    let message = refused(&["run", "nowhere.onnx"], 3);
    assert!(message.contains("nowhere.onnx"), "{message}");
    refused(&["run"], 2);
}

#[test]
fn the_printed_graph_is_a_model_again() {
    let folder = Folder::new("graph");
    let text = printed(&["inspect", "shapes", "--graph", "--data"]);
    let model = folder.file("shapes.gb", &text);
    assert_eq!(printed(&["inspect", &model, "--graph", "--data"]), text);
    let json = printed(&["inspect", "shapes", "--graph", "--json"]);
    let model = folder.file("shapes.json", &json);
    let image = "image=models/shapes/images/heart.png";
    assert_eq!(printed(&["run", &model, "-i", image]), printed(&["run", "shapes", "-i", image]));
}

#[test]
fn inspect_counts_what_is_in_a_model() {
    let facts: Value = serde_json::from_str(&printed(&["inspect", "shapes", "--json"])).expect("JSON");
    assert_eq!(facts["inputs"][0]["type"], "u8[N, 64, 64, 3]");
    assert_eq!(facts["outputs"][0]["name"], "probabilities");
    assert_eq!(facts["onnx"]["opsets"][""], 21);
    assert!(facts["constants"]["bytes"].as_u64().is_some_and(|bytes| bytes > 200_000));
    let text = printed(&["inspect", "shapes"]);
    assert!(text.contains("outputs     probabilities: f32[N, 10]"), "{text}");
}

#[test]
fn a_trace_marks_the_first_nan() {
    let folder = Folder::new("trace");
    let source = "graph \"g\" {\n  input %x: f32[2]\n  %a = abs(%x) : f32[2]\n  %l = log(%x) : f32[2]\n  %s = add(%a, %l) : f32[2]\n  output %s\n}\n";
    let model = folder.file("log.gb", source);
    let save = folder.path("values");
    let output = glassbox(&["trace", &model, "-i", "x=const:-1", "--save", &save]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
    assert!(text.contains("the first NaN is in `l`, which log `l` gives"), "{text}");
    assert!(text.contains("2 NaN"), "{text}");
    let index: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path("values/index.json")).expect("an index"))
            .expect("JSON");
    assert_eq!(index.as_array().map(Vec::len), Some(3));
    assert!(Path::new(&folder.path("values/00001-l.npy")).exists());
    let output = glassbox(&["trace", &model, "-i", "x=const:-1", "--json", "--stop-at-nan"]);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.last().expect("a line")["statistics"]["nan"], 2);
    assert_eq!(lines.len(), 2);
}

#[test]
fn check_tells_rounding_from_a_difference() {
    let folder = Folder::new("check");
    // In f32, 1e-9 is lost where 1 is added to it.
    let source = "graph \"g\" {\n  input %x: f32[1]\n  %one = constant() {value = f32[] 1} : f32[]\n  %up = add(%x, %one) : f32[1]\n  %down = sub(%up, %one) : f32[1]\n  output %down\n}\n";
    let model = folder.file("lost.gb", source);
    // Rounding explains it, and the report says so.
    let text = printed(&["check", &model, "-i", "x=const:1e-9", "--against", "precise"]);
    assert!(text.contains("agrees up to rounding"), "{text}");
}

#[test]
fn the_reference_agrees_with_itself_at_any_number_of_threads() {
    let image = "image=models/shapes/images/circle.png";
    let backend = ["--backend", "reference", "--against", "reference"];
    let check = glassbox(&[&["check", "shapes", "-i", image, "--threads", "3"], &backend[..]].concat());
    let (text, notes) = (stdout(&check), stderr(&check));
    assert!(check.status.success(), "{text}{notes}");
    assert!(text.contains("agrees: 29 values compared"), "{text}");
    assert!(notes.contains("on 3 threads, held to the bit against one thread"), "{notes}");
}

#[test]
fn the_op_table_can_be_read() {
    assert!(printed(&["ops"]).lines().count() > 40);
    let text = printed(&["ops", "softmax"]);
    assert!(text.contains("axis is in [-r, r)") && text.contains("composite"), "{text}");
    assert!(refused(&["ops", "sofmax"], 3).contains("no op is named `sofmax`"));
}

#[test]
fn completions_name_the_commands() {
    let script = printed(&["completions", "bash"]);
    assert!(script.contains("conformance") && script.contains("inspect"));
}
