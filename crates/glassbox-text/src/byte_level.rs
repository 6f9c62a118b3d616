//! Byte-level BPE from its parts: what a `tokenizer.json` would say, where there is none.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::decode::Piece;
use crate::error::TextError;
use crate::letters;
use crate::patterns::PreTokenizer;
use crate::sources::Files;
use crate::split::GPT2;
use crate::tokenizer::Inner;

/// A token that isn't put together from pairs.
pub(crate) struct Added {
    pub(crate) id: u32,
    pub(crate) content: String,
    pub(crate) special: bool,
}

/// The tokenizer of a vocabulary, spelled in letters, and its pairs, the first to be joined first.
pub(crate) fn build(
    vocabulary: Map<String, Value>,
    merges: Vec<(String, String)>,
    words: PreTokenizer,
    mut added: Vec<Added>,
) -> Result<Inner, TextError> {
    // These bytes are in no UTF-8.
    let absent =
        |byte: &u8| !matches!(byte, 0xc0 | 0xc1 | 0xf5..) && !vocabulary.contains_key(&letters::spell(&[*byte]));
    if let Some(byte) = (0..=255u8).find(absent) {
        return Err(TextError::malformed("the vocabulary", format!("there is no token for byte {byte:#04x} alone")));
    }
    added.sort_by_key(|token| token.id);
    let mut steps: Vec<Value> = words
        .patterns
        .iter()
        .map(|pattern| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false}))
        .collect();
    let letters = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    steps.push(letters.clone());
    let listed = |token: &Added| {
        json!({"id": token.id, "content": token.content, "special": token.special, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false})
    };
    let parts = json!({
        "version": "1.0",
        "added_tokens": added.iter().map(listed).collect::<Vec<_>>(),
        "normalizer": words.composed.then(|| json!({"type": "NFC"})),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
        "decoder": letters,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges, "ignore_merges": words.whole_words},
    });
    let mut inner =
        crate::json::read(&serde_json::to_vec(&parts).map_err(|error| TextError::Internal(error.to_string()))?)?;
    for token in added {
        // An added token is text as it stands, though all its characters may be letters.
        if let Some(Some(entry)) = inner.tokens.get_mut(token.id as usize) {
            entry.piece = Piece::Bytes(token.content.as_bytes().into());
            entry.special = token.special;
        }
    }
    Ok(inner)
}

/// The tokenizer of `vocab.json` and `merges.txt`, if both are there.
pub(crate) fn from_files(files: &Files) -> Result<Option<Inner>, TextError> {
    let Some(vocabulary) = files.json("vocab.json")? else { return Ok(None) };
    let Some(merges) = files.read("merges.txt")? else { return Ok(None) };
    let wrong = |name: &str, rule: String| TextError::malformed("it", rule).in_file(&files.path(name));
    let Value::Object(vocabulary) = vocabulary else {
        return Err(wrong("vocab.json", "must be an object of tokens with their numbers".to_owned()));
    };
    let merges = std::str::from_utf8(&merges)
        .map_err(|error| TextError::NotUtf8 { offset: error.valid_up_to() }.in_file(&files.path("merges.txt")))?;
    let lines =
        merges.lines().enumerate().filter(|(at, line)| !(line.is_empty() || *at == 0 && line.starts_with("#version")));
    let pair = |(at, line): (usize, &str)| match line.split_once(' ') {
        Some((left, right)) => Ok((left.to_owned(), right.to_owned())),
        None => Err(wrong("merges.txt", format!("has no pair in line {}", at + 1))),
    };
    let merges = lines.map(pair).collect::<Result<Vec<_>, _>>()?;
    let config = files.json("tokenizer_config.json")?.unwrap_or_default();
    let model = files.json("config.json")?.unwrap_or_default();
    if config["add_prefix_space"].as_bool() == Some(true) {
        return Err(TextError::unsupported("tokenizer_config.json", "add_prefix_space with a vocab.json"));
    }
    let class = config["tokenizer_class"].as_str().map(|class| class.trim_end_matches("Fast"));
    let kind = class.or(model["model_type"].as_str()).unwrap_or("no tokenizer_class and no model_type");
    let words = match kind {
        "GPT2Tokenizer" | "gpt2" => {
            PreTokenizer { patterns: &[GPT2], whole_words: false, add_bos: false, composed: false }
        }
        "Qwen2Tokenizer" | "qwen2" | "qwen3" => {
            crate::patterns::of_gguf("qwen2").ok_or_else(|| TextError::Internal("the table has no qwen2".to_owned()))?
        }
        other => {
            let what =
                format!("{other}, whose way to split words isn't known; a tokenizer.json would say it, so that it");
            return Err(TextError::unsupported("vocab.json and merges.txt", what));
        }
    };
    let added = added_tokens(files, &config, &vocabulary)?;
    build(vocabulary, merges, words, added).map(Some).map_err(|error| error.in_file(&files.path("vocab.json")))
}

/// Added tokens as `added_tokens.json` and `tokenizer_config.json` list them.
pub(crate) fn added_tokens(
    files: &Files,
    config: &Value,
    vocabulary: &Map<String, Value>,
) -> Result<Vec<Added>, TextError> {
    let number = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let mut added: HashMap<u32, Added> = HashMap::new();
    let mut add = |id: Option<u32>, content: &str, special: bool| {
        if let Some(id) = id {
            added.insert(id, Added { id, content: content.to_owned(), special });
        }
    };
    for (content, id) in files.json("added_tokens.json")?.as_ref().and_then(Value::as_object).into_iter().flatten() {
        add(number(id), content, true);
    }
    for name in ["bos_token", "eos_token", "unk_token", "pad_token"] {
        if let Some(content) = crate::sources::token_text(&config[name]) {
            add(vocabulary.get(content).and_then(number), content, true);
        }
    }
    // What GPT-2's tokenizer has without being told.
    add(vocabulary.get("<|endoftext|>").and_then(number), "<|endoftext|>", true);
    for (id, token) in config["added_tokens_decoder"].as_object().into_iter().flatten() {
        if let Some(content) = token["content"].as_str() {
            add(id.parse().ok(), content, token["special"].as_bool().unwrap_or(false));
        }
    }
    Ok(added.into_values().collect())
}
