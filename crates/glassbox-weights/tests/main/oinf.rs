//! `.oinf` version 3: what is written is read, byte for byte the same each time, and no flipped bit is missed.

use glassbox_tensor::{BlockFormat, DType, ParamSource, Tensor};
use glassbox_weights::oinf::{Contents, TensorSpec, Writer};
use glassbox_weights::{
    Array, Declared, Format, Initial, Metadata, MetadataValue, Package, Quantisation, Size, StateDim, StateSpec,
    WeightsError, open, verify,
};

use crate::files::Folder;

/// Tensors of many dtypes, some of them equal, some empty.
pub(crate) fn tensors() -> Vec<(String, Tensor)> {
    let mut tensors = Vec::new();
    for (index, dtype) in DType::ALL.iter().filter(|dtype| **dtype != DType::String).enumerate() {
        let length = dtype.byte_len(6).expect("a size");
        let byte = |at: usize| match dtype {
            DType::Bool => (at % 2) as u8,
            DType::T2 => 0b01_00_11_01,
            _ => (at * 37 + index) as u8,
        };
        let bytes = (0..length).map(byte).collect();
        tensors.push((format!("dtype.{dtype}"), Tensor::from_bytes(*dtype, &[2, 3], bytes).expect("a tensor")));
    }
    for format in BlockFormat::ALL {
        let bytes = (0..2 * format.block_bytes()).map(|at| (at * 31) as u8).collect();
        let tensor = Tensor::from_bytes(DType::Block(*format), &[2, format.block_elements()], bytes);
        tensors.push((format!("block/{}", format.name()), tensor.expect("blocks")));
    }
    tensors.push(("scalar é".to_owned(), Tensor::scalar(1.5f32)));
    tensors.push(("empty".to_owned(), Tensor::zeros(DType::F32, &[0, 7]).expect("nothing")));
    let ramp = Tensor::from_vec(&[4, 5], (0..20).collect::<Vec<i32>>()).expect("a ramp");
    tensors.push(("tied.a".to_owned(), ramp.clone()));
    tensors.push(("transposed".to_owned(), ramp.permute(&[1, 0]).expect("a view")));
    tensors.push(("tied.b".to_owned(), ramp.clone()));
    tensors.push(("flat".to_owned(), ramp.reshape(&[20]).expect("a view")));
    tensors.push(("q".to_owned(), Tensor::from_vec(&[2, 3], vec![1i8, -2, 3, 4, -5, 127]).expect("codes")));
    tensors.push(("q#scales".to_owned(), Tensor::from_vec(&[2], vec![0.5f32, 0.25]).expect("scales")));
    tensors
}

pub(crate) fn contents(tensors: &[(String, Tensor)]) -> Contents {
    let mut metadata = Metadata::default();
    for (name, value) in [
        ("u8", MetadataValue::U8(200)),
        ("i8", MetadataValue::I8(-100)),
        ("u16", MetadataValue::U16(60000)),
        ("i16", MetadataValue::I16(-30000)),
        ("u32", MetadataValue::U32(4_000_000_000)),
        ("i32", MetadataValue::I32(-2_000_000_000)),
        ("u64", MetadataValue::U64(u64::MAX)),
        ("i64", MetadataValue::I64(i64::MIN)),
        ("f32", MetadataValue::F32(f32::NEG_INFINITY)),
        ("f64", MetadataValue::F64(f64::NAN)),
        ("bool", MetadataValue::Bool(true)),
        ("text", MetadataValue::String("wörld".to_owned())),
        ("texts", MetadataValue::Array(Array::String(vec!["<s>".to_owned(), String::new()]))),
        ("lists", MetadataValue::Array(Array::Array(vec![Array::F64(vec![0.5]), Array::Bool(vec![true, false])]))),
        ("tensor", MetadataValue::Tensor(Tensor::from_vec(&[2], vec![1i64, 2]).expect("two"))),
    ] {
        metadata.set(name, value);
    }
    let spec = |(name, tensor): &(String, Tensor)| TensorSpec {
        name: name.clone(),
        dtype: tensor.dtype(),
        shape: tensor.shape().to_vec(),
        quantisation: (name == "q").then(|| Quantisation {
            axis: Some(0),
            scales: "q#scales".to_owned(),
            zero_points: None,
        }),
    };
    Contents {
        metadata,
        sizes: vec![Size { name: "D".to_owned(), value: 128 }],
        tensors: tensors.iter().map(spec).collect(),
        declared: vec![Declared { name: "later".to_owned(), dtype: DType::I16, shape: vec![3] }],
        states: vec![StateSpec {
            name: "cache".to_owned(),
            dtype: DType::F16,
            dims: vec![StateDim::Fixed(0), StateDim::Named("D".to_owned())],
            grows: Some(0),
            capacity: Some(4096),
            initial: Initial::Number(0.0),
        }],
        blobs: vec![("tokenizer.json".to_owned(), b"{}".to_vec()), ("graphs/main".to_owned(), vec![7; 100])],
    }
}

pub(crate) fn write(
    path: &std::path::Path,
    tensors: &[(String, Tensor)],
    contents: Contents,
) -> Result<(), WeightsError> {
    let mut writer = Writer::create(path, contents)?;
    for (_, tensor) in tensors {
        writer.tensor(tensor)?;
    }
    writer.finish()
}

pub(crate) fn sample() -> (Folder, std::path::PathBuf, Vec<u8>) {
    let folder = Folder::new();
    let path = folder.path().join("model.oinf");
    let tensors = tensors();
    write(&path, &tensors, contents(&tensors)).expect("written");
    let bytes = std::fs::read(&path).expect("read");
    (folder, path, bytes)
}

#[test]
fn what_is_written_is_read() {
    let (_folder, path, _) = sample();
    let package = open(&path).expect("opens");
    assert_eq!(package.format(), Format::Oinf(3));
    let (tensors, wanted) = (tensors(), contents(&tensors()));
    assert_eq!(package.params().len(), tensors.len());
    for ((name, tensor), info) in tensors.iter().zip(package.params()) {
        assert_eq!(name, &info.name);
        let loaded = package.load(name).expect("loads");
        assert!(loaded.bit_eq(tensor), "{name}");
        assert_eq!((info.dtype, &info.shape[..]), (tensor.dtype(), tensor.shape()), "{name}");
    }
    assert_eq!(package.metadata().len(), wanted.metadata.len());
    for ((name, value), (other, found)) in wanted.metadata.iter().zip(package.metadata().iter()) {
        assert!(name == other && value.bit_eq(found), "{name}: {value} is {found}");
    }
    assert_eq!(package.sizes(), wanted.sizes);
    assert_eq!(package.states(), wanted.states);
    assert_eq!(package.declared(), wanted.declared);
    assert_eq!(
        package.quantisation("q"),
        wanted.tensors.iter().find(|t| t.name == "q").expect("q").quantisation.as_ref()
    );
    assert_eq!(package.blobs().collect::<Vec<_>>(), ["tokenizer.json", "graphs/main"]);
    assert_eq!(package.blob("graphs/main").expect("a blob"), [7; 100]);
    assert!(package.blob("other").is_err());
    let verified = verify(&path, |done, total| assert!(done <= total)).expect("sound");
    assert!(verified.contents);
    assert_eq!(verified.params, tensors.len());
}

#[test]
fn ids_are_of_the_contents() {
    let (_folder, path, _) = sample();
    let (_other, second, _) = sample();
    let (one, two) = (open(&path).expect("opens"), open(&second).expect("opens"));
    assert_eq!(one.params(), two.params(), "wherever the file is");
    let id = |name| one.find(name).expect(name).id;
    assert_eq!(id("tied.a"), id("tied.b"));
    assert_ne!(id("tied.a"), id("flat"), "the same bytes with other dims");
    let ids: std::collections::HashSet<_> = one.params().iter().map(|param| param.id).collect();
    assert_eq!(ids.len(), one.params().len() - 1);
    // Equal contents are stored once, whatever their dims.
    let place = |name| one.load(name).expect(name).as_bytes().expect("dense").as_ptr();
    assert!(place("tied.a") == place("tied.b") && place("tied.a") == place("flat"));
    assert_ne!(place("tied.a"), place("transposed"));
}

#[test]
fn the_bytes_are_the_same_each_time() {
    assert_eq!(sample().2, sample().2);
}

#[test]
fn all_data_begins_at_multiples_of_64() {
    let (_folder, path, bytes) = sample();
    assert!(bytes.len().is_multiple_of(64));
    let package = open(&path).expect("opens");
    let base = package.load("tied.a").expect("tied.a").as_bytes().expect("dense").as_ptr().addr();
    for param in package.params().iter().filter(|param| !param.shape.contains(&0)) {
        let loaded = package.load(&param.name).expect("loads");
        // Those with padding bits set are lent through copies.
        if let Some(lent) = loaded.as_bytes() {
            assert!(lent.as_ptr().addr().abs_diff(base).is_multiple_of(64), "{}", param.name);
        }
    }
}

fn write_at(mut file: &std::fs::File, at: usize, byte: u8) {
    use std::io::{Seek, SeekFrom, Write};
    file.seek(SeekFrom::Start(at as u64)).expect("there");
    file.write_all(&[byte]).expect("written");
}

/// Every bit of the file, one after the other.
#[test]
fn no_flipped_bit_is_missed() {
    let folder = Folder::new();
    let path = folder.path().join("flipped.oinf");
    let mut tensors = tensors();
    tensors
        .retain(|(name, _)| name.starts_with("tied") || name.starts_with('q') || name == "empty" || name == "dtype.i4");
    write(&path, &tensors, contents(&tensors)).expect("written");
    let mut bytes = std::fs::read(&path).expect("read");
    let (mut at_open, mut at_verify) = (0usize, 0usize);
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("opened");
    for bit in 0..bytes.len() * 8 {
        let at = bit / 8;
        bytes[at] ^= 1 << (bit % 8);
        write_at(&file, at, bytes[at]);
        match open(&path) {
            Err(_) => at_open += 1,
            Ok(_) => {
                verify(&path, |_, _| ()).expect_err("a flipped bit");
                at_verify += 1;
            }
        }
        bytes[at] ^= 1 << (bit % 8);
        write_at(&file, at, bytes[at]);
    }
    verify(&path, |_, _| ()).expect("all bits are back");
    println!("{} bits: {at_open} found when opened, {at_verify} when verified", bytes.len() * 8);
    assert!(at_open > 128 * 8 && at_verify > 64 * 8);
}

#[test]
fn what_is_wrong_with_contents_is_said_before_anything_is_written() {
    let folder = Folder::new();
    let path = folder.path().join("wrong.oinf");
    let tensors = tensors();
    let fails = |change: fn(&mut Contents)| {
        let mut contents = contents(&tensors);
        change(&mut contents);
        write(&path, &tensors, contents).expect_err("wrong").to_string()
    };
    assert!(fails(|c| c.tensors[1].name = c.tensors[0].name.clone()).contains("is there twice"));
    assert!(fails(|c| c.tensors[0].dtype = DType::String).contains("no tensors of dtype string"));
    assert!(fails(|c| c.states[0].initial = Initial::Param("nothing".to_owned())).contains("to begin with"));
    assert!(fails(|c| c.states[0].dims[1] = StateDim::Named("E".to_owned())).contains("no size \"E\""));
    assert!(fails(|c| c.tensors.last_mut().expect("scales").name = "q#other".to_owned()).contains("aren't there"));
    assert!(fails(|c| c.tensors[0].shape = vec![3, 2]).contains("announced as"));
    assert!(fails(|c| drop(c.tensors.pop())).contains("aren't there"));
    let extra = TensorSpec { name: "extra".to_owned(), dtype: DType::F32, shape: vec![1], quantisation: None };
    let mut more = contents(&tensors);
    more.tensors.push(extra);
    let error = write(&path, &tensors, more).expect_err("a tensor that didn't come").to_string();
    assert!(error.contains("didn't come"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 0, "nothing is left");
}

#[test]
fn a_file_that_is_there_stays_until_the_new_one_is_whole() {
    let (_folder, path, bytes) = sample();
    let tensors = tensors();
    let mut writer = Writer::create(&path, contents(&tensors)).expect("begun");
    writer.tensor(&tensors[0].1).expect("one of many");
    assert_eq!(std::fs::read(&path).expect("read"), bytes);
    drop(writer);
    assert_eq!(std::fs::read(&path).expect("read"), bytes);
    assert!(open(&path).and_then(|_: Package| verify(&path, |_, _| ())).is_ok());
}
