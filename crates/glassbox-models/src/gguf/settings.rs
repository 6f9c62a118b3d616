//! Metadata as settings: what each architecture's keys mean to its family.
//!
//! What a file leaves out has the value that llama.cpp gives it, which isn't always the default of the family;
//! so every setting that matters is written.

use glassbox_tensor::{DType, ParamSource};
use glassbox_weights::Package;
use serde_json::{Map, Value, json};

use super::error::GgufError;
use super::keys::{Keys, but_every};

/// The base of rotary frequencies where a file names none.
const BASE: f64 = 10_000.0;
/// The number of the softmax among the functions that score experts; 0 is a file that names none.
const SOFTMAX: [f64; 2] = [0.0, 1.0];
/// How many layers the models have whose scores are scaled by the width of a head that hidden / heads gives,
/// and not by that which the file names: the 27B of Gemma 2 and of Gemma 3. Nothing else in a file tells.
const GEMMA2_LARGEST: i64 = 46;
const GEMMA3_LARGEST: i64 = 62;

/// The tensors with the factors of frequencies for long and for short sequences.
pub(super) const LONG: &str = "rope_factors_long.weight";
pub(super) const SHORT: &str = "rope_factors_short.weight";

/// A configuration in the making.
pub(super) struct Settings<'a> {
    package: &'a Package,
    keys: &'a Keys<'a>,
    settings: Map<String, Value>,
    experts: i64,
}

/// The sizes that later settings depend on.
struct Sizes {
    width: i64,
    layers: i64,
    heads: i64,
    head_size: i64,
}

impl<'a> Settings<'a> {
    pub(super) fn new(package: &'a Package, keys: &'a Keys<'a>) -> Settings<'a> {
        Settings { package, keys, settings: Map::new(), experts: 0 }
    }

    /// The settings, and how many experts each mixture has.
    pub(super) fn finish(self) -> (Map<String, Value>, i64) {
        (self.settings, self.experts)
    }

    fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.settings.insert(key.to_owned(), value.into());
    }

    /// Whether some tensor has a name that ends like this.
    fn any(&self, end: &str) -> bool {
        self.package.params().iter().any(|info| info.name.ends_with(end))
    }

    /// What every architecture says: the family, how many layers, the vocabulary, whether matrices are tied.
    fn begin(&mut self, model_type: &str) -> Result<i64, GgufError> {
        let keys = self.keys;
        keys.ignore(&["vocab_size", "tensor_data_layout", "rope.scaling.finetuned"]);
        keys.only("use_parallel_residual", &[])?;
        keys.only("pooling_type", &[0.0])?;
        if keys.opt_flag("attention.causal")? == Some(false) {
            return Err(keys.unsupported("attention.causal", "it is false, which isn't built"));
        }
        let (layers, all) = (keys.size("block_count")?, self.package.params().len());
        if layers > all as i64 {
            return Err(keys.wrong("block_count", format!("it is {layers}, and the file has {all} tensors in all")));
        }
        let name = "token_embd.weight";
        let wrong = |rule: &str| GgufError::Tensor { name: name.to_owned(), rule: rule.to_owned() };
        let embedding = self.package.find(name).ok_or_else(|| wrong("it is missing"))?;
        let [rows, _] = embedding.shape[..] else { return Err(wrong("it must be a matrix")) };
        self.set("model_type", model_type);
        self.set("vocab_size", rows);
        self.set("tie_word_embeddings", self.package.find("output.weight").is_none());
        for (key, name) in [("bos_token_id", "bos"), ("eos_token_id", "eos"), ("pad_token_id", "padding")] {
            if let Some(token) = self.package.metadata().integer(&format!("tokenizer.ggml.{name}_token_id")) {
                self.set(key, token);
            }
        }
        Ok(layers)
    }

    /// What every architecture but GPT-2 says.
    fn shape(&mut self, model_type: &str) -> Result<Sizes, GgufError> {
        let layers = self.begin(model_type)?;
        let keys = self.keys;
        let (width, heads) = (keys.size("embedding_length")?, keys.size("attention.head_count")?);
        let head_size = match keys.opt_count("attention.key_length")? {
            Some(size) => size,
            None if width % heads == 0 => width / heads,
            None => return Err(keys.wrong("attention.head_count", format!("{heads} heads don't divide {width}"))),
        };
        if keys.opt_count("attention.value_length")?.is_some_and(|size| size != head_size) {
            return Err(
                keys.unsupported("attention.value_length", format!("it differs from that of keys, {head_size}"))
            );
        }
        self.set("hidden_size", width);
        self.set("num_hidden_layers", layers);
        self.set("num_attention_heads", heads);
        self.set("num_key_value_heads", keys.opt_count("attention.head_count_kv")?.unwrap_or(heads));
        self.set("head_dim", head_size);
        self.set("intermediate_size", keys.size("feed_forward_length")?);
        self.set("rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon")?);
        self.set("max_position_embeddings", keys.size("context_length")?);
        self.set("attention_bias", self.any(".attn_q.bias"));
        self.set("mlp_bias", self.any(".ffn_up.bias"));
        Ok(Sizes { width, layers, heads, head_size })
    }

    /// The base of the frequencies, how many channels turn, and a linear scaling.
    fn rotary(&mut self, sizes: &Sizes) -> Result<(), GgufError> {
        let keys = self.keys;
        self.set("rope_theta", keys.opt_number("rope.freq_base")?.unwrap_or(BASE));
        let turning = keys.opt_count("rope.dimension_count")?.unwrap_or(sizes.head_size);
        if turning > sizes.head_size {
            let rule = format!("{turning} channels turn, of {} that a head has", sizes.head_size);
            return Err(keys.wrong("rope.dimension_count", rule));
        }
        if turning < sizes.head_size {
            // The family rounds the product down; the half keeps it from falling below a whole number.
            self.set("partial_rotary_factor", (turning as f64 + 0.5) / sizes.head_size as f64);
        }
        let kind = keys.opt_text("rope.scaling.type")?;
        // The second is an older name.
        let factors = [keys.opt_number("rope.scaling.factor")?, keys.opt_number("rope.scale_linear")?];
        let factor = factors.into_iter().flatten().find(|factor| *factor != 0.0);
        match (kind, factor) {
            (Some("none"), _) | (None | Some("linear"), None) => Ok(()),
            (None | Some("linear"), Some(factor)) => {
                self.set("rope_scaling", json!({ "rope_type": "linear", "factor": factor }));
                Ok(())
            }
            // What it means is in the tensors, which only one architecture reads.
            (Some("longrope"), None) if self.package.find(LONG).is_some() => Ok(()),
            (Some(kind), _) => Err(keys.unsupported("rope.scaling.type", format!("it is {kind:?}, which isn't built"))),
        }
    }

    /// What only other scalings than the linear one use.
    fn no_long_context(&self) -> Result<(), GgufError> {
        self.keys.ignore(&["rope.scaling.original_context_length"]);
        self.keys.only("rope.scaling.attn_factor", &[1.0])
    }

    /// The numbers of a tensor of factors, one for each pair of channels; `None` where there is no such tensor.
    fn factors(&self, name: &str, sizes: &Sizes) -> Result<Option<Vec<f64>>, GgufError> {
        let Some(info) = self.package.find(name) else { return Ok(None) };
        let wrong = |rule: String| GgufError::Tensor { name: name.to_owned(), rule };
        let most = usize::try_from(sizes.head_size / 2).unwrap_or(usize::MAX);
        let ([pairs], DType::F32) = (&info.shape[..], info.dtype) else {
            return Err(wrong(format!("it must be f32 of one axis, and is {}{:?}", info.dtype, info.shape)));
        };
        if *pairs > most {
            return Err(wrong(format!("it has {pairs} factors, and a head has {most} pairs of channels")));
        }
        let values = self.package.load(name).map_err(|error| wrong(error.to_string()))?;
        let values: Vec<f32> = values.to_vec().map_err(|error| wrong(error.to_string()))?;
        match values.iter().find(|value| !(value.is_finite() && **value > 0.0)) {
            Some(value) => Err(wrong(format!("a factor is {value}, and must be above 0"))),
            None => Ok(Some(values.into_iter().map(f64::from).collect())),
        }
    }

    /// Which layers see only the last tokens, and how many: a window of 0 is none. `otherwise` says it where
    /// the file names a window and no pattern.
    fn windows(&mut self, layers: i64, window: Option<i64>, otherwise: Option<i64>) -> Result<bool, GgufError> {
        let key = "attention.sliding_window_pattern";
        let pattern = self.keys.opt_marks(key, layers)?;
        let Some(window) = window.filter(|window| *window > 0) else { return Ok(false) };
        let slides = pattern.or_else(|| otherwise.map(|period| but_every(period, layers))).ok_or_else(|| {
            self.keys
                .unsupported("attention.sliding_window", format!("it is {window}, and no `{key}` says in which layers"))
        })?;
        let name = |slides: &bool| if *slides { "sliding_attention" } else { "full_attention" };
        self.set("sliding_window", window);
        self.set("layer_types", slides.iter().map(name).collect::<Vec<_>>());
        Ok(slides.contains(&true))
    }

    /// How many experts there are and how they are chosen; whether their shares are divided by their sum.
    fn mixture(&mut self, count: i64) -> Result<bool, GgufError> {
        let keys = self.keys;
        keys.only("expert_gating_func", &SOFTMAX)?;
        keys.only("expert_weights_scale", &[0.0, 1.0])?;
        keys.only("expert_shared_count", &[0.0])?;
        keys.only("expert_shared_feed_forward_length", &[0.0])?;
        self.experts = count;
        self.set("num_local_experts", count);
        self.set("num_experts_per_tok", keys.size("expert_used_count")?);
        Ok(keys.opt_flag("expert_weights_norm")?.unwrap_or(true))
    }
}

/// Llama, Mistral, SmolLM; with experts it is Mixtral. Mistral's first models have a window in every layer,
/// of which most files say nothing.
pub(super) fn llama(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let keys = s.keys;
    let sizes = s.shape("llama")?;
    s.rotary(&sizes)?;
    s.no_long_context()?;
    s.set("rope_interleaved", true);
    if let Some(window) = keys.opt_count("attention.sliding_window")?.filter(|window| *window > 0) {
        s.set("model_type", "mistral");
        s.set("sliding_window", window);
    }
    if let Some(factors) = s.factors("rope_freqs.weight", &sizes)? {
        if s.settings.contains_key("rope_scaling") {
            return Err(keys.unsupported("rope.scaling.factor", "the file has `rope_freqs.weight`, too"));
        }
        s.set("rope_scaling", json!({ "rope_type": "factors", "factors": factors }));
    }
    match keys.opt_count("expert_count")?.filter(|count| *count > 0) {
        None => {
            keys.ignore(&["expert_used_count"]);
            Ok(())
        }
        Some(count) => {
            s.set("model_type", "mixtral");
            match s.mixture(count)? {
                true => Ok(()),
                false => Err(keys.unsupported("expert_weights_norm", "it is false, which isn't built here")),
            }
        }
    }
}

/// SmolLM3: Llama, in the same order of rows. That every fourth layer doesn't turn is in no file.
pub(super) fn smollm3(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let sizes = s.shape("smollm3")?;
    s.rotary(&sizes)?;
    s.set("rope_interleaved", true);
    s.set("no_rope_layer_interval", 4);
    s.keys.only("attention.sliding_window", &[0.0])?;
    s.no_long_context()
}

/// Qwen2 and Qwen2.5.
pub(super) fn qwen2(s: &mut Settings<'_>) -> Result<(), GgufError> {
    qwen(s, "qwen2").map(|_| ())
}

/// Qwen3.
pub(super) fn qwen3(s: &mut Settings<'_>) -> Result<(), GgufError> {
    qwen(s, "qwen3").map(|_| ())
}

fn qwen(s: &mut Settings<'_>, model_type: &str) -> Result<Sizes, GgufError> {
    let sizes = s.shape(model_type)?;
    s.rotary(&sizes)?;
    s.no_long_context()?;
    let window = s.keys.opt_count("attention.sliding_window")?;
    let used = s.windows(sizes.layers, window, None)?;
    s.set("use_sliding_window", used);
    Ok(sizes)
}

/// Qwen3 MoE. Layers without a router have one MLP.
pub(super) fn qwen3_moe(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let keys = s.keys;
    let sizes = qwen(s, "qwen3_moe")?;
    s.set("moe_intermediate_size", keys.size("expert_feed_forward_length")?);
    let normalised = s.mixture(keys.size("expert_count")?)?;
    s.set("norm_topk_prob", normalised);
    let dense = |layer: &i64| s.package.find(&format!("blk.{layer}.ffn_gate_inp.weight")).is_none();
    let dense: Vec<i64> = (0..sizes.layers).filter(dense).collect();
    s.set("mlp_only_layers", dense);
    Ok(())
}

/// OLMo 2. OLMo 3 has the same name and windows.
pub(super) fn olmo2(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let sizes = s.shape("olmo2")?;
    s.rotary(&sizes)?;
    s.keys.only("attention.sliding_window", &[0.0])?;
    s.no_long_context()
}

/// Phi-3, Phi-3.5 and Phi-4. Files from before the window was written down mean different ones.
pub(super) fn phi3(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let keys = s.keys;
    let sizes = s.shape("phi3")?;
    s.rotary(&sizes)?;
    match keys.opt_count("attention.sliding_window")? {
        None => return Err(keys.wrong("attention.sliding_window", "it is missing; convert the model anew")),
        Some(0) => {}
        Some(window) => s.set("sliding_window", window),
    }
    match (s.factors(LONG, &sizes)?, s.factors(SHORT, &sizes)?) {
        (None, None) => s.no_long_context(),
        (Some(long), Some(short)) => {
            let magnitude = keys.number("rope.scaling.attn_factor")?;
            if s.settings.contains_key("rope_scaling") {
                return Err(keys.unsupported("rope.scaling.factor", "the file has factors for each pair, too"));
            }
            s.set(
                "rope_scaling",
                json!({
                    "rope_type": "longrope",
                    "long_factor": long,
                    "short_factor": short,
                    "attention_factor": magnitude,
                }),
            );
            s.set("original_max_position_embeddings", keys.size("rope.scaling.original_context_length")?);
            Ok(())
        }
        (found, _) => {
            let name = if found.is_some() { SHORT } else { LONG };
            Err(GgufError::Tensor { name: name.to_owned(), rule: "it is missing; the other one is there".to_owned() })
        }
    }
}

/// What the Gemmas have in common. Scores are divided by the root of the width of a head; `largest` is how many
/// layers the model has of which that isn't true.
fn gemma(s: &mut Settings<'_>, model_type: &str, largest: i64) -> Result<Sizes, GgufError> {
    let sizes = s.shape(model_type)?;
    s.rotary(&sizes)?;
    s.no_long_context()?;
    let scaled_by = if sizes.layers == largest { sizes.width / sizes.heads } else { sizes.head_size };
    s.set("query_pre_attn_scalar", scaled_by);
    s.set("norm_plus_one", false);
    Ok(sizes)
}

/// Gemma 2: every second layer sees all, the first doesn't.
pub(super) fn gemma2(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let keys = s.keys;
    let sizes = gemma(s, "gemma2", GEMMA2_LARGEST)?;
    let window = keys.opt_count("attention.sliding_window")?.unwrap_or(4096);
    if !s.windows(sizes.layers, Some(window), Some(2))? {
        return Err(keys.unsupported("attention.sliding_window", "no layer has a window"));
    }
    s.set("attn_logit_softcapping", keys.opt_number("attn_logit_softcapping")?.unwrap_or(50.0));
    s.set("final_logit_softcapping", keys.opt_number("final_logit_softcapping")?.unwrap_or(30.0));
    Ok(())
}

/// Gemma 3: every sixth layer sees all; the others turn by a base of their own.
pub(super) fn gemma3(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let keys = s.keys;
    let sizes = gemma(s, "gemma3_text", GEMMA3_LARGEST)?;
    if s.settings.contains_key("partial_rotary_factor") {
        return Err(keys.unsupported("rope.dimension_count", "only some channels of a head turn"));
    }
    if keys.opt_number("rope.freq_base")?.is_none() {
        return Err(keys.wrong("rope.freq_base", "it is missing"));
    }
    s.set("rope_local_base_freq", keys.opt_number("rope.freq_base_swa")?.unwrap_or(BASE));
    let window = keys.opt_count("attention.sliding_window")?;
    if !s.windows(sizes.layers, window, Some(6))? {
        s.set("sliding_window_pattern", 1);
    }
    if let Some(cap) = keys.opt_number("final_logit_softcapping")?.filter(|cap| *cap != 0.0) {
        s.set("final_logit_softcapping", cap);
    }
    Ok(())
}

/// GPT-2: its weights are the other way round than in its checkpoints.
pub(super) fn gpt2(s: &mut Settings<'_>) -> Result<(), GgufError> {
    let keys = s.keys;
    let layers = s.begin("gpt2")?;
    let heads = keys.size("attention.head_count")?;
    if keys.opt_count("attention.head_count_kv")?.is_some_and(|count| count != heads) {
        return Err(keys.unsupported("attention.head_count_kv", format!("it isn't {heads}, that of queries")));
    }
    s.set("n_layer", layers);
    s.set("n_embd", keys.size("embedding_length")?);
    s.set("n_head", heads);
    s.set("n_inner", keys.size("feed_forward_length")?);
    s.set("n_positions", keys.size("context_length")?);
    s.set("layer_norm_epsilon", keys.number("attention.layer_norm_epsilon")?);
    s.set("linear_out_in", true);
    Ok(())
}
