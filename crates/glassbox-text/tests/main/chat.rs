//! Chat templates: what `transformers` renders, in `tests/chat.json`, which `scripts/tokenizers/chat.py` writes.

use std::path::Path;

use glassbox_text::{ChatTemplate, Extras, Message, TextError};
use serde_json::{Map, Value};

use crate::strings::json;

fn golden() -> Value {
    json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat.json"))
}

fn template(source: &str, tokens: &Value) -> Result<ChatTemplate, TextError> {
    ChatTemplate::new(vec![("default".to_owned(), source.to_owned())], tokens.as_object().unwrap().clone())
}

fn render(source: &str) -> Result<String, TextError> {
    template(source, &Value::Object(Map::new()))?.render(&[Message::new("user", "hello")], true, &Extras::default())
}

#[test]
fn every_prompt_is_the_one_of_transformers() {
    let golden = golden();
    let mut wrong = Vec::new();
    let cases = golden["cases"].as_array().unwrap();
    for case in cases {
        let name = case["template"].as_str().unwrap();
        let template = template(golden["templates"][name].as_str().unwrap(), &golden["tokens"]).unwrap();
        let conversation = case["conversation"].as_str().unwrap();
        let messages: Vec<Message> = serde_json::from_value(golden["conversations"][conversation].clone()).unwrap();
        let tools = case["tools"].as_bool().unwrap();
        let extras = Extras {
            tools: if tools { golden["tools"].as_array().unwrap().clone() } else { Vec::new() },
            variables: case["variables"].as_object().unwrap().clone(),
            ..Extras::default()
        };
        for (key, prompt) in [("prompt", true), ("history", false)] {
            let rendered = template.render(&messages, prompt, &extras);
            let right = match (&rendered, case[key].as_str()) {
                (Ok(text), Some(expected)) => text == expected,
                (Err(error), None) => case["refused"].as_str().is_none_or(|words| error.to_string().contains(words)),
                _ => false,
            };
            if !right {
                wrong
                    .push(format!("{name}, {conversation}, tools {tools}, {key}:\n{rendered:?}\nwanted {}", case[key]));
            }
        }
    }
    assert!(cases.len() > 100);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), 2 * cases.len(), wrong.join("\n"));
}

#[test]
fn a_template_that_runs_or_writes_without_end_is_stopped() {
    let endless = "{% for a in range(100000) %}{% for b in range(100000) %}{% set x = a %}{% endfor %}{% endfor %}";
    let deep = "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}";
    let long = "{% for a in range(1000) %}{{ 'x' * 1000000 }}{% endfor %}";
    let nested = "{% set ns = namespace(v=[]) %}{% for a in range(500) %}{% set ns.v = [ns.v] %}{% endfor %}";
    for source in [endless, deep, long, &format!("{nested}{{{{ ns.v | tojson }}}}"), &format!("{nested}{{{{ ns.v }}}}")]
    {
        let error = render(source).unwrap_err();
        assert!(matches!(error, TextError::Template(_)), "{error}");
    }
}

#[test]
fn a_template_reaches_no_files() {
    for source in ["{% include '/etc/passwd' %}", "{% import '/etc/passwd' as p %}{{ p }}", "{% extends 'x' %}"] {
        assert!(render(source).is_err(), "{source}");
    }
}

#[test]
fn what_is_no_template_is_refused_with_its_line() {
    let error = template("a\n{% for %}", &Value::Object(Map::new())).unwrap_err();
    assert!(error.to_string().contains(":2"), "{error}");
    assert!(matches!(error, TextError::Malformed { .. }));
    let many = "(".repeat(100_000);
    assert!(template(&format!("{{{{ {many} }}}}"), &Value::Object(Map::new())).is_err());
}

#[test]
fn the_day_is_the_system_s() {
    // Templates name months in English, whatever the locale.
    let day = || {
        let output = std::process::Command::new("date").arg("+%d %b %Y").env("LC_ALL", "C").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (before, ours, after) = (day(), render("{{ strftime_now('%d %b %Y') }}").unwrap(), day());
    assert!([before.trim(), after.trim()].contains(&ours.as_str()), "{ours}");
}

#[test]
fn tools_choose_the_template_for_tools() {
    let named = |name: &str| (name.to_owned(), format!("{name} {{{{ tools | length }}}}"));
    let both =
        ChatTemplate::new(vec![("default".to_owned(), "plain".to_owned()), named("tool_use")], Map::new()).unwrap();
    let with = |extras: &Extras| both.render(&[], false, extras);
    assert_eq!(with(&Extras::default()).unwrap(), "plain");
    assert_eq!(with(&Extras { tools: vec![Value::Null], ..Extras::default() }).unwrap(), "tool_use 1");
    let error = with(&Extras { template: Some("rag".to_owned()), ..Extras::default() }).unwrap_err();
    assert!(error.to_string().contains("default, tool_use"), "{error}");
}
