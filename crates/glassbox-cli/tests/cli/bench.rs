//! `glassbox bench`: that it works, its fields and its messages. What the times are is nobody's business here.

use serde_json::{Value, json};

use super::check::stand_in;
use super::tools::{peer, python};
use super::{Folder, SUM, glassbox, printed, refused, stderr, stdout};

/// The document of a run.
fn document(arguments: &[&str]) -> Value {
    let arguments = [&["-q", "bench"], arguments, &["--json"]].concat();
    serde_json::from_str(&printed(&arguments)).expect("JSON")
}

/// How many runs there were, each of which took a time.
fn runs(side: &Value) -> usize {
    let rounds = side["rounds_s"].as_array().expect("rounds");
    let all: Vec<f64> =
        rounds.iter().flat_map(|round| round.as_array().expect("runs")).filter_map(Value::as_f64).collect();
    assert!(all.iter().all(|seconds| *seconds >= 0.0), "{all:?}");
    assert!(
        side["best_s"].as_f64() <= side["median_s"].as_f64() && side["median_s"].as_f64() <= side["p90_s"].as_f64()
    );
    all.len()
}

#[test]
fn a_model_is_timed_on_a_backend() {
    let folder = Folder::new("bench");
    let model = folder.file("sum.gb", SUM);
    let report = document(&[&model, "-d", "N=3", "-i", "x=const:1", "--rounds", "2", "--threads", "1"]);
    assert_eq!((&report["format"], &report["version"]), (&json!("glassbox.bench"), &json!(1)));
    assert_eq!((&report["threads"], &report["work"]["kind"]), (&json!(1), &json!("run")));
    assert_eq!((&report["peers"], &report["left_out"], &report["agrees"]), (&json!([]), &json!([]), &json!(true)));
    assert_eq!(report["ours"]["backend"], "cpu");
    assert_eq!(report["ours"]["rounds_s"].as_array().map(Vec::len), Some(2));
    assert!(runs(&report["ours"]) >= 2);
    assert_eq!(report["ours"]["tokens_per_s"], Value::Null);
    assert!(report.get("roofline").is_none());
    let text = printed(&["-q", "bench", &model, "-d", "N=3", "--rounds", "1", "--backend", "toy", "--threads", "1"]);
    assert!(text.contains("a run on toy, 1 thread") && text.contains("median"), "{text}");
}

#[test]
fn a_document_is_written_to_a_file() {
    let folder = Folder::new("bench-file");
    let model = folder.file("sum.gb", SUM);
    let file = folder.path("times.json");
    let option = format!("--json={file}");
    let text = printed(&["-q", "bench", &model, "-d", "N=3", "--rounds", "1", &option]);
    assert!(text.contains("median"), "{text}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(file).expect("a file")).expect("JSON");
    assert_eq!(report["format"], "glassbox.bench");
}

#[test]
#[cfg(feature = "text")]
fn a_language_model_reads_many_tokens_or_one_after_them() {
    let report = document(&["stories", "--prefill", "5", "--rounds", "1"]);
    assert_eq!(report["work"], json!({"kind": "prefill", "tokens": 5, "past": null}));
    assert!(report["ours"]["tokens_per_s"].as_f64().is_some_and(|speed| speed > 0.0));
    for model in ["stories", "stories-rwkv7"] {
        let report = document(&[model, "--decode", "3", "--past", "4", "--rounds", "2"]);
        assert_eq!(report["work"], json!({"kind": "decode", "tokens": null, "past": 4}));
        assert_eq!(runs(&report["ours"]), 6, "{model}");
    }
}

#[test]
fn another_engine_takes_turns_after_it_was_seen_to_compute_the_same() {
    let (Some(python), Some((model, inputs))) = (python(), peer("silero_vad")) else {
        println!("skipped: no Python with onnxruntime, or no model; scripts/setup.py makes both");
        return;
    };
    let python = python.display().to_string();
    let arguments = [&model, "-i", &inputs, "--rounds", "2", "--against", "onnxruntime", "--python", &python];
    let report = document(&arguments);
    let peer = &report["peers"][0];
    assert_eq!(
        (&peer["name"], &peer["agrees"], &report["agrees"]),
        (&json!("onnxruntime"), &json!(true), &json!(true))
    );
    assert!(peer["versions"]["onnxruntime"].is_string() && peer["peak_bytes"].is_u64(), "{peer}");
    assert!(peer["relative_difference"].as_f64().is_some_and(|relative| relative < 1e-3), "{peer}");
    assert!(runs(peer) >= 2 && runs(&report["ours"]) >= 2);
    let ratio = &peer["ratio"];
    assert!(ratio["low"].as_f64() <= ratio["high"].as_f64(), "{ratio}");
}

#[test]
fn what_computes_something_else_is_not_timed() {
    let Some(python) = python() else {
        println!("skipped: no Python with onnxruntime; scripts/setup.py makes one");
        return;
    };
    let folder = Folder::new("bench-wrong");
    let (python, other) = (python.display().to_string(), folder.path("other.onnx"));
    printed(&["-q", "set", "shapes", "block2/norm.epsilon=0.5", "-o", &other]);
    let against = format!("onnxruntime:{other}");
    let arguments = ["-q", "bench", "shapes", "-d", "N=1", "--rounds", "1", "--against", &against, "--python", &python];
    let output = glassbox(&arguments);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
    assert!(
        text.contains("✗ onnxruntime gives another `probabilities`") && text.contains("nothing was timed"),
        "{text}"
    );
    assert!(!text.contains("median"), "{text}");
    // The others are timed where that is asked for, and the answer stays no.
    let output = glassbox(&[&arguments[..], &["--go-on", "--json"]].concat());
    let report: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!((&report["agrees"], &report["left_out"][0]["differs"]), (&json!(false), &json!(true)));
    assert!(runs(&report["ours"]) >= 1);
}

#[test]
fn what_goes_wrong_in_the_other_program_is_told() {
    let folder = Folder::new("bench-python");
    let model = "models/shapes/shapes.onnx";
    let arguments = ["-q", "bench", model, "-d", "N=1", "--against", "onnxruntime", "--timeout", "1"];
    for (name, script, says) in [
        ("missing", "echo missing: onnxruntime >&2; exit 4", "lacks a module that --against onnxruntime needs"),
        ("memory", "echo too much >&2; exit 5", "has too little memory"),
        ("failing", "echo first >&2; echo 'ValueError: last words' >&2; exit 1", "ValueError: last words"),
        ("killed", "kill -9 $$", "was ended by a signal"),
        ("silent", "exit 0", "onnxruntime failed with status 0"),
        ("slow", "exec sleep 600", "has not answered for 1 s"),
        ("talking", "echo hello; exec sleep 600", "it says \"hello\""),
        ("hollow", "echo '{}'; exec sleep 600", "has no `ready`"),
    ] {
        let python = stand_in(&folder, name, script);
        let message = refused(&[&arguments[..], &["--python", &python]].concat(), 3);
        assert!(message.contains(says), "{name}: {message}");
    }
    let message = refused(&[&arguments[..], &["--python", "/no/such/python"]].concat(), 3);
    assert!(message.contains("/no/such/python can't be started"), "{message}");
    let rten = ["-q", "bench", model, "-d", "N=1", "--against", "rten", "--peers", "/no/such/program"];
    assert!(refused(&rten, 3).contains("name the program that runs rten with --peers"));
    let python = stand_in(&folder, "failing", "exit 1");
    let text = printed(&[&arguments[..], &["--python", &python, "--go-on", "--rounds", "1"]].concat());
    assert!(text.contains("onnxruntime is left out") && text.contains("median"), "{text}");
}

#[test]
fn what_can_not_be_timed_is_refused() {
    let bench = |arguments: &[&str]| refused(&[&["-q", "bench"], arguments].concat(), 3);
    let message = bench(&["shapes", "-d", "N=1", "--against", "onnxrunntime"]);
    assert!(message.contains("did you mean onnxruntime?"), "{message}");
    assert!(bench(&["shapes", "-d", "N=1", "--against", "onnxruntime"]).contains("is no ONNX file"));
    assert!(bench(&["models/shapes/shapes.onnx", "-d", "N=1", "--against", "llama.cpp"]).contains("is no checkpoint"));
    assert!(bench(&["shapes", "-d", "N=1", "--against", "rten:nosuch.onnx"]).contains("there is no file nosuch.onnx"));
    assert!(bench(&["shapes", "-d", "N=1", "--against", "rten,rten:x.onnx"]).contains("named twice"));
    assert!(bench(&["shapes", "--decode", "2"]).contains("shapes is no language model: it takes image"));
    assert!(bench(&["shapes"]).contains("say how large N is"));
    refused(&["bench", "stories", "--prefill", "3", "--decode", "2"], 2);
    refused(&["bench", "stories", "--prefill", "0"], 2);
}

#[test]
fn the_limits_of_the_processor_are_measured_alone() {
    let report = document(&["--roofline", "--threads", "1"]);
    let of = |name: &str| report["roofline"][name].as_f64().unwrap_or(0.0);
    assert!(of("multiply_add_flops_per_s") > 0.0 && of("memory_read_bytes_per_s") > 0.0, "{report}");
    assert!(report.get("ours").is_none() && report["machine"]["cores"].is_u64());
}
