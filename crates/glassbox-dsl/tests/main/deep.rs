//! Programs that are deep, long or large: they work, or are refused before they take stack, time or memory.

use std::path::Path;

use glassbox_dsl::program::*;
use glassbox_dsl::{DType, Lower, NoModel, Program};
use glassbox_tensor::Tensor;

use crate::model::Model;

/// What is wrong with a text, on a stack of 1 MiB.
fn wrong(text: String) -> String {
    let check = move || match Program::parse("deep.gbp", &text) {
        Ok(program) => program.lower(&NoModel).err().map_or("nothing".to_owned(), |error| error.to_string()),
        Err(error) => error.to_string(),
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(check).unwrap().join().unwrap()
}

#[test]
fn long_expressions_are_refused() {
    for sign in ["1 + ", "2 * ", "- ", "1 - ", "a % b / "] {
        let text = format!("block entry {{ loop a (i in 0..{}1) {{}} }}", sign.repeat(100_000));
        let message = wrong(text);
        assert!(message.contains("at most 1000 operators"), "{message}");
    }
}

#[test]
fn deep_brackets_are_refused_whatever_stands_between_them() {
    // What looks like the end of a bracket, in comments and texts, is none.
    for open in ["(", "(/*)*/", "[", "min(\")\", "] {
        let message = wrong(format!("dynamic {{ x: f32[{} }}", open.repeat(100_000)));
        assert!(message.contains("isn't closed") || message.contains("still open"), "{message}");
        let close = if open.contains('[') { "]" } else { ")" };
        let text = format!("dynamic {{ x: f32[{}1{}]; }}", open.repeat(100_000), close.repeat(100_000));
        let message = wrong(text);
        assert!(message.contains("more than 100 brackets stand in each other"), "{message}");
    }
    let message = wrong(format!("block entry {}{}", "{ if c ".repeat(3000), "}".repeat(3000)));
    assert!(message.contains("more than 100 brackets"), "{message}");
}

#[test]
fn chains_of_else_if_are_refused() {
    let text = format!("dynamic {{ c: bool; }} block entry {{ {} {{}} }}", "if c {} else ".repeat(50_000));
    assert_eq!(wrong(text), "deep.gbp:1: more than 100 statements stand in each other here");
}

#[test]
fn calls_that_double_are_refused() {
    let mut text = String::from("dynamic { x: f32; } block entry { branch b0; }\n");
    for level in 0..40 {
        text += &format!("block b{level} {{ branch b{0}; branch b{0}; }}\n", level + 1);
    }
    text += "block b40 { barrier; }\n";
    let message = wrong(text);
    assert!(message.contains("the step has more than 1000000 statements"), "{message}");
}

#[test]
fn long_chains_of_calls_are_refused() {
    // Before anything recurs as deep as there are blocks, in whatever order they stand.
    for turned in [false, true] {
        let mut blocks: Vec<String> = (0..9000).map(|n| format!("block b{n} {{ branch b{}; }}\n", n + 1)).collect();
        blocks.push("block b9000 {}\nblock entry { branch b0; }\n".to_owned());
        if turned {
            blocks.reverse();
        }
        assert!(wrong(blocks.concat()).contains("more than 65 deep"));
    }
    let many = (0..10_001).map(|n| format!("block b{n} {{}}\n")).collect::<String>();
    assert!(wrong(many).contains("there may be 10000"));
}

#[test]
fn what_is_as_deep_as_may_be_runs() {
    // Loops in each other in blocks that call each other: as deep as there may be.
    let mut text = String::from("dynamic { x: i64; }\nblock entry { branch b0; }\n");
    for block in 0..4 {
        text += &format!("block b{block} {{ ");
        for level in 0..15 {
            text += &format!("loop l{level} (i{block}_{level} in 0..1) {{ ");
        }
        text += &if block == 3 { "op add(x, 1) >> x;".to_owned() } else { format!("branch b{};", block + 1) };
        text += &"}".repeat(16);
    }
    let program = Program::parse("deep.gbp", &text).unwrap();
    let mut run = Model::new().session(&program);
    assert_eq!(run.step(&[Tensor::scalar(5i64)])["x"].item::<i64>().unwrap(), 6);
}

#[test]
fn many_statements_are_lowered_soon() {
    let text = format!("dynamic {{ x: i64; }} block entry {{ {} }}", "op add(x, 1) >> x;\n".repeat(20_000));
    let program = Program::parse("deep.gbp", &text).unwrap();
    let start = std::time::Instant::now();
    program.lower(&NoModel).unwrap();
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn deep_expressions_that_were_made_by_hand_are_refused() {
    let mut expr = IntExpr::from(1);
    for _ in 0..3000 {
        expr = IntExpr::binary(Binary::Add, expr, 1);
    }
    let program = Program::new("hand")
        .declare(Declaration::new(Memory::Dynamic, "x", Ty::new(DType::F32, [expr])))
        .block(Block::new("entry"));
    let message = program.lower(&NoModel).unwrap_err().to_string();
    assert!(message.contains("a dim of `x` has more than 1000 operators"), "{message}");
}

#[test]
fn no_finding_of_the_fuzzer_comes_back() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    assert!(fuzz.join("fuzz_targets/program_parse.rs").is_file());
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut seen = 0;
    // What starts the fuzzer is replayed, too.
    let folders = [fuzz.join("regressions/program_parse"), here.join("programs"), here.join("wrong")];
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries {
            glassbox_dsl::fuzzing::program_parse(&std::fs::read(entry.unwrap().path()).unwrap());
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}
