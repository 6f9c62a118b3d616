//! Keys of bytes with numbers: which of them begin a text.

use crate::error::TextError;

/// A node: its edges, and the number of the key that ends here.
#[derive(Clone, Copy, Debug)]
struct Node {
    first: u32,
    edges: u16,
    value: Option<u32>,
}

/// A set of keys, each with a number, as a tree of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    /// Bytes with the nodes that they lead to; those of a node lie together, in order.
    edges: Vec<(u8, u32)>,
}

impl Trie {
    /// The tree of some keys. A key that is there twice keeps its first number.
    pub(crate) fn new<'a>(keys: impl IntoIterator<Item = (&'a [u8], u32)>) -> Result<Trie, TextError> {
        let mut keys: Vec<(&[u8], u32)> = keys.into_iter().collect();
        keys.sort();
        keys.dedup_by_key(|(key, _)| *key);
        let mut trie = Trie { nodes: Vec::new(), edges: Vec::new() };
        trie.nodes.push(Node { first: 0, edges: 0, value: None });
        // Ranges of keys that share their first bytes, with the node of these; in order, so children lie together.
        let mut waiting = std::collections::VecDeque::from([(0usize, keys.len(), 0usize, 0usize)]);
        while let Some((mut start, end, depth, node)) = waiting.pop_front() {
            if let Some((key, value)) = keys.get(start).filter(|_| start < end)
                && key.len() == depth
            {
                trie.nodes[node].value = Some(*value);
                start += 1;
            }
            trie.nodes[node].first = index(trie.edges.len())?;
            while start < end {
                let byte = keys[start].0[depth];
                let same = keys[start..end].partition_point(|(key, _)| key[depth] == byte);
                let child = trie.nodes.len();
                trie.nodes.push(Node { first: 0, edges: 0, value: None });
                trie.edges.push((byte, index(child)?));
                trie.nodes[node].edges += 1;
                waiting.push_back((start, start + same, depth + 1, child));
                start += same;
            }
        }
        Ok(trie)
    }

    /// The keys that begin a text, shortest first: how many bytes each has, and its number.
    pub(crate) fn prefixes<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, u32)> + 'a {
        let mut node = self.nodes[0];
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                let byte = *text.get(at)?;
                let first = node.first as usize;
                let edges = &self.edges[first..first + usize::from(node.edges)];
                let found = edges.binary_search_by_key(&byte, |(label, _)| *label).ok()?;
                node = self.nodes[edges[found].1 as usize];
                at += 1;
                if let Some(value) = node.value {
                    return Some((at, value));
                }
            }
        })
    }

    /// The longest key that begins a text.
    pub(crate) fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        self.prefixes(text).last()
    }
}

fn index(count: usize) -> Result<u32, TextError> {
    u32::try_from(count).map_err(|_| TextError::malformed("the vocabulary", "it has 2^32 bytes or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_found_in_order() {
        let keys: [&[u8]; 6] = [b"a", b"abc", b"abd", b"b", b"\xff", b"abc"];
        let trie = Trie::new(keys.iter().zip(0..).map(|(key, value)| (*key, value))).unwrap();
        assert_eq!(trie.prefixes(b"abcd").collect::<Vec<_>>(), [(1, 0), (3, 1)]);
        assert_eq!(trie.longest(b"\xff\xff"), Some((1, 4)));
        assert_eq!(trie.longest(b"c"), None);
        assert_eq!(Trie::new([]).unwrap().longest(b"x"), None);
    }
}
