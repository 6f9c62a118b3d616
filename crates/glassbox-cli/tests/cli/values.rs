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

/// The bytes of a field of a protobuf message.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).expect("it is short")], bytes].concat()
}

/// A model of one node of `ai.onnx.ml` from `x` to `y`.
fn one_node(op: &str, attributes: &[Vec<u8>], x: &[u8], y: &[u8]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes.iter().flat_map(|attribute| field(5, attribute)).collect();
    let node = [field(1, b"x"), field(2, b"y"), field(4, op.as_bytes()), field(7, b"ai.onnx.ml"), attributes].concat();
    let named = |name: &[u8], ty: &[u8]| [field(1, name), field(2, ty)].concat();
    let graph = [field(1, &node), field(2, b"g"), field(11, &named(b"x", x)), field(12, &named(b"y", y))].concat();
    let opset = |domain: &[u8], version: u8| field(8, &[field(1, domain), vec![0x10, version]].concat());
    [vec![0x08, 8], field(7, &graph), opset(b"", 17), opset(b"ai.onnx.ml", 1)].concat()
}

/// An attribute of texts.
fn texts(name: &str, texts: &[&str]) -> Vec<u8> {
    let texts: Vec<u8> = texts.iter().flat_map(|text| field(9, text.as_bytes())).collect();
    [field(1, name.as_bytes()), texts, vec![0xa0, 1, 8]].concat()
}

#[test]
fn maps_go_in_and_come_out() {
    let folder = Folder::new("maps");
    let table = [&[0x0a, 0x0a, 0x08, 1, 0x12, 6][..], &field(1, &[]), &field(1, &[0x08, 3])].concat();
    let map = field(5, &[&[0x08, 8][..], &field(2, &field(1, &[0x08, 1]))].concat());
    let model = folder.path("dict.onnx");
    let words = ["a", "c", "b"];
    let bytes = one_node("DictVectorizer", &[texts("string_vocabulary", &words)], &map, &field(1, &[0x08, 1]));
    std::fs::write(&model, bytes).expect("a file");
    let json = folder.file("x.json", "{\"b\": 2.5, \"a\": \"-inf\", \"z\": 3}");
    for source in [format!("x={json}"), json.clone()] {
        assert_eq!(printed(&["run", &model, "-i", &source]).trim(), "y: f32[1, 3] = [-inf 0.0 2.5]");
    }
    let parts = [folder.file("k.json", "[\"c\"]"), folder.file("v.json", "[7]")];
    let parts = [format!("x.keys={}", parts[0]), format!("x.values={}", parts[1])];
    assert_eq!(printed(&["run", &model, "-i", &parts[0], "-i", &parts[1]]).trim(), "y: f32[1, 3] = [0.0 7.0 0.0]");
    let twice = refused(&["run", &model, "-i", &json, "-i", &parts[0]], 3);
    assert!(twice.contains("`x.keys` is given twice"), "{twice}");
    let list = folder.file("list.json", "[1]");
    let message = refused(&["run", &model, "-i", &list], 3);
    assert!(message.contains("a map of string to f32"), "{message}");
    // What comes out as a list of maps is read as maps by whoever reads the format.
    let model = folder.path("zip.onnx");
    let zip = one_node("ZipMap", &[texts("classlabels_strings", &words)], &table, &[]);
    std::fs::write(&model, zip).expect("a file");
    let (x, out) = (folder.file("t.json", "[[1, 2, 3], [4, 5, 6]]"), folder.path("out"));
    let printed = printed(&["run", &model, "-i", &x, "-o", &out, "--json"]);
    let document: serde_json::Value = serde_json::from_str(&printed).expect("it is JSON");
    assert_eq!(document["outputs"][0]["columns"], serde_json::json!(words));
    let data = glassbox_onnx::read_sequence_pb(folder.path("out/y.pb").as_ref()).expect("a sequence");
    let glassbox_onnx::Data::Sequence(rows) = data else { panic!("it is a sequence") };
    let maps = rows.into_iter().map(|row| glassbox_onnx::maps::parts(row, glassbox_tensor::DType::F32).expect("a map"));
    let values: Vec<f32> = maps.flat_map(|[_, values]| values.to_vec::<f32>().expect("floats")).collect();
    assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
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
