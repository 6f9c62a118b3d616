//! Where tokenizers and templates are found, and what the files around them say.

use std::path::Path;

use glassbox_text::{ChatTemplate, Extras, Message, TextError, Tokenizer};
use serde_json::{Value, json};

use crate::strings::{Golden, folder};

fn copy(shape: &str, names: &[&str], to: &Path) {
    for name in names {
        std::fs::copy(folder(shape).join(name), to.join(name)).unwrap();
    }
}

fn write(folder: &Path, name: &str, value: &Value) {
    std::fs::write(folder.join(name), serde_json::to_vec(value).unwrap()).unwrap();
}

/// A checkpoint of one number.
fn weights(folder: &Path) {
    let header = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(&[0; 4]);
    std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
}

#[test]
fn a_package_tells_what_begins_and_ends_a_text() {
    let place = tempfile::tempdir().unwrap();
    weights(place.path());
    assert!(Tokenizer::of(&glassbox_weights::open(place.path()).unwrap()).unwrap().is_none());
    assert!(ChatTemplate::of(&glassbox_weights::open(place.path()).unwrap()).unwrap().is_none());
    copy("qwen", &["tokenizer.json"], place.path());
    let bare = Tokenizer::from_folder(place.path()).unwrap();
    let [text, start, end] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(|name| bare.id(name).unwrap());
    write(place.path(), "generation_config.json", &json!({"eos_token_id": [end, text], "bos_token_id": start}));
    write(place.path(), "config.json", &json!({"eos_token_id": 1_000_000}));
    let config = json!({"eos_token": {"content": "<|im_end|>"}, "bos_token": null, "unk_token": "<|endoftext|>",
        "chat_template": "{{ unk_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}\n{% endfor %}"});
    write(place.path(), "tokenizer_config.json", &config);
    let package = glassbox_weights::open(place.path()).unwrap();
    let tokenizer = Tokenizer::of(&package).unwrap().unwrap();
    assert_eq!((tokenizer.bos(), tokenizer.stops()), (Some(start), [end, text].as_slice()));
    assert!(tokenizer.is_special(end) && !tokenizer.is_special(5));
    assert_eq!(tokenizer.token(end).as_deref(), Some("<|im_end|>"));
    assert!(tokenizer.id("no such token").is_none() && tokenizer.token(1_000_000).is_none());
    let error = tokenizer.decode(&[1_000_000], true).unwrap_err();
    assert!(matches!(error, TextError::UnknownToken { id: 1_000_000, .. }), "{error}");

    let render = |place: &Path| {
        let template = ChatTemplate::of(&glassbox_weights::open(place).unwrap()).unwrap().unwrap();
        template.render(&[Message::new("user", "hi")], false, &Extras::default()).unwrap()
    };
    assert_eq!(render(place.path()), "<|endoftext|>user: hi<|im_end|>\n");
    std::fs::write(place.path().join("chat_template.jinja"), "{{ eos_token }}{{ messages[0].content }}").unwrap();
    assert_eq!(render(place.path()), "<|im_end|>hi");
}

#[test]
fn a_malformed_file_is_named() {
    let place = tempfile::tempdir().unwrap();
    assert!(Tokenizer::from_folder(place.path()).unwrap_err().to_string().contains("no tokenizer.json"));
    std::fs::write(place.path().join("tokenizer.json"), "{").unwrap();
    assert!(Tokenizer::from_folder(place.path()).unwrap_err().to_string().contains("tokenizer.json: "));
    copy("gpt2", &["tokenizer.json"], place.path());
    std::fs::write(place.path().join("generation_config.json"), "[1").unwrap();
    let error = Tokenizer::from_folder(place.path()).unwrap_err();
    assert!(error.to_string().contains("generation_config.json"), "{error}");
}

/// `vocab.json` and `merges.txt`, as older checkpoints have them.
#[test]
fn a_vocabulary_with_merges_gives_the_numbers_of_tokenizer_json() {
    for (shape, class) in [("gpt2", "GPT2Tokenizer"), ("qwen", "Qwen2TokenizerFast")] {
        let place = tempfile::tempdir().unwrap();
        let file = crate::strings::json(&folder(shape).join("tokenizer.json"));
        let added = file["added_tokens"].as_array().unwrap();
        let mut vocabulary = file["model"]["vocab"].as_object().unwrap().clone();
        vocabulary.retain(|token, _| !added.iter().any(|other| other["content"] == *token) || shape == "gpt2");
        write(place.path(), "vocab.json", &vocabulary.into());
        let pair = |pair: &Value| format!("{} {}\n", pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        let merges: String = file["model"]["merges"].as_array().unwrap().iter().map(pair).collect();
        std::fs::write(place.path().join("merges.txt"), format!("#version: 0.2\n{merges}")).unwrap();
        let error = Tokenizer::from_folder(place.path()).unwrap_err();
        assert!(matches!(error.root(), TextError::Unsupported { .. }), "{error}");
        let listed = added.iter().map(|token| (token["id"].to_string(), token.clone()));
        let listed: serde_json::Map<String, Value> = listed.collect();
        write(
            place.path(),
            "tokenizer_config.json",
            &json!({"tokenizer_class": class, "added_tokens_decoder": listed}),
        );
        let tokenizer = Tokenizer::from_folder(place.path()).unwrap();
        Golden::read(shape, "").check(shape, |text| tokenizer.encode_plain(text).unwrap());
    }
}

#[test]
fn other_files_are_found_in_a_folder() {
    let place = tempfile::tempdir().unwrap();
    copy("spm_bpe", &["tokenizer.model"], place.path());
    let found = Tokenizer::from_folder(place.path()).unwrap();
    assert_eq!(found.stops(), [found.id("</s>").unwrap()]);
    // Llama 3's own file has ranks under the name of a SentencePiece model.
    std::fs::copy(folder("tiktoken").join("ranks.tiktoken"), place.path().join("tokenizer.model")).unwrap();
    let error = Tokenizer::from_folder(place.path()).unwrap_err();
    assert!(error.to_string().contains("pattern.json"), "{error}");
    write(place.path(), "pattern.json", &json!({"pattern": "llama3", "specials": {"<|eot_id|>": 5000}}));
    let found = Tokenizer::from_folder(place.path()).unwrap();
    assert_eq!(found.encode_plain("<|eot_id|>").unwrap(), [5000]);
    std::fs::remove_file(place.path().join("tokenizer.model")).unwrap();
    std::fs::copy(folder("rwkv_world").join("vocab.txt"), place.path().join("rwkv_vocab_v20230424.txt")).unwrap();
    assert_eq!(Tokenizer::from_folder(place.path()).unwrap().stops(), [0]);
}
