//! The rows of the benchmark: which model, what of it is timed, and who is timed beside it.

/// Where the files of a row are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Made {
    /// `scripts/bench/models.py` writes them.
    Here,
    /// `scripts/peer_models.py` does.
    Peer,
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) made: Made,
    /// The folder of the model, and our file in it.
    pub(super) model: &'static str,
    pub(super) file: &'static str,
    pub(super) work: Work,
    /// Engines, with a file of the folder where it isn't ours.
    pub(super) against: &'static [(&'static str, Option<&'static str>)],
    /// By how much outputs may differ, relative to the largest.
    pub(super) tolerance: &'static str,
    /// Whether it is tried in tests too, with a tiny model and onnxruntime only.
    pub(super) quick: bool,
}

/// What is timed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// A run on the arrays of this file.
    Run(&'static str),
    Prefill(&'static str),
    /// One token after 128.
    Decode,
}

/// How far outputs in f32 may be: sums in another order, through up to a hundred layers.
const F32: &str = "1e-3";
/// How far they may be where weights, or activations too, have 8 bits or are of bf16.
const COARSE: &str = "1e-1";

const ONNX: &[(&str, Option<&str>)] =
    &[("onnxruntime", None), ("openvino", None), ("rten", None), ("tract", None), ("candle", None)];
const BF16: &[(&str, Option<&str>)] = &[("openvino-bf16", None)];
const INT8: &[(&str, Option<&str>)] = &[("onnxruntime", None)];
const GPT2: &[(&str, Option<&str>)] = &[
    ("onnxruntime", Some("model.onnx")),
    ("openvino", Some("model.onnx")),
    ("llama.cpp", Some("f32.gguf")),
    ("ctranslate2", Some("ctranslate2")),
    ("rten", Some("model.onnx")),
    ("tract", Some("model.onnx")),
    ("candle", Some("model.onnx")),
];
const GPT2_Q8: &[(&str, Option<&str>)] = &[("llama.cpp", None), ("ctranslate2-int8", Some("ctranslate2"))];
const LLAMA_CPP: &[(&str, Option<&str>)] = &[("llama.cpp", None)];

/// A run of an ONNX file in f32.
const fn run(name: &'static str, model: &'static str, made: Made, quick: bool) -> Row {
    let (file, work) = ("model.onnx", Work::Run("inputs.npz"));
    Row { name, made, model, file, work, against: ONNX, tolerance: F32, quick }
}

/// The same, held against engines that compute in bf16.
const fn bf16(name: &'static str, row: Row) -> Row {
    Row { name, against: BF16, tolerance: COARSE, quick: false, ..row }
}

/// GPT-2 in one of its files.
const fn gpt2(
    name: &'static str,
    file: &'static str,
    work: Work,
    against: &'static [(&'static str, Option<&'static str>)],
    tolerance: &'static str,
) -> Row {
    Row { name, made: Made::Here, model: "gpt2", file, work, against, tolerance, quick: false }
}

/// The model of half a billion parameters in one of its files.
const fn qwen(name: &'static str, file: &'static str, work: Work) -> Row {
    Row { name, made: Made::Here, model: "qwen", file, work, against: LLAMA_CPP, tolerance: COARSE, quick: false }
}

const fn quick(row: Row) -> Row {
    Row { quick: true, ..row }
}

const RESNET50: Row = run("resnet50", "resnet50", Made::Peer, false);
const BERT: Row = run("bert-base", "bert_base", Made::Peer, false);
const ENCODER: Row = run("whisper-encoder", "whisper-encoder", Made::Here, true);
const PREFILL: Work = Work::Prefill("128");
const LONG_PREFILL: Work = Work::Prefill("512");

/// Every row, in the order of the table.
pub(super) const ROWS: &[Row] = &[
    RESNET50,
    run("resnet34", "resnet34", Made::Here, true),
    run("mobilenetv2", "mobilenetv2", Made::Here, true),
    run("dnsmos", "dnsmos", Made::Here, true),
    BERT,
    quick(gpt2("gpt2-prefill", "checkpoint", PREFILL, GPT2, F32)),
    quick(gpt2("gpt2-decode", "checkpoint", Work::Decode, GPT2, F32)),
    quick(gpt2("gpt2-prefill-onnx", "model.onnx", Work::Run("prefill.npz"), ONNX, F32)),
    quick(gpt2("gpt2-decode-onnx", "model.onnx", Work::Run("decode.npz"), ONNX, F32)),
    ENCODER,
    run("whisper-decoder", "whisper-decoder", Made::Here, true),
    run("silero", "silero_vad", Made::Peer, true),
    bf16("resnet50-bf16", RESNET50),
    bf16("bert-base-bf16", BERT),
    bf16("whisper-encoder-bf16", ENCODER),
    Row { name: "bert-base-int8", file: INT8_FILE, against: INT8, tolerance: COARSE, ..BERT },
    quick(gpt2("gpt2-prefill-int8", INT8_FILE, Work::Run("prefill.npz"), INT8, COARSE)),
    quick(gpt2("gpt2-decode-int8", INT8_FILE, Work::Run("decode.npz"), INT8, COARSE)),
    gpt2("gpt2-prefill-q8_0", "q8_0.gguf", PREFILL, GPT2_Q8, COARSE),
    gpt2("gpt2-decode-q8_0", "q8_0.gguf", Work::Decode, GPT2_Q8, COARSE),
    gpt2("gpt2-decode-q4_0", "q4_0.gguf", Work::Decode, LLAMA_CPP, COARSE),
    qwen("qwen-prefill-q8_0", "q8_0.gguf", LONG_PREFILL),
    qwen("qwen-decode-q8_0", "q8_0.gguf", Work::Decode),
    qwen("qwen-decode-q4_0", "q4_0.gguf", Work::Decode),
    qwen("qwen-decode-bf16", "bf16.gguf", Work::Decode),
];

/// The file with matrices of 8 bits, which is made from `model.onnx`.
pub(super) const INT8_FILE: &str = "int8.onnx";

/// The names of all rows.
pub(crate) fn names() -> Vec<&'static str> {
    ROWS.iter().map(|row| row.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rows_are_unique() {
        let mut all = names();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), ROWS.len());
    }

    #[test]
    fn an_engine_stands_in_a_row_once() {
        for row in ROWS {
            let mut engines: Vec<&str> = row.against.iter().map(|(name, _)| *name).collect();
            engines.sort_unstable();
            engines.dedup();
            assert_eq!(engines.len(), row.against.len(), "{}", row.name);
        }
    }

    #[test]
    fn what_is_tried_in_tests_has_onnxruntime_beside_it() {
        for row in ROWS.iter().filter(|row| row.quick) {
            assert!(row.against.iter().any(|(name, _)| *name == "onnxruntime"), "{}", row.name);
        }
    }
}
