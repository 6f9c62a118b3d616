//! The commands for programs.

use serde_json::Value;

use super::{Folder, glassbox, printed, refused, stderr};

/// Adds up what it is given; `first` is what was added first of all.
const SUM: &str = r#"graph "sum" {
  state @total: f32[]
  input %x: f32[N]
  input %scale: f32[]
  %axes = constant() {value = i64[1] [0]} : i64[1]
  %part = reduce_sum(%x, %axes) {keepdims = false} : f32[]
  %scaled = mul(%part, %scale) : f32[]
  %before = state_read() {state = "total"} : f32[]
  %after = add(%before, %scaled) : f32[]
  %written = state_write(%after) {state = "total"} : f32[]
  output %part, %after
}
"#;

#[test]
fn a_program_runs_step_by_step() {
    let folder = Folder::new("sim");
    let program = folder.file("sum.gb", SUM);
    let text = printed(&["sim", &program, "-i", "x=const:2", "-d", "N=3", "-i", "scale=const:0.5"]);
    assert_eq!(text, "part: f32[] = [6.0]\nafter: f32[] = [3.0]\ntotal: f32[] = [3.0]\n");
    let arguments = ["sim", &program, "-i", "x=const:2", "-d", "N=3", "-i", "scale=const:0.5", "--steps", "3"];
    let text = printed(&[&arguments[..], &["--fetch", "after,total"]].concat());
    assert_eq!(
        text,
        "step 0\nafter: f32[] = [3.0]\ntotal: f32[] = [3.0]\nstep 1\nafter: f32[] = [6.0]\ntotal: f32[] = [6.0]\n\
         step 2\nafter: f32[] = [9.0]\ntotal: f32[] = [9.0]\n"
    );
    let text = printed(&[&arguments[..], &["--json", "--backend", "reference"]].concat());
    let steps: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(steps.len(), 3);
    assert_eq!(steps[2]["step"], 2);
    assert_eq!(steps[2]["values"][1]["value"]["values"][0], 9.0);
}

#[test]
fn each_step_has_inputs_of_its_own_where_they_are_given() {
    let folder = Folder::new("sim-steps");
    let program = folder.file("sum.gb", SUM);
    let lines = folder.file(
        "inputs.jsonl",
        "{\"x\": [1, 2], \"scale\": 1}\n\n{\"x\": [0.1]}\n{\"x\": {\"dtype\": \"f32\", \"shape\": [3], \"values\": [1, 1, 1]}}\n",
    );
    let arguments = ["sim", &program, "-i", "scale=const:10", "--input-steps", &lines, "--fetch", "after"];
    assert_eq!(
        printed(&arguments),
        "step 0\nafter: f32[] = [3.0]\nstep 1\nafter: f32[] = [4.0]\nstep 2\nafter: f32[] = [34.0]\n"
    );
    assert_eq!(
        printed(&[&arguments[..], &["--steps", "2"]].concat()),
        "step 0\nafter: f32[] = [3.0]\nstep 1\nafter: f32[] = [4.0]\n"
    );
    let error = refused(&[&arguments[..], &["--steps", "4"]].concat(), 3);
    assert!(error.contains("--steps 4: --input-steps has inputs for 3 steps only"), "{error}");
    // Without --input, the second line lacks an input.
    let error = refused(&["sim", &program, "--input-steps", &lines], 3);
    assert!(error.contains("step 1") && error.contains("an input has no value: `scale`: f32[]"), "{error}");
    let wrong = folder.file("wrong.jsonl", "{\"x\": [1], \"scale\": 1}\n{\"y\": 1}\n");
    let error = refused(&["sim", &program, "--input-steps", &wrong], 3);
    assert!(error.contains("wrong.jsonl:2") && error.contains("there is no input named `y`"), "{error}");
    let wrong = folder.file("wrong.jsonl", "{\"x\": [\"a\"]}\n");
    let error = refused(&["sim", &program, "--input-steps", &wrong], 3);
    assert!(error.contains("wrong.jsonl:1: input `x`: \"a\" is no f32"), "{error}");
}

#[test]
fn a_folder_of_arrays_is_a_step_each() {
    let folder = Folder::new("sim-arrays");
    let program = folder.file("sum.gb", SUM);
    std::fs::create_dir_all(folder.path("steps")).expect("a folder");
    let error = refused(&["sim", &program, "--input-steps", &folder.path("steps")], 3);
    assert!(error.contains("there is no .npz file in the folder"), "{error}");
    for (step, value) in [("00", 1.0f32), ("01", 2.0)] {
        let mut zip =
            zip::ZipWriter::new(std::fs::File::create(folder.path(&format!("steps/{step}.npz"))).expect("a file"));
        for (name, shape) in [("x", "(1,)"), ("scale", "()")] {
            zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("an entry");
            std::io::Write::write_all(&mut zip, &npy(value, shape)).expect("written");
        }
        zip.finish().expect("a file");
    }
    let text = printed(&["sim", &program, "--input-steps", &folder.path("steps"), "--fetch", "total"]);
    assert_eq!(text, "step 0\ntotal: f32[] = [1.0]\nstep 1\ntotal: f32[] = [5.0]\n");
}

/// A `.npy` file of one f32, by the format's own description.
fn npy(value: f32, shape: &str) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = u16::try_from(header.len()).expect("it is short").to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &value.to_le_bytes()].concat()
}

#[test]
fn states_go_on_from_a_file() {
    let folder = Folder::new("sim-states");
    let (program, states) = (folder.file("sum.gb", SUM), folder.path("states.safetensors"));
    let arguments = ["sim", &program, "-i", "x=const:1", "-d", "N=1", "-i", "scale=const:1", "--fetch", "total", "-q"];
    printed(&[&arguments[..], &["--steps", "2", "--save-states", &states]].concat());
    let text = printed(&[&arguments[..], &["--load-states", &states, "--save-states", &states]].concat());
    assert_eq!(text, "total: f32[] = [3.0]\n");
    let text = printed(&[&arguments[..], &["--load-states", &states]].concat());
    assert_eq!(text, "total: f32[] = [4.0]\n");
    let other = folder.file("other.gb", &SUM.replace("total", "other"));
    let error = refused(&["sim", &other, "--load-states", &states], 3);
    assert!(error.contains("it has `total`, but not `other`, which the program keeps"), "{error}");
}

#[test]
fn traces_are_written_as_far_as_the_steps_go() {
    let folder = Folder::new("sim-traces");
    let program = folder.file("sum.gb", SUM);
    let (trace, chrome) = (folder.path("trace.jsonl"), folder.path("chrome.json"));
    let lines = folder.file("inputs.jsonl", "{\"x\": [1, 2]}\n{\"x\": [3]}\n{\"y\": 0}\n");
    let error = refused(
        &["sim", &program, "-i", "scale=const:1", "--input-steps", &lines, "--trace", &trace, "--chrome", &chrome],
        3,
    );
    assert!(error.contains("inputs.jsonl:3"), "{error}");
    let text = std::fs::read_to_string(&trace).expect("a file");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events.len(), 12);
    assert_eq!(
        (&events[1]["op"], &events[1]["node"], &events[7]["step"]),
        (&"reduce_sum".into(), &"part".into(), &1.into())
    );
    assert_eq!(events[1]["outputs"][0]["stats"]["max"], 3.0);
    assert!(events[1]["micros"].as_f64().is_some());
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&chrome).expect("a file")).expect("JSON");
    assert_eq!(document["traceEvents"].as_array().expect("events").len(), 12);
}

#[test]
fn programs_take_their_weights_from_packages() {
    let folder = Folder::new("sim-package");
    let program = folder.file(
        "embed.gb",
        r#"graph "embed" {
          input %tok: i64[1, T]
          %w = parameter() {name = "transformer.ln_f.weight", type = bf16[128]} : bf16[128]
          %n = shape(%tok) : i64[2]
          output %w, %n
        }"#,
    );
    let text = printed(&["sim", &program, "--model", "stories", "-i", "tok=text:Once upon a time", "--fetch", "n"]);
    assert_eq!(text, "n: i64[2] = [1 4]\n");
    let error = refused(&["sim", &program, "-i", "tok=zeros", "-d", "T=1"], 3);
    assert!(error.contains("there is no parameter named \"transformer.ln_f.weight\""), "{error}");
}

#[test]
fn what_a_program_has_not_is_said() {
    let folder = Folder::new("sim-errors");
    let program = folder.file("sum.gb", SUM);
    let error = refused(&["sim", &program], 3);
    assert!(error.contains("inputs have no value: `x`: f32[N], `scale`: f32[]; nothing was inserted"), "{error}");
    let inputs = ["-i", "x=const:1", "-d", "N=1", "-i", "scale=const:1"];
    let error = refused(&[&["sim", &program, "--fetch", "parts"], &inputs[..]].concat(), 3);
    assert!(error.contains("there is no variable named `parts`; did you mean `part`?"), "{error}");
    let error = refused(&["sim", &folder.file("sum.txt", SUM)], 3);
    assert!(error.contains("sum.txt: a program is in a file that ends in .gb, .json or .gbp"), "{error}");
    let error = stderr(&glassbox(&["sim", &program, "--backend", "tpu"]));
    assert!(error.contains("no backend is named `tpu`"), "{error}");
    let error = refused(&[&["sim", &program, "--save-states", "states.txt"], &inputs[..]].concat(), 3);
    assert!(error.contains("states are written to files that end in .safetensors or .oinf"), "{error}");
}

#[test]
fn programs_in_block_form_run() {
    let folder = Folder::new("sim-blocks");
    let program =
        folder.file("count.gbp", "dynamic { x: f32[N]; }\nconstant { layers: i64 @ref(\"transformer.h\"); }\n");
    assert!(refused(&["sim", &program], 3).contains("count.gbp"));
    let program = folder.file(
        "count.gbp",
        "dynamic { x: f32[N]; }\n\
         persistent { steps: i32 @init(5); }\n\
         block entry {\n\
             assign h: f32[N];\n\
             transfer x >> h;\n\
             loop layers (l in 0..2) {\n\
                 op add(h, x) >> h;\n\
             }\n\
             cache.increment steps;\n\
         }\n",
    );
    assert_eq!(
        printed(&["fmt", "--stdout", &folder.file("wide.gbp", "block entry{//what it does\nassign h:f32[2] ;}")]),
        "block entry {  // what it does\n    assign h: f32[2];\n}\n".replace("  // what it does", " //what it does")
    );
    for form in ["graph.gb", "graph.json"] {
        let graph = folder.path(form);
        assert_eq!(printed(&["sim", &program, "--graph", &graph]), "");
        let arguments = ["sim", &graph, "-i", "x=const:1", "-d", "N=2", "--fetch", "h,steps"];
        assert_eq!(printed(&arguments), "h: f32[2] = [3.0 3.0]\nsteps: i32[] = [6]\n", "{form}");
    }
    let trace = folder.path("trace.jsonl");
    let arguments = ["sim", &program, "-i", "x=const:1", "-d", "N=2", "--steps", "2", "--fetch", "h,steps"];
    assert_eq!(
        printed(&[&arguments[..], &["--trace", &trace]].concat()),
        "step 0\nh: f32[2] = [3.0 3.0]\nsteps: i32[] = [6]\nstep 1\nh: f32[2] = [3.0 3.0]\nsteps: i32[] = [7]\n"
    );
    let text = std::fs::read_to_string(&trace).expect("a file");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let add: Vec<&Value> = events.iter().filter(|event| event["op"] == "add" && event["line"] == 7).collect();
    assert_eq!(add.len(), 4, "{text}");
    assert_eq!((&add[1]["block"], &add[1]["turns"][0]), (&"entry/layers".into(), &1.into()));
    assert_eq!(
        (&add[1]["inputs"][0], &add[1]["inputs"][1], &add[1]["outputs"][0]["name"]),
        (&"h".into(), &"x".into(), &"h".into())
    );
    assert!(events.iter().any(|event| event["line"] == 9 && event["outputs"][0]["name"] == "steps"), "{text}");
}

const WILD: &str = "graph \"g\" { // a graph\n input %x: f32[2]\n\n\n  // minus\n %y = neg(%x)\n output %y }\n";
const TIDY: &str =
    "graph \"g\" {  // a graph\n  input %x: f32[2]\n\n  // minus\n  %y = neg(%x) : f32[2]\n  output %y\n}\n";

#[test]
fn texts_are_formatted_with_their_comments() {
    let folder = Folder::new("fmt");
    let (wild, tidy) = (folder.file("wild.gb", WILD), folder.file("tidy.gb", TIDY));
    let read = |path: &str| std::fs::read_to_string(path).expect("a file");
    assert_eq!(printed(&["fmt", &wild, "--stdout"]), TIDY);
    let output = glassbox(&["fmt", "--check", &wild, &tidy]);
    assert_eq!((output.status.code(), super::stdout(&output)), (Some(1), format!("{wild}\n")));
    assert_eq!(read(&wild), WILD);
    assert_eq!(printed(&["fmt", &wild, &tidy]), "");
    assert_eq!((read(&wild), read(&tidy)), (TIDY.to_owned(), TIDY.to_owned()));
    printed(&["fmt", "--check", &wild, &tidy]);
    // Where one file is wrong, none is written.
    let (wild, wrong) = (folder.file("wild.gb", WILD), folder.file("wrong.gb", "graph \"g\" {\n  output %y\n}\n"));
    let error = refused(&["fmt", &wild, &wrong], 3);
    assert!(error.contains("wrong.gb: 2:10: there is no value `%y`"), "{error}");
    assert_eq!(read(&wild), WILD);
    let error = refused(&["fmt", &folder.file("g.json", "{}")], 3);
    assert!(error.contains("g.json: what can be formatted"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path("")).expect("the folder").count(), 4, "nothing else is left behind");
}
