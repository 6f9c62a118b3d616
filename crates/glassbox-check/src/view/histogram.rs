//! How differences are spread, as a line of text and as a small drawing.
//!
//! The bins are those of [`Apart::spread`](crate::report::Apart::spread): the first holds the elements that are equal, the
//! second those that differ by less than 1e-16 of their value, and each next one a power of ten more. The last holds all
//! that differ more, and what isn't finite on one side. Heights go by the logarithm, since a single element counts.

use std::fmt::Write;

/// The bars of a line of text, from the lowest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The size of the drawing, which the page's script draws alike.
const WIDTH: f64 = 384.0;
const HEIGHT: f64 = 72.0;

/// What a bin of `count` holds, in words.
pub(super) fn bin_words(bin: usize, count: usize) -> String {
    match bin {
        0 => "equal".to_owned(),
        1 => "below 1e-16".to_owned(),
        _ if bin + 1 == count => format!("1e{} and more, or not finite", bin as i64 - 18),
        _ => format!("1e{} to 1e{}", bin as i64 - 18, bin as i64 - 17),
    }
}

/// How high a bar is, of 1.
fn height(count: u64, most: u64) -> f64 {
    if count == 0 { 0.0 } else { (1.0 + count as f64).ln() / (1.0 + most as f64).ln() }
}

/// The elements that differ as a line of bars with its two ends; `None` where none differs.
pub(super) fn line(spread: &[u64]) -> Option<String> {
    let differing = spread.get(1..)?;
    let first = differing.iter().position(|count| *count > 0)?;
    let last = differing.iter().rposition(|count| *count > 0)?;
    let most = differing.iter().copied().max()?;
    let bars: String = differing[first..=last]
        .iter()
        .map(|count| match count {
            0 => '.',
            count => BARS[((height(*count, most) * 7.0).round() as usize).min(7)],
        })
        .collect();
    let (low, high) = (bin_words(first + 1, spread.len()), bin_words(last + 1, spread.len()));
    let end = high.rsplit(" to ").next().unwrap_or(&high);
    let start = low.split(" to ").next().unwrap_or(&low);
    Some(if first == last { format!("{bars} {low}") } else { format!("{start} {bars} {end}") })
}

/// The bins as an SVG with a title for each bar; empty where there are none.
pub(super) fn svg(spread: &[u64]) -> String {
    let most = spread.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return String::new();
    }
    let step = WIDTH / spread.len() as f64;
    let mut svg = format!(
        "<svg class=\"histogram\" viewBox=\"0 0 {WIDTH} {full}\" width=\"{WIDTH}\" height=\"{full}\" role=\"img\" \
         aria-label=\"How the relative differences are spread\">",
        full = HEIGHT + 16.0
    );
    for (bin, &count) in spread.iter().enumerate() {
        let high = height(count, most) * HEIGHT;
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{high:.1}\"><title>{words}: \
             {count}</title></rect>",
            class = if bin == 0 { "equal" } else { "bar" },
            x = bin as f64 * step + 0.5,
            y = HEIGHT - high,
            wide = step - 1.0,
            words = bin_words(bin, spread.len()),
        );
    }
    for bin in (0..spread.len()).step_by(4) {
        let (at, word) = if bin == 0 { (0.5, "=".to_owned()) } else { (bin as f64, format!("1e{}", bin as i64 - 18)) };
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y}\">{word}</text>", x = at * step, y = HEIGHT + 12.0);
    }
    let _ = write!(svg, "<path class=\"base\" d=\"M0 {HEIGHT}H{WIDTH}\"/>");
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bins_are_named_as_they_are_filled() {
        assert_eq!(bin_words(0, 24), "equal");
        assert_eq!(bin_words(2, 24), "1e-16 to 1e-15");
        assert_eq!(bin_words(18, 24), "1e0 to 1e1");
        assert_eq!(bin_words(23, 24), "1e5 and more, or not finite");
    }

    #[test]
    fn a_line_shows_what_differs_and_a_single_element_too() {
        let mut spread = vec![0; 24];
        assert_eq!(line(&spread), None);
        spread[0] = 1000;
        assert_eq!(line(&spread), None);
        (spread[10], spread[12]) = (1, 100_000);
        assert_eq!(line(&spread).as_deref(), Some("1e-8 ▁.█ 1e-5"));
        assert_eq!(line(&[]), None);
        assert_eq!(svg(&spread).matches("<rect").count(), 24);
        assert_eq!(svg(&[]), "");
    }
}
