//! What a hunt has found, as data: the terminal, JSON and HTML are made from it.
//!
//! *Ours* is the model that is checked, *theirs* what it is held against. The names of nodes and values are ours, where
//! it isn't said otherwise. Numbers are f64, whatever dtype they were computed in.

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The model, as it was named.
    pub model: String,
    /// What it is held against, as it was named.
    pub against: String,
    /// The answer.
    pub verdict: Verdict,
    /// The answer in words: one paragraph without line breaks.
    pub summary: String,
    /// The nodes that are at fault, the most suspicious first; those of one rank in the order of the run.
    pub culprits: Vec<Culprit>,
    /// Every value that was compared, in the order of the run.
    pub rows: Vec<Row>,
    /// The outputs, as places in `rows`.
    pub outputs: Vec<usize>,
    /// Where values that aren't finite, or that are lost, came to be on our side and not on theirs.
    pub births: Vec<Birth>,
    /// What became of the names and the structure of both sides.
    pub pairing: Pairing,
    /// The nodes around the first culprit.
    pub neighbourhood: Neighbourhood,
}

/// The answer of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Every value agrees.
    #[default]
    Agrees,
    /// Values differ, and no node parts from the other side by more than its own rounding.
    Rounding,
    /// The values agree on these inputs, and the models differ.
    Structure,
    /// They differ.
    Differs,
}

impl Verdict {
    /// The name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Agrees => "agrees",
            Verdict::Rounding => "rounding",
            Verdict::Structure => "structure",
            Verdict::Differs => "differs",
        }
    }

    /// Whether the answer is yes.
    pub fn is_good(self) -> bool {
        matches!(self, Verdict::Agrees | Verdict::Rounding)
    }
}

/// One value of ours that was held against one of theirs.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The value.
    pub value: String,
    /// The node that gives it, and its op: that of the ONNX file, where the node comes from one.
    pub node: String,
    /// The op.
    pub op: String,
    /// The layer that it belongs to; empty where the model has no layers.
    pub layer: String,
    /// The bodies and turns that it was computed in: `loop[3]/if`. Empty outside of bodies.
    pub path: String,
    /// Its type, with the sizes of this run.
    pub ty: String,
    /// What the value is called on the other side, where that is another name.
    pub theirs: Option<String>,
    /// Its type on the other side, where that is another one.
    pub their_ty: Option<String>,
    /// How they stand to each other.
    pub status: Status,
    /// How far the two runs are apart here. `None` where they have different shapes or aren't of numbers.
    pub apart: Option<Apart>,
    /// How far the node alone parts from the other side, given the other side's values.
    pub alone: Option<Apart>,
    /// The elements of ours, where the value is one of numbers.
    pub ours_stats: Option<Stats>,
    /// The elements of theirs.
    pub their_stats: Option<Stats>,
}

/// How a value of ours stands to theirs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// They are the same to the bit, or within what was allowed.
    #[default]
    Agrees,
    /// They differ by what the rounding of this node makes.
    Rounding,
    /// They differ, since what the node was given differs.
    Inherited,
    /// They differ, and this node parts them.
    Introduced,
}

impl Status {
    /// The name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Agrees => "agrees",
            Status::Rounding => "rounding",
            Status::Inherited => "inherited",
            Status::Introduced => "introduced",
        }
    }
}

/// How far two tensors are apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Apart {
    /// How many elements there are.
    pub count: u64,
    /// How many differ at all.
    pub differing: u64,
    /// The largest absolute difference of elements that are finite on both sides.
    pub max_abs: f64,
    /// The largest difference relative to the other side's element.
    pub max_rel: f64,
    /// The largest difference in representable values of the coarser dtype.
    pub max_ulp: u64,
    /// The root of the mean square of the differences, over that of the other side's elements.
    pub rms_rel: f64,
    /// How many are finite on one side only, or infinities or NaNs of another kind.
    pub special: u64,
    /// The element that differs most.
    pub worst: Option<Place>,
    /// How the differences are spread: of 24 bins, the first for those that are equal, then by powers of ten of the
    /// relative difference, from below 1e-16 to 1e5 and above; what isn't finite on one side is in the last.
    pub spread: Vec<u64>,
}

/// An element on both sides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Where it is.
    pub index: Vec<usize>,
    /// Ours.
    pub ours: f64,
    /// Theirs.
    pub theirs: f64,
    /// What it is in f64, where that was computed.
    pub precise: Option<f64>,
}

/// What is to be known of a tensor's elements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// The least of those that are finite.
    pub min: f64,
    /// The greatest of those that are finite.
    pub max: f64,
    /// The mean of those that are finite.
    pub mean: f64,
    /// The root of the mean square of those that are finite.
    pub rms: f64,
    /// How many are NaN.
    pub nan: u64,
    /// How many are infinite.
    pub inf: u64,
}

/// A node that is at fault.
#[derive(Clone, Debug, Default)]
pub struct Culprit {
    /// The node.
    pub node: String,
    /// The op.
    pub op: String,
    /// The layer that it belongs to; empty where the model has no layers.
    pub layer: String,
    /// The bodies and turns that it was computed in.
    pub path: String,
    /// What the node is called on the other side, where it was found there.
    pub theirs: Option<String>,
    /// The row of the value at which it was seen, where it was seen in values.
    pub row: Option<usize>,
    /// What happens there.
    pub kind: Kind,
    /// Who is wrong, by the value in f64.
    pub wrong: Wrong,
    /// In what the node differs from the one on the other side, where both are models.
    pub causes: Vec<Cause>,
    /// Whether it is no node: a constant or an input that is an output, or that the other side gives a value for. The name
    /// is that of the value then.
    pub is_given: bool,
    /// The other nodes between the values that were compared: the fault is in one of them. Names, in program order.
    pub among: Vec<String>,
    /// The node that is named first of those among which the fault is, where this one is named beside it.
    pub beside: Option<String>,
    /// The worst element, with the value in f64.
    pub place: Option<Place>,
    /// One line for a person.
    pub line: String,
}

/// What happens at a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// It computes something else.
    #[default]
    Meaning,
    /// The shape or dtype is another one.
    Type,
    /// The result is too large for its dtype.
    Overflow,
    /// The result is too small for its dtype.
    Underflow,
    /// A NaN, from operands that have none.
    NanBorn,
    /// An infinity, from operands that have none, where the result is none.
    InfBorn,
    /// Operands that nearly cancel: digits are lost.
    Cancellation,
    /// Rounding that is larger than its op and dtype explain.
    Precision,
    /// The models differ here, and the values on these inputs don't show it.
    Unseen,
}

impl Kind {
    /// The name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Meaning => "meaning",
            Kind::Type => "type",
            Kind::Overflow => "overflow",
            Kind::Underflow => "underflow",
            Kind::NanBorn => "nan_born",
            Kind::InfBorn => "inf_born",
            Kind::Cancellation => "cancellation",
            Kind::Precision => "precision",
            Kind::Unseen => "unseen",
        }
    }
}

/// Who is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrong {
    /// It can't be told.
    #[default]
    Unknown,
    /// Ours: theirs is what our node gives in f64, up to rounding.
    Ours,
    /// Theirs parts from what our node means: theirs is wrong, or means something else.
    Theirs,
    /// Both are far from it.
    Both,
}

impl Wrong {
    /// The name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Wrong::Unknown => "unknown",
            Wrong::Ours => "ours",
            Wrong::Theirs => "theirs",
            Wrong::Both => "both",
        }
    }
}

/// In what two nodes differ.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// They are of different ops.
    Op {
        /// Ours.
        ours: String,
        /// Theirs.
        theirs: String,
    },
    /// An attribute. A side that leaves it out has `None`.
    Attribute {
        /// Its name.
        name: String,
        /// Ours.
        ours: Option<String>,
        /// Theirs.
        theirs: Option<String>,
    },
    /// A weight or constant.
    Constant {
        /// What the operand is called.
        name: String,
        /// The place of the operand.
        operand: usize,
        /// The norm of the difference over that of theirs; `None` where the shapes or dtypes differ.
        relative: Option<f64>,
        /// Ours, short.
        ours: String,
        /// Theirs, short.
        theirs: String,
    },
    /// The same operands, in another order.
    Order {
        /// The places, as theirs has them in ours.
        places: Vec<usize>,
    },
    /// An operand that is another value.
    Operand {
        /// The place of the operand.
        operand: usize,
        /// Ours.
        ours: String,
        /// What ours would be called that theirs reads.
        theirs: String,
    },
}

/// Where a value came to be that isn't finite, or that was lost.
#[derive(Clone, Debug, Default)]
pub struct Birth {
    /// `nan`, `inf`, `zero`.
    pub what: &'static str,
    /// Whether it is on our side.
    pub ours: bool,
    /// The node.
    pub node: String,
    /// The op.
    pub op: String,
    /// The value.
    pub value: String,
    /// The bodies and turns.
    pub path: String,
    /// How many elements.
    pub count: u64,
}

/// How the values of both sides were paired.
#[derive(Clone, Debug, Default)]
pub struct Pairing {
    /// How many values of ours there are, constants left out.
    pub ours: usize,
    /// How many of theirs.
    pub theirs: usize,
    /// How many were paired by name.
    pub by_name: usize,
    /// How many by the structure of the graphs.
    pub by_structure: usize,
    /// How many by what they hold.
    pub by_value: usize,
    /// Some of ours that have no partner.
    pub unpaired_ours: Vec<String>,
    /// Some of theirs that have no partner.
    pub unpaired_theirs: Vec<String>,
}

/// Some thirty nodes around the first culprit, as a graph to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Neighbourhood {
    /// The nodes, in program order.
    pub nodes: Vec<Neighbour>,
    /// From which node to which, as places in `nodes`.
    pub edges: Vec<(usize, usize)>,
}

/// A node in a [`Neighbourhood`].
#[derive(Clone, Debug, Default)]
pub struct Neighbour {
    /// What it is called.
    pub label: String,
    /// Its op; `input` or `weight` for what no node gives.
    pub op: String,
    /// The row of its first result, where that was compared.
    pub row: Option<usize>,
    /// Whether it is the first culprit.
    pub guilty: bool,
}
