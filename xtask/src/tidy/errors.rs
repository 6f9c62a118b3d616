//! An error that prints another one doesn't also give it as its source: printing the chain would tell it twice.
//!
//! In: the text of a Rust source. Out: the lines of `thiserror` declarations whose text holds the field that is the source,
//! by its name `source` or by `#[from]` and `#[source]`. `#[error(transparent)]` gives the source of the other error, and is
//! fine; so is a text without it, or another name for the field.

/// What is wrong in a source: a line, and the declaration there.
pub(super) fn check_source(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        if !line.starts_with("#[error(") || line.starts_with("#[error(transparent)") {
            continue;
        }
        let Some(end) = lines[place..].iter().position(|line| line.ends_with(")]")).map(|length| place + length) else {
            continue;
        };
        let message = lines[place..=end].join(" ");
        let declares = |line: &&&str| !line.starts_with("//") && !line.starts_with("#[");
        let Some(body) = lines[end + 1..].iter().position(|line| declares(&line)).map(|length| end + 1 + length) else {
            continue;
        };
        let sources = match lines[body].ends_with('{') {
            true => lines[body + 1..].iter().take_while(|line| !line.starts_with('}')).copied().collect(),
            false => vec![lines[body]],
        };
        if prints_its_source(&message, &sources) {
            found.push((place + 1, lines[body].trim_end_matches(['{', ',', ' ']).to_owned()));
        }
    }
    found
}

/// Whether a message holds one of the fields that are sources.
fn prints_its_source(message: &str, fields: &[&str]) -> bool {
    let mut marked = false;
    for field in fields {
        let is_marked = field.contains("#[from]") || field.contains("#[source]");
        if is_marked && field.contains('(') {
            return holds(message, "0");
        }
        let name = field.trim_start_matches("pub ").split(':').next().unwrap_or_default().trim();
        let named = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') && !name.is_empty();
        if named && (name == "source" || marked) && holds(message, name) {
            return true;
        }
        // The mark stands on a line of its own before the field.
        marked = is_marked;
    }
    false
}

/// Whether a message prints a field: `{0}`, `{source}`, `{source:?}`, or the field behind the text.
fn holds(message: &str, field: &str) -> bool {
    let inline = [format!("{{{field}}}"), format!("{{{field}:")];
    inline.iter().any(|text| message.contains(text)) || message.ends_with(&format!(", {field})]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_printed_is_found() {
        for (text, wrong) in [
            ("#[error(\"{0}\")]\nWeights(#[from] WeightsError),", true),
            ("#[error(transparent)]\nWeights(#[from] WeightsError),", false),
            ("#[error(\"the weights\")]\nWeights(#[from] WeightsError),", false),
            ("#[error(\"{0}\")]\nSetting(String),", false),
            (
                "#[error(\"{}: {source}\", path.display())]\n/// What.\nFile {\n/// It.\npath: P,\nsource: io::Error,\n},",
                true,
            ),
            ("#[error(\"{}: {error}\", path.display())]\nFile {\npath: P,\nerror: io::Error,\n},", false),
            ("#[error(\"{file}\")]\nFile {\nfile: String,\nsource: io::Error,\n},", false),
            ("#[error(\"{file}: {why}\")]\nFile {\n#[source]\nwhy: io::Error,\n},", true),
            ("#[error(\n\"{file}: {source}\"\n)]\npub struct File {\npub source: io::Error,\n}", true),
        ] {
            assert_eq!(!check_source(text).is_empty(), wrong, "{text}");
        }
    }
}
