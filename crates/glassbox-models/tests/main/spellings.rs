//! Settings that are said in another place, or not at all, mean what they mean in transformers.

use std::sync::Arc;

use glassbox_ir::Graph;
use glassbox_models::{Config, Options, build};
use serde_json::{Value, json};

use crate::checkpoint::{Checkpoint, session, step};

/// The configuration of a checkpoint without some settings and with others.
fn changed(checkpoint: &Checkpoint, without: &[&str], with: Value) -> Config {
    let mut settings = checkpoint.config.settings().clone();
    without.iter().for_each(|key| drop(settings.remove(*key)));
    if let Value::Object(with) = with {
        settings.extend(with);
    }
    Config::from_settings(settings)
}

fn graph(checkpoint: &Checkpoint, without: &[&str], with: Value) -> Graph {
    let config = changed(checkpoint, without, with);
    build(&config, checkpoint.params.as_ref(), &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// All spellings but the first give its graph, and none that of the checkpoint.
fn are_one(name: &str, without: &[&str], spellings: &[Value]) {
    let checkpoint = Checkpoint::open(name, "config.json");
    let first = graph(&checkpoint, without, spellings[0].clone());
    let own = graph(&checkpoint, &[], json!({}));
    assert!(first.same_as(&own).is_err(), "{name}: {} changes nothing", spellings[0]);
    for spelling in &spellings[1..] {
        let other = graph(&checkpoint, without, spelling.clone());
        first.same_as(&other).unwrap_or_else(|difference| panic!("{name}: {spelling}: {difference}"));
    }
}

#[test]
fn the_base_of_rotary_positions_is_found_wherever_it_is() {
    let spellings = [
        json!({ "rope_theta": 500000.0 }),
        json!({ "rope_parameters": { "rope_type": "default", "rope_theta": 500000.0 } }),
        json!({ "rope_parameters": { "rope_type": "default" }, "rope_theta": 500000.0 }),
        json!({ "rope_scaling": { "rope_type": "default", "rope_theta": 500000.0 } }),
        json!({ "rope_scaling": { "type": "default" }, "rope_theta": 500000 }),
        json!({ "rope_scaling": {}, "rope_parameters": { "rope_theta": 500000.0 } }),
        json!({ "rope_scaling": null, "rope_parameters": null, "rope_theta": 500000.0 }),
        // Of two objects the older counts, and of two bases the inner.
        json!({ "rope_scaling": { "rope_theta": 500000.0 }, "rope_parameters": { "rope_theta": 7.0 } }),
        json!({ "rope_parameters": { "rope_theta": 500000.0 }, "rope_theta": 7.0 }),
    ];
    for name in ["llama", "qwen3", "mistral"] {
        are_one(name, &["rope_parameters", "rope_scaling", "rope_theta"], &spellings);
    }
    let linear = |place: &str| json!({ place: { "rope_type": "linear", "factor": 2.0 }, "rope_theta": 500000.0 });
    are_one("llama", &["rope_parameters", "rope_theta"], &[linear("rope_scaling"), linear("rope_parameters")]);
}

#[test]
fn gemma_has_a_base_for_each_kind_of_layers() {
    let without = ["rope_parameters", "rope_theta", "rope_local_base_freq", "rope_scaling"];
    let linear = json!({ "rope_type": "linear", "factor": 8.0 });
    let spellings = [
        json!({ "rope_theta": 5000.0, "rope_local_base_freq": 70.0, "rope_scaling": linear }),
        json!({ "rope_parameters": {
            "sliding_attention": { "rope_theta": 70.0 },
            "full_attention": { "rope_type": "linear", "factor": 8.0, "rope_theta": 5000.0 },
        } }),
        json!({ "rope_parameters": { "full_attention": linear }, "rope_theta": 5000.0, "rope_local_base_freq": 70.0 }),
        json!({
            "rope_parameters": { "sliding_attention": { "rope_theta": 70.0 }, "full_attention": { "rope_theta": 5000.0 } },
            "rope_scaling": linear,
        }),
    ];
    are_one("gemma3_text", &without, &spellings);
    let checkpoint = Checkpoint::open("gemma3_text", "config.json");
    let flat = changed(&checkpoint, &without, json!({ "rope_parameters": { "rope_type": "default" } }));
    let error =
        build(&flat, checkpoint.params.as_ref(), &Options::default()).expect_err("it says too little").to_string();
    assert!(error.contains("rope_parameters") && error.contains("sliding_attention"), "{error}");
}

#[test]
fn an_output_matrix_that_is_there_counts_also_where_it_is_said_to_be_tied() {
    let checkpoint = Checkpoint::open("llama", "config.json");
    let prompt = checkpoint.ints("tokens");
    let tied = changed(&checkpoint, &[], json!({ "tie_word_embeddings": true }));
    let logits =
        |config: &Config| step(&mut session(config, Arc::clone(&checkpoint.params), &Options::default()), &prompt);
    assert_eq!(logits(&tied), logits(&checkpoint.config));
}
