//! The configuration of a checkpoint: the settings of its `config.json`, by name.
//!
//! Every getter says what it expects; a setting of another kind, or a number that no model has, is an
//! error that names it. A setting that is `null` is absent.

use serde_json::{Map, Value};

use crate::error::ModelError;

/// The largest size that a setting may have: a count of rows, channels or layers.
const MOST: u64 = 1 << 32;

/// Settings by name. A setting that is `null` is absent; one of another kind than a getter expects is an error.
#[derive(Clone, Debug)]
pub struct Config {
    settings: Map<String, Value>,
    /// The names of the objects that these settings stand in, each with a dot after it.
    prefix: String,
}

impl Config {
    /// The settings of a `config.json`.
    ///
    /// # Errors
    ///
    /// Where the text isn't a JSON object.
    pub fn parse(text: &str) -> Result<Config, ModelError> {
        match serde_json::from_str(text) {
            Ok(Value::Object(settings)) => Ok(Config::from_settings(settings)),
            Ok(other) => Err(ModelError::NotAnObject(kind(&other).to_owned())),
            Err(error) => Err(ModelError::NotAnObject(error.to_string())),
        }
    }

    /// Settings that were made elsewhere: from the metadata of a GGUF file.
    pub fn from_settings(settings: Map<String, Value>) -> Config {
        Config { settings, prefix: String::new() }
    }

    /// All settings.
    pub fn settings(&self) -> &Map<String, Value> {
        &self.settings
    }

    /// These settings, and those of the object `defaults` for the keys that aren't there. A key that is there
    /// and says `null` keeps it: most families know a setting that `null` switches off.
    pub fn with_defaults(&self, defaults: Value) -> Config {
        let mut config = self.clone();
        if let Value::Object(defaults) = defaults {
            defaults.into_iter().for_each(|(key, value)| {
                config.settings.entry(key).or_insert(value);
            });
        }
        config
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.settings.get(key).filter(|value| !value.is_null())
    }

    /// The error of a setting that breaks `rule`.
    pub fn wrong(&self, key: &str, rule: impl Into<String>) -> ModelError {
        ModelError::config(format!("{}{key}", self.prefix), rule)
    }

    /// The error of a setting that is missing or of another kind than `wanted`.
    fn mistaken(&self, key: &str, wanted: &str) -> ModelError {
        match self.get(key) {
            None => self.wrong(key, format!("{wanted} is missing")),
            Some(value) => self.wrong(key, format!("it must be {wanted}, and is {}", kind(value))),
        }
    }

    /// Whether a setting is there.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A size, from 1 on, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no whole number, or out of range.
    pub fn opt_size(&self, key: &str) -> Result<Option<i64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64() {
            Some(size) if (1..=MOST).contains(&size) => Ok(Some(size as i64)),
            Some(size) => Err(self.wrong(key, format!("it must be in 1..={MOST}, and is {size}"))),
            None => Err(self.mistaken(key, "a whole number")),
        }
    }

    /// A size, from 1 on.
    ///
    /// # Errors
    ///
    /// Where it is missing, no whole number, or out of range.
    pub fn size(&self, key: &str) -> Result<i64, ModelError> {
        self.opt_size(key)?.ok_or_else(|| self.mistaken(key, "a whole number"))
    }

    /// A count, from 0 on, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no whole number, or out of range.
    pub fn opt_count(&self, key: &str) -> Result<Option<i64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64() {
            Some(count) if count <= MOST => Ok(Some(count as i64)),
            Some(count) => Err(self.wrong(key, format!("it must be at most {MOST}, and is {count}"))),
            None => Err(self.mistaken(key, "a whole number")),
        }
    }

    /// A list of counts, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no list of whole numbers.
    pub fn opt_counts(&self, key: &str) -> Result<Option<Vec<i64>>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let count = |value: &Value| value.as_u64().filter(|count| *count <= MOST).map(|count| count as i64);
        let counts = value.as_array().and_then(|list| list.iter().map(count).collect::<Option<Vec<i64>>>());
        counts.map(Some).ok_or_else(|| self.mistaken(key, "a list of whole numbers"))
    }

    /// A finite number, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no finite number.
    pub fn opt_float(&self, key: &str) -> Result<Option<f64>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.as_f64().filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.mistaken(key, "a number"))
    }

    /// A finite number.
    ///
    /// # Errors
    ///
    /// Where it is missing or no finite number.
    pub fn float(&self, key: &str) -> Result<f64, ModelError> {
        self.opt_float(key)?.ok_or_else(|| self.mistaken(key, "a number"))
    }

    /// A finite number above 0, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no finite number above 0.
    pub fn opt_positive(&self, key: &str) -> Result<Option<f64>, ModelError> {
        match self.opt_float(key)? {
            Some(number) if number <= 0.0 => Err(self.wrong(key, format!("it must be above 0, and is {number}"))),
            number => Ok(number),
        }
    }

    /// A finite number above 0.
    ///
    /// # Errors
    ///
    /// Where it is missing or no finite number above 0.
    pub fn positive(&self, key: &str) -> Result<f64, ModelError> {
        self.opt_positive(key)?.ok_or_else(|| self.mistaken(key, "a number"))
    }

    /// A truth value; `otherwise` where it isn't there.
    ///
    /// # Errors
    ///
    /// Where it is there and neither true nor false.
    pub fn flag(&self, key: &str, otherwise: bool) -> Result<bool, ModelError> {
        match self.get(key) {
            None => Ok(otherwise),
            Some(value) => value.as_bool().ok_or_else(|| self.mistaken(key, "true or false")),
        }
    }

    /// A text, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no text.
    pub fn opt_text(&self, key: &str) -> Result<Option<&str>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.mistaken(key, "a text"))
    }

    /// A list of numbers, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no list of numbers.
    pub fn opt_floats(&self, key: &str) -> Result<Option<Vec<f64>>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let numbers = value.as_array().and_then(|list| list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
        numbers.map(Some).ok_or_else(|| self.mistaken(key, "a list of numbers"))
    }

    /// A list of texts, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no list of texts.
    pub fn opt_texts(&self, key: &str) -> Result<Option<Vec<&str>>, ModelError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let texts = value.as_array().and_then(|list| list.iter().map(Value::as_str).collect::<Option<Vec<&str>>>());
        texts.map(Some).ok_or_else(|| self.mistaken(key, "a list of texts"))
    }

    /// The settings inside a setting, where it is there.
    ///
    /// # Errors
    ///
    /// Where it is there and no object.
    pub fn opt_inner(&self, key: &str) -> Result<Option<Config>, ModelError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(settings)) => {
                Ok(Some(Config { settings: settings.clone(), prefix: format!("{}{key}.", self.prefix) }))
            }
            Some(_) => Err(self.mistaken(key, "an object")),
        }
    }

    /// An error if a flag is set: what it switches on isn't built.
    ///
    /// # Errors
    ///
    /// Where the flag is true, or neither true nor false.
    pub fn off(&self, key: &str) -> Result<(), ModelError> {
        match self.flag(key, false)? {
            true => Err(ModelError::Unsupported(format!("`{}{key}` is true", self.prefix))),
            false => Ok(()),
        }
    }

    /// An error unless a setting is absent or has the value that is built.
    ///
    /// # Errors
    ///
    /// Where the setting has another value.
    pub fn only(&self, key: &str, built: &[&str]) -> Result<(), ModelError> {
        match self.opt_text(key)? {
            Some(value) if !built.contains(&value) => Err(ModelError::Unsupported(format!(
                "`{}{key}` is {value:?}, and only {} is built",
                self.prefix,
                built.join(" or ")
            ))),
            _ => Ok(()),
        }
    }
}

/// What a value is, for a message.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number of another kind",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
