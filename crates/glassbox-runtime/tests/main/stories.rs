//! The models that come with Glassbox give what torch gave when they were made.

use std::ops::ControlFlow;

use glassbox_exec::{Options, RunContext};
use glassbox_models::batch;
use glassbox_runtime::{Finish, LoadOptions, Piece, Prompt, Request, Sampling};
use serde_json::Value;

use super::{generator, model, most, root, runtime, stories, write};

fn expected(name: &str) -> Value {
    let path = root().join("models").join(name).join("expected.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("expected.json")).expect("JSON")
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().expect("a list").iter().map(|number| number.as_u64().expect("a number") as u32).collect()
}

/// Tokens, the 64 most probable tokens after them, and their text, for each prompt.
fn check_prompts(name: &str) {
    let mut generator = generator(&model(name, LoadOptions::default()));
    for row in expected(name)["prompts"].as_array().expect("prompts") {
        let prompt = row["prompt"].as_str().expect("a prompt");
        let tokens = generator.tokens(&Prompt::Text(prompt.to_owned())).expect("tokens");
        assert_eq!(tokens, numbers(&row["tokens"]), "{name}: {prompt:?}");
        // Torch went on past the end of a story that is shorter.
        let written = write(&mut generator, prompt, Request { ignore_end: true, ..most(64) });
        assert_eq!(written.tokens, numbers(&row["greedy"]), "{name}: {prompt:?}");
        let text = generator.tokenizer().decode(&written.tokens, true).expect("a text");
        assert_eq!(written.text, text, "{name}: {prompt:?}");
        if !written.tokens.iter().any(|token| generator.tokenizer().stops().contains(token)) {
            assert_eq!(written.text, row["text"].as_str().expect("a text"), "{name}: {prompt:?}");
        }
        assert_eq!(written.finish, Finish::Length);
    }
}

/// The mean of -log p over a story that the model never saw.
fn check_held_out(name: &str) {
    let model = model(name, LoadOptions::default());
    let held_out = &expected(name)["held_out"];
    let tokens = model.tokenizer().expect("a tokenizer").encode(held_out["text"].as_str().expect("a text"));
    let tokens = tokens.expect("tokens");
    assert_eq!(tokens, numbers(&held_out["tokens"]), "{name}");
    let mut session = model.forward(runtime().as_ref(), &Options::default()).expect("a session");
    let ids: Vec<i64> = tokens.iter().map(|token| i64::from(*token)).collect();
    let inputs = batch(&[&ids]).expect("there is memory").map(glassbox_exec::Value::from);
    let outputs = session.run(&inputs, RunContext::new()).expect("a run");
    let logits = outputs[0].as_tensor().expect("a tensor").load::<f64>().expect("numbers");
    let vocabulary = logits.len() / tokens.len();
    let losses = logits.chunks(vocabulary).zip(&tokens[1..]).map(|(row, next)| {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + row.iter().map(|logit| (logit - most).exp()).sum::<f64>().ln() - row[*next as usize]
    });
    let mean = losses.sum::<f64>() / (tokens.len() - 1) as f64;
    let want = held_out["mean_nll"].as_f64().expect("a number");
    assert!((mean - want).abs() < 1e-5, "{name}: {mean}, torch gave {want}");
}

#[test]
fn the_gpt2_that_tells_stories() {
    check_prompts("stories-gpt2");
    check_held_out("stories-gpt2");
}

#[test]
fn the_rwkv7_that_tells_stories() {
    check_prompts("stories-rwkv7");
    check_held_out("stories-rwkv7");
}

#[test]
fn what_was_read_is_not_read_again_and_changes_nothing() {
    for name in ["stories-gpt2", "stories-rwkv7"] {
        let model = model(name, LoadOptions::default());
        let mut remembering = generator(&model);
        let first = write(&mut remembering, "Once upon a time", most(12));
        assert_eq!(first.stats.reused_tokens, 0);
        let longer = format!("Once upon a time{} Then", first.text);
        for prompt in [longer.as_str(), "Once upon a time", "One day", longer.as_str()] {
            let again = write(&mut remembering, prompt, most(12));
            let anew = write(&mut generator(&model), prompt, most(12));
            assert_eq!(again.tokens, anew.tokens, "{name}: {prompt:?}");
        }
        // What was written is remembered as well as what was read.
        let mut remembering = generator(&model);
        let first = write(&mut remembering, "Once upon a time", most(12));
        let next = write(&mut remembering, &format!("Once upon a time{}", first.text), most(1));
        assert!(next.stats.reused_tokens > first.stats.prompt_tokens, "{name}: {:?}", next.stats);
    }
}

#[test]
fn writing_stops_where_it_should() {
    let mut stories = stories();
    let plain = write(&mut stories, "Once upon a time", most(60));
    let end = plain.text.find(". ").expect("a sentence ends");
    let stop = Request { stop: vec![". ".to_owned()], ..most(60) };
    let stopped = write(&mut stories, "Once upon a time", stop);
    assert_eq!(stopped.text, plain.text[..end]);
    assert_eq!(stopped.finish, Finish::Stop(". ".to_owned()));

    let nothing = write(&mut stories, "Once upon a time", most(0));
    assert_eq!((nothing.text.as_str(), nothing.tokens.len(), nothing.finish), ("", 0, Finish::Length));

    let whole = write(&mut stories, "Once upon a time", Request::default());
    assert_eq!(whole.finish, Finish::End);
    assert!(whole.text.ends_with(['.', '"']), "{}", whole.text);

    let mut pieces = 0;
    let mut on_piece = |_: &Piece| {
        pieces += 1;
        if pieces == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let prompt = Prompt::Text("Once upon a time".to_owned());
    let cancelled = stories.write(&prompt, Request::default(), &mut on_piece).expect("it was written");
    assert_eq!((cancelled.tokens.len(), cancelled.finish), (5, Finish::Cancelled));
}

#[test]
fn the_name_of_a_special_token_stops_a_text_though_it_is_not_shown() {
    let mut stories = stories();
    let whole = write(&mut stories, "Once upon a time", Request::default());
    assert_eq!(whole.finish, Finish::End);
    let end = stories.tokenizer().stops().first().copied().and_then(|token| stories.tokenizer().token(token));
    let end = end.expect("a story ends with a token");
    let request = Request { ignore_end: true, stop: vec![end.clone()], ..most(400) };
    let stopped = write(&mut stories, "Once upon a time", request);
    assert_eq!((stopped.text, stopped.finish), (whole.text, Finish::Stop(end)));
}

#[test]
fn samples_follow_their_seed() {
    let sampled = |seed| {
        let sampling = Sampling { temperature: 1.0, seed, alternatives: 3, ..Sampling::default() };
        write(&mut stories(), "Once upon a time", Request { sampling, ..most(30) })
    };
    let (one, same, other) = (sampled(1), sampled(1), sampled(2));
    assert_eq!(one.tokens, same.tokens);
    assert_ne!(one.tokens, other.tokens);
    for choice in &one.choices {
        assert_eq!(choice.alternatives.len(), 3);
        assert!(choice.logprob <= choice.alternatives[0].1 && choice.alternatives[0].1 <= 0.0, "{choice:?}");
    }
}

#[test]
fn a_budget_changes_no_token() {
    let free = write(&mut stories(), "One day", most(20));
    // The largest parameter takes 393,216 bytes, all of them 2.8 MB.
    let options = LoadOptions { weights_budget: Some(1 << 20), ..LoadOptions::default() };
    let bound = write(&mut generator(&model("stories-gpt2", options)), "One day", most(20));
    assert_eq!(bound.tokens, free.tokens);
    let options = LoadOptions { weights_budget: Some(1000), ..LoadOptions::default() };
    let error = generator(&model("stories-gpt2", options)).write(
        &Prompt::Text("One day".to_owned()),
        most(1),
        &mut |_: &Piece| ControlFlow::Continue(()),
    );
    assert!(error.expect_err("too little").to_string().contains("budget"));
}
