//! Models at the end of what they can hold.

use std::ops::ControlFlow;

use glassbox_exec::{Options, RunContext, Value};
use glassbox_models::batch;
use glassbox_runtime::{Finish, LoadOptions, Piece, Prompt, Request, load_model};
use serde_json::json;

use super::{generator, model, most, root, runtime, write};

#[test]
fn a_full_context_ends_the_text() {
    let options = LoadOptions { context: Some(16), ..LoadOptions::default() };
    let mut small = generator(&model("stories-gpt2", options));
    let written = write(&mut small, "Once upon a time", Request { ignore_end: true, ..Request::default() });
    assert_eq!(written.finish, Finish::Context);
    // The last token written is never read, so it takes no place.
    assert_eq!(written.stats.prompt_tokens + written.stats.written_tokens, 16 + 1);
    let long = "Once upon a time there was a prompt that no small memory could hold, however hard it tried.";
    let error = small.write(&Prompt::Text(long.to_owned()), most(1), &mut |_: &Piece| ControlFlow::Continue(()));
    assert!(error.expect_err("it is too long").to_string().contains("than the 16 that the context holds"));
    // And the same generator goes on working.
    assert_eq!(write(&mut small, "Once upon a time", most(4)).tokens, written.tokens[..4]);
}

/// Phi-3 turns all positions by other frequencies once there are more than 8 tokens (in this tiny one), so all
/// that was read before is read anew then.
#[test]
fn a_model_that_changes_as_the_text_grows_reads_it_anew() {
    let golden = root().join("crates/glassbox-models/tests/golden/phi3_longrope_long");
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(golden.join(file), folder.path().join(file)).expect("a copy");
    }
    let vocabulary: serde_json::Map<_, _> = (0..97).map(|id| (format!("t{id}"), json!(id))).collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "t0" },
    });
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("a file");
    let model = load_model(folder.path(), LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut generator = generator(&model);
    let mut session = model.forward(runtime().as_ref(), &Options::default()).expect("a session");
    let mut tokens: Vec<i64> = vec![5, 17, 40, 3];
    let prompt = Prompt::Tokens(tokens.iter().map(|token| *token as u32).collect());
    for _ in 0..12 {
        session.states_mut().reset().expect("a reset");
        let inputs = batch(&[&tokens]).expect("there is memory").map(Value::from);
        let outputs = session.run(&inputs, RunContext::new()).expect("a run");
        let logits: Vec<f32> = outputs[0].as_tensor().expect("a tensor").to_vec().expect("f32");
        let last = &logits[logits.len() - 97..];
        let best = (0..97).max_by(|a, b| last[*a].total_cmp(&last[*b])).expect("logits");
        tokens.push(best as i64);
    }
    for limit in [12, 5, 3, 9] {
        let request = Request { ignore_end: true, ..most(limit) };
        let written = generator.write(&prompt, request, &mut |_: &Piece| ControlFlow::Continue(()));
        let written = written.unwrap_or_else(|error| panic!("{error}"));
        let want: Vec<u32> = tokens[4..4 + limit].iter().map(|token| *token as u32).collect();
        assert_eq!(written.tokens, want, "{limit} tokens");
    }
}

/// The formats and families that `load_model` finds by itself give one and the same logits.
#[test]
fn checkpoints_of_every_format_load() {
    let golden = root().join("crates/glassbox-models/tests/golden");
    let logits = |path: &str| {
        let model = load_model(&golden.join(path), LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            model.as_text_generator(runtime().as_ref()).unwrap_or_else(|error| panic!("{error}")).is_none(),
            "it has no tokenizer"
        );
        let mut session =
            model.forward(runtime().as_ref(), &Options::default()).unwrap_or_else(|error| panic!("{error}"));
        let inputs = batch(&[&[7, 21, 4]]).expect("there is memory").map(Value::from);
        let outputs = session.run(&inputs, RunContext::new()).unwrap_or_else(|error| panic!("{error}"));
        outputs[0].as_tensor().expect("a tensor").clone()
    };
    // Weights of these are floats that bf16 holds exactly, so every format has the same numbers.
    assert!(logits("rwkv7/model.pth").bit_eq(&logits("rwkv7/model.safetensors")));
    let (gguf, folder) = (logits("qwen3/model.gguf"), logits("qwen3/model.safetensors"));
    assert!(gguf.bit_eq(&folder));
    // A GGUF file that became a package is still the same model.
    let target = tempfile::tempdir().expect("a folder");
    let package = glassbox_weights::open(&golden.join("qwen3/model.gguf")).expect("a package");
    let path = target.path().join("model.oinf");
    glassbox_weights::convert(&package, &path, glassbox_weights::Options::default(), |_| {}).expect("converted");
    assert!(logits(path.to_str().expect("UTF-8")).bit_eq(&folder));
    let error = load_model(&golden.join("README.md"), LoadOptions::default()).err().expect("no weights").to_string();
    assert!(error.contains("README.md"), "{error}");
}

#[test]
fn files_that_are_graphs_load_and_do_what_they_can() {
    let model = load_model(&root().join("models/shapes/shapes.onnx"), LoadOptions::default());
    let model = model.unwrap_or_else(|error| panic!("{error}"));
    assert!(model.onnx().is_some() && model.package().is_none() && model.tokenizer().is_none());
    assert!(model.as_text_generator(runtime().as_ref()).expect("no error").is_none());
    assert_eq!(model.outputs(), ["probabilities"]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("shapes.gb");
    let options = glassbox_ir::text::PrintOptions::with_data();
    std::fs::write(&path, glassbox_ir::text::print(model.graph().expect("a graph"), &options)).expect("a file");
    let again = load_model(&path, LoadOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    model
        .graph()
        .expect("a graph")
        .same_as(again.graph().expect("a graph"))
        .unwrap_or_else(|difference| panic!("{difference}"));
    std::fs::write(&path, "graph").expect("a file");
    let error = load_model(&path, LoadOptions::default()).err().expect("no graph").to_string();
    assert!(error.contains("shapes.gb") && error.contains("1:"), "{error}");
    let bound = LoadOptions { weights_budget: Some(1), ..LoadOptions::default() };
    let error = load_model(&root().join("models/shapes/shapes.onnx"), bound).err().expect("no budget").to_string();
    assert!(error.contains("neither its context nor a budget"), "{error}");
}
