//! Which value of ours is which of theirs: by name, by what they hold, by the structure of the graphs.
//!
//! Names come first, where they can be trusted: two exporters may give the same running numbers to other nodes, so names
//! that lead to nodes of different ops count for little. Values that hold the same, and weights that are the same to the
//! bit, are as good as names. From there on pairs of nodes are found next to pairs that are known ([`structure`]).

mod prints;
mod scaled;
mod score;
mod structure;

use crate::report::Pairing;
use crate::skeleton::{Def, Skeleton};

pub use prints::Print;
pub(crate) use scaled::is_scaled;
pub(crate) use score::family;

/// Of the names that both sides have, how many must lead to nodes of the same op, so that names are trusted.
const TRUSTED: f64 = 0.7;

/// How a pair of values was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By name.
    Name,
    /// By what they hold.
    Value,
    /// By structure.
    Structure,
}

/// The pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// For each value of ours, its partner and how it was found.
    pub values: Vec<Option<(usize, How)>>,
    /// For each value of theirs, its partner.
    pub their_values: Vec<Option<usize>>,
    /// For each node of ours, its partner.
    pub nodes: Vec<Option<usize>>,
    /// For each node of theirs, its partner.
    pub their_nodes: Vec<Option<usize>>,
}

impl Pairs {
    /// No pairs.
    pub fn none(ours: &Skeleton, theirs: &Skeleton) -> Pairs {
        Pairs {
            values: vec![None; ours.values.len()],
            their_values: vec![None; theirs.values.len()],
            nodes: vec![None; ours.nodes.len()],
            their_nodes: vec![None; theirs.nodes.len()],
        }
    }

    /// The pairs of a model with itself.
    pub fn with_itself(skeleton: &Skeleton) -> Pairs {
        let values = skeleton.values.len();
        Pairs {
            values: (0..values).map(|place| Some((place, How::Name))).collect(),
            their_values: (0..values).map(Some).collect(),
            nodes: (0..skeleton.nodes.len()).map(Some).collect(),
            their_nodes: (0..skeleton.nodes.len()).map(Some).collect(),
        }
    }

    /// The partner of a value of ours.
    pub fn of(&self, value: usize) -> Option<usize> {
        self.values.get(value).copied().flatten().map(|(partner, _)| partner)
    }

    /// Takes their partners from values of ours.
    pub fn part(&mut self, values: &[usize]) {
        for value in values {
            if let Some((partner, _)) = self.values[*value].take() {
                self.their_values[partner] = None;
            }
        }
    }

    /// Gives values of ours other partners: each the one beside it. Who had one of these before has none then.
    pub fn exchange(&mut self, ours: &Skeleton, theirs: &Skeleton, partners: &[(usize, usize)]) {
        let values: Vec<usize> = partners
            .iter()
            .flat_map(|(value, partner)| [Some(*value), self.their_values[*partner]])
            .flatten()
            .collect();
        self.part(&values);
        let nodes = |value: usize, partner: usize| Some((ours.producer(value)?, theirs.producer(partner)?));
        let nodes: Vec<(usize, usize)> =
            partners.iter().filter_map(|(value, partner)| nodes(*value, *partner)).collect();
        for (node, there) in &nodes {
            let before = [self.nodes[*node].take(), Some(*there)];
            for there in before.into_iter().flatten() {
                if let Some(back) = self.their_nodes[there].take() {
                    self.nodes[back] = None;
                }
            }
        }
        for (node, there) in nodes {
            (self.nodes[node], self.their_nodes[there]) = (Some(there), Some(node));
        }
        for (value, partner) in partners {
            self.join(*value, *partner, How::Value);
        }
    }

    /// Makes two values partners, where neither has one. Whether it did.
    fn join(&mut self, ours: usize, theirs: usize, how: How) -> bool {
        if self.values[ours].is_some() || self.their_values[theirs].is_some() {
            return false;
        }
        self.values[ours] = Some((theirs, how));
        self.their_values[theirs] = Some(ours);
        true
    }
}

/// What values hold, in short, where both sides were run to find it out.
pub type Prints<'a> = Option<(&'a [Option<Print>], &'a [Option<Print>])>;

/// Finds the pairs.
pub fn pair(ours: &Skeleton, theirs: &Skeleton, prints: Prints) -> Pairs {
    let mut pairs = Pairs::none(ours, theirs);
    let names = common_names(ours, theirs);
    let trusted = are_trusted(ours, theirs, &names);
    if trusted {
        for (a, b) in &names {
            pairs.join(*a, *b, How::Name);
        }
    }
    if let Some((our_prints, their_prints)) = prints {
        prints::pair(ours, theirs, our_prints, their_prints, &mut pairs);
    }
    if theirs.has_nodes() {
        structure::pair(ours, theirs, trusted, &mut pairs);
    }
    pairs
}

/// The values that have one name on both sides.
fn common_names(ours: &Skeleton, theirs: &Skeleton) -> Vec<(usize, usize)> {
    let named = theirs.names();
    let mut found: Vec<(usize, usize)> =
        ours.names().into_iter().filter_map(|(name, place)| Some((place, *named.get(name)?))).collect();
    found.sort_unstable();
    found
}

/// Whether names lead to the same things on both sides.
fn are_trusted(ours: &Skeleton, theirs: &Skeleton, names: &[(usize, usize)]) -> bool {
    if !theirs.has_nodes() {
        return true;
    }
    let produced = names.iter().filter_map(|(a, b)| Some((ours.producer(*a)?, theirs.producer(*b)?)));
    let alike: Vec<bool> =
        produced.map(|(a, b)| score::family(&ours.nodes[a].op) == score::family(&theirs.nodes[b].op)).collect();
    let same = alike.iter().filter(|alike| **alike).count();
    // Of a few names, one node of another op may be the very fault that is looked for.
    same as f64 >= TRUSTED * alike.len() as f64 || same >= 2 && same + 1 == alike.len()
}

/// The pairs in numbers, with some of those that have none.
pub fn summary(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs) -> Pairing {
    /// How many names without a partner are listed.
    const LISTED: usize = 20;
    let computed =
        |skeleton: &Skeleton, place: usize| matches!(skeleton.values[place].def, Def::Node(..) | Def::Unknown);
    let ours_computed: Vec<usize> = (0..ours.values.len()).filter(|place| computed(ours, *place)).collect();
    let theirs_computed: Vec<usize> = (0..theirs.values.len()).filter(|place| computed(theirs, *place)).collect();
    let count = |how: How| {
        ours_computed.iter().filter(|place| pairs.values[**place].is_some_and(|(_, found)| found == how)).count()
    };
    let alone = |skeleton: &Skeleton, places: &[usize], paired: &dyn Fn(usize) -> bool| {
        let alone = places.iter().filter(|place| !paired(**place));
        alone.take(LISTED).map(|place| skeleton.values[*place].name.clone()).collect()
    };
    Pairing {
        ours: ours_computed.len(),
        theirs: theirs_computed.len(),
        by_name: count(How::Name),
        by_structure: count(How::Structure),
        by_value: count(How::Value),
        unpaired_ours: alone(ours, &ours_computed, &|place| pairs.values[place].is_some()),
        unpaired_theirs: alone(theirs, &theirs_computed, &|place| pairs.their_values[place].is_some()),
    }
}
