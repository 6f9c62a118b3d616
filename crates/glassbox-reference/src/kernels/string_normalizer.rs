//! `string_normalizer`.

use glassbox_tensor::Tensor;

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let fold = |text: &str| match call.attr.bool("is_case_sensitive") {
        true => text.to_owned(),
        false => lower(text),
    };
    let stops: Vec<String> = call.attr.strs("stopwords").unwrap_or_default().iter().map(|word| fold(word)).collect();
    let strings = x.to_strings().unwrap_or_default();
    let kept = strings.into_iter().filter(|text| stops.is_empty() || !stops.contains(&fold(text)));
    let mut strings: Vec<String> = match call.attr.str("case_change_action") {
        "LOWER" => kept.map(|text| lower(&text)).collect(),
        "UPPER" => kept.map(|text| upper(&text)).collect(),
        _ => kept.collect(),
    };
    if strings.is_empty() {
        strings.push(String::new());
    }
    let mut sizes = vec![1; x.rank()];
    if let Some(last) = sizes.last_mut() {
        *last = strings.len();
    }
    one(Tensor::from_strings(&sizes, strings)?)
}

/// Each character in lower case, by Unicode's simple mapping.
fn lower(text: &str) -> String {
    // The one character whose simple mapping isn't its full one.
    text.chars().map(|c| if c == 'İ' { 'i' } else { simple(c, c.to_lowercase()) }).collect()
}

/// Each character in upper case, by Unicode's simple mapping.
fn upper(text: &str) -> String {
    text.chars().map(|c| simple(c, c.to_uppercase())).collect()
}

/// A mapping to one character, or else the character itself.
fn simple(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(mapped), None) => mapped,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stay_single() {
        assert_eq!(upper("straße äé"), "STRAßE ÄÉ");
        assert_eq!(lower("İSTANBUL ΟΔΟΣ"), "istanbul οδοσ");
    }
}
