//! SentencePiece's user-defined, unused and unknown pieces, and its text of tokens, in `tests/kinds`, which
//! `scripts/tokenizers/kinds.py` writes.

use std::path::Path;

use glassbox_text::Tokenizer;

use crate::strings::{hash, json, strings};

#[test]
fn pieces_of_every_kind_give_sentencepiece_s_numbers_and_text() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds");
    let golden = json(&folder.join("kinds.json"));
    for (name, said) in golden.as_object().unwrap() {
        let model = std::fs::read(folder.join(format!("{name}.model"))).unwrap();
        let tokenizer = Tokenizer::from_sentencepiece(&model).unwrap();
        let ids: Vec<Vec<u32>> = strings().iter().map(|text| tokenizer.encode_literal(text).unwrap()).collect();
        let first: Vec<Vec<u32>> = serde_json::from_value(said["ids"].clone()).unwrap();
        for ((text, ids), expected) in strings().iter().zip(&ids).zip(&first) {
            assert_eq!(ids, expected, "{name}: {text:?}");
        }
        let hashes: Vec<u32> = ids.iter().map(|ids| hash(ids)).collect();
        assert_eq!(u64::from(hash(&hashes)), said["hash"].as_u64().unwrap(), "{name}");
        let decoded: Vec<(Vec<u32>, String)> = serde_json::from_value(said["decoded"].clone()).unwrap();
        assert_eq!(decoded.len(), 300);
        for (ids, expected) in decoded {
            // The library shows the unknown token and leaves out control tokens; here both are special.
            let control = |id: &u32| tokenizer.token(*id).is_some_and(|name| name == "<s>" || name == "</s>");
            let shown: Vec<u32> = ids.iter().copied().filter(|id| !control(id)).collect();
            let spelled: Vec<String> = ids.iter().filter_map(|id| tokenizer.token(*id)).collect();
            assert_eq!(tokenizer.decode(&shown, false).unwrap(), expected, "{name}: {spelled:?}");
        }
    }
}
