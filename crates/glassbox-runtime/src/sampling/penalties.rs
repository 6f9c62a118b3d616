//! What tokens lose for having been written before.

use std::collections::HashMap;

use crate::error::RuntimeError;

/// What tokens lose for having been written before. The default takes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Penalties {
    /// Logits above 0 are divided by it, those below multiplied (arXiv 1909.05858); 1 changes nothing.
    pub repetition: f64,
    /// Taken off for each time that the token was written.
    pub frequency: f64,
    /// Taken off once if the token was written.
    pub presence: f64,
    /// How many of the last tokens count, those of the prompt included; all, if not given.
    pub window: Option<usize>,
}

impl Default for Penalties {
    fn default() -> Penalties {
        Penalties { repetition: 1.0, frequency: 0.0, presence: 0.0, window: None }
    }
}

impl Penalties {
    /// An error unless every setting means something.
    pub(super) fn check(&self) -> Result<(), RuntimeError> {
        if !(self.repetition.is_finite() && self.repetition > 0.0) {
            return Err(RuntimeError::Setting("the repetition penalty must be above 0".to_owned()));
        }
        if !self.frequency.is_finite() || !self.presence.is_finite() {
            return Err(RuntimeError::Setting("penalties must be finite".to_owned()));
        }
        Ok(())
    }

    /// Takes the penalties for the tokens `before` off `logits`.
    pub(super) fn apply(&self, logits: &mut [f32], before: &[u32]) {
        if *self == Penalties::default() {
            return;
        }
        let first = self.window.map_or(0, |window| before.len().saturating_sub(window));
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for token in &before[first..] {
            *counts.entry(*token).or_default() += 1;
        }
        for (token, count) in counts {
            let Some(logit) = logits.get_mut(token as usize) else { continue };
            let value = f64::from(*logit);
            let value = if value > 0.0 { value / self.repetition } else { value * self.repetition };
            *logit = (value - f64::from(count) * self.frequency - self.presence) as f32;
        }
    }
}
