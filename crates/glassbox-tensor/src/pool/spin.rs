//! How a thread waits that expects to go on soon.
//!
//! It looks again and again, and never yields: Linux takes a whole turn on the processor from who yields, which is
//! milliseconds where others want to run, while who sleeps comes back early. So a thread that waits gives way by sleeping:
//! soon where there are more threads that want to run than processors, after [`MAX_SPIN`] else. That there are is seen by
//! a long time between two looks, in which others ran.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest that a thread looks whether it can go on before it sleeps.
pub(super) const MAX_SPIN: Duration = Duration::from_micros(100);

/// How long it looks where others want the processor.
const CROWDED_SPIN: Duration = Duration::from_micros(5);

/// A time between two looks, at the clock, in which something else must have run.
const INTERRUPTION: Duration = Duration::from_micros(50);

/// How long others are taken to want the processor after they were seen to.
const CROWDED_FOR: Duration = Duration::from_millis(50);

/// How often it looks before it asks for the time, which costs as much as a few looks.
const LOOKS: u32 = 32;

/// Until when others are taken to want the processors, in microseconds of [`clock`].
static CROWDED_UNTIL: AtomicU64 = AtomicU64::new(0);

/// A wait that has begun.
pub(super) struct Spin {
    looks: u32,
    /// When it began, and when the clock was looked at last.
    times: Option<(Duration, Duration)>,
}

impl Spin {
    pub(super) fn new() -> Spin {
        Spin { looks: 0, times: None }
    }

    /// Waits a moment. False: it has waited long enough.
    pub(super) fn wait(&mut self) -> bool {
        self.looks += 1;
        if self.looks < LOOKS {
            std::hint::spin_loop();
            return true;
        }
        self.looks = 0;
        let now = clock();
        let (begun, last) = self.times.unwrap_or((now, now));
        self.times = Some((begun, now));
        if now - last > INTERRUPTION {
            CROWDED_UNTIL.store(micros(now + CROWDED_FOR), Ordering::Relaxed);
        }
        let crowded = CROWDED_UNTIL.load(Ordering::Relaxed) > micros(now) || crate::threads::processors() == 1;
        now - begun < if crowded { CROWDED_SPIN } else { MAX_SPIN }
    }
}

/// The time since the first call of this.
fn clock() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
