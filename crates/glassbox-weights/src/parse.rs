//! Values of the metadata from text, as a person writes them.

use std::str::FromStr;

use crate::metadata::{Array, MetadataValue};

impl MetadataValue {
    /// The value of the type that is called `type_name` ([`MetadataValue::type_name`]) that `text` stands for. A list is
    /// written with commas between its elements, with or without brackets; text as it is. `None` where the text stands for
    /// none, or for lists of lists and tensors, which have no text.
    ///
    /// ```
    /// use glassbox_weights::MetadataValue;
    /// let value = MetadataValue::parse("u32", "4").ok_or("a number")?;
    /// assert_eq!(value.integer(), Some(4));
    /// let value = MetadataValue::parse("[string]", "[a, b]").ok_or("a list")?;
    /// assert_eq!(value.to_string(), r#"["a", "b"]"#);
    /// assert!(MetadataValue::parse("u8", "300").is_none());
    /// # Ok::<(), &str>(())
    /// ```
    pub fn parse(type_name: &str, text: &str) -> Option<MetadataValue> {
        if let Some(element) = type_name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            return array(element, text).map(MetadataValue::Array);
        }
        let text = if type_name == "string" { text } else { text.trim() };
        Some(match type_name {
            "u8" => MetadataValue::U8(text.parse().ok()?),
            "i8" => MetadataValue::I8(text.parse().ok()?),
            "u16" => MetadataValue::U16(text.parse().ok()?),
            "i16" => MetadataValue::I16(text.parse().ok()?),
            "u32" => MetadataValue::U32(text.parse().ok()?),
            "i32" => MetadataValue::I32(text.parse().ok()?),
            "u64" => MetadataValue::U64(text.parse().ok()?),
            "i64" => MetadataValue::I64(text.parse().ok()?),
            "f32" => MetadataValue::F32(text.parse().ok()?),
            "f64" => MetadataValue::F64(text.parse().ok()?),
            "bool" => MetadataValue::Bool(text.parse().ok()?),
            "string" => MetadataValue::String(text.to_owned()),
            _ => return None,
        })
    }
}

/// A list of elements of the type that is called `element`.
fn array(element: &str, text: &str) -> Option<Array> {
    let text = text.trim();
    let inner = text.strip_prefix('[').map_or(Some(text), |text| text.strip_suffix(']'))?.trim();
    let parts: Vec<&str> = if inner.is_empty() { Vec::new() } else { inner.split(',').map(str::trim).collect() };
    fn all<T: FromStr>(parts: &[&str]) -> Option<Vec<T>> {
        parts.iter().map(|part| part.parse().ok()).collect()
    }
    Some(match element {
        "u8" => Array::U8(all(&parts)?),
        "i8" => Array::I8(all(&parts)?),
        "u16" => Array::U16(all(&parts)?),
        "i16" => Array::I16(all(&parts)?),
        "u32" => Array::U32(all(&parts)?),
        "i32" => Array::I32(all(&parts)?),
        "u64" => Array::U64(all(&parts)?),
        "i64" => Array::I64(all(&parts)?),
        "f32" => Array::F32(all(&parts)?),
        "f64" => Array::F64(all(&parts)?),
        "bool" => Array::Bool(all(&parts)?),
        "string" => Array::String(all(&parts)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_is_of_the_type_and_the_rest_is_refused() {
        for (name, text) in [
            ("u8", "255"),
            ("i8", "-128"),
            ("u16", "1"),
            ("i16", "-1"),
            ("u32", " 4 "),
            ("i32", "-4"),
            ("u64", "18446744073709551615"),
            ("i64", "-1"),
            ("f32", "1e-5"),
            ("f64", "inf"),
            ("bool", "true"),
            ("string", " as it is"),
            ("[i64]", "[]"),
            ("[f32]", "1, 2.5"),
            ("[bool]", "[true, false]"),
            ("[string]", "a"),
        ] {
            let value = MetadataValue::parse(name, text);
            assert_eq!(value.map(|value| value.type_name()).as_deref(), Some(name), "{name} {text}");
        }
        for (name, text) in [
            ("u8", "256"),
            ("u8", "-1"),
            ("i64", "1.5"),
            ("f32", "much"),
            ("bool", "yes"),
            ("[i8]", "[1, 300]"),
            ("[i8]", "[1"),
            ("[array]", "[]"),
            ("f32[2]", "1"),
            ("nothing", "1"),
            ("i64", ""),
        ] {
            assert!(MetadataValue::parse(name, text).is_none(), "{name} {text}");
        }
    }
}
