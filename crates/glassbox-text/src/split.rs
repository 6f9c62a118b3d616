//! The pre-tokenizer of a `tokenizer.json`, with patterns that report when they give up.
//!
//! `Split` and the splitting half of `ByteLevel` run here, over [`Pattern`]; everything else is the library's own.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::tokenizer::pattern::Invert;
use tokenizers::{PreTokenizedString, PreTokenizer, PreTokenizerWrapper, SplitDelimiterBehavior};

use crate::pattern::Pattern;

/// GPT-2's pattern, which `ByteLevel` uses where it isn't told otherwise.
pub(crate) const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// How text is cut into the pieces that become tokens one by one.
#[derive(Clone, Debug)]
pub(crate) enum Splitter {
    /// One after the other.
    Sequence(Vec<Splitter>),
    /// By a pattern.
    Pattern { pattern: Pattern, behavior: SplitDelimiterBehavior, invert: bool },
    /// A space is put before each piece that has none.
    Spaced,
    /// As the library does it.
    Library(Box<PreTokenizerWrapper>),
}

impl Splitter {
    fn letters() -> Splitter {
        let letters = ByteLevel::default().add_prefix_space(false).trim_offsets(false).use_regex(false);
        Splitter::Library(Box::new(letters.into()))
    }

    fn of_json(value: &Value) -> Result<Splitter, String> {
        let field = |name: &str| value.get(name);
        match field("type").and_then(Value::as_str) {
            Some("Sequence") => {
                let inner = field("pretokenizers").and_then(Value::as_array).ok_or("Sequence without pretokenizers")?;
                Ok(Splitter::Sequence(inner.iter().map(Splitter::of_json).collect::<Result<_, _>>()?))
            }
            Some("Split") if field("pattern").is_some_and(|pattern| pattern.get("Regex").is_some()) => {
                let pattern = field("pattern").and_then(|pattern| pattern.get("Regex")).and_then(Value::as_str);
                let pattern = Pattern::of_oniguruma(pattern.ok_or("Split's pattern is no text")?);
                let behavior = field("behavior").cloned().ok_or("Split without behavior")?;
                Ok(Splitter::Pattern {
                    pattern: pattern.map_err(|error| error.to_string())?,
                    behavior: serde_json::from_value(behavior).map_err(|error| error.to_string())?,
                    invert: field("invert").and_then(Value::as_bool).ok_or("Split without invert")?,
                })
            }
            Some("ByteLevel") => {
                let on =
                    |name: &str, default| field(name).map_or(default, Value::as_bool).ok_or(format!("no bool {name}"));
                let mut steps = Vec::new();
                if on("add_prefix_space", None)? {
                    steps.push(Splitter::Spaced);
                }
                if on("use_regex", Some(true))? {
                    let pattern = Pattern::new(GPT2).map_err(|error| error.to_string())?;
                    let behavior = SplitDelimiterBehavior::Isolated;
                    steps.push(Splitter::Pattern { pattern, behavior, invert: false });
                }
                steps.push(Splitter::letters());
                Ok(Splitter::Sequence(steps))
            }
            _ => {
                let library = PreTokenizerWrapper::deserialize(value).map_err(|error| error.to_string())?;
                Ok(Splitter::Library(Box::new(library)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Splitter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Splitter, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Splitter::of_json(&value).map_err(|error| D::Error::custom(format!("pre_tokenizer: {error}")))
    }
}

impl PreTokenizer for Splitter {
    fn pre_tokenize(&self, text: &mut PreTokenizedString) -> tokenizers::Result<()> {
        match self {
            Splitter::Sequence(steps) => steps.iter().try_for_each(|step| step.pre_tokenize(text)),
            Splitter::Pattern { pattern, behavior, invert: false } => {
                text.split(|_, piece| piece.split(pattern, *behavior))
            }
            Splitter::Pattern { pattern, behavior, invert: true } => {
                text.split(|_, piece| piece.split(Invert(pattern), *behavior))
            }
            Splitter::Spaced => text.split(|_, mut piece| {
                if !piece.get().starts_with(' ') {
                    piece.prepend(" ");
                }
                Ok(vec![piece])
            }),
            Splitter::Library(library) => library.pre_tokenize(text),
        }
    }
}
