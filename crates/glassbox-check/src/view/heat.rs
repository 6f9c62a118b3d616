//! One scale from how far values are apart to a colour, for the terminal, the page and the drawing.
//!
//! It goes by the root of the mean square of the differences over that of the values. A difference that has no such
//! number (another shape, an infinity on one side) is at its end.

use anstyle::{AnsiColor, Style};

use crate::report::{Apart, Row, Status};

/// How far values are apart, from 0 (not at all) to [`Heat::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Heat(u8);

/// The colours, under dark text.
const COLOURS: [&str; 9] =
    ["#d9efdf", "#e3f1d0", "#eef2c0", "#f8efac", "#fde08d", "#fcc873", "#f8a95f", "#f08454", "#e35d4f"];

/// The relative difference up to which each step goes, from the second on. The last has no end.
const ENDS: [f64; 7] = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

impl Heat {
    /// The last step.
    pub const MAX: Heat = Heat(8);

    /// The heat of a difference.
    pub fn of(apart: &Apart) -> Heat {
        if apart.special > 0 || apart.rms_rel.is_nan() {
            return Heat::MAX;
        }
        if apart.rms_rel <= 0.0 {
            // Differences may be too small for their squares.
            return Heat(u8::from(apart.differing > 0));
        }
        let step = ENDS.iter().take_while(|end| apart.rms_rel > **end).count();
        Heat(step as u8 + 1)
    }

    /// The heat of a row.
    pub fn of_row(row: &Row) -> Heat {
        match (&row.apart, row.status) {
            (Some(apart), _) => Heat::of(apart),
            (None, Status::Agrees) => Heat(0),
            (None, _) => Heat::MAX,
        }
    }

    /// The number of the step.
    pub fn level(self) -> u8 {
        self.0
    }

    /// The steps from the first to the last.
    pub fn all() -> impl Iterator<Item = Heat> {
        (0..=Heat::MAX.0).map(Heat)
    }

    /// The colour in a page, to be put under dark text.
    pub fn css(self) -> &'static str {
        COLOURS.get(usize::from(self.0)).copied().unwrap_or(COLOURS[COLOURS.len() - 1])
    }

    /// What the step stands for.
    pub fn words(self) -> String {
        match self.0 {
            0 => "equal".to_owned(),
            step => match ENDS.get(usize::from(step) - 1) {
                Some(end) => format!("up to {end:e}"),
                None => "more".to_owned(),
            },
        }
    }

    /// The style on a terminal.
    pub fn style(self) -> Style {
        match self.0 {
            0 | 1 => Style::new().dimmed(),
            2..=4 => AnsiColor::Green.on_default(),
            5 | 6 => AnsiColor::Yellow.on_default(),
            _ => AnsiColor::Red.on_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_rises_and_ends_with_what_has_no_number() {
        let of = |rms_rel, special| Heat::of(&Apart { rms_rel, special, differing: 1, ..Apart::default() });
        let steps: Vec<u8> =
            [1e-40, 5e-8, 5e-7, 5e-6, 5e-5, 5e-4, 5e-3, 5e-2, 5e-1].iter().map(|rms| of(*rms, 0).level()).collect();
        assert_eq!(steps, [1, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Heat::of(&Apart::default()).level(), 0);
        for rms in [f64::INFINITY, f64::NAN] {
            assert_eq!(of(rms, 0), Heat::MAX);
        }
        assert_eq!(of(0.0, 1), Heat::MAX);
        let other_shape = Row { status: Status::Introduced, ..Row::default() };
        assert_eq!(Heat::of_row(&other_shape), Heat::MAX);
    }
}
