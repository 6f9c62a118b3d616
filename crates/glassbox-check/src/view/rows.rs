//! Which rows are shown where there isn't room for all, and how the others are summed up.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::heat::Heat;
use super::words::STATUSES;
use crate::report::{Report, Row, Status};

/// How many rows before and after the first culprit are worth more than large differences elsewhere.
const NEAR: usize = 4;

/// At most this many rows, the most interesting ones, in the order of the run.
///
/// Those of culprits come first, then outputs, what stands around the first culprit, and the largest differences.
pub(super) fn chosen(report: &Report, most: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..report.rows.len()).collect();
    if rows.len() <= most {
        return rows;
    }
    let outputs: HashSet<usize> = report.outputs.iter().copied().collect();
    let culprits: HashSet<usize> = report.culprits.iter().filter_map(|culprit| culprit.row).collect();
    let first = report.culprits.iter().find_map(|culprit| culprit.row);
    let rank = |row: usize| {
        let away = first.map_or(usize::MAX, |first| first.abs_diff(row));
        if culprits.contains(&row) {
            (0, away)
        } else if outputs.contains(&row) {
            (1, 0)
        } else if away <= NEAR {
            (2, away)
        } else {
            let status = match report.rows[row].status {
                Status::Introduced => 3,
                // Where all is well, only the size tells them apart.
                Status::Inherited | Status::Rounding if report.verdict.is_good() => 4,
                Status::Inherited => 4,
                Status::Rounding => 5,
                Status::Agrees => 6,
            };
            (status, 0)
        }
    };
    rows.sort_by_cached_key(|row| (rank(*row), Reverse(Heat::of_row(&report.rows[*row])), *row));
    rows.truncate(most);
    rows.sort_unstable();
    rows
}

/// A line of a table: a row, or rows that are left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A row, by its place.
    Row(usize),
    /// Rows that follow each other and aren't shown.
    Folded(Fold),
}

/// What is said of rows that aren't shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fold {
    /// The layers that they belong to, without repetitions; empty where they belong to none.
    pub(super) layers: Vec<String>,
    /// How many there are of each status, in the order of [`STATUSES`].
    pub(super) counts: [usize; 4],
    /// The rows.
    pub(super) rows: std::ops::Range<usize>,
}

/// How many lines a gap between two rows may take before it becomes one.
const LINES_OF_A_GAP: usize = 3;

/// The table with these rows, and the others folded: layer by layer where there are few, else all together.
pub(super) fn lines(report: &Report, shown: &[usize]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut next = 0;
    for &row in shown.iter().chain([&report.rows.len()]) {
        if next < row {
            fold(&report.rows, next..row, &mut lines);
        }
        if row < report.rows.len() {
            lines.push(Line::Row(row));
        }
        next = row + 1;
    }
    lines
}

fn fold(rows: &[Row], range: std::ops::Range<usize>, lines: &mut Vec<Line>) {
    let mut folds: Vec<Fold> = Vec::new();
    for at in range {
        let row = &rows[at];
        let status = STATUSES.iter().position(|status| *status == row.status).unwrap_or(0);
        match folds.last_mut() {
            // Layers without differences go together.
            Some(last) if last.layers.last() == Some(&row.layer) || (last.agrees() && row.status == Status::Agrees) => {
                if last.layers.last() != Some(&row.layer) {
                    last.layers.push(row.layer.clone());
                }
                last.counts[status] += 1;
                last.rows.end = at + 1;
            }
            _ => {
                let mut counts = [0; 4];
                counts[status] = 1;
                folds.push(Fold { layers: vec![row.layer.clone()], counts, rows: at..at + 1 });
            }
        }
    }
    if folds.len() > LINES_OF_A_GAP {
        folds = vec![folds.into_iter().fold(Fold::empty(), Fold::and)];
    }
    lines.extend(folds.into_iter().map(|mut fold| {
        fold.layers.retain(|layer| !layer.is_empty());
        // A single row takes no more room than what would be said of it.
        if fold.rows.len() == 1 { Line::Row(fold.rows.start) } else { Line::Folded(fold) }
    }));
}

impl Fold {
    fn empty() -> Fold {
        Fold { layers: Vec::new(), counts: [0; 4], rows: 0..0 }
    }

    fn agrees(&self) -> bool {
        self.counts[1..] == [0; 3]
    }

    fn and(mut self, next: Fold) -> Fold {
        for layer in next.layers {
            if self.layers.last() != Some(&layer) {
                self.layers.push(layer);
            }
        }
        for (sum, count) in self.counts.iter_mut().zip(next.counts) {
            *sum += count;
        }
        self.rows = if self.rows.is_empty() { next.rows } else { self.rows.start..next.rows.end };
        self
    }
}
