//! Conversions: from every format, to every target, and killed on the way.

use std::path::Path;
use std::sync::Arc;

use glassbox_tensor::{BlockFormat, DType, Overflow, ParamSource, Tensor};
use glassbox_weights::{Dequantized, Format, Options, Output, Package, Target, WeightsError, convert, open, verify};

use crate::files::{Folder, safetensors};
use crate::golden::data;

fn to_oinf(
    source: &Package,
    path: &Path,
    quantize: Option<Target>,
) -> Result<glassbox_weights::Converted, WeightsError> {
    convert(source, path, Options { output: Output::Oinf, quantize }, |_| ())
}

#[test]
fn every_format_becomes_oinf_and_loses_nothing() {
    let folder = Folder::new();
    for name in ["all.safetensors", "all.gguf", "plain.pth", "legacy.pth", "checkpoint.pth"] {
        let source = open(&data(name)).expect("opens");
        let path = folder.path().join(format!("{name}.oinf"));
        let mut told = 0;
        let report = convert(&source, &path, Options::default(), |progress| {
            assert_eq!(progress.done, told);
            assert!(progress.done_bytes <= progress.total_bytes);
            told += 1;
        });
        let report = report.expect("converted");
        assert_eq!((told, report.params.len()), (source.params().len(), told));
        assert!(report.dropped.is_empty());
        assert!(verify(&path, |_, _| ()).expect("sound").contents);
        let made = open(&path).expect("opens");
        assert_eq!(made.format(), Format::Oinf(3));
        for info in source.params() {
            let (before, after) = (source.load(&info.name).expect("there"), made.load(&info.name).expect("there"));
            assert!(before.bit_eq(&after), "{name}: {}", info.name);
        }
        for (key, value) in source.metadata().iter() {
            assert!(made.metadata().get(key).is_some_and(|found| found.bit_eq(value)), "{name}: {key}");
        }
        // Again from what was made: the same bytes.
        let again = folder.path().join("again.oinf");
        to_oinf(&made, &again, None).expect("converted");
        assert!(std::fs::read(&path).expect("read") == std::fs::read(&again).expect("read"), "{name}");
    }
}

#[test]
fn safetensors_come_back_as_they_were() {
    let folder = Folder::new();
    let options = Options { output: Output::Safetensors, quantize: None };
    for name in ["all.safetensors", "plain.pth"] {
        let source = open(&data(name)).expect("opens");
        let path = folder.path().join("out.safetensors");
        convert(&source, &path, options, |_| ()).expect("converted");
        let made = open(&path).expect("opens");
        assert_eq!(made.format(), Format::Safetensors);
        assert_eq!(made.params().len(), source.params().len());
        for info in source.params() {
            let (before, after) = (source.load(&info.name).expect("there"), made.load(&info.name).expect("there"));
            assert!(before.bit_eq(&after), "{name}: {}", info.name);
        }
        assert_eq!(made.metadata().text("note"), source.metadata().text("note"));
    }
    let gguf = open(&data("all.gguf")).expect("opens");
    let path = folder.path().join("blocks.safetensors");
    let error = convert(&gguf, &path, options, |_| ()).expect_err("blocks").to_string();
    assert!(error.contains("safetensors has no dtype q4_0") && error.contains("f32"), "{error}");
    let floats = Options { quantize: Some(Target::F32), ..options };
    let report = convert(&gguf, &path, floats, |_| ()).expect("floats");
    assert!(report.dropped.contains(&"metadata x.u8".to_owned()), "{:?}", report.dropped);
    let made = open(&path).expect("opens");
    let blocks = gguf.load("Q6_K").map(|blocks| blocks.dequantize_blocks().expect("f32")).expect("there");
    assert!(made.load("Q6_K").expect("there").bit_eq(&blocks));
    assert!(open(&folder.path().join("blocks.safetensors")).is_ok());
}

/// A checkpoint's folder: a matrix, one whose rows don't end with a block, a norm, integers.
fn checkpoint(folder: &Folder) -> std::path::PathBuf {
    let wide: Vec<u8> = (0..2 * 512).flat_map(|at| ((at as f32 * 0.37).sin() * 3.0).to_le_bytes()).collect();
    let odd: Vec<u8> = (0..2 * 33).flat_map(|at| (at as f32 - 20.0).to_le_bytes()).collect();
    let norm: Vec<u8> = (0..512).flat_map(|_| 1.1f32.to_le_bytes()).collect();
    let ids: Vec<u8> = (0..4i64).flat_map(i64::to_le_bytes).collect();
    let mut at = 0;
    let mut entry = |name: &str, dtype: &str, shape: &str, data: &[u8]| {
        at += data.len();
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{},{at}]}}"#, at - data.len())
    };
    let header = [
        entry("wide", "F32", "[2,512]", &wide),
        entry("odd", "F32", "[2,33]", &odd),
        entry("norm", "F32", "[512]", &norm),
        entry("ids", "I64", "[2,2]", &ids),
    ];
    folder.write("config.json", br#"{"model_type":"tiny"}"#);
    folder.write("tokenizer.json", b"{}");
    folder.write(
        "model.safetensors",
        &safetensors(&format!("{{{}}}", header.join(",")), &[wide, odd, norm, ids].concat()),
    );
    folder.path().to_owned()
}

#[test]
fn a_checkpoint_takes_its_configuration_along() {
    let folder = Folder::new();
    let source = open(&checkpoint(&folder)).expect("opens");
    let target = Folder::new();
    let path = target.path().join("model.oinf");
    to_oinf(&source, &path, None).expect("converted");
    let made = open(&path).expect("opens");
    assert_eq!(made.blob("config.json").expect("embedded"), br#"{"model_type":"tiny"}"#);
    assert_eq!(made.blobs().collect::<Vec<_>>(), ["config.json", "tokenizer.json"]);
}

#[test]
fn matrices_are_quantised_and_the_rest_stays() {
    let folder = Folder::new();
    let source = open(&checkpoint(&folder)).expect("opens");
    let path = folder.path().join("model.oinf");
    let wide = source.load("wide").expect("there");
    let values = wide.to_vec::<f32>().expect("f32");
    for target in Target::ALL {
        let report = to_oinf(&source, &path, Some(*target)).expect("converted");
        let made = Arc::new(open(&path).expect("opens"));
        verify(&path, |_, _| ()).expect("sound");
        let to = |name: &str| made.find(name).expect(name).dtype;
        assert_eq!(to("wide"), target.dtype());
        assert_eq!((to("norm"), to("ids")), (DType::F32, DType::I64), "{target}");
        let is_block = matches!(target.dtype(), DType::Block(_));
        assert_eq!(to("odd"), if is_block { DType::F32 } else { target.dtype() }, "{target}");
        let outcome = report.params.iter().find(|outcome| outcome.name == "odd").expect("reported");
        assert_eq!(outcome.kept, is_block.then_some("its rows don't end with a block"), "{target}");
        assert_eq!(outcome.to, to("odd"));
        let stored = made.load("wide").expect("there");
        let back = Dequantized::new(Arc::clone(&made)).load("wide").expect("there").cast(DType::F32, Overflow::Wrap);
        let back = back.expect("f32").to_vec::<f32>().expect("f32");
        let worst = values.iter().zip(&back).map(|(value, back)| (value - back).abs()).fold(0.0, f32::max);
        let bound = match target {
            Target::F32 => 0.0,
            Target::F16 => 3.0 / 2048.0,
            Target::Bf16 => 3.0 / 256.0,
            Target::I8 | Target::Q8_0 => 3.0 / 127.0 * 0.5 + 3.0 / 2048.0,
            _ => 3.0 / 8.0,
        };
        assert!(worst <= bound, "{target}: {worst}");
        match target {
            Target::Q8_0 => assert!(stored.bit_eq(&wide.quantize_blocks(BlockFormat::Q8_0).expect("q8_0"))),
            Target::I8 => {
                let how = made.quantisation("wide").expect("scales");
                assert_eq!((how.axis, how.scales.as_str()), (Some(0), "wide#scales"));
                let scales = made.load("wide#scales").expect("there").to_vec::<f32>().expect("f32");
                let most = |row: &[f32]| row.iter().fold(0.0f32, |most, value| most.max(value.abs())) / 127.0;
                assert_eq!(scales, [most(&values[..512]), most(&values[512..])]);
            }
            _ => {}
        }
    }
}

/// `(integer - zero point) * scale` along the middle axis, against index arithmetic.
#[test]
fn integers_with_scales_and_zero_points_are_scaled_along_their_axis() {
    let codes = Tensor::from_vec(&[2, 3, 4], (0..24).map(|at| (at * 9 - 100) as i8).collect()).expect("codes");
    let scales = Tensor::from_vec(&[3], vec![0.5f32, 2.0, 0.1]).expect("scales");
    let zero_points = Tensor::from_vec(&[3], vec![3i32, -4, 0]).expect("zero points");
    let spec = |name: &str, tensor: &Tensor, quantisation| glassbox_weights::oinf::TensorSpec {
        name: name.to_owned(),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
        quantisation,
    };
    let how =
        glassbox_weights::Quantisation { axis: Some(1), scales: "s".to_owned(), zero_points: Some("z".to_owned()) };
    let contents = glassbox_weights::oinf::Contents {
        tensors: vec![spec("w", &codes, Some(how)), spec("s", &scales, None), spec("z", &zero_points, None)],
        ..Default::default()
    };
    let folder = Folder::new();
    let path = folder.path().join("w.oinf");
    let tensors = [codes, scales, zero_points].map(|tensor| (String::new(), tensor));
    crate::oinf::write(&path, &tensors, contents).expect("written");
    let package = Arc::new(open(&path).expect("opens"));
    let source = Dequantized::new(Arc::clone(&package));
    let info = source.find("w").expect("described");
    assert_eq!(info.dtype, DType::F32);
    assert_ne!(info.id, package.find("w").expect("described").id);
    let found = source.load("w").expect("loads").to_vec::<f32>().expect("f32");
    for (at, found) in found.iter().enumerate() {
        let row = at / 4 % 3;
        let expected = f64::from(at as i32 * 9 - 100 - [3, -4, 0][row]) * f64::from([0.5f32, 2.0, 0.1][row]);
        assert_eq!(*found, expected as f32, "{at}");
    }
    // To floats again: the scales have nothing left to scale.
    let floats = folder.path().join("floats.oinf");
    let report = to_oinf(&package, &floats, Some(Target::F32)).expect("converted");
    assert_eq!(report.params.len(), 1);
    let made = open(&floats).expect("opens");
    assert_eq!(made.params().len(), 1);
    assert_eq!(made.load("w").expect("loads").to_vec::<f32>().expect("f32"), found);
    // To integers again: they are already.
    let report = to_oinf(&package, &floats, Some(Target::I8)).expect("converted");
    assert_eq!(report.params[0].kept, Some("it is quantised already"));
    assert_eq!(open(&floats).expect("opens").quantisation("w"), package.quantisation("w"));
}

#[test]
fn a_number_that_the_target_cannot_hold_is_an_error() {
    let folder = Folder::new();
    let numbers =
        |value: f32| (0..32).flat_map(|at| if at == 7 { value } else { 1.0 }.to_le_bytes()).collect::<Vec<u8>>();
    let header = r#"{"w":{"dtype":"F32","shape":[1,32],"data_offsets":[0,128]}}"#;
    for (value, target, part) in [
        (1e5, Target::F16, "choose bf16"),
        (f32::MAX, Target::Bf16, "element 7 is"),
        (f32::NAN, Target::Q8_0, "element 7 can't be stored as q8_0"),
        (f32::INFINITY, Target::Q4_0, "element 7"),
        (f32::NAN, Target::I8, "element 7 is NaN"),
        (1e9, Target::Q8_0, "its scale must fit f16"),
    ] {
        let source = open(&folder.write("w.safetensors", &safetensors(header, &numbers(value)))).expect("opens");
        let path = folder.path().join("w.oinf");
        let error = to_oinf(&source, &path, Some(target)).expect_err("too large").to_string();
        assert!(error.contains(part) && error.contains("\"w\""), "{target}: {error}");
        assert!(!path.exists());
    }
    // An infinity that was there stays one.
    let source = open(&folder.write("w.safetensors", &safetensors(header, &numbers(f32::INFINITY)))).expect("opens");
    let path = folder.path().join("w.oinf");
    to_oinf(&source, &path, Some(Target::F16)).expect("as it was");
}

#[test]
fn targets_and_outputs_have_names() {
    for target in Target::ALL {
        assert_eq!(target.name().parse::<Target>().expect("a target"), *target);
    }
    let error = "q3_k".parse::<Target>().expect_err("no target").to_string();
    assert!(error.contains("q8_0, q4_0, q4_k, i8, bf16, f16, f32"), "{error}");
    assert_eq!(Output::of(Path::new("a/b.oinf")), Some(Output::Oinf));
    assert_eq!(Output::of(Path::new("b.safetensors")), Some(Output::Safetensors));
    assert_eq!(Output::of(Path::new("b.gguf")), None);
}
