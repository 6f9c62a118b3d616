//! Whether what a command printed is what a page says, where `…` leaves out what may be anything.

/// What stands for any text in a line, and for any lines where it is alone.
const ANY: &str = "…";

/// The first line of `wanted` that nothing in `found` answers to, as far as one can go; nothing where all agree.
pub(super) fn first_difference(wanted: &[String], found: &[String]) -> Option<usize> {
    // The places in `found` that the lines of `wanted` so far may have come to.
    let mut places = vec![false; found.len() + 1];
    places[0] = true;
    for (number, line) in wanted.iter().enumerate() {
        places = after(line, &places, found);
        if !places.contains(&true) {
            return Some(number);
        }
    }
    (!places[found.len()]).then_some(wanted.len())
}

/// The places that can be come to after one more line.
fn after(line: &str, places: &[bool], found: &[String]) -> Vec<bool> {
    let mut next = vec![false; places.len()];
    if line.trim() == ANY {
        let first = places.iter().position(|place| *place).unwrap_or(places.len());
        next[first..].fill(true);
        return next;
    }
    for (place, text) in found.iter().enumerate() {
        next[place + 1] = places[place] && line_agrees(line, text);
    }
    next
}

/// Whether a line is what is wanted. What is left out takes the blanks around it along, so that columns can stand in line.
fn line_agrees(wanted: &str, found: &str) -> bool {
    let (wanted, mut rest) = (wanted.trim_end(), found.trim_end());
    let parts: Vec<&str> = wanted.split(ANY).collect();
    let [first, middle @ .., last] = &parts[..] else {
        return wanted == rest;
    };
    let without = rest.strip_prefix(first.trim_end()).and_then(|rest| rest.strip_suffix(last.trim_start()));
    let Some(without) = without else {
        return false;
    };
    rest = without;
    for part in middle.iter().map(|part| part.trim()) {
        let Some(place) = rest.find(part) else {
            return false;
        };
        rest = &rest[place + part.len()..];
    }
    true
}

/// What a page is to say of what was printed: what it left out before stays left out where that is still right.
pub(super) fn blessed(wanted: &[String], found: &[String]) -> Vec<String> {
    if first_difference(wanted, found).is_none() {
        return wanted.to_owned();
    }
    let line = |text: &String| {
        let kept = wanted.iter().find(|line| line.contains(ANY) && line.trim() != ANY && line_agrees(line, text));
        kept.map_or_else(|| without_times(text), Clone::clone)
    };
    let mut gaps = wanted.iter().enumerate().filter(|(_, line)| line.trim() == ANY).map(|(number, _)| number);
    match (gaps.next(), gaps.next()) {
        (Some(gap), None) if found.len() > wanted.len() => {
            let tail = wanted.len() - gap - 1;
            let head = found[..gap].iter().map(line);
            let tail = found[found.len() - tail..].iter().map(line);
            head.chain([ANY.to_owned()]).chain(tail).collect()
        }
        _ => found.iter().map(line).collect(),
    }
}

/// A line whose times are left out, for they are others on each machine: `3.1ms` and `0.5 s`.
fn without_times(line: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let end = word.trim_end_matches([',', '.', ';', ':', ')']);
        let rest = &word[end.len()..];
        let number = UNITS.iter().find_map(|unit| end.strip_suffix(unit));
        let before = kept.last().filter(|_| number == Some("")).map(|last| last.trim_start_matches('('));
        match (number, before) {
            (Some(""), Some(before)) if is_number(before) => {
                let open = kept.pop().unwrap_or_default().replace(|c| c != '(', "");
                kept.push(format!("{open}{ANY}{rest}"));
            }
            (Some(number), _) if is_number(number.trim_start_matches('(')) => {
                let open = if number.starts_with('(') { "(" } else { "" };
                let width = end.chars().count().saturating_sub(open.len());
                kept.push(format!("{open}{ANY:>width$}{rest}"));
            }
            _ => kept.push(word.to_owned()),
        }
    }
    kept.join(" ")
}

/// Units of time; `s` is the last, for it ends the others.
const UNITS: &[&str] = &["ns", "µs", "ms", "s"];

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn differs(wanted: &str, found: &str) -> Option<usize> {
        first_difference(&lines(wanted), &lines(found))
    }

    #[test]
    fn lines_are_the_same_but_for_what_is_left_out() {
        for (wanted, found) in [
            ("", ""),
            ("a\nb", "a\nb  "),
            ("a … c", "a b b c"),
            ("a…", "a"),
            ("… b … c", "a b, b c c"),
            ("[1 2 …]", "[1 2 …]"),
            ("…", ""),
            ("a\n…\nd", "a\nb\nc\nd\ne\nd"),
            ("…\nb\n…\nb", "b\nb"),
        ] {
            assert_eq!(differs(wanted, found), None, "{wanted} {found}");
        }
    }

    #[test]
    fn the_first_line_that_differs_is_told() {
        for (wanted, found, line) in [
            ("a\nb", "a\nc", 1),
            ("a\nb", "a", 1),
            ("a", "a\nb", 1),
            ("a…a", "a", 0),
            ("a\n…\nd", "a\nb\nc", 2),
            ("…\nb\n…\nb", "b", 3),
            ("", "a", 0),
        ] {
            assert_eq!(differs(wanted, found), Some(line), "{wanted} {found}");
        }
    }

    #[test]
    fn what_was_left_out_stays_left_out_where_that_is_right() {
        let blessed = |wanted: &str, found: &str| blessed(&lines(wanted), &lines(found)).join("\n");
        assert_eq!(blessed("a…\n…", "ab\nc"), "a…\n…");
        assert_eq!(blessed("a …\nb", "a 3 s\nc"), "a …\nc");
        assert_eq!(blessed("a\n…\nz", "b\nc\nd\ny"), "b\n…\ny");
        assert_eq!(blessed("", "in 3.5 ms, or (12 s), not 3 m or ms"), "in …, or (…), not 3 m or ms");
        assert_eq!(blessed("a\n…\nb\n…", "c\nd"), "c\nd");
        assert_eq!(blessed("", "  11µs a\n 3.1ms b (2ms), 4s."), "     … a\n     … b (  …), 4s.".replace("4s", " …"));
        assert_eq!(blessed("     … a", " 3.1ms a\nb"), "     … a\nb");
    }
}
