//! Inputs, outputs and states held against each other: names, types, order, and which value an output is.
//!
//! The symbols of dims have their names from the files: types are the same where one set of names can be put for the other
//! throughout the model.

use std::collections::HashMap;

use super::partners::Partners;
use super::{Difference, End, EndKind, Named, Renamed};
use crate::skeleton::Skeleton;

/// Compares inputs, outputs and states.
pub(super) fn compare(partners: &Partners, found: &mut Difference) {
    let mut symbols = Symbols::default();
    let (ours, theirs) = (partners.ours.skeleton, partners.theirs.skeleton);
    let inputs = (list(&inputs(ours), &ours.input_types), list(&inputs(theirs), &theirs.input_types));
    let by_value = |a: usize, b: usize| partners.pairs.of(ours.inputs[a]) == Some(theirs.inputs[b]);
    ends(EndKind::Input, &inputs.0, &inputs.1, &by_value, &mut symbols, found);
    let outputs = (list(&outputs(ours), &ours.output_types), list(&outputs(theirs), &theirs.output_types));
    let by_value = |a: usize, b: usize| {
        let (x, y) = (ours.outputs[a].1, theirs.outputs[b].1);
        partners.ours.get(x).is_none() && partners.pairs.of(x) == Some(y)
    };
    let first = found.ends.len();
    ends(EndKind::Output, &outputs.0, &outputs.1, &by_value, &mut symbols, found);
    other_values(partners, first, &outputs, found);
    let states = |skeleton: &Skeleton| -> Vec<Named> {
        let all = skeleton.states.iter().enumerate();
        all.map(|(place, (name, ty))| Named { name: name.clone(), ty: ty.clone(), place }).collect()
    };
    ends(EndKind::State, &states(ours), &states(theirs), &|_, _| false, &mut symbols, found);
    for end in &found.ends {
        if let (EndKind::Output | EndKind::State, Some(one), Some(other)) = (end.kind, &end.ours, &end.theirs)
            && one.name != other.name
            && end.gives.is_none()
        {
            let what = end.kind.name();
            found.renamed.push(Renamed { what, ours: one.name.clone(), theirs: other.name.clone() });
        }
    }
}

fn inputs(skeleton: &Skeleton) -> Vec<String> {
    skeleton.inputs.iter().map(|value| skeleton.values[*value].name.clone()).collect()
}

fn outputs(skeleton: &Skeleton) -> Vec<String> {
    skeleton.outputs.iter().map(|(name, _)| name.clone()).collect()
}

fn list(names: &[String], types: &[String]) -> Vec<Named> {
    let ty = |place: usize| types.get(place).cloned().unwrap_or_else(|| UNKNOWN.to_owned());
    names.iter().enumerate().map(|(place, name)| Named { name: name.clone(), ty: ty(place), place }).collect()
}

/// A type that isn't known.
const UNKNOWN: &str = "?";

/// Finds the partners: by name where both have it, else as their values are partners, else by what is left over in order
/// where it is as many on both sides.
fn ends(
    kind: EndKind,
    ours: &[Named],
    theirs: &[Named],
    by_value: &dyn Fn(usize, usize) -> bool,
    symbols: &mut Symbols,
    found: &mut Difference,
) {
    let mut partner: Vec<Option<usize>> = vec![None; ours.len()];
    let mut taken = vec![false; theirs.len()];
    let by_name = |a: usize, b: usize| ours[a].name == theirs[b].name;
    // Names of inputs that are trusted are in the pairs of values already.
    let ways: [&dyn Fn(usize, usize) -> bool; 2] =
        if kind == EndKind::Input { [by_value, &by_name] } else { [&by_name, by_value] };
    for way in ways {
        for (a, found) in partner.iter_mut().enumerate().filter(|(_, found)| found.is_none()) {
            if let Some(b) = (0..theirs.len()).find(|b| !taken[*b] && way(a, *b)) {
                *found = Some(b);
                taken[b] = true;
            }
        }
    }
    let left: Vec<usize> = (0..ours.len()).filter(|a| partner[*a].is_none()).collect();
    let over: Vec<usize> = (0..theirs.len()).filter(|b| !taken[*b]).collect();
    if left.len() == over.len() {
        left.into_iter().zip(over).for_each(|(a, b)| {
            partner[a] = Some(b);
            taken[b] = true;
        });
    }
    // Places can be held against each other where nothing is missing.
    let whole = ours.len() == theirs.len() && partner.iter().all(Option::is_some);
    for (a, named) in ours.iter().enumerate() {
        let Some(other) = partner[a].map(|b| &theirs[b]) else {
            found.ends.push(End { kind, ours: Some(named.clone()), differs: true, ..End::default() });
            continue;
        };
        let moved = whole && named.place != other.place && kind != EndKind::State;
        let differs = !symbols.same(&named.ty, &other.ty) || moved;
        if differs || named.name != other.name {
            let (ours, theirs) = (Some(named.clone()), Some(other.clone()));
            found.ends.push(End { kind, ours, theirs, gives: None, differs });
        }
    }
    for named in theirs.iter().enumerate().filter(|(b, _)| !taken[*b]).map(|(_, named)| named) {
        found.ends.push(End { kind, theirs: Some(named.clone()), differs: true, ..End::default() });
    }
}

/// Outputs that are other values. `first` is the place of the first output that is listed already.
fn other_values(partners: &Partners, first: usize, lists: &(Vec<Named>, Vec<Named>), found: &mut Difference) {
    let (ours, theirs) = (partners.ours.skeleton, partners.theirs.skeleton);
    for named in &lists.0 {
        let listed =
            found.ends[first..].iter().position(|end| end.ours.as_ref().is_some_and(|one| one.place == named.place));
        let other = match listed.map(|at| &found.ends[first + at]) {
            Some(end) => end.theirs.clone(),
            None => lists.1.iter().find(|other| other.name == named.name).cloned(),
        };
        let Some(other) = other else { continue };
        let (x, y) = (ours.outputs[named.place].1, theirs.outputs[other.place].1);
        if partners.same(x, y) || partners.both_are_lone(x, y) {
            continue;
        }
        let gives = Some((ours.values[x].name.clone(), theirs.values[y].name.clone()));
        match listed {
            Some(at) => {
                found.ends[first + at].gives = gives;
                found.ends[first + at].differs = true;
            }
            None => found.ends.push(End {
                kind: EndKind::Output,
                ours: Some(named.clone()),
                theirs: Some(other),
                gives,
                differs: true,
            }),
        }
    }
}

/// Which symbol of theirs stands for which of ours.
#[derive(Default)]
struct Symbols {
    ours: HashMap<String, String>,
    theirs: HashMap<String, String>,
}

impl Symbols {
    /// Whether two types are the same. What is learnt of symbols is kept only if they are.
    fn same(&mut self, ours: &str, theirs: &str) -> bool {
        if ours == UNKNOWN || theirs == UNKNOWN {
            return true;
        }
        let (left, right) = (tokens(ours), tokens(theirs));
        if left.len() != right.len() {
            return false;
        }
        let before = (self.ours.clone(), self.theirs.clone());
        let same = left.iter().zip(&right).all(|pair| match pair {
            (Token::Symbol(a), Token::Symbol(b)) => {
                self.ours.entry(a.clone()).or_insert_with(|| b.clone()) == b
                    && self.theirs.entry(b.clone()).or_insert_with(|| a.clone()) == a
            }
            (a, b) => a == b,
        });
        if !same {
            (self.ours, self.theirs) = before;
        }
        same
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Symbol(String),
    Other(String),
}

/// The text of a type in parts: the symbols in its dims, and what is between them.
fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '"' => rest[1..].find('"').map_or(rest.len(), |at| at + 2),
            _ if first.is_alphabetic() || first == '_' => {
                rest.find(|char: char| !char.is_alphanumeric() && !matches!(char, '_' | '.')).unwrap_or(rest.len())
            }
            // A number with what stands in it, so that 16 isn't 1 and 6.
            _ if first.is_ascii_digit() => rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        match first {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let named = first == '"' || first.is_alphabetic() || first == '_';
        // What stands before a bracket is a function or a dtype.
        let symbol = named && depth > 0 && !after.starts_with(['(', '[']);
        found.push(if symbol { Token::Symbol(token.to_owned()) } else { Token::Other(token.to_owned()) });
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_the_same_whatever_their_symbols_are_called() {
        let mut symbols = Symbols::default();
        assert!(symbols.same("f32[N, 64]", "f32[batch, 64]"));
        assert!(symbols.same("f32[2*N+1, T]", "f32[2*batch+1, seq]"));
        assert!(!symbols.same("f32[N]", "f32[seq]"), "N is batch");
        assert!(!symbols.same("f32[N, N]", "f32[batch, other]"));
        assert!(!symbols.same("f32[N]", "f32[1]"));
        assert!(!symbols.same("f32[N]", "f16[batch]"));
        assert!(symbols.same("?", "f32[9]"), "what isn't known isn't another type");
    }
}
