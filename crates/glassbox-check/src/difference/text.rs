//! A difference for a terminal: the answer in the first line, then what differs, A → B.
//!
//! No line is wider than it was asked for. Names that differ in their numbers only are told as one; `all` tells every name.
//! What is left out is said where it is missing.

use std::collections::HashMap;

use anstyle::Style;

use super::fold::{Fold, fold, pattern};
use super::{Change, Changed, Difference, End, EndKind, Lone, LoneWeight, Weight, WeightKind};
use crate::report::Apart;
use crate::view::TextOptions;
use crate::view::fit::{columns, left, number, right, shorten, visible, wrap};
use crate::view::sheet::{BAD, BOLD, DIM, GOOD, NAME, Sheet};

/// A table of weights takes one line a weight from this width on.
const WIDE: usize = 60;
/// The widths of the columns of numbers.
const NUMBER: usize = 9;
/// How many names of nodes that are told together stand in a line.
const NAMES: usize = 4;
/// The longest value that is shown of what files say.
const LONGEST: usize = 60;

/// A difference for a terminal.
pub fn text(found: &Difference, options: &TextOptions) -> String {
    let mut page = Page { sheet: Sheet::new(options), options, left_out: false };
    page.head(found);
    page.ends(found);
    page.changed(&found.changed);
    page.lone("nodes only in A", &found.only_ours);
    page.lone("nodes only in B", &found.only_theirs);
    page.weights(&found.weights_changed);
    page.stored(&found.weights_changed);
    page.lone_weights("weights only in A", &found.weights_only_ours);
    page.lone_weights("weights only in B", &found.weights_only_theirs);
    page.renamed(found);
    page.notes(found);
    page.foot();
    page.sheet.text
}

struct Page<'a> {
    sheet: Sheet,
    options: &'a TextOptions,
    left_out: bool,
}

impl Page<'_> {
    fn title(&mut self, title: &str) {
        self.sheet.line("");
        self.sheet.hanging(0, BOLD, title);
    }

    /// How many things of a kind are shown.
    fn top(&self) -> usize {
        if self.options.all { usize::MAX } else { self.options.top.max(1) }
    }

    /// Says how many more there are.
    fn more(&mut self, more: usize) {
        if more > 0 {
            self.left_out = true;
            self.sheet.hanging(2, DIM, &format!("and {more} more"));
        }
    }

    fn head(&mut self, found: &Difference) {
        let (sign, style) = if found.is_same() { ("✓", GOOD) } else { ("✗", BAD) };
        for (place, line) in wrap(&found.headline(), self.sheet.width - 2).iter().enumerate() {
            let before = if place == 0 { sign } else { " " };
            let line = self.sheet.paint(style, &format!("{before} {line}"));
            self.sheet.line(&line);
        }
        let weights = (found.weights.ours, found.weights.theirs);
        for (side, name, nodes, weights) in
            [("A", &found.ours, found.nodes.ours, weights.0), ("B", &found.theirs, found.nodes.theirs, weights.1)]
        {
            let weights = format!("{weights} {}", if weights == 1 { "weight" } else { "weights" });
            let about = match found.weights_only {
                Some(_) => weights,
                None => format!("{nodes} {}, {weights}", if nodes == 1 { "node" } else { "nodes" }),
            };
            let room = (self.sheet.prose_width() - 2).saturating_sub(columns(&about) + 4);
            let name = shorten(&visible(name), room.max(8));
            self.sheet.hanging(0, DIM, &format!("{side} {name}: {about}"));
        }
        if let Some(why) = &found.weights_only {
            self.sheet.hanging(0, DIM, why);
        }
    }

    fn ends(&mut self, found: &Difference) {
        let ends: Vec<&End> = found.ends.iter().collect();
        if ends.is_empty() {
            return;
        }
        self.title("inputs, outputs and states");
        for end in ends.iter().take(self.top()) {
            self.sheet.hanging(2, Style::new(), &end_words(end));
        }
        self.more(ends.len().saturating_sub(self.top()));
    }

    /// Nodes that differ in the same way are told together.
    fn changed(&mut self, changed: &[Changed]) {
        if changed.is_empty() {
            return;
        }
        self.title(&format!("nodes that differ: {}", changed.len()));
        let mut groups: Vec<(Vec<String>, Vec<&Changed>)> = Vec::new();
        let mut places: HashMap<(String, Vec<String>), usize> = HashMap::new();
        for one in changed {
            let words: Vec<String> = one.changes.iter().map(change_words).collect();
            let all = self.options.all;
            let alike = words.iter().zip(&one.changes).map(|(words, change)| match change {
                // What is read has the number of its layer.
                Change::Operand { .. } | Change::Order { .. } | Change::Yield { .. } if !all => pattern(words),
                _ => words.clone(),
            });
            let key = (one.op.clone(), alike.collect());
            let place = *places.entry(key).or_insert(groups.len());
            if place == groups.len() {
                groups.push((words, Vec::new()));
            }
            groups[place].1.push(one);
        }
        for (words, nodes) in groups.iter().take(self.top()) {
            let Some(first) = nodes.first() else { continue };
            let count = if nodes.len() == 1 { String::new() } else { format!(" ×{}", nodes.len()) };
            let names = self.names(nodes.iter().map(|node| node.node.as_str()));
            let theirs = match (nodes.as_slice(), &first.theirs) {
                ([_], Some(theirs)) => format!(", in B {theirs}"),
                _ => String::new(),
            };
            self.sheet.hanging(2, NAME, &format!("{}{count}: {names}{theirs}", first.op));
            let alike = nodes.len() == 1 || nodes.iter().all(|node| node.changes == first.changes);
            for words in words {
                let words = if alike { words.clone() } else { pattern_of_names(words) };
                self.sheet.hanging(4, Style::new(), &words);
            }
        }
        self.more(groups.len().saturating_sub(self.top()));
    }

    /// Names that are told together.
    fn names<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> String {
        if self.options.all {
            return names.collect::<Vec<_>>().join(", ");
        }
        let folds = fold(names);
        let word = |fold: &Fold| match fold.names.len() {
            1 => fold.name().to_owned(),
            count if folds.len() > 1 => format!("{} ×{count}", fold.name()),
            _ => fold.name().to_owned(),
        };
        let mut words: Vec<String> = folds.iter().take(NAMES).map(word).collect();
        let told: usize = folds.iter().take(NAMES).map(|fold| fold.names.len()).sum();
        let all: usize = folds.iter().map(|fold| fold.names.len()).sum();
        if all > told {
            words.push(format!("and {} more", all - told));
        }
        self.left_out |= all > told || folds.iter().any(|fold| fold.names.len() > 1);
        words.join(", ")
    }

    /// Nodes that only one side has, by op.
    fn lone(&mut self, title: &str, nodes: &[Lone]) {
        if nodes.is_empty() {
            return;
        }
        self.title(&format!("{title}: {}", nodes.len()));
        let mut ops: Vec<(&str, Vec<&Lone>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for node in nodes {
            let place = *places.entry(node.op.as_str()).or_insert(ops.len());
            if place == ops.len() {
                ops.push((&node.op, Vec::new()));
            }
            ops[place].1.push(node);
        }
        for (op, nodes) in ops.iter().take(self.top()) {
            let count = if nodes.len() == 1 { String::new() } else { format!(" ×{}", nodes.len()) };
            let names = self.names(nodes.iter().map(|node| node.node.as_str()));
            self.sheet.hanging(2, Style::new(), &format!("{op}{count}: {names}"));
        }
        self.more(ops.len().saturating_sub(self.top()));
    }

    fn weights(&mut self, weights: &[Weight]) {
        let weights: Vec<&Weight> = weights.iter().filter(|weight| weight.kind != WeightKind::Stored).collect();
        if weights.is_empty() {
            return;
        }
        self.sheet.line("");
        let wide = self.sheet.width >= WIDE;
        let heads = ["rel norm", "max abs", "differ"].map(|head| right(head, NUMBER)).concat();
        let title = format!("weights that differ: {}", weights.len());
        let shown: Vec<&&Weight> = weights.iter().take(self.top()).collect();
        let types = shown.iter().map(|weight| columns(&weight.ty)).max().unwrap_or(0);
        let types = types.min((self.sheet.width - 3 * NUMBER) * 2 / 5);
        let names = self.sheet.width.saturating_sub(3 * NUMBER + types + 2 + 2);
        let head = match wide {
            true => format!("{}{heads}", left(&shorten(&title, names + 2), names + 2 + types + 2)),
            false => title,
        };
        let head = self.sheet.paint(BOLD, &head);
        self.sheet.line(&head);
        for weight in shown {
            self.weight(weight, wide, names, types);
        }
        self.more(weights.len().saturating_sub(self.top()));
    }

    fn weight(&mut self, weight: &Weight, wide: bool, names: usize, types: usize) {
        let numbers = match &weight.apart {
            Some(apart) => {
                let differ =
                    if apart.differing == apart.count { "all".to_owned() } else { apart.differing.to_string() };
                [measure(apart), short(apart.max_abs), differ]
                    .map(|cell| right(&shorten(&cell, NUMBER - 1), NUMBER))
                    .concat()
            }
            None => String::new(),
        };
        let name = visible(&weight.name);
        if wide {
            let name = self.sheet.paint(NAME, &left(&shorten(&name, names), names));
            self.sheet.line(&format!("  {name}  {}{numbers}", left(&shorten(&weight.ty, types), types)));
        } else {
            self.sheet.hanging(2, NAME, &name);
            let room = self.sheet.width.saturating_sub(4 + columns(&numbers));
            if columns(&weight.ty) > room {
                self.sheet.hanging(4, Style::new(), &weight.ty);
                self.sheet.line(&format!("  {numbers}"));
            } else {
                self.sheet.line(&format!("    {}{numbers}", left(&weight.ty, room)));
            }
        }
        if let Some(theirs) = &weight.theirs {
            self.sheet.hanging(4, DIM, &format!("in B {theirs}"));
        }
        if let Some(theirs) = &weight.their_ty {
            self.sheet.hanging(4, Style::new(), &format!("{} → {theirs}", weight.ty));
        }
        if let Some((ours, theirs)) = &weight.values {
            self.sheet.hanging(4, Style::new(), &format!("{ours} → {theirs}"));
        }
        if let Some(apart) = weight.apart.as_ref().filter(|apart| apart.special > 0) {
            self.sheet.hanging(
                4,
                Style::new(),
                &format!("{} are finite on one side only, or NaN or infinite otherwise", apart.special),
            );
        }
        if weight.apart.as_ref().is_some_and(|apart| apart.differing == 0) {
            self.sheet.hanging(4, Style::new(), "equal numbers with other bits: signs of zeros, or kinds of NaN");
        }
    }

    /// Weights that are the same up to the dtype that they are stored in.
    fn stored(&mut self, weights: &[Weight]) {
        let stored: Vec<&Weight> = weights.iter().filter(|weight| weight.kind == WeightKind::Stored).collect();
        let mut by_types: Vec<(String, Vec<&Weight>)> = Vec::new();
        let dtype = |ty: &str| ty.split('[').next().unwrap_or_default().to_owned();
        for weight in &stored {
            let theirs = weight.their_ty.as_deref().unwrap_or(&weight.ty);
            let change = format!("{} → {}", dtype(&weight.ty), dtype(theirs));
            match by_types.iter_mut().find(|(known, _)| *known == change) {
                Some((_, weights)) => weights.push(weight),
                None => by_types.push((change, vec![weight])),
            }
        }
        if by_types.is_empty() {
            return;
        }
        self.title(&format!("weights stored in another dtype, equal up to its rounding: {}", stored.len()));
        for (change, weights) in by_types {
            let names = self.names(weights.iter().map(|weight| weight.name.as_str()));
            let largest = weights.iter().filter_map(|weight| weight.apart.as_ref()).map(|apart| apart.rms_rel);
            let largest = largest.fold(0.0, f64::max);
            let count = weights.len();
            self.sheet.hanging(
                2,
                Style::new(),
                &format!("{change} ×{count}, rel norm at most {}: {names}", short(largest)),
            );
        }
    }

    fn lone_weights(&mut self, title: &str, weights: &[LoneWeight]) {
        if weights.is_empty() {
            return;
        }
        let all = self.options.all;
        let (told, implied): (Vec<&LoneWeight>, Vec<&LoneWeight>) =
            weights.iter().partition(|weight| all || !weight.of_lone_nodes);
        self.title(&format!("{title}: {}", weights.len()));
        let mut folds: Vec<(String, Vec<&LoneWeight>)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for weight in told {
            let key = if all { weight.name.clone() } else { format!("{} {}", pattern(&weight.name), weight.ty) };
            let place = *places.entry(key.clone()).or_insert(folds.len());
            if place == folds.len() {
                folds.push((key, Vec::new()));
            }
            folds[place].1.push(weight);
        }
        for (_, weights) in folds.iter().take(self.top()) {
            let Some(first) = weights.first() else { continue };
            let name = match weights.len() {
                1 => first.name.clone(),
                count => format!("{} ×{count}", pattern(&first.name)),
            };
            self.left_out |= weights.len() > 1;
            self.sheet.hanging(2, Style::new(), &format!("{name}: {}", first.ty));
        }
        self.more(folds.len().saturating_sub(self.top()));
        if !implied.is_empty() {
            self.left_out = true;
            let are = if implied.len() == 1 { "is" } else { "are" };
            self.sheet.hanging(2, DIM, &format!("{} {are} read by nodes that are on this side only", implied.len()));
        }
    }

    fn renamed(&mut self, found: &Difference) {
        if found.renamed.is_empty() {
            return;
        }
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for renamed in &found.renamed {
            match kinds.iter_mut().find(|(what, _)| *what == renamed.what) {
                Some((_, count)) => *count += 1,
                None => kinds.push((renamed.what, 1)),
            }
        }
        let words: Vec<String> =
            kinds.iter().map(|(what, count)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" })).collect();
        self.title(&format!("renamed: {}", words.join(", ")));
        if self.options.all {
            for renamed in &found.renamed {
                self.sheet.hanging(2, Style::new(), &format!("{} {} → {}", renamed.what, renamed.ours, renamed.theirs));
            }
        } else {
            self.left_out = true;
        }
    }

    fn notes(&mut self, found: &Difference) {
        if found.notes.is_empty() {
            return;
        }
        self.title("beside the model, the files say otherwise");
        let short = |value: &Option<String>| match value {
            None => "nothing".to_owned(),
            Some(value) if value.is_empty() => "\"\"".to_owned(),
            Some(value) => shorten(&visible(value), LONGEST),
        };
        for note in found.notes.iter().take(self.top()) {
            self.sheet.hanging(2, DIM, &format!("{}: {} → {}", note.what, short(&note.ours), short(&note.theirs)));
        }
        self.more(found.notes.len().saturating_sub(self.top()));
    }

    fn foot(&mut self) {
        if self.left_out {
            self.sheet.line("");
            self.sheet.hanging(0, DIM, "--all tells every name; --json has everything");
        }
    }
}

/// An input, output or state in words.
fn end_words(end: &End) -> String {
    let kind = end.kind.name();
    match (&end.ours, &end.theirs) {
        (Some(ours), Some(theirs)) => {
            let name = match ours.name == theirs.name {
                true => ours.name.clone(),
                false => format!("{} → {}", ours.name, theirs.name),
            };
            let mut words = format!("{kind} {name}: {}", ours.ty);
            if end.differs && ours.ty != theirs.ty {
                words += &format!(" → {}", theirs.ty);
            }
            if ours.place != theirs.place && end.differs && end.kind != EndKind::State {
                words += &format!("; place {} → {}", ours.place + 1, theirs.place + 1);
            }
            if let Some((ours, theirs)) = &end.gives {
                words += &format!("; gives {ours} → {theirs}");
            }
            if !end.differs {
                words += " (only the name differs)";
            }
            words
        }
        (Some(ours), None) => format!("{kind} {}: only in A, {}", ours.name, ours.ty),
        (None, Some(theirs)) => format!("{kind} {}: only in B, {}", theirs.name, theirs.ty),
        (None, None) => kind.to_owned(),
    }
}

/// A change in words.
fn change_words(change: &Change) -> String {
    let or = |value: &Option<String>, otherwise: &str| value.clone().unwrap_or_else(|| otherwise.to_owned());
    match change {
        Change::Op { ours, theirs } => format!("op: {ours} → {theirs}"),
        Change::Attribute { name, ours, theirs } => {
            format!("{name}: {} → {}", or(ours, "left out"), or(theirs, "left out"))
        }
        Change::Setting { operand, name, ours, theirs } => {
            let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
            format!("operand {operand}{name}: {ours} → {theirs}")
        }
        Change::Operand { operand, ours, theirs } => {
            format!("operand {operand}: {} → {}", or(ours, "none"), or(theirs, "none"))
        }
        Change::Order { places } => {
            let places: Vec<String> = places.iter().map(usize::to_string).collect();
            format!("the operands stand in another order: those of A are read as {}", places.join(", "))
        }
        Change::Yield { place, ours, theirs } => {
            format!("result {place} of its bodies: {} → {}", or(ours, "none"), or(theirs, "none"))
        }
        Change::Meaning { ours, theirs } => format!("computed by: {ours} → {theirs}"),
    }
}

/// Words in which the numbers of names are left out, but for the place of an operand.
fn pattern_of_names(words: &str) -> String {
    match words.split_once(": ") {
        Some((what, names)) if what.starts_with("operand") => {
            let what = what.split(' ').take(2).collect::<Vec<_>>().join(" ");
            format!("{what}: {}", pattern(names))
        }
        Some((what, names)) if what.starts_with("result") => format!("{what}: {}", pattern(names)),
        _ => words.to_owned(),
    }
}

/// How far two weights are apart, in a word.
fn measure(apart: &Apart) -> String {
    if apart.special > 0 { "inf/nan".to_owned() } else { short(apart.rms_rel) }
}

/// A measure of a difference: two digits are enough.
fn short(measure: f64) -> String {
    match measure {
        0.0 => "0".to_owned(),
        measure if !measure.is_finite() => number(measure),
        measure if (0.01..1e4).contains(&measure) => number(format!("{measure:.2e}").parse().unwrap_or(measure)),
        measure => {
            let text = format!("{measure:.1e}");
            text.strip_suffix("e0").map_or_else(|| text.replace(".0e", "e"), str::to_owned)
        }
    }
}
