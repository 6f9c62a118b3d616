//! One step of RWKV-7: one token in, a matrix for each head changed, logits out.

use glassbox_runtime::dsl::{ModelSource, Program};
use glassbox_runtime::{ModelPackage, ModelParts, graph};
use glassbox_tensor::{DType, Tensor};
use glassbox_weights::Metadata;

use super::{check_tokens, executor, package};

/// The parameters of the model, and of the first layer those that it doesn't use, which checkpoints may leave out: the
/// layers of a table of parameters are counted from 0.
fn with_unused(model: &ModelPackage) -> ModelPackage {
    let params = model.params();
    let load = |name: &str| params.load(name).unwrap_or_else(|error| panic!("{error}"));
    let mut tensors: Vec<(String, Tensor)> =
        params.params().iter().map(|info| (info.name.clone(), load(&info.name))).collect();
    for name in ["v0", "v1", "v2"] {
        let unused = Tensor::zeros(DType::BF16, load(&format!("blocks.1.att.{name}")).shape()).unwrap();
        tensors.push((format!("blocks.0.att.{name}"), unused));
    }
    assert!(ModelSource::size(model, "H").is_none(), "the package says no sizes");
    let sizes = [("H", 4), ("N", 32), ("L", 6)].map(|(name, size)| (name.to_owned(), size)).to_vec();
    ModelPackage::of("stories-rwkv7", ModelParts { tensors, sizes, metadata: Metadata::default() }).unwrap()
}

fn step() -> Program {
    graph! {
        dynamic { token: i64[1, 1]; }
        constant {
            emb: bf16[vocabulary, C] @ref("emb.weight");
            ln0_weight: bf16[C] @ref("blocks.0.ln0.weight");
            ln0_bias: bf16[C] @ref("blocks.0.ln0.bias");
            ln_out_weight: bf16[C] @ref("ln_out.weight");
            ln_out_bias: bf16[C] @ref("ln_out.bias");
            head: bf16[vocabulary, C] @ref("head.weight");
            ln1_weight(l): bf16[C] @pattern("blocks.{l}.ln1.weight");
            ln1_bias(l): bf16[C] @pattern("blocks.{l}.ln1.bias");
            ln2_weight(l): bf16[C] @pattern("blocks.{l}.ln2.weight");
            ln2_bias(l): bf16[C] @pattern("blocks.{l}.ln2.bias");
            x_r(l): bf16[1, 1, C] @pattern("blocks.{l}.att.x_r");
            x_w(l): bf16[1, 1, C] @pattern("blocks.{l}.att.x_w");
            x_k(l): bf16[1, 1, C] @pattern("blocks.{l}.att.x_k");
            x_v(l): bf16[1, 1, C] @pattern("blocks.{l}.att.x_v");
            x_a(l): bf16[1, 1, C] @pattern("blocks.{l}.att.x_a");
            x_g(l): bf16[1, 1, C] @pattern("blocks.{l}.att.x_g");
            w0(l): bf16[1, 1, C] @pattern("blocks.{l}.att.w0");
            a0(l): bf16[1, 1, C] @pattern("blocks.{l}.att.a0");
            v0(l): bf16[1, 1, C] @pattern("blocks.{l}.att.v0");
            k_k(l): bf16[1, 1, C] @pattern("blocks.{l}.att.k_k");
            k_a(l): bf16[1, 1, C] @pattern("blocks.{l}.att.k_a");
            w1(l): bf16[C, Rw] @pattern("blocks.{l}.att.w1");
            w2(l): bf16[Rw, C] @pattern("blocks.{l}.att.w2");
            a1(l): bf16[C, Ra] @pattern("blocks.{l}.att.a1");
            a2(l): bf16[Ra, C] @pattern("blocks.{l}.att.a2");
            v1(l): bf16[C, Rv] @pattern("blocks.{l}.att.v1");
            v2(l): bf16[Rv, C] @pattern("blocks.{l}.att.v2");
            g1(l): bf16[C, Rg] @pattern("blocks.{l}.att.g1");
            g2(l): bf16[Rg, C] @pattern("blocks.{l}.att.g2");
            r_k(l): bf16[H, N] @pattern("blocks.{l}.att.r_k");
            receptance(l): bf16[C, C] @pattern("blocks.{l}.att.receptance.weight");
            key(l): bf16[C, C] @pattern("blocks.{l}.att.key.weight");
            value(l): bf16[C, C] @pattern("blocks.{l}.att.value.weight");
            output(l): bf16[C, C] @pattern("blocks.{l}.att.output.weight");
            ln_x_weight(l): bf16[C] @pattern("blocks.{l}.att.ln_x.weight");
            ln_x_bias(l): bf16[C] @pattern("blocks.{l}.att.ln_x.bias");
            ffn_x_k(l): bf16[1, 1, C] @pattern("blocks.{l}.ffn.x_k");
            ffn_key(l): bf16[F, C] @pattern("blocks.{l}.ffn.key.weight");
            ffn_value(l): bf16[C, F] @pattern("blocks.{l}.ffn.value.weight");
        }
        persistent {
            // The last inputs of both halves of a layer, and a matrix for each head.
            att_x(l): f32[C] @table @fixed(l=L);
            ffn_x(l): f32[C] @table @fixed(l=L);
            att_s(l): f32[H, N, N] @table @fixed(l=L);
        }
        block entry {
            assign embedding: f32[vocabulary, C];
            assign x: f32[1, 1, C];
            assign u: f32[1, 1, C];
            assign vector: f32[1, 1, C];
            assign before: f32[1, 1, C];
            assign difference: f32[1, 1, C];
            assign mixed: f32[1, 1, C];
            assign at_v: f32[1, 1, C];
            assign v_first: f32[1, 1, C];
            assign r_row: f32[1, 1, C];
            assign k_row: f32[1, 1, C];
            assign v_row: f32[1, 1, C];
            assign decay: f32[1, 1, C];
            assign a: f32[1, 1, C];
            assign gate: f32[1, 1, C];
            assign share: f32[1, 1, C];
            assign scale: f32[C];
            assign bias: f32[C];
            assign last: f32[C];
            assign square: f32[C, C];
            op cast(emb, f32) >> embedding;
            op gather(embedding, token) >> x;
            op cast(ln0_weight, f32) >> scale;
            op cast(ln0_bias, f32) >> bias;
            op layer_normalization(x, scale, bias, epsilon=1e-5) >> x;
            // Overwritten in the first layer.
            transfer x >> v_first;
            loop layers (l in 0..L) {
                op cast(ln1_weight[l], f32) >> scale;
                op cast(ln1_bias[l], f32) >> bias;
                op layer_normalization(x, scale, bias, epsilon=1e-5) >> u;
                cache.read att_x[l] >> last;
                op reshape(last, [1, 1, C]) >> before;
                op reshape(u, [C]) >> last;
                cache.write last >> att_x[l];
                op sub(before, u) >> difference;

                op cast(x_r[l], f32) >> vector;
                op mul(difference, vector) >> mixed;
                op add(u, mixed) >> mixed;
                op cast(receptance[l], f32) >> square;
                op transpose(square, perm=[1, 0]) >> square;
                op matmul(mixed, square) >> r_row;
                op cast(x_k[l], f32) >> vector;
                op mul(difference, vector) >> mixed;
                op add(u, mixed) >> mixed;
                op cast(key[l], f32) >> square;
                op transpose(square, perm=[1, 0]) >> square;
                op matmul(mixed, square) >> k_row;
                op cast(x_v[l], f32) >> vector;
                op mul(difference, vector) >> at_v;
                op add(u, at_v) >> at_v;
                op cast(value[l], f32) >> square;
                op transpose(square, perm=[1, 0]) >> square;
                op matmul(at_v, square) >> v_row;

                // How much each channel keeps.
                op cast(x_w[l], f32) >> vector;
                op mul(difference, vector) >> mixed;
                op add(u, mixed) >> mixed;
                assign w_down: f32[C, Rw];
                assign w_up: f32[Rw, C];
                assign w_low: f32[1, 1, Rw];
                op cast(w1[l], f32) >> w_down;
                op cast(w2[l], f32) >> w_up;
                op matmul(mixed, w_down) >> w_low;
                op tanh(w_low) >> w_low;
                op matmul(w_low, w_up) >> decay;
                op cast(w0[l], f32) >> vector;
                op add(vector, decay) >> decay;
                op sigmoid(decay) >> decay;
                op mul(decay, -0.6065306597126334) >> decay;
                op exp(decay) >> decay;
                // How much of what a key finds is taken out.
                op cast(x_a[l], f32) >> vector;
                op mul(difference, vector) >> mixed;
                op add(u, mixed) >> mixed;
                assign a_down: f32[C, Ra];
                assign a_up: f32[Ra, C];
                assign a_low: f32[1, 1, Ra];
                op cast(a1[l], f32) >> a_down;
                op cast(a2[l], f32) >> a_up;
                op matmul(mixed, a_down) >> a_low;
                op matmul(a_low, a_up) >> a;
                op cast(a0[l], f32) >> vector;
                op add(vector, a) >> a;
                op sigmoid(a) >> a;
                op cast(x_g[l], f32) >> vector;
                op mul(difference, vector) >> mixed;
                op add(u, mixed) >> mixed;
                assign g_down: f32[C, Rg];
                assign g_up: f32[Rg, C];
                assign g_low: f32[1, 1, Rg];
                op cast(g1[l], f32) >> g_down;
                op cast(g2[l], f32) >> g_up;
                op matmul(mixed, g_down) >> g_low;
                op sigmoid(g_low) >> g_low;
                op matmul(g_low, g_up) >> gate;

                // From the second layer on, values are mixed with those of the first.
                assign is_first: bool;
                op equal(l, 0) >> is_first;
                if is_first {
                    transfer v_row >> v_first;
                } else {
                    assign v_down: f32[C, Rv];
                    assign v_up: f32[Rv, C];
                    assign v_low: f32[1, 1, Rv];
                    op cast(v1[l], f32) >> v_down;
                    op cast(v2[l], f32) >> v_up;
                    op matmul(at_v, v_down) >> v_low;
                    op matmul(v_low, v_up) >> share;
                    op cast(v0[l], f32) >> vector;
                    op add(vector, share) >> share;
                    op sigmoid(share) >> share;
                    op sub(v_first, v_row) >> before;
                    op mul(before, share) >> share;
                    op add(v_row, share) >> v_row;
                }

                // What is taken out, of length 1 in each head.
                assign removed: f32[H, N];
                assign r: f32[H, N];
                assign k: f32[H, N];
                assign v: f32[H, N];
                assign b: f32[H, N];
                assign length: f32[H, 1];
                op cast(k_k[l], f32) >> vector;
                op mul(k_row, vector) >> mixed;
                op reshape(mixed, [H, N]) >> removed;
                op mul(removed, removed) >> b;
                op reduce_sum(b, [-1], keepdims=true) >> length;
                op sqrt(length) >> length;
                op max(length, 1e-12) >> length;
                op div(removed, length) >> removed;
                op cast(k_a[l], f32) >> vector;
                op sub(a, 1.0) >> mixed;
                op mul(mixed, vector) >> mixed;
                op add(mixed, 1.0) >> mixed;
                op mul(k_row, mixed) >> mixed;
                op reshape(mixed, [H, N]) >> k;
                op reshape(r_row, [H, N]) >> r;
                op reshape(v_row, [H, N]) >> v;
                op reshape(a, [H, N]) >> b;
                op mul(removed, b) >> b;

                // S becomes S diag(w) - (S κ) bᵀ + v kᵀ, and gives S r.
                assign s: f32[H, N, N];
                assign kept: f32[H, N, N];
                assign added: f32[H, N, N];
                assign row: f32[H, 1, N];
                assign column: f32[H, N, 1];
                assign found: f32[H, N, 1];
                cache.read att_s[l] >> s;
                op reshape(decay, [H, 1, N]) >> row;
                op mul(s, row) >> kept;
                op unsqueeze(removed, [2]) >> column;
                op matmul(s, column) >> found;
                op unsqueeze(b, [1]) >> row;
                op mul(found, row) >> added;
                op sub(kept, added) >> kept;
                op unsqueeze(v, [2]) >> column;
                op unsqueeze(k, [1]) >> row;
                op mul(column, row) >> added;
                op add(kept, added) >> s;
                cache.write s >> att_s[l];
                op unsqueeze(r, [2]) >> column;
                op matmul(s, column) >> found;
                assign flat: f32[1, C];
                op reshape(found, [1, C]) >> flat;
                op cast(ln_x_weight[l], f32) >> scale;
                op cast(ln_x_bias[l], f32) >> bias;
                op group_normalization(flat, scale, bias, num_groups=H, epsilon=64e-5) >> flat;
                op reshape(flat, [1, 1, C]) >> mixed;
                assign bonus: f32[H, N];
                op cast(r_k[l], f32) >> b;
                op mul(r, k) >> bonus;
                op mul(bonus, b) >> bonus;
                op reduce_sum(bonus, [-1], keepdims=true) >> length;
                op mul(length, v) >> bonus;
                op reshape(bonus, [1, 1, C]) >> before;
                op add(mixed, before) >> mixed;
                op mul(mixed, gate) >> mixed;
                op cast(output[l], f32) >> square;
                op transpose(square, perm=[1, 0]) >> square;
                op matmul(mixed, square) >> mixed;
                op add(x, mixed) >> x;

                op cast(ln2_weight[l], f32) >> scale;
                op cast(ln2_bias[l], f32) >> bias;
                op layer_normalization(x, scale, bias, epsilon=1e-5) >> u;
                cache.read ffn_x[l] >> last;
                op reshape(last, [1, 1, C]) >> before;
                op reshape(u, [C]) >> last;
                cache.write last >> ffn_x[l];
                op sub(before, u) >> difference;
                // value(relu(key(mixed))²).
                op cast(ffn_x_k[l], f32) >> vector;
                op mul(difference, vector) >> mixed;
                op add(u, mixed) >> mixed;
                assign into: f32[F, C];
                assign in_columns: f32[C, F];
                assign hidden: f32[1, 1, F];
                op cast(ffn_key[l], f32) >> into;
                op transpose(into, perm=[1, 0]) >> in_columns;
                op matmul(mixed, in_columns) >> hidden;
                op relu(hidden) >> hidden;
                op mul(hidden, hidden) >> hidden;
                assign back: f32[C, F];
                assign back_columns: f32[F, C];
                op cast(ffn_value[l], f32) >> back;
                op transpose(back, perm=[1, 0]) >> back_columns;
                op matmul(hidden, back_columns) >> mixed;
                op add(x, mixed) >> x;
            }
            op cast(ln_out_weight, f32) >> scale;
            op cast(ln_out_bias, f32) >> bias;
            op layer_normalization(x, scale, bias, epsilon=1e-5) >> u;
            assign columns: f32[C, vocabulary];
            assign logits: f32[1, 1, vocabulary];
            op cast(head, f32) >> embedding;
            op transpose(embedding, perm=[1, 0]) >> columns;
            op matmul(u, columns) >> logits;
        }
    }
}

#[test]
fn a_step_gives_the_bits_of_the_library() {
    let model = package("stories-rwkv7");
    let mut run = executor(&with_unused(&model), &step());
    check_tokens("stories-rwkv7", &model, |token, _| {
        run.insert("token", vec![token]).unwrap();
        run.run_step().unwrap_or_else(|error| panic!("{error}"));
        run.fetch("logits").unwrap()
    });
}
