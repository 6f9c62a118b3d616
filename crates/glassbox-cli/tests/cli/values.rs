//! Values that go in and come out whole: outputs of any name, texts, lists and optionals.

use super::{Folder, printed, refused};

/// A `.npy` file as NumPy writes it.
fn npy(folder: &Folder, name: &str, descr: &str, shape: &str, data: &[u8]) -> String {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).expect("it is short").to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    std::fs::write(folder.path(name), bytes).expect("a file");
    folder.path(name)
}

/// Texts of two characters each, as NumPy's `U2` has them.
fn wide(texts: &[&str], code: fn(u32) -> [u8; 4]) -> Vec<u8> {
    let padded = |text: &&str| text.chars().map(u32::from).chain([0, 0]).take(2).flat_map(code).collect::<Vec<u8>>();
    texts.iter().flat_map(padded).collect()
}

#[test]
fn no_output_of_a_run_takes_the_file_of_another() {
    let folder = Folder::new("outputs");
    let long = "n".repeat(200);
    let text = format!(
        "graph \"g\" {{ input %x: f32[1] %\"a:0\" = abs(%x) %a_0 = neg(%x) %\"a/0\" = exp(%x) %A_0 = add(%x, %x) \
         %{long}1 = mul(%x, %x) %{long}2 = sub(%x, %x) output %\"a:0\", %a_0, %\"a/0\", %A_0, %{long}1, %{long}2 }}"
    );
    let (model, out) = (folder.file("g.gb", &text), folder.path("out"));
    printed(&["run", &model, "-i", "x=const:3", "-o", &out]);
    let table = std::fs::read_to_string(folder.path("out/names.json")).expect("a table of names");
    let table: serde_json::Value = serde_json::from_str(&table).expect("it is JSON");
    let last = |file: &str| {
        let bytes = std::fs::read(folder.path(&format!("out/{file}"))).expect("it is written");
        f32::from_le_bytes(bytes[bytes.len() - 4..].try_into().expect("four bytes"))
    };
    let rows = table["outputs"].as_array().expect("a list");
    let written: Vec<f32> = rows.iter().map(|row| last(row["file"].as_str().expect("a name"))).collect();
    assert_eq!(written, [3.0, -3.0, 3f32.exp(), 6.0, 9.0, 0.0]);
    assert_eq!(last("a_0.npy"), -3.0, "a name that a file can have stays");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names[..4], ["a:0", "a_0", "a/0", "A_0"]);
}

#[test]
fn texts_go_in_and_come_out() {
    let folder = Folder::new("texts");
    let model = folder
        .file("g.gb", "graph \"g\" { input %x: string[N] input %y: string[N] %z = string_concat(%x, %y) output %z }");
    let texts = ["ä", "", "b😀"];
    let little = npy(&folder, "little.npy", "<U2", "(3,)", &wide(&texts, u32::to_le_bytes));
    let big = npy(&folder, "big.npy", ">U2", "(3,)", &wide(&texts, u32::to_be_bytes));
    let bytes = npy(&folder, "bytes.npy", "|S2", "(3,)", "ä\0\0b\0".as_bytes());
    let json = folder.file("y.json", "[\"ä\", \"\", \"b😀\"]");
    let run = |x: &str, y: &str| printed(&["run", &model, "-i", &format!("x={x}"), "-i", &format!("y={y}")]);
    for (x, y) in [(&little, &big), (&big, &json), (&json, &little)] {
        assert_eq!(run(x, y).trim(), "z: string[3] = [\"ää\" \"\" \"b😀b😀\"]");
    }
    assert_eq!(run(&bytes, &bytes).trim(), "z: string[3] = [\"ää\" \"\" \"bb\"]");
    // What is written is read again, also what NumPy has no array for.
    let zero = folder.file("zero.json", "[\"a\\u0000\", \"b\", \"c\"]");
    for (y, file) in [(&json, "z.npy"), (&zero, "z.pb")] {
        let out = folder.path("out");
        printed(&["run", &model, "-i", &format!("x={little}"), "-i", &format!("y={y}"), "-o", &out]);
        let again = printed(&["run", &model, "-i", &format!("x={out}/{file}"), "-i", &format!("y={zero}"), "--json"]);
        let both = printed(&["run", &model, "-i", &format!("x={little}"), "-i", &format!("y={y}"), "--json"]);
        let values = |text: &str| {
            let document: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
            document["outputs"][0]["value"]["values"].as_array().expect("a list").clone()
        };
        for (again, both) in values(&again).iter().zip(values(&both)) {
            assert!(again.as_str().expect("a text").starts_with(both.as_str().expect("a text")), "{again} {both}");
        }
    }
    let objects = npy(&folder, "objects.npy", "|O", "(3,)", b"\x80\x04");
    let message = refused(&["run", &model, "-i", &format!("x={objects}"), "-i", "y=zeros"], 3);
    assert!(message.contains("Python objects") && message.contains("astype(str)"), "{message}");
}

#[test]
fn bf16_is_read_as_two_bytes_that_numpy_has_no_name_for() {
    let folder = Folder::new("bf16");
    let model = folder.file("g.gb", "graph \"g\" { input %x: bf16[N] %y = neg(%x) output %y }");
    let x = npy(&folder, "x.npy", "<V2", "(3,)", &[0x80, 0x3f, 0x00, 0xc0, 0x20, 0x40]);
    assert_eq!(printed(&["run", &model, "-i", &x]).trim(), "y: bf16[3] = [-1.0 2.0 -2.5]");
}

#[test]
fn lists_and_optionals_go_in_and_come_out() {
    let folder = Folder::new("lists");
    let model = folder
        .file("g.gb", "graph \"g\" { input %s: seq<f32[?]> input %t: f32[?] %r = sequence_insert(%s, %t) output %r }");
    let list = folder.file("s.json", "[[1, 2], [3]]");
    let one = folder.file("t.json", "[4]");
    let out = folder.path("out");
    let t = format!("t={one}");
    printed(&["run", &model, "-i", &format!("s={list}"), "-i", &t, "-o", &out]);
    // What it gave, as the message of the ONNX format and as JSON, is an input again.
    let json = printed(&["run", &model, "-i", &format!("s={list}"), "-i", &t, "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let again = folder.file("again.json", &document["outputs"][0]["value"].to_string());
    for source in [format!("s={out}/r.pb"), format!("s={again}")] {
        let text = printed(&["run", &model, "-i", &source, "-i", &t]);
        assert!(text.contains("4 items: [1.0 2.0], [3.0], [4.0], [4.0]"), "{source}: {text}");
    }
    let model = folder.file(
        "o.gb",
        "graph \"g\" { input %o: opt<f32[?]> %h = optional_has_element(%o) %p = identity(%o) output %h, %p }",
    );
    let nothing = folder.file("nothing.json", "null");
    for (source, has) in [("none", "false"), (&nothing, "false"), (&one, "true")] {
        let text = printed(&["run", &model, "-i", &format!("o={source}"), "-o", &out]);
        assert!(text.contains(&format!("[{has}]")), "{source}: {text}");
        let text = printed(&["run", &model, "-i", &format!("o={out}/p.pb")]);
        assert!(text.contains(&format!("[{has}]")), "{source} again: {text}");
    }
}

#[test]
fn an_error_of_a_run_names_the_file() {
    let folder = Folder::new("named");
    let model = folder.file("g.gb", "graph \"g\" { input %x: f32[N] input %s: i64[1] %y = reshape(%x, %s) output %y }");
    let message = refused(&["run", &model, "-i", "x=zeros", "-d", "N=3", "-i", "s=const:2"], 3);
    assert!(message.contains("g.gb: reshape `y`"), "{message}");
}

/// What `trace --save` writes is another side of `check`, also where a value is no array of numbers; in f64 a list is as
/// near as its items are.
#[test]
fn lists_optionals_and_texts_are_saved_and_compared() {
    let folder = Folder::new("kept");
    let list = folder.file("q.json", "[[1.5, 2], [], [0.1]]");
    let other = folder.file("other.json", "[[1.5, 2], [], [0.2]]");
    let texts = folder.file("s.json", "[\"a\\u0000\", \"b\"]");
    let changed = folder.file("t.json", "[\"a\\u0000\", \"c\"]");
    for (ty, given, differing) in
        [("seq<f32[N]>", &list, &other), ("opt<seq<f32[N]>>", &list, &other), ("string[2]", &texts, &changed)]
    {
        let text = format!("graph \"g\" {{ input %x: {ty} %y = identity(%x) output %y }}");
        let (model, values) = (folder.file("g.gb", &text), folder.path("values"));
        let _ = std::fs::remove_dir_all(&values);
        let input = format!("x={given}");
        printed(&["-q", "trace", &model, "-i", &input, "--save", &values]);
        for against in [values.as_str(), "precise", "cpu"] {
            let text = printed(&["-q", "check", &model, "-i", &input, "--against", against]);
            assert!(text.contains("agrees: 1 value compared"), "{ty} {against}: {text}");
        }
        let input = format!("x={differing}");
        let output = super::glassbox(&["-q", "check", &model, "-i", &input, "--against", &values]);
        assert_eq!(output.status.code(), Some(1), "{ty}: {}", super::stdout(&output));
    }
}
