//! What makes models of models: `extract`, `set`, `reduce`, `convert`, and `stats`, which counts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use glassbox_tensor::Tensor;
use glassbox_weights::{Metadata, Output, write_tensors};
use serde_json::Value;

use super::{Folder, command, glassbox, printed, refused, root, stderr, stdout};

/// A graph whose weight is in a file beside it.
const SCALED: &str = "graph \"scaled\" {\n  meta \"task\" = \"test\"\n  input %x: f32[N, 2]\n  %w = parameter() {name = \"w\", type = f32[2]}\n  \
                      %m = mul(%x, %w)\n  %n = neg(%m)\n  %y = exp(%n)\n  output %y\n}\n";

/// The folder with that graph.
fn scaled() -> (Folder, String) {
    let folder = Folder::new("scaled");
    let model = folder.file("scaled.gb", SCALED);
    let w = Tensor::from_vec(&[2], vec![2.0f32, -1.0]).expect("a tensor");
    let path = folder.path("scaled.oinf");
    write_tensors(path.as_ref(), Output::Oinf, &[("w".to_owned(), w)], Metadata::default()).expect("it is written");
    (folder, model)
}

/// A peer model of the cache, with its inputs.
pub(super) fn peer(name: &str) -> Option<(String, String)> {
    let folder = glassbox_testkit::cache::folder().join("peers").join(name);
    let path = |file: &str| Some(folder.join(file)).filter(|path| path.exists()).map(|path| path.display().to_string());
    Some((path("model.onnx")?, path("inputs.npz")?))
}

/// The Python of the tests' environment, which has onnx and onnxruntime.
pub(super) fn python() -> Option<PathBuf> {
    let python = glassbox_testkit::cache::folder().join("venv/bin/python");
    let works = scripted(&python, &Folder::new("python")).args(["-c", "import numpy, onnx, onnxruntime"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(python)
}

/// A Python that leaves what its modules write when they are imported in a folder that is gone afterwards.
pub(super) fn scripted(python: &Path, folder: &Folder) -> Command {
    let mut command = Command::new(python);
    command.env("TMPDIR", folder.0.path()).env("XDG_CACHE_HOME", folder.0.path());
    command
}

#[test]
fn pieces_of_onnx_files_give_in_onnxruntime_what_the_whole_has_there() {
    let Some(python) = python() else {
        println!("skipped: no Python with onnxruntime; scripts/setup.py makes one");
        return;
    };
    for (name, from, to) in [
        ("resnet50", &["resnet50/Relu_89"][..], &[][..]),
        ("resnet50", &["resnet50/Relu_6"], &["resnet50/Relu_89"]),
        ("bert_base", &["bert_base/Add_544"], &["bert_base/Mul_550"]),
        ("bert_base", &["bert_base/Erf_547"], &["bert_base/Mul_550"]),
        ("bert_base", &["bert_base/Mul_550"], &["pooler_output"]),
        ("silero_vad", &["Equal_0_C"], &[]),
        ("external_data", &[], &["external_data/Mul_2"]),
        ("external_data", &["external_data/Add_1"], &[]),
        ("loop_scan", &["states"], &["energy"]),
    ] {
        let Some((whole, inputs)) = peer(name) else {
            println!("skipped: no peer model {name}; scripts/setup.py makes it");
            continue;
        };
        let folder = Folder::new("piece");
        let piece = folder.path("piece.onnx");
        let mut arguments = vec!["-q", "extract", &whole, "-o", &piece];
        from.iter().for_each(|name| arguments.extend(["--from", name]));
        to.iter().for_each(|name| arguments.extend(["--to", name]));
        printed(&arguments);
        let script = root().join("crates/glassbox-cli/tests/cli/piece_equals.py");
        let compared = scripted(&python, &Folder::new("python"))
            .arg(script)
            .args([&whole, &inputs, &piece])
            .output()
            .expect("it starts");
        assert!(compared.status.success(), "{name} {from:?} {to:?}: {}", stderr(&compared));
    }
}

#[test]
fn two_pieces_one_after_the_other_are_the_whole() {
    let (folder, model) = scaled();
    let x = ["-q", "-i", "x=random", "-d", "N=3"];
    let (first, second) = (folder.path("first.gb"), folder.path("second.json"));
    printed(&["extract", &model, "--to", "m", "-o", &first]);
    printed(&["extract", &model, "--from", "m", "-o", &second]);
    assert!(Path::new(&folder.path("first.oinf")).exists(), "the weight comes along");
    assert!(!Path::new(&folder.path("second.oinf")).exists(), "it isn't needed there");
    let whole = printed(&[&["run", &model, "--json"], &x[..]].concat());
    printed(&[&["run", &first, "-o", &folder.path("values")], &x[..]].concat());
    let m = format!("m={}", folder.path("values/m.npy"));
    assert_eq!(printed(&["run", &second, "--json", "-q", "-i", &m]), whole);
    // A value without a name has its number, as `trace` tells it.
    let unnamed = folder.file("unnamed.gb", "graph \"g\" { input %x: f32[2] %0 = neg(%x) %y = exp(%0) output %y }");
    printed(&["extract", &unnamed, "--from", "#1", "-o", &folder.path("u.gb")]);
    assert!(printed(&["run", &folder.path("u.gb"), "-i", "v1=zeros"]).starts_with("y: f32[2] = [1.0 1.0]"));
}

#[test]
fn a_graph_without_the_file_of_its_parameters_says_so() {
    let folder = Folder::new("alone");
    let model = folder.file("scaled.gb", SCALED);
    let message = refused(&["run", &model, "-i", "x=zeros", "-d", "N=1"], 3);
    assert!(message.contains("scaled.oinf would have; there is no such file"), "{message}");
    printed(&["inspect", &model]);
}

#[test]
fn a_checkpoint_becomes_a_graph_with_its_weights_beside_it() {
    let folder = Folder::new("checkpoint");
    let graph = folder.path("stories.gb");
    printed(&["convert", "stories", &graph, "-q"]);
    let run = |model: &str| printed(&["run", model, "-i", "tokens=const:3", "-d", "T=4", "-q", "--json"]);
    assert_eq!(run(&graph), run("stories"));
    let json = folder.path("shapes.json");
    printed(&["convert", "shapes", &json, "-q"]);
    let image = "image=models/shapes/images/heart.png";
    assert_eq!(printed(&["run", &json, "-i", image]), printed(&["run", "shapes", "-i", image]));
}

#[test]
fn set_changes_a_graph_and_an_onnx_file() {
    let (folder, model) = scaled();
    let changed = folder.path("changed.gb");
    printed(&["-q", "set", &model, "n.op=abs", "-o", &changed]);
    let text = printed(&["run", &changed, "-i", "x=const:1", "-d", "N=1"]);
    assert!(text.starts_with("y: f32[1, 2] = [7.389056 2.7182817]"), "{text}");
    let onnx = folder.path("shapes.onnx");
    let listed = printed(&["inspect", "shapes", "--graph"]);
    let softmax = listed.lines().find(|line| line.contains("= softmax(")).expect("it has a softmax").trim();
    let name = softmax.split([' ', '%']).find(|part| !part.is_empty()).expect("a name");
    printed(&["-q", "set", "shapes", &format!("{name}.op=LogSoftmax"), "-o", &onnx]);
    let image = "image=models/shapes/images/heart.png";
    let run = |model: &str| {
        let document: Value = serde_json::from_str(&printed(&["run", model, "-i", image, "--json"])).expect("JSON");
        document["outputs"][0]["value"]["values"][0].as_f64().expect("a number")
    };
    assert!((run("shapes").ln() - run(&onnx)).abs() < 1e-4);
}

#[test]
fn metadata_of_packages_and_graphs_is_changed_by_its_type() {
    let (folder, model) = scaled();
    let (first, second) = (folder.path("first.oinf"), folder.path("second.oinf"));
    let weights = folder.path("scaled.oinf");
    printed(&["-q", "convert", &weights, &first, "--set", "layers:u32=4", "--set", "names:[string]=a, b"]);
    printed(&["-q", "convert", &first, &second, "--set", "layers=5"]);
    let told = printed(&["inspect", &second]);
    assert!(told.contains("layers = 5") && told.contains("names = [\"a\", \"b\"]"), "{told}");
    let graph = folder.path("named.gb");
    printed(&["-q", "convert", &model, &graph, "--set", "task=another", "--set", "author:string=me"]);
    let told = printed(&["inspect", &graph]);
    assert!(told.contains("task = another") && told.contains("author = me"), "{told}");
}

#[test]
fn a_graph_becomes_an_onnx_model_of_an_opset() {
    let (folder, model) = scaled();
    let onnx = folder.path("scaled.onnx");
    let told = printed(&["convert", &model, &onnx, "--opset", "13", "--weights", "beside"]);
    assert!(told.is_empty(), "{told}");
    let again = printed(&["run", &onnx, "-i", "x=const:1", "-d", "N=2"]);
    assert_eq!(again, printed(&["run", &model, "-i", "x=const:1", "-d", "N=2"]));
    // Changed and cut graphs too, with what they need.
    let cut = folder.path("cut.onnx");
    printed(&["extract", &model, "--to", "m", "-o", &cut]);
    assert!(printed(&["inspect", "--graph", &cut]).contains("mul(%x, %w)"));
    // From one opset to another, and with fewer nodes.
    let (older, fewer) = (folder.path("older.onnx"), folder.path("fewer.onnx"));
    printed(&["convert", "shapes", &older, "--opset", "9"]);
    let double =
        folder.file("double.gb", "graph \"d\" { input %x: f32[N] %a = neg(%x) %b = neg(%a) %c = exp(%b) output %c }");
    let told = printed(&["simplify", &double, &fewer]);
    assert!(told.contains("nodes are left of 3"), "{told}");
    let there = refused(&["simplify", &double, &fewer], 3);
    assert!(there.contains("it exists; --force replaces it"), "{there}");
}

#[test]
fn what_cannot_be_made_is_refused_with_what_to_do() {
    let (folder, model) = scaled();
    let there = folder.file("there.gb", SCALED);
    let (gb, onnx) = (folder.path("out.gb"), folder.path("out.onnx"));
    let (oinf, safetensors, text) = (folder.path("out.oinf"), folder.path("out.safetensors"), folder.path("out.txt"));
    let weights = folder.path("scaled.oinf");
    for (arguments, want) in [
        (&["extract", &model, "--from", "mm", "-o", &gb][..], "no value is named `mm`; is `m` meant?"),
        (&["extract", &model, "--from", "y", "--to", "m", "-o", &gb], "`m` can be computed without `y`"),
        (&["extract", &model, "--to", "m", "-o", &model, "--force"], "the model is read from it; name another file"),
        (&["extract", &model, "--to", "m", "-o", &there], "it exists; --force replaces it"),
        (&["extract", &model, "--to", "m", "-o", &text], "its ending, which is one of .onnx, .gb, .json"),
        (&["extract", "shapes", "--to", "nothing", "-o", &onnx], "no value is named `nothing`"),
        (&["set", &model, "nn.op=abs", "-o", &gb], "no node is named `nn`; is `n` meant?"),
        (&["set", &model, "n.op=abz", "-o", &gb], "no op is named `abz`; is `abs` meant?"),
        (&["set", &model, "n.axis=1", "-o", &gb], "neg `n` has no attribute `axis`"),
        (&["set", &model, "n", "-o", &gb], "n: a change is NODE.ATTRIBUTE=VALUE"),
        (&["set", &model, "n.op=matmul", "-o", &gb], "matmul"),
        (&["convert", &model, &onnx, "--opset", "6"], "opset 6 can't be written; the opsets are 7 to 28"),
        (&["convert", &model, &gb, "--opset", "17"], "--opset isn't for a file of this kind"),
        (&["convert", &model, &oinf, "--functions", "none"], "--functions isn't for a file of this kind"),
        (&["simplify", &model, &gb], "its ending, which is one of .onnx"),
        (&["simplify", &model, &onnx, "--opset", "29"], "opset 29 can't be written"),
        (&["convert", &model, &text], "one of .oinf, .safetensors, .gb, .json, .onnx"),
        (&["convert", &model, &gb, "--quantize", "f16"], "--quantize isn't for a file of this kind"),
        (&["convert", "shapes", &onnx, "--set", "a=b"], "--set isn't for a file of this kind"),
        (&["convert", &weights, &oinf, "--set", "a=b"], "the metadata has no `a`; to add it, say its type: a:string=…"),
        (&["convert", &weights, &oinf, "--set", "a:u8=300"], "\"300\" is no value of type u8"),
        (&["convert", &weights, &safetensors, "--set", "a:u8=3"], "the metadata of safetensors are texts only"),
        (&["convert", &weights, &oinf, "--set", "a"], "--set a: it is KEY=VALUE"),
        (&["convert", &weights, &weights, "--force"], "the model is read from it; name another file"),
        (&["convert", &model, &gb, "--set", "tisk=b"], "the graph's metadata has no `tisk` (is `task` meant?)"),
        (&["stats", &model, "-d", "M=3"], "the model has no dim M (is N meant?); it has N"),
        (&["stats", &model, "-d", "N=x"], "the size is a number"),
        (&["reduce", &model, "--until", "true", "-o", &gb], "it doesn't say where the file of a piece goes"),
        (&["reduce", &model, "--until", "true {}", "-o", &gb], "the command doesn't fail for the whole model"),
        (&["reduce", &model, "--until", "false {}", "-o", &onnx], "one of .gb"),
        (
            &["reduce", &model, "--until", "false {}", "--timeout", "0", "-o", &gb],
            "--timeout is a number of seconds above 0",
        ),
        (&["reduce", &model, "--until", "false {} {inputs}", "-o", &gb], "no value is given for x"),
        (&["reduce", &model, "--until", "sleep 60 # {}", "--timeout", "0.2", "-o", &gb], "it didn't end within 200ms"),
    ] {
        let message = refused(arguments, 3);
        assert!(message.contains(want), "{arguments:?}: {message}");
        for path in [&gb, &onnx, &oinf, &safetensors, &text] {
            assert!(!Path::new(path).exists(), "{arguments:?} left {path}");
        }
    }
}

#[test]
fn what_is_reduced_is_the_node_that_fails() {
    let folder = Folder::new("reduce");
    let model = folder.file(
        "nan.gb",
        "graph \"g\" { input %x: f32[N, T] %k = constant() {value = f32[] 3} %a = mul(%x, %k) %b = neg(%a) %c = log(%b)
           %d = add(%c, %a) %e = exp(%d) output %e, %a }",
    );
    let piece = folder.path("piece.gb");
    let binary = env!("CARGO_BIN_EXE_glassbox");
    let until = format!("! {binary} -q run {{}} -i {{inputs}} --json | grep -q NaN");
    let reduce = ["reduce", &model, "-i", "x=const:2", "-d", "N=6", "-d", "T=9", "--until", &until, "-o", &piece];
    let output = glassbox(&reduce);
    let told = stderr(&output);
    assert!(output.status.success() && told.contains("1 of 5 nodes are left"), "{told}");
    assert!(told.contains("N is 1, and was 6") && told.contains("T is 1, and was 9"), "{told}");
    let text = std::fs::read_to_string(&piece).expect("the piece");
    assert_eq!(text, "graph \"g\" {\n  input %b: f32[N, T]\n  %c = log(%b) : f32[N, T]\n  output %c\n}\n");
    let inputs = folder.path("piece.npz");
    let run = printed(&["run", &piece, "-i", &inputs]);
    assert!(run.starts_with("c: f32[1, 1] = [NaN]"), "{run}");
}

#[test]
fn nodes_that_fail_together_stay_together() {
    let folder = Folder::new("together");
    let nodes: String = (1..30).map(|i| format!("%v{i} = neg(%v{})\n", i - 1)).collect();
    let model = folder.file("chain.gb", &format!("graph \"g\" {{ input %v0: f32[2]\n{nodes} output %v29 }}"));
    let piece = folder.path("piece.gb");
    // It fails where both are there, which no run of the model is short for.
    let until = "! (grep -q '%v7 = ' {} && grep -q '%v22 = ' {})";
    let output = glassbox(&["reduce", &model, "--until", until, "-o", &piece]);
    assert!(stderr(&output).contains("2 of 29 nodes are left"), "{}", stderr(&output));
    let text = std::fs::read_to_string(&piece).expect("the piece");
    assert!(text.contains("%v7 = neg(%v6)") && text.contains("%v22 = neg(%v21)"), "{text}");
    assert!(!Path::new(&folder.path("piece.npz")).exists(), "no inputs were asked for");
}

#[test]
fn a_model_that_cannot_be_imported_is_reduced_too() {
    let Some((whole, _)) = peer("resnet50") else {
        println!("skipped: no peer model resnet50; scripts/setup.py makes it");
        return;
    };
    let folder = Folder::new("unknown");
    let (broken, piece) = (folder.path("broken.onnx"), folder.path("piece.onnx"));
    printed(&["-q", "set", &whole, "resnet50/Relu_6.op=Mystery", "-o", &broken, "--force"]);
    let until = format!("! {} -q inspect {{}} 2>&1 | grep -q Mystery", env!("CARGO_BIN_EXE_glassbox"));
    let output = glassbox(&["reduce", &broken, "--until", &until, "-o", &piece]);
    let told = stderr(&output);
    // Its operand can't be an input without a type, which the file doesn't say and nothing can infer; what gives it stays.
    assert!(output.status.success(), "{told}");
    let left = told.split(' ').next().and_then(|count| count.parse::<usize>().ok()).expect("a count");
    assert!(left < 8, "{told}");
}

#[test]
fn an_interrupt_leaves_the_best_so_far() {
    let (folder, model) = scaled();
    let (piece, temporary) = (folder.path("piece.gb"), folder.path("tmp"));
    std::fs::create_dir(&temporary).expect("a folder");
    // The whole model fails at once; pieces of it take their time.
    let until = "grep -q 'exp(' {} && exit 1; sleep 60";
    let mut reduce = command(&["reduce", &model, "--until", until, "-o", &piece]);
    let child =
        reduce.env("TMPDIR", &temporary).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let id = child.id().to_string();
    let asked = Instant::now();
    std::thread::sleep(Duration::from_millis(1500));
    Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status().expect("a shell");
    let output = child.wait_with_output().expect("it ends");
    let told = stderr(&output);
    assert!(output.status.success() && told.contains("stopped: "), "{}{told}", stdout(&output));
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());
    assert!(std::fs::read_to_string(&piece).expect("the piece").contains("exp("));
    assert_eq!(std::fs::read_dir(&temporary).expect("the folder").count(), 0, "nothing is left behind");
}

#[test]
fn stats_are_those_that_are_known() {
    let Some((whole, _)) = peer("resnet50") else {
        println!("skipped: no peer model resnet50; scripts/setup.py makes it");
        return;
    };
    let stats: Value = serde_json::from_str(&printed(&["stats", &whole, "--json"])).expect("JSON");
    // The published figure of ResNet-50 at 224x224 is 4.09 G multiply-adds, with 25.56 M parameters and the running means
    // and variances of its 53 normalisations.
    let macs = stats["total"]["multiply_adds"].as_i64().expect("a number");
    assert_eq!(macs / 10_000_000, 408, "{macs}");
    let parameters = stats["total"]["parameters"].as_i64().expect("a number");
    assert_eq!(parameters - 25_557_032, 2 * 26_560, "{parameters}");
    let text = printed(&["stats", &whole, "--depth", "1"]);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for layer in ["conv1", "layer1", "layer4", "fc", "total"] {
        assert!(text.lines().any(|line| line.split(' ').next() == Some(layer)), "{layer}: {text}");
    }
}

#[test]
fn stats_fit_the_width() {
    for width in [40, 60, 80] {
        let output = command(&["stats", "shapes"]).env("COLUMNS", width.to_string()).output().expect("it starts");
        let text = stdout(&output);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= width), "{width}: {text}");
        assert_eq!(text.contains("there is no room for"), width < 80, "{width}: {text}");
        assert!(text.contains("params") && text.contains("flops"), "{width}: {text}");
    }
}

#[test]
fn stats_are_formulas_until_the_sizes_are_known() {
    let (_folder, model) = scaled();
    let stats = |dims: &[&str]| -> Value {
        let arguments = [&["stats", &model, "--json"], dims].concat();
        serde_json::from_str(&printed(&arguments)).expect("JSON")
    };
    let formulas = stats(&[]);
    assert_eq!((&formulas["total"]["flops"], &formulas["peak_bytes"]), (&"6*N".into(), &Value::Null));
    let numbers = stats(&["-d", "N=5"]);
    assert_eq!((&numbers["total"]["flops"], &numbers["total"]["parameters"]), (&30.into(), &2.into()));
    // The input, and two values of the chain.
    assert_eq!(numbers["peak_bytes"], 3 * 5 * 2 * 4);
    let text = printed(&["stats", &model]);
    assert!(text.contains("6*N") && text.contains("? of values at one time"), "{text}");
    // The states of a checkpoint have sizes that no input says.
    let text = printed(&["stats", "stories", "-d", "B=1", "-d", "T=4", "-d", "K=10"]);
    assert!(text.contains("peak") && !text.contains('?') && !text.contains('…'), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
