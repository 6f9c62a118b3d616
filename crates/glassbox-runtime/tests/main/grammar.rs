//! Texts that follow a grammar, by a model that knows nothing of it.

use glassbox_runtime::{Finish, Grammar, Grammatical, Request, Sampling};
use serde_json::{Value, json};

use super::{stories, write};

fn text(grammar: &Grammar, seed: u64) -> (String, Finish) {
    let mut stories = stories();
    let constraint = Grammatical::new(grammar, stories.tokenizer()).unwrap_or_else(|error| panic!("{error}"));
    let request = Request {
        sampling: Sampling { temperature: 1.0, seed, ..Sampling::default() },
        max_tokens: Some(150),
        constraint: Some(Box::new(constraint)),
        ..Request::default()
    };
    let generation = write(&mut stories, "The answer is: ", request);
    (generation.text, generation.finish)
}

#[test]
fn json_satisfies_its_schema() {
    let schema = json!({
        "type": "object",
        "properties": {
            "animal": { "enum": ["fox", "owl", "bear"] },
            "age": { "type": "integer", "minimum": 1, "maximum": 99 },
            "tame": { "type": "boolean" },
        },
        "required": ["animal", "age", "tame"],
        "additionalProperties": false,
    });
    for seed in 0..5 {
        let (text, finish) = text(&Grammar::JsonSchema(schema.clone()), seed);
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"));
        assert!(["fox", "owl", "bear"].contains(&value["animal"].as_str().expect("an animal")), "{text}");
        assert!((1..=99).contains(&value["age"].as_i64().expect("an age")), "{text}");
        assert!(value["tame"].is_boolean() && value.as_object().expect("an object").len() == 3, "{text}");
        assert!(matches!(finish, Finish::End | Finish::Grammar), "{finish:?}");
    }
}

#[test]
fn a_text_matches_its_regular_expression() {
    let expression = regex::Regex::new("^[a-f]{3}-[0-9]{2,4}$").expect("an expression");
    for seed in 0..5 {
        let (text, _) = text(&Grammar::Regex("[a-f]{3}-[0-9]{2,4}".to_owned()), seed);
        assert!(expression.is_match(&text), "{text:?}");
    }
}

#[test]
fn a_text_follows_its_gbnf() {
    let gbnf = r#"
        root   ::= list   # one or more
        list   ::= item ("," item){0,3}
        item   ::= [a-c]+ "=" ("yes" | "no") quoted?
        quoted ::= "(\"" [^"\\]{1,4} "\")"
    "#;
    let item = r#"[a-c]+=(yes|no)(\("[^"\\]{1,4}"\))?"#;
    let expression = regex::Regex::new(&format!("^{item}(,{item}){{0,3}}$")).expect("an expression");
    let mut whole = 0;
    for seed in 0..8 {
        let (text, finish) = text(&Grammar::Gbnf(gbnf.to_owned()), seed);
        if finish != Finish::Length {
            assert!(expression.is_match(&text), "{text:?}");
            whole += 1;
        }
    }
    assert!(whole > 0, "no text came to its end");
}

#[test]
fn what_is_no_grammar_is_refused() {
    let stories = stories();
    for grammar in [
        Grammar::Gbnf("root ::= missing".to_owned()),
        Grammar::Lark("start: (".to_owned()),
        Grammar::Regex("(".to_owned()),
        Grammar::JsonSchema(json!({ "type": "no such type" })),
    ] {
        let error = Grammatical::new(&grammar, stories.tokenizer()).err().expect("an error").to_string();
        assert!(error.starts_with("grammar: "), "{error}");
    }
}
