//! What runs and rewrites graphs: backends by name, the compiler's passes, the limit on memory.

use super::{Folder, SUM, command, printed, refused, stderr, stdout};

#[test]
fn every_backend_runs_by_its_name() {
    let folder = Folder::new("backends");
    let sum = folder.file("sum.gb", SUM);
    let run = |backend: &str| {
        printed(&["run", &sum, "-i", "x=const:1", "-i", "y=const:2", "-d", "N=2", "--backend", backend, "--json"])
    };
    assert!(run("reference").contains('3'), "{}", run("reference"));
    assert_eq!(run("reference"), run("toy"));
    assert_eq!(run("reference"), run("cpu"));
    let error = refused(&["run", &sum, "--backend", "toi"], 2);
    assert!(error.contains("no backend is named `toi`") && error.contains("did you mean `toy`?"), "{error}");
    let checked = printed(&[
        "-q",
        "check",
        "shapes",
        "-i",
        "image=random",
        "-d",
        "N=1",
        "--backend",
        "reference",
        "--against",
        "toy",
    ]);
    assert!(checked.contains("agrees: 29 values compared"), "{checked}");
    let error = refused(&["-q", "check", "shapes", "-i", "image=random", "-d", "N=1", "--against", "vulkan"], 3);
    assert!(error.contains("--against vulkan: there is no such file"), "{error}");
}

#[test]
fn kernels_are_shown_and_checked() {
    let folder = Folder::new("kernels");
    let text =
        "graph \"g\" { input %x: f32[4, 6] input %w: f32[6, 5] %d = matmul(%x, %w) %z = tanh(%d) %s = transpose(%z)
        output %s }";
    let (model, inputs) = (folder.file("g.gb", text), ["-i", "x=random", "-i", "w=random"]);
    let traced = printed(&[&["trace", &model, "--kernels"], &inputs[..]].concat());
    assert!(traced.contains("matmul+tanh"), "{traced}");
    let each = printed(&[&["trace", &model], &inputs[..]].concat());
    assert!(!each.contains("matmul+tanh") && each.contains("matmul "), "{each}");
    // The product is no value of its own, in what is run.
    let checked = printed(&[&["-q", "check", &model, "--against", "cpu"], &inputs[..]].concat());
    assert!(checked.contains("2 values compared") && checked.contains("1 value"), "{checked}");
    // A kernel in which NaN is born is told as one.
    let text = "graph \"g\" { input %x: f32[2] %a = sub(%x, %x) %b = div(%a, %a) %c = abs(%b) output %c }";
    let model = folder.file("nan.gb", text);
    let output = super::glassbox(&["trace", &model, "--kernels", "-i", "x=const:1"]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("sub+div+abs"), "{}", stdout(&output));
    assert!(refused(&["trace", &model, "--kernels", "--inside", "-i", "x=const:1"], 2).contains("--inside"));
}

#[test]
fn precision_is_what_was_asked_for_or_refused() {
    let folder = Folder::new("precision");
    let perplexity = |more: &[&str]| {
        let text = folder.file("text.txt", "Once upon a time there was a fox.");
        printed(&[&["perplexity", &text, "--json"][..], more].concat())
    };
    // The model's weights are of bf16: nothing is in 8 bits, and nothing changes.
    assert_eq!(perplexity(&["--precision", "int8"]), perplexity(&[]));
    let rules =
        folder.file("rules.toml", "products = 'exact'\n[[layers]]\nname = 'transformer/h.*'\nproducts = 'bf16'\n");
    assert_eq!(perplexity(&["--precision", "exact"]), perplexity(&[]));
    // Where there are no instructions for products of bf16, activations stay as they are.
    #[cfg(target_arch = "x86_64")]
    let narrows = std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let narrows = false;
    assert_eq!(perplexity(&["--precision", &rules]) != perplexity(&[]), narrows);
    let error = refused(&["generate", "x", "--precision", "int9"], 2);
    assert!(error.contains("without a file there are strict, exact, fast, bf16, int8"), "{error}");
    let error = refused(&["generate", "x", "--precision", "int8", "--backend", "reference"], 3);
    assert!(error.contains("computes what the graph says, and takes none"), "{error}");
    let error =
        refused(&["generate", "x", "-m", "models/stories-gpt2", "--weights-budget", "1MiB", "--backend", "cpu"], 3);
    assert!(error.contains("--weights-budget: the kernels of `cpu`"), "{error}");
}

#[test]
fn what_became_of_a_model_is_explained() {
    let folder = Folder::new("explain");
    let text =
        "graph \"g\" { input %x: f32[4, 6] input %w: f32[6, 5] input %n: u8[4, 5] %d = matmul(%x, %w) %z = tanh(%d)
        %t = transpose(%z) %u = transpose(%t) %c = max(%n, %n) output %u, %c }";
    let model = folder.file("g.gb", text);
    let told = printed(&["explain", &model]);
    for part in
        ["on cpu: 5 nodes", "rules applied", "1 kernel", "matmul+tanh (2 nodes)", "max `c`: tile programs have no u8"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let json: serde_json::Value = serde_json::from_str(&printed(&["explain", &model, "--json"])).expect("JSON");
    assert_eq!(json["kernels"][0]["name"], "matmul+tanh");
    assert_eq!(json["left"][0]["op"], "max");
    assert!(json["rules"].as_array().expect("a list").iter().any(|rule| rule["applied"].as_u64() > Some(0)), "{json}");
    // The result of the product has a page; the inputs and what the reference gives are as large as they are.
    assert_eq!(json["peak_bytes"], 4096 + (96 + 120 + 20) + 20);
    assert!(told.contains("4.4 kB for the values of a run"), "{told}");
    let text = "graph \"g\" { input %x: f32[N, 6] %y = tanh(%x) output %y }";
    let unknown = folder.file("unknown.gb", text);
    assert!(printed(&["explain", &unknown]).contains("give them with --dim NAME=SIZE"));
    assert!(printed(&["explain", &unknown, "--dim", "N=4"]).contains("4.2 kB for the values of a run"));
    let reference = printed(&["explain", &model, "--backend", "reference"]);
    assert!(reference.contains("on reference: 5 nodes"), "{reference}");
    // Layers that are alike are told once.
    let (all, short) = (printed(&["explain", "stories", "--all"]), printed(&["explain", "stories"]));
    assert!(short.contains("and 5 like it") && !all.contains("like it"), "{short}");
    assert!(all.lines().count() > short.lines().count(), "{all}");
    let one = printed(&["explain", "stories", "--layer", "transformer/h.3/mlp"]);
    assert!(one.contains("transformer/h.3/mlp/c_fc") && !one.contains("h.2"), "{one}");
}

#[test]
fn compile_tells_what_each_pass_did() {
    let folder = Folder::new("compile");
    let text = "graph \"g\" { input %x: f32[2, 3] %t = transpose(%x) {perm = [1, 0]} %u = transpose(%t) {perm = [1, 0]}
        %y = tanh(%u) output %y }";
    let (model, dump, made) = (folder.file("g.gb", text), folder.path("dump"), folder.path("out.gb"));
    let told = printed(&["-q", "compile", &model, "--dump-dir", &dump, "-o", &made]);
    assert!(told.contains("simplify") && told.contains("values of the source: "), "{told}");
    let rewritten = std::fs::read_to_string(&made).expect("the graph");
    assert!(rewritten.contains("tanh") && !rewritten.contains("transpose"), "{rewritten}");
    let x = ["-q", "run", "--json", "-i", "x=random"];
    let run = |model: &str| printed(&[&x[..], &[model]].concat());
    assert_eq!(run(&model), run(&made));
    let first = std::fs::read_to_string(format!("{dump}/0-source.gb")).expect("the source");
    assert!(first.contains("transpose"), "{first}");
    let count = std::fs::read_dir(&dump).expect("the folder").count();
    assert_eq!(count, 1 + printed(&["compile", &model, "--list"]).lines().count());
    let json: serde_json::Value = serde_json::from_str(&printed(&["compile", "shapes", "--json"])).expect("JSON");
    assert!(json["stages"].as_array().is_some_and(|stages| !stages.is_empty()), "{json}");
    let none = printed(&["compile", &model, "--stop-after", "0"]);
    assert!(!none.contains("simplify"), "{none}");
    let error = refused(&["compile", &model, "--stop-after", "fuse"], 3);
    assert!(error.contains("there is no pass `fuse`; the passes are, in order: "), "{error}");
    let error = refused(&["compile", &model, "-o", &folder.path("out.onnx")], 3);
    assert!(error.contains("ends in .gb or .json"), "{error}");
}

#[test]
fn the_limit_on_memory_is_told_or_the_run_refused() {
    let folder = Folder::new("limit");
    let sum = folder.file("sum.gb", SUM);
    let run = |limit: &str| {
        let arguments = ["-q", "run", &sum, "-i", "x=zeros", "-i", "y=zeros", "-d", "N=100"];
        command(&arguments).env("GLASSBOX_MEMORY_LIMIT", limit).output().expect("it starts")
    };
    assert!(run("400").status.success(), "{}", stderr(&run("400")));
    let small = stderr(&run("399"));
    assert!(small.contains("f32[100] is larger than the limit of 399 bytes"), "{small}");
    let wrong = run("2GiB");
    assert_eq!((wrong.status.code(), stdout(&wrong)), (Some(2), String::new()));
    assert!(stderr(&wrong).contains("it must be a number of bytes"), "{}", stderr(&wrong));
}
