//! `.oinf` files that another program wrote from the page about the format (`scripts/oinf_golden.py`): version 3,
//! which our writer makes too, to the byte; and versions 1 and 2, with what is wrong in them found.

use glassbox_tensor::{DType, ParamSource, Tensor};
use glassbox_weights::oinf::Contents;
use glassbox_weights::{
    Array, Declared, Format, Initial, MetadataValue, Options, Package, Quantisation, Size, StateDim, StateSpec,
    convert, open, verify,
};

use crate::files::Folder;
use crate::golden::data;

fn load(package: &Package, name: &str) -> Tensor {
    package.load(name).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn version_3_is_what_the_page_says() {
    let path = data("v3.oinf");
    assert!(verify(&path, |_, _| ()).expect("sound").contents);
    let package = open(&path).expect("opens");
    assert_eq!(package.metadata().text("name"), Some("tiny"));
    assert_eq!(package.metadata().integer("layers"), Some(2));
    assert_eq!(package.metadata().texts("tokens").expect("texts"), ["<s>", "é"]);
    assert_eq!(load(&package, "w").to_vec::<f32>().expect("f32"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(load(&package, "packed").load::<i64>().expect("i4")[..], [1, 2, -1]);
    assert_eq!(load(&package, "blocks").dequantize_blocks().expect("f32").to_vec::<f32>().expect("f32")[31], 31.0);
    assert_eq!(package.states()[1].initial, Initial::Param("q".to_owned()));
    assert_eq!(package.blob("config.json").expect("a blob"), br#"{"a": 1}"#);
    // The same contents through our writer are the same bytes.
    let folder = Folder::new();
    let copy = folder.path().join("copy.oinf");
    convert(&package, &copy, Options::default(), |_| ()).expect("converted");
    assert!(std::fs::read(&path).expect("read") == std::fs::read(&copy).expect("read"));
    let quantisation = Quantisation { axis: Some(0), scales: "q#scales".to_owned(), zero_points: None };
    assert_eq!(package.quantisation("q"), Some(&quantisation));
    let cache = StateSpec {
        name: "cache".to_owned(),
        dtype: DType::F16,
        dims: vec![StateDim::Fixed(0), StateDim::Named("D".to_owned())],
        grows: Some(0),
        capacity: Some(64),
        initial: Initial::Number(0.0),
    };
    let wanted = Contents { states: vec![cache], ..Contents::default() };
    assert_eq!(package.states()[0], wanted.states[0]);
}

#[test]
fn version_1_is_read() {
    let package = open(&data("v1.oinf")).expect("opens");
    assert_eq!(package.format(), Format::Oinf(1));
    let sizes = [("B", 4), ("D", 128)].map(|(name, value)| Size { name: name.to_owned(), value });
    assert_eq!(package.sizes(), sizes);
    let metadata = package.metadata();
    assert_eq!(metadata.text("mode"), Some("clamp_up"));
    assert_eq!(metadata.number("x"), Some(f64::from(10.35f32)));
    assert!(matches!(metadata.get("flag"), Some(MetadataValue::Bool(true))));
    assert_eq!(metadata.integer("small"), Some(-2));
    assert!(matches!(metadata.get("big"), Some(MetadataValue::U64(u64::MAX))));
    let Some(MetadataValue::Tensor(half)) = metadata.get("half") else { panic!("a number of f16") };
    assert_eq!((half.dtype(), half.item::<f32>().expect("one")), (DType::F16, 1.0));
    let Some(MetadataValue::Array(Array::Bool(bits))) = metadata.get("bits") else { panic!("bits") };
    assert_eq!(bits, &[true, false, true, false, true, false, true, false, false, true]);
    let Some(MetadataValue::Tensor(grid)) = metadata.get("grid") else { panic!("an array") };
    assert_eq!((grid.shape(), grid.to_vec::<i32>().expect("i32")), (&[2usize, 2][..], vec![1, -2, 3, -4]));
    assert_eq!(load(&package, "W.0").to_vec::<f32>().expect("f32"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(load(&package, "a").load::<f32>().expect("f16")[..], [1.0, -2.0, 0.0]);
    assert_eq!(load(&package, "scalar").item::<i64>().expect("i32"), -7);
    let later = Declared { name: "y".to_owned(), dtype: DType::I32, shape: vec![4] };
    assert_eq!(package.declared(), [later]);
    assert!(!verify(&data("v1.oinf"), |_, _| ()).expect("sound").contents, "it keeps no hashes");
}

#[test]
fn version_2_has_packed_dtypes_and_scales() {
    let package = open(&data("v2.oinf")).expect("opens");
    assert_eq!(package.format(), Format::Oinf(2));
    assert_eq!(load(&package, "packed").load::<i64>().expect("i4")[..], [1, 2, -1]);
    assert_eq!(load(&package, "signs").load::<i64>().expect("t2")[..], [1, -1, 1, 0]);
    let how = package.quantisation("whole").expect("scales");
    assert_eq!((how.axis, how.zero_points.as_ref()), (None, None));
    assert_eq!(load(&package, &how.scales).item::<f32>().expect("one"), 0.5);
    let how = package.quantisation("rows").expect("scales");
    assert_eq!((how.axis, how.scales.as_str()), (Some(0), "rows#scales"));
    assert_eq!(load(&package, "rows#scales").to_vec::<f32>().expect("f32"), [0.5, 0.25]);
    assert_eq!(load(&package, "rows#zero_points").to_vec::<i32>().expect("i32"), [1, -1]);
    let source = glassbox_weights::Dequantized::new(std::sync::Arc::new(package));
    let rows = source.load("rows").expect("f32").to_vec::<f32>().expect("f32");
    assert_eq!(rows, [0.0, -1.0, 32.0, -31.5]);
}

#[test]
fn what_breaks_the_rules_of_the_older_versions_is_said() {
    let folder = Folder::new();
    let good = std::fs::read(data("v1.oinf")).expect("read");
    let fails = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        open(&folder.write("bad.oinf", &bytes)).expect_err("broken").to_string()
    };
    assert!(fails(&|bytes| bytes[5] = 9).contains("version 9"));
    assert!(fails(&|bytes| bytes[9] = 1).contains("flags"));
    assert!(fails(&|bytes| bytes.truncate(bytes.len() - 1)).contains("the file must have"));
    assert!(fails(&|bytes| bytes[29] += 1).contains("multiples of 8"));
    assert!(fails(&|bytes| bytes[13] = 200).contains("announced"));
    assert!(fails(&|bytes| bytes[76] = b'/').contains("letters, digits"));
    assert!(fails(&|bytes| bytes[77] = 1).contains("padding"));
    // Two sizes of one name.
    assert!(fails(&|bytes| bytes[92] = b'B').contains("twice"));
}
