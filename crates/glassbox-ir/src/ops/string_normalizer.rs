//! `string_normalizer`: strings without stop words, in one case.

use super::common::*;
use super::string_concat::TEXT;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "string_normalizer",
    doc: "The strings that aren't `stopwords`, in lower or upper case as `case_change_action` says. Without \
          `is_case_sensitive`, stop words are found whatever their case. Where none are left, one empty string. Case is \
          changed character by character, by Unicode's simple mappings, which are those of English.",
    inputs: &[Input::one("x", TEXT)],
    attrs: &[
        AttrSpec::one_of("case_change_action", &["NONE", "LOWER", "UPPER"], "NONE"),
        AttrSpec::bool("is_case_sensitive", false),
        AttrSpec::optional("locale", AttrKind::Str),
        AttrSpec::optional("stopwords", AttrKind::Strs),
    ],
    constraints: &[
        ("C1", "x has the dims [n] or [1, n]"),
        ("C2", "the locale is absent, empty, C, POSIX or one of English (en, en_US, en_GB.UTF-8, …)"),
    ],
    example: "string_normalizer(string[2] [\"a\", \"B\"]) {case_change_action = \"UPPER\", stopwords = [\"b\"]} \
              -> string[1] [\"A\"]",
    infer: |infer| {
        let locale = infer.attr.opt_str("locale").unwrap_or_default();
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if !["", "C", "POSIX", "en"].contains(&language) {
            return Err(Violation::new("C2", format!("the locale is {locale:?}")));
        }
        let Some(dims) = infer.dims(0) else { return Ok(vec![Type::unranked(DType::String)]) };
        match dims {
            [_] => Ok(vec![Type::tensor(DType::String, [Dim::Unknown])]),
            [one, _] if one.same(&Dim::Int(1)) != Some(false) => {
                Ok(vec![Type::tensor(DType::String, [Dim::Int(1), Dim::Unknown])])
            }
            _ => Err(Violation::new("C1", format!("x is {}", infer.ty(0)?))),
        }
    },
    rounding: Rounding::Exact,
    ..OpDef::BASE
};
