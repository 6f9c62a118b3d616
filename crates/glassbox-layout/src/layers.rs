//! The layer of each item: every wire leads from a layer to a later one.
//!
//! Each item is put as late as its readers allow, which puts weights beside the nodes that read them. Items with at
//! least as many wires in as out are then moved up, towards what they read, and the others down, as long as that makes
//! wires no longer: the cheap end of the network simplex method of Gansner, Koutsofios, North and Vo (1993).

use crate::adjacency::{Adjacency, topological};
use crate::flat::{Item, Pin, Wire};

/// How often all items are looked at. Most graphs are settled after two.
const ROUNDS: usize = 8;

/// The layers of items, from 0. Pinned items are in layers of their own, the first and the last.
pub(crate) fn assign(items: &[Item], wires: &[Wire]) -> Vec<usize> {
    let free = |item: usize| items[item].pin == Pin::Free;
    let inner = wires.iter().filter(|wire| free(wire.from) && free(wire.to));
    let out = Adjacency::new(items.len(), inner.clone().map(|wire| (wire.from, wire.to)));
    let back = Adjacency::new(items.len(), inner.map(|wire| (wire.to, wire.from)));
    let order = topological(&out);
    let mut below = vec![0usize; items.len()];
    for &item in order.iter().rev() {
        below[item] = out.of(item).iter().map(|next| below[*next] + 1).max().unwrap_or(0);
    }
    let depth = below.iter().copied().max().unwrap_or(0);
    let mut layer: Vec<usize> = below.iter().map(|below| depth - below).collect();
    for _ in 0..ROUNDS {
        let mut moved = false;
        for &item in &order {
            let (above, readers) = (back.of(item), out.of(item));
            let lowest = above.iter().map(|other| layer[*other] + 1).max();
            if let Some(lowest) = lowest.filter(|lowest| above.len() >= readers.len() && *lowest < layer[item]) {
                layer[item] = lowest;
                moved = true;
            }
        }
        for &item in order.iter().rev() {
            let (above, readers) = (back.of(item), out.of(item));
            let highest = readers.iter().map(|other| layer[*other] - 1).min();
            if let Some(highest) = highest.filter(|highest| readers.len() > above.len() && *highest > layer[item]) {
                layer[item] = highest;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    pin(items, wires, &mut layer);
    layer
}

/// Lets every connected part begin at the top, and puts pinned items before and after the others.
fn pin(items: &[Item], wires: &[Wire], layer: &mut [usize]) {
    let free = |item: &usize| items[*item].pin == Pin::Free;
    let parts = parts(items.len(), wires);
    let mut top = vec![usize::MAX; items.len()];
    for item in (0..items.len()).filter(free) {
        top[parts[item]] = top[parts[item]].min(layer[item]);
    }
    let first = usize::from(items.iter().any(|item| item.pin == Pin::First));
    let mut last = first;
    for item in (0..items.len()).filter(free) {
        layer[item] = layer[item] - top[parts[item]] + first;
        last = last.max(layer[item] + 1);
    }
    for (item, layer) in items.iter().zip(layer) {
        match item.pin {
            Pin::Free => {}
            Pin::First => *layer = 0,
            Pin::Last => *layer = last,
        }
    }
}

/// The connected parts of a graph: for each item the least item of its part.
pub(crate) fn parts(count: usize, wires: &[Wire]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..count).collect();
    fn find(parent: &mut [usize], mut item: usize) -> usize {
        while parent[item] != item {
            parent[item] = parent[parent[item]];
            item = parent[item];
        }
        item
    }
    for wire in wires {
        let (a, b) = (find(&mut parent, wire.from), find(&mut parent, wire.to));
        parent[a.max(b)] = a.min(b);
    }
    (0..count).map(|item| find(&mut parent, item)).collect()
}
