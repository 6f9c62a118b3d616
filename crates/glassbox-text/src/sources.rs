//! Where a tokenizer is found: in a package's blobs, in its metadata, in a folder; and what the files around it say
//! about the tokens that begin and end a text.

use std::path::{Path, PathBuf};

use glassbox_weights::{Metadata, Package};
use serde_json::{Map, Value};

use crate::byte_level;
use crate::error::TextError;
use crate::tiktoken::TiktokenOptions;
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

    /// The names of the files in the folder, in order.
    fn beside(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path("")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
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
    // A GGUF's own tokenizer before those of files that happen to lie beside it.
    let own = match crate::gguf::read(package.metadata()) {
        Err(TextError::Unsupported { .. }) if files.has("tokenizer.json") => None,
        own => own?,
    };
    let found = match own {
        Some(own) => Some(own),
        None => find(&files)?,
    };
    let Some(mut inner) = found else { return Ok(None) };
    add_metadata_ends(&mut inner, package.metadata());
    add_ends(&mut inner, &files)?;
    Ok(Some(inner.into()))
}

/// The tokenizer of a folder.
pub(crate) fn from_folder(folder: &Path) -> Result<Tokenizer, TextError> {
    let files = Files::Folder(folder);
    let Some(mut inner) = find(&files)? else {
        let rule = "it has no tokenizer.json, no vocab.json with merges.txt, no *.tiktoken, no tokenizer.model, and no \
                    vocabulary of RWKV World";
        return Err(TextError::malformed("the folder", rule).in_file(folder));
    };
    add_ends(&mut inner, &files)?;
    Ok(inner.into())
}

fn find(files: &Files) -> Result<Option<Inner>, TextError> {
    if let Some(text) = files.read("tokenizer.json")? {
        return crate::json::read(&text).map(Some).map_err(|error| error.in_file(&files.path("tokenizer.json")));
    }
    if let Some(found) = byte_level::from_files(files)? {
        return Ok(Some(found));
    }
    let names = files.beside();
    let folder = files.path("");
    let beside = Files::Folder(&folder);
    let ranks: Vec<&String> = names.iter().filter(|name| name.ends_with(".tiktoken")).collect();
    match ranks.as_slice() {
        [] => {}
        [name] => return read_tiktoken(&beside, name).map(Some),
        [first, second, ..] => {
            let rule = format!("it has several files of ranks, {first} and {second}; name one");
            return Err(TextError::malformed("the folder", rule).in_file(&folder));
        }
    }
    if let Some(model) = files.read("tokenizer.model")? {
        if crate::tiktoken::looks_like(&model) {
            return read_tiktoken(files, "tokenizer.model").map(Some);
        }
        let read = crate::sentencepiece::read(&model);
        return read.map(Some).map_err(|error| error.in_file(&files.path("tokenizer.model")));
    }
    let world = names.iter().find(|name| name.starts_with("rwkv_vocab") && name.ends_with(".txt"));
    if let Some(name) = world
        && let Some(text) = beside.read(name)?
    {
        let text = std::str::from_utf8(&text).map_err(|error| TextError::NotUtf8 { offset: error.valid_up_to() });
        return text.and_then(crate::world::read).map(Some).map_err(|error| error.in_file(&beside.path(name)));
    }
    Ok(None)
}

/// Ranks with the pattern that `pattern.json` names, or the name of the file; special tokens from there or from
/// `tokenizer_config.json`.
fn read_tiktoken(files: &Files, name: &str) -> Result<Inner, TextError> {
    let said = files.json("pattern.json")?.unwrap_or_default();
    let stem = name.trim_end_matches(".tiktoken");
    let known = crate::patterns::tiktoken(stem).map(|_| stem);
    let Some(pattern) = said["pattern"].as_str().or(known) else {
        let what = "a file of ranks without the pattern that splits words (write pattern.json beside it, \
                    {\"pattern\": \"cl100k\", \"specials\": {\"<|endoftext|>\": 100257}}; patterns are gpt2, cl100k, o200k, \
                    llama3, or a regular expression)";
        return Err(TextError::unsupported("tiktoken", what).in_file(&files.path(name)));
    };
    let mut options = TiktokenOptions { pattern: pattern.to_owned(), specials: Vec::new() };
    if let Some(specials) = said["specials"].as_object() {
        for (content, id) in specials {
            let [id] = whole_numbers(id)[..] else {
                let rule = format!("the number of {content:?} must be a whole number");
                return Err(TextError::malformed("specials", rule).in_file(&files.path("pattern.json")));
            };
            options.specials.push((content.clone(), id));
        }
    } else {
        let config = files.json("tokenizer_config.json")?.unwrap_or_default();
        let added = byte_level::added_tokens(files, &config, &Map::new())?;
        options.specials.extend(added.into_iter().map(|token| (token.content, token.id)));
    }
    let ranks = files.read(name)?.unwrap_or_default();
    crate::tiktoken::read(&ranks, &options).map_err(|error| error.in_file(&files.path(name)))
}

/// Adds the tokens that begin and end a text, as the configuration names them.
fn add_ends(inner: &mut Inner, files: &Files) -> Result<(), TextError> {
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
    for id in numbers {
        // A configuration may name a token that this vocabulary lacks: of a larger one, from which it was copied.
        if inner.token(id).is_some() && !inner.stops.contains(&id) {
            inner.stops.push(id);
        }
    }
    inner.bos = inner.bos.filter(|id| inner.token(*id).is_some());
    Ok(())
}

/// Adds the tokens that end a text, as a GGUF names them.
pub(crate) fn add_metadata_ends(inner: &mut Inner, metadata: &Metadata) {
    for name in ["eos", "eot", "eom"] {
        let id = metadata.integer(&format!("tokenizer.ggml.{name}_token_id")).and_then(|id| u32::try_from(id).ok());
        if let Some(id) = id.filter(|id| inner.token(*id).is_some() && !inner.stops.contains(id)) {
            inner.stops.push(id);
        }
    }
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
