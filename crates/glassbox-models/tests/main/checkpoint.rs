//! The tiny checkpoints of `tests/golden`, and sessions that run them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox_exec::{Options as RunOptions, RunContext, Session, Value};
use glassbox_models::{Config, Options, batch, build};
use glassbox_tensor::ParamSource;
use glassbox_weights::{Package, open};

/// Every checkpoint.
pub(crate) const ALL: &[&str] = &[
    "gemma2",
    "gemma3_text",
    "gpt2",
    "llama",
    "llama3",
    "mistral",
    "mixtral",
    "olmo2",
    "phi3",
    "phi3_longrope_long",
    "phi3_longrope_short",
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "rwkv7",
    "smollm",
    "smollm3",
];

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A checkpoint with what torch computed for it.
pub(crate) struct Checkpoint {
    pub(crate) config: Config,
    pub(crate) params: Arc<dyn ParamSource>,
    pub(crate) expected: Package,
}

impl Checkpoint {
    pub(crate) fn open(name: &str, config: &str) -> Checkpoint {
        Checkpoint::open_in(&golden(name), config)
    }

    pub(crate) fn open_in(folder: &Path, config: &str) -> Checkpoint {
        let text = std::fs::read_to_string(folder.join(config)).expect("a configuration");
        let open = |file: &str| open(&folder.join(file)).unwrap_or_else(|error| panic!("{error}"));
        Checkpoint {
            config: Config::parse(&text).unwrap_or_else(|error| panic!("{error}")),
            params: Arc::new(open("model.safetensors")),
            expected: open("golden.safetensors"),
        }
    }

    pub(crate) fn session(&self) -> Box<dyn Session> {
        session(&self.config, self.params.clone(), &Options::default())
    }

    pub(crate) fn ints(&self, name: &str) -> Vec<i64> {
        self.expected.load(name).expect("it is there").to_vec().expect("i64")
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        self.expected.load(name).expect("it is there").to_vec().expect("f32")
    }
}

/// A session of the model that these make.
pub(crate) fn session(config: &Config, params: Arc<dyn ParamSource>, options: &Options) -> Box<dyn Session> {
    let graph = build(config, params.as_ref(), options).unwrap_or_else(|error| panic!("{error}"));
    let session = glassbox_backends::testing::session_with(graph, params, &RunOptions::default());
    session.unwrap_or_else(|error| panic!("{error}"))
}

/// The logits after each of these tokens, one after the other.
pub(crate) fn step(session: &mut Box<dyn Session>, tokens: &[i64]) -> Vec<f32> {
    step_rows(session, &[tokens]).remove(0)
}

/// The logits after each of the tokens of each row.
pub(crate) fn step_rows(session: &mut Box<dyn Session>, rows: &[&[i64]]) -> Vec<Vec<f32>> {
    let inputs = batch(rows).expect("there is memory").map(Value::from);
    let outputs = session.run(&inputs, RunContext::new()).unwrap_or_else(|error| panic!("{error}"));
    let logits = outputs[0].as_tensor().expect("a tensor");
    let [count, places, vocabulary] = logits.shape()[..] else { panic!("{:?}", logits.shape()) };
    assert_eq!(count, rows.len());
    let logits: Vec<f32> = logits.to_vec().expect("f32");
    let of_row = |(b, row): (usize, &&[i64])| {
        let there = row.len().min(places) * vocabulary;
        logits[b * places * vocabulary..][..there].to_vec()
    };
    rows.iter().enumerate().map(of_row).collect()
}

pub(crate) fn farthest(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(got, want)| (got - want).abs()).fold(0.0, f32::max)
}
