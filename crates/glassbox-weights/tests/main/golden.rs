//! Files that other software wrote (`scripts/weights_golden.py`): every tensor and its bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use glassbox_tensor::ParamSource;
use glassbox_weights::{Array, Format, MetadataValue, Package, WeightsError, open};

pub(crate) fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn expected() -> String {
    std::fs::read_to_string(data("expected.txt")).expect("the expectations")
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let hex = hex.trim_start_matches('-');
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

#[test]
fn every_tensor_is_what_other_software_wrote() {
    let expected = expected();
    let mut files: BTreeMap<&str, (Package, BTreeSet<&str>)> = BTreeMap::new();
    for line in expected.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let file = if words[0] == "meta" { words[1] } else { words[0] };
        let (package, seen) = files
            .entry(file)
            .or_insert_with(|| (open(&data(file)).unwrap_or_else(|error| panic!("{error}")), BTreeSet::new()));
        if let ["meta", _, key, kind, value] = words[..] {
            let found = package.metadata().get(key).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(found.type_name(), kind, "{line}");
            assert_eq!(found.to_string().replace(' ', "_").trim_matches('"'), value, "{line}");
            continue;
        }
        let [_, name, dtype, dims, hex] = words[..] else { panic!("{line}") };
        let dims: Vec<usize> =
            dims.split('x').filter(|dim| *dim != "-").map(|dim| dim.parse().expect("a dim")).collect();
        let tensor = package.load(name).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!((tensor.dtype().name(), tensor.shape()), (dtype, &dims[..]), "{file} {name}");
        assert_eq!(tensor.to_bytes().expect("bytes"), bytes_of(hex), "{file} {name}");
        let info = package.find(name).expect("described");
        assert_eq!((info.dtype, &info.shape), (tensor.dtype(), &dims), "{file} {name}");
        seen.insert(name);
    }
    for (file, (package, seen)) in &files {
        let has: BTreeSet<&str> = package.params().iter().map(|param| param.name.as_str()).collect();
        assert_eq!(&has, seen, "{file}: the names");
    }
    assert_eq!(files.len(), 10);
}

#[test]
fn formats_are_told_apart() {
    let format = |name| open(&data(name)).expect("opens").format();
    assert_eq!(format("all.safetensors"), Format::Safetensors);
    assert_eq!(format("all.gguf"), Format::Gguf(3));
    assert_eq!(format("plain.pth"), Format::TorchZip);
    assert_eq!(format("legacy.pth"), Format::TorchLegacy);
}

#[test]
fn tokenizer_and_template_are_metadata() {
    let package = open(&data("all.gguf")).expect("opens");
    let metadata = package.metadata();
    assert_eq!(metadata.texts("tokenizer.ggml.tokens").expect("tokens"), ["<s>", "a", "é", "\u{120}the"]);
    assert_eq!(metadata.text("tokenizer.chat_template"), Some("{{ messages }}"));
    let Some(MetadataValue::Array(integers @ Array::I32(_))) = metadata.get("x.integers") else { panic!("a list") };
    assert_eq!(integers.integers(), Some(vec![1, -2, 3]));
}

#[test]
fn tied_tensors_have_one_id_and_share_their_bytes() {
    for file in ["plain.pth", "legacy.pth"] {
        let package = open(&data(file)).expect("opens");
        let id = |name| package.find(name).expect(name).id;
        assert_eq!(id("tied.a"), id("tied.b"), "{file}");
        assert_ne!(id("tied.a"), id("transposed"), "{file}");
        let place = |name| package.load(name).expect(name).as_bytes().expect("dense").as_ptr();
        assert_eq!(place("tied.a"), place("tied.b"), "{file}");
    }
}

/// A whole module is a class, which a pickle of tensors has no use for.
#[test]
fn a_pickled_module_is_refused_by_name() {
    let error = open(&data("module.pth")).expect_err("a class");
    assert!(matches!(error.root(), WeightsError::Forbidden { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("torch.nn.modules.container.Sequential") && text.contains("state_dict()"), "{text}");
}
