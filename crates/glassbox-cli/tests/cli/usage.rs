//! What a new user meets first: messages, help, standard input, closed pipes, wrong arguments. Each test is named after
//! what was wrong once, and looks at siblings of it too.

use std::process::Stdio;

use serde_json::Value;

use super::{Folder, SUM, command, glassbox, printed, refused, stderr, stdout};

const EXP: &str = "graph \"g\" {\n  input %x: f32[2]\n  %e = exp(%x) : f32[2]\n  %n = neg(%e) : f32[2]\n  %l = log(%n) : f32[2]\n  output %l\n}\n";

/// What a command gives for what comes in.
fn fed(arguments: &[&str], input: &[u8]) -> std::process::Output {
    let folder = Folder::new("fed");
    let file = folder.path("input");
    std::fs::write(&file, input).expect("a file");
    command(arguments).stdin(std::fs::File::open(&file).expect("the file")).output().expect("it starts")
}

#[test]
fn an_error_is_told_once_with_its_file() {
    let folder = Folder::new("once");
    let text = folder.file("text.gb", "not a graph");
    let program = folder.file("program.gbp", "block entry { op relu(y) >> y; }");
    let json = folder.file("graph.json", "{\"format\": 1}");
    let onnx = folder.file("model.onnx", "no protobuf at all");
    let weights = folder.file("weights.safetensors", "not weights");
    let list = folder.file("list.npy", "not an array");
    let lines = folder.file("lines.jsonl", "{\"x\": [1, 2], \"y\": [\"a\"]}\n");
    let sum = folder.file("sum.gb", SUM);
    std::fs::create_dir_all(folder.path("kept")).expect("a folder");
    printed(&["convert", "models/stories-gpt2/model.oinf", &folder.path("kept/w.safetensors")]);
    folder.file("kept/config.json", "{\"model_type\": \"nope\"}");
    let unknown = folder.path("kept");
    let cases: &[(&[&str], &str)] = &[
        (&["inspect", &text], "text.gb"),
        (&["run", &text], "text.gb"),
        (&["sim", &text], "text.gb"),
        (&["fmt", &text], "text.gb"),
        (&["compile", &text], "text.gb"),
        (&["sim", &program], "program.gbp"),
        (&["fmt", "--check", &json], "graph.json"),
        (&["inspect", &json], "graph.json"),
        (&["inspect", &onnx], "model.onnx"),
        (&["run", &onnx], "model.onnx"),
        (&["inspect", &weights], "weights.safetensors"),
        (&["verify", &weights], "weights.safetensors"),
        (&["generate", "x", "-m", &weights], "weights.safetensors"),
        (&["generate", "x", "-m", "nowhere"], "nowhere"),
        (&["run", &sum, "-i", &format!("x={list}"), "-i", "y=zeros", "-d", "N=2"], "list.npy"),
        (&["run", &sum, "-i", "x=nowhere.npy", "-i", "y=zeros", "-d", "N=2"], "nowhere.npy"),
        (&["sim", &sum, "--input-steps", &lines], "lines.jsonl"),
        (&["sim", &sum, "--load-states", "nowhere.oinf"], "nowhere.oinf"),
        (&["perplexity", "nowhere.txt"], "nowhere.txt"),
        (&["inspect", &unknown, "--graph"], "kept"),
    ];
    for (arguments, file) in cases {
        let message = refused(arguments, 3);
        let message = message.trim().strip_prefix("error: ").unwrap_or_else(|| panic!("{arguments:?}: {message}"));
        assert_eq!(message.matches(file).count(), 1, "{arguments:?}: {message}");
        let parts: Vec<&str> = message.split(": ").collect();
        for (place, part) in parts.iter().enumerate() {
            let again = parts[..place].contains(part);
            assert!(!again || part.len() < 3, "{arguments:?} says `{part}` twice: {message}");
        }
    }
}

#[test]
fn a_reader_that_goes_is_no_error() {
    for arguments in [&["completions", "bash"][..], &["ops"], &["inspect", "shapes", "--graph"], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(arguments).stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn threads_beyond_reason_are_refused() {
    let message = refused(&["ops", "--threads", "100000"], 2);
    assert!(message.contains("100000 is not in 1..=1024"), "{message}");
    refused(&["ops", "--threads", "0"], 2);
    printed(&["ops", "--threads", "3"]);
}

#[test]
fn the_environment_says_how_many_threads_or_the_command_is_refused() {
    let run = |threads: &str| command(&["ops"]).env("GLASSBOX_THREADS", threads).output().expect("it starts");
    assert!(run("1").status.success(), "{}", stderr(&run("1")));
    for wrong in ["0", "lots", "1025"] {
        let wrong = run(wrong);
        assert_eq!((wrong.status.code(), stdout(&wrong)), (Some(2), String::new()));
        assert!(stderr(&wrong).contains("it must be a number of threads, from 1 to 1024"), "{}", stderr(&wrong));
    }
}

#[test]
fn more_threads_than_a_machine_can_use_are_told() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    if processors >= 256 {
        return println!("skipped: with {processors} processors, no number of threads is too large");
    }
    let told = command(&["ops", "--threads", "1024"]).output().expect("it starts");
    let note = format!("note: --threads 1024: on {} threads, four for each processor", 4 * processors);
    assert!(told.status.success() && stderr(&told).contains(&note), "{}", stderr(&told));
    let quiet = command(&["-q", "ops", "--threads", "1024"]).output().expect("it starts");
    assert_eq!(stderr(&quiet), "");
}

#[test]
fn what_nothing_has_is_not_passed_over() {
    let folder = Folder::new("nothing");
    let sum = folder.file("sum.gb", SUM);
    let inputs = ["run", &sum, "-i", "x=zeros", "-i", "y=zeros"];
    let message = refused(&[&inputs[..], &["-d", "M=3"]].concat(), 3);
    assert!(message.contains("--dim M=3: no input has a dim `M`; there are N"), "{message}");
    let message = refused(&[&inputs[..], &["-d", "N=3", "-d", "N=4"]].concat(), 3);
    assert!(message.contains("`N` is given twice"), "{message}");
    let message = refused(&[&inputs[..], &["-d", "N=3", "-i", "x=random"]].concat(), 3);
    assert!(message.contains("`x` is given twice"), "{message}");
    let list = folder.file("five.json", "[1, 2, 3, 4, 5]");
    let both = [format!("x={list}"), format!("y={list}")];
    let message = refused(&["run", &sum, "-i", &both[0], "-i", &both[1], "-d", "N=3"], 3);
    assert!(message.contains("--dim N=3: the inputs that are given have N = 5"), "{message}");
    assert_eq!(printed(&["run", &sum, "-i", &both[0], "-i", &both[1]]), "z: f32[5] = [2.0 4.0 6.0 8.0 10.0]\n");
    let message = refused(&["run", &sum, "-i", "xx=zeros", "-i", "y=zeros"], 3);
    assert!(message.contains("did you mean `x`?"), "{message}");
    let message = refused(&["ops", "rleu"], 3);
    assert!(message.contains("did you mean `relu`?"), "{message}");
    let case = "cases/node/test_one";
    std::fs::create_dir_all(folder.path(case)).expect("a folder");
    let about = r#"{"name": "test_one", "kind": "node", "rtol": 0, "atol": 0, "data_sets": 0, "inputs": [], "outputs": [],
        "types": {"inputs": [], "outputs": []}}"#;
    folder.file(&format!("{case}/case.json"), about);
    let message = refused(&["conformance", "--cases", &folder.path("cases"), "-f", "nosuch"], 3);
    assert!(message.contains("--filter nosuch: no test matches"), "{message}");
}

#[test]
fn what_inspect_prints_is_read_again() {
    let folder = Folder::new("again");
    let text = printed(&["inspect", "shapes", "--graph"]);
    let model = folder.file("shapes.gb", &text);
    printed(&["fmt", "--check", &model]);
    assert_eq!(printed(&["inspect", &model, "--graph"]), text);
    let short = printed(&["inspect", "shapes", "--graph", "--no-data"]);
    assert!(short.len() * 2 < text.len() && short.contains("`--data` prints it"), "{short}");
    let message = refused(&["inspect", &folder.file("short.gb", &short), "--graph"], 3);
    assert!(message.contains("is left out of this text") && !message.contains("resolve"), "{message}");
}

#[test]
fn standard_input_stands_for_a_file() {
    let folder = Folder::new("dash");
    let exp = folder.file("exp.gb", "graph \"g\" {\n  input %x: f32[2]\n  %y = neg(%x) : f32[2]\n  output %y\n}\n");
    let array = folder.path("out");
    printed(&["run", &exp, "-i", "x=const:2", "-o", &array]);
    let npy = std::fs::read(folder.path("out/y.npy")).expect("an array");
    for (argument, input) in [
        ("x=-", &b"[1, 2]"[..]),
        ("-", b"[1, 2]"),
        ("x=-", b"{\"dtype\": \"f32\", \"shape\": [2], \"values\": [1, 2]}"),
    ] {
        let output = fed(&["run", &exp, "-i", argument], input);
        assert_eq!(stdout(&output), "y: f32[2] = [-1.0 -2.0]\n", "{}", stderr(&output));
    }
    assert_eq!(stdout(&fed(&["run", &exp, "-i", "-"], &npy)), "y: f32[2] = [2.0 2.0]\n");
    let sum = folder.file("sum.gb", SUM);
    let output = fed(&["run", &sum, "-i", "x=-", "-i", "y=-"], b"[1]");
    assert!(stderr(&output).contains("standard input can be read only once"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(3));
    let output = fed(&["run", &sum, "-i", "-"], b"[1]");
    assert!(stderr(&output).contains("the model has 2 inputs: x, y; say which with NAME=-"), "{}", stderr(&output));
    let output = fed(&["run", &exp, "-i", "-"], b"[1");
    assert!(stderr(&output).contains("standard input: it is neither"), "{}", stderr(&output));
    let tidy = "graph \"g\" {\n  input %x: f32[2]\n  output %x\n}\n";
    assert_eq!(stdout(&fed(&["fmt", "-"], b"graph \"g\" { input %x: f32[2] output %x }")), tidy);
    assert_eq!(
        stdout(&fed(&["fmt", "-"], b"block entry{assign h:f32[2] ;}")),
        "block entry {\n    assign h: f32[2];\n}\n"
    );
    let output = fed(&["fmt", "--check", "-"], b"graph \"g\" { input %x: f32[2] output %x }");
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), "standard input\n".to_owned()));
    let lines = fed(&["sim", &exp, "--input-steps", "-"], b"{\"x\": [1, 2]}\n{\"x\": [3, 4]}\n");
    assert_eq!(stdout(&lines), "step 0\ny: f32[2] = [-1.0 -2.0]\nstep 1\ny: f32[2] = [-3.0 -4.0]\n");
    let story = "Once upon a time there was a king.";
    let file = folder.file("story.txt", story);
    assert_eq!(stdout(&fed(&["perplexity", "-"], story.as_bytes())), printed(&["perplexity", &file]));
    assert_eq!(stdout(&fed(&["forward", "--text", "-"], b"Once")), printed(&["forward", "--text", "Once"]));
}

#[test]
fn forward_asks_for_text_or_tokens() {
    let message = refused(&["forward"], 2);
    assert!(message.contains("<--text <TEXT>|--tokens"), "{message}");
}

#[test]
fn a_text_that_a_grammar_cuts_off_is_told() {
    let folder = Folder::new("cut");
    let schema = folder.file(
        "schema.json",
        r#"{"type": "object", "properties": {"name": {"type": "string", "minLength": 400}}, "required": ["name"]}"#,
    );
    for extra in [&[][..], &["--json"]] {
        let arguments = [&["generate", "A king: ", "--json-schema", &schema, "-n", "6"][..], extra].concat();
        let output = glassbox(&arguments);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("before the text was complete"), "{}", stderr(&output));
    }
    // Without a grammar a limit is only a limit.
    assert_eq!(stderr(&glassbox(&["generate", "Once", "-n", "2"])), "");
}

#[test]
fn a_template_makes_a_conversation() {
    let folder = Folder::new("template");
    let template = folder.file("chat.jinja", "{% for m in messages %}{{ m.content }} {% endfor %}");
    let output = fed(&["chat", "-n", "4", "--template", &template], b"Once upon a time\n");
    assert!(output.status.success() && !stdout(&output).trim().is_empty(), "{}", stderr(&output));
    let wrong = folder.file("wrong.jinja", "{% for %}");
    let message = refused(&["chat", "--template", &wrong], 3);
    assert_eq!(message.matches("wrong.jinja").count(), 1, "{message}");
}

#[test]
fn ops_are_told_in_words_and_as_json() {
    let text = printed(&["ops", "relu"]);
    for debug in ["Optional", "Tensor(", "Absent", "Float(", "Required", "One,"] {
        assert!(!text.contains(debug), "{text}");
    }
    assert!(
        text.contains("negative_slope  a number; 0 by default")
            && text.contains("a tensor of a float or integer dtype"),
        "{text}"
    );
    let all: Value = serde_json::from_str(&printed(&["ops", "--json"])).expect("JSON");
    let one: Value = serde_json::from_str(&printed(&["ops", "relu", "--json"])).expect("JSON");
    let all = all.as_array().expect("a list");
    assert_eq!(all.len(), printed(&["ops"]).lines().count());
    assert!(all.contains(&one));
    assert_eq!(
        (&one["attributes"][0]["name"], &one["operands"][0]["kind"]),
        (&"negative_slope".into(), &"tensor".into())
    );
    for columns in ["40", "80"] {
        let output = command(&["ops"]).env("COLUMNS", columns).output().expect("it starts");
        let width = columns.parse::<usize>().expect("a number");
        for line in stdout(&output).lines() {
            assert!(line.chars().count() <= width || line.split_whitespace().count() == 1, "{line}");
        }
    }
}

#[test]
fn a_trace_takes_one_line_for_a_value_at_any_width() {
    let image = "image=models/shapes/images/star.png";
    let rows = stdout(&glassbox(&["trace", "shapes", "-i", image, "--json"])).lines().count();
    for width in [40usize, 80, 100, 200] {
        let output =
            command(&["trace", "shapes", "-i", image]).env("COLUMNS", width.to_string()).output().expect("it starts");
        let text = stdout(&output);
        assert_eq!(text.lines().count(), rows + 1, "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= width && line.trim_end() == line, "{width}: {line:?}");
        }
    }
}

#[test]
fn a_trace_marks_infinities_where_they_are_born() {
    let folder = Folder::new("births");
    let exp = folder.file("exp.gb", EXP);
    let output = glassbox(&["trace", &exp, "-i", "x=const:100"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("the first infinity is in `e`, which exp `e` gives"), "{text}");
    assert!(text.contains("the first NaN is in `l`, which log `l` gives"), "{text}");
    let born = |line: &str| line.contains("← born");
    assert_eq!(text.lines().map(born).collect::<Vec<_>>(), [false, true, false, true, false, false], "{text}");
    let output = glassbox(&["trace", &exp, "-i", "x=const:100", "--json"]);
    let rows: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let born: Vec<String> = rows.iter().map(|row| row["born"].to_string()).collect();
    assert_eq!(born, ["[\"inf\"]", "[]", "[\"nan\"]"]);
    // What comes in is no birth, and is told all the same.
    let output = glassbox(&["trace", &exp, "-i", "x=const:inf"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("the first infinity is in `x`, which is given"), "{}", stdout(&output));
    assert!(glassbox(&["trace", &exp, "-i", "x=const:-1", "--top", "1"]).status.code() == Some(1));
    // A mask's infinities are the model's own.
    let mask = "graph \"m\" {\n  input %x: f32[2]\n  %low = constant() {value = f32[] -inf} : f32[]\n  %c = constant() {value = bool[2] [true, false]} : bool[2]\n  %y = where(%c, %x, %low) : f32[2]\n  output %y\n}\n";
    let output = glassbox(&["trace", &folder.file("mask.gb", mask), "-i", "x=zeros"]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
}

#[test]
fn a_birth_in_a_body_is_told_there_and_not_again_around_it() {
    let folder = Folder::new("body");
    let text = "graph \"loop\" {
  input %x: f32[2]
  %n = constant() {value = i64[] 4} : i64[]
  %y = loop(%n, _, %x)
    (%i: i64[], %live: bool[], %h: f32[2]) {
      %up = exp(%h) : f32[2]
      yield %live, %up
    } : f32[2]
  %z = neg(%y) : f32[2]
  output %z
}
";
    let output = glassbox(&["trace", &folder.file("loop.gb", text), "-i", "x=const:1", "--json"]);
    let rows: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let born: Vec<&Value> = rows.iter().filter(|row| row["born"] != serde_json::json!([])).collect();
    assert_eq!(born.len(), 1, "{}{}", stdout(&output), stderr(&output));
    assert_eq!(
        (&born[0]["op"], born[0]["path"].as_str().map(|path| path.contains("[3]"))),
        (&"exp".into(), Some(true))
    );
}

#[test]
fn a_trace_is_folded_cut_and_timed() {
    let folder = Folder::new("fold");
    let image = "image=models/shapes/images/star.png";
    let chrome = folder.path("chrome.json");
    let top = printed(&["trace", "shapes", "-i", image, "--top", "3", "--chrome", &chrome]);
    assert_eq!(top.lines().count(), 4, "{top}");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(&chrome).expect("a file")).expect("JSON");
    let events = document["traceEvents"].as_array().expect("events");
    assert!(
        events.len() > 20 && events.iter().all(|event| event["ph"] == "X" && event["dur"].is_number()),
        "{document}"
    );
    let folded = printed(&["trace", "shapes", "-i", image, "--fold=1", "--json"]);
    let rows: Vec<Value> = folded.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let layers: Vec<&str> = rows.iter().filter_map(|row| row["layer"].as_str()).collect();
    assert!(layers.contains(&"block1") && layers.contains(&"head") && layers.len() < 12, "{layers:?}");
    let story = printed(&["trace", "stories", "-i", "tokens=text:Once", "--fold"]);
    assert_eq!(story.lines().filter(|line| line.contains("transformer/h.")).count(), 6, "{story}");
}

#[test]
fn a_simulation_shows_what_persists() {
    let folder = Folder::new("persists");
    let program = folder.file("count.gbp", "dynamic { x: f32[2]; } persistent { steps: i32 @init(5); } block entry { op add(x, 1) >> x; cache.increment steps; }");
    assert_eq!(printed(&["sim", &program, "-i", "x=const:1"]), "x: f32[2] = [2.0 2.0]\nsteps: i32[] = [6]\n");
    assert_eq!(printed(&["sim", &program, "-i", "x=const:1", "--fetch", "x"]), "x: f32[2] = [2.0 2.0]\n");
}

#[test]
fn a_size_where_a_value_is_wanted_is_told_as_one() {
    let folder = Folder::new("sizes");
    let program = folder.file("mod.gbp", "dynamic { x: i64[V]; } block entry { assign y: i64[V]; op mod(x, V) >> y; }");
    let message = refused(&["sim", &program], 3);
    assert!(message.contains("`V` is a size, and no variable: `[V]`"), "{message}");
}
