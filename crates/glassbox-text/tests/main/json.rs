//! `tokenizer.json`: the same numbers and the same text as the library that it is for.

use glassbox_text::Tokenizer;
use proptest::prelude::*;

use crate::strings::{Golden, folder};

fn read(shape: &str) -> Tokenizer {
    Tokenizer::from_json(&std::fs::read(folder(shape).join("tokenizer.json")).unwrap()).unwrap()
}

fn check(shape: &str, prefix: &str) {
    let tokenizer = read(shape);
    let golden = Golden::read(shape, prefix);
    golden.check(shape, |text| tokenizer.encode_plain(text).unwrap());
    for (text, expected) in crate::strings::strings().iter().zip(golden.framed.unwrap()) {
        assert_eq!(tokenizer.encode(text).unwrap(), expected, "{shape}, with special tokens: {text:?}");
    }
}

#[test]
fn gpt2_gives_the_library_s_numbers() {
    check("gpt2", "");
}

#[test]
fn llama3_gives_the_library_s_numbers() {
    check("llama3", "");
    assert_eq!(read("llama3").bos(), read("llama3").id("<|begin_of_text|>"));
}

#[test]
fn qwen_gives_the_library_s_numbers() {
    check("qwen", "");
}

#[test]
fn sentencepiece_bpe_gives_the_library_s_numbers() {
    check("spm_bpe", "hf_");
}

#[test]
fn sentencepiece_unigram_gives_the_library_s_numbers() {
    check("spm_unigram", "hf_");
}

const SHAPES: [&str; 5] = ["gpt2", "llama3", "qwen", "spm_bpe", "spm_unigram"];

#[test]
fn text_comes_back_as_the_library_gives_it() {
    for shape in SHAPES {
        let ours = read(shape);
        let library = tokenizers::Tokenizer::from_file(folder(shape).join("tokenizer.json")).unwrap();
        for text in crate::strings::strings().iter().take(2000) {
            let ids = ours.encode(text).unwrap();
            for skip in [false, true] {
                assert_eq!(ours.decode(&ids, skip).unwrap(), library.decode(&ids, skip).unwrap(), "{shape}: {text:?}");
            }
        }
    }
}

#[test]
fn a_byte_that_is_no_text_is_refused_with_its_place() {
    let tokenizer = read("gpt2");
    let error = tokenizer.encode_bytes(b"abc\xff").unwrap_err();
    assert!(matches!(error, glassbox_text::TextError::NotUtf8 { offset: 3 }), "{error}");
    assert_eq!(tokenizer.encode_bytes(b"abc").unwrap(), tokenizer.encode("abc").unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Any tokens, also those that make no text.
    #[test]
    fn a_stream_gives_what_the_library_gives_of_all(ids in prop::collection::vec(any::<u32>(), 0..40), skip: bool) {
        for shape in SHAPES {
            let (ours, library) = crate::shared::pair(shape);
            let size = u32::try_from(ours.size()).unwrap();
            // Every second one from the first 260: bytes, in most of these vocabularies.
            let ids: Vec<u32> = ids.iter().map(|id| if id % 2 == 0 { id / 2 % 260 } else { id / 2 % size }).collect();
            let expected = library.decode(&ids, skip).unwrap();
            let mut stream = ours.stream(skip);
            let mut text = String::new();
            for id in &ids {
                let piece = stream.push(*id).unwrap();
                prop_assert!(piece.as_deref() != Some(""));
                let piece = piece.unwrap_or_default();
                let spoiled = |text: &str| text.contains('\u{fffd}');
                prop_assert!(spoiled(&expected) || !spoiled(&piece));
                text.push_str(&piece);
            }
            text.push_str(&stream.finish().unwrap_or_default());
            prop_assert_eq!(&text, &expected, "{}", shape);
            prop_assert_eq!(ours.decode(&ids, skip).unwrap(), expected);
        }
    }
}
