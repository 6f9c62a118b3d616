//! Folders of checkpoints: which of their files are the weights.

use glassbox_tensor::ParamSource;
use glassbox_weights::{Format, open};

use crate::files::{Folder, safetensors};
use crate::golden::data;

fn copy(folder: &Folder, from: &str, to: &str) {
    folder.write(to, &std::fs::read(data(from)).expect("read"));
}

#[test]
fn the_one_file_of_weights_is_found() {
    for (from, to, format) in [
        ("all.safetensors", "model.safetensors", Format::Safetensors),
        ("all.safetensors", "weights.safetensors", Format::Safetensors),
        ("plain.pth", "pytorch_model.bin", Format::TorchZip),
        ("legacy.pth", "model.pt", Format::TorchLegacy),
        ("all.gguf", "tiny-q4.gguf", Format::Gguf(3)),
        ("v3.oinf", "model.oinf", Format::Oinf(3)),
    ] {
        let folder = Folder::new();
        copy(&folder, from, to);
        folder.write("README.md", b"# a model");
        folder.write("tokenizer_config.json", b"{}");
        // Trainers leave these behind; they hold no weights.
        folder.write("training_args.bin", b"PK");
        folder.write("optimizer.pt", b"PK");
        let package = open(folder.path()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(package.format(), format, "{to}");
        assert!(package.blobs().any(|name| name == "tokenizer_config.json"));
        assert!(!package.params().is_empty());
    }
}

#[test]
fn a_name_that_is_usual_wins_over_others() {
    let folder = Folder::new();
    copy(&folder, "all.safetensors", "model.safetensors");
    folder.write("consolidated.safetensors", &safetensors("{}", b""));
    copy(&folder, "plain.pth", "pytorch_model.bin");
    assert_eq!(open(folder.path()).expect("opens").format(), Format::Safetensors);
}

#[test]
fn shards_of_pytorch_are_one_package() {
    let folder = Folder::new();
    copy(&folder, "single.pth", "pytorch_model-00001-of-00002.bin");
    copy(&folder, "protocol3.pth", "pytorch_model-00002-of-00002.bin");
    let map = r#"{"metadata":{},"weight_map":{"tensor":"pytorch_model-00001-of-00002.bin",
        "w":"pytorch_model-00002-of-00002.bin","b":"pytorch_model-00002-of-00002.bin"}}"#;
    folder.write("pytorch_model.bin.index.json", map.as_bytes());
    let package = open(folder.path()).expect("opens");
    let names: Vec<&str> = package.params().iter().map(|param| param.name.as_str()).collect();
    assert_eq!(names, ["tensor", "w", "b"]);
}

#[test]
fn what_cannot_be_decided_is_asked() {
    let folder = Folder::new();
    let error = open(folder.path()).expect_err("nothing").to_string();
    assert!(error.contains("the folder has no *.safetensors"), "{error}");
    copy(&folder, "all.gguf", "a.gguf");
    copy(&folder, "all.gguf", "b.gguf");
    let error = open(folder.path()).expect_err("two").to_string();
    assert!(error.contains("the folder has 2 of them (a.gguf, …)"), "{error}");
    let error = open(&folder.path().join("absent")).expect_err("absent").to_string();
    assert!(error.contains("can't be opened"), "{error}");
    assert!(open(&folder.write("empty.oinf", b"")).expect_err("empty").to_string().contains("no file of weights"));
}
