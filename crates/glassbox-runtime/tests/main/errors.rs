//! Every error says what it says once: what its text holds of another error isn't its source too, so that printing the
//! whole chain, as `{:#}` of `anyhow` does, repeats nothing.

use std::error::Error;
use std::path::Path;

use glassbox_exec::{Options, RunContext};
use glassbox_ir::{json, text};
use glassbox_runtime::dsl::Program;
use glassbox_runtime::{Device, LoadOptions, ModelPackage, Simulator, load_model, read_program};
use glassbox_tensor::{DType, Tensor};

/// That no link of the chain repeats the next one's text.
fn says_once(what: &str, error: &dyn Error) {
    let mut link = error;
    while let Some(next) = link.source() {
        let (this, other) = (link.to_string(), next.to_string());
        assert!(!this.contains(&other), "{what}: `{this}` prints its source and gives it: `{other}`");
        link = next;
    }
}

/// Each failure, with a word for it.
fn failures(folder: &Path) -> Vec<(String, Box<dyn Error>)> {
    let file = |name: &str, contents: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, contents).expect("a file");
        path
    };
    let mut failures: Vec<(String, Box<dyn Error>)> = Vec::new();
    let config = br#"{"model_type": "nope"}"#;
    for (name, contents) in [
        ("text.gb", &b"graph"[..]),
        ("rule.gb", b"graph \"g\" { input %x: f32[2] input %y: f32[3] %z = add(%x, %y) output %z }"),
        ("type.gb", b"graph \"g\" { input %x: f32[2] %z = neg(%x) : f32[3] output %z }"),
        ("syntax.json", b"{"),
        ("format.json", b"{\"format\": \"other\"}"),
        ("model.onnx", b"no protobuf"),
        ("weights.safetensors", b"not weights"),
        ("weights.gguf", b"GGUF\x03\0\0\0"),
        ("weights.oinf", b"OINF"),
        ("weights.pth", b"PK\x03\x04"),
        ("utf8.gb", b"graph \"\xff\""),
    ] {
        let path = file(name, contents);
        if let Err(error) = load_model(&path, LoadOptions::default()) {
            failures.push((name.to_owned(), error.into()));
        }
    }
    let stories = crate::root().join("models/stories-gpt2");
    for (name, files) in [
        ("family", &[("config.json", &config[..])][..]),
        ("tokenizer", &[("tokenizer.json", b"{}")]),
        ("template", &[("chat_template.jinja", b"{% for %}")]),
        ("config", &[("config.json", b"[]")]),
    ] {
        let inside = folder.join(name);
        std::fs::create_dir_all(&inside).expect("a folder");
        let weights = inside.join("model.safetensors");
        let package = glassbox_weights::open(&stories.join("model.oinf")).expect("a package");
        let output = glassbox_weights::Output::of(&weights).expect("a format");
        let options = glassbox_weights::Options { output, ..Default::default() };
        glassbox_weights::convert(&package, &weights, options, |_| {}).expect("converted");
        for own in ["config.json", "tokenizer.json"] {
            std::fs::copy(stories.join(own), inside.join(own)).expect("a copy");
        }
        for (file, contents) in files {
            std::fs::write(inside.join(file), contents).expect("a file");
        }
        let failed = match load_model(&inside, LoadOptions::default()) {
            Err(error) => Some(error),
            Ok(model) => model.graph().err(),
        };
        failures.extend(failed.map(|error| (name.to_owned(), error.into())));
    }
    let missing = folder.join("nowhere");
    failures.extend(load_model(&missing, LoadOptions::default()).err().map(|error| ("nowhere".into(), error.into())));
    failures.extend(read_program(missing.join("x.gbp")).err().map(|error| ("no program".into(), error.into())));
    failures.extend(glassbox_weights::verify(&missing, |_, _| {}).err().map(|error| ("verify".into(), error.into())));
    failures.extend(json::from_str("{").err().map(|error| ("json".into(), error.into())));
    failures.extend(text::parse("{", &text::ParseOptions::default()).err().map(|error| ("parse".into(), error.into())));
    let program = Program::parse("p", "constant { w: f32; } block entry {}").expect("a program");
    let lowered = Simulator::new(&ModelPackage::empty(), &program, Device::Reference);
    failures.extend(lowered.err().map(|error| ("lower".into(), error.into())));
    failures.extend(run_failures());
    failures
}

/// Runs that fail: of a kernel, of inputs, of a parameter, of a host function.
fn run_failures() -> Vec<(String, Box<dyn Error>)> {
    let mut failures: Vec<(String, Box<dyn Error>)> = Vec::new();
    for (name, source) in [
        (
            "gather",
            "graph \"g\" { input %x: i64[1] %a = constant() {value = f32[2] [1, 2]} %y = gather(%a, %x) output %y }",
        ),
        ("parameter", "graph \"g\" { input %x: i64[1] %y = parameter() {name = \"w\", type = f32[2]} output %y }"),
        ("host", "graph \"g\" { input %x: i64[1] %y = host(%x) {function = \"f\", type = i64[1]} output %y }"),
        ("memory", "graph \"g\" { input %x: i64[1] %v = constant() {value = f32[] 1} %y = expand(%v, %x) output %y }"),
    ] {
        let graph = match text::parse(source, &text::ParseOptions::default()) {
            Ok(graph) => graph,
            Err(error) => panic!("{name}: {error}"),
        };
        let options = Options { limits: glassbox_exec::Limits { bytes: 1 << 20, turns: 10 }, ..Options::default() };
        let params = std::sync::Arc::new(glassbox_tensor::NoParams);
        let prepared = crate::runtime().prepare(std::sync::Arc::new(graph), params, &options);
        let executable = match prepared {
            Ok(executable) => executable,
            Err(error) => {
                failures.push((name.to_owned(), error.into()));
                continue;
            }
        };
        let mut session = executable.session().expect("a session");
        let input = Tensor::from_vec(&[1], vec![1i64 << 40]).expect("a tensor");
        if let Err(error) = session.run(&[input.into()], RunContext::new()) {
            failures.push((name.to_owned(), error.into()));
        }
        let wrong = Tensor::zeros(DType::F32, &[1]).expect("a tensor");
        if let Err(error) = session.run(&[wrong.into()], RunContext::new()) {
            failures.push((format!("{name}, wrong input"), error.into()));
        }
    }
    failures
}

#[test]
fn no_error_prints_its_source_and_gives_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let failures = failures(folder.path());
    assert!(failures.len() >= 25, "{failures:?}");
    for (what, error) in &failures {
        says_once(what, error.as_ref());
    }
}
