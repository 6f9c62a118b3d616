//! Chat templates: what `transformers` renders, in `tests/chat.json`, which `scripts/tokenizers/chat.py` writes.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

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
    // Templates name months in English, whatever the locale. The clock is this process's own, and the zone, which the
    // machine chooses, is 12 hours behind to 14 ahead.
    let hour = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 / 3600;
    let (before, ours, after) = (hour(), render("{{ strftime_now('%d %b %Y') }}").unwrap(), hour());
    let days: Vec<String> = ((before - 12).div_euclid(24)..=(after + 14).div_euclid(24)).map(day).collect();
    assert!(days.contains(&ours), "{ours} is none of {days:?}");
}

/// `01 Jan 1970` for 0, and so on.
fn day(mut number: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut year = 1970;
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (month, name) in MONTHS.iter().enumerate() {
            let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month];
            if number < length {
                return format!("{:02} {name} {year}", number + 1);
            }
            number -= length;
        }
        year += 1;
    }
}

#[test]
fn the_hour_is_that_of_the_zone() {
    // A zone that is written out needs no database of zones.
    zone_is_ahead("<+14>-14", 14 * 60);
    zone_is_ahead("<-11>11", -11 * 60);
    // A zone that was known by its name only was taken for UTC.
    if Path::new("/usr/share/zoneinfo/Asia/Kathmandu").is_file() {
        zone_is_ahead("Asia/Kathmandu", 5 * 60 + 45);
    } else {
        println!("skipped: no zones in /usr/share/zoneinfo");
    }
}

const MINUTE: &str = "GLASSBOX_TEST_MINUTE";

/// That a process in a zone is so many minutes ahead of UTC.
#[track_caller]
fn zone_is_ahead(zone: &str, minutes: i64) {
    let utc = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64 / 60;
    let before = utc();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["chat::the_process_that_is_asked_for_the_minute", "--exact", "--nocapture"])
        .env("TZ", zone)
        .env(MINUTE, "")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told = text.lines().find_map(|line| line.split_once("the minute: ")).unwrap_or_else(|| panic!("{text}")).1;
    let (hour, minute) = told.split_once(':').unwrap();
    let told = hour.parse::<i64>().unwrap() * 60 + minute.parse::<i64>().unwrap();
    // Minutes may begin while the process starts.
    let ahead = (before..=utc()).map(|minute| (minute + minutes).rem_euclid(24 * 60));
    assert!(ahead.clone().any(|minute| minute == told), "{zone}: {told} is none of {:?}", ahead.collect::<Vec<_>>());
}

#[test]
fn the_process_that_is_asked_for_the_minute() {
    let minute = render("{{ strftime_now('%H:%M') }}").unwrap();
    let (hour, minutes) = minute.split_once(':').unwrap();
    assert!(hour.parse::<u8>().unwrap() < 24 && minutes.parse::<u8>().unwrap() < 60, "{minute}");
    if std::env::var_os(MINUTE).is_some() {
        println!("\nthe minute: {minute}");
    }
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
