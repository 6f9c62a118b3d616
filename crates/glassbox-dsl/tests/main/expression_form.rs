//! The expression form.

use glassbox_macros::graph;
use glassbox_tensor::{DType, Overflow, Tensor};

use crate::model::{Model, f32s};

fn f16(tensor: Tensor) -> Tensor {
    tensor.cast(DType::F16, Overflow::Wrap).unwrap()
}

#[test]
fn tokens_become_logits() {
    let model = Model::new()
        .param("tok_embeddings", f32s(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        .param("lm_head", f16(f32s(&[2, 2], &[1.0, 0.0, 1.0, -1.0])));
    let (g, logits) = graph! {
        model: model,

        inputs: {
            tok: i32[B],
        },

        let x = gather(model["tok_embeddings"], tok) |> cast(f16);
        let logits = matmul(x, model["lm_head"]);

        output logits;
    };
    assert_eq!(logits.name(), "logits");
    let out = model.session(&g).step(&[Tensor::from_vec(&[1], vec![2i32]).unwrap()]);
    assert_eq!(out["logits"].cast(DType::F32, Overflow::Wrap).unwrap().to_vec::<f32>().unwrap(), [11.0, -6.0]);
}

#[test]
fn a_loop_over_layers_keeps_keys_and_values() {
    let n_layers: usize = 2;
    let ctx_len: usize = 4;
    let weight = |scale: f32| f16(f32s(&[2, 2], &[scale, 0.0, 0.0, scale]));
    let mut model = Model::new()
        .param("tok_embeddings", f32s(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        .param("lm_head", weight(1.0))
        .with_metadata("ctx_len", 4i64);
    for l in 0..n_layers {
        for (name, scale) in [("Wq", 0.5), ("Wk", 0.25), ("Wv", 1.0), ("Wo", 2.0)] {
            model = model.param(&format!("{name}.{l}"), weight(scale));
        }
    }
    let (g, logits) = graph! {
        model: model,

        inputs: {
            tok:  i32[B],
            step: i32[],
            mask: u8[B, 1, 1, ctx_len],
        },

        state: {
            kv: kv_cache(f16, layers=n_layers, cap=ctx_len),
        },

        let x = gather(model["tok_embeddings"], tok) |> cast(f16);

        let x = for l in 0..n_layers {
            let q = matmul(x, model[format!("Wq.{l}")]);
            let k = matmul(x, model[format!("Wk.{l}")]);
            let v = matmul(x, model[format!("Wv.{l}")]);

            kv_write(kv, layer=l, step=step, k=k, v=v);
            let (k_all, v_all) = kv_read(kv, layer=l, step=step);

            let a = sdpa(q, k_all, v_all, mask) @ { fuse: true };
            let y = matmul(a, model[format!("Wo.{l}")]);

            x = x + y;
        };

        let logits = matmul(x, model["lm_head"]);
        output logits;
    };
    assert_eq!(logits.name(), "logits");
    let mut run = model.session(&g);
    assert!(run.text.contains("@{fuse = true}"), "{}", run.text);
    let mask = |n: usize| Tensor::from_vec(&[1, 1, 1, 4], (0..4).map(|i| u8::from(i < n)).collect::<Vec<_>>()).unwrap();
    let tok = |t: i32| Tensor::from_vec(&[1], vec![t]).unwrap();
    let out = run.step(&[tok(0), Tensor::scalar(0i32), mask(1)]);
    // One key: attention gives v = x; x + 2x, twice.
    assert_eq!(out["logits"].cast(DType::F32, Overflow::Wrap).unwrap().to_vec::<f32>().unwrap(), [9.0, 18.0]);
    run.step(&[tok(1), Tensor::scalar(1i32), mask(2)]);
    assert_eq!(run.state("kv.0.k").shape(), [1, 2, 2]);
    let error = run.try_step(&[tok(1), Tensor::scalar(4i32), mask(4)]).unwrap_err();
    assert!(error.contains("kv.0.k"), "{error}");
}

#[test]
fn values_of_the_graph_bound_loops_and_decide() {
    let scale = 3.0f32;
    let (g, y, big) = graph! {
        inputs: { x: f32[N], n: i64[] },
        let y = for i in 0..n {
            let turn = cast(i, f32);
            x = x * scale + turn;
        };
        let big = if reduce_max(y, keepdims=false) > 100.0 { 1.0 - y } else { y @ { keep: "yes" } };
        output y, big;
    };
    assert_eq!((y.name(), big.name()), ("y", "big"));
    let mut run = Model::new().session(&g);
    let out = run.step(&[f32s(&[2], &[1.0, 2.0]), Tensor::scalar(2i64)]);
    assert_eq!(out["y"].to_vec::<f32>().unwrap(), [10.0, 19.0]);
    assert_eq!(out["big"].to_vec::<f32>().unwrap(), [10.0, 19.0]);
    let out = run.step(&[f32s(&[2], &[1.0, 50.0]), Tensor::scalar(1i64)]);
    assert_eq!(out["big"].to_vec::<f32>().unwrap(), [-2.0, -149.0]);
}

#[test]
fn mistakes_are_told_with_their_line() {
    let model = Model::new().param("embeddings", f32s(&[1, 1], &[1.0]));
    let (g, _) = graph! {
        model: model,
        inputs: { x: f32[2] },
        let y = x + model["embedings"];
        output y;
    };
    let error = g.graph().err().unwrap().to_string();
    assert!(error.contains("expression_form.rs:") && error.contains("did you mean \"embeddings\""), "{error}");
}
