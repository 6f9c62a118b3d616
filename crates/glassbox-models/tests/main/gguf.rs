//! GGUF files of the tiny checkpoints, as `scripts/families/gguf_files.py` converts them, against what torch
//! computed for the checkpoints themselves; and files that aren't taken for a model.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glassbox_models::{Config, Options, build, gguf};
use glassbox_tensor::{DType, Overflow, ParamError, ParamInfo, ParamSource, SharedBytes, Tensor};
use glassbox_weights::{Array, MetadataValue, Package, open, open_bytes};
use serde_json::json;

use crate::checkpoint::{Checkpoint, farthest, golden, session, step};
use crate::parity::check;

fn package(name: &str, file: &str) -> Arc<Package> {
    Arc::new(open(&golden(name).join(file)).unwrap_or_else(|error| panic!("{error}")))
}

/// The checkpoint of a file, with `more` settings: those that the format has no place for.
fn checkpoint(name: &str, file: &str, more: serde_json::Value) -> Checkpoint {
    let (config, params) = gguf::open(package(name, file)).unwrap_or_else(|error| panic!("{error}"));
    let mut settings = config.settings().clone();
    if let serde_json::Value::Object(more) = more {
        settings.extend(more);
    }
    let expected = open(&golden(name).join("golden.safetensors")).expect("golden values");
    Checkpoint { config: Config::from_settings(settings), params, expected }
}

macro_rules! files {
    ($($name:ident $({ $($more:tt)* })?)*) => {$(
        #[test]
        fn $name() {
            let more = [$(json!({ $($more)* }))?].into_iter().next().unwrap_or_default();
            check(stringify!($name), &checkpoint(stringify!($name), "model.gguf", more), None);
        }
    )*};
}

files! {
    gemma2 gemma3_text gpt2 llama3 mixtral olmo2 phi3 phi3_longrope_short qwen3 qwen3_moe
    // Conversion drops the windows of the few models that have them.
    qwen2 { "use_sliding_window": true, "sliding_window": 8, "layer_types": ["full_attention", "sliding_attention"] }
    // Of three layers the second doesn't turn; a file means that it is every fourth.
    smollm3 { "no_rope_layers": [1, 0, 1] }
}

/// What conversion did to a checkpoint, its file's settings say; without one of them the results are others.
#[test]
fn every_setting_of_ours_matters() {
    for (name, key) in [
        ("llama3", "rope_interleaved"),
        ("llama3", "rope_scaling"),
        ("mixtral", "rope_interleaved"),
        ("gemma2", "norm_plus_one"),
        ("gemma3_text", "norm_plus_one"),
        ("gemma3_text", "rope_scaling"),
        ("phi3_longrope_short", "partial_rotary_factor"),
    ] {
        let checkpoint = checkpoint(name, "model.gguf", serde_json::Value::Null);
        let mut settings = checkpoint.config.settings().clone();
        assert!(settings.remove(key).is_some(), "{name} has no {key}");
        let config = Config::from_settings(settings);
        // Some can't even be built.
        if build(&config, checkpoint.params.as_ref(), &Options::default()).is_ok() {
            let mut session = session(&config, checkpoint.params.clone(), &Options::default());
            let off = farthest(&step(&mut session, &checkpoint.ints("tokens")), &checkpoint.floats("logits"));
            assert!(off > 1e-3, "{name} without {key}: logits differ by {off} only");
        }
    }
}

/// Parameters as f32.
struct Floats(Arc<dyn ParamSource>, Vec<ParamInfo>);

impl Floats {
    fn of(source: Arc<dyn ParamSource>) -> Floats {
        let infos = source.params().iter().map(|info| ParamInfo { dtype: DType::F32, ..info.clone() }).collect();
        Floats(source, infos)
    }
}

impl ParamSource for Floats {
    fn params(&self) -> &[ParamInfo] {
        &self.1
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        let stored = self.0.load(name)?;
        Ok(match stored.dtype() {
            DType::Block(_) => stored.dequantize_blocks(),
            _ => stored.cast(DType::F32, Overflow::Wrap),
        }
        .expect("numbers"))
    }
}

/// Experts that are slices of stacked blocks give, to the bit, what the same numbers give as f32.
#[test]
fn blocks_and_halves_compute_what_their_numbers_do() {
    for (file, stored, distance) in [("model_q8_0.gguf", 20, 1.0), ("model_f16.gguf", 30, 2e-5)] {
        let checkpoint = checkpoint("qwen3_moe", file, serde_json::Value::Null);
        let narrow = |info: &&ParamInfo| matches!(info.dtype, DType::Block(_));
        let half = |info: &&ParamInfo| info.dtype == DType::F16;
        let params = checkpoint.params.params().iter();
        let found = if file.contains("q8_0") { params.filter(narrow).count() } else { params.filter(half).count() };
        assert!(found >= stored, "{file}: only {found} parameters are narrow");
        let tokens = checkpoint.ints("tokens");
        let logits = step(&mut checkpoint.session(), &tokens);
        let floats: Arc<dyn ParamSource> = Arc::new(Floats::of(checkpoint.params.clone()));
        let wide = step(&mut session(&checkpoint.config, floats, &Options::default()), &tokens);
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&logits), bits(&wide), "{file}");
        let off = farthest(&logits, &checkpoint.floats("logits"));
        assert!(off <= distance, "{file}: logits differ from torch's by {off}");
        println!("{file}: logits differ from torch's by at most {off:.2e}");
    }
}

#[test]
fn parameters_keep_their_ids_and_share_the_files_bytes() {
    let package = package("qwen3_moe", "model_q8_0.gguf");
    let (_, params) = gguf::open(package.clone()).expect("a model");
    let ids: HashSet<_> = params.params().iter().map(|info| info.id).collect();
    assert_eq!(ids.len(), params.params().len(), "two parameters have the same id");
    let q = params.find("model.layers.1.self_attn.q_proj.weight").expect("it is there");
    assert_eq!(q.id, package.find("blk.1.attn_q.weight").expect("it is there").id);
    let (_, again) = gguf::open(package.clone()).expect("a model");
    assert_eq!(params.params(), again.params());
    // The slices one after the other are the stack, and begin where it has them.
    let stack = package.load("blk.1.ffn_gate_exps.weight").expect("it is there");
    let stacked = stack.as_bytes().expect("dense");
    let each = stacked.len() / stack.shape()[0];
    for expert in 0..stack.shape()[0] {
        let name = format!("model.layers.1.mlp.experts.{expert}.gate_proj.weight");
        let info = params.find(&name).expect("it is there");
        let slice = params.load(&name).expect("it is there");
        assert_eq!((slice.shape(), slice.dtype()), (&info.shape[..], info.dtype));
        assert_eq!(info.shape, stack.shape()[1..]);
        assert_eq!(slice.as_bytes().expect("dense").as_ptr(), stacked[expert * each..].as_ptr());
    }
    let error = params.load("model.nothing").expect_err("it isn't there");
    assert!(error.to_string().contains("model.nothing"), "{error}");
}

/// A file in memory: metadata, and f32 tensors by name, with their dims outermost first and what they are full of.
fn file(metadata: &[(String, MetadataValue)], tensors: &[(String, Vec<usize>, f32)]) -> Arc<Package> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((metadata.len() as u64).to_le_bytes());
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    for (key, value) in metadata {
        text(&mut bytes, key);
        let scalar = |bytes: &mut Vec<u8>, kind: u32, data: &[u8]| {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(data);
        };
        match value {
            MetadataValue::U32(value) => scalar(&mut bytes, 4, &value.to_le_bytes()),
            MetadataValue::F32(value) => scalar(&mut bytes, 6, &value.to_le_bytes()),
            MetadataValue::Bool(value) => scalar(&mut bytes, 7, &[u8::from(*value)]),
            MetadataValue::String(value) => {
                scalar(&mut bytes, 8, &[]);
                text(&mut bytes, value);
            }
            MetadataValue::Array(Array::U32(values)) => {
                scalar(&mut bytes, 9, &4u32.to_le_bytes());
                bytes.extend((values.len() as u64).to_le_bytes());
                values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            }
            other => panic!("{other}: the test can't write that"),
        }
    }
    let mut data = Vec::new();
    for (name, shape, fill) in tensors {
        text(&mut bytes, name);
        bytes.extend((shape.len() as u32).to_le_bytes());
        shape.iter().rev().for_each(|dim| bytes.extend((*dim as u64).to_le_bytes()));
        bytes.extend(0u32.to_le_bytes());
        bytes.extend((data.len() as u64).to_le_bytes());
        (0..shape.iter().product()).for_each(|_| data.extend(fill.to_le_bytes()));
        data.resize(data.len().next_multiple_of(32), 0);
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.extend(data);
    let bytes: SharedBytes = Arc::new(bytes);
    Arc::new(open_bytes("made.gguf", bytes).unwrap_or_else(|error| panic!("{error}")))
}

/// The message for a file of the family `name` with other metadata and with other tensors, which are full of 0; a
/// key without a value and a tensor without dims are left out.
fn message(name: &str, keys: &[(&str, Option<MetadataValue>)], tensors: &[(&str, Option<&[usize]>)]) -> String {
    let old = package(name, "model.gguf");
    let mut metadata: Vec<(String, MetadataValue)> =
        old.metadata().iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    for (key, value) in keys {
        metadata.retain(|(other, _)| other != key);
        metadata.extend(value.clone().map(|value| ((*key).to_owned(), value)));
    }
    let mut all: Vec<(String, Vec<usize>, f32)> =
        old.params().iter().map(|info| (info.name.clone(), info.shape.clone(), 1.0)).collect();
    for (name, shape) in tensors {
        all.retain(|(other, ..)| other != name);
        all.extend(shape.map(|shape| ((*name).to_owned(), shape.to_vec(), 0.0)));
    }
    match gguf::open(file(&metadata, &all)) {
        Err(error) => error.to_string(),
        Ok((config, params)) => match build(&config, params.as_ref(), &Options::default()) {
            Err(error) => error.to_string(),
            Ok(_) => "a graph was built".to_owned(),
        },
    }
}

fn text(text: &str) -> Option<MetadataValue> {
    Some(MetadataValue::String(text.to_owned()))
}

#[test]
fn what_a_file_says_and_isnt_understood_is_refused_by_name() {
    let (number, float, flag) =
        (|n| Some(MetadataValue::U32(n)), |x| Some(MetadataValue::F32(x)), |on| Some(MetadataValue::Bool(on)));
    type Case = (&'static str, &'static str, Option<MetadataValue>, &'static str);
    let cases: Vec<Case> = vec![
        ("olmo2", "olmo2.pooling_type", number(0), "a graph was built"),
        ("olmo2", "general.architecture", None, "`general.architecture`"),
        ("olmo2", "general.architecture", text("rwkv7"), "`general.architecture` is \"rwkv7\"; there are gemma2,"),
        ("olmo2", "general.type", text("adapter"), "`general.type`: it is \"adapter\", no model"),
        ("olmo2", "general.quantization_version", number(1), "`general.quantization_version`: it is 1"),
        ("olmo2", "olmo2.block_count", None, "`olmo2.block_count`: it is missing"),
        ("olmo2", "olmo2.block_count", number(u32::MAX), "`olmo2.block_count`: it is 4294967295"),
        ("olmo2", "olmo2.block_count", number(1), "`num_hidden_layers`: it is 1"),
        ("olmo2", "olmo2.block_count", float(2.0), "`olmo2.block_count`: it must be a whole number"),
        ("olmo2", "olmo2.attention.head_count", number(0), "`olmo2.attention.head_count`: it is 0"),
        ("olmo2", "olmo2.attention.head_count", number(5), "5 heads don't divide 32"),
        (
            "olmo2",
            "olmo2.attention.layer_norm_rms_epsilon",
            None,
            "`olmo2.attention.layer_norm_rms_epsilon`: it is missing",
        ),
        ("olmo2", "olmo2.attention.layer_norm_rms_epsilon", float(f32::NAN), "it must be a finite number"),
        ("olmo2", "olmo2.attention.value_length", number(4), "`olmo2.attention.value_length`: it differs"),
        ("olmo2", "olmo2.attention.causal", flag(false), "`olmo2.attention.causal`: it is false"),
        ("olmo2", "olmo2.attention.sliding_window", number(8), "`olmo2.attention.sliding_window`: it is 8"),
        ("olmo2", "olmo2.rope.dimension_count", number(9), "9 channels turn, of 8"),
        ("olmo2", "olmo2.rope.scaling.type", text("yarn"), "`olmo2.rope.scaling.type`: it is \"yarn\""),
        ("olmo2", "olmo2.rope.scaling.type", text("longrope"), "`olmo2.rope.scaling.type`: it is \"longrope\""),
        ("olmo2", "olmo2.rope.scaling.attn_factor", float(1.5), "`olmo2.rope.scaling.attn_factor`: it is 1.5"),
        ("olmo2", "olmo2.logit_scale", float(2.0), "unsupported: metadata `olmo2.logit_scale`: it is 2.0"),
        ("qwen2", "qwen2.attention.sliding_window", number(8), "`qwen2.attention.sliding_window`: it is 8, and no"),
        (
            "llama3",
            "llama.attention.head_count_kv",
            Some(MetadataValue::Array(Array::U32(vec![2, 4]))),
            "it differs between layers",
        ),
        (
            "llama3",
            "llama.attention.head_count_kv",
            Some(MetadataValue::Array(Array::U32(vec![2, 2]))),
            "a graph was built",
        ),
        ("llama3", "llama.rope.scaling.factor", float(2.0), "the file has `rope_freqs.weight`, too"),
        ("llama3", "llama.expert_count", number(4), "`llama.expert_used_count`: it is missing"),
        ("mixtral", "llama.expert_gating_func", number(2), "`llama.expert_gating_func`: it is 2"),
        ("mixtral", "llama.expert_gating_func", number(1), "a graph was built"),
        ("mixtral", "llama.expert_weights_norm", flag(false), "`llama.expert_weights_norm`: it is false"),
        ("mixtral", "llama.expert_weights_scale", float(2.5), "`llama.expert_weights_scale`: it is 2.5"),
        ("mixtral", "llama.expert_count", number(4), "and the metadata says 4 experts"),
        ("mixtral", "llama.expert_count", number(0), "and the metadata says 0 experts"),
        ("mixtral", "llama.expert_used_count", number(6), "`num_experts_per_tok`: it is 6"),
        ("phi3", "phi3.attention.sliding_window", None, "`phi3.attention.sliding_window`: it is missing"),
        (
            "phi3_longrope_short",
            "phi3.rope.scaling.attn_factor",
            None,
            "`phi3.rope.scaling.attn_factor`: it is missing",
        ),
        ("phi3_longrope_short", "phi3.rope.scaling.type", text("longrope"), "a graph was built"),
        ("phi3_longrope_short", "phi3.rope.scaling.type", text("yarn"), "it is \"yarn\""),
        ("phi3_longrope_short", "phi3.rope.dimension_count", number(10), "6 factors for 5 pairs"),
        ("gemma3_text", "gemma3.rope.dimension_count", number(8), "only some channels of a head turn"),
        (
            "gemma3_text",
            "gemma3.attention.sliding_window_pattern",
            Some(MetadataValue::Array(Array::U32(vec![1]))),
            "it must have a truth value",
        ),
    ];
    for (name, key, value, wanted) in cases {
        let shown = format!("{name} with {key} = {value:?}");
        let found = message(name, &[(key, value)], &[]);
        assert!(found.contains(wanted), "{shown}: {found}");
        if !wanted.starts_with("a graph") {
            assert!(found.contains("made.gguf: ") || found.starts_with("configuration: "), "{shown}: {found}");
        }
    }
}

#[test]
fn tensors_that_arent_understood_are_refused_by_name() {
    let cases: &[(&str, &str, Option<&[usize]>, &str)] = &[
        ("olmo2", "token_embd.weight", None, "tensor \"token_embd.weight\": it is missing"),
        ("olmo2", "token_embd.weight", Some(&[97]), "tensor \"token_embd.weight\": it must be a matrix"),
        ("olmo2", "rope_freqs.weight", Some(&[4]), "unsupported: tensor \"rope_freqs.weight\""),
        ("olmo2", "blk.0.attn_q.scale", Some(&[1]), "unsupported: tensor \"blk.0.attn_q.scale\""),
        ("olmo2", "blk.00.attn_q.weight", Some(&[32, 32]), "unsupported: tensor \"blk.00.attn_q.weight\""),
        ("olmo2", "blk.0.ffn_gate_exps.weight", Some(&[1, 1, 1]), "unsupported: tensor \"blk.0.ffn_gate_exps.weight\""),
        ("olmo2", "blk.1.ffn_down.weight", None, "no parameter \"model.layers.1.mlp.down_proj.weight\""),
        ("olmo2", "output.weight", None, "a graph was built"),
        ("olmo2", "output.bias", Some(&[97]), "\"lm_head.bias\", which the configuration doesn't know"),
        ("mixtral", "blk.0.ffn_gate_exps.weight", Some(&[5, 768]), "its dims are [5, 768], and it must have three"),
        ("mixtral", "blk.0.ffn_gate_exps.weight", Some(&[5, 0, 32]), "it is empty"),
        ("mixtral", "blk.0.ffn_gate_shexp.weight", Some(&[24, 32]), "tensor \"blk.0.ffn_gate_shexp.weight\""),
        ("llama3", "rope_freqs.weight", Some(&[4, 1]), "it must be f32 of one axis"),
        ("llama3", "rope_freqs.weight", Some(&[5]), "it has 5 factors, and a head has 4 pairs"),
        ("llama3", "rope_freqs.weight", Some(&[4]), "a factor is 0, and must be above 0"),
        ("phi3_longrope_short", "rope_factors_long.weight", None, "\"rope_factors_long.weight\": it is missing"),
    ];
    for (name, tensor, shape, wanted) in cases {
        let found = message(name, &[], &[(*tensor, *shape)]);
        assert!(found.contains(wanted), "{name} with {tensor} {shape:?}: {found}");
    }
}

#[test]
fn other_formats_are_refused() {
    let error = gguf::open(package("llama", "model.safetensors")).err().expect("it is no GGUF file");
    assert!(error.to_string().contains("it is safetensors"), "{error}");
}

/// A file whose headers have any byte changed is a model or an error, and soon: nothing is as large as it says.
#[test]
fn damaged_headers_are_models_or_errors() {
    for name in ["mixtral", "gemma3_text", "phi3_longrope_short"] {
        let bytes = std::fs::read(golden(name).join("model.gguf")).expect("a file");
        let params = package(name, "model.gguf");
        let data: usize = params.params().iter().filter_map(|info| params.stored_bytes(&info.name)).sum();
        let start = Instant::now();
        let mut built = 0;
        for at in 0..bytes.len() - data {
            let mut changed = bytes.clone();
            changed[at] ^= [0x01, 0x80, 0xff][at % 3];
            let bytes: SharedBytes = Arc::new(changed);
            let Ok(package) = open_bytes("damaged.gguf", bytes) else { continue };
            let Ok((config, params)) = gguf::open(Arc::new(package)) else { continue };
            built += usize::from(build(&config, params.as_ref(), &Options::default()).is_ok());
        }
        let taken = start.elapsed();
        assert!(taken < Duration::from_secs(60), "{name}: it took {taken:?}");
        println!("{name}: {built} damaged files are models, in {taken:?}");
    }
}
