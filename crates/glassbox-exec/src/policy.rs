//! Policies of precision: in how many bits products are computed, where that may be fewer than the graph says.
//!
//! Without one nothing is computed in fewer bits than the graph says. A policy is text in TOML:
//!
//! ```toml
//! # `exact`, `bf16` or `int8`, of all products of matrices that no rule below names.
//! products = "int8"
//!
//! # Layers and nodes by their names, in which `*` stands for any letters. The last rule that fits counts.
//! [[layers]]
//! name = "lm_head*"
//! products = "exact"
//! ```

use std::str::FromStr;

use glassbox_ir::text::nearest;
use glassbox_ir::{Node, Origin};
use thiserror::Error;
use toml::{Table, Value};

/// How products of matrices are computed whose second operand is a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// In f32 where the graph says f32.
    #[default]
    Exact,
    /// Of both operands rounded to bf16; sums are in f32.
    Bf16,
    /// Where the weight is stored in blocks of 8 bits or fewer: of the other operand in blocks of 32 numbers, each rounded to 8
    /// bits and a factor in f32. Others are exact.
    Int8,
}

impl Products {
    const ALL: [(&'static str, Products); 3] =
        [("exact", Products::Exact), ("bf16", Products::Bf16), ("int8", Products::Int8)];
}

/// See the [module](self).
///
/// ```
/// use glassbox_exec::{Products, Policy};
/// let policy: Policy = "products = 'bf16'\n[[layers]]\nname = 'head*'\nproducts = 'exact'".parse()?;
/// assert_eq!(policy.products(["layers.0/attn", "#7"]), Products::Bf16);
/// assert_eq!(policy.products(["head/linear", "#8"]), Products::Exact);
/// assert_eq!(Policy::named("int8").map(|it| it.products(["any"])), Some(Products::Int8));
/// let error = "product = 'bf16'".parse::<Policy>().unwrap_err().to_string();
/// assert_eq!(error, "`product` is no key of a policy; did you mean `products`?");
/// # Ok::<(), glassbox_exec::PolicyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    products: Products,
    layers: Vec<(String, Products)>,
}

/// What is wrong with the text of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It isn't TOML.
    #[error("the policy isn't TOML: {0}")]
    Toml(String),
    /// There is no such key.
    #[error("`{key}` is no key of {place}{}", meant(.nearest.as_deref()))]
    Key {
        /// The key.
        key: String,
        /// Of what.
        place: &'static str,
        /// One that is spelled like it.
        nearest: Option<String>,
    },
    /// A value isn't one of those that there are.
    #[error("`{key}` is {value}; it is one of {}", .known.join(", "))]
    Value {
        /// The key.
        key: &'static str,
        /// What it is.
        value: String,
        /// What it could be.
        known: Vec<&'static str>,
    },
    /// A rule says not of which layers.
    #[error("a rule of `layers` has no `name`, a text with which names of layers and nodes are compared")]
    NoName,
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

impl Policy {
    /// The names of policies that need no file: all products in one way.
    pub const NAMES: [&'static str; 3] = [Products::ALL[0].0, Products::ALL[1].0, Products::ALL[2].0];

    /// The policy of this name, if there is one.
    pub fn named(name: &str) -> Option<Policy> {
        let found = Products::ALL.iter().find(|(known, _)| *known == name)?;
        Some(Policy { products: found.1, layers: Vec::new() })
    }

    /// How products are computed in what has these names.
    pub fn products<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Products {
        let names: Vec<&str> = names.into_iter().collect();
        let fits = |pattern: &str| names.iter().any(|name| fits_pattern(pattern, name));
        self.layers.iter().rev().find(|(pattern, _)| fits(pattern)).map_or(self.products, |(_, products)| *products)
    }

    /// How the products of a node are computed that is called so: by that and by the layers and nodes that it came from.
    pub fn products_of(&self, node: &Node, labels: &[&str]) -> Products {
        let origins = node.provenance.origins().filter_map(|origin| match origin {
            Origin::Layer(name) => Some(name.as_str()),
            Origin::Onnx { node, .. } => Some(node.as_str()),
            _ => None,
        });
        self.products(origins.chain(labels.iter().copied()))
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Policy, PolicyError> {
        let table: Table =
            text.parse().map_err(|error: toml::de::Error| PolicyError::Toml(error.message().to_owned()))?;
        let mut policy = Policy::default();
        for (key, value) in &table {
            match (key.as_str(), value) {
                ("products", value) => policy.products = products(value)?,
                ("layers", Value::Array(rules)) if rules.iter().all(Value::is_table) => {
                    for rule in rules.iter().filter_map(Value::as_table) {
                        policy.layers.push(layer(rule)?);
                    }
                }
                ("layers", other) => {
                    let (value, known) = (other.type_str().to_owned(), vec!["tables, each begun with [[layers]]"]);
                    return Err(PolicyError::Value { key: "layers", value, known });
                }
                _ => return Err(unknown(key, "a policy", &["products", "layers"])),
            }
        }
        Ok(policy)
    }
}

fn layer(rule: &Table) -> Result<(String, Products), PolicyError> {
    const KEYS: [&str; 2] = ["name", "products"];
    if let Some(key) = rule.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(unknown(key, "a rule of `layers`", &KEYS));
    }
    let name = rule.get("name").and_then(Value::as_str).ok_or(PolicyError::NoName)?;
    let missing = Value::String(String::new());
    Ok((name.to_owned(), products(rule.get("products").unwrap_or(&missing))?))
}

fn products(value: &Value) -> Result<Products, PolicyError> {
    let found = Products::ALL.iter().find(|(name, _)| value.as_str() == Some(name));
    let given = || value.as_str().map_or_else(|| value.type_str().to_owned(), |text| format!("{text:?}"));
    let wrong = || PolicyError::Value { key: "products", value: given(), known: Policy::NAMES.to_vec() };
    found.map(|(_, products)| *products).ok_or_else(wrong)
}

fn unknown(key: &str, place: &'static str, known: &[&str]) -> PolicyError {
    let nearest = nearest(key, known.iter().copied()).map(str::to_owned);
    PolicyError::Key { key: key.to_owned(), place, nearest }
}

/// Whether a name fits a pattern in which `*` stands for any letters. It takes time that grows with the product of both.
///
/// ```
/// use glassbox_exec::fits_pattern;
/// assert!(fits_pattern("h.*/mlp*", "h.11/mlp/c_fc") && !fits_pattern("h.*/mlp", "h.11/mlp/c_fc"));
/// ```
pub fn fits_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, in_name));
            at += 1;
        } else if pattern.get(at) == Some(&name[in_name]) {
            at += 1;
            in_name += 1;
        } else if let Some((place, from)) = star {
            (at, in_name) = (place + 1, from + 1);
            star = Some((place, from + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| text.parse::<Policy>().expect_err(text).to_string();
        assert!(error("products = ").starts_with("the policy isn't TOML: "));
        assert_eq!(error("products = 'int4'"), "`products` is \"int4\"; it is one of exact, bf16, int8");
        assert_eq!(error("layers = 3"), "`layers` is integer; it is one of tables, each begun with [[layers]]");
        assert_eq!(
            error("[[layers]]\nproducts = 'int8'"),
            "a rule of `layers` has no `name`, a text with which names of layers and nodes are compared"
        );
        assert_eq!(
            error("[[layers]]\nname = 'a'\nproduct = 'int8'"),
            "`product` is no key of a rule of `layers`; did you mean `products`?"
        );
        assert_eq!(error("[[layers]]\nname = 'a'"), "`products` is \"\"; it is one of exact, bf16, int8");
    }

    #[test]
    fn stars_stand_for_any_letters() {
        for (pattern, name, fit) in [
            ("*", "", true),
            ("layers.*/attn", "layers.3/attn", true),
            ("layers.*/attn", "layers.3/mlp", false),
            ("*q*", "a/q/b", true),
            ("*q", "a/q/b", false),
            ("x", "xy", false),
        ] {
            assert_eq!(fits_pattern(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn the_last_rule_that_fits_counts() {
        let text = "[[layers]]\nname = 'h.*'\nproducts = 'int8'\n[[layers]]\nname = '*/attn'\nproducts = 'bf16'";
        let policy: Policy = text.parse().expect("a policy");
        assert_eq!(policy.products(["h.1/mlp"]), Products::Int8);
        assert_eq!(policy.products(["h.1/attn"]), Products::Bf16);
        assert_eq!(policy.products(["wte", "#3"]), Products::Exact);
        assert_eq!("".parse::<Policy>(), Ok(Policy::default()));
    }
}
