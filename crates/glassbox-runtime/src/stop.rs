//! Texts at which writing stops.
//!
//! Text comes in pieces, and a stop text may lie across several: what could be the beginning of one is
//! held back until it is known.

/// Looks for stop texts in text that comes in pieces.
#[derive(Clone, Debug)]
pub(crate) struct StopTexts {
    stops: Vec<String>,
    held: String,
}

/// What may be shown after a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// This, and writing goes on.
    Text(String),
    /// This, and then comes the stop text: writing is over.
    Stopped {
        /// The text before the stop text.
        text: String,
        /// The stop text.
        stop: String,
    },
}

impl StopTexts {
    /// Empty texts stop nothing.
    pub(crate) fn new(stops: &[String]) -> StopTexts {
        StopTexts { stops: stops.iter().filter(|stop| !stop.is_empty()).cloned().collect(), held: String::new() }
    }

    /// Takes a piece: what may be shown of all that came so far.
    pub(crate) fn push(&mut self, piece: &str) -> Shown {
        self.held.push_str(piece);
        let first = self.stops.iter().filter_map(|stop| Some((self.held.find(stop.as_str())?, stop)));
        // Of two that begin at the same place, the longer one.
        if let Some((place, stop)) = first.min_by_key(|(place, stop)| (*place, usize::MAX - stop.len())) {
            let stop = stop.clone();
            let text = self.held[..place].to_owned();
            self.held.clear();
            return Shown::Stopped { text, stop };
        }
        let keep = self.stops.iter().map(|stop| beginning_at_end(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Shown::Text(std::mem::replace(&mut self.held, rest))
    }

    /// The stop text that is all of `text`, which is no part of what is shown: the name of a special token.
    pub(crate) fn whole(&self, text: &str) -> Option<String> {
        self.stops.iter().find(|stop| *stop == text).cloned()
    }

    /// What was held back, when no more comes.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// How many bytes at the end of `text` are the beginning of `stop`, which `text` doesn't contain.
fn beginning_at_end(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len());
    (1..=longest).rev().find(|count| stop.is_char_boundary(*count) && text.ends_with(&stop[..*count])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is shown of a text that comes in pieces of `size` characters, and the stop that ended it.
    fn shown(text: &str, size: usize, stops: &[&str]) -> (String, Option<String>) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut matcher = StopTexts::new(&stops);
        let mut all = String::new();
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(size) {
            match matcher.push(&piece.iter().collect::<String>()) {
                Shown::Text(text) => all.push_str(&text),
                Shown::Stopped { text, stop } => return (all + &text, Some(stop)),
            }
        }
        (all + &matcher.finish(), None)
    }

    #[test]
    fn what_is_shown_does_not_depend_on_the_pieces() {
        let cases: &[(&str, &[&str], &str, Option<&str>)] = &[
            ("one two three", &["two"], "one ", Some("two")),
            ("one tw", &["two"], "one tw", None),
            ("aaab", &["aab"], "a", Some("aab")),
            ("ababac", &["abac"], "ab", Some("abac")),
            ("été, fin", &["é, f"], "ét", Some("é, f")),
            ("stop at once", &["stop"], "", Some("stop")),
            ("x END", &["EN", "END"], "x ", Some("EN")),
            ("nothing", &["", "thingy"], "nothing", None),
        ];
        for (text, stops, want, stop) in cases {
            for size in 1..=text.chars().count() {
                let (got, ended) = shown(text, size, stops);
                assert_eq!(got, *want, "{text:?} in pieces of {size}");
                assert_eq!(ended.is_some(), stop.is_some(), "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn of_two_stops_at_one_place_the_longer_counts_where_both_are_there() {
        assert_eq!(shown("x END", 5, &["EN", "END"]), ("x ".to_owned(), Some("END".to_owned())));
    }
}
