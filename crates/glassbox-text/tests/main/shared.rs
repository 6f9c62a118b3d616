//! Tokenizers that several tests use, read once.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use glassbox_text::Tokenizer;

use crate::strings::folder;

type Pair = &'static (Tokenizer, tokenizers::Tokenizer);

static PAIRS: LazyLock<Mutex<HashMap<String, Pair>>> = LazyLock::new(Mutex::default);

/// Our reading of a `tokenizer.json`, and the library's.
pub(crate) fn pair(shape: &str) -> Pair {
    PAIRS.lock().unwrap().entry(shape.to_owned()).or_insert_with(|| {
        let path = folder(shape).join("tokenizer.json");
        let ours = Tokenizer::from_json(&std::fs::read(&path).unwrap()).unwrap();
        Box::leak(Box::new((ours, tokenizers::Tokenizer::from_file(&path).unwrap())))
    })
}
