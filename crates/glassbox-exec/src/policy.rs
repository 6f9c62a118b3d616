//! Policies of precision: in how many bits products are computed, where that may be fewer than the graph says, and whether
//! sums may be put together in other ways than term by term.
//!
//! Without one nothing is computed in fewer bits than the graph says, and every sum has an order that depends on its own terms
//! alone: the bits of a result are the same with any number of threads, with any number of rows beside it, and with the
//! instructions of any processor, so far as the backend's own kernels compute it. That is the policy `strict`. A policy is text in TOML:
//!
//! ```toml
//! # `exact`, `bf16` or `int8`, of all products of matrices that no rule below names.
//! products = "int8"
//! # `direct` or `winograd`, of all convolutions that no rule below names.
//! convolutions = "winograd"
//!
//! # Layers and nodes by their names, in which `*` stands for any letters. The last rule that fits counts.
//! [[layers]]
//! name = "lm_head*"
//! products = "exact"
//!
//! # Kernels that a program has registered with the backend: `force`, `benchmark` (the faster one, for each combination of
//! # sizes) or `off`.
//! [overrides]
//! my-norm = "benchmark"
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

/// How convolutions are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convolutions {
    /// Term by term.
    #[default]
    Direct,
    /// By Winograd's F(2×2, 3×3) where the kernel is 3×3 without strides: 4 products in the place of 9, of sums and
    /// differences of the numbers. The bound of its error is that of sums over patches of 4×4.
    Winograd,
}

impl Convolutions {
    const ALL: [(&'static str, Convolutions); 2] =
        [("direct", Convolutions::Direct), ("winograd", Convolutions::Winograd)];
}

/// When a kernel that a program has registered computes what it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Always.
    #[default]
    Force,
    /// Where it is faster than the backend's own, which is tried once for each combination of sizes.
    Benchmark,
    /// Never.
    Off,
}

impl Choice {
    const ALL: [(&'static str, Choice); 3] =
        [("force", Choice::Force), ("benchmark", Choice::Benchmark), ("off", Choice::Off)];
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
/// assert_eq!(Policy::named("strict"), Some(Policy::default()));
/// # Ok::<(), glassbox_exec::PolicyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    all: Rule,
    layers: Vec<(String, Rule)>,
    overrides: Vec<(String, Choice)>,
}

/// What a policy says of some layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rule {
    products: Option<Products>,
    convolutions: Option<Convolutions>,
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
    /// A rule says nothing.
    #[error("the rule of `layers` for {0:?} has neither `products` nor `convolutions`")]
    Empty(String),
    /// A rule says not of which layers.
    #[error("a rule of `layers` has no `name`, a text with which names of layers and nodes are compared")]
    NoName,
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

impl Policy {
    /// The names of policies that need no file: everything in one way. `exact` is another name of `strict`; `fast` lets sums
    /// be put together in other ways.
    pub const NAMES: [&'static str; 5] = ["strict", "exact", "fast", "bf16", "int8"];

    /// The policy of this name, if there is one.
    pub fn named(name: &str) -> Option<Policy> {
        let products = |products| Rule { products: Some(products), convolutions: None };
        let all = match name {
            "strict" | "exact" => Rule::default(),
            "fast" => Rule { products: None, convolutions: Some(Convolutions::Winograd) },
            "bf16" => products(Products::Bf16),
            "int8" => products(Products::Int8),
            _ => return None,
        };
        Some(Policy { all, ..Policy::default() })
    }

    /// What is said of registered kernels, by their names.
    pub fn overrides(&self) -> &[(String, Choice)] {
        &self.overrides
    }

    /// The same policy, which says of a registered kernel what `text` does: `NAME=force`, `NAME=benchmark` or `NAME=off`; a
    /// name alone forces it.
    ///
    /// # Errors
    ///
    /// It is none of these.
    ///
    /// ```
    /// use glassbox_exec::{Choice, Policy};
    /// let policy = Policy::default().overridden("my-norm=benchmark")?;
    /// assert_eq!(policy.overrides(), [("my-norm".to_owned(), Choice::Benchmark)]);
    /// assert!(Policy::default().overridden("my-norm=fast").is_err());
    /// # Ok::<(), glassbox_exec::PolicyError>(())
    /// ```
    pub fn overridden(mut self, text: &str) -> Result<Policy, PolicyError> {
        let (name, choice) = text.split_once('=').unwrap_or((text, "force"));
        let choice = one_of("overrides", &Value::String(choice.to_owned()), &Choice::ALL)?;
        self.overrides.retain(|(known, _)| known != name);
        self.overrides.push((name.to_owned(), choice));
        Ok(self)
    }

    /// What the last rule says that fits one of these names and says something.
    fn find<'n, T: Copy + Default>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        of: impl Fn(&Rule) -> Option<T>,
    ) -> T {
        let names: Vec<&str> = names.into_iter().collect();
        let fits = |pattern: &str| names.iter().any(|name| fits_pattern(pattern, name));
        let mut rules = self.layers.iter().rev().filter(|(pattern, _)| fits(pattern));
        rules.find_map(|(_, rule)| of(rule)).or_else(|| of(&self.all)).unwrap_or_default()
    }

    /// How products are computed in what has these names.
    pub fn products<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Products {
        self.find(names, |rule| rule.products)
    }

    /// How the convolutions of a node are computed that is called so: by that and by the layers and nodes that it came from.
    pub fn convolutions_of(&self, node: &Node, labels: &[&str]) -> Convolutions {
        self.find(names_of(node, labels), |rule| rule.convolutions)
    }

    /// How the products of a node are computed that is called so: by that and by the layers and nodes that it came from.
    pub fn products_of(&self, node: &Node, labels: &[&str]) -> Products {
        self.products(names_of(node, labels))
    }
}

/// The layers and nodes that a node came from, and how it is called.
fn names_of<'n>(node: &'n Node, labels: &'n [&'n str]) -> impl Iterator<Item = &'n str> {
    let origins = node.provenance.origins().filter_map(|origin| match origin {
        Origin::Layer(name) => Some(name.as_str()),
        Origin::Onnx { node, .. } => Some(node.as_str()),
        _ => None,
    });
    origins.chain(labels.iter().copied())
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Policy, PolicyError> {
        let table: Table =
            text.parse().map_err(|error: toml::de::Error| PolicyError::Toml(error.message().to_owned()))?;
        let mut policy = Policy::default();
        for (key, value) in &table {
            match (key.as_str(), value) {
                ("products" | "convolutions", value) => policy.all.set(key, value)?,
                ("overrides", Value::Table(chosen)) => {
                    for (name, value) in chosen {
                        policy.overrides.push((name.clone(), one_of("overrides", value, &Choice::ALL)?));
                    }
                }
                ("overrides", other) => {
                    let (value, known) = (other.type_str().to_owned(), vec!["a table of names of kernels"]);
                    return Err(PolicyError::Value { key: "overrides", value, known });
                }
                ("layers", Value::Array(rules)) if rules.iter().all(Value::is_table) => {
                    for rule in rules.iter().filter_map(Value::as_table) {
                        policy.layers.push(layer(rule)?);
                    }
                }
                ("layers", other) => {
                    let (value, known) = (other.type_str().to_owned(), vec!["tables, each begun with [[layers]]"]);
                    return Err(PolicyError::Value { key: "layers", value, known });
                }
                _ => return Err(unknown(key, "a policy", &["products", "convolutions", "layers", "overrides"])),
            }
        }
        Ok(policy)
    }
}

fn layer(given: &Table) -> Result<(String, Rule), PolicyError> {
    const KEYS: [&str; 3] = ["name", "products", "convolutions"];
    let name = given.get("name").and_then(Value::as_str).ok_or(PolicyError::NoName);
    let mut rule = Rule::default();
    for (key, value) in given {
        match key.as_str() {
            "name" => {}
            "products" | "convolutions" => rule.set(key, value)?,
            _ => return Err(unknown(key, "a rule of `layers`", &KEYS)),
        }
    }
    let name = name?.to_owned();
    if rule == Rule::default() { Err(PolicyError::Empty(name)) } else { Ok((name, rule)) }
}

impl Rule {
    fn set(&mut self, key: &str, value: &Value) -> Result<(), PolicyError> {
        match key {
            "products" => self.products = Some(one_of("products", value, &Products::ALL)?),
            _ => self.convolutions = Some(one_of("convolutions", value, &Convolutions::ALL)?),
        }
        Ok(())
    }
}

fn one_of<T: Copy>(key: &'static str, value: &Value, known: &[(&'static str, T)]) -> Result<T, PolicyError> {
    let found = known.iter().find(|(name, _)| value.as_str() == Some(name));
    let given = || value.as_str().map_or_else(|| value.type_str().to_owned(), |text| format!("{text:?}"));
    let names = || known.iter().map(|(name, _)| *name).collect();
    found.map(|(_, found)| *found).ok_or_else(|| PolicyError::Value { key, value: given(), known: names() })
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
        assert_eq!(
            error("[[layers]]\nname = 'a'"),
            "the rule of `layers` for \"a\" has neither `products` nor `convolutions`"
        );
        assert_eq!(error("overrides = 1"), "`overrides` is integer; it is one of a table of names of kernels");
        assert_eq!(error("[overrides]\na = 'on'"), "`overrides` is \"on\"; it is one of force, benchmark, off");
        assert_eq!(error("convolutions = 'fft'"), "`convolutions` is \"fft\"; it is one of direct, winograd");
        assert_eq!(
            error("convolution = 'direct'"),
            "`convolution` is no key of a policy; did you mean `convolutions`?"
        );
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
