//! GPT-2's decode step in both forms of `graph!`, which write a story together: `cargo run --release --example gpt2`.
//!
//! docs/tutorial-graph.md explains it piece by piece. The model is the one that comes with Glassbox; that both give its
//! logits to the bit is a test (tests/main/language/gpt2.rs).

use std::error::Error;
use std::path::Path;

use glassbox_runtime::dsl::{Formula, Output, Program};
use glassbox_runtime::{Device, LoadOptions, ModelLoader, ModelPackage, Simulator, graph, insert_executor, load_model};

/// One token in, its logits out: the block form.
pub(crate) fn block_form() -> Program {
    graph! {
        dynamic { token: i64[1, 1]; }
        constant {
            wte: bf16[vocabulary, C] @ref("transformer.wte.weight");
            wpe: bf16[context, C] @ref("transformer.wpe.weight");
            ln_1_weight(l): bf16[C] @pattern("transformer.h.{l}.ln_1.weight");
            ln_1_bias(l): bf16[C] @pattern("transformer.h.{l}.ln_1.bias");
            qkv_weight(l): bf16[C, 3 * C] @pattern("transformer.h.{l}.attn.c_attn.weight");
            qkv_bias(l): bf16[3 * C] @pattern("transformer.h.{l}.attn.c_attn.bias");
            out_weight(l): bf16[C, C] @pattern("transformer.h.{l}.attn.c_proj.weight");
            out_bias(l): bf16[C] @pattern("transformer.h.{l}.attn.c_proj.bias");
            ln_2_weight(l): bf16[C] @pattern("transformer.h.{l}.ln_2.weight");
            ln_2_bias(l): bf16[C] @pattern("transformer.h.{l}.ln_2.bias");
            up_weight(l): bf16[C, 4 * C] @pattern("transformer.h.{l}.mlp.c_fc.weight");
            up_bias(l): bf16[4 * C] @pattern("transformer.h.{l}.mlp.c_fc.bias");
            down_weight(l): bf16[4 * C, C] @pattern("transformer.h.{l}.mlp.c_proj.weight");
            down_bias(l): bf16[C] @pattern("transformer.h.{l}.mlp.c_proj.bias");
            ln_f_weight: bf16[C] @ref("transformer.ln_f.weight");
            ln_f_bias: bf16[C] @ref("transformer.ln_f.bias");
        }
        persistent {
            past: i64 @init(0);
            keys(l, t): f32[4, C / 4] @table @fixed(l=6);
            values(l, t): f32[4, C / 4] @table @fixed(l=6);
        }
        block entry {
            assign x: f32[1, 1, C];
            assign layer: i64;
            branch embed;
            loop layers (l in 0..6) {
                transfer l >> layer;
                branch attention_half;
                branch mlp_half;
            }
            branch head;
            cache.increment past;
        }

        block embed {
            assign embedding: f32[vocabulary, C];
            assign positions: f32[context, C];
            assign position: f32[1, C];
            op cast(wte, f32) >> embedding;
            op cast(wpe, f32) >> positions;
            op gather(embedding, token) >> x;
            op gather(positions, [past]) >> position;
            op add(x, position) >> x;
        }

        block attention_half {
            assign u: f32[1, 1, C];
            assign scale: f32[C];
            assign bias: f32[C];
            op cast(ln_1_weight[layer], f32) >> scale;
            op cast(ln_1_bias[layer], f32) >> bias;
            op layer_normalization(x, scale, bias, epsilon=1e-5) >> u;

            assign qkv: f32[1, 1, 3 * C];
            assign qkv_w: f32[C, 3 * C];
            assign qkv_b: f32[3 * C];
            op cast(qkv_weight[layer], f32) >> qkv_w;
            op cast(qkv_bias[layer], f32) >> qkv_b;
            op matmul(u, qkv_w) >> qkv;
            op add(qkv, qkv_b) >> qkv;

            assign q: f32[1, 1, C];
            assign k: f32[1, 1, C];
            assign v: f32[1, 1, C];
            assign query: f32[1, 4, 1, C / 4];
            assign key: f32[4, C / 4];
            assign value: f32[4, C / 4];
            op split(qkv, axis=2) >> q, k, v;
            op reshape(q, [1, 4, 1, C / 4]) >> query;
            op reshape(k, [4, C / 4]) >> key;
            op reshape(v, [4, C / 4]) >> value;

            cache.write key >> keys[layer, past];
            cache.write value >> values[layer, past];

            assign cells: f32[?, 4, C / 4];
            assign all_keys: f32[1, 4, ?, C / 4];
            assign all_values: f32[1, 4, ?, C / 4];
            cache.read keys[layer] >> cells;
            branch by_head;
            transfer heads >> all_keys;
            cache.read values[layer] >> cells;
            branch by_head;
            transfer heads >> all_values;

            assign mixed: f32[1, 4, 1, C / 4];
            op attention(query, all_keys, all_values) >> mixed;
            op reshape(mixed, [1, 1, C]) >> u;

            assign out_w: f32[C, C];
            op cast(out_weight[layer], f32) >> out_w;
            op cast(out_bias[layer], f32) >> bias;
            op matmul(u, out_w) >> u;
            op add(u, bias) >> u;
            op add(x, u) >> x;
        }

        block by_head {
            assign rows: f32[4, ?, C / 4];
            assign heads: f32[1, 4, ?, C / 4];
            op transpose(cells, perm=[1, 0, 2]) >> rows;
            op unsqueeze(rows, [0]) >> heads;
        }

        block mlp_half {
            op cast(ln_2_weight[layer], f32) >> scale;
            op cast(ln_2_bias[layer], f32) >> bias;
            op layer_normalization(x, scale, bias, epsilon=1e-5) >> u;

            assign inner: f32[1, 1, 4 * C];
            assign up_w: f32[C, 4 * C];
            assign up_b: f32[4 * C];
            op cast(up_weight[layer], f32) >> up_w;
            op cast(up_bias[layer], f32) >> up_b;
            op matmul(u, up_w) >> inner;
            op add(inner, up_b) >> inner;
            op gelu(inner, approximate="tanh") >> inner;

            assign down_w: f32[4 * C, C];
            op cast(down_weight[layer], f32) >> down_w;
            op cast(down_bias[layer], f32) >> bias;
            op matmul(inner, down_w) >> u;
            op add(u, bias) >> u;
            op add(x, u) >> x;
        }

        block head {
            assign columns: f32[C, vocabulary];
            assign logits: f32[1, 1, vocabulary];
            op cast(ln_f_weight, f32) >> scale;
            op cast(ln_f_bias, f32) >> bias;
            op layer_normalization(x, scale, bias, epsilon=1e-5) >> u;
            op transpose(embedding, perm=[1, 0]) >> columns;
            op matmul(u, columns) >> logits;
        }
    }
}

/// The same in the expression form.
pub(crate) fn expression_form(model: &ModelPackage) -> (Formula, Output) {
    let (layers, heads, channels, context) = (6, 4, 128, 256);
    let size = channels / heads;
    graph! {
        model: model,

        inputs: {
            token: i64[1, 1],
            past: i64[],
        },

        state: {
            kv: kv_cache(f32, layers=layers, cap=context),
        },

        let wte = cast(model["transformer.wte.weight"], f32);
        let wpe = cast(model["transformer.wpe.weight"], f32);
        let x = gather(wte, token) + gather(wpe, unsqueeze(past, [0, 1]));

        let x = for l in 0..layers {
            let layer = { format!("transformer.h.{l}") };

            let scale = cast(model[format!("{layer}.ln_1.weight")], f32);
            let bias = cast(model[format!("{layer}.ln_1.bias")], f32);
            let u = layer_normalization(x, scale, bias, epsilon=1e-5);
            let weight = cast(model[format!("{layer}.attn.c_attn.weight")], f32);
            let bias = cast(model[format!("{layer}.attn.c_attn.bias")], f32);
            let (q, k, v) = split(matmul(u, weight) + bias, axis=2);
            let q = reshape(q, [1, heads, size]);
            let k = reshape(k, [1, heads, size]);
            let v = reshape(v, [1, heads, size]);
            kv_write(kv, layer=l, step=past, k=k, v=v);
            let (k_all, v_all) = kv_read(kv, layer=l, step=past);
            let mixed = sdpa(q, k_all, v_all) |> reshape([1, 1, channels]);
            let weight = cast(model[format!("{layer}.attn.c_proj.weight")], f32);
            let bias = cast(model[format!("{layer}.attn.c_proj.bias")], f32);
            x = x + (matmul(mixed, weight) + bias);

            let scale = cast(model[format!("{layer}.ln_2.weight")], f32);
            let bias = cast(model[format!("{layer}.ln_2.bias")], f32);
            let u = layer_normalization(x, scale, bias, epsilon=1e-5);
            let weight = cast(model[format!("{layer}.mlp.c_fc.weight")], f32);
            let bias = cast(model[format!("{layer}.mlp.c_fc.bias")], f32);
            let inner = gelu(matmul(u, weight) + bias, approximate="tanh");
            let weight = cast(model[format!("{layer}.mlp.c_proj.weight")], f32);
            let bias = cast(model[format!("{layer}.mlp.c_proj.bias")], f32);
            x = x + (matmul(inner, weight) + bias);
        };

        let scale = cast(model["transformer.ln_f.weight"], f32);
        let bias = cast(model["transformer.ln_f.bias"], f32);
        let u = layer_normalization(x, scale, bias, epsilon=1e-5);
        let logits = matmul(u, transpose(wte, perm=[1, 0]));
        output logits;
    }
}

/// Writes on from a prompt with one of the forms: `tokens` more. `Once upon a time` is a prompt that it knows.
pub(crate) fn write(package: &Path, prompt: &str, tokens: usize, in_blocks: bool) -> Result<String, Box<dyn Error>> {
    let model = ModelLoader::open(package)?;
    let simulator = if in_blocks {
        Simulator::new(&model, &block_form(), Device::Cpu)?
    } else {
        let (program, _) = expression_form(&model);
        Simulator::new(&model, &program, Device::Cpu)?
    };
    let mut executor = simulator.make_executor()?;

    let words = load_model(package, LoadOptions::default())?;
    let tokenizer = words.tokenizer().ok_or("the package has no tokenizer")?;
    let mut sequence = tokenizer.encode(prompt)?;
    let last = sequence.len() + tokens - 1;
    for place in 0..last {
        insert_executor!(executor, { token: vec![i64::from(sequence[place])] });
        if !in_blocks {
            insert_executor!(executor, { past: place });
        }
        executor.run_step()?;
        if place + 1 == sequence.len() {
            let logits: Vec<f32> = executor.fetch("logits")?;
            let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]));
            sequence.push(best.unwrap_or(0) as u32);
        }
    }
    Ok(tokenizer.decode(&sequence, true)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/stories-gpt2/model.oinf");
    let story = write(&package, "Once upon a time", 24, true)?;
    println!("{}", write(&package, &story, 24, false)?);
    Ok(())
}
