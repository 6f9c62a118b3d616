//! Chat templates: how a model wants a conversation spelled.
//!
//! In: Jinja templates as `tokenizer_config.json`, `chat_template.jinja` or a GGUF's metadata hold them, and messages.
//! Out: the prompt that `transformers`' `apply_chat_template` renders. Templates come with models and aren't trusted:
//! what they may run, how deep they nest and how much they write is bounded. They reach no files.

use std::io::{self, Write};
use std::sync::Arc;

use glassbox_weights::Package;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::error::TextError;
use crate::python;
use crate::sources::{Files, token_text};

/// How many instructions a template may run.
const FUEL: u64 = 5_000_000;
/// How deep its macros may call one another.
const DEEPEST: usize = 100;
/// The longest prompt, in bytes.
const LONGEST_PROMPT: usize = 64 << 20;
/// The longest template, in bytes.
const LONGEST_TEMPLATE: usize = 1 << 20;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, `tool`.
    pub role: String,
    /// What is said: a text, or a list of parts, or nothing where there are tool calls only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<serde_json::Value>,
    /// What else the template may look at, such as `tool_calls`.
    #[serde(flatten)]
    pub more: Map<String, serde_json::Value>,
}

impl Message {
    /// A message of text.
    pub fn new(role: impl Into<String>, text: impl Into<String>) -> Message {
        Message { role: role.into(), content: Some(serde_json::Value::String(text.into())), more: Map::new() }
    }
}

/// What a template is given besides the messages.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Tools that the model may call, as JSON schemas.
    pub tools: Vec<serde_json::Value>,
    /// Documents, each an object with `title` and `text`.
    pub documents: Vec<serde_json::Value>,
    /// Other variables that the template knows, such as `enable_thinking`.
    pub variables: Map<String, serde_json::Value>,
    /// The name of the template, where there are several; `tool_use` with tools, else `default`, if not given.
    pub template: Option<String>,
}

/// The chat templates of a model.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    sources: Vec<(String, String)>,
    /// Special tokens by what they are for: `bos_token` and the like.
    tokens: Map<String, serde_json::Value>,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("sources", &self.sources).field("tokens", &self.tokens).finish()
    }
}

impl ChatTemplate {
    /// The template of a package, where it has one: of `chat_template.jinja`, `tokenizer_config.json`, or a GGUF's
    /// metadata, the first of these.
    ///
    /// # Errors
    /// When it is there, but isn't a template.
    pub fn of(package: &Package) -> Result<Option<ChatTemplate>, TextError> {
        let files = Files::Package(package);
        let config = files.json("tokenizer_config.json")?;
        let mut tokens = Map::new();
        for source in [files.json("special_tokens_map.json")?.as_ref(), config.as_ref()].into_iter().flatten() {
            let named = source.as_object().into_iter().flatten().filter(|(name, _)| name.ends_with("_token"));
            tokens.extend(named.filter_map(|(name, value)| Some((name.clone(), token_text(value)?.into()))));
        }
        let mut sources = Vec::new();
        if let Some(text) = files.read("chat_template.jinja")? {
            let text = String::from_utf8(text).map_err(|error| {
                let offset = error.utf8_error().valid_up_to();
                TextError::NotUtf8 { offset }.in_file(&files.path("chat_template.jinja"))
            })?;
            sources.push(("default".to_owned(), text));
        } else if let Some(template) = config.as_ref().map(|config| &config["chat_template"]) {
            sources = of_config(template).map_err(|error| error.in_file(&files.path("tokenizer_config.json")))?;
        }
        if sources.is_empty() {
            of_metadata(package.metadata(), &mut sources, &mut tokens);
        }
        if sources.is_empty() { Ok(None) } else { ChatTemplate::new(sources, tokens).map(Some) }
    }

    /// Templates by name, and the special tokens that they are given, such as `bos_token`.
    ///
    /// # Errors
    /// When one of them isn't a template.
    pub fn new(
        sources: Vec<(String, String)>,
        tokens: Map<String, serde_json::Value>,
    ) -> Result<ChatTemplate, TextError> {
        let mut environment = environment()?;
        for (name, source) in &sources {
            if source.len() > LONGEST_TEMPLATE {
                let rule = format!("it has {} bytes; more than {LONGEST_TEMPLATE} are refused", source.len());
                return Err(TextError::malformed(format!("chat template {name:?}"), rule));
            }
            let added = environment.add_template_owned(name.clone(), without_generation_tags(source));
            added.map_err(|error| TextError::malformed(format!("chat template {name:?}"), whole(&error)))?;
        }
        Ok(ChatTemplate { environment: Arc::new(environment), sources, tokens })
    }

    /// The templates with their names.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.sources.iter().map(|(name, source)| (name.as_str(), source.as_str()))
    }

    /// The prompt of a conversation; with `add_generation_prompt`, also what comes before the next answer.
    ///
    /// # Errors
    /// [`TextError::Template`] when the template refuses the messages or doesn't come to an end.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
        extras: &Extras,
    ) -> Result<String, TextError> {
        let name = self.choose(extras)?;
        let mut variables = self.tokens.clone();
        let listed = |values: &[serde_json::Value]| match values {
            [] => serde_json::Value::Null,
            values => values.to_vec().into(),
        };
        variables.insert("tools".to_owned(), listed(&extras.tools));
        variables.insert("documents".to_owned(), listed(&extras.documents));
        variables.insert("add_generation_prompt".to_owned(), add_generation_prompt.into());
        variables.extend(extras.variables.clone());
        let messages: Vec<serde_json::Value> = messages.iter().map(message_value).collect();
        variables.insert("messages".to_owned(), messages.into());
        let failed = |error: Error| TextError::Template(whole(&error));
        let template = self.environment.get_template(name).map_err(failed)?;
        let mut prompt = Bounded(Vec::new());
        template.render_captured_to(Value::from(Serde(&variables)), &mut prompt).map_err(failed)?;
        String::from_utf8(prompt.0).map_err(|_| TextError::Internal("a template wrote no UTF-8".to_owned()))
    }

    fn choose(&self, extras: &Extras) -> Result<&str, TextError> {
        let find = |name: &str| self.sources.iter().map(|(name, _)| name.as_str()).find(|other| *other == name);
        let chosen = match &extras.template {
            Some(name) => find(name),
            None => find("tool_use").filter(|_| !extras.tools.is_empty()).or_else(|| find("default")),
        };
        chosen.ok_or_else(|| {
            let wanted = extras.template.as_deref().unwrap_or("default");
            let known: Vec<&str> = self.sources.iter().map(|(name, _)| name.as_str()).collect();
            TextError::Template(format!("there is none named {wanted:?}; there are {}", known.join(", ")))
        })
    }
}

/// A message as templates see it: reasoning goes by several names.
fn message_value(message: &Message) -> serde_json::Value {
    let mut fields = Map::new();
    fields.insert("role".to_owned(), message.role.clone().into());
    if let Some(content) = &message.content {
        fields.insert("content".to_owned(), content.clone());
    }
    fields.extend(message.more.clone());
    let named = ["reasoning_content", "thinking", "reasoning"];
    let reasoning = named.iter().find_map(|name| fields.get(*name).filter(|value| !value.is_null()).cloned());
    if let Some(reasoning) = reasoning {
        fields.entry("thinking").or_insert_with(|| reasoning.clone());
        fields.insert("reasoning_content".to_owned(), reasoning);
    }
    fields.into()
}

/// `chat_template` of a `tokenizer_config.json`: a text, or a list of `{name, template}`.
fn of_config(template: &serde_json::Value) -> Result<Vec<(String, String)>, TextError> {
    match template {
        serde_json::Value::Null => Ok(Vec::new()),
        serde_json::Value::String(text) => Ok(vec![("default".to_owned(), text.clone())]),
        serde_json::Value::Array(list) => {
            let entry = |entry: &serde_json::Value| {
                Some((entry["name"].as_str()?.to_owned(), entry["template"].as_str()?.to_owned()))
            };
            let sources: Option<Vec<_>> = list.iter().map(entry).collect();
            sources.ok_or_else(|| TextError::malformed("chat_template", "its entries must have a name and a template"))
        }
        _ => Err(TextError::malformed("chat_template", "it must be a text or a list")),
    }
}

/// The templates and special tokens of a GGUF.
fn of_metadata(
    metadata: &glassbox_weights::Metadata,
    sources: &mut Vec<(String, String)>,
    tokens: &mut Map<String, serde_json::Value>,
) {
    let mut add = |name: &str, key: &str| {
        sources.extend(metadata.text(key).map(|text| (name.to_owned(), text.to_owned())));
    };
    add("default", "tokenizer.chat_template");
    for name in metadata.texts("tokenizer.chat_templates").unwrap_or_default() {
        add(name, &format!("tokenizer.chat_template.{name}"));
    }
    let names = metadata.texts("tokenizer.ggml.tokens").unwrap_or_default();
    for (key, role) in [("bos", "bos"), ("eos", "eos"), ("unknown", "unk"), ("padding", "pad"), ("mask", "mask")] {
        let id = metadata.integer(&format!("tokenizer.ggml.{key}_token_id"));
        let name = id.and_then(|id| names.get(usize::try_from(id).ok()?));
        tokens.extend(name.map(|name| (format!("{role}_token"), name.clone().into())));
    }
}

/// An environment with what `transformers` gives to templates.
fn environment() -> Result<Environment<'static>, TextError> {
    let internal = |error: Error| TextError::Internal(error.to_string());
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(internal)?;
    environment.set_syntax(syntax);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEEPEST);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(|out, _, value| Ok(out.write_str(&python::text(value)?)?));
    environment.add_filter("tojson", |value: Value, options: Kwargs| python::to_json(&value, options));
    environment.add_filter("string", |value: Value| python::text(&value));
    environment.add_function("raise_exception", |words: Value| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, python::text(&words)?))
    });
    environment.add_function("strftime_now", |format: String| {
        let now = jiff::Zoned::now();
        jiff::fmt::strtime::format(&format, &now)
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
    });
    environment.add_function("dict", |options: Kwargs| -> Result<Value, Error> {
        let names: Vec<String> = options.args().map(str::to_owned).collect();
        let pairs: Result<Vec<(String, Value)>, Error> =
            names.into_iter().map(|name| options.get(&name).map(|value| (name, value))).collect();
        Ok(Value::from_iter(pairs?))
    });
    environment.add_test("string", |value: Value| value.kind() == ValueKind::String);
    Ok(environment)
}

/// `{% generation %}` marks what training is done on; here it is a block that is always rendered.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        let Some(end) = tag[2..].find("%}").map(|end| end + 2) else { break };
        out.push_str(before);
        let (inner, after) = (&tag[2..end], &tag[end + 2..]);
        let open = if inner.starts_with(['-', '+']) { &inner[..1] } else { "" };
        let words = inner[open.len()..].trim();
        let close = if words.ends_with(['-', '+']) { &words[words.len() - 1..] } else { "" };
        match words[..words.len() - close.len()].trim() {
            "generation" => out.push_str(&format!("{{%{open} if true {close}%}}")),
            "endgeneration" => out.push_str(&format!("{{%{open} endif {close}%}}")),
            _ => out.push_str(&tag[..end + 2]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// An error with those that it came from.
fn whole(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        source = inner.source();
    }
    words
}

/// Where prompts are written: up to their longest.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_PROMPT {
            return Err(io::Error::other(format!("the template writes more than {LONGEST_PROMPT} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
