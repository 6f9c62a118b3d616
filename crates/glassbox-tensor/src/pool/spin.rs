//! How a thread waits that expects to go on soon.

use std::time::{Duration, Instant};

/// The longest that a thread looks whether it can go on before it sleeps.
pub(super) const MAX_SPIN: Duration = Duration::from_micros(100);

/// How long it looks without a break. After that it lets others run between two looks: there may be more threads than
/// processors, and those that it waits for may be among them.
const EAGER: Duration = Duration::from_micros(10);

/// How often it looks before it asks for the time, which costs as much as a few looks.
const LOOKS: u32 = 32;

/// A wait that has begun.
pub(super) struct Spin {
    looks: u32,
    begun: Option<Instant>,
}

impl Spin {
    pub(super) fn new() -> Spin {
        Spin { looks: 0, begun: None }
    }

    /// Waits a moment. False: it has waited for [`MAX_SPIN`].
    pub(super) fn wait(&mut self) -> bool {
        self.looks += 1;
        if self.looks < LOOKS {
            std::hint::spin_loop();
            return true;
        }
        let now = Instant::now();
        let waited = now.duration_since(*self.begun.get_or_insert(now));
        if waited < EAGER && crate::threads::processors() > 1 {
            self.looks = 0;
        } else {
            std::thread::yield_now();
        }
        waited < MAX_SPIN
    }
}
