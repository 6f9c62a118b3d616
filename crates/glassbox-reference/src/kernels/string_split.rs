//! `string_split`.

use glassbox_tensor::{Tensor, TensorError};

use crate::call::{Call, Outcome};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let strings = x.to_strings().unwrap_or_default();
    let most = call.attr.opt_int("maxsplit").and_then(|most| usize::try_from(most).ok());
    let delimiter = call.attr.opt_str("delimiter").filter(|delimiter| !delimiter.is_empty());
    let parts: Vec<Vec<&str>> = strings.iter().map(|text| split(text, delimiter, most)).collect();
    let widest = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut sizes = x.shape().to_vec();
    let counts = Tensor::from_vec(&sizes, parts.iter().map(|parts| parts.len() as i64).collect())?;
    sizes.push(widest);
    let mut padded = Vec::new();
    let elements = parts.len().saturating_mul(widest);
    let bytes = elements.saturating_mul(size_of::<String>());
    padded.try_reserve_exact(elements).map_err(|_| TensorError::AllocationFailed { bytes })?;
    for parts in parts {
        let missing = widest - parts.len();
        padded.extend(parts.into_iter().map(str::to_owned));
        padded.extend(std::iter::repeat_n(String::new(), missing));
    }
    let results = [Tensor::from_strings(&sizes, padded)?, counts];
    Ok(results.into_iter().take(call.types.len()).map(Into::into).collect())
}

/// The parts of a string, split at most `most` times.
fn split<'a>(text: &'a str, delimiter: Option<&str>, most: Option<usize>) -> Vec<&'a str> {
    let most = most.unwrap_or(usize::MAX);
    if let Some(delimiter) = delimiter {
        return text.splitn(most.saturating_add(1), delimiter).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        match rest.find(char::is_whitespace).filter(|_| parts.len() < most) {
            Some(end) => {
                parts.push(&rest[..end]);
                rest = rest[end..].trim_start();
            }
            None => {
                // The whole rest, which ends where the string ends.
                parts.push(rest.trim_end());
                break;
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn white_space_at_the_ends_gives_no_parts() {
        assert_eq!(split("  a \t b  ", None, None), ["a", "b"]);
        assert_eq!(split("  a b  c ", None, Some(1)), ["a", "b  c"]);
        assert_eq!(split(" \n ", None, None), [""; 0]);
    }

    #[test]
    fn delimiters_separate_even_nothing() {
        assert_eq!(split("a,,b,", Some(","), None), ["a", "", "b", ""]);
        assert_eq!(split("a--b--c", Some("--"), Some(1)), ["a", "b--c"]);
        assert_eq!(split("a,b", Some(","), Some(0)), ["a,b"]);
        assert_eq!(split("", Some(","), None), [""]);
    }
}
