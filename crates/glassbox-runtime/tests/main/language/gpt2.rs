//! GPT-2's decode step in both forms, as docs/tutorial-graph.md builds it.

#[allow(dead_code)]
#[path = "../../../examples/gpt2.rs"]
mod example;

use super::{check_tokens, executor, package};
use crate::root;
use example::{block_form, expression_form};

#[test]
fn the_block_form_gives_the_bits_of_the_library() {
    let model = package("stories-gpt2");
    let mut run = executor(&model, &block_form());
    check_tokens("stories-gpt2", &model, |token, position| {
        assert_eq!(run.fetch::<i64>("past").unwrap(), position);
        run.insert("token", vec![token]).unwrap();
        run.run_step().unwrap_or_else(|error| panic!("{error}"));
        run.fetch("logits").unwrap()
    });
}

#[test]
fn the_expression_form_gives_the_bits_of_the_library() {
    let model = package("stories-gpt2");
    let (program, logits) = expression_form(&model);
    let mut run = executor(&model, &program);
    check_tokens("stories-gpt2", &model, |token, position| {
        run.insert("token", vec![token]).unwrap();
        run.insert("past", position).unwrap();
        run.run_step().unwrap_or_else(|error| panic!("{error}"));
        run.fetch(logits.name()).unwrap()
    });
}

#[test]
fn both_forms_write_on_as_torch_does() {
    let folder = root().join("models/stories-gpt2");
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let prompt = &expected["prompts"][0];
    let start = prompt["prompt"].as_str().unwrap();
    let whole = format!("{start}{}", prompt["text"].as_str().unwrap());
    for in_blocks in [true, false] {
        let story = example::write(&folder.join("model.oinf"), start, 10, in_blocks);
        let story = story.unwrap_or_else(|error| panic!("{error}"));
        assert!(story.len() > start.len() + 10 && whole.starts_with(&story), "{story:?} isn't how {whole:?} begins");
    }
}

/// Every piece of Rust in the tutorial stands in the example, line by line.
#[test]
fn the_tutorial_shows_what_runs() {
    let dedent = |line: &str| line.trim().to_owned();
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let source: Vec<String> = read("crates/glassbox-runtime/examples/gpt2.rs").lines().map(dedent).collect();
    let tutorial = read("docs/tutorial-graph.md");
    let mut blocks = 0;
    for piece in tutorial.split("```rust\n").skip(1) {
        let piece = piece.split("```").next().unwrap();
        let lines: Vec<String> = piece.trim_end().lines().map(dedent).collect();
        assert!(source.windows(lines.len()).any(|window| window == lines), "not in examples/gpt2.rs:\n{piece}");
        blocks += 1;
    }
    assert!(blocks >= 10, "{blocks} pieces of Rust");
    assert_eq!(tutorial.matches("```").count() % 2, 0);
}
