//! Published patterns that split text into words, by the names that files give them.
//!
//! A pattern is the one that the model's own `tokenizer.json` or tiktoken has. A name that isn't here is an error.

use crate::split::GPT2;

/// Llama 3, and tiktoken's cl100k with contractions in any case.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Qwen 2 and 3: every digit is a word.
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// tiktoken's o200k.
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Mistral's Tekken.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// DeepSeek V3's third, after digits and Chinese and Japanese letters.
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;

/// What the name of a pre-tokenizer in a GGUF stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PreTokenizer {
    /// Patterns that split one after the other.
    pub(crate) patterns: &'static [&'static str],
    /// Whether a word that is a token is not put together from pairs.
    pub(crate) whole_words: bool,
    /// Whether a text begins with its first token, if the file doesn't say.
    pub(crate) add_bos: bool,
    /// Whether text is put into Unicode's composed form first.
    pub(crate) composed: bool,
}

/// The pre-tokenizer that `tokenizer.ggml.pre` names.
pub(crate) fn of_gguf(name: &str) -> Option<PreTokenizer> {
    let plain = |patterns| PreTokenizer { patterns, whole_words: false, add_bos: false, composed: false };
    Some(match name {
        "default" => plain(&[
            r"[\p{P}\$\+<=>\^~\|]+",
            r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
            r"\p{N}+",
            "[0-9][0-9][0-9]",
        ]),
        "gpt-2" | "gpt2" | "phi-2" | "mpt" | "olmo" | "jais" => plain(&[GPT2]),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => plain(&[r"\p{N}", GPT2]),
        "llama3" | "llama-v3" | "llama-bpe" => PreTokenizer { whole_words: true, add_bos: true, ..plain(&[LLAMA3]) },
        "dbrx" | "smaug-bpe" => plain(&[LLAMA3]),
        "qwen2" => PreTokenizer { composed: true, ..plain(&[QWEN2]) },
        "deepseek-r1-qwen" => plain(&[QWEN2]),
        "deepseek-v3" => plain(&[r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3]),
        "tekken" => PreTokenizer { whole_words: true, add_bos: true, ..plain(&[TEKKEN]) },
        "gpt-4o" => plain(&[O200K]),
        _ => return None,
    })
}

/// A pattern of tiktoken by its name.
pub(crate) fn tiktoken(name: &str) -> Option<&'static str> {
    Some(match name {
        "gpt2" | "r50k_base" | "p50k_base" => GPT2,
        "cl100k" | "cl100k_base" | "llama3" => LLAMA3,
        "o200k" | "o200k_base" => O200K,
        _ => return None,
    })
}
