//! The commands for language models and for weights.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use super::{Folder, command, glassbox, printed, refused, root, stderr, stdout};

#[test]
fn a_story_is_told_without_any_file() {
    let text = printed(&["generate", "Once upon a time", "-n", "64"]);
    let expected = std::fs::read_to_string(root().join("models/stories-gpt2/expected.json")).expect("expected.json");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    let row = &expected["prompts"][0];
    let want = format!("{}{}", row["prompt"].as_str().expect("a prompt"), row["text"].as_str().expect("a text"));
    assert_eq!(text.trim_end(), want);
}

#[test]
fn what_is_written_can_be_told_as_json() {
    let arguments =
        ["generate", "One day", "-n", "5", "--json", "--samples", "2", "--temperature", "1", "--logprobs", "2"];
    let document: Value = serde_json::from_str(&printed(&arguments)).expect("JSON");
    let texts = document["texts"].as_array().expect("texts");
    assert_eq!(texts.len(), 2);
    for text in texts {
        assert_eq!(text["tokens"].as_array().expect("tokens").len(), 5);
        assert_eq!(text["finish"]["reason"], "length");
        assert_eq!(text["logprobs"][4]["top"].as_array().expect("the best").len(), 2);
    }
    assert_ne!(texts[0]["tokens"], texts[1]["tokens"]);
}

#[test]
fn a_grammar_binds_the_text() {
    let text = printed(&["generate", "Yes or no? ", "--regex", "(yes|no)!", "--temperature", "1"]);
    assert!(["Yes or no? yes!", "Yes or no? no!"].contains(&text.trim_end()), "{text}");
    let folder = Folder::new("grammar");
    let wrong = folder.file("wrong.gbnf", "root ::= \"a\" | missing\n");
    assert!(refused(&["generate", "x", "--grammar", &wrong], 3).contains("GBNF, 1:16: there is no rule `missing`"));
}

#[test]
fn every_value_can_be_checked_on_the_way() {
    let plain = printed(&["generate", "One day", "-n", "4"]);
    assert_eq!(printed(&["generate", "One day", "-n", "4", "--eager"]), plain);
}

/// The model that tells stories as a checkpoint in a folder, with a template for conversations.
fn talking() -> Folder {
    let folder = Folder::new("chat");
    for file in ["config.json", "tokenizer.json"] {
        std::fs::copy(root().join("models/stories-gpt2").join(file), folder.path(file)).expect("a copy");
    }
    printed(&["convert", "models/stories-gpt2/model.oinf", &folder.path("model.safetensors")]);
    folder.file("chat_template.jinja", "{% for m in messages %}{{ m.role[0] }}: {{ m.content }} {% endfor %}");
    folder
}

#[test]
fn a_conversation_remembers_what_was_said() {
    let folder = talking();
    let mut child = command(&["chat", "-m", &folder.path(""), "-n", "6", "--stats"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(b"Once upon a time\n\nand then\n/forget\nOnce upon a time\n/exit\nnever read\n").expect("written");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", stderr(&output));
    let (text, notes) = (stdout(&output), stderr(&output));
    let answers: Vec<&str> = text.lines().collect();
    assert_eq!(answers.len(), 3, "{text}");
    assert_eq!(answers[0], answers[2], "what was forgotten is new again");
    let lines: Vec<&str> = notes.lines().filter(|line| line.contains("tokens read")).collect();
    assert!(lines[1].contains("remembered") && !lines[0].contains("remembered"), "{notes}");
}

#[test]
fn a_conversation_needs_a_template() {
    let error = refused(&["chat"], 3);
    assert!(error.contains("no chat template") && error.contains("glassbox generate"), "{error}");
}

#[test]
fn logits_are_told_and_written() {
    let folder = Folder::new("forward");
    let file = folder.path("logits.npy");
    let text = printed(&["forward", "--text", "Once upon a", "--top", "1", "-o", &file, "--model", "stories"]);
    assert!(text.contains("\"Ġtime\"") || text.contains("\" time\""), "{text}");
    let header = std::fs::read(&file).expect("it was written");
    assert!(String::from_utf8_lossy(&header[..80]).contains("1536"), "the shape has the vocabulary");
    let both = printed(&["forward", "--text", "Once", "--text", "Once upon a", "--top", "1", "-o", &file]);
    let (one, two) = both.split_at(both.rfind("logits of").expect("two rows"));
    assert!(one.starts_with("logits of 1 tokens: [1, 1536]"), "{one}");
    assert!(two.starts_with("logits of 3 tokens: [3, 1536]") && two.contains("time"), "{two}");
    let rows = printed(&["forward", "--text", "Once", "--text", "Once upon a", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&rows).expect("JSON").as_array().map(Vec::len), Some(2));
    let error = refused(&["forward", "--tokens", "1,x"], 3);
    assert!(error.contains("\"x\" is no number"), "{error}");
    for tokens in ["99999", "1,-1", "1536"] {
        let error = refused(&["forward", &format!("--tokens={tokens}")], 3);
        assert!(error.contains("is no token of the model; they are 0 to 1535"), "{error}");
    }
    let many = vec!["5"; 300].join(",");
    let error = refused(&["forward", "--tokens", &many], 3);
    assert!(error.contains("300 tokens are more than the 256 that the context holds"), "{error}");
}

#[test]
fn what_is_wrong_with_a_request_is_told_before_anything_is_written() {
    for wrong in [&["-t", "-1"][..], &["--top-k", "0"], &["--top-p", "2"], &["--samples", "0"]] {
        let given = [&["generate", "Once", "-n", "2"], wrong].concat();
        let output = command(&given).output().expect("it starts");
        assert!(!output.status.success() && stdout(&output).is_empty(), "{wrong:?}: {}", stdout(&output));
    }
}

#[test]
fn a_line_that_is_no_utf8_ends_no_conversation() {
    let folder = Folder::new("latin");
    let template = folder.file("plain.jinja", "{% for m in messages %}{{ m.content }}{% endfor %}");
    let lines = folder.path("lines");
    std::fs::write(&lines, b"caf\xe9\nOne day\n").expect("a file");
    let mut chat = command(&["chat", "-n", "3", "--template", &template]);
    let output = chat.stdin(std::fs::File::open(&lines).expect("the file")).output().expect("it starts");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 2, "{}", stdout(&output));
    assert!(stderr(&output).contains("isn't UTF-8"), "{}", stderr(&output));
}

#[test]
fn perplexity_is_that_of_the_losses() {
    let folder = Folder::new("perplexity");
    let story = folder.file("story.txt", "Once upon a time there was a king. He was very sad.");
    let document: Value = serde_json::from_str(&printed(&["perplexity", &story, "--json"])).expect("JSON");
    let (perplexity, mean) = (document["perplexity"].as_f64().expect("a number"), document["nats_per_token"].as_f64());
    assert!((perplexity.ln() - mean.expect("a number")).abs() < 1e-9 && perplexity > 1.0 && perplexity < 1536.0);
    let odd = folder.file("odd.txt", "x");
    assert!(refused(&["perplexity", &odd], 3).contains("nothing to expect"));
}

#[test]
fn weights_are_converted_verified_and_inspected() {
    let folder = Folder::new("convert");
    let (target, again) = (folder.path("q8.oinf"), folder.path("f32.safetensors"));
    let source = "models/stories-gpt2/model.oinf";
    let output = glassbox(&["convert", source, &target, "--quantize", "q8_0"]);
    assert!(output.status.success() && stderr(&output).contains("bf16 -> q8_0"), "{}", stderr(&output));
    assert!(refused(&["convert", source, &target], 3).contains("--force replaces it"));
    assert!(printed(&["verify", &target]).contains("every byte is as it was written"));
    let text = printed(&["generate", "Once upon a time", "-n", "8", "-m", &target]);
    assert!(text.starts_with("Once upon a time"), "{text}");
    let facts: Value = serde_json::from_str(&printed(&["inspect", &target, "--json"])).expect("JSON");
    assert_eq!(facts["format"], ".oinf v3");
    assert_eq!(facts["elements"], 1_419_264);
    assert!(printed(&["convert", &target, &again, "--quantize", "f32"]).contains("76 parameters"));
    assert!(printed(&["inspect", &again]).contains("safetensors"));
    let mut bytes = std::fs::read(&target).expect("the file");
    let last = bytes.len() - 1000;
    bytes[last] ^= 4;
    std::fs::write(&target, bytes).expect("the file");
    let error = refused(&["verify", &target], 3);
    assert!(error.contains("q8.oinf"), "{error}");
}

#[test]
fn a_prompt_can_be_traced_by_layer() {
    let text = printed(&["trace", "stories", "-i", "tokens=text:Once upon a time"]);
    assert!(text.contains("\ntransformer/h.3/mlp\n") || text.contains("transformer/h.3/mlp/c_fc"), "{text}");
    let text = printed(&["inspect", "stories", "--graph"]);
    assert!(text.contains("parameter()") && text.contains("state_append"), "{text}");
    let output = glassbox(&["check", "stories", "-i", "tokens=text:Once upon a time", "--against", "precise"]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn a_profile_and_the_graph_are_written() {
    let folder = Folder::new("profile");
    let (profile, dump) = (folder.path("profile.json"), folder.path("dump"));
    let output = glassbox(&["generate", "One day", "-n", "3", "--profile", &profile, "--dump-dir", &dump, "--stats"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("time by layer") && stderr(&output).contains("tokens read"),
        "{}",
        stderr(&output)
    );
    let trace: Value = serde_json::from_slice(&std::fs::read(&profile).expect("the profile")).expect("JSON");
    assert!(trace["traceEvents"].as_array().expect("events").len() > 100);
    // What was written is the graph itself: it reads back.
    let graph = format!("{dump}/1-built.gb");
    assert!(printed(&["inspect", &graph]).contains("write_tokens"));
}
