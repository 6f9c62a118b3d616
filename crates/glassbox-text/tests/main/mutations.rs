//! Malformed tokenizers and templates: an error or a tokenizer, never a panic, and soon.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use glassbox_text::{ChatTemplate, Extras, Message, TextError, TiktokenOptions, Tokenizer};
use serde_json::Map;

use crate::strings::{Random, folder, json};

const MUTATIONS: u64 = 1000;
/// Reading and using a file of 70 kB takes milliseconds; the machine may be busy.
const LONGEST: Duration = Duration::from_secs(20);

/// A file with some of its bytes changed.
fn mutate(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len().max(1));
        let end = (at + 1 + random.below(40)).min(bytes.len());
        match random.below(9) {
            0 => bytes.truncate(at),
            1 => bytes[at..end].reverse(),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, part);
            }
            4 => {
                let words: [&[u8]; 10] = [
                    b"null",
                    b"-1",
                    b"4294967295",
                    b"1e999",
                    b"[]",
                    b"{}",
                    b"\"\"",
                    b"true",
                    b"\\ud800",
                    b"18446744073709551616",
                ];
                bytes.splice(at..end, words[random.below(words.len())].iter().copied());
            }
            _ if bytes.is_empty() => {}
            kind => {
                let bit = 1 << random.below(8);
                let place = at.min(bytes.len() - 1);
                bytes[place] = if kind < 8 { bytes[place] ^ bit } else { b'9' };
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Reads mutations of a file and uses what could be read.
fn check(name: &str, bytes: &[u8], read: impl Fn(&[u8]) -> Result<Tokenizer, TextError>) {
    let texts = ["", "Hello world, it's 2024! \n\n  🙂 مرحبا <s>", "\u{0}\u{fffd}▁▁ a"];
    let (mut refused, mut bugs) = (0, Vec::new());
    for number in 0..MUTATIONS {
        let mutated = mutate(bytes, number);
        let started = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let tokenizer = match read(&mutated) {
                Ok(tokenizer) => tokenizer,
                Err(error) => return Err(error),
            };
            for text in texts {
                for encoded in [tokenizer.encode(text), tokenizer.encode_plain(text), tokenizer.encode_literal(text)] {
                    match encoded {
                        Ok(ids) => drop(tokenizer.decode(&ids, true)?),
                        Err(error @ TextError::Internal(_)) => return Err(error),
                        Err(_) => {}
                    }
                }
            }
            (0..20).for_each(|id| drop(tokenizer.bytes(id)));
            Ok(())
        }));
        assert!(started.elapsed() < LONGEST, "{name}, mutation {number} took {:?}", started.elapsed());
        match result {
            Err(_) => panic!("{name}, mutation {number} panicked"),
            Ok(Err(TextError::Internal(error))) => bugs.push(format!("{name}, mutation {number}: {error}")),
            Ok(Err(_)) => refused += 1,
            Ok(Ok(())) => {}
        }
    }
    assert!(bugs.is_empty(), "{}", bugs.join("\n"));
    // Most changes are within a token's text or score, where every value is allowed.
    assert!(refused > 100, "{name}: only {refused} of {MUTATIONS} were refused");
}

fn check_json(shape: &str) {
    check(shape, &std::fs::read(folder(shape).join("tokenizer.json")).unwrap(), Tokenizer::from_json);
}

#[test]
fn mutated_byte_level_tokenizers_are_read_or_refused() {
    check_json("llama3");
}

#[test]
fn mutated_sentencepiece_tokenizers_are_read_or_refused() {
    check_json("spm_bpe");
    check_json("spm_unigram");
}

/// Changes where they matter most: outside the vocabulary.
#[test]
fn mutated_pipelines_are_read_or_refused() {
    for shape in ["gpt2", "llama3", "qwen", "spm_bpe", "spm_unigram"] {
        let mut file = json(&folder(shape).join("tokenizer.json"));
        let model = file["model"].as_object_mut().unwrap();
        model.retain(|name, _| !matches!(name.as_str(), "vocab" | "merges"));
        let short = if shape == "spm_unigram" {
            serde_json::json!([["<unk>", 0.0], ["a", -1.0], ["▁", -2.0]])
        } else {
            serde_json::json!({"<unk>": 0, "a": 1, "b": 2, "ab": 3})
        };
        model.insert("vocab".to_owned(), short);
        if shape != "spm_unigram" {
            model.insert("merges".to_owned(), serde_json::json!([["a", "b"]]));
        }
        file["added_tokens"] = serde_json::json!([]);
        file["post_processor"] = serde_json::Value::Null;
        let text = serde_json::to_vec(&file).unwrap();
        Tokenizer::from_json(&text).unwrap();
        check(shape, &text, Tokenizer::from_json);
    }
}

#[test]
fn mutated_models_of_sentencepiece_are_read_or_refused() {
    for shape in ["spm_bpe", "spm_unigram"] {
        check(shape, &std::fs::read(folder(shape).join("tokenizer.model")).unwrap(), Tokenizer::from_sentencepiece);
    }
}

#[test]
fn mutated_ranks_and_world_vocabularies_are_read_or_refused() {
    let ranks = std::fs::read(folder("tiktoken").join("ranks.tiktoken")).unwrap();
    let options = TiktokenOptions { pattern: "o200k".to_owned(), specials: vec![("<s>".to_owned(), 5000)] };
    check("tiktoken", &ranks, |bytes| Tokenizer::from_tiktoken(bytes, &options));
    let world = std::fs::read(folder("rwkv_world").join("vocab.txt")).unwrap();
    check("rwkv_world", &world, |bytes| Tokenizer::from_world(&String::from_utf8_lossy(bytes)));
}

#[test]
fn mutated_templates_are_rendered_or_refused() {
    let golden = json(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat.json"));
    let templates: Vec<&str> =
        golden["templates"].as_object().unwrap().values().map(|text| text.as_str().unwrap()).collect();
    let messages = [Message::new("system", "a"), Message::new("user", "b"), Message::new("assistant", "c")];
    for number in 0..MUTATIONS {
        let source = mutate(templates[number as usize % templates.len()].as_bytes(), number);
        let source = String::from_utf8_lossy(&source).into_owned();
        let started = Instant::now();
        let rendered = catch_unwind(|| {
            let template = ChatTemplate::new(vec![("default".to_owned(), source.clone())], Map::new())?;
            template.render(&messages, true, &Extras::default())
        });
        assert!(!matches!(rendered, Err(_) | Ok(Err(TextError::Internal(_)))), "{number}: {source}");
        assert!(started.elapsed() < LONGEST, "{number}: {source}");
    }
}

#[test]
fn what_a_file_asks_for_beyond_measure_is_refused() {
    let file = |normalizer: &str, decoder: &str, rest: &str| {
        format!(
            r#"{{"version":"1.0","added_tokens":[],"normalizer":{normalizer},"decoder":{decoder},{rest}
            "model":{{"type":"BPE","vocab":{{"a":0,"b":1}},"merges":[]}}}}"#
        )
    };
    let double = r#"{"type":"Replace","pattern":{"String":"a"},"content":"aa"}"#;
    let chain = [double; 60].join(",");
    let normalizer = format!(r#"{{"type":"Sequence","normalizers":[{chain}]}}"#);
    let decoder = format!(r#"{{"type":"Sequence","decoders":[{chain}]}}"#);
    for (text, word) in [
        (file(&normalizer, "null", ""), "normalizer"),
        (file("null", &decoder, ""), "decoder"),
        (file("null", "null", "").replace("\"b\":1", "\"b\":4000000000"), "holes"),
        (file("null", "null", "").replace("\"b\":1", "\"b\":0"), "number 0"),
        (file("null", "null", "").replace("\"BPE\",", "\"BPE\",\"dropout\":0.5,"), "dropout"),
    ] {
        let error = Tokenizer::from_json(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    // Padding to a length would make every encoding as long as a file says.
    let padding = r#""padding":{"strategy":{"Fixed":1000000000000},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,
        "pad_type_id":0,"pad_token":"a"},"truncation":{"direction":"Right","max_length":1,"strategy":"LongestFirst","stride":0},"#;
    let padded = Tokenizer::from_json(file("null", "null", padding).as_bytes()).unwrap();
    assert_eq!(padded.encode("aba").unwrap(), [0, 1, 0]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Tokenizer::from_json(file(&deep, "null", "").as_bytes()).is_err());
}

/// Every key of a GGUF's tokenizer, absent, of another type, too short, or with numbers that are none.
#[test]
fn mutated_metadata_is_read_or_refused() {
    use glassbox_weights::{Array, Metadata, MetadataValue};
    let wrong = [
        MetadataValue::U32(u32::MAX),
        MetadataValue::I32(-7),
        MetadataValue::F32(f32::NAN),
        MetadataValue::Bool(true),
        MetadataValue::String("\u{0}".to_owned()),
        MetadataValue::Array(Array::String(vec!["a".to_owned()])),
        MetadataValue::Array(Array::I32(vec![9, -1])),
        MetadataValue::Array(Array::F32(vec![f32::NAN])),
        MetadataValue::Array(Array::U8(vec![255; 9])),
        MetadataValue::Array(Array::Array(Vec::new())),
    ];
    let (mut tried, mut refused) = (0, 0);
    for mut whole in [
        crate::others::byte_level("llama3", "llama-bpe"),
        crate::others::pieces("spm_bpe"),
        crate::others::pieces("spm_unigram"),
    ] {
        for name in ["bos_token_id", "eos_token_id"] {
            whole.set(&format!("tokenizer.ggml.{name}"), MetadataValue::U32(1));
        }
        for name in ["add_bos_token", "add_space_prefix", "remove_extra_whitespaces", "precompiled_charsmap"] {
            let value = if name == "precompiled_charsmap" {
                MetadataValue::Array(Array::U8(Vec::new()))
            } else {
                MetadataValue::Bool(true)
            };
            whole.set(&format!("tokenizer.ggml.{name}"), value);
        }
        Tokenizer::from_metadata(&whole).unwrap();
        for (name, _) in whole.iter() {
            for value in wrong.iter().map(Some).chain([None]) {
                let mut mutated = Metadata::default();
                for (other, old) in whole.iter() {
                    match (other == name, value) {
                        (false, _) => mutated.set(other, old.clone()),
                        (true, Some(value)) => mutated.set(other, value.clone()),
                        (true, None) => {}
                    }
                }
                tried += 1;
                match Tokenizer::from_metadata(&mutated) {
                    Ok(Some(tokenizer)) => drop(tokenizer.encode("Hello 🙂 <s>")),
                    Ok(None) => {}
                    Err(TextError::Internal(error)) => panic!("{name}: {error}"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(tried > 300 && refused > 200, "{refused} of {tried} were refused");
}

/// The library's own engine would leave the rest of the text unsplit without a word, and give other numbers.
#[test]
fn a_run_of_spaces_beyond_what_a_pattern_can_take_is_an_error() {
    let tokenizer = Tokenizer::from_json(&std::fs::read(folder("llama3").join("tokenizer.json")).unwrap()).unwrap();
    let text = |spaces: usize| format!("{}x", " ".repeat(spaces));
    assert_eq!(tokenizer.decode(&tokenizer.encode_plain(&text(100_000)).unwrap(), false).unwrap(), text(100_000));
    assert!(matches!(tokenizer.encode(&text(2_000_000)), Err(TextError::Encode(_))));
}
