//! Sizes as people write them.

/// A size in bytes: a number, perhaps with a unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        other => return Err(format!("`{other}` is no unit: B, KiB, MiB, GiB, kB, MB and GB are")),
    };
    let number: u64 = digits.trim().parse().map_err(|_| format!("`{digits}` is no whole number"))?;
    number.checked_mul(unit).ok_or_else(|| format!("{text} is too much"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("200MiB"), Ok(200 << 20));
        assert_eq!(size("3GB"), Ok(3_000_000_000));
        assert_eq!(size("12"), Ok(12));
        assert!(size("2 parsecs").is_err() && size("-1").is_err() && size("99999999999GiB").is_err());
    }
}
