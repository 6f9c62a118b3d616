//! The tokens that may still be chosen, with their probabilities.

/// Tokens in order of probability, the most probable first; of equals the lower number first.
pub(super) struct Candidates {
    tokens: Vec<(u32, f64)>,
}

impl Candidates {
    /// Every token that isn't forbidden, with its probability at `temperature`.
    pub(super) fn new(logits: &[f32], temperature: f64) -> Candidates {
        let mut tokens: Vec<(u32, f64)> = logits
            .iter()
            .enumerate()
            .filter(|(_, logit)| **logit > f32::NEG_INFINITY)
            .map(|(token, logit)| (token as u32, f64::from(*logit)))
            .collect();
        tokens.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let most = tokens.first().map_or(0.0, |first| first.1);
        for (_, value) in &mut tokens {
            *value = ((*value - most) / temperature).exp();
        }
        let mut candidates = Candidates { tokens };
        candidates.normalise();
        candidates
    }

    fn normalise(&mut self) {
        let sum: f64 = self.tokens.iter().map(|(_, probability)| probability).sum();
        self.tokens.iter_mut().for_each(|(_, probability)| *probability /= sum);
    }

    /// The `count` most probable ones.
    pub(super) fn keep_first(&mut self, count: usize) {
        self.tokens.truncate(count.max(1));
        self.normalise();
    }

    /// The most probable ones, until their probabilities sum up to `mass`.
    pub(super) fn keep_mass(&mut self, mass: f64) {
        let count = reaching(self.tokens.iter().map(|(_, probability)| *probability), mass);
        self.keep_first(count);
    }

    /// Those at least `share` times as probable as the most probable one.
    pub(super) fn keep_share(&mut self, share: f64) {
        let least = share * self.tokens.first().map_or(0.0, |first| first.1);
        let count = self.tokens.iter().take_while(|(_, probability)| *probability >= least).count();
        self.keep_first(count);
    }

    /// Those whose surprise is nearest to the entropy, until their probabilities sum up to `mass` (locally
    /// typical sampling, arXiv 2202.00666).
    pub(super) fn keep_typical(&mut self, mass: f64) {
        let surprise = |probability: f64| -probability.ln();
        let expected = |probability: f64| if probability > 0.0 { probability * surprise(probability) } else { 0.0 };
        let entropy: f64 = self.tokens.iter().map(|(_, probability)| expected(*probability)).sum();
        let mut order = self.tokens.clone();
        order.sort_by(|a, b| (surprise(a.1) - entropy).abs().total_cmp(&(surprise(b.1) - entropy).abs()));
        order.truncate(reaching(order.iter().map(|(_, probability)| *probability), mass));
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.tokens = order;
        self.normalise();
    }

    /// The token that `place`, in [0, 1), falls on.
    pub(super) fn draw(&self, place: f64) -> u32 {
        let mut sum = 0.0;
        for (token, probability) in &self.tokens {
            sum += probability;
            if place < sum {
                return *token;
            }
        }
        // Where rounding leaves the sum below the place.
        self.tokens.last().map_or(0, |(token, _)| *token)
    }
}

/// How many from the first on sum up to `mass`; at least one.
fn reaching(probabilities: impl Iterator<Item = f64>, mass: f64) -> usize {
    let mut sum = 0.0;
    let mut count = 0;
    for probability in probabilities {
        count += 1;
        sum += probability;
        if sum >= mass {
            break;
        }
    }
    count.max(1)
}
