//! The block form.

use glassbox_dsl::Program;
use glassbox_macros::graph;
use glassbox_tensor::Tensor;

use crate::model::{Model, f32s, i64s};

fn parse(text: &str) -> Program {
    Program::parse("test.gbp", text).unwrap_or_else(|error| panic!("{error}"))
}

/// The program of the design.
fn design() -> Program {
    graph! {
        dynamic { x: f32[B, D]; }
        volatile { W(l): f32[D, D] @pattern("W.{l}"); }
        constant { alpha: f32 @ref("alpha"); num_layers: u32; }
        persistent { step: i32 @init(0); K(l, t): f16[H, Dh] @table; }
        block entry {
            assign h: f32[B, D];
            assign cond: bool[];
            op matmul(x, W[0]) >> h;
            op relu(h, negative_slope=0.01, clamp_max=6.0) >> h;
            loop layers (l in 0..num_layers) { op matmul(h, W[l]) >> h; }
            op is_finite(h) >> cond;
            branch cond ok bad;
            cache.increment step;
            return;
        }
        block ok { op add(h, alpha) >> h; yield h; }
        block bad { op fill(h, value=0.0) >> h; return; }
    }
}

fn design_model() -> Model {
    Model::new()
        .param("W.0", f32s(&[2, 2], &[1.0, -2.0, 0.5, 3.0]))
        .param("W.1", f32s(&[2, 2], &[2.0, 0.0, 0.0, -1.0]))
        .with_metadata("alpha", 0.25)
        .with_metadata("num_layers", 2i64)
        .with_size("H", 2)
        .with_size("Dh", 3)
}

#[test]
fn the_program_of_the_design_runs() {
    let mut run = design_model().session(&design());
    let out = run.step(&[f32s(&[1, 2], &[1.0, 2.0])]);
    // x W0 = [2, 4]; relu the same; times W0 = [4, 8]; times W1 = [8, -8]; plus 0.25.
    assert_eq!(out["h"].to_vec::<f32>().unwrap(), [8.25, -7.75], "{}", run.text);
    assert_eq!(run.state("step").item::<i64>().unwrap(), 1);
    let out = run.step(&[f32s(&[2, 2], &[f32::INFINITY, 2.0, 0.0, 0.0])]);
    assert_eq!(out["h"].to_vec::<f32>().unwrap(), [0.0; 4]);
    assert_eq!(run.state("step").item::<i64>().unwrap(), 2);
}

#[test]
fn macro_text_and_builder_make_the_same_program() {
    let text = r#"
        dynamic { x: f32[B]; }
        block entry { assign y: f32[B]; op relu(x, clamp_max=inf) >> y @ { fuse: true }; }
    "#;
    let written = graph! {
        dynamic { x: f32[B]; }
        block entry { assign y: f32[B]; op relu(x, clamp_max=inf) >> y @ { fuse: true }; }
    };
    use glassbox_dsl::program::*;
    let ty = || Ty::new(glassbox_dsl::DType::F32, [IntExpr::from("B")]);
    let relu =
        Op::new("relu").operand("x").named("clamp_max", Literal::Float(f64::INFINITY)).to("y").hint("fuse", true);
    let built = Program::new("")
        .declare(Declaration::new(Memory::Dynamic, "x", ty()))
        .block(Block::new("entry").then(0, StatementKind::Assign("y".into(), ty())).then(0, relu));
    let parsed = parse(text);
    assert_eq!((&parsed.declarations, &parsed.blocks), (&written.declarations, &written.blocks));
    assert_eq!((&parsed.declarations, &parsed.blocks), (&built.declarations, &built.blocks));
}

#[test]
fn tables_grow_and_are_read_by_slices() {
    let program = parse(
        "dynamic { v: i32[2]; t: i64; }
         persistent { K(t): i32[2] @table @init(7); }
         block entry {
            assign all: i32[t + 1, 2];
            assign last: i32[2];
            cache.write v >> K[t];
            cache.read K[-1] >> last;
         }",
    );
    // `t` is dynamic, so it can't stand in a dim.
    let error = Model::new().try_session(&program).err().unwrap();
    assert!(error.contains("`t` can't stand in a dim"), "{error}");
    let program = parse(
        "dynamic { v: i32[2]; t: i64; }
         persistent { K(t): i32[2] @table @init(7); }
         block entry {
            assign last: i32[2];
            assign two: i32[2, 2];
            cache.write v >> K[t];
            cache.read K[-1] >> last;
            cache.read K[t-1..] >> two;
         }",
    );
    let mut run = Model::new().session(&program);
    let i32s = |values: &[i32]| Tensor::from_vec(&[values.len()], values.to_vec()).unwrap();
    let out = run.step(&[i32s(&[1, 2]), Tensor::scalar(2i64)]);
    assert_eq!(out["last"].to_vec::<i32>().unwrap(), [1, 2]);
    assert_eq!(out["two"].to_vec::<i32>().unwrap(), [7, 7, 1, 2]);
    assert_eq!(run.state("K").shape(), [3, 2]);
    let error = run.try_step(&[i32s(&[1, 2]), Tensor::scalar(-9i64)]).unwrap_err();
    assert!(error.contains("`K` holds 3"), "{error}");
    assert_eq!(run.state("K").to_vec::<i32>().unwrap(), [7, 7, 7, 7, 1, 2]);
}

#[test]
fn matrices_grow_by_their_counts() {
    let program = parse(
        "persistent { rows: i32 @init(0); M(r, c): f32[2, 1] @auto_dim(r, c) @fixed(r=3) @init(0.5); }
         block entry {
            assign m: f32[rows0, 1];
            cache.increment 1 rows;
         }",
    );
    assert!(Model::new().try_session(&program).err().unwrap().contains("nothing says the size `rows0`"));
    let program = parse(
        "dynamic { x: f32[R, 1]; }
         persistent { rows: i32 @init(0); M(r, c): f32[2, 1] @auto_dim(r, c) @fixed(r=3) @init(0.5); }
         block entry {
            assign m: f32[R, 1];
            cache.increment rows;
            cache.read M[rows, 0] >> m;
            op add(m, x) >> m;
            cache.write m >> M[];
         }",
    );
    let mut run = Model::new().session(&program);
    let out = run.step(&[f32s(&[3, 1], &[1.0, 2.0, 3.0])]);
    assert_eq!(out["m"].to_vec::<f32>().unwrap(), [1.5, 2.5, 3.5]);
    run.step(&[f32s(&[4, 1], &[0.0; 4])]);
    assert_eq!(run.state("M").to_vec::<f32>().unwrap(), [1.5, 2.5, 3.5, 0.5]);
    run.step(&[f32s(&[5, 1], &[0.0; 5])]);
    let error = run.try_step(&[f32s(&[6, 1], &[0.0; 6])]).unwrap_err();
    assert!(error.contains('M') && error.contains('5'), "{error}");
    assert_eq!(run.state("rows").item::<i64>().unwrap(), 3);
}

#[test]
fn return_leaves_loops_and_ifs() {
    let program = parse(
        "dynamic { n: i64; stop: i64; }
         block entry {
            assign sum: i64;
            assign hit: bool;
            transfer 0 >> sum;
            transfer false >> hit;
            branch work;
            op add(sum, 1000) >> sum;
         }
         block work {
            loop outer (i in 0..n) {
                loop inner (j in i..n) {
                    op equal(j, stop) >> hit;
                    if hit { return; }
                    op add(sum, j) >> sum;
                }
                op add(sum, 100) >> sum;
            }
            op add(sum, 10000) >> sum;
         }",
    );
    let expected = |n: i64, stop: i64| {
        let mut sum = 0;
        'work: {
            for i in 0..n {
                for j in i..n {
                    if j == stop {
                        break 'work;
                    }
                    sum += j;
                }
                sum += 100;
            }
            sum += 10000;
        }
        sum + 1000
    };
    let mut run = Model::new().session(&program);
    for (n, stop) in [(0, 0), (1, 0), (3, 9), (3, 1), (4, 3), (5, -1)] {
        let out = run.step(&[Tensor::scalar(n), Tensor::scalar(stop)]);
        assert_eq!(out["sum"].item::<i64>().unwrap(), expected(n, stop), "n {n} stop {stop}");
    }
}

#[test]
fn blocks_beside_work_on_snapshots() {
    let program = parse(
        "dynamic { x: i64[2]; }
         block entry {
            assign a: i64[2];
            assign b: i64[2];
            op add(x, 1) >> a;
            yield a;
            op mul(x, 10) >> b;
            await a, c;
            op add(a, b) >> b;
         }
         block doubles { await a; op mul(a, 2) >> a; yield a; }
         block reads {
            assign c: i64[2];
            await a;
            op sub(a, x) >> c;
            op fill(x, value=0.0) >> x;
            yield c; yield a;
         }",
    );
    let mut run = Model::new().session(&program);
    let out = run.step(&[i64s(&[2], &[3, 5])]);
    assert_eq!(out["a"].to_vec::<i64>().unwrap(), [8, 12]);
    assert_eq!(out["c"].to_vec::<i64>().unwrap(), [1, 1]);
    assert_eq!(out["b"].to_vec::<i64>().unwrap(), [38, 62]);
    assert!(!out.contains_key("x") || out["x"].to_vec::<i64>().unwrap() == [3, 5]);
}

#[test]
fn free_sizes_are_checked_in_the_step() {
    let program = parse(
        "dynamic { x: f32[N]; k: i64[1]; }
         block entry {
            assign y: f32[N];
            assign top: f32[N];
            assign at: i64[N];
            op top_k(x, k) >> top, at;
            op cast(at, f32) >> y;
         }",
    );
    let mut run = Model::new().session(&program);
    let out = run.step(&[f32s(&[3], &[1.0, 3.0, 2.0]), i64s(&[1], &[3])]);
    assert_eq!(out["y"].to_vec::<f32>().unwrap(), [1.0, 2.0, 0.0]);
    let error = run.try_step(&[f32s(&[3], &[1.0, 3.0, 2.0]), i64s(&[1], &[2])]).unwrap_err();
    assert!(error.contains("test.gbp:6, block entry"), "{error}");
}

#[test]
fn lists_hold_integer_expressions() {
    let program = parse(
        "dynamic { x: f32[B, 6]; n: i64; }
         constant { axes: i64[2]; }
         block entry {
            assign pairs: f32[B * 3, 2];
            assign row: f32[1, 6];
            assign at: i32[3];
            op reshape(x, [B * 3, 6 / 3]) >> pairs;
            op gather(x, [n - 1]) >> row;
            op cast([n, B, 7], i32) >> at;
         }",
    );
    let mut run = Model::new().with_metadata("axes", vec![0i64, 1]).session(&program);
    let x: Vec<f32> = (0..12).map(|value| value as f32).collect();
    let out = run.step(&[f32s(&[2, 6], &x), Tensor::scalar(2i64)]);
    assert_eq!(out["pairs"].shape(), [6, 2]);
    assert_eq!(out["row"].to_vec::<f32>().unwrap(), x[6..]);
    assert_eq!(out["at"].to_vec::<i32>().unwrap(), [2, 2, 7]);
    // Attributes are known before a step, so they take sizes only.
    let transposed = |axis: &str| {
        parse(&format!(
            "dynamic {{ x: f32[2, 3]; n: i64; }}
             block entry {{ assign y: f32[3, 2]; op transpose(x, perm=[{axis}, 0]) >> y; }}"
        ))
    };
    let model = Model::new().with_size("one", 1);
    let out = model.session(&transposed("one")).step(&[f32s(&[2, 3], &x[..6]), Tensor::scalar(0i64)]);
    assert_eq!(out["y"].to_vec::<f32>().unwrap(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    let error = model.try_session(&transposed("n")).err().unwrap();
    assert!(error.contains("`n` can't stand in a dim"), "{error}");
    let error = Program::parse("test.gbp", "block entry { op reshape(x, [n + 1, 2.0]) >> y; }").unwrap_err();
    assert!(error.to_string().contains("either of literals or of integer expressions"), "{error}");
    let error = model.try_session(&parse(
        "dynamic { x: f32[2]; n: i64; } block entry { assign y: f32[2]; op add(x, [n + 1, n]) >> y; }",
    ));
    let error = error.err().unwrap();
    assert!(error.contains("stands where f32 is wanted"), "{error}");
}

#[test]
fn an_extent_may_be_left_open() {
    let program = parse(
        "dynamic { v: i32[2]; }
         persistent { n: i64; K(t): i32[2] @table; }
         block entry {
            assign all: i32[?, 2];
            assign column: i32[?];
            cache.write v >> K[n];
            cache.read K[] >> all;
            op reduce_sum(all, [-1], keepdims=false) >> column;
            cache.increment n;
         }",
    );
    let mut run = Model::new().session(&program);
    let v = |a: i32, b: i32| Tensor::from_vec(&[2], vec![a, b]).unwrap();
    assert_eq!(run.step(&[v(1, 2)])["column"].to_vec::<i32>().unwrap(), [3]);
    assert_eq!(run.step(&[v(5, 6)])["all"].to_vec::<i32>().unwrap(), [1, 2, 5, 6]);
    // The other dims are checked all the same: here when the program is lowered, there in the step.
    let wrong = |ty: &str| {
        parse(&format!(
            "persistent {{ K(t, u): i32 @table; }}
             block entry {{ assign all: {ty}; cache.write 4 >> K[1, 1]; cache.read K[] >> all; }}"
        ))
    };
    let error = Model::new().try_session(&wrong("i32[?]")).err().unwrap();
    assert!(error.contains("`all` is declared i32[?]"), "{error}");
    let error = Model::new().session(&wrong("i32[?, 3]")).try_step(&[]).unwrap_err();
    assert!(error.contains('3') && error.contains("test.gbp:2"), "{error}");
    assert!(Model::new().session(&wrong("i32[?, 2]")).try_step(&[]).is_ok());
    let error = Model::new().try_session(&parse("dynamic { x: f32[?]; } block entry { }")).err().unwrap();
    assert!(error.contains("stands only in what `assign` declares"), "{error}");
}
