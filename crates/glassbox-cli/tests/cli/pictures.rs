//! Images as inputs: against what PIL and NumPy make of them (`scripts/pictures_golden.py`), and what is refused.

use serde_json::Value;

use super::{Folder, glassbox, printed, refused, root, stderr};

const PICTURES: &str = "crates/glassbox-cli/tests/data/pictures";

/// A graph that gives what it is given.
fn passing(folder: &Folder, ty: &str) -> String {
    folder.file("passing.gb", &format!("graph \"g\" {{ input %x: {ty} %y = identity(%x) output %y }}"))
}

/// The numbers in nested lists.
fn flat(value: &Value, into: &mut Vec<f64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flat(item, into)),
        number => into.push(number.as_f64().expect("a number")),
    }
}

#[test]
fn pixels_are_what_pil_and_numpy_make_of_them() {
    let folder = Folder::new("pictures");
    let text = std::fs::read_to_string(root().join(PICTURES).join("expected.json")).expect("the cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert!(cases.len() > 70);
    for case in cases {
        let model = passing(&folder, case["type"].as_str().expect("a type"));
        let image = format!("{PICTURES}/{}", case["image"].as_str().expect("a name"));
        let told = case["arguments"].as_array().expect("a list").iter().filter_map(Value::as_str);
        let arguments: Vec<&str> = ["-q", "run", &model, "-i", &image, "--json"].into_iter().chain(told).collect();
        let document: Value = serde_json::from_str(&printed(&arguments)).expect("JSON");
        let given = &document["outputs"][0]["value"];
        assert_eq!(given["shape"], case["shape"], "{arguments:?}");
        let (mut numbers, mut wanted) = (Vec::new(), Vec::new());
        flat(&given["values"], &mut numbers);
        flat(&case["values"], &mut wanted);
        let same = |(number, wanted): (&f64, &f64)| number == wanted || *number as f32 == *wanted as f32;
        assert!(
            numbers.len() == wanted.len() && numbers.iter().zip(&wanted).all(same),
            "{arguments:?}: {numbers:?}, not {wanted:?}"
        );
    }
}

#[test]
fn what_leaves_two_readings_is_refused_with_what_to_say() {
    let folder = Folder::new("refused");
    let rgb = format!("{PICTURES}/rgb.png");
    for (ty, arguments, says) in [
        ("u8[1, 3, 2, 3]", &[][..], "say --image-layout NCHW or NHWC"),
        ("u8[N, C, H, W]", &[], "say --image-layout NCHW or NHWC"),
        ("u8[N, C, H, W]", &["--image-layout", "NCHW"], "say --image-color GREY, RGB, BGR, RGBA or BGRA"),
        ("u8[*]", &[], "say --image-layout"),
        ("u8[1, 2, 3, 5]", &[], "1, 3 or 4"),
        ("u8[4, 2, 3, 3]", &[], "it takes 4 images at a time"),
        ("u8[2, 3, 3]", &["--image-layout", "NHWC"], "has 4 axes, and the input 3"),
        ("u8[2, 3, 3]", &["--image-layout", "WHC"], "--image-layout WHC: it is one of"),
        ("u8[2, 3, 3]", &["--image-color", "BGRA"], "say --image-layout CHW or HWC"),
        (
            "u8[2, 3, 3]",
            &["--image-color", "BGRA", "--image-layout", "HWC"],
            "--image-color has 4 channels, and the input 3",
        ),
        ("u8[2, 3, 3]", &["--image-color", "CMYK"], "--image-color CMYK: it is GREY"),
        ("u8[2, 3, 3]", &["--image-mean", "0.5"], "--image-range"),
        ("f32[2, 3, 3]", &[], "say with --image-range"),
        ("i64[2, 3, 3]", &["--image-range", "0:1"], "i64 can't hold"),
        ("i8[2, 3, 3]", &["--image-range", "0:255"], "i8 can't hold"),
        ("bool[2, 3, 3]", &["--image-range", "0:1"], "an image is of numbers"),
        ("f32[2, 3, 3]", &["--image-range", "0:nan"], "--image-range 0:nan"),
        ("f32[2, 3, 3]", &["--image-range", "0:1", "--image-std", "0"], "--image-std is 0"),
        ("f32[2, 3, 3]", &["--image-range", "0:1", "--image-mean", "1,2"], "2 values for 3 channels"),
        ("u8[5]", &[], "an image has 2, 3 or 4 axes"),
    ] {
        let model = passing(&folder, ty);
        let message = refused(&[&["-q", "run", &model, "-i", &rgb], arguments].concat(), 3);
        assert!(message.contains(says), "{ty} {arguments:?}: {message}");
    }
}

#[test]
fn what_an_image_loses_is_told() {
    let folder = Folder::new("told");
    for (image, ty, says) in [
        ("rgb", "u8[5, 7, 3]", "is 3×2, resized to 7×5"),
        ("rgb", "u8[1, 2, 3, 1]", "has colours, of which the input takes the grey"),
        ("rgba", "u8[1, 2, 3, 3]", "has transparent pixels"),
        ("deep", "u8[1, 2, 3, 1]", "has more than 8 bits for each channel"),
        ("rgb", "u8[1, 2, 3, 3]", ""),
    ] {
        let model = passing(&folder, ty);
        let output = glassbox(&["run", &model, "-i", &format!("{PICTURES}/{image}.png")]);
        assert!(output.status.success(), "{}", stderr(&output));
        let notes: Vec<String> =
            stderr(&output).lines().filter(|line| line.starts_with("note:")).map(str::to_owned).collect();
        assert_eq!(notes.len(), usize::from(!says.is_empty()), "{image} {ty}: {notes:?}");
        assert!(notes.iter().all(|note| note.contains(says)), "{image} {ty}: {notes:?}");
    }
}
