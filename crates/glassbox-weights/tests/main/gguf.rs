//! GGUF: what breaks its rules is said, and models that are split over files are one package.

use glassbox_tensor::ParamSource;
use glassbox_weights::{Format, Package, WeightsError, open};

use crate::files::Folder;

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A key with a value of type u32, or of another with these bytes.
fn number(key: &str, value: u32) -> Vec<u8> {
    pair(key, 4, &value.to_le_bytes())
}

fn pair(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(key)[..], &kind.to_le_bytes(), value].concat()
}

fn tensor(name: &str, dims: &[u64], kind: u32, offset: u64) -> Vec<u8> {
    let dims: Vec<u8> = [&(dims.len() as u32).to_le_bytes()[..]]
        .concat()
        .into_iter()
        .chain(dims.iter().flat_map(|dim| dim.to_le_bytes()))
        .collect();
    [&text(name)[..], &dims, &kind.to_le_bytes(), &offset.to_le_bytes()].concat()
}

fn file(version: u32, keys: &[Vec<u8>], tensors: &[Vec<u8>], alignment: usize, data: &[u8]) -> Vec<u8> {
    let counts = [tensors.len() as u64, keys.len() as u64].map(u64::to_le_bytes).concat();
    let mut bytes = [b"GGUF", &version.to_le_bytes()[..], &counts, &keys.concat(), &tensors.concat()].concat();
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
    bytes.extend(data);
    bytes
}

fn open_bytes(bytes: &[u8]) -> Result<Package, WeightsError> {
    let folder = Folder::new();
    open(&folder.write("model.gguf", bytes))
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn dims_are_outermost_first_and_alignment_is_obeyed() {
    let data = [&floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])[..], &[0; 40], &floats(&[7.0])].concat();
    let tensors = [tensor("a", &[3, 2], 0, 0), tensor("b", &[], 0, 64), tensor("none", &[0, 4], 0, 64)];
    for version in [2, 3] {
        let package =
            open_bytes(&file(version, &[number("general.alignment", 64)], &tensors, 64, &data)).expect("opens");
        assert_eq!(package.format(), Format::Gguf(version));
        let a = package.load("a").expect("a");
        assert_eq!(
            (a.shape(), a.to_vec::<f32>().expect("f32")),
            (&[2usize, 3][..], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        );
        assert_eq!(package.load("b").expect("b").item::<f32>().expect("one"), 7.0);
        assert!(package.load("none").expect("none").is_empty());
    }
}

#[test]
fn what_breaks_the_rules_is_said() {
    let data = [0; 64];
    let one = |kind, dims: &[u64], offset| vec![tensor("w", dims, kind, offset)];
    let sound = || vec![number("a", 1)];
    for (what, bytes, part) in [
        ("version 1", file(1, &[], &[], 32, b""), "version 1 of GGUF"),
        ("big-endian", file(3u32.swap_bytes(), &[], &[], 32, b""), "big-endian"),
        ("an unknown type", file(3, &[], &one(99, &[4], 0), 32, &data), "the type 99"),
        ("a type without meaning here", file(3, &[], &one(16, &[256], 0), 32, &data), "IQ2_XXS (16)"),
        ("a type that was taken out", file(3, &[], &one(4, &[256], 0), 32, &data), "the type 4"),
        ("a partial block", file(3, &[], &one(8, &[33], 0), 32, &data), "a block of 32"),
        ("data outside the file", file(3, &[], &one(0, &[17], 0), 32, &data), "outside the file"),
        ("an offset beside the alignment", file(3, &[], &one(0, &[4], 8), 32, &data), "no multiple of the alignment"),
        ("an offset that overflows", file(3, &[], &one(0, &[4], u64::MAX - 31), 32, &data), "outside the file"),
        ("dims that overflow", file(3, &[], &one(0, &[1 << 40, 1 << 40], 0), 32, &data), "has no size"),
        ("five dims", file(3, &[], &one(0, &[1, 1, 1, 1, 1], 0), 32, &data), "at most 4"),
        ("overlap", file(3, &[], &[tensor("a", &[16], 0, 0), tensor("b", &[4], 0, 32)], 32, &data), "overlaps"),
        (
            "one name twice",
            file(3, &[], &[tensor("a", &[4], 0, 0), tensor("a", &[4], 0, 32)], 32, &data),
            "two parameters",
        ),
        ("one key twice", file(3, &[sound(), sound()].concat(), &[], 32, b""), "is there twice"),
        ("alignment 0", file(3, &[number("general.alignment", 0)], &[], 32, b""), "a power of two"),
        (
            "alignment of another type",
            file(3, &[pair("general.alignment", 8, &text("32"))], &[], 32, b""),
            "a power of two",
        ),
        ("a bool of 2", file(3, &[pair("a", 7, &[2])], &[], 32, b""), "a bool is 0 or 1"),
        ("an unknown value", file(3, &[pair("a", 13, &[0; 8])], &[], 32, b""), "13 is no type of a value"),
        (
            "an unknown list",
            file(3, &[pair("a", 9, &[13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])], &[], 32, b""),
            "13 is no type",
        ),
        ("text that isn't UTF-8", file(3, &[pair("a", 8, b"\x02\0\0\0\0\0\0\0\xff\xfe")], &[], 32, b""), "UTF-8"),
        ("too few keys", b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec(), "announced"),
        ("no header", b"GGUF\x03\0".to_vec(), "only 2 follow"),
    ] {
        let error = open_bytes(&bytes).expect_err(what).to_string();
        assert!(error.contains(part) && error.contains("model.gguf"), "{what}: {error}");
    }
}

#[test]
fn a_split_model_is_one_package() {
    let folder = Folder::new();
    let part = |index: u16, count: u16, name: &str| {
        let keys = [
            pair("split.no", 2, &index.to_le_bytes()),
            pair("split.count", 2, &count.to_le_bytes()),
            pair("part", 8, &text(name)),
        ];
        file(3, &keys, &[tensor(name, &[2], 0, 0)], 32, &floats(&[f32::from(index), 1.0]))
    };
    let first = folder.write("m-00001-of-00002.gguf", &part(0, 2, "a"));
    let second = folder.write("m-00002-of-00002.gguf", &part(1, 2, "b"));
    for path in [&first, &second] {
        let package = open(path).expect("two files");
        assert_eq!((package.params().len(), package.files().len()), (2, 2));
        assert_eq!(package.metadata().text("part"), Some("a"));
        assert_eq!(package.load("b").expect("b").to_vec::<f32>().expect("f32"), [1.0, 1.0]);
    }
    folder.write("m-00002-of-00002.gguf", &part(0, 2, "b"));
    assert!(open(&first).expect_err("two first parts").to_string().contains("it must be part 1 of 2"));
    std::fs::remove_file(&second).expect("removed");
    assert!(open(&first).expect_err("a part is missing").to_string().contains("m-00002-of-00002.gguf"));
    let other = folder.write("other.gguf", &part(0, 2, "a"));
    assert!(open(&other).expect_err("another name").to_string().contains("isn't named"));
}
