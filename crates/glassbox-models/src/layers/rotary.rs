//! Rotary positions: pairs of channels, turned by an angle that grows with the position.
//!
//! Pair i of a head turns by position · f_i, f_i = theta^(-2i / channels), where a scaling changes the
//! frequencies for contexts that are longer than the model was first made for.

use std::f64::consts::PI;

use glassbox_ir::{Expr, attrs, ops};
use glassbox_tensor::{DType, Tensor};

use super::attention::Cache;
use crate::config::Config;
use crate::error::ModelError;

/// The frequencies of a model.
#[derive(Clone, Debug)]
pub struct Rotary {
    /// How many of the channels of a head turn: the first ones.
    channels: i64,
    /// The angle that each pair turns by from one position to the next.
    frequencies: Vec<f32>,
    /// Other frequencies, for sequences that are longer than so many tokens.
    long: Option<(i64, Vec<f32>)>,
    /// What cosine and sine are multiplied by.
    magnitude: f64,
    /// Whether a pair is two neighbours, as GGUF files of some families have them; else it is the channels in the
    /// same place of the first and the second half.
    interleaved: bool,
}

/// The metadata of a graph whose frequencies change: a sequence that grows beyond so many tokens has to be
/// given anew from its start, with states that are reset.
pub const RECOMPUTE_BEYOND: &str = "recompute_beyond";

/// How many of the `size` channels of a head turn, where the settings say it.
fn turning(settings: &Config, size: i64) -> Result<Option<i64>, ModelError> {
    match settings.opt_positive("partial_rotary_factor")? {
        Some(part) if part > 1.0 => {
            Err(settings.wrong("partial_rotary_factor", format!("it must be at most 1, and is {part}")))
        }
        part => Ok(part.map(|part| (size as f64 * part) as i64)),
    }
}

/// The cosines and sines of the positions of a step.
#[derive(Clone, Copy)]
pub struct Angles<'b> {
    cos: Expr<'b>,
    sin: Expr<'b>,
    channels: i64,
    interleaved: bool,
}

impl Rotary {
    /// What a configuration says of heads of `size` channels: in `rope_parameters`, or in `rope_theta` and
    /// `rope_scaling` as older files have it. `theta` is the base where none is given.
    ///
    /// As in transformers, of both objects `rope_scaling` counts, and what they don't say of the base and of the channels that
    /// turn is said beside them.
    ///
    /// # Errors
    ///
    /// Where a setting is missing or wrong, or such a scaling isn't built.
    pub fn read(config: &Config, size: i64, theta: f64) -> Result<Rotary, ModelError> {
        let theta = config.opt_positive("rope_theta")?.unwrap_or(theta);
        let scaling = config.opt_inner("rope_scaling")?.filter(|scaling| !scaling.settings().is_empty());
        match scaling.or(config.opt_inner("rope_parameters")?) {
            Some(settings) => Rotary::described(config, &settings, size, theta),
            None => Rotary::plain(config, turning(config, size)?.unwrap_or(size), theta),
        }
    }

    /// What `settings`, an object of the form of `rope_parameters`, says of heads of `size` channels.
    ///
    /// # Errors
    ///
    /// Where a setting is missing or wrong, or such a scaling isn't built.
    pub fn described(config: &Config, settings: &Config, size: i64, theta: f64) -> Result<Rotary, ModelError> {
        let theta = settings.opt_positive("rope_theta")?.unwrap_or(theta);
        let channels = match turning(settings, size)? {
            Some(channels) => channels,
            None => turning(config, size)?.unwrap_or(size),
        };
        Rotary::plain(config, channels, theta)?.scaled(config, settings)
    }

    /// Without scaling.
    ///
    /// # Errors
    ///
    /// Where the channels can't turn in pairs.
    pub fn plain(config: &Config, channels: i64, theta: f64) -> Result<Rotary, ModelError> {
        if channels < 2 || channels % 2 != 0 {
            return Err(config.wrong("head_dim", format!("{channels} channels can't turn in pairs")));
        }
        // As torch computes them: the power in f32, then its reciprocal.
        let frequency = |pair: i64| {
            let exponent = (2 * pair) as f32 / channels as f32;
            1.0 / (theta.powf(f64::from(exponent)) as f32)
        };
        Ok(Rotary {
            channels,
            frequencies: (0..channels / 2).map(frequency).collect(),
            long: None,
            magnitude: 1.0,
            interleaved: config.flag("rope_interleaved", false)?,
        })
    }

    /// With the scaling that `rope_scaling` describes.
    ///
    /// # Errors
    ///
    /// Where a setting is missing or wrong, or such a scaling isn't built.
    pub fn scaled(mut self, config: &Config, scaling: &Config) -> Result<Rotary, ModelError> {
        let kind = match scaling.opt_text("rope_type")? {
            Some(kind) => kind,
            None => match scaling.opt_text("type")? {
                Some(kind) => kind,
                None if scaling.has("factor") => {
                    return Err(scaling.wrong("rope_type", "it is missing, and there is a factor"));
                }
                None => "default",
            },
        };
        match kind {
            "default" => {}
            "linear" => {
                let factor = scaling.positive("factor")? as f32;
                self.frequencies.iter_mut().for_each(|frequency| *frequency /= factor);
            }
            "llama3" => self.llama3(scaling)?,
            "factors" => self.frequencies = self.divided(&self.factors(scaling, "factors")?),
            "longrope" | "su" => self.long_rope(config, scaling)?,
            other => return Err(ModelError::Unsupported(format!("rotary scaling of type {other:?}"))),
        }
        Ok(self)
    }

    /// Slow pairs turn `factor` times more slowly, fast ones as before, those between by a mean.
    fn llama3(&mut self, scaling: &Config) -> Result<(), ModelError> {
        let (factor, length) = (scaling.positive("factor")?, scaling.positive("original_max_position_embeddings")?);
        let (low, high) = (scaling.positive("low_freq_factor")?, scaling.positive("high_freq_factor")?);
        if low >= high {
            return Err(scaling.wrong("low_freq_factor", format!("it is {low}, and must be below {high}")));
        }
        for frequency in &mut self.frequencies {
            let wave = 2.0 * PI / f64::from(*frequency);
            let slow = f64::from(*frequency) / factor;
            *frequency = if wave < length / high {
                *frequency
            } else if wave > length / low {
                slow as f32
            } else {
                let share = (length / wave - low) / (high - low);
                ((1.0 - share) * slow + share * f64::from(*frequency)) as f32
            };
        }
        Ok(())
    }

    /// The list `key`: a factor for each pair.
    fn factors(&self, scaling: &Config, key: &str) -> Result<Vec<f64>, ModelError> {
        let list = scaling.opt_floats(key)?.ok_or_else(|| scaling.wrong(key, "a list of numbers is missing"))?;
        if list.len() != self.frequencies.len() {
            return Err(scaling.wrong(key, format!("{} factors for {} pairs", list.len(), self.frequencies.len())));
        }
        match list.iter().find(|factor| **factor <= 0.0) {
            Some(factor) => Err(scaling.wrong(key, format!("a factor is {factor}, and must be above 0"))),
            None => Ok(list),
        }
    }

    /// Each frequency divided by its factor.
    fn divided(&self, factors: &[f64]) -> Vec<f32> {
        let pairs = self.frequencies.iter().zip(factors);
        pairs.map(|(frequency, factor)| 1.0 / (*factor as f32 * (1.0 / frequency))).collect()
    }

    /// Each pair has its own factor, one for short and one for long sequences.
    fn long_rope(&mut self, config: &Config, scaling: &Config) -> Result<(), ModelError> {
        for key in ["short_mscale", "long_mscale"] {
            if scaling.has(key) {
                return Err(ModelError::Unsupported(format!("rotary scaling with `{key}`")));
            }
        }
        let (short, long) = (self.factors(scaling, "short_factor")?, self.factors(scaling, "long_factor")?);
        let original = match scaling.opt_size("original_max_position_embeddings")? {
            Some(original) => original,
            None => config.size("original_max_position_embeddings")?,
        };
        let stretch = config.size("max_position_embeddings")? as f64 / original as f64;
        if scaling.opt_float("factor")?.is_some_and(|factor| factor != stretch) {
            let rule = format!("it must be max_position_embeddings / original, which is {stretch}");
            return Err(scaling.wrong("factor", rule));
        }
        let root = || (1.0 + stretch.ln() / (original as f64).ln()).sqrt();
        let magnitude = scaling.opt_positive("attention_factor")?;
        self.magnitude = magnitude.unwrap_or_else(|| if stretch <= 1.0 { 1.0 } else { root() });
        (self.long, self.frequencies) = (Some((original, self.divided(&long))), self.divided(&short));
        Ok(())
    }

    /// The cosines and sines of the positions of this step.
    pub fn angles<'b>(&self, cache: &Cache<'b>) -> Angles<'b> {
        let positions = cache.positions();
        let f = positions.owner();
        let row = |values: &[f32]| match Tensor::from_vec(&[1, 1, values.len()], values.to_vec()) {
            Ok(tensor) => f.constant(tensor),
            Err(error) => f.mistake("rotary", error.to_string()),
        };
        let mut frequencies = row(&self.frequencies);
        if let Some((original, long)) = &self.long {
            // What the states hold was computed with the frequencies of its time.
            let known = f.graph().metadata.iter().any(|(key, _)| key == RECOMPUTE_BEYOND);
            if !known {
                f.builder().metadata(RECOMPUTE_BEYOND, original.to_string());
            }
            let longer = cache.counts().greater(f.int(*original)).unsqueeze(&[2]);
            frequencies = longer.select(row(long), frequencies);
        }
        let angles = positions.cast(DType::F32).unsqueeze(&[2]) * frequencies;
        let sized = |x: Expr<'b>| if self.magnitude == 1.0 { x } else { x * self.magnitude };
        Angles {
            cos: sized(angles.cos()),
            sin: sized(angles.sin()),
            channels: self.channels,
            interleaved: self.interleaved,
        }
    }
}

impl<'b> Angles<'b> {
    /// Queries or keys [B, heads, T, channels], turned.
    pub fn turn(&self, x: Expr<'b>) -> Expr<'b> {
        let mut attrs = attrs! { rotary_embedding_dim: self.channels };
        if self.interleaved {
            attrs.extend([("interleaved", true.into())]);
        }
        x.owner().op(&ops::rotary_embedding::OP, &[x, self.cos, self.sin], attrs)
    }
}
