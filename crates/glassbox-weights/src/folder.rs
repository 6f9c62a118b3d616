//! Folders of weights: which files of a checkpoint's folder belong together.
//!
//! In this order: `model.safetensors.index.json` and its shards, the one `*.safetensors`,
//! `pytorch_model.bin.index.json` and its shards, `pytorch_model.bin`, the one `*.gguf`, `*.oinf`, `*.pth`,
//! `*.pt` or `*.bin`. The shards of an index are files of the same folder.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::error::WeightsError;
use crate::open::open_file;
use crate::package::{Blob, Parts};

/// Files beside weights that tell what model they are of. They become blobs.
pub(crate) const COMPANIONS: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "preprocessor_config.json",
];

/// Files that trainers leave beside weights, named like some.
const NO_WEIGHTS: &[&str] =
    &["training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "rng_state.pth"];

/// An index is no longer than this.
const LONGEST_INDEX: u64 = 256 << 20;

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

/// Opens what a folder holds.
pub(crate) fn open_folder(folder: &Path) -> Result<Parts, WeightsError> {
    let mut parts = find(folder)?;
    add_companions(folder, &mut parts);
    Ok(parts)
}

/// Adds the known files of `folder` as blobs, where the package has none of the name.
pub(crate) fn add_companions(folder: &Path, parts: &mut Parts) {
    for name in COMPANIONS {
        let path = folder.join(name);
        if path.is_file() && !parts.blobs.iter().any(|(other, _)| other == name) {
            parts.blobs.push(((*name).to_owned(), Blob::Beside { path }));
        }
    }
}

fn find(folder: &Path) -> Result<Parts, WeightsError> {
    let mut names = Vec::new();
    let entries = std::fs::read_dir(folder).map_err(WeightsError::io("the folder can't be listed"))?;
    for entry in entries {
        let entry = entry.map_err(WeightsError::io("the folder can't be listed"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !NO_WEIGHTS.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.sort();
    let with = |ending: &str| -> Vec<&String> { names.iter().filter(|name| name.ends_with(ending)).collect() };
    for (endings, single) in [
        (&[".safetensors"][..], "model.safetensors"),
        (&[".bin", ".pth", ".pt"][..], "pytorch_model.bin"),
        (&[".gguf"][..], "model.gguf"),
        (&[".oinf"][..], "model.oinf"),
    ] {
        let index = format!("{single}.index.json");
        if names.contains(&index) {
            return sharded(folder, &folder.join(index));
        }
        let found: Vec<&String> = endings.iter().flat_map(|ending| with(ending)).collect();
        let chosen = found.iter().find(|name| **name == single).or(if found.len() == 1 { found.first() } else { None });
        match chosen {
            Some(name) => return open_file(&folder.join(name)),
            None if found.is_empty() => {}
            None => {
                let what =
                    format!("the folder has {} of them ({}, …) and no `{index}`; name one", found.len(), found[0]);
                return Err(WeightsError::Unrecognized { what });
            }
        }
    }
    let what = "the folder has no *.safetensors, pytorch_model.bin, *.gguf, *.oinf or *.pth".to_owned();
    Err(WeightsError::Unrecognized { what })
}

/// The shards that an index names, as one package.
fn sharded(folder: &Path, path: &Path) -> Result<Parts, WeightsError> {
    let index = read_index(path).map_err(|error| error.in_file(path))?;
    let mut files: Vec<&String> = index.weight_map.values().collect();
    files.sort();
    files.dedup();
    let mut whole: Option<Parts> = None;
    for name in files {
        let place = shard_path(folder, name).map_err(|error| error.in_file(path))?;
        let shard = open_file(&place)?;
        for entry in &shard.entries {
            if index.weight_map.get(&entry.info.name) != Some(name) {
                let said = index.weight_map.get(&entry.info.name).map_or("in none", String::as_str);
                let rule = format!("it is in {name}, but the index says that it is {said}");
                return Err(WeightsError::Parameter { name: entry.info.name.clone(), rule }.in_file(path));
            }
        }
        match &mut whole {
            None => whole = Some(shard),
            Some(whole) => {
                whole.entries.extend(shard.entries);
                whole.files.extend(shard.files);
                whole.metadata.extend(shard.metadata.0);
            }
        }
    }
    let Some(whole) = whole else {
        return Err(WeightsError::structure(0, "weight_map", "it names no file").in_file(path));
    };
    let found: std::collections::HashSet<&str> = whole.entries.iter().map(|entry| entry.info.name.as_str()).collect();
    let mut absent: Vec<&String> = index.weight_map.keys().filter(|name| !found.contains(name.as_str())).collect();
    absent.sort();
    if let Some(name) = absent.first() {
        let rule = format!("the index says that it is in {}, but it isn't", index.weight_map[*name]);
        return Err(WeightsError::Parameter { name: (*name).clone(), rule }.in_file(path));
    }
    Ok(whole)
}

fn read_index(path: &Path) -> Result<Index, WeightsError> {
    let metadata = std::fs::metadata(path).map_err(WeightsError::io("the index can't be described"))?;
    if metadata.len() > LONGEST_INDEX {
        let rule = format!("it has {} bytes; more than {LONGEST_INDEX} are refused", metadata.len());
        return Err(WeightsError::structure(0, "the index", rule));
    }
    let text = std::fs::read(path).map_err(WeightsError::io("the index can't be read"))?;
    serde_json::from_slice(&text).map_err(|error| WeightsError::structure(0, "the index", error.to_string()))
}

/// The path of a shard: a plain name in the folder of the index, so that an index can't read other files.
fn shard_path(folder: &Path, name: &str) -> Result<PathBuf, WeightsError> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) if !name.contains(['\\', '\0']) => Ok(folder.join(name)),
        _ => {
            let rule = format!("{name:?} is no plain name of a file in the index's folder");
            Err(WeightsError::structure(0, "weight_map", rule))
        }
    }
}
