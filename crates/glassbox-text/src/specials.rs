//! Special tokens in a text: where it spells them.

use crate::error::TextError;
use crate::trie::Trie;

/// Special tokens by what they are called.
#[derive(Clone, Debug)]
pub(crate) struct Specials {
    names: Trie,
    /// Which bytes a name begins with.
    first: [bool; 256],
}

impl Specials {
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = (&'a str, u32)>) -> Result<Specials, TextError> {
        let names: Vec<(&str, u32)> = names.into_iter().filter(|(name, _)| !name.is_empty()).collect();
        let mut first = [false; 256];
        names.iter().for_each(|(name, _)| first[usize::from(name.as_bytes()[0])] = true);
        let names = Trie::new(names.iter().map(|(name, id)| (name.as_bytes(), *id)))?;
        Ok(Specials { names, first })
    }

    /// The parts of a text, in order: special tokens, the leftmost and of these the longest first, and the texts
    /// between them, none of which is empty. A literal text is one part.
    pub(crate) fn split<'a>(&self, text: &'a str, literal: bool) -> Vec<Result<u32, &'a str>> {
        let mut parts = Vec::new();
        let (mut start, mut at) = (0, 0);
        while at < text.len() && !literal {
            let rest = &text.as_bytes()[at..];
            match self.names.longest(rest).filter(|_| self.first[usize::from(rest[0])]) {
                Some((len, id)) => {
                    parts.extend((start < at).then(|| Err(&text[start..at])));
                    parts.push(Ok(id));
                    at += len;
                    start = at;
                }
                None => {
                    at += rest
                        .iter()
                        .skip(1)
                        .position(|byte| self.first[usize::from(*byte)])
                        .map_or(rest.len(), |skip| skip + 1)
                }
            }
        }
        parts.extend((start < text.len()).then(|| Err(&text[start..])));
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_the_leftmost_is_taken() {
        let specials = Specials::new([("<a>", 1), ("<a>b", 2), ("é", 3)]).unwrap();
        assert_eq!(specials.split("x<a>b<a>é<a", false), [Err("x"), Ok(2), Ok(1), Ok(3), Err("<a")]);
        assert_eq!(specials.split("<a>", true), [Err("<a>")]);
        assert_eq!(specials.split("", false), []);
    }
}
