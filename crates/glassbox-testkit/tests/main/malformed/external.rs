//! Tensors whose data is said to be in another file, where it isn't.

use std::path::PathBuf;

use glassbox_onnx::proto::*;
use tempfile::TempDir;

use super::Cases;
use super::tensors::holding;
use crate::protos::floats;

/// A folder with a model's folder in it, and a file beside that. Gone at the end of the test.
pub(super) struct Folder {
    root: TempDir,
    pub(super) model: PathBuf,
}

impl Folder {
    pub(super) fn new() -> Folder {
        let folder = tempfile::tempdir().expect("the folder can be made");
        let root = folder.path();
        let model = root.join("model");
        std::fs::create_dir_all(model.join("folder")).expect("the folder can be made");
        std::fs::write(root.join("secret.bin"), [0; 64]).expect("the file can be written");
        std::fs::write(model.join("data.bin"), [0; 16]).expect("the file can be written");
        std::fs::write(model.join("empty.bin"), []).expect("the file can be written");
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.join("secret.bin"), model.join("link.bin")).expect("the link can be made");
        #[cfg(unix)]
        std::os::unix::fs::symlink(root, model.join("up")).expect("the link can be made");
        Folder { root: folder, model }
    }
}

/// A tensor of two floats in another file.
fn elsewhere(entries: &[(&str, &str)]) -> TensorProto {
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some((*key).to_owned()),
        value: Some((*value).to_owned()),
    };
    let external_data = entries.iter().map(entry).collect();
    TensorProto { external_data, data_location: Some(1), ..floats("w", &[2], &[]) }
}

/// What is wrong, the entries that say where the data is, and what the message must name.
type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a [&'a str]);

pub(super) fn add(cases: &mut Cases, folder: &Folder) {
    let w = "tensor `w`";
    const INSIDE: &str = "inside the model's folder";
    let absolute = folder.root.path().join("secret.bin").display().to_string();
    let mut rows: Vec<Row> = vec![
        ("no location", vec![], &[INSIDE]),
        ("an empty location", vec![("location", "")], &[INSIDE]),
        ("an absolute path", vec![("location", &absolute)], &["secret.bin", INSIDE]),
        ("/etc/passwd", vec![("location", "/etc/passwd")], &["/etc/passwd", INSIDE]),
        ("a path upwards", vec![("location", "../secret.bin")], &["../secret.bin", INSIDE]),
        ("a path down and upwards", vec![("location", "folder/../../secret.bin")], &[INSIDE]),
        ("backslashes", vec![("location", "..\\secret.bin")], &[INSIDE]),
        ("a NUL", vec![("location", "data.bin\0.txt")], &[INSIDE]),
        ("a missing file", vec![("location", "missing.bin")], &["missing.bin", "can't be opened"]),
        ("a missing folder", vec![("location", "nowhere/data.bin")], &["nowhere/data.bin", "can't be opened"]),
        ("a folder", vec![("location", "folder")], &["folder", "no regular file"]),
        ("the folder itself", vec![("location", ".")], &["no regular file"]),
        ("an empty file", vec![("location", "empty.bin")], &["empty.bin", "8 bytes at offset 0", "has 0 bytes"]),
        ("a file as a folder", vec![("location", "data.bin/data.bin")], &["can't be opened"]),
    ];
    #[cfg(unix)]
    rows.extend([
        ("a link outwards", vec![("location", "link.bin")], &["link.bin", "outside the model's folder"] as &[&str]),
        ("a linked folder", vec![("location", "up/secret.bin")], &["up/secret.bin", "outside the model's folder"]),
    ]);
    let at = |key: &'static str, value: &'static str| vec![("location", "data.bin"), (key, value)];
    rows.extend([
        ("a short file", at("offset", "12"), &["8 bytes at offset 12", "has 16 bytes"] as &[&str]),
        ("an offset at the end", at("offset", "16"), &["offset 16", "has 16 bytes"]),
        ("an offset beyond the end", at("offset", "1000"), &["offset 1000", "has 16 bytes"]),
        ("a negative offset", at("offset", "-8"), &["`offset`", "\"-8\""]),
        ("the greatest offset", at("offset", "18446744073709551615"), &["18446744073709551615", "has 16 bytes"]),
        ("an offset beyond 64 bits", at("offset", "18446744073709551616"), &["`offset`", "18446744073709551616"]),
        ("an offset in words", at("offset", "zero"), &["`offset`", "\"zero\""]),
        ("an empty offset", at("offset", ""), &["`offset`", "\"\""]),
        ("a fraction as offset", at("offset", "1.5"), &["`offset`", "\"1.5\""]),
        ("a length of 4", at("length", "4"), &["`length` is 4", "8 bytes"]),
        ("a length of 16", at("length", "16"), &["`length` is 16", "8 bytes"]),
        ("a negative length", at("length", "-1"), &["`length`", "\"-1\""]),
        ("the greatest length", at("length", "18446744073709551615"), &["`length` is 18446744073709551615"]),
        ("a length in hexadecimal", at("length", "0x8"), &["`length`", "\"0x8\""]),
    ]);
    for (name, entries, says) in rows {
        let says: Vec<&str> = says.iter().copied().chain([w]).collect();
        cases.add(&format!("external/{name}"), holding(elsewhere(&entries)), &says);
    }
    let located = || elsewhere(&[("location", "data.bin")]);
    let rows = [
        ("data here too", TensorProto { float_data: vec![1.0, 2.0], ..located() }, "float_data"),
        ("more than the file", TensorProto { dims: vec![1 << 40], ..located() }, "4398046511104 bytes"),
        ("dims that overflow", TensorProto { dims: vec![1 << 40, 1 << 40], ..located() }, "overflow"),
        ("strings", TensorProto { data_type: Some(8), ..located() }, "string data"),
    ];
    for (name, tensor, says) in rows {
        cases.add(&format!("external/{name}"), holding(tensor), &[w, says]);
    }
    let placed = cases.folder.take();
    let unplaced = elsewhere(&[("location", "data.bin"), ("offset", "0"), ("length", "8")]);
    cases.add("external/a model without a folder", holding(unplaced), &[w, "load it from its file"]);
    cases.folder = placed;
}
