//! Names that differ in their numbers only, told as one: layers that have the same nodes.

use std::collections::HashMap;

/// Names that are alike.
pub(super) struct Fold<'a> {
    /// The names, in order.
    pub(super) names: Vec<&'a str>,
    /// What they have in common, with `*` for the numbers.
    pub(super) pattern: String,
}

impl Fold<'_> {
    /// The one name, or the pattern.
    pub(super) fn name(&self) -> &str {
        match self.names.as_slice() {
            [only] => only,
            _ => &self.pattern,
        }
    }
}

/// A name with `*` for every number in it.
pub(super) fn pattern(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for char in name.chars() {
        match char.is_ascii_digit() {
            true if pattern.ends_with('*') => {}
            true => pattern.push('*'),
            false => pattern.push(char),
        }
    }
    pattern
}

/// The folds of some names, in the order in which each is first met.
pub(super) fn fold<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Fold<'a>> {
    let mut folds: Vec<Fold> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for name in names {
        let pattern = pattern(name);
        let place = *places.entry(pattern.clone()).or_insert(folds.len());
        if place == folds.len() {
            folds.push(Fold { names: Vec::new(), pattern });
        }
        folds[place].names.push(name);
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_one() {
        let names = ["h.0/attn", "h.1/attn", "h.10/attn", "norm"];
        let folds = fold(names.into_iter());
        let told: Vec<(&str, usize)> = folds.iter().map(|fold| (fold.name(), fold.names.len())).collect();
        assert_eq!(told, [("h.*/attn", 3), ("norm", 1)]);
    }
}
