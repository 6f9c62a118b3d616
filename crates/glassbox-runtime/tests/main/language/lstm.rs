//! An LSTM cell, step by step, held against the op `lstm` over the whole sequence.

use glassbox_exec::{Options, RunContext};
use glassbox_ir::text::{ParseOptions, parse};
use glassbox_runtime::dsl::Program;
use glassbox_runtime::{ModelPackage, ModelParts, Random, graph};
use glassbox_weights::Metadata;

use super::{executor, same_bits};

/// The gates lie side by side in the order of ONNX: input, output, forget, candidate.
fn cell() -> Program {
    graph! {
        dynamic { x: f32[B, D]; }
        constant { w: f32[1, 4 * H, D]; r: f32[1, 4 * H, H]; b: f32[1, 8 * H]; }
        persistent { h: f32[B, H]; c: f32[B, H]; }
        block entry {
            assign w_columns: f32[D, 4 * H];
            assign r_columns: f32[H, 4 * H];
            assign bias: f32[8 * H];
            assign w_bias: f32[4 * H];
            assign r_bias: f32[4 * H];
            assign w_rows: f32[4 * H, D];
            assign r_rows: f32[4 * H, H];
            op squeeze(w, [0]) >> w_rows;
            op transpose(w_rows, perm=[1, 0]) >> w_columns;
            op squeeze(r, [0]) >> r_rows;
            op transpose(r_rows, perm=[1, 0]) >> r_columns;
            op squeeze(b, [0]) >> bias;
            op split(bias) >> w_bias, r_bias;

            assign gates: f32[B, 4 * H];
            assign recurrence: f32[B, 4 * H];
            op matmul(x, w_columns) >> gates;
            op add(gates, w_bias) >> gates;
            op matmul(h, r_columns) >> recurrence;
            op add(recurrence, r_bias) >> recurrence;
            op add(gates, recurrence) >> gates;

            assign i: f32[B, H];
            assign o: f32[B, H];
            assign f: f32[B, H];
            assign g: f32[B, H];
            op split(gates, axis=1) >> i, o, f, g;
            op sigmoid(i) >> i;
            op sigmoid(f) >> f;
            op tanh(g) >> g;
            op sigmoid(o) >> o;

            assign kept: f32[B, H];
            assign new: f32[B, H];
            op mul(f, c) >> kept;
            op mul(i, g) >> new;
            op add(kept, new) >> kept;
            cache.write kept >> c;
            op tanh(kept) >> new;
            op mul(o, new) >> new;
            cache.write new >> h;
        }
    }
}

/// The op, over a whole sequence.
const LAYER: &str = r#"graph "layer" {
  input %x: f32[T, 2, 3]
  input %w: f32[1, 20, 3]
  input %r: f32[1, 20, 5]
  input %b: f32[1, 40]
  %y, %y_h, %y_c = lstm(%x, %w, %r, %b) : f32[T, 1, 2, 5], f32[1, 2, 5], f32[1, 2, 5]
  output %y, %y_h, %y_c
}"#;

#[test]
fn a_cell_step_by_step_gives_the_bits_of_a_layer() {
    let random = |seed, dims: &[usize]| Random::<f32>::generate_with_seed(seed, (-1.5, 1.5), dims).unwrap();
    let (w, r, b) = (random(1, &[1, 20, 3]), random(2, &[1, 20, 5]), random(3, &[1, 40]));
    let steps = 6;
    let x = random(4, &[steps, 2, 3]);

    let layer = parse(LAYER, &ParseOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut session = glassbox_backends::testing::session(layer, &Options::default()).unwrap();
    let operands = [&x, &w, &r, &b].map(|tensor| tensor.clone().into());
    let wanted: Vec<Vec<f32>> = session
        .run(&operands, RunContext::new())
        .unwrap()
        .iter()
        .map(|value| value.as_tensor().unwrap().to_vec().unwrap())
        .collect();
    assert!(wanted[0].iter().any(|value| value.abs() > 0.3), "the gates are open");

    let tensors = [("w", w), ("r", r), ("b", b)].map(|(name, tensor)| (name.to_owned(), tensor)).to_vec();
    let parts = ModelParts { tensors, sizes: vec![("B".to_owned(), 2)], metadata: Metadata::default() };
    let mut run = executor(&ModelPackage::of("a cell", parts).unwrap(), &cell());
    for (step, (x, y)) in x.to_vec::<f32>().unwrap().chunks(6).zip(wanted[0].chunks(10)).enumerate() {
        run.insert("x", x).unwrap();
        run.run_step().unwrap_or_else(|error| panic!("{error}"));
        same_bits(&run.fetch::<Vec<f32>>("h").unwrap(), y, &format!("step {step}"));
    }
    same_bits(&run.fetch::<Vec<f32>>("h").unwrap(), &wanted[1], "the last h");
    same_bits(&run.fetch::<Vec<f32>>("c").unwrap(), &wanted[2], "the last c");
}
