//! `tokenizer.json`, read and run by `tokenizers`.
//!
//! In: the file. Out: an engine with the same numbers as that library, and the vocabulary in our own form. What the
//! library would let pass in silence is an error here: tokens that get other numbers than the file says, two tokens
//! of one number, chance in the model, expansion without bounds. Padding and truncation that the file asks for are
//! left out, as `transformers` does. A panic in the library is caught and reported.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::{DecoderWrapper, Model, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, TokenizerImpl};

use crate::decode::{DecoderPlan, Piece};
use crate::error::TextError;
use crate::normalize::Table;
use crate::split::Splitter;
use crate::tokenizer::{Engine, Inner, Reading, Token};

/// The library's tokenizer with our pre-tokenizer.
pub(crate) type Library =
    TokenizerImpl<ModelWrapper, NormalizerWrapper, Splitter, PostProcessorWrapper, DecoderWrapper>;

/// By how much normalisation, or a decoder, may lengthen a text at most.
const MAX_EXPANSION: usize = 4096;

/// Numbers that no token has are at most as many as the tokens, and this.
const MAX_HOLES: usize = 65_536;

/// Text to tokens by the library.
pub(crate) struct JsonEngine {
    library: Library,
    /// The same tokenizer, for which the texts of special tokens are ordinary text; made when it is first needed.
    literal: OnceLock<Box<Library>>,
}

/// What is checked of a file before the library sees it. The model is left to the library.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    model: Option<ModelOutline>,
}

#[derive(Deserialize)]
struct ModelOutline {
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

/// Reads a `tokenizer.json`.
pub(crate) fn read(text: &[u8]) -> Result<Inner, TextError> {
    let malformed = |error: serde_json::Error| TextError::malformed("tokenizer.json", error.to_string());
    let outline: Outline = serde_json::from_slice(text).map_err(malformed)?;
    check_tables(&outline.normalizer)?;
    check_expansion(&outline.normalizer, "normalizer")?;
    check_expansion(&outline.decoder, "decoder")?;
    let scored = outline.model.as_ref().is_some_and(|model| model.kind.as_deref() == Some("Unigram"));
    let rewritten = if scored { Some(with_scores_as_read(text).map_err(malformed)?) } else { None };
    let text = rewritten.as_deref().unwrap_or(text);
    let library: Library = guard(|| serde_json::from_slice(text).map_err(malformed))??;
    for token in outline.added_tokens.iter().filter(|token| !token.content.is_empty()) {
        match library.token_to_id(&token.content) {
            Some(id) if id == token.id => {}
            found => {
                let found = found.map_or("none".to_owned(), |id| id.to_string());
                let rule = format!("{:?} is given the number {}, but {found} by its place", token.content, token.id);
                return Err(TextError::malformed("added_tokens", rule));
            }
        }
    }
    let plan = DecoderPlan::of_json(&outline.decoder);
    build(library, plan)
}

/// The file with the scores of its pieces as the library's own builds read them: by the fast way of `serde_json`,
/// which is off by a unit in the last place for some numbers of 16 digits and more. Where two ways to cut a text
/// have the same score, that decides between them. This build reads numbers exactly, whatever else is in it.
fn with_scores_as_read(text: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut file: Value = serde_json::from_slice(text)?;
    let pieces = file.pointer_mut("/model/vocab").and_then(Value::as_array_mut);
    for score in pieces.into_iter().flatten().filter_map(|piece| piece.get_mut(1)) {
        if let Some(exact) = score.as_f64().filter(|_| score.is_f64()) {
            *score = Value::from(read_fast(exact));
        }
    }
    serde_json::to_vec(&file)
}

/// What the fast way makes of the shortest decimal for `exact`: the digits as one number, rounded to f64, times or
/// divided by a power of ten, rounded again.
fn read_fast(exact: f64) -> f64 {
    let shortest = format!("{:e}", exact.abs());
    let Some((digits, exponent)) = shortest.split_once('e') else { return exact };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (Ok(significand), Ok(exponent)) = (format!("{whole}{fraction}").parse::<u64>(), exponent.parse::<i32>()) else {
        return exact;
    };
    let exponent = exponent - fraction.len() as i32;
    // Past this the library takes two steps; no score is so small or so large.
    if exponent.abs() > 308 {
        return exact;
    }
    let power = format!("1e{}", exponent.abs()).parse::<f64>().unwrap_or(1.0);
    let value = if exponent < 0 { significand as f64 / power } else { significand as f64 * power };
    value.copysign(exact)
}

/// A tokenizer over the library's. With a plan, tokens become text one by one.
pub(crate) fn build(mut library: Library, plan: Option<DecoderPlan>) -> Result<Inner, TextError> {
    if let ModelWrapper::BPE(model) = library.get_model()
        && model.dropout.is_some_and(|dropout| dropout != 0.0)
    {
        return Err(TextError::unsupported("model.dropout", "splitting words by chance"));
    }
    library.with_padding(None);
    let untruncated = library.with_truncation(None).map(|_| ());
    untruncated.map_err(|error| TextError::Internal(error.to_string()))?;
    let tokens = guard(|| vocabulary(&library, plan.as_ref()))??;
    let engine = JsonEngine { library, literal: OnceLock::new() };
    // What the tokenizer puts around a text is known from an empty one.
    let around = engine.encode("", Reading::Framed)?;
    let special = |id: &&u32| tokens.get(**id as usize).and_then(Option::as_ref).is_some_and(|token| token.special);
    let bos = around.first().filter(special).copied();
    let detokenizer = plan.map(|plan| plan.detokenizer);
    let engine = Engine::Json(Box::new(engine));
    Ok(Inner::new(engine, tokens, detokenizer)?.with_bos(bos))
}

/// Every token by its number.
fn vocabulary(library: &Library, plan: Option<&DecoderPlan>) -> Result<Vec<Option<Token>>, TextError> {
    let model = library.get_model();
    let added = library.get_added_vocabulary();
    let named = model.get_vocab();
    let unigram = matches!(model, ModelWrapper::Unigram(_));
    let mut seen = HashSet::with_capacity(named.len());
    for (name, id) in &named {
        if !seen.insert(*id) && !unigram {
            return Err(TextError::malformed(
                "model.vocab",
                format!("{name:?} and another token both have number {id}"),
            ));
        }
    }
    // A unigram model is a list, of which `get_vocab` has each name once only.
    let listed = if unigram { model.get_vocab_size() } else { 0 };
    let decoded = added.get_added_tokens_decoder();
    let largest = seen.iter().chain(decoded.keys()).max().map_or(0, |id| *id as usize + 1).max(listed);
    let count = named.len().max(listed) + decoded.len();
    if largest > count.saturating_mul(2).saturating_add(MAX_HOLES) {
        let rule = format!("{count} tokens have numbers up to {largest}; so large holes are refused");
        return Err(TextError::malformed("model.vocab", rule));
    }
    let token = |id: u32| {
        // For decoding, the library takes what normalisation made of an added token.
        let name = added.simple_id_to_token(id).or_else(|| model.id_to_token(id))?;
        let special = added.is_special_token(&name);
        let piece = plan.map_or_else(|| Piece::Text(name.as_str().into()), |plan| plan.piece(&name));
        let name = decoded.get(&id).map_or(name, |token| token.content.clone());
        Some(Token { name: name.into(), piece, special })
    };
    let end = u32::try_from(largest).map_err(|_| TextError::malformed("model.vocab", "a number is too large"))?;
    Ok((0..end).map(token).collect())
}

impl JsonEngine {
    /// The tokens of a text.
    pub(crate) fn encode(&self, text: &str, reading: Reading) -> Result<Vec<u32>, TextError> {
        match reading {
            Reading::Framed => encode(&self.library, text, true),
            Reading::Plain => encode(&self.library, text, false),
            Reading::Literal => {
                let literal = self.literal.get_or_init(|| {
                    let mut library = self.library.clone();
                    library.set_encode_special_tokens(true);
                    Box::new(library)
                });
                encode(literal, text, false)
            }
        }
    }

    /// The text of tokens.
    pub(crate) fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TextError> {
        let decoded = guard(|| self.library.decode(ids, skip_special))?;
        decoded.map_err(|error| TextError::malformed("decoder", error.to_string()))
    }
}

fn encode(library: &Library, text: &str, framed: bool) -> Result<Vec<u32>, TextError> {
    let encoding = guard(|| library.encode_fast(text, framed))?;
    let encoding = encoding.map_err(|error| match error.downcast::<TextError>() {
        Ok(ours) => *ours,
        Err(error) => TextError::Encode(error.to_string()),
    })?;
    Ok(encoding.get_ids().to_vec())
}

/// Runs the library; a panic in it becomes an error.
fn guard<T>(run: impl FnOnce() -> T) -> Result<T, TextError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        TextError::Internal(format!("the tokenizers library panicked: {text}"))
    })
}

/// Refuses tables of replacements that the library would panic on, when it reads them or later.
fn check_tables(value: &Value) -> Result<(), TextError> {
    match value {
        Value::Array(values) => values.iter().try_for_each(check_tables),
        Value::Object(fields) => {
            let table = fields.get("precompiled_charsmap");
            if table.is_some() || fields.get("type").and_then(Value::as_str) == Some("Precompiled") {
                let wrong = |rule: String| TextError::malformed("normalizer.precompiled_charsmap", rule);
                let text = table.and_then(Value::as_str).ok_or_else(|| wrong("it must be a text".to_owned()))?;
                let bytes = STANDARD.decode(text).map_err(|error| wrong(error.to_string()))?;
                Table::read(&bytes)?.ok_or_else(|| wrong("it is empty".to_owned()))?;
            }
            fields.values().try_for_each(check_tables)
        }
        _ => Ok(()),
    }
}

/// Refuses chains of replacements that could make a text as long as they like.
fn check_expansion(value: &Value, place: &str) -> Result<(), TextError> {
    if expansion(value) > MAX_EXPANSION {
        let what = format!("a chain of replacements that lengthens texts more than {MAX_EXPANSION} times");
        return Err(TextError::unsupported(place, what));
    }
    Ok(())
}

/// By how much the steps in a normaliser or decoder could lengthen a text, at most.
fn expansion(value: &Value) -> usize {
    let list = |name: &str| value.get(name).and_then(Value::as_array);
    let text = |name: &str| value.get(name).and_then(Value::as_str).map_or(0, str::len);
    match value.get("type").and_then(Value::as_str) {
        Some("Sequence") => {
            let steps = list("normalizers").or_else(|| list("decoders"));
            steps.into_iter().flatten().fold(1, |product: usize, step| product.saturating_mul(expansion(step)))
        }
        Some("Replace") => {
            let pattern = value.get("pattern").and_then(|pattern| pattern.get("String")).and_then(Value::as_str);
            let content = text("content");
            // An expression may match nothing, between any two bytes.
            pattern.map_or(content.saturating_add(1), |pattern| content.div_ceil(pattern.len().max(1))).max(1)
        }
        // The longest compatibility decomposition, U+FDFA, and the longest replacement of published tables.
        Some("NFKC" | "NFKD" | "Precompiled") => 18,
        _ => 3,
    }
}
