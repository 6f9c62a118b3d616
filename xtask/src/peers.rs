//! `cargo xtask peers`: real models, held against what onnxruntime gave for the same inputs.

use anyhow::{Result, bail};

use crate::tools::{cache, glassbox, setup};

/// A model of the cache folder, and by how much its outputs may differ from onnxruntime's.
struct Peer {
    name: &'static str,
    tolerance: &'static str,
}

const PEERS: &[Peer] = &[
    Peer { name: "silero_vad", tolerance: "1e-5" },
    Peer { name: "silero_vad_8k", tolerance: "1e-5" },
    Peer { name: "magika", tolerance: "1e-5" },
    // Where the model hesitates, rounding shows: measured in f64, the difference is onnxruntime's own.
    Peer { name: "magika_unsure", tolerance: "2e-5" },
    Peer { name: "resnet50", tolerance: "1e-4" },
    Peer { name: "bert_base", tolerance: "1e-4" },
    Peer { name: "loop_scan", tolerance: "1e-4" },
    Peer { name: "external_data", tolerance: "1e-6" },
];

/// Makes the peers where they are missing, and checks them.
pub(crate) fn main() -> Result<()> {
    setup()?;
    check()
}

/// Checks every peer; names all that differ.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for peer in PEERS {
        let folder = cache().join("peers").join(peer.name);
        let path = |file: &str| folder.join(file).display().to_string();
        let (model, inputs, expected) = (path("model.onnx"), path("inputs.npz"), path("expected.npz"));
        let check = [
            "check",
            &model,
            "--input",
            &inputs,
            "--against",
            &expected,
            "--rtol",
            peer.tolerance,
            "--atol",
            peer.tolerance,
        ];
        if let Err(error) = glassbox(&check) {
            println!("{error:#}");
            wrong.push(peer.name);
        }
    }
    if !wrong.is_empty() {
        bail!("these models differ from onnxruntime: {}", wrong.join(", "));
    }
    Ok(())
}
