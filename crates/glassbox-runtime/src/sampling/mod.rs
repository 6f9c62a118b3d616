//! Choosing a token by its logits.
//!
//! In: the logits of one position, f32 of as many as there are tokens; the tokens before it. Out: a
//! [`Choice`]. The steps come in this order, each only where it is asked for: penalties, biases, what a
//! constraint allows; then greedy, or temperature, top-k, typical, top-p, min-p and a draw. All is
//! computed in f64. With the same seed and the same logits the choices are the same on every machine.
//!
//! Refuses settings that mean nothing: a negative temperature, a probability outside of [0, 1].

mod candidates;
mod penalties;

use std::collections::HashMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::RuntimeError;
use candidates::Candidates;
pub use penalties::Penalties;

/// How tokens are chosen. The default is greedy: always the most probable token.
///
/// ```
/// use glassbox_runtime::{Sampler, Sampling};
/// let settings = Sampling { temperature: 0.8, top_p: Some(0.9), seed: 7, ..Sampling::default() };
/// assert!(Sampler::new(settings).is_ok());
/// assert!(Sampler::new(Sampling { temperature: f64::NAN, ..Sampling::default() }).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 takes the most probable token, whatever the other settings.
    pub temperature: f64,
    /// Only the so many most probable tokens.
    pub top_k: Option<usize>,
    /// Only the most probable tokens whose probabilities sum up to this.
    pub top_p: Option<f64>,
    /// Only tokens at least this times as probable as the most probable one.
    pub min_p: Option<f64>,
    /// Only the tokens whose surprise is nearest to the expected one, whose probabilities sum up to this.
    pub typical: Option<f64>,
    /// What tokens that were written before lose.
    pub penalties: Penalties,
    /// What is added to the logits of tokens; negative infinity forbids one.
    pub bias: HashMap<u32, f32>,
    /// The seed of the draws.
    pub seed: u64,
    /// For how many of the most probable tokens the probability is told.
    pub alternatives: usize,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_k: None,
            top_p: None,
            min_p: None,
            typical: None,
            penalties: Penalties::default(),
            bias: HashMap::new(),
            seed: 0,
            alternatives: 0,
        }
    }
}

/// A token that was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The token.
    pub token: u32,
    /// The logarithm of its probability, as the model gives it: before all settings.
    pub logprob: f64,
    /// The most probable tokens with theirs, most probable first; as many as [`Sampling::alternatives`].
    pub alternatives: Vec<(u32, f64)>,
}

/// Says which tokens may come next: a grammar, most often.
pub trait Constraint: Send {
    /// Sets the logits of tokens that may not come next to negative infinity.
    fn mask(&mut self, logits: &mut [f32]) -> Result<(), RuntimeError>;

    /// The token was chosen. Whether the text may go on after it.
    fn accept(&mut self, token: u32) -> Result<bool, RuntimeError>;
}

/// Chooses token after token.
pub struct Sampler {
    settings: Sampling,
    draws: ChaCha8Rng,
}

impl Sampler {
    /// A sampler at the beginning of its draws.
    ///
    /// # Errors
    ///
    /// Where a setting is out of its range.
    pub fn new(settings: Sampling) -> Result<Sampler, RuntimeError> {
        let wrong = |what: &str, rule: &str| Err(RuntimeError::Setting(format!("{what} {rule}")));
        if settings.temperature.is_nan() || settings.temperature < 0.0 {
            return wrong("the temperature", "must be at least 0");
        }
        for (what, value) in [("top_p", settings.top_p), ("min_p", settings.min_p), ("typical", settings.typical)] {
            if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
                return wrong(what, "must be in [0, 1]");
            }
        }
        if settings.top_k == Some(0) {
            return wrong("top_k", "must be at least 1");
        }
        settings.penalties.check()?;
        let draws = ChaCha8Rng::seed_from_u64(settings.seed);
        Ok(Sampler { settings, draws })
    }

    /// The token after `before`, whose logits these are.
    ///
    /// # Errors
    ///
    /// Where a logit is NaN, none is left to choose from, or the constraint refuses.
    ///
    /// ```
    /// use glassbox_runtime::{Sampler, Sampling};
    /// let mut sampler = Sampler::new(Sampling { temperature: 0.0, ..Sampling::default() })?;
    /// assert_eq!(sampler.choose(&[0.5, 2.0, 1.0], &[], None)?.token, 1);
    /// # Ok::<(), glassbox_runtime::RuntimeError>(())
    /// ```
    pub fn choose(
        &mut self,
        logits: &[f32],
        before: &[u32],
        constraint: Option<&mut (dyn Constraint + 'static)>,
    ) -> Result<Choice, RuntimeError> {
        if let Some(place) = logits.iter().position(|logit| logit.is_nan()) {
            return Err(RuntimeError::Logits(format!("the logit of token {place} is NaN")));
        }
        let mut changed = logits.to_vec();
        self.settings.penalties.apply(&mut changed, before);
        for (token, bias) in &self.settings.bias {
            match changed.get_mut(*token as usize) {
                Some(logit) => *logit += bias,
                None => return Err(RuntimeError::Setting(format!("there is no token {token} to bias"))),
            }
        }
        if let Some(constraint) = constraint {
            constraint.mask(&mut changed)?;
        }
        let token = self.pick(&changed)?;
        let norm = log_sum_exp(logits);
        let logprob =
            |token: u32| logits.get(token as usize).map_or(f64::NEG_INFINITY, |logit| f64::from(*logit) - norm);
        let mut alternatives = Vec::new();
        if self.settings.alternatives > 0 {
            let mut order: Vec<u32> = (0..logits.len() as u32).collect();
            order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b)));
            alternatives =
                order.into_iter().take(self.settings.alternatives).map(|token| (token, logprob(token))).collect();
        }
        Ok(Choice { token, logprob: logprob(token), alternatives })
    }

    fn pick(&mut self, logits: &[f32]) -> Result<u32, RuntimeError> {
        let settings = &self.settings;
        let Some(best) = best(logits) else {
            return Err(RuntimeError::Logits("no token may come next: each is forbidden".to_owned()));
        };
        if settings.temperature == 0.0 || logits[best as usize] == f32::INFINITY {
            return Ok(best);
        }
        let mut candidates = Candidates::new(logits, settings.temperature);
        if let Some(count) = settings.top_k {
            candidates.keep_first(count);
        }
        if let Some(mass) = settings.typical {
            candidates.keep_typical(mass);
        }
        if let Some(mass) = settings.top_p {
            candidates.keep_mass(mass);
        }
        if let Some(share) = settings.min_p {
            candidates.keep_share(share);
        }
        Ok(candidates.draw(self.draws.random::<f64>()))
    }
}

/// The token with the largest logit, the first of equals; none where all are negative infinity.
fn best(logits: &[f32]) -> Option<u32> {
    let mut best: Option<usize> = None;
    for (token, logit) in logits.iter().enumerate() {
        if *logit > best.map_or(f32::NEG_INFINITY, |best| logits[best]) {
            best = Some(token);
        }
    }
    best.map(|token| token as u32)
}

/// log Σ exp.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let most = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    if most.is_infinite() {
        return most;
    }
    most + logits.iter().map(|logit| (f64::from(*logit) - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests;
