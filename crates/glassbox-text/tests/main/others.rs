//! SentencePiece, tiktoken, RWKV World, GGUF metadata: the numbers of the library that each is for.

use std::sync::LazyLock;

use glassbox_text::{TextError, TiktokenOptions, Tokenizer};
use glassbox_weights::{Array, Metadata, MetadataValue};
use proptest::prelude::*;

use crate::strings::{Golden, folder, json, strings};

fn bytes(shape: &str, name: &str) -> Vec<u8> {
    std::fs::read(folder(shape).join(name)).unwrap()
}

fn framed(tokenizer: &Tokenizer, golden: &Golden) {
    for (text, expected) in strings().iter().zip(golden.framed.as_ref().unwrap()) {
        // The library reads control tokens in a text as text, where `encode` recognises them.
        if tokenizer.encode_plain(text).unwrap() == tokenizer.encode_literal(text).unwrap() {
            assert_eq!(&tokenizer.encode(text).unwrap(), expected, "{text:?}");
        }
    }
}

fn sentencepiece(shape: &str) {
    let tokenizer = Tokenizer::from_sentencepiece(&bytes(shape, "tokenizer.model")).unwrap();
    let golden = Golden::read(shape, "");
    golden.check(shape, |text| tokenizer.encode_literal(text).unwrap());
    framed(&tokenizer, &golden);
    assert_eq!(tokenizer.bos(), tokenizer.id("<s>"));
    assert_eq!(tokenizer.stops(), [tokenizer.id("</s>").unwrap()]);
}

#[test]
fn a_bpe_model_gives_sentencepiece_s_numbers() {
    sentencepiece("spm_bpe");
}

#[test]
fn a_unigram_model_gives_sentencepiece_s_numbers() {
    sentencepiece("spm_unigram");
}

#[test]
fn control_tokens_in_a_text_are_those_of_tokenizer_json() {
    let tokenizer = Tokenizer::from_sentencepiece(&bytes("spm_bpe", "tokenizer.model")).unwrap();
    Golden::read("spm_bpe", "hf_").check("spm_bpe", |text| tokenizer.encode_plain(text).unwrap());
}

#[test]
fn tiktoken_ranks_give_tiktoken_s_numbers() {
    let said = json(&folder("tiktoken").join("pattern.json"));
    let specials = said["specials"].as_object().unwrap();
    let specials = specials.iter().map(|(name, id)| (name.clone(), u32::try_from(id.as_u64().unwrap()).unwrap()));
    let options = TiktokenOptions { pattern: "llama3".to_owned(), specials: specials.collect() };
    let tokenizer = Tokenizer::from_tiktoken(&bytes("tiktoken", "ranks.tiktoken"), &options).unwrap();
    let golden = Golden::read("tiktoken", "");
    golden.check("tiktoken", |text| tokenizer.encode_literal(text).unwrap());
    for (text, expected) in strings().iter().zip(golden.framed.unwrap()) {
        assert_eq!(tokenizer.encode_plain(text).unwrap(), expected);
    }
    let found = Tokenizer::from_folder(&folder("tiktoken")).unwrap();
    assert_eq!(found.encode("<|im_start|>it's").unwrap(), tokenizer.encode("<|im_start|>it's").unwrap());
}

#[test]
fn a_world_vocabulary_gives_rwkv_s_numbers() {
    let text = String::from_utf8(bytes("rwkv_world", "vocab.txt")).unwrap();
    let tokenizer = Tokenizer::from_world(&text).unwrap();
    Golden::read("rwkv_world", "").check("rwkv_world", |text| tokenizer.encode(text).unwrap());
    assert_eq!(tokenizer.stops(), [0]);
}

#[test]
fn what_was_encoded_is_decoded() {
    let said = json(&folder("tiktoken").join("pattern.json"));
    let pattern = said["pattern"].as_str().unwrap().to_owned();
    let options = TiktokenOptions { pattern, specials: Vec::new() };
    let all = [
        Tokenizer::from_tiktoken(&bytes("tiktoken", "ranks.tiktoken"), &options).unwrap(),
        Tokenizer::from_world(&String::from_utf8(bytes("rwkv_world", "vocab.txt")).unwrap()).unwrap(),
        // Keeps every space, and has a token for every byte.
        Tokenizer::from_sentencepiece(&bytes("spm_bpe", "tokenizer.model")).unwrap(),
    ];
    for text in strings() {
        for tokenizer in &all[..2] {
            let ids = tokenizer.encode_literal(&text).unwrap();
            assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
            let parts: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes(*id).unwrap()).collect();
            assert_eq!(parts, text.as_bytes());
        }
        // This one has no letter for the mark that stands for a space.
        let ids = all[2].encode_literal(&text).unwrap();
        assert_eq!(all[2].decode(&ids, true).unwrap(), text.replace('▁', " "));
    }
}

fn set(metadata: &mut Metadata, key: &str, value: MetadataValue) {
    metadata.set(&format!("tokenizer.ggml.{key}"), value);
}

fn text(value: &str) -> MetadataValue {
    MetadataValue::String(value.to_owned())
}

/// What a converter writes for a byte-level `tokenizer.json`.
pub(crate) fn byte_level(shape: &str, pre: &str) -> Metadata {
    let file = json(&folder(shape).join("tokenizer.json"));
    let mut tokens: Vec<(u64, String, i32)> = Vec::new();
    for (token, id) in file["model"]["vocab"].as_object().unwrap() {
        tokens.push((id.as_u64().unwrap(), token.clone(), 1));
    }
    for added in file["added_tokens"].as_array().unwrap() {
        let id = added["id"].as_u64().unwrap();
        tokens.retain(|(other, _, _)| *other != id);
        tokens.push((id, added["content"].as_str().unwrap().to_owned(), 3));
    }
    tokens.sort();
    let merges = file["model"]["merges"].as_array().unwrap().iter();
    let merges = merges.map(|pair| format!("{} {}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect();
    let mut metadata = Metadata::default();
    set(&mut metadata, "model", text("gpt2"));
    set(&mut metadata, "pre", text(pre));
    set(&mut metadata, "token_type", MetadataValue::Array(Array::I32(tokens.iter().map(|token| token.2).collect())));
    set(
        &mut metadata,
        "tokens",
        MetadataValue::Array(Array::String(tokens.into_iter().map(|token| token.1).collect())),
    );
    set(&mut metadata, "merges", MetadataValue::Array(Array::String(merges)));
    metadata
}

#[test]
fn a_gguf_of_bytes_gives_the_numbers_of_tokenizer_json() {
    for (shape, pre) in [("gpt2", "gpt-2"), ("llama3", "llama-bpe"), ("qwen", "qwen2")] {
        let mut metadata = byte_level(shape, pre);
        let json = Tokenizer::from_json(&bytes(shape, "tokenizer.json")).unwrap();
        let id = |name: &str| MetadataValue::U32(json.id(name).unwrap());
        if shape == "llama3" {
            set(&mut metadata, "bos_token_id", id("<|begin_of_text|>"));
            set(&mut metadata, "eos_token_id", id("<|end_of_text|>"));
            set(&mut metadata, "eot_token_id", id("<|eot_id|>"));
        }
        let tokenizer = Tokenizer::from_metadata(&metadata).unwrap().unwrap();
        let golden = Golden::read(shape, "");
        golden.check(shape, |text| tokenizer.encode_plain(text).unwrap());
        for (text, expected) in strings().iter().zip(golden.framed.unwrap()) {
            assert_eq!(tokenizer.encode(text).unwrap(), expected);
            assert_eq!(tokenizer.decode(&expected, false).unwrap(), json.decode(&expected, false).unwrap());
        }
        assert_eq!(tokenizer.stops().len(), if shape == "llama3" { 2 } else { 0 });
    }
}

pub(crate) fn pieces(shape: &str) -> Metadata {
    let pieces: Vec<(String, f32, i32)> = serde_json::from_value(json(&folder(shape).join("pieces.json"))).unwrap();
    let mut metadata = Metadata::default();
    set(&mut metadata, "model", text(if shape == "spm_bpe" { "llama" } else { "t5" }));
    set(&mut metadata, "scores", MetadataValue::Array(Array::F32(pieces.iter().map(|piece| piece.1).collect())));
    set(&mut metadata, "token_type", MetadataValue::Array(Array::I32(pieces.iter().map(|piece| piece.2).collect())));
    set(
        &mut metadata,
        "tokens",
        MetadataValue::Array(Array::String(pieces.into_iter().map(|piece| piece.0).collect())),
    );
    metadata
}

#[test]
fn a_gguf_of_pieces_gives_sentencepiece_s_numbers() {
    let tokenizer = Tokenizer::from_metadata(&pieces("spm_bpe")).unwrap().unwrap();
    let golden = Golden::read("spm_bpe", "");
    golden.check("spm_bpe", |text| tokenizer.encode_literal(text).unwrap());
    framed(&tokenizer, &golden);
    let mut metadata = pieces("spm_bpe");
    set(&mut metadata, "add_space_prefix", MetadataValue::Bool(false));
    set(&mut metadata, "add_bos_token", MetadataValue::Bool(false));
    set(&mut metadata, "add_eos_token", MetadataValue::Bool(true));
    let bare = Tokenizer::from_metadata(&metadata).unwrap().unwrap();
    assert_eq!(bare.decode(&bare.encode(" a b").unwrap(), false).unwrap(), " a b</s>");
    assert!(Tokenizer::from_metadata(&pieces("spm_unigram")).unwrap().is_some());
}

#[test]
fn what_a_gguf_asks_for_and_is_unknown_is_named() {
    let refused = |metadata: &Metadata| match Tokenizer::from_metadata(metadata) {
        Err(error @ TextError::Unsupported { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(refused(&byte_level("gpt2", "viking")).contains("viking"));
    let mut metadata = byte_level("gpt2", "gpt-2");
    set(&mut metadata, "model", text("bert"));
    assert!(refused(&metadata).contains("bert"));
    let mut absent = Metadata::default();
    assert!(Tokenizer::from_metadata(&absent).unwrap().is_none());
    for (name, value) in byte_level("gpt2", "gpt-2").iter().filter(|(name, _)| !name.ends_with(".pre")) {
        absent.set(name, value.clone());
    }
    assert!(refused(&absent).contains("tokenizer.ggml.pre"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any tokens of vocabularies of bytes: the text is what the standard library makes of all bytes.
    #[test]
    fn a_stream_of_bytes_is_their_text(ids in prop::collection::vec(0..1200u32, 0..40)) {
        static BOTH: LazyLock<[Tokenizer; 2]> = LazyLock::new(|| {
            let options = TiktokenOptions { pattern: "gpt2".to_owned(), specials: Vec::new() };
            let world = String::from_utf8(bytes("rwkv_world", "vocab.txt")).unwrap();
            let ranks = Tokenizer::from_tiktoken(&bytes("tiktoken", "ranks.tiktoken"), &options).unwrap();
            [ranks, Tokenizer::from_world(&world).unwrap()]
        });
        for tokenizer in BOTH.iter() {
            let ids: Vec<u32> = ids.iter().map(|id| if id % 2 == 0 { 1 + id % 256 } else { *id }).collect();
            let all: Vec<u8> = ids.iter().flat_map(|id| tokenizer.bytes(*id).unwrap()).collect();
            let mut stream = tokenizer.stream(false);
            let pieces: Vec<Option<String>> = ids.iter().map(|id| stream.push(*id).unwrap()).collect();
            let text: String = pieces.into_iter().chain([stream.finish()]).flatten().collect();
            prop_assert_eq!(text, String::from_utf8_lossy(&all).into_owned());
        }
    }
}
