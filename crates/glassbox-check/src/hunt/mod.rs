//! The hunt: both sides are run, every value is held against its partner, and every node is also run alone.
//!
//! *Alone* means on the other side's values: our graph runs once more, and wherever a value has a partner, the partner's
//! value is put in its place. What a node then gives differs from the partner by what this node does, and by nothing that
//! came before: the difference is introduced here. What differs only in the plain run is inherited.
//!
//! A difference alone that is larger than the op and dtype explain is held against the same node in f64, in a second run
//! that ends at the last such node: it says which side is off, and what was merely rounding on one of them.
//!
//! Values are compared as they are made. Kept are the figures of each, and a sample of those that look wrong.

mod alone;
mod given;
pub(crate) mod inside;
mod layout;
mod lists;
mod observe;
mod precise;
mod sample;
mod segment;
mod settle;
mod strangers;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use glassbox_exec::{Executable, Nodes, Options, Runtime, Value};
use glassbox_ir::Graph;
use glassbox_onnx::model::Model as OnnxModel;
use glassbox_tensor::ParamSource;

use crate::blame::{self, Known};
use crate::error::CheckError;
use crate::pairing::{self, Pairs, Print};
use crate::report::Report;
use crate::side::{Key, Live, Values};
use crate::skeleton::{Def, Skeleton, of_graph};
use crate::tolerance::Tolerances;

pub(crate) use alone::Finding;
pub(crate) use sample::{Element, Sample};
use settle::Settling;

/// The most bytes of values that wait before the hunt.
const MAX_AHEAD: usize = 256 << 20;

/// A model that can be run.
pub struct Model {
    /// What messages and reports call it.
    pub name: String,
    /// What runs it.
    pub runtime: Arc<dyn Runtime>,
    /// How it is run.
    pub options: Options,
    /// The graph.
    pub graph: Arc<Graph>,
    /// The parameters that it names.
    pub params: Arc<dyn ParamSource>,
    /// A value for each input.
    pub inputs: Vec<Value>,
    /// Its skeleton.
    pub skeleton: Arc<Skeleton>,
    /// A run of it that has begun before the hunt.
    ahead: RefCell<Option<Live>>,
}

/// What a [`Model`] is made of.
pub struct Source<'a> {
    /// The graph.
    pub graph: Arc<Graph>,
    /// The parameters that it names.
    pub params: Arc<dyn ParamSource>,
    /// What it calls its outputs.
    pub outputs: &'a [String],
    /// The ONNX file, where the graph comes from one.
    pub onnx: Option<&'a OnnxModel>,
}

/// What a [`Model`] is run by.
pub struct Engine {
    /// The backend.
    pub runtime: Arc<dyn Runtime>,
    /// How it is run.
    pub options: Options,
}

impl Model {
    /// A model under a name for messages, with a value for each of its inputs.
    pub fn new(name: &str, engine: Engine, source: Source, inputs: Vec<Value>) -> Model {
        let Source { graph, params, outputs, onnx } = source;
        let skeleton = Arc::new(of_graph(&graph, &params, outputs, onnx));
        let Engine { runtime, options } = engine;
        let ahead = RefCell::new(None);
        Model { name: name.to_owned(), runtime, options, graph, params, inputs, skeleton, ahead }
    }

    /// The graph, ready to run.
    fn prepare(&self) -> Result<Arc<dyn Executable>, CheckError> {
        let executable = self.runtime.prepare(self.graph.clone(), self.params.clone(), &self.options);
        executable.map_err(|source| CheckError::Run { side: self.name.clone(), source: Box::new(source) })
    }

    /// Goes on with our own run while the other side isn't there yet, so that its values wait when the hunt begins. Whether
    /// there is more to do: not at the end of the run, nor when as many values wait as memory is used for.
    ///
    /// # Errors
    ///
    /// Where the model can't be run at all.
    pub fn run_ahead(&self) -> Result<bool, CheckError> {
        let mut ahead = self.ahead.borrow_mut();
        let live = match &mut *ahead {
            Some(live) => live,
            none => {
                let live = none.insert(self.live()?);
                live.want(computed(&self.skeleton));
                live
            }
        };
        live.run_ahead(MAX_AHEAD)
    }

    /// The run that has begun, if there is one.
    fn begun(&self) -> Option<Live> {
        self.ahead.take()
    }

    /// A run whose values can be taken.
    fn live(&self) -> Result<Live, CheckError> {
        Ok(Live::new(&self.name, self.prepare()?, self.skeleton.clone(), self.inputs.clone()))
    }
}

/// What a model computes, to be looked into.
#[derive(Clone)]
pub struct Meaning {
    /// The graph.
    pub graph: Arc<Graph>,
    /// The parameters that it names.
    pub params: Arc<dyn ParamSource>,
}

/// What ours is held against.
pub enum Other {
    /// A model that is run by us.
    Model(Box<Model>),
    /// The model itself, run in another way: on another backend, or in f64.
    Itself {
        /// How reports call it.
        name: String,
        /// What runs it.
        runtime: Arc<dyn Runtime>,
        /// How it is run.
        options: Options,
        /// Whether it is computed in f64, so that it says what is right.
        precise: bool,
        /// Which nodes are held against ours: on a backend that compiles graphs either each, computed alone, or those whose
        /// results still exist in what it made of the graph.
        nodes: Nodes,
    },
    /// Values that somebody else computed.
    Values {
        /// How reports call it.
        name: String,
        /// Where they are.
        values: Box<dyn Values>,
        /// What is known of the model that gave them.
        skeleton: Arc<Skeleton>,
        /// What that model computes, where its nodes can be read; of its graph the skeleton was made.
        meaning: Option<Meaning>,
        /// Whether they are those of the very model that is checked, so that a value parts from what our node means only
        /// where one of both is wrong.
        of_this_model: bool,
    },
}

/// How a hunt is done.
pub struct Hunt {
    /// What says what is right: the reference.
    pub reference: Arc<dyn Runtime>,
    /// What the user lets pass.
    pub tolerances: Tolerances,
}

/// What a hunt knows when both sides were run.
pub(crate) struct Evidence<'a> {
    pub(crate) ours: &'a Model,
    pub(crate) against: &'a str,
    pub(crate) theirs: &'a Skeleton,
    pub(crate) pairs: &'a Pairs,
    /// What the constants of the other side hold. Empty where it is the same model.
    pub(crate) their_constants: Known,
    pub(crate) findings: Vec<Finding>,
    /// The values of ours that theirs keeps with the axes in another order.
    pub(crate) arranged: HashSet<usize>,
    /// Whether each bit that differs is a difference.
    pub(crate) exact: bool,
    /// Why one of our runs ended before its end.
    pub(crate) stopped: Option<String>,
    /// Why the run of theirs ended before its end.
    pub(crate) their_end: Option<String>,
    /// Whether theirs is the same model, so that no two nodes mean different things.
    pub(crate) same_model: bool,
    /// Whether theirs is a model, all of whose outputs were to be had.
    pub(crate) whole: bool,
    /// How many values weren't compared since theirs never came by them.
    pub(crate) missing: usize,
}

impl Hunt {
    /// Holds ours against the other side.
    ///
    /// # Errors
    ///
    /// Where a side can't be run at all, values can't be read, or nothing could be paired.
    pub fn run(&self, ours: &Model, other: Other) -> Result<Report, CheckError> {
        let parts = self.parts(ours, other)?;
        let Parts { name, mut values, skeleton, known, mut pairs, same_model, precise, whole } = parts;
        if !same_model && unpaired(ours, &skeleton, &pairs) {
            let prints = prints(ours, values.as_mut(), &skeleton, &pairs)?;
            pairs = pairing::pair(&ours.skeleton, &skeleton, Some((&prints[0], &prints[1])));
            values.restart()?;
        }
        let settling = Settling { ours, theirs: &skeleton, name: &name, same_model, tolerances: &self.tolerances };
        let mut run = settling.run(values.as_mut(), &mut pairs)?;
        let wanted = wanted(&ours.skeleton, &skeleton, &pairs, same_model);
        let their_end = values.stopped().map(str::to_owned);
        if run.findings.iter().any(Finding::is_suspicious) {
            // What theirs is in f64 is theirs itself, where it was computed so.
            let finer = !precise && run.findings.iter().any(Finding::is_finer_there);
            for exact in [false, true].into_iter().take(1 + usize::from(finer)) {
                values.restart()?;
                values.want(wanted.clone());
                precise::run(ours, &self.reference, values.as_mut(), &pairs, &mut run.findings, exact)?;
            }
            if let Some(known) = known.filter(|_| !same_model) {
                let sides = inside::Sides { ours, theirs: &known, skeleton: &skeleton, pairs: &pairs };
                inside::look(&sides, &self.reference, values.as_mut(), &mut run.findings)?;
            }
        }
        let arranged = run.findings.iter().filter(|finding| finding.order.is_some() && finding.key.turns.is_empty());
        let evidence = Evidence {
            arranged: arranged.map(|finding| finding.key.value).collect(),
            their_constants: if same_model { Known::default() } else { Known::of(&skeleton) },
            ours,
            against: &name,
            theirs: &skeleton,
            pairs: &pairs,
            findings: run.findings,
            exact: self.tolerances.exact,
            stopped: run.stopped,
            their_end,
            same_model,
            whole,
            missing: run.missing,
        };
        Ok(blame::report(evidence, precise))
    }

    /// The other side, and what is known before anything is run.
    fn parts(&self, ours: &Model, other: Other) -> Result<Parts, CheckError> {
        Ok(match other {
            Other::Itself { name, runtime, options, precise, nodes } => {
                let executable = runtime.prepare(ours.graph.clone(), ours.params.clone(), &options);
                let executable =
                    executable.map_err(|source| CheckError::Run { side: name.clone(), source: Box::new(source) })?;
                let live = Live::new(&name, executable, ours.skeleton.clone(), ours.inputs.clone());
                let live = live.told_of(nodes);
                Parts {
                    name,
                    values: Box::new(live),
                    skeleton: ours.skeleton.clone(),
                    known: None,
                    pairs: Pairs::with_itself(&ours.skeleton),
                    same_model: true,
                    precise,
                    whole: true,
                }
            }
            Other::Model(model) => Parts {
                name: model.name.clone(),
                values: Box::new(model.live()?),
                skeleton: model.skeleton.clone(),
                known: Some(Meaning { graph: model.graph.clone(), params: model.params.clone() }),
                pairs: pairing::pair(&ours.skeleton, &model.skeleton, None),
                same_model: false,
                precise: false,
                whole: true,
            },
            Other::Values { name, values, skeleton, meaning, of_this_model } => Parts {
                name,
                values,
                pairs: match Arc::ptr_eq(&skeleton, &ours.skeleton) {
                    true => Pairs::with_itself(&skeleton),
                    false => pairing::pair(&ours.skeleton, &skeleton, None),
                },
                whole: skeleton.has_nodes(),
                skeleton,
                known: meaning,
                same_model: of_this_model,
                precise: false,
            },
        })
    }
}

/// The other side of a hunt.
struct Parts {
    name: String,
    values: Box<dyn Values>,
    skeleton: Arc<Skeleton>,
    known: Option<Meaning>,
    pairs: Pairs,
    same_model: bool,
    precise: bool,
    whole: bool,
}

/// The values of theirs that will be asked for.
fn wanted(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs, same_model: bool) -> HashSet<usize> {
    let paired = computed(theirs).into_iter().filter(|place| pairs.their_values[*place].is_some());
    paired.chain(given::wanted(ours, theirs, pairs, same_model)).collect()
}

/// The values that nodes give.
fn computed(skeleton: &Skeleton) -> HashSet<usize> {
    let computed = |place: &usize| matches!(skeleton.values[*place].def, Def::Node(..) | Def::Unknown);
    (0..skeleton.values.len()).filter(computed).collect()
}

/// Whether both sides have computed values without a partner.
fn unpaired(ours: &Model, theirs: &Skeleton, pairs: &Pairs) -> bool {
    let computed =
        |skeleton: &Skeleton, place: usize| matches!(skeleton.values[place].def, Def::Node(..) | Def::Unknown);
    let by_structure = pairs.values.iter().flatten().any(|(_, how)| *how == pairing::How::Structure);
    let ours_alone =
        (0..ours.skeleton.values.len()).any(|place| computed(&ours.skeleton, place) && pairs.values[place].is_none());
    let theirs_alone =
        (0..theirs.values.len()).any(|place| computed(theirs, place) && pairs.their_values[place].is_none());
    (ours_alone && theirs_alone) || by_structure
}

/// Runs both sides once, to see what their values hold.
fn prints(
    ours: &Model,
    theirs: &mut dyn Values,
    skeleton: &Skeleton,
    pairs: &Pairs,
) -> Result<[Vec<Option<Print>>; 2], CheckError> {
    let by_name = |pair: &Option<(usize, pairing::How)>| pair.is_some_and(|(_, how)| how == pairing::How::Name);
    let named_there: HashSet<usize> =
        pairs.values.iter().filter(|pair| by_name(pair)).flatten().map(|(partner, _)| *partner).collect();
    let of = |values: &mut dyn Values, skeleton: &Skeleton, named: &dyn Fn(usize) -> bool| {
        let computed = |place: &usize| matches!(skeleton.values[*place].def, Def::Node(..) | Def::Unknown);
        let outside = |place: &usize| !in_turns(skeleton, *place);
        let places = (0..skeleton.values.len()).filter(computed).filter(|place| !named(*place));
        let places: Vec<usize> = places.filter(outside).collect();
        values.want(places.iter().copied().collect());
        let mut found = vec![None; skeleton.values.len()];
        for value in places {
            let taken = values.take(&Key { value, turns: Vec::new() })?;
            found[value] = taken.as_ref().and_then(Print::of);
        }
        Ok::<_, CheckError>(found)
    };
    let ours_found = of(&mut ours.live()?, &ours.skeleton, &|place| by_name(&pairs.values[place]))?;
    let theirs_found = of(theirs, skeleton, &|place| named_there.contains(&place))?;
    Ok([ours_found, theirs_found])
}

/// Whether a value is computed in turns, so that it isn't one value.
fn in_turns(skeleton: &Skeleton, value: usize) -> bool {
    let mut around = skeleton.producer(value).and_then(|node| skeleton.nodes[node].parent);
    while let Some(node) = around {
        let node = &skeleton.nodes[node];
        let turns = |op: &str| ["loop", "scan"].iter().any(|turning| turning.eq_ignore_ascii_case(op));
        if turns(&node.op) || node.inner.iter().any(|inner| turns(inner.op)) {
            return true;
        }
        around = node.parent;
    }
    false
}

fn nothing_in_common(name: &str, theirs: &Skeleton) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = theirs.values.iter().take(SHOWN).map(|value| value.name.as_str()).collect();
    let more = if theirs.values.len() > SHOWN { ", …" } else { "" };
    format!("no value of the model could be paired with one of {name}; it has {}{more}", names.join(", "))
}
