//! `glassbox bench`: how long a model takes, also beside other engines that take turns with it.
//!
//! First every engine computes the outputs, which are held against ours: where they differ, nothing is timed and the answer
//! is no. Then rounds are run in which they take turns, on the same number of threads. A ratio is how many times longer the
//! other takes: above 1, ours is faster.

mod agree;
mod ours;
mod peer;
mod report;
mod rounds;

use anyhow::{Result, bail};
use glassbox_tensor::Tensor;

use self::agree::Distance;
use self::ours::{Ours, Work};
use self::peer::Peer;
use self::report::{LeftOut, Measured, Report};
use self::rounds::{Ratio, Side, Times};
use crate::args::Bench;
use crate::roofline::{self, Roofline};
use crate::{files, machine, progress};

/// Times the model and tells. Whether all engines compute the same.
pub(crate) fn main(arguments: &Bench, quiet: bool) -> Result<bool> {
    if cfg!(debug_assertions) && !quiet {
        note!("note: this program was built with checks, which take time; `cargo build --release` makes one without");
    }
    let load = machine::load();
    let Some(name) = &arguments.model else {
        let roofline = measure_roofline(quiet)?;
        let report = Report { arguments, measured: None, roofline: Some(roofline), load };
        return show(&report, true);
    };
    let measured = measure(arguments, name, quiet)?;
    let agrees = measured.agrees(arguments.tolerance);
    let roofline = if arguments.roofline { Some(measure_roofline(quiet)?) } else { None };
    show(&Report { arguments, measured: Some(measured), roofline, load }, agrees)
}

fn measure_roofline(quiet: bool) -> Result<Roofline> {
    let spinner = progress::spinner("measuring the processor", quiet);
    let roofline = Roofline::measure(roofline::LARGE);
    spinner.finish_and_clear();
    roofline
}

/// Checks the outputs, and times where they agree.
fn measure(arguments: &Bench, name: &str, quiet: bool) -> Result<Measured> {
    check_names(&arguments.against)?;
    let bar = progress::bar(arguments.rounds as usize, quiet);
    bar.set_message("loading");
    let mut ours = Ours::open(arguments, name, quiet)?;
    let (first, outputs) = ours.once()?;
    // Without anyone to be held against, outputs may be of any kind.
    let outputs = if arguments.against.is_empty() { Vec::new() } else { ours.compared(outputs)? };
    let mut peers = Vec::new();
    let mut left_out = Vec::new();
    for named in &arguments.against {
        bar.set_message(format!("loading {named}"));
        let opened = Peer::start(arguments, named, &ours).and_then(|mut peer| {
            let (seconds, distance) = hold_against(&mut peer, &outputs)?;
            Ok((peer, seconds, distance))
        });
        match opened {
            Ok((peer, _, distance)) if arguments.go_on && !agrees(&distance, arguments.tolerance) => {
                let Distance { output, relative } = distance;
                left_out.push(LeftOut {
                    name: peer.name.clone(),
                    why: report::differs(&output, relative),
                    differs: true,
                });
            }
            Ok(opened) => peers.push(opened),
            Err(error) if arguments.go_on => {
                let name = named.split(':').next().unwrap_or(named).to_owned();
                left_out.push(LeftOut { name, why: format!("{error:#}"), differs: false });
            }
            Err(error) => return Err(error),
        }
    }
    let mut measured = Measured { first, ours, times: Times::default(), peers: Vec::new(), left_out };
    let disagree = peers.iter().any(|(_, _, distance)| !agrees(distance, arguments.tolerance));
    let mut times = vec![Times::default(); peers.len() + 1];
    if !disagree {
        bar.set_message("rounds");
        let steps = match measured.ours.work {
            Work::Decode { steps, .. } => Some(steps),
            _ => None,
        };
        let mut sides: Vec<(&mut dyn Side, f64)> = vec![(&mut measured.ours, first)];
        sides.extend(peers.iter_mut().map(|(peer, seconds, _)| (peer as &mut dyn Side, *seconds)));
        times =
            rounds::alternate(&mut sides, arguments.rounds as usize, steps, |round| bar.set_position(round as u64))?;
    }
    bar.finish_and_clear();
    let mut times = times.into_iter();
    measured.times = times.next().unwrap_or_default();
    for ((peer, _, distance), times) in peers.into_iter().zip(times) {
        let ratio = Ratio::of(&measured.times, &times);
        measured.peers.push((peer, distance, times, ratio));
    }
    Ok(measured)
}

/// No engine is named twice: they couldn't be told apart.
fn check_names(against: &[String]) -> Result<()> {
    let engine = |named: &String| named.split(':').next().map(str::to_owned);
    for (place, named) in against.iter().enumerate() {
        if against[..place].iter().any(|other| engine(other) == engine(named)) {
            bail!("--against {named}: it is named twice");
        }
    }
    Ok(())
}

/// The seconds of the first run of another engine, and how far its outputs are from ours.
fn hold_against(peer: &mut Peer, outputs: &[(String, Tensor)]) -> Result<(f64, Distance)> {
    let (seconds, values) = peer.values()?;
    Ok((seconds, agree::distance(&peer.name, outputs, &values)?))
}

/// Whether outputs are near enough.
fn agrees(distance: &Distance, tolerance: f64) -> bool {
    distance.relative <= tolerance
}

/// Prints the report, and writes it.
fn show(report: &Report, agrees: bool) -> Result<bool> {
    match &report.arguments.json {
        None => report.print()?,
        Some(file) => {
            let text = serde_json::to_string_pretty(&report.json())?;
            match file {
                Some(file) => {
                    files::write(file, format!("{text}\n"))?;
                    report.print()?;
                }
                None => say!("{text}")?,
            }
        }
    }
    Ok(agrees)
}
