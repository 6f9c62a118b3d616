//! The files that `run -o` writes: one for each output, and none for two.
//!
//! What comes in are the names of the outputs and their values. A tensor becomes `.npy`, and what NumPy has no array for (a
//! list, an optional, texts that end in a zero character) a `.pb` of the ONNX format; both can be inputs again. A table that
//! stands for a list of maps is written as these, a `.pb` too. A name that
//! a file can't have is changed; where one was, or two outputs would have the same file, `names.json` tells which file is
//! whose.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Context, Result};
use glassbox_exec::Value;
use glassbox_onnx::{Data, Maps};
use serde_json::json;

use crate::arrays;
use crate::files;

/// The table of names.
const TABLE: &str = "names.json";

/// The most bytes of a name: systems allow 255 for a file, its ending and number included.
const MAX_BYTES: usize = 150;

/// Writes each output to a file that is named as it.
///
/// # Errors
///
/// Where the folder or a file can't be written.
pub(crate) fn save(names: &[String], outputs: &[Value], maps: &Maps, folder: &Path, quiet: bool) -> Result<()> {
    files::create_folder(folder)?;
    let stems = stems(names);
    let mut table = Vec::new();
    for ((name, stem), value) in names.iter().zip(&stems).zip(outputs) {
        let file_name = match maps.output(name).zip(value.as_tensor()) {
            Some((maps, table)) => {
                let name = format!("{stem}.pb");
                write_pb(&folder.join(&name), &maps.data(table)?)?;
                name
            }
            None => write(folder, stem, value)?,
        };
        let file = folder.join(&file_name);
        if !quiet {
            note!("wrote {}", file.display());
        }
        table.push(json!({ "name": name, "file": file_name, "type": value.ty().to_string() }));
    }
    if names.iter().zip(&stems).any(|(name, stem)| name != stem) {
        let file = folder.join(TABLE);
        files::write(&file, format!("{}\n", serde_json::to_string_pretty(&json!({ "outputs": table }))?).as_bytes())?;
        if !quiet {
            note!("wrote {}, which tells the name of each file's output", file.display());
        }
    }
    Ok(())
}

/// Writes a value to a file that begins with `stem` and ends as what it is: `.npy`, or `.pb` where NumPy has no array for it.
/// What the file is called.
///
/// # Errors
///
/// Where the file can't be written.
pub(crate) fn write(folder: &Path, stem: &str, value: &Value) -> Result<String> {
    let tensor = value.as_tensor().filter(|tensor| arrays::fits_npy(tensor));
    let name = format!("{stem}.{}", if tensor.is_some() { "npy" } else { "pb" });
    let file = folder.join(&name);
    match tensor {
        Some(tensor) => arrays::write_npy(&file, tensor)?,
        None => write_pb(&file, &data(value))?,
    }
    Ok(name)
}

/// A value as a message of the ONNX format.
fn write_pb(file: &Path, data: &Data) -> Result<()> {
    let place = || format!("{}: the value can't be written as .pb", file.display());
    files::write(file, &data.encode().with_context(place)?)
}

/// A value as what the files of the ONNX format hold.
fn data(value: &Value) -> Data {
    match value {
        Value::Tensor(tensor) => Data::Tensor(tensor.clone()),
        Value::Sequence { items, .. } => Data::Sequence(items.iter().map(data).collect()),
        Value::Optional { item, .. } => Data::Optional(item.as_ref().map(|item| Box::new(data(item)))),
    }
}

/// What the files of these outputs are called, without their endings: each differently, also where the case of letters
/// doesn't count. A name that a file can have as it is stays.
fn stems(names: &[String]) -> Vec<String> {
    let key = |stem: &str| stem.to_lowercase();
    let mut stems: Vec<Option<String>> = vec![None; names.len()];
    let mut taken = HashSet::new();
    for (name, stem) in names.iter().zip(&mut stems) {
        if file_name(name) == *name && taken.insert(key(name)) {
            *stem = Some(name.clone());
        }
    }
    for (name, stem) in names.iter().zip(&mut stems) {
        if stem.is_some() {
            continue;
        }
        let wanted = file_name(name);
        let mut unique = wanted.clone();
        let mut number = 1;
        while !taken.insert(key(&unique)) {
            number += 1;
            unique = format!("{wanted}-{number}");
        }
        *stem = Some(unique);
    }
    stems.into_iter().flatten().collect()
}

/// A name as a file may have it: what could mean a folder is replaced, and what is too long is cut.
pub(crate) fn file_name(name: &str) -> String {
    let safe = |character: char| if character.is_alphanumeric() || "._-".contains(character) { character } else { '_' };
    let mut short = String::new();
    for character in name.chars().map(safe) {
        if short.len() + character.len_utf8() > MAX_BYTES {
            break;
        }
        short.push(character);
    }
    // Systems of some makers give these names to devices, whatever their ending.
    const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];
    let device = DEVICES.iter().any(|device| short.eq_ignore_ascii_case(device));
    if short.starts_with('.') || short.is_empty() || device { format!("_{short}") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_leaves_the_folder_by_no_name() {
        assert_eq!(file_name("decoder/layers.3/q:0"), "decoder_layers.3_q_0");
        assert_eq!(file_name("../../etc/passwd"), "_.._.._etc_passwd");
        assert_eq!(file_name(""), "_");
        assert_eq!(file_name(&"é".repeat(200)).len(), MAX_BYTES);
    }

    #[test]
    fn no_two_outputs_have_the_same_file() {
        let long = "x".repeat(160);
        let names = ["a:0", "a_0", "a/0", "A_0", "a_0-2", &long, &long[..155], "y"].map(str::to_owned);
        let stems = stems(&names);
        assert_eq!(stems[..5], ["a_0-3", "a_0", "a_0-4", "A_0-5", "a_0-2"]);
        assert_eq!(stems[7], "y");
        let different: HashSet<String> = stems.iter().map(|stem| stem.to_lowercase()).collect();
        assert_eq!(different.len(), names.len(), "{stems:?}");
    }
}
