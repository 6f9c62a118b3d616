//! The programs of the examples on the packages that scripts/language/packages.py makes, against what NumPy computes.

#[allow(dead_code)]
#[path = "../../../examples/block_form.rs"]
mod block_form;
#[allow(dead_code)]
#[path = "../../../examples/decode_loop.rs"]
mod decode_loop;
#[allow(dead_code)]
#[path = "../../../examples/simulator.rs"]
mod simulator;
#[allow(dead_code)]
#[path = "../../../examples/tokens_to_logits.rs"]
mod tokens_to_logits;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::near;
use crate::root;

/// How far logits of the decode loop may be from NumPy's, whose attention is computed in f64 and rounded to f16 once; ours is
/// computed in f32. What is rounded the other way differs in the last of f16's eleven digits, and goes into the sums
/// that follow.
const ATTENTION: f64 = 0.004;

fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/packages")
}

fn package(name: &str) -> PathBuf {
    packages().join(format!("{name}.oinf"))
}

fn expected(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(packages().join("expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all[name].as_array().unwrap().clone()
}

/// The numbers of one entry, which are exact in f64.
fn numbers(step: &Value, name: &str) -> Vec<f64> {
    let list = step[name].as_array().unwrap_or_else(|| panic!("a list {name}"));
    list.iter().map(|number| number.as_f64().unwrap()).collect()
}

fn f32s(step: &Value, name: &str) -> Vec<f32> {
    numbers(step, name).into_iter().map(|number| number as f32).collect()
}

#[test]
fn the_block_form_gives_what_numpy_gives() {
    let mut executor = block_form::open(&package("block_form")).unwrap_or_else(|error| panic!("{error}"));
    for step in expected("block_form") {
        let (h, count) = block_form::step(&mut executor, f32s(&step, "x")).unwrap_or_else(|error| panic!("{error}"));
        near(&h.to_vec::<f32>().unwrap(), &f32s(&step, "h"), "h");
        assert_eq!(i64::from(count), step["step"].as_i64().unwrap());
    }
}

#[test]
fn tokens_give_the_logits_that_numpy_gives() {
    let steps = expected("tokens_to_logits");
    let tokens: Vec<Vec<i32>> =
        steps.iter().map(|step| numbers(step, "tok").into_iter().map(|token| token as i32).collect()).collect();
    let found = tokens_to_logits::run(&package("tokens_to_logits"), &tokens).unwrap_or_else(|error| panic!("{error}"));
    for (logits, step) in found.iter().zip(&steps) {
        let wanted = f32s(step, "logits");
        let logits: Vec<f32> = logits.load::<f64>().unwrap().iter().map(|logit| *logit as f32).collect();
        near(&logits, &wanted, "logits");
    }
}

#[test]
fn the_decode_loop_gives_the_logits_that_numpy_gives() {
    let steps = expected("decode_loop");
    let inputs: Vec<decode_loop::Step> = steps
        .iter()
        .map(|step| decode_loop::Step {
            tok: numbers(step, "tok").into_iter().map(|token| token as i32).collect(),
            mask: numbers(step, "mask").into_iter().map(|seen| seen as u8).collect(),
        })
        .collect();
    let found = decode_loop::run(&package("decode_loop"), &inputs).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.len(), steps.len());
    let mut farthest = 0.0f64;
    for (logits, step) in found.iter().zip(&steps) {
        let (logits, wanted) = (logits.load::<f64>().unwrap(), numbers(step, "logits"));
        assert_eq!(logits.len(), wanted.len());
        for (logit, wanted) in logits.iter().zip(wanted) {
            assert!((logit - wanted).abs() <= ATTENTION, "step {}: {logit}, NumPy has {wanted}", step["step"]);
            farthest = farthest.max((logit - wanted).abs());
        }
    }
    println!("logits differ from NumPy's by at most {farthest:.2e}");
}

#[test]
fn the_simulator_shows_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    let seen = simulator::run(&package("block_form"), folder.path()).unwrap_or_else(|error| panic!("{error}"));
    let loops = seen.statements.iter().filter(|statement| **statement == "entry/layers: matmul").count();
    assert_eq!(loops, 3, "{:?}", seen.statements);
    assert_eq!(seen.paused_in_turn, Some(1));
    assert_eq!(seen.writes_of_h, 7, "a transfer, and two ops in each of three layers");
    // The third step adds a sum of zeros.
    assert_eq!(seen.totals.len(), 3);
    assert_eq!(seen.totals[1], seen.totals[2]);
    assert_ne!(seen.totals[0], seen.totals[1]);
    assert_eq!(seen.went_on, seen.totals[2]);
    let trace = std::fs::read_to_string(folder.path().join("trace.json")).unwrap();
    serde_json::from_str::<Value>(&trace).unwrap();
}

/// A Python that has NumPy: that of the tests' environment (scripts/setup.py), or the system's.
fn python() -> Option<PathBuf> {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/glassbox");
    let cache = std::env::var_os("GLASSBOX_CACHE").map_or_else(home, PathBuf::from);
    [cache.join("venv/bin/python"), PathBuf::from("python3")].into_iter().find(|python| {
        Command::new(python).args(["-c", "import numpy"]).output().is_ok_and(|output| output.status.success())
    })
}

#[test]
fn the_packages_are_those_that_the_script_makes() {
    let Some(python) = python() else {
        println!("skipped: no Python with NumPy; `cargo xtask setup` makes one");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .arg(root().join("scripts/language/packages.py"))
        .arg(folder.path())
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut names: Vec<_> = std::fs::read_dir(packages()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let (made, kept) = (std::fs::read(folder.path().join(&name)), std::fs::read(packages().join(&name)).unwrap());
        assert!(made.is_ok_and(|made| made == kept), "{name:?} isn't what scripts/language/packages.py makes");
    }
}
