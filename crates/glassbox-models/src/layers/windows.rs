//! Which layers see only the last tokens: the sliding windows.

use crate::config::Config;
use crate::error::ModelError;

/// The window of each layer: `sliding_window` where `layer_types` says `sliding_attention`, none where it
/// says `full_attention`. Older files have no such list; there `slides` says it.
///
/// # Errors
///
/// Where the list names another number of layers or a type that isn't known, or the size of the window is missing.
pub fn by_layer(config: &Config, layers: i64, slides: impl Fn(i64) -> bool) -> Result<Vec<Option<i64>>, ModelError> {
    let slides: Vec<bool> = match config.opt_texts("layer_types")? {
        None => (0..layers).map(slides).collect(),
        Some(types) if types.len() as i64 != layers => {
            return Err(config.wrong("layer_types", format!("it names {} layers, of {layers}", types.len())));
        }
        Some(types) => types.into_iter().map(slides_by_name).collect::<Result<_, _>>()?,
    };
    let window = if slides.contains(&true) { Some(config.size("sliding_window")?) } else { None };
    Ok(slides.into_iter().map(|slides| window.filter(|_| slides)).collect())
}

/// The window of each layer where `use_sliding_window` switches them on, from layer `max_window_layers` on.
///
/// # Errors
///
/// Where settings are missing or contradict each other.
pub fn from_layer(config: &Config, layers: i64) -> Result<Vec<Option<i64>>, ModelError> {
    let used = config.flag("use_sliding_window", false)?;
    let first = config.opt_count("max_window_layers")?;
    if used && first.is_none() && !config.has("layer_types") {
        return Err(config.wrong("max_window_layers", "it is missing, and `use_sliding_window` is true"));
    }
    if !used && config.opt_texts("layer_types")?.is_some_and(|types| types.contains(&"sliding_attention")) {
        return Err(config.wrong("layer_types", "a layer slides, and `use_sliding_window` is false"));
    }
    by_layer(config, layers, |n| used && first.is_some_and(|first| n >= first))
}

/// An error if a layer slides: the family has no windows.
///
/// # Errors
///
/// Where a layer slides.
pub fn none(config: &Config, layers: i64) -> Result<(), ModelError> {
    config.off("use_sliding_window")?;
    match by_layer(config, layers, |_| false)?.iter().any(Option::is_some) {
        true => Err(ModelError::Unsupported("`layer_types` with sliding windows".to_owned())),
        false => Ok(()),
    }
}

fn slides_by_name(name: &str) -> Result<bool, ModelError> {
    match name {
        "sliding_attention" => Ok(true),
        "full_attention" => Ok(false),
        other => Err(ModelError::Unsupported(format!("`layer_types` with {other:?}"))),
    }
}
