//! Tables of the fields of JSON name the fields that there are.
//!
//! In: a page. A comment `<!-- fields: COMMANDS -->` stands before a table whose first column names fields, in code type:
//! `outputs[].name`; `*` is any key; with a `?` at its end a field that isn't always there; with `.**` at its end
//! everything within. Out: fields that the commands print and the table lacks, and the other way round.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::play::Stage;

/// A table of fields.
#[derive(Debug, PartialEq)]
struct Table {
    /// The line of its comment, from 1.
    line: usize,
    commands: String,
    /// The names in its first column.
    names: Vec<String>,
}

/// Runs the commands of every table of a page and compares.
pub(super) fn check(stage: &Stage, place: &str, text: &str, wrong: &mut Vec<String>) -> Result<()> {
    for table in tables(text) {
        let outcome = stage.run(&table.commands)?;
        let at = format!("{place}:{}", table.line);
        if table.names.is_empty() {
            bail!("{at}: no table of fields follows");
        }
        let printed = outcome.lines.join("\n");
        let seen = paths(&printed).with_context(|| format!("{at}: `{}` printed no JSON: {printed}", table.commands))?;
        wrong.extend(differences(&table.names, &seen).into_iter().map(|what| format!("{at}: {what}")));
    }
    Ok(())
}

fn tables(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(commands) = line.strip_prefix("<!-- fields: ").and_then(|rest| rest.strip_suffix(" -->")) {
            tables.push(Table { line: number + 1, commands: commands.to_owned(), names: Vec::new() });
            inside = true;
        } else if inside && line.starts_with("| `") {
            let name = line.trim_start_matches("| `").split('`').next().unwrap_or_default();
            if let Some(table) = tables.last_mut() {
                table.names.push(name.to_owned());
            }
        } else if inside && !line.starts_with('|') && !line.is_empty() {
            inside = false;
        }
    }
    tables
}

/// The paths of all fields of some JSON values, one after the other.
fn paths(text: &str) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        collect(&value?, "", &mut found);
    }
    Ok(found)
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                collect(item, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn differences(names: &[String], seen: &BTreeSet<String>) -> Vec<String> {
    let missing = seen.iter().filter(|path| !names.iter().any(|name| answers(name, path)));
    let gone = names.iter().filter(|name| !name.ends_with('?') && !seen.iter().any(|path| answers(name, path)));
    let missing = missing.map(|path| format!("`{path}` is printed and isn't in the table"));
    missing.chain(gone.map(|name| format!("`{name}` is in the table and isn't printed"))).collect()
}

/// Whether a name of a table means a path.
fn answers(name: &str, path: &str) -> bool {
    let name = name.trim_end_matches('?');
    if let Some(start) = name.strip_suffix(".**") {
        return path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    }
    let (names, parts): (Vec<&str>, Vec<&str>) = (name.split('.').collect(), path.split('.').collect());
    let same = |name: &str, part: &str| name == part || name == "*" || name == "*[]" && part.ends_with("[]");
    names.len() == parts.len() && names.iter().zip(parts).all(|(name, part)| same(name, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_behind_their_comments() {
        let page = "a\n<!-- fields: x --json -->\n\n| field | is |\n| --- | --- |\n| `a.b[]` | c |\n| `d?` | e |\n\nf\n| `g` | h |\n";
        let names = ["a.b[]", "d?"].map(str::to_owned).to_vec();
        assert_eq!(tables(page), [Table { line: 2, commands: "x --json".to_owned(), names }]);
    }

    #[test]
    fn fields_are_compared_both_ways() {
        let text = r#"{"a": [{"b": 1}, {"c": []}], "d": {"x": {"e": 2}, "y": {"e": 3}}}
            {"f": {}, "g": {"h": [{"i": 1}]}}"#;
        let seen = paths(text).expect("JSON");
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            differences(&names, &seen).join("; ")
        };
        assert_eq!(told(&["a[].b", "a[].c", "d.*.e", "f", "g.**", "z?"]), "");
        assert_eq!(told(&["a[].b", "d.*.e", "f", "g.**"]), "`a[].c` is printed and isn't in the table");
        assert_eq!(told(&["a[].b", "a[].c", "d.*.e", "f", "g.**", "z"]), "`z` is in the table and isn't printed");
        assert!(paths("{").is_err());
    }
}
