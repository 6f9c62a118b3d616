//! Where a tokenizer is found: in a package's blobs, in its metadata, in a folder; and what the files around it say
//! about the tokens that begin and end a text.

use std::path::{Path, PathBuf};

use glassbox_weights::{Metadata, Package};
use serde_json::Value;

use crate::error::TextError;
use crate::tokenizer::{Inner, Tokenizer};

/// The longest file of a tokenizer or its configuration that is read.
const LONGEST: u64 = 1 << 30;

/// Files by name: those of a package, or those of a folder.
pub(crate) enum Files<'a> {
    Package(&'a Package),
    Folder(&'a Path),
}

impl Files<'_> {
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Files::Package(package) => package.blobs().any(|blob| blob == name),
            Files::Folder(folder) => folder.join(name).is_file(),
        }
    }

    /// The contents of a file, where it is there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, TextError> {
        match self {
            _ if !self.has(name) => Ok(None),
            Files::Package(package) => Ok(Some(package.blob(name)?)),
            Files::Folder(folder) => {
                let path = folder.join(name);
                let read = || {
                    let len = std::fs::metadata(&path)?.len();
                    if len > LONGEST {
                        let rule = format!("it has {len} bytes; more than {LONGEST} are refused");
                        return Err(TextError::malformed("the file", rule));
                    }
                    Ok(std::fs::read(&path)?)
                };
                read().map(Some).map_err(|error| error.in_file(&path))
            }
        }
    }

    /// A file of JSON, where it is there.
    pub(crate) fn json(&self, name: &str) -> Result<Option<Value>, TextError> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let value = serde_json::from_slice(&text);
        value
            .map(Some)
            .map_err(|error| TextError::malformed("it is no JSON", error.to_string()).in_file(&self.path(name)))
    }

    /// How a file is named in errors.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        match self {
            Files::Package(package) => {
                let folder = package.files().next().and_then(Path::parent).unwrap_or(Path::new(""));
                folder.join(name)
            }
            Files::Folder(folder) => folder.join(name),
        }
    }
}

/// The tokenizer of a package.
pub(crate) fn of(package: &Package) -> Result<Option<Tokenizer>, TextError> {
    let files = Files::Package(package);
    let Some(mut inner) = find(&files)? else { return Ok(None) };
    add_ends(&mut inner, &files, package.metadata())?;
    Ok(Some(inner.into()))
}

/// The tokenizer of a folder.
pub(crate) fn from_folder(folder: &Path) -> Result<Tokenizer, TextError> {
    let files = Files::Folder(folder);
    let found = find(&files)?;
    let Some(mut inner) = found else {
        let rule = "it has no tokenizer.json";
        return Err(TextError::malformed("the folder", rule).in_file(folder));
    };
    add_ends(&mut inner, &files, &Metadata::default())?;
    Ok(inner.into())
}

fn find(files: &Files) -> Result<Option<Inner>, TextError> {
    if let Some(text) = files.read("tokenizer.json")? {
        return crate::json::read(&text).map(Some).map_err(|error| error.in_file(&files.path("tokenizer.json")));
    }
    Ok(None)
}

/// Adds the tokens that begin and end a text, as the configuration names them.
fn add_ends(inner: &mut Inner, files: &Files, metadata: &Metadata) -> Result<(), TextError> {
    let mut numbers = Vec::new();
    for name in ["generation_config.json", "config.json"] {
        let Some(config) = files.json(name)? else { continue };
        for place in [&config, &config["text_config"]] {
            numbers.extend(whole_numbers(&place["eos_token_id"]));
            inner.bos = inner.bos.or_else(|| whole_numbers(&place["bos_token_id"]).first().copied());
        }
    }
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let Some(config) = files.json(name)? else { continue };
        let token = |field: &str| inner.ids.get(token_text(&config[field])?).copied();
        numbers.extend(token("eos_token"));
        inner.bos = token("bos_token").or(inner.bos);
    }
    let key = |name: &str| metadata.integer(&format!("tokenizer.ggml.{name}_token_id"));
    let ends = ["eos", "eot", "eom"].into_iter().filter_map(key);
    numbers.extend(ends.filter_map(|id| u32::try_from(id).ok()));
    for id in numbers {
        // A configuration may name a token that this vocabulary lacks: of a larger one, from which it was copied.
        if inner.token(id).is_some() && !inner.stops.contains(&id) {
            inner.stops.push(id);
        }
    }
    inner.bos = inner.bos.filter(|id| inner.token(*id).is_some());
    Ok(())
}

/// A number or a list of them.
fn whole_numbers(value: &Value) -> Vec<u32> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    match value {
        Value::Array(values) => values.iter().filter_map(number).collect(),
        other => number(other).into_iter().collect(),
    }
}

/// The text of a token in a configuration: a text, or an object with `content`.
pub(crate) fn token_text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}
