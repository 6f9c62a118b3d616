//! Safetensors, single and sharded.

use glassbox_tensor::{DType, ParamSource};
use glassbox_weights::{Format, Package, WeightsError, open};

use crate::files::{Folder, safetensors};

const HEADER: &str = r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"flags":{"dtype":"BOOL","shape":[2],"data_offsets":[24,26]}}"#;

fn data() -> Vec<u8> {
    let numbers = [1.0f32, -2.0, 3.5, f32::INFINITY, 0.0, -0.5];
    numbers.iter().flat_map(|number| number.to_le_bytes()).chain([1, 0]).collect()
}

fn open_bytes(bytes: &[u8]) -> Result<Package, WeightsError> {
    let folder = Folder::new();
    open(&folder.write("model.safetensors", bytes))
}

#[test]
fn a_file_has_its_tensors_in_order() {
    let package = open_bytes(&safetensors(HEADER, &data())).expect("a sound file");
    assert_eq!(package.format(), Format::Safetensors);
    let names: Vec<&str> = package.params().iter().map(|param| param.name.as_str()).collect();
    assert_eq!(names, ["w", "flags"]);
    assert_eq!(package.metadata().text("format"), Some("pt"));
    let w = package.load("w").expect("w");
    assert_eq!(w.shape(), [2, 3]);
    assert_eq!(w.to_vec::<f32>().expect("f32"), [1.0, -2.0, 3.5, f32::INFINITY, 0.0, -0.5]);
    let flags = package.load("flags").expect("flags");
    assert_eq!((flags.dtype(), flags.to_bytes().expect("bytes")), (DType::Bool, vec![1, 0]));
    assert_eq!(package.stored_bytes("flags"), Some(2));
}

#[test]
fn the_format_is_found_by_content_not_by_name() {
    let folder = Folder::new();
    let path = folder.write("model.gguf", &safetensors(HEADER, &data()));
    assert_eq!(open(&path).expect("a sound file").format(), Format::Safetensors);
    let path = folder.write("other.safetensors", b"what is this");
    let error = open(&path).expect_err("no format");
    assert!(matches!(error.root(), WeightsError::Unrecognized { .. }), "{error}");
    assert!(error.to_string().contains("other.safetensors"), "{error}");
}

#[test]
fn ids_follow_the_file() {
    let folder = Folder::new();
    let path = folder.write("a.safetensors", &safetensors(HEADER, &data()));
    let ids = || open(&path).expect("opens").params().iter().map(|param| param.id).collect::<Vec<_>>();
    let first = ids();
    assert_eq!(first, ids(), "the same file has the same ids");
    assert_ne!(first[0], first[1]);
    let mut changed = data();
    changed[0] ^= 1;
    folder.write("a.safetensors", &safetensors(HEADER, &changed));
    // File systems keep times in steps of up to two seconds.
    let file = std::fs::File::options().write(true).open(&path).expect("opens");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
    file.set_modified(later).expect("the time is set");
    assert_ne!(first, ids(), "a file that was written again has other ids");
}

#[test]
fn broken_headers_say_what_is_wrong() {
    let header = |text: &str| open_bytes(&safetensors(text, &[0; 8])).expect_err(text).to_string();
    let entry = |fields: &str| header(&format!(r#"{{"w":{{{fields}}}}}"#));
    for (error, part) in [
        (entry(r#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#), "takes 8 bytes"),
        (entry(r#""dtype":"F32","shape":[2],"data_offsets":[8,0]"#), "outside the file"),
        (entry(r#""dtype":"F32","shape":[3],"data_offsets":[0,12]"#), "outside the file"),
        (entry(r#""dtype":"F32","shape":[1],"data_offsets":[0,4]"#), "the data of the tensors ends"),
        (entry(r#""dtype":"F32","shape":[1],"data_offsets":[4,8]"#), "leaves a gap"),
        (entry(r#""dtype":"Q7","shape":[1],"data_offsets":[0,8]"#), "\"Q7\" is not supported"),
        (entry(r#""dtype":"F32","shape":[9223372036854775807,2,8],"data_offsets":[0,8]"#), "has no size"),
        (entry(r#""dtype":"F32","shape":[-1],"data_offsets":[0,8]"#), "invalid value"),
        (entry(r#""dtype":"F32","shape":[2]"#), "missing field"),
        (
            header(
                r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"v":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
            ),
            "overlaps",
        ),
        (
            header(
                r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#,
            ),
            "two parameters",
        ),
        (header(r#"{"__metadata__":{"a":1}}"#), "no text"),
        (header(r#"{"w":"#), "EOF"),
    ] {
        assert!(error.contains(part), "{part}: {error}");
        assert!(error.contains("model.safetensors"), "{error}");
    }
    let mut long = safetensors(HEADER, &data());
    long[1] = 0xff;
    let error = open_bytes(&long).expect_err("a length beyond the file").to_string();
    assert!(error.contains("cut short"), "{error}");
}

#[test]
fn shards_are_one_package() {
    let folder = Folder::new();
    let one = |name: &str, value: f32| {
        let header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
        safetensors(&header, &value.to_le_bytes())
    };
    folder.write("model-00001-of-00002.safetensors", &one("a", 1.0));
    folder.write("model-00002-of-00002.safetensors", &one("b", 2.0));
    folder.write("config.json", b"{}");
    let index =
        |map: &str| folder.write("model.safetensors.index.json", format!(r#"{{"weight_map":{map}}}"#).as_bytes());
    index(r#"{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}"#);
    let package = open(folder.path()).expect("two shards");
    assert_eq!(package.load("a").expect("a").item::<f32>().expect("one"), 1.0);
    assert_eq!(package.load("b").expect("b").item::<f32>().expect("one"), 2.0);
    assert_eq!(package.files().len(), 2);
    assert_eq!(package.blob("config.json").expect("a companion"), b"{}");
    for (map, part) in [
        (r#"{"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}"#, "but it isn't"),
        (r#"{"a":"../model-00001-of-00002.safetensors"}"#, "no plain name"),
        (r#"{"a":"/etc/passwd"}"#, "no plain name"),
        (r#"{"a":"absent.safetensors"}"#, "absent.safetensors"),
        (r#"{"b":"model-00001-of-00002.safetensors"}"#, "the index says"),
        (r#"{}"#, "names no file"),
    ] {
        index(map);
        let error = open(folder.path()).expect_err(map).to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_missing_name_is_told_with_one_like_it() {
    let header = r#"{"model.layers.0.mlp.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let package = open_bytes(&safetensors(header, &[0; 4])).expect("a sound file");
    let error = package.load("layers.0.mlp.weight").expect_err("no such name").to_string();
    assert!(error.contains("is \"model.layers.0.mlp.weight\" meant?"), "{error}");
}
