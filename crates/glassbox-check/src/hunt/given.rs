//! Values that no node computes and that are compared nevertheless.
//!
//! A constant is part of its model, so two constants are held against each other where they are read. But where the other
//! side computes what is a constant here, or has stored a value under its name, only the values tell whether they are the
//! same; and an output is what the user sees of a run, whether or not a node gives it.

use crate::pairing::Pairs;
use crate::skeleton::{Def, Skeleton};

/// The outputs of ours that no node gives, each with what the other side gives in its place.
pub(super) fn outputs(ours: &Skeleton, theirs: &Skeleton, pairs: &Pairs) -> Vec<(usize, Option<usize>)> {
    let same_count = ours.outputs.len() == theirs.outputs.len();
    let partner = |place: usize, name: &str, value: usize| {
        let by_name = theirs.outputs.iter().find(|(known, _)| known == name);
        let by_place = || theirs.outputs.get(place).filter(|_| same_count);
        // Stored values have names only.
        let stored = || pairs.of(value).filter(|_| theirs.outputs.is_empty());
        by_name.or_else(by_place).map(|(_, there)| *there).or_else(stored)
    };
    let outputs = ours.outputs.iter().enumerate();
    let given = outputs.filter(|(_, (_, value))| ours.producer(*value).is_none());
    let mut found: Vec<(usize, Option<usize>)> =
        given.map(|(place, (name, value))| (*value, partner(place, name, *value))).collect();
    found.dedup();
    found
}

/// Whether a value of ours is held against its partner when our run comes to it: what a node gives, and a constant for which
/// the other side has more than a constant that is no output.
pub(super) fn is_compared(ours: &Skeleton, theirs: &Skeleton, same_model: bool, value: usize, partner: usize) -> bool {
    let constant = |skeleton: &Skeleton, value: usize| matches!(skeleton.values[value].def, Def::Constant(_));
    match (constant(ours, value), constant(theirs, partner)) {
        // What is to be had at the end of a run of the same model isn't asked for before.
        (true, true) => !same_model && ours.is_output(value),
        (true, false) => true,
        _ => ours.producer(value).is_some(),
    }
}

/// The values of theirs that are asked for beside those that their nodes give.
pub(super) fn wanted<'a>(
    ours: &'a Skeleton,
    theirs: &'a Skeleton,
    pairs: &'a Pairs,
    same_model: bool,
) -> impl Iterator<Item = usize> + 'a {
    let constants = (0..pairs.values.len()).filter_map(|value| Some((value, pairs.of(value)?)));
    let constants = constants.filter(move |(value, partner)| {
        theirs.producer(*partner).is_none() && is_compared(ours, theirs, same_model, *value, *partner)
    });
    constants.map(|(_, partner)| partner).chain(outputs(ours, theirs, pairs).into_iter().filter_map(|(_, there)| there))
}
