//! Every family against torch, on tiny random checkpoints: `tests/golden` says how they were made.

use glassbox_exec::Options;
use glassbox_testkit::rewriting::rewritten;

use crate::checkpoint::{Checkpoint, farthest, golden, step};

/// How far logits may be from torch's: both compute in f32, in another order.
const TOLERANCE: f32 = 2e-5;

fn best(logits: &[f32]) -> i64 {
    let place = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
    place.expect("there are logits") as i64
}

/// As the compiler rewrites it, the graph gives the same logits to the bit, for a prompt and for a token after it.
fn check_rewritten(name: &str, checkpoint: &Checkpoint, prompt: &[i64]) {
    let (first, rest) = prompt.split_at(prompt.len() - 1);
    let mut session = checkpoint.session();
    let rewritten = rewritten(session.graph()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let params = checkpoint.params.clone();
    let rewritten = glassbox_backends::testing::session_with(rewritten, params, &Options::default());
    let mut rewritten = rewritten.unwrap_or_else(|error| panic!("{name}: {error}"));
    for tokens in [first, rest] {
        let bits = |logits: Vec<f32>| logits.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let (want, got) = (bits(step(&mut session, tokens)), bits(step(&mut rewritten, tokens)));
        assert!(want == got, "{name}: the rewritten graph gives other bits");
    }
}

/// Logits of the prompt, and the 64 tokens that follow: with the cache, one token a step; without it, all
/// tokens anew at each step; and after a prompt that was given in two parts, the first of `cut` tokens.
pub(crate) fn check(name: &str, checkpoint: &Checkpoint, cut: Option<usize>) {
    let (prompt, greedy) = (checkpoint.ints("tokens"), checkpoint.ints("greedy"));
    let expected = checkpoint.floats("logits");
    let vocabulary = expected.len() / prompt.len();

    check_rewritten(name, checkpoint, &prompt);
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
            for config in ["config.json", "config_older.json"] {
                if golden(stringify!($name)).join(config).exists() {
                    check(stringify!($name), &Checkpoint::open(stringify!($name), config), cut);
                }
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

#[test]
fn rwkv7_remembers_what_torch_does() {
    let checkpoint = Checkpoint::open("rwkv7", "config.json");
    let mut session = checkpoint.session();
    // One token, then the rest: the states are carried from step to step.
    let prompt = checkpoint.ints("tokens");
    step(&mut session, &prompt[..1]);
    step(&mut session, &prompt[1..]);
    for state in ["att_x", "ffn_x", "att_s"] {
        let expected = checkpoint.floats(state);
        let layers = 2;
        for (layer, expected) in expected.chunks(expected.len() / layers).enumerate() {
            let name = format!("blocks.{layer}.{state}");
            let found = session.states().read(&name).unwrap_or_else(|error| panic!("{error}"));
            let found: Vec<f32> = found.to_vec().expect("f32");
            let distance = farthest(&found, expected);
            assert!(distance <= TOLERANCE, "{name} differs from torch's by {distance}");
        }
    }
}
