//! `tf_idf_vectorizer`.

use std::collections::HashMap;
use std::hash::Hash;

use glassbox_ir::ops::tf_idf_vectorizer::ngrams;
use glassbox_tensor::{Overflow, Tensor};

use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let x = call.tensor(0)?;
    let width = call.sizes(0)?.last().copied().unwrap_or(0);
    let columns = x.shape().last().copied().unwrap_or(0);
    let counts = match call.attr.strs("pool_strings") {
        Some(pool) => {
            let strings = x.to_strings().unwrap_or_default();
            let items: Vec<&str> = strings.iter().map(String::as_str).collect();
            let pool: Vec<&str> = pool.iter().map(String::as_str).collect();
            count(call, &items, columns, &pool, width)
        }
        None => count(call, &call.ints(0)?, columns, call.attr.ints("pool_int64s").unwrap_or_default(), width),
    };
    let mode = call.attr.str("mode");
    let weights = call.attr.floats("weights").filter(|_| mode != "TF");
    let weighted = counts.iter().enumerate().map(|(index, count)| {
        let count = if mode == "IDF" { count.min(1.0) } else { *count };
        weights.map_or(count, |weights| count * weights[index % width.max(1)])
    });
    one(Tensor::store(call.dtype(0), &call.sizes(0)?, weighted.collect(), Overflow::Wrap)?)
}

/// How often the n-grams occur in each row, by the place of the result.
fn count<T: Eq + Hash>(call: &Call, items: &[T], columns: usize, pool: &[T], width: usize) -> Vec<f64> {
    let [shortest, longest] = ["min_gram_length", "max_gram_length"].map(|name| call.attr.int(name).max(1) as usize);
    let groups = ngrams(call.attr.ints("ngram_counts").unwrap_or_default(), pool.len()).unwrap_or_default();
    let indexes = call.attr.ints("ngram_indexes").unwrap_or_default();
    // The n-grams by their items; of equal ones the last counts.
    let mut places: HashMap<Vec<&T>, usize> = HashMap::new();
    let mut number = 0;
    for (length, (start, count)) in groups.iter().enumerate().map(|(index, group)| (index + 1, group)) {
        for gram in pool[*start..start + count * length].chunks(length) {
            if (shortest..=longest).contains(&length) {
                places.insert(gram.iter().collect(), indexes[number] as usize);
            }
            number += 1;
        }
    }
    let longest = longest.min(groups.len());
    // Distances beyond the row make no n-gram of two items.
    let distances = call.attr.int("max_skip_count").saturating_add(1).min(columns.max(1) as i64) as usize;
    let mut counts = Vec::new();
    for row in items.chunks(columns.max(1)) {
        let mut frequencies = vec![0.0; width];
        for distance in 1..=distances {
            let shortest = if distance > 1 { shortest.max(2) } else { shortest };
            for first in 0..row.len() {
                let mut gram = Vec::new();
                for item in row[first..].iter().step_by(distance).take(longest) {
                    gram.push(item);
                    if let Some(place) = places.get(&gram).filter(|_| gram.len() >= shortest) {
                        frequencies[*place] += 1.0;
                    }
                }
            }
        }
        counts.extend(frequencies);
    }
    // A row without items has no chunk above.
    let rows: usize = if columns == 0 { call.tensor(0).map_or(0, |x| x.shape()[..x.rank() - 1].iter().product()) } else { 0 };
    counts.resize(counts.len() + rows * width, 0.0);
    counts
}
