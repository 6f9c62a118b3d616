//! JSON keeps to the schema that is published, and the schema refuses what isn't so.
//!
//! The checker knows the words of draft 2020-12 that the schema uses, and fails for any other, so that no rule of the
//! schema goes unchecked.

use glassbox_check::view::json;
use serde_json::{Value, json};

use super::fixtures;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../schema/check.schema.json")).expect("the schema is JSON")
}

/// What is wrong with a value, or nothing.
pub(super) fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let rules = schema.as_object().ok_or("a schema that is no object")?;
    let fail = |rule: &str| Err(format!("{rule} {}: {value}", rules[rule]));
    for (rule, wanted) in rules {
        match rule.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let pointer = wanted.as_str().and_then(|at| at.strip_prefix('#')).ok_or("an outer reference")?;
                let target = root.pointer(pointer).ok_or_else(|| format!("{pointer} isn't there"))?;
                check(root, target, value)?;
            }
            "const" if wanted != value => return fail(rule),
            "enum" if !wanted.as_array().ok_or("enum")?.contains(value) => return fail(rule),
            "const" | "enum" => {}
            "type" => {
                let types = wanted.as_array().cloned().unwrap_or_else(|| vec![wanted.clone()]);
                let is = |name: &str| match name {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "number" => value.is_number(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("type {other}"),
                };
                if !types.iter().filter_map(Value::as_str).any(is) {
                    return fail(rule);
                }
            }
            "minimum" if value.as_f64().zip(wanted.as_f64()).is_some_and(|(value, least)| value < least) => {
                return fail(rule);
            }
            "minimum" => {}
            "required" => {
                let names = wanted.as_array().ok_or("required")?;
                if let Some(name) = names.iter().filter_map(Value::as_str).find(|name| value.get(name).is_none()) {
                    return Err(format!("{name} is missing: {value}"));
                }
            }
            "properties" => {
                for (name, schema) in wanted.as_object().ok_or("properties")? {
                    if let Some(value) = value.get(name) {
                        check(root, schema, value).map_err(|error| format!("{name}: {error}"))?;
                    }
                }
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(root, wanted, item)?;
                }
            }
            "oneOf" => {
                let all = wanted.as_array().ok_or("oneOf")?;
                let results: Vec<_> = all.iter().map(|schema| check(root, schema, value)).collect();
                if results.iter().filter(|result| result.is_ok()).count() != 1 {
                    return Err(format!("not one of {}: {results:?}", all.len()));
                }
            }
            other => panic!("the schema has `{other}`, which isn't checked"),
        }
    }
    Ok(())
}

#[test]
fn every_report_keeps_to_the_schema_and_every_field_is_in_it() {
    let schema = schema();
    for (name, report) in fixtures::all() {
        let json = json(&report);
        check(&schema, &schema, &json).unwrap_or_else(|error| panic!("{name}: {error}"));
        let text = serde_json::to_string(&json).expect("it is written");
        let again: Value = serde_json::from_str(&text).expect("and read");
        assert_eq!(again, json, "{name}");
        described(&schema, &schema, &json, name);
    }
}

/// Every field that a report has is described.
pub(super) fn described(root: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        return described(root, root.pointer(&target[1..]).expect("it is there"), value, place);
    }
    if let Some(all) = schema.get("oneOf").and_then(Value::as_array) {
        let fits = all.iter().find(|schema| check(root, schema, value).is_ok()).expect("one fits");
        return described(root, fits, value, place);
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let schema = schema.pointer(&format!("/properties/{name}"));
        let schema = schema.unwrap_or_else(|| panic!("{place}/{name} isn't described"));
        described(root, schema, value, &format!("{place}/{name}"));
    }
    for item in value.as_array().into_iter().flatten() {
        described(root, &schema["items"], item, place);
    }
}

#[test]
fn the_schema_refuses_what_is_not_so() {
    let schema = schema();
    let good = json(&fixtures::epsilon());
    let changes: [(&str, Value); 9] = [
        ("/format", json!("glassbox.trace")),
        ("/version", json!(2)),
        ("/agrees", json!("no")),
        ("/verdict", json!("fine")),
        ("/culprits/0/kind", json!("evil")),
        ("/culprits/0/causes/0/kind", json!("op_or_so")),
        ("/values/0/apart/rms_rel", json!("Infinity")),
        ("/values/0/apart/count", json!(-1)),
        ("/pairing/by_name", json!(1.5)),
    ];
    for (place, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(place).expect("it is there") = value;
        assert!(check(&schema, &schema, &bad).is_err(), "{place}");
    }
    let mut bad = good.clone();
    bad.as_object_mut().expect("an object").remove("births");
    assert!(check(&schema, &schema, &bad).is_err());
}

#[test]
fn numbers_that_are_not_finite_are_strings() {
    let json = json(&fixtures::hostile());
    assert_eq!(json["culprits"][0]["place"]["ours"], "nan");
    assert_eq!(json["culprits"][0]["place"]["theirs"], "-inf");
    assert_eq!(json["culprits"][0]["place"]["precise"], "inf");
    assert_eq!(json["values"][0]["value"], fixtures::HOSTILE, "names are what they are");
    assert_eq!(json["outputs"].as_array().map(Vec::len), Some(1));
}
