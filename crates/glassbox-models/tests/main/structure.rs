//! What holds of the graphs of all families, whatever they compute.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use glassbox_ir::{Attr, Dim, Graph, Known, Operand, Tier, Type, ValueId, decompose, json, specialise, text, verify};
use glassbox_models::layers::rotary::RECOMPUTE_BEYOND;
use glassbox_models::{Config, Options, build, families};
use glassbox_tensor::{DType, ParamError, ParamInfo, ParamSource, Tensor};
use serde_json::{Value, json};

use crate::checkpoint::{ALL, Checkpoint, farthest, session, step};

#[test]
fn every_graph_verifies_and_reads_back_as_it_is_written() {
    for name in ALL {
        let checkpoint = Checkpoint::open(name, "config.json");
        for last_only in [false, true] {
            let options = Options { last_only, ..Options::default() };
            let graph = build(&checkpoint.config, checkpoint.params.as_ref(), &options).expect(name);
            verify(&graph).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
            let printed = text::print(&graph, &text::PrintOptions::with_data());
            let parsed = text::parse(&printed, &text::ParseOptions::default());
            let parsed = parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
            graph.same_as(&parsed).unwrap_or_else(|difference| panic!("{name}: text: {difference}"));
            let written = json::to_string(&graph).expect(name);
            let read = json::from_str(&written).unwrap_or_else(|error| panic!("{name}: {error}"));
            graph.same_as(&read).unwrap_or_else(|difference| panic!("{name}: JSON: {difference}"));
        }
    }
}

#[test]
fn rwkv7_needs_no_configuration() {
    let checkpoint = Checkpoint::open("rwkv7", "config.json");
    let bare = Config::parse("{\"model_type\": \"rwkv7\"}").expect("an object");
    let of = |config: &Config| build(config, checkpoint.params.as_ref(), &Options::default()).expect("a graph");
    of(&checkpoint.config).same_as(&of(&bare)).unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn every_family_has_a_checkpoint() {
    let types = ALL.iter().map(|name| Checkpoint::open(name, "config.json").config.settings()["model_type"].clone());
    let checked: BTreeSet<String> = types.filter_map(|it| it.as_str().map(str::to_owned)).collect();
    for family in families::TABLE {
        assert!(family.model_types.iter().any(|name| checked.contains(*name)), "{} has none", family.name);
    }
}

#[test]
fn every_node_says_which_layer_it_comes_from() {
    for name in ALL {
        let checkpoint = Checkpoint::open(name, "config.json");
        let graph = build(&checkpoint.config, checkpoint.params.as_ref(), &Options::default()).expect(name);
        for id in graph.walk() {
            assert!(!graph.node(id).provenance.is_empty(), "{name}: {} comes from nowhere", graph.node_label(id));
        }
    }
}

#[test]
fn the_last_logits_alone_are_the_last_of_all() {
    for name in ALL {
        let checkpoint = Checkpoint::open(name, "config.json");
        let tokens = checkpoint.ints("tokens");
        let all = step(&mut checkpoint.session(), &tokens);
        let options = Options { last_only: true, ..Options::default() };
        let last = step(&mut session(&checkpoint.config, checkpoint.params.clone(), &options), &tokens);
        assert_eq!(last, all[all.len() - last.len()..], "{name}");
        assert_eq!(last.len() * tokens.len(), all.len(), "{name}");
    }
}

#[test]
fn only_a_graph_whose_frequencies_change_says_so() {
    for name in ALL {
        let checkpoint = Checkpoint::open(name, "config.json");
        let graph = build(&checkpoint.config, checkpoint.params.as_ref(), &Options::default()).expect(name);
        let said = graph.metadata.iter().find(|(key, _)| key == RECOMPUTE_BEYOND).map(|(_, value)| value.as_str());
        let expected = match *name {
            "phi3_longrope_long" => Some("8"),
            "phi3_longrope_short" => Some("128"),
            _ => None,
        };
        assert_eq!(said, expected, "{name}");
    }
}

/// Parameters under other names, and which of them were read.
struct Watched {
    inner: Arc<dyn ParamSource>,
    params: Vec<ParamInfo>,
    renamed: (&'static str, &'static str),
    read: Mutex<BTreeSet<String>>,
}

impl Watched {
    /// The parameters of `inner`; where a name begins with the first of `renamed`, with the second instead.
    fn new(inner: Arc<dyn ParamSource>, renamed: (&'static str, &'static str)) -> Watched {
        let mut params = inner.params().to_vec();
        for param in &mut params {
            if let Some(rest) = param.name.strip_prefix(renamed.0) {
                param.name = format!("{}{rest}", renamed.1);
            }
        }
        Watched { inner, params, renamed, read: Mutex::default() }
    }
}

impl ParamSource for Watched {
    fn params(&self) -> &[ParamInfo] {
        &self.params
    }

    fn load(&self, name: &str) -> Result<Tensor, ParamError> {
        self.read.lock().expect("no panic while it is held").insert(name.to_owned());
        match name.strip_prefix(self.renamed.1) {
            Some(rest) => self.inner.load(&format!("{}{rest}", self.renamed.0)),
            None => self.inner.load(name),
        }
    }
}

#[test]
fn experts_that_no_token_chose_are_not_read() {
    for (name, expert, of) in [("mixtral", "block_sparse_moe.experts.", 2), ("qwen3_moe", "mlp.experts.", 1)] {
        let checkpoint = Checkpoint::open(name, "config.json");
        let watched = Arc::new(Watched::new(checkpoint.params.clone(), ("", "")));
        let mut session = session(&checkpoint.config, watched.clone(), &Options::default());
        step(&mut session, &checkpoint.ints("tokens")[..1]);
        // Two are chosen by each token, each of which has three matrices; `of` layers are sparse.
        let read = watched.read.lock().expect("no panic while it is held");
        let experts: Vec<_> = read.iter().filter(|name| name.contains(expert)).collect();
        assert_eq!(experts.len(), 2 * 3 * of, "{name}: {experts:?}");
    }
}

/// `config` as the part of that of a model that sees pictures, too.
fn nested(config: &Config) -> Config {
    let whole = json!({ "model_type": "gemma3", "text_config": config.settings(), "vision_config": {} });
    let Value::Object(whole) = whole else { panic!("an object") };
    Config::from_settings(whole)
}

#[test]
fn gemma3_is_found_inside_a_model_that_sees_pictures() {
    let checkpoint = Checkpoint::open("gemma3_text", "config.json");
    let tokens = checkpoint.ints("tokens");
    for name in ["language_model.model.", "model.language_model."] {
        let params = Arc::new(Watched::new(checkpoint.params.clone(), ("model.", name)));
        let mut session = session(&nested(&checkpoint.config), params, &Options::default());
        let distance = farthest(&step(&mut session, &tokens), &checkpoint.floats("logits"));
        assert!(distance <= 2e-5, "{name}: logits differ by {distance}");
    }
}

/// A compiler has sizes to compile for: with T new tokens after K that are remembered every dim is an expression in T and
/// K, and every composite can be taken apart as it stands.
#[test]
fn every_dim_is_known_in_symbols_and_every_composite_decomposes() {
    for name in ALL {
        let checkpoint = Checkpoint::open(name, "config.json");
        let graph = build(&checkpoint.config, checkpoint.params.as_ref(), &Options::default()).expect(name);
        let step = [Type::tensor(DType::I64, [1i64, 1]), Type::tensor(DType::I64, [1i64])];
        let decoding = specialise(&graph, &step).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut composites = 0;
        for graph in [&graph, &decoding] {
            for id in graph.walk() {
                let node = graph.node(id);
                let ty = |id: ValueId| &graph.value(id).ty;
                let unknown = |ty: &Type| {
                    ty.as_tensor().and_then(|ty| ty.dims()).is_none_or(|dims| dims.iter().any(Dim::is_unknown))
                };
                for result in &node.results {
                    assert!(!unknown(ty(*result)), "{name}: {} is {}", graph.node_label(id), ty(*result));
                }
                if let Tier::Composite(_) = node.op.tier {
                    composites += 1;
                    let operand = |id: ValueId| Operand { ty: ty(id).clone(), known: contents(graph, id) };
                    let operands: Vec<_> = node.operands.iter().map(|id| id.map(operand)).collect();
                    if let Err(error) = decompose(node.op, &node.attrs, &operands, node.results.len()) {
                        panic!("{name}: {}: {error}", graph.node_label(id));
                    }
                }
            }
        }
        assert!(composites > 0, "{name}");
        let attention =
            decoding.walk().into_iter().map(|id| decoding.node(id)).find(|node| node.op.name == "attention");
        if let Some(keys) = attention.and_then(|node| node.operands[1]) {
            let dims = decoding.value(keys).ty.as_tensor().and_then(|ty| ty.dims()).map(<[Dim]>::to_vec);
            assert_eq!(dims.map(|dims| dims[2].to_string()).as_deref(), Some("K+1"), "{name}");
        }
    }
}

/// The contents of a value that a constant gives.
fn contents(graph: &Graph, id: ValueId) -> Option<Known> {
    let node = graph.walk().into_iter().map(|node| graph.node(node)).find(|node| node.results.contains(&id))?;
    match node.attrs.get("value") {
        Some(Attr::Tensor(tensor)) => Some(Known::Tensor(tensor.clone())),
        _ => None,
    }
}
