//! What was measured, as text and as JSON.

use anyhow::Result;
use serde_json::{Value, json};

use super::agree::Distance;
use super::ours::Ours;
use super::peer::{Peer, tell_settings};
use super::rounds::{Ratio, Times};
use crate::args::Bench;
use crate::roofline::Roofline;
use crate::view::{self, DIM, ERROR, GOOD, NAME};
use crate::{machine, out};

/// The width of names, and of times.
const NAMES: usize = 13;
const TIMES: usize = 8;

/// All that is told.
pub(super) struct Report<'a> {
    pub(super) arguments: &'a Bench,
    pub(super) measured: Option<Measured>,
    pub(super) roofline: Option<Roofline>,
    /// How busy the machine was before.
    pub(super) load: Option<[f64; 3]>,
}

/// The times of a model.
pub(super) struct Measured {
    pub(super) ours: Ours,
    /// Seconds of the first run.
    pub(super) first: f64,
    pub(super) times: Times,
    pub(super) peers: Vec<(Peer, Distance, Times, Ratio)>,
    pub(super) left_out: Vec<LeftOut>,
}

/// An engine that takes no part.
pub(super) struct LeftOut {
    pub(super) name: String,
    pub(super) why: String,
    /// Whether it runs, and computes something else.
    pub(super) differs: bool,
}

/// What is said of an output that differs.
pub(super) fn differs(output: &str, relative: f64) -> String {
    format!("gives another `{output}`, by {relative:.1e} of its size")
}

impl Measured {
    /// Whether all engines compute what ours does.
    pub(super) fn agrees(&self, tolerance: f64) -> bool {
        self.were_timed(tolerance) && !self.left_out.iter().any(|one| one.differs)
    }

    /// Whether those that take part do.
    fn were_timed(&self, tolerance: f64) -> bool {
        self.peers.iter().all(|(_, distance, ..)| super::agrees(distance, tolerance))
    }

    /// The times for the text, ours first.
    fn sides(&self) -> impl Iterator<Item = (&str, &Times)> {
        let ours = (self.ours.name.as_str(), &self.times);
        std::iter::once(ours).chain(self.peers.iter().map(|(peer, _, times, _)| (peer.name.as_str(), times)))
    }
}

impl Report<'_> {
    /// Prints it for people.
    ///
    /// # Errors
    ///
    /// Where standard output can't be written.
    pub(super) fn print(&self) -> Result<()> {
        if let Some(measured) = &self.measured {
            self.print_times(measured)?;
        }
        if let Some(roofline) = &self.roofline {
            out::paragraph(&format!("multiply-adds of f32: {:.1} GFLOP/s at most", roofline.flops / 1e9), 2)?;
            out::paragraph(&format!("memory: {:.1} GB/s read at most", roofline.bytes / 1e9), 2)?;
        }
        Ok(())
    }

    fn print_times(&self, measured: &Measured) -> Result<()> {
        let ours = &measured.ours;
        let threads = threads(glassbox_tensor::threads());
        out::paragraph(&format!("{}: {}, {threads}", view::last_part(ours.model.name()), self.what(ours)), 2)?;
        for (peer, distance, ..) in &measured.peers {
            let Distance { output, relative } = distance;
            if super::agrees(distance, self.arguments.tolerance) {
                let text = format!("✓ computes what {} does, up to {relative:.1e} of `{output}`", peer.name);
                out::paragraph(&format!("{GOOD}{text}{GOOD:#}"), 2)?;
            } else {
                let text = format!("✗ {} {}", peer.name, differs(output, *relative));
                out::paragraph(&format!("{ERROR}{text}{ERROR:#}"), 2)?;
            }
        }
        for LeftOut { name, why, .. } in &measured.left_out {
            let why = why.lines().collect::<Vec<_>>().join(" ");
            out::paragraph(&format!("{ERROR}✗ {name} is left out:{ERROR:#} {why}"), 2)?;
        }
        if !measured.were_timed(self.arguments.tolerance) {
            return out::paragraph(
                "nothing was timed, for they don't compute the same; `glassbox check` finds where they part, and \
                 --tolerance lets more pass",
                2,
            );
        }
        let title = |text: &str| format!("{text:>TIMES$}");
        say!("{DIM}{:NAMES$} {} {} {}{DIM:#}", "", title("best"), title("median"), title("p90"))?;
        for (name, times) in measured.sides() {
            let cells =
                [times.best(), times.median(), times.p90()].map(|seconds| format!("{:>TIMES$}", duration(seconds)));
            say!("{NAME}{}{NAME:#} {}", view::fit(name, NAMES), cells.join(" "))?;
        }
        for (peer, _, _, ratio) in &measured.peers {
            let Ratio { median, best, low, high } = ratio;
            let spread = format!("{low:.2} to {high:.2}; best {best:.2}");
            out::paragraph(&format!("{median:.2} times as fast as {} ({spread})", peer.name), 2)?;
        }
        if let Some(tokens) = ours.work.tokens() {
            for (name, times) in measured.sides() {
                out::paragraph(&format!("{name}: {:.1} tokens/s", tokens as f64 / times.median()), 2)?;
            }
        }
        let mut loaded = format!("loaded in {}, prepared in {}", duration(ours.load), duration(ours.prepare));
        loaded += &format!(", first run {}", duration(measured.first));
        if let Some(peak) = ours.peak {
            loaded += &format!(", peak memory {} MiB", peak >> 20);
        }
        out::paragraph(&loaded, 2)?;
        if ours.fallbacks > 0 {
            let left = match ours.fallbacks {
                1 => "1 node is".to_owned(),
                count => format!("{count} nodes are"),
            };
            out::paragraph(&format!("{left} left to the reference"), 2)?;
        }
        measured.peers.iter().try_for_each(|(peer, ..)| tell_settings(peer))
    }

    /// What was timed, in a few words.
    fn what(&self, ours: &Ours) -> String {
        match (self.arguments.prefill, self.arguments.decode) {
            (Some(tokens), _) => format!("{} reads {tokens} tokens", ours.name),
            (_, Some(_)) => format!("{} reads one token after {}", ours.name, self.arguments.past),
            _ => format!("a run on {}", ours.name),
        }
    }

    /// The machine form; all times are seconds.
    pub(super) fn json(&self) -> Value {
        let mut document = json!({
            "format": "glassbox.bench",
            "version": 1,
            "glassbox": env!("CARGO_PKG_VERSION"),
            "built_with_checks": cfg!(debug_assertions),
            "machine": machine::describe(),
            "load": { "before": self.load, "after": machine::load() },
            "threads": glassbox_tensor::threads(),
        });
        if let Some(roofline) = &self.roofline {
            document["roofline"] = roofline.json();
        }
        let Some(measured) = &self.measured else { return document };
        let ours = &measured.ours;
        let work = json!({
            "kind": ours.work.name(),
            "tokens": self.arguments.prefill,
            "past": self.arguments.decode.map(|_| self.arguments.past),
        });
        let mut own = times(&measured.times, ours.work.tokens());
        own["backend"] = json!(ours.name);
        own["load_s"] = json!(ours.load);
        own["prepare_s"] = json!(ours.prepare);
        own["first_run_s"] = json!(measured.first);
        own["peak_bytes"] = json!(ours.peak);
        own["fallbacks"] = json!(ours.fallbacks);
        document["model"] = json!(ours.model.name());
        document["work"] = work;
        document["tolerance"] = json!(self.arguments.tolerance);
        document["agrees"] = json!(measured.agrees(self.arguments.tolerance));
        document["ours"] = own;
        document["peers"] = measured.peers.iter().map(|peer| self.peer(peer, ours.work.tokens())).collect();
        let left_out = |one: &LeftOut| json!({ "name": one.name, "why": one.why, "differs": one.differs });
        document["left_out"] = measured.left_out.iter().map(left_out).collect();
        document
    }

    fn peer(&self, (peer, distance, all, ratio): &(Peer, Distance, Times, Ratio), tokens: Option<usize>) -> Value {
        let mut row = times(all, tokens);
        row["name"] = json!(peer.name);
        row["versions"] = peer.ready.versions.clone();
        row["settings"] = json!(peer.ready.settings);
        row["load_s"] = json!(peer.ready.load);
        row["peak_bytes"] = json!(peer.peak);
        row["output"] = json!(distance.output);
        row["relative_difference"] = number(distance.relative);
        row["agrees"] = json!(super::agrees(distance, self.arguments.tolerance));
        let Ratio { median, best, low, high } = ratio;
        row["ratio"] = json!({
            "median": number(*median), "best": number(*best), "low": number(*low), "high": number(*high),
        });
        row
    }
}

/// The fields of times; null where nothing was timed.
fn times(times: &Times, tokens: Option<usize>) -> Value {
    json!({
        "best_s": number(times.best()),
        "median_s": number(times.median()),
        "p90_s": number(times.p90()),
        "tokens_per_s": tokens.map_or(Value::Null, |tokens| number(tokens as f64 / times.median())),
        "rounds_s": times.rounds,
    })
}

/// A number; what JSON has none for is a text, and what isn't there null.
fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => Value::Null,
        value if value.is_infinite() => json!(value.to_string()),
        value => json!(value),
    }
}

fn threads(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

/// A time with three digits.
fn duration(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e3, "ms"), (1e6, "µs")];
    let fits = units.iter().find(|(scale, _)| seconds * scale >= 1.0);
    let (scale, unit) = fits.copied().unwrap_or((1e6, "µs"));
    let value = seconds * scale;
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_and_the_unit_that_suits_it() {
        let all = [0.0, 0.000_000_5, 0.000_012_3, 0.002_34, 0.345, 6.7, 123.4].map(duration);
        assert_eq!(all, ["0.00 µs", "0.50 µs", "12.3 µs", "2.34 ms", "345 ms", "6.70 s", "123 s"]);
    }

    #[test]
    fn what_json_has_no_number_for_is_a_text_or_null() {
        assert_eq!([f64::NAN, f64::INFINITY, 0.5].map(number), [Value::Null, json!("inf"), json!(0.5)]);
    }
}
