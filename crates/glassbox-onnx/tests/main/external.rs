//! Files: models on disk, data beside them, damaged bytes.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use glassbox_onnx::proto::{ModelProto, StringStringEntryProto, TensorProto};
use glassbox_onnx::{ImportOptions, OnnxError, import, load, parse};
use glassbox_tensor::DType;
use prost::Message;
use tempfile::TempDir;

use crate::functions::tower;
use crate::names::nested;
use crate::protos::{assert_says, graph, model, node, number, untyped};

/// A folder of its own, removed at the end.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().expect("the temporary folder can be made");
        fs::create_dir_all(folder.path().join("model")).expect("the temporary folder can be made");
        Folder(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).expect("the temporary folder can be written");
        path
    }
}

/// A key and value of `external_data`.
type Entry<'a> = (&'a str, &'a str);
type Entries<'a> = &'a [Entry<'a>];

/// A model with one f32 tensor of four elements in another file.
fn external_model(entries: Entries) -> ModelProto {
    let entry = |(key, value): &Entry| StringStringEntryProto {
        key: Some((*key).to_owned()),
        value: Some((*value).to_owned()),
    };
    let tensor = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![4],
        data_type: number(DType::F32),
        data_location: Some(1),
        external_data: entries.iter().map(entry).collect(),
        ..TensorProto::default()
    };
    let mut graph = graph(vec![node("Abs", &["w"], &["y"])], vec![], vec![untyped("y")]);
    graph.initializer = vec![tensor];
    model(graph, 13)
}

fn weights(folder: &Folder, entries: Entries) -> Result<Vec<f32>, OnnxError> {
    let path = folder.write("model/m.onnx", &external_model(entries).encode_to_vec());
    let model = load(&path)?;
    Ok(model.graph.initializers[0].1.to_vec::<f32>().expect("the tensor is f32"))
}

fn data(first: f32, count: usize) -> Vec<u8> {
    (0..count).flat_map(|index| (first + index as f32).to_le_bytes()).collect()
}

#[test]
fn offset_and_length_may_be_left_out() {
    let folder = Folder::new();
    folder.write("model/four", &data(1.0, 4));
    folder.write("model/eight", &data(1.0, 8));
    folder.write("model/odd", &[&[0u8; 3][..], &data(1.0, 4)].concat());
    let cases: &[(Entries, [f32; 4])] = &[
        (&[("location", "four")], [1.0, 2.0, 3.0, 4.0]),
        (&[("location", "./four"), ("length", "16")], [1.0, 2.0, 3.0, 4.0]),
        (&[("location", "four"), ("offset", "0"), ("length", "16")], [1.0, 2.0, 3.0, 4.0]),
        (&[("location", "eight")], [1.0, 2.0, 3.0, 4.0]),
        (&[("location", "eight"), ("offset", "16")], [5.0, 6.0, 7.0, 8.0]),
        (&[("location", "eight"), ("offset", "8"), ("length", "16")], [3.0, 4.0, 5.0, 6.0]),
        (&[("location", "odd"), ("offset", "3"), ("checksum", "not looked at")], [1.0, 2.0, 3.0, 4.0]),
    ];
    for (entries, wanted) in cases {
        assert_eq!(weights(&folder, entries).unwrap_or_else(|error| panic!("{entries:?}: {error}")), wanted);
    }
}

#[test]
fn data_outside_the_folder_or_the_file_is_refused() {
    let folder = Folder::new();
    let outside = folder.write("outside", &data(1.0, 4));
    folder.write("model/four", &data(1.0, 4));
    fs::create_dir_all(folder.path().join("model/deep")).expect("the temporary folder can be written");
    let absolute = outside.to_string_lossy().into_owned();
    let cases: Vec<(Vec<Entry>, &[&str])> = vec![
        (vec![], &["path inside the model's folder"]),
        (vec![("location", "../outside")], &["`w`", "\"../outside\"", "without `..`"]),
        (vec![("location", "deep/../../outside")], &["without `..`"]),
        (vec![("location", "deep/../four")], &["without `..`"]),
        (vec![("location", &absolute)], &["path inside the model's folder"]),
        (vec![("location", "missing")], &["\"missing\"", "can't be opened"]),
        (vec![("location", "deep")], &["regular file"]),
        (vec![("location", "four"), ("offset", "4")], &["16 bytes at offset 4", "16 bytes"]),
        (vec![("location", "four"), ("offset", "18446744073709551615")], &["at offset 18446744073709551615"]),
        (vec![("location", "four"), ("offset", "-1")], &["`offset`", "\"-1\""]),
        (vec![("location", "four"), ("length", "12")], &["`length` is 12", "16 bytes"]),
        (vec![("location", "four"), ("length", "x")], &["`length`", "\"x\""]),
    ];
    for (entries, parts) in cases {
        let error = weights(&folder, &entries).expect_err(&format!("{entries:?} should be refused"));
        assert!(matches!(error.root(), OnnxError::External { .. }), "{error:?}");
        assert_says(&error.to_string(), parts);
        assert_says(&error.to_string(), &["m.onnx"]);
    }
}

#[cfg(unix)]
#[test]
fn links_may_not_lead_outside() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new();
    folder.write("outside", &data(1.0, 4));
    folder.write("model/four", &data(1.0, 4));
    symlink("../outside", folder.path().join("model/out")).expect("a link can be made");
    symlink("..", folder.path().join("model/up")).expect("a link can be made");
    symlink("four", folder.path().join("model/in")).expect("a link can be made");
    for location in ["out", "up/outside"] {
        let error = weights(&folder, &[("location", location)]).expect_err(location);
        assert_says(&error.to_string(), &["outside the model's folder"]);
    }
    assert_eq!(weights(&folder, &[("location", "in")]).expect("it stays inside"), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn raw_data_stays_in_the_buffer_where_it_is_aligned() {
    let tensor = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![1024],
        data_type: number(DType::U8),
        raw_data: Some(Bytes::from(vec![7u8; 1024])),
        ..TensorProto::default()
    };
    let mut graph = graph(vec![node("Abs", &["w"], &["y"])], vec![], vec![untyped("y")]);
    graph.initializer = vec![tensor];
    let bytes = Bytes::from(model(graph, 13).encode_to_vec());
    let range = bytes.as_ptr_range();
    let model = parse(bytes, None).expect("the model is sound");
    let inside = model.graph.initializers[0].1.as_bytes().expect("it is contiguous").as_ptr();
    assert!(range.contains(&inside), "the data was copied");
}

#[test]
fn damaged_files_are_errors() {
    let whole = external_model(&[("location", "x")]).encode_to_vec();
    for length in 0..whole.len() {
        let cut = Bytes::copy_from_slice(&whole[..length]);
        assert!(parse(cut, None).is_err(), "the first {length} of {} bytes were read as a model", whole.len());
    }
    let folder = Folder::new();
    let error = load(&folder.write("model/text.onnx", b"this is no model")).expect_err("text is no model");
    assert!(matches!(error.root(), OnnxError::NoModel { .. }), "{error:?}");
    assert_says(&error.to_string(), &["text.onnx", "it is a text, not a model"]);
    let error = load(&folder.write("model/empty.onnx", b"")).expect_err("nothing is no model");
    assert_says(&error.to_string(), &["empty.onnx"]);
    let error = load(Path::new("/no/such/file.onnx")).expect_err("there is no such file");
    assert!(matches!(error.root(), OnnxError::Io { .. }), "{error:?}");
    assert!(load(&folder.path().join("model")).is_err(), "a folder is no model");
}

#[test]
fn changed_bytes_give_a_model_or_an_error() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize % below
    };
    let models = [model(nested("n"), 16), tower(3, 2), external_model(&[("location", "x")])];
    let mut sound = 0;
    for whole in models.map(|model| model.encode_to_vec()) {
        for _ in 0..3000 {
            let mut bytes = whole.clone();
            for _ in 0..1 + random(3) {
                let place = random(bytes.len());
                match random(4) {
                    0 => bytes[place] = random(256) as u8,
                    1 => bytes[place] ^= 1 << random(8),
                    2 => drop(bytes.remove(place)),
                    _ => bytes.insert(place, random(256) as u8),
                }
            }
            let model = parse(Bytes::from(bytes), None);
            sound += usize::from(model.is_ok_and(|model| import(&model, &ImportOptions::default()).is_ok()));
        }
    }
    assert!((1..9000).contains(&sound), "{sound} of 9000 changed models were imported");
}

#[test]
fn nesting_without_end_is_an_error() {
    // Field 7 of the model, then fields 1 (node), 5 (attribute), 6 (graph) again and again.
    let mut bytes = Vec::new();
    for level in 0..3000 {
        let tag = match level % 3 {
            0 => 6 << 3 | 2,
            1 => 5 << 3 | 2,
            _ => 1 << 3 | 2,
        };
        bytes = field(tag, &bytes);
    }
    let bytes = Bytes::from(field(7 << 3 | 2, &bytes));
    let error = parse(bytes, None).expect_err("it is nested too deep");
    assert_says(&error.to_string(), &["recursion limit"]);
}

/// A length-delimited field.
fn field(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let mut length = contents.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(contents);
    bytes
}
