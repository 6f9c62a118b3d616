//! Every family against torch, on tiny random checkpoints: `tests/golden` says how they were made.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glassbox_models::{Config, Options, build};
use glassbox_reference::{Options as RunOptions, Session};
use glassbox_tensor::{ParamSource, Tensor};
use glassbox_weights::{Package, open};

/// How far logits may be from torch's: both compute in f32, in another order.
const TOLERANCE: f32 = 2e-5;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A checkpoint with what torch computed for it.
struct Checkpoint {
    config: Config,
    params: Arc<Package>,
    expected: Package,
}

impl Checkpoint {
    fn open(name: &str, config: &str) -> Checkpoint {
        let folder = golden(name);
        let text = std::fs::read_to_string(folder.join(config)).expect("a configuration");
        let open = |file: &str| open(&folder.join(file)).unwrap_or_else(|error| panic!("{error}"));
        Checkpoint {
            config: Config::parse(&text).unwrap_or_else(|error| panic!("{error}")),
            params: Arc::new(open("model.safetensors")),
            expected: open("golden.safetensors"),
        }
    }

    fn session(&self) -> Session {
        let graph = build(&self.config, self.params.as_ref(), &Options::default());
        let graph = graph.unwrap_or_else(|error| panic!("{error}"));
        let session = Session::new(graph, RunOptions::default()).expect("a session");
        session.with_params(self.params.clone()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn ints(&self, name: &str) -> Vec<i64> {
        self.expected.load(name).expect("it is there").to_vec().expect("i64")
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.expected.load(name).expect("it is there").to_vec().expect("f32")
    }
}

/// The logits after each of these tokens, one row after the other.
fn step(session: &mut Session, tokens: &[i64]) -> Vec<f32> {
    let tokens = Tensor::from_vec(&[1, tokens.len()], tokens.to_vec()).expect("sizes fit");
    let outputs = session.run(&[tokens.into()]).unwrap_or_else(|error| panic!("{error}"));
    outputs[0].as_tensor().expect("a tensor").to_vec().expect("f32")
}

fn best(logits: &[f32]) -> i64 {
    let place = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    place.expect("there are logits") as i64
}

fn farthest(got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len());
    got.iter().zip(want).map(|(got, want)| (got - want).abs()).fold(0.0, f32::max)
}

/// Logits of the prompt, and the 64 tokens that follow: with the cache, one token a step; without it, all
/// tokens anew at each step; and after a prompt that was given in two parts, the first of `cut` tokens.
fn check(name: &str, config: &str, cut: Option<usize>) {
    let checkpoint = Checkpoint::open(name, config);
    let (prompt, greedy) = (checkpoint.ints("tokens"), checkpoint.ints("greedy"));
    let expected = checkpoint.floats("logits");
    let vocabulary = expected.len() / prompt.len();

    let mut session = checkpoint.session();
    let logits = step(&mut session, &prompt);
    let distance = farthest(&logits, &expected);
    assert!(distance <= TOLERANCE, "{name}: logits differ from torch's by {distance}");

    let mut next = best(&logits[logits.len() - vocabulary..]);
    let mut tokens = prompt.clone();
    let mut last = Vec::new();
    for (place, want) in greedy.iter().enumerate() {
        assert_eq!(next, *want, "{name}: token {place} with the cache");
        tokens.push(next);
        last = step(&mut session, &[next]);
        next = best(&last);
    }
    // The whole sequence at once gives what the steps gave.
    let mut session = checkpoint.session();
    let whole = step(&mut session, &tokens);
    let distance = farthest(&whole[whole.len() - vocabulary..], &last);
    assert!(distance <= TOLERANCE, "{name}: without the cache the logits differ by {distance}");
    for (place, want) in greedy.iter().enumerate() {
        let row = prompt.len() - 1 + place;
        assert_eq!(best(&whole[row * vocabulary..][..vocabulary]), *want, "{name}: token {place} without the cache");
    }
    // So does a prompt in two parts.
    let mut session = checkpoint.session();
    let (first, second) = tokens.split_at(cut.unwrap_or(prompt.len() / 2));
    step(&mut session, first);
    let rest = step(&mut session, second);
    let distance = farthest(&rest, &whole[first.len() * vocabulary..]);
    assert!(distance <= TOLERANCE, "{name}: in two parts the logits differ by {distance}");
    println!("{name}: logits differ from torch's by at most {:.2e}", farthest(&logits, &expected));
}

macro_rules! families {
    ($($name:ident $(= $cut:literal)?)*) => {$(
        #[test]
        fn $name() {
            let cut = None$(.or(Some($cut)))?;
            check(stringify!($name), "config.json", cut);
            if golden(stringify!($name)).join("config_older.json").exists() {
                check(stringify!($name), "config_older.json", cut);
            }
        }
    )*};
}

families! {
    gemma2 gemma3_text gpt2 llama llama3 mistral mixtral olmo2 phi3
    // Frequencies change when a sequence grows beyond 8 tokens, and all that was computed before has to be
    // computed anew; so the first part is longer than that, as the whole prompt is.
    phi3_longrope_long = 9
    phi3_longrope_short qwen2 qwen3 qwen3_moe rwkv7 smollm smollm3
}
