//! Every setting against the probabilities that it leaves.

use super::*;

fn sampler(settings: Sampling) -> Sampler {
    Sampler::new(settings).expect("sound settings")
}

fn drawing() -> Sampling {
    Sampling { temperature: 1.0, ..Sampling::default() }
}

/// How often each of the tokens is drawn in 20,000 draws.
fn shares(settings: Sampling, logits: &[f32], before: &[u32]) -> Vec<f64> {
    let mut sampler = sampler(settings);
    let mut counts = vec![0.0; logits.len()];
    for _ in 0..20_000 {
        let choice = sampler.choose(logits, before, None).expect("a choice");
        counts[choice.token as usize] += 1.0;
    }
    counts.iter().map(|count| count / 20_000.0).collect()
}

/// Each share is within five standard deviations of its probability.
fn assert_shares(shares: &[f64], probabilities: &[f64]) {
    for (share, probability) in shares.iter().zip(probabilities) {
        let deviation = (probability * (1.0 - probability) / 20_000.0).sqrt();
        assert!((share - probability).abs() <= 5.0 * deviation, "{shares:?} for {probabilities:?}");
    }
}

/// Logits whose softmax is 0.5, 0.25, 0.15, 0.1.
fn logits() -> Vec<f32> {
    [0.5f32, 0.25, 0.15, 0.1].iter().map(|probability| probability.ln()).collect()
}

#[test]
fn greedy_takes_the_first_of_the_most_probable() {
    let choice = sampler(Sampling { alternatives: 2, ..Sampling::default() });
    let choice = { choice }.choose(&[0.0, 3.0, 3.0, f32::NEG_INFINITY], &[], None).expect("a choice");
    assert_eq!(choice.token, 1);
    // Two tokens at e³, one at 1: ln(e³ / (2 e³ + 1)).
    let expected = 3.0 - (2.0 * 3f64.exp() + 1.0).ln();
    assert!((choice.logprob - expected).abs() < 1e-12);
    assert_eq!(choice.alternatives.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn draws_have_the_probabilities_of_the_logits() {
    assert_shares(&shares(drawing(), &logits(), &[]), &[0.5, 0.25, 0.15, 0.1]);
    // At temperature 0.5 probabilities are squared, then made to sum up to one.
    let sum = 0.25 + 0.0625 + 0.0225 + 0.01;
    let cold = Sampling { temperature: 0.5, ..Sampling::default() };
    assert_shares(&shares(cold, &logits(), &[]), &[0.25 / sum, 0.0625 / sum, 0.0225 / sum, 0.01 / sum]);
}

#[test]
fn filters_keep_what_they_say() {
    let kept = |settings| shares(settings, &logits(), &[]);
    assert_shares(&kept(Sampling { top_k: Some(2), ..drawing() }), &[2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
    assert_shares(&kept(Sampling { top_p: Some(0.75), ..drawing() }), &[2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
    assert_shares(&kept(Sampling { top_p: Some(0.0), ..drawing() }), &[1.0, 0.0, 0.0, 0.0]);
    assert_shares(&kept(Sampling { min_p: Some(0.29), ..drawing() }), &[0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0.0]);
    // The entropy is 1.208; the surprises are 0.693, 1.386, 1.897, 2.303: nearest is the second token,
    // then the first, then the third.
    assert_shares(&kept(Sampling { typical: Some(0.2), ..drawing() }), &[0.0, 1.0, 0.0, 0.0]);
    assert_shares(&kept(Sampling { typical: Some(0.7), ..drawing() }), &[2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
}

#[test]
fn penalties_take_off_what_they_say() {
    let after = |penalties: Penalties| {
        let mut logits = vec![2.0, -2.0, 1.0];
        penalties.apply(&mut logits, &[0, 1, 0]);
        logits
    };
    assert_eq!(after(Penalties { repetition: 2.0, ..Penalties::default() }), [1.0, -4.0, 1.0]);
    assert_eq!(after(Penalties { frequency: 0.5, ..Penalties::default() }), [1.0, -2.5, 1.0]);
    assert_eq!(after(Penalties { presence: 0.5, ..Penalties::default() }), [1.5, -2.5, 1.0]);
    assert_eq!(after(Penalties { presence: 0.5, window: Some(1), ..Penalties::default() }), [1.5, -2.0, 1.0]);
}

#[test]
fn a_bias_is_added_and_may_forbid() {
    let bias = HashMap::from([(0, f32::NEG_INFINITY), (3, 9.0)]);
    let choice = sampler(Sampling { bias, ..Sampling::default() }).choose(&logits(), &[], None).expect("a choice");
    assert_eq!(choice.token, 3);
    // The probability told is the model's own.
    assert!((choice.logprob - 0.1f64.ln()).abs() < 1e-6);
    let all = (0..4).map(|token| (token, f32::NEG_INFINITY)).collect();
    let error = sampler(Sampling { bias: all, ..drawing() }).choose(&logits(), &[], None).expect_err("none is left");
    assert!(error.to_string().contains("each is forbidden"), "{error}");
    let error = sampler(Sampling { bias: HashMap::from([(9, 1.0)]), ..drawing() }).choose(&logits(), &[], None);
    assert!(error.expect_err("no such token").to_string().contains("no token 9"));
}

#[test]
fn the_same_seed_draws_the_same() {
    let draw = |seed| {
        let mut sampler = sampler(Sampling { seed, ..drawing() });
        (0..50).map(|_| sampler.choose(&logits(), &[], None).expect("a choice").token).collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn settings_and_logits_that_mean_nothing_are_refused() {
    for settings in [
        Sampling { temperature: -1.0, ..Sampling::default() },
        Sampling { temperature: f64::NAN, ..Sampling::default() },
        Sampling { top_p: Some(1.5), ..drawing() },
        Sampling { min_p: Some(-0.1), ..drawing() },
        Sampling { typical: Some(f64::NAN), ..drawing() },
        Sampling { top_k: Some(0), ..drawing() },
        Sampling { penalties: Penalties { repetition: 0.0, ..Penalties::default() }, ..drawing() },
    ] {
        assert!(Sampler::new(settings.clone()).is_err(), "{settings:?}");
    }
    let error = sampler(drawing()).choose(&[0.0, f32::NAN], &[], None).expect_err("NaN");
    assert!(error.to_string().contains("token 1 is NaN"), "{error}");
}
