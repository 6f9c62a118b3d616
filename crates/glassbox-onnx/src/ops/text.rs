//! The ops of strings.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("RegexFullMatch", 20, direct(&ops::regex_full_match::OP)),
    row("StringConcat", 20, bare(&ops::string_concat::OP)),
    row("StringNormalizer", 10, direct(&ops::string_normalizer::OP)),
    row("StringSplit", 20, direct(&ops::string_split::OP)),
    row("TfIdfVectorizer", 9, direct(&ops::tf_idf_vectorizer::OP)),
];
