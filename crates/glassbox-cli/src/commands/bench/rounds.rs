//! Rounds in which sides take turns, and what their times come to.
//!
//! A round of a side is as many runs as fit a quarter of a second, each timed alone; where there are several, one goes before
//! them untimed. Rounds begin with another side each time. What takes longer has fewer rounds, and what takes longer than
//! 20 seconds isn't run again after its first run.

use std::time::Duration;

use anyhow::Result;

/// How long a round is, in seconds.
const ROUND: f64 = 0.25;
/// The most runs of a round.
const MAX_RUNS: usize = 200;
/// How long all rounds of a side may take, in seconds.
const ALL_ROUNDS: f64 = 60.0;
/// What takes longer is run once.
const LONG: f64 = 20.0;
/// How long nothing is done between two sides: threads of the one before stop spinning.
const PAUSE: Duration = Duration::from_millis(50);

/// Something that can be timed.
pub(super) trait Side {
    /// Runs so many times: the seconds of each.
    ///
    /// # Errors
    ///
    /// Where a run fails.
    fn run(&mut self, times: usize) -> Result<Vec<f64>>;
}

/// The times of a side: rounds of runs, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Times {
    pub(super) rounds: Vec<Vec<f64>>,
}

impl Times {
    /// All times, the shortest first.
    fn sorted(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.rounds.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        all
    }

    /// The shortest.
    pub(super) fn best(&self) -> f64 {
        self.sorted().first().copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle; of two the mean.
    pub(super) fn median(&self) -> f64 {
        median(&self.sorted())
    }

    /// The one that nine of ten don't exceed.
    pub(super) fn p90(&self) -> f64 {
        let all = self.sorted();
        let place = (all.len() * 9).div_ceil(10).saturating_sub(1);
        all.get(place).copied().unwrap_or(f64::NAN)
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted {
        [] => f64::NAN,
        _ if sorted.len().is_multiple_of(2) => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

/// How many times longer another side takes than ours: above 1, ours is faster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    /// Of the medians.
    pub(super) median: f64,
    /// Of the shortest times.
    pub(super) best: f64,
    /// The least and the most of the medians of rounds in which both took part.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Ratio {
    /// That of two sides.
    pub(super) fn of(ours: &Times, theirs: &Times) -> Ratio {
        let of_round = |round: &Vec<f64>| {
            let mut sorted = round.clone();
            sorted.sort_by(f64::total_cmp);
            median(&sorted)
        };
        let rounds = ours.rounds.iter().zip(&theirs.rounds).map(|(ours, theirs)| of_round(theirs) / of_round(ours));
        let (low, high) = rounds.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), ratio| {
            (f64::min(low, ratio), f64::max(high, ratio))
        });
        Ratio { median: theirs.median() / ours.median(), best: theirs.best() / ours.best(), low, high }
    }
}

/// How a side takes part.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    rounds: usize,
    runs: usize,
    warm_up: bool,
}

impl Plan {
    /// That of a side whose run takes so long. `steps` says how many runs a round has where the user does.
    fn of(seconds: f64, rounds: usize, steps: Option<usize>) -> Plan {
        let fit = if seconds > 0.0 { (ROUND / seconds) as usize } else { MAX_RUNS };
        let runs = steps.unwrap_or(fit.clamp(1, MAX_RUNS));
        let together = seconds * runs as f64;
        let fitting = if together > 0.0 { (ALL_ROUNDS / together) as usize } else { rounds };
        Plan { rounds: rounds.min(fitting.max(1)), runs, warm_up: runs > 1 }
    }
}

/// Times the sides, which take turns. Each comes with the seconds that its first run took.
///
/// # Errors
///
/// Where a run fails.
pub(super) fn alternate(
    sides: &mut [(&mut dyn Side, f64)],
    rounds: usize,
    steps: Option<usize>,
    mut told: impl FnMut(usize),
) -> Result<Vec<Times>> {
    let mut times = vec![Times::default(); sides.len()];
    let mut plans = Vec::new();
    for ((side, first), times) in sides.iter_mut().zip(&mut times) {
        if *first > LONG {
            times.rounds.push(vec![*first]);
            plans.push(Plan { rounds: 0, runs: 0, warm_up: false });
            continue;
        }
        // The first run has read weights for the first time and made what is kept; the second says how long a run takes.
        let again = side.run(1)?.first().copied().unwrap_or(*first);
        plans.push(Plan::of(again, rounds, steps));
    }
    for round in 0..rounds {
        told(round);
        for turn in 0..sides.len() {
            let place = (round + turn) % sides.len();
            let plan = plans[place];
            if round >= plan.rounds {
                continue;
            }
            let side = &mut sides[place].0;
            std::thread::sleep(PAUSE);
            if plan.warm_up {
                side.run(1)?;
            }
            times[place].rounds.push(side.run(plan.runs)?);
        }
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(rounds: &[&[f64]]) -> Times {
        Times { rounds: rounds.iter().map(|round| round.to_vec()).collect() }
    }

    #[test]
    fn times_come_to_best_median_and_p90() {
        let ten = times(&[&[5.0, 1.0, 2.0, 3.0, 4.0], &[10.0, 9.0, 8.0, 7.0, 6.0]]);
        assert_eq!((ten.best(), ten.median(), ten.p90()), (1.0, 5.5, 9.0));
        let one = times(&[&[2.0]]);
        assert_eq!((one.best(), one.median(), one.p90()), (2.0, 2.0, 2.0));
        assert!(Times::default().median().is_nan());
    }

    #[test]
    fn a_ratio_above_one_says_that_ours_is_faster() {
        let ratio = Ratio::of(&times(&[&[1.0, 1.0], &[2.0]]), &times(&[&[2.0], &[2.0, 3.0, 2.5]]));
        assert_eq!(ratio, Ratio { median: 2.25, best: 2.0, low: 1.25, high: 2.0 });
    }

    #[test]
    fn what_takes_long_has_fewer_rounds_and_runs() {
        assert_eq!(Plan::of(0.01, 10, None), Plan { rounds: 10, runs: 25, warm_up: true });
        assert_eq!(Plan::of(12.0, 10, None), Plan { rounds: 5, runs: 1, warm_up: false });
        assert_eq!(Plan::of(0.0, 3, Some(8)), Plan { rounds: 3, runs: 8, warm_up: true });
    }

    struct Steady {
        seconds: f64,
        runs: usize,
    }

    impl Side for Steady {
        fn run(&mut self, times: usize) -> Result<Vec<f64>> {
            self.runs += times;
            Ok(vec![self.seconds; times])
        }
    }

    #[test]
    fn what_takes_too_long_is_not_run_again() {
        let (mut slow, mut quick) = (Steady { seconds: 30.0, runs: 0 }, Steady { seconds: 0.1, runs: 0 });
        let sides: &mut [(&mut dyn Side, f64)] = &mut [(&mut slow, 30.0), (&mut quick, 0.2)];
        let all = alternate(sides, 3, None, |_| ()).expect("times");
        assert_eq!(all[0], times(&[&[30.0]]));
        assert_eq!(all[1], times(&[&[0.1, 0.1], &[0.1, 0.1], &[0.1, 0.1]]));
        // One to see how long it takes, and in each round one before those that are timed.
        assert_eq!((slow.runs, quick.runs), (0, 1 + 3 * 3));
    }
}
