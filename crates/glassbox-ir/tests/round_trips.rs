//! Random graphs and dims: what is written reads back as the same.

use glassbox_ir::text::{ParseOptions, PrintOptions, parse, parse_dim, print};
use glassbox_ir::{json, verify};
use proptest::prelude::*;

use crate::random::{dim, recipe};

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn dims_read_back(dim in dim()) {
        let text = dim.to_string();
        prop_assert_eq!(parse_dim(&text), Ok(dim), "{}", text);
    }

    #[test]
    fn graphs_verify_and_read_back_from_text(recipe in recipe()) {
        let graph = recipe.graph();
        let errors = verify(&graph).err();
        prop_assert!(errors.is_none(), "{:?}\n{}", errors, graph);
        let text = print(&graph, &PrintOptions::with_data());
        let parsed = parse(&text, &ParseOptions::default()).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let same = graph.same_as(&parsed);
        prop_assert!(same.is_ok(), "{:?}\n{}", same, text);
        prop_assert_eq!(print(&parsed, &PrintOptions::with_data()), text);
    }

    #[test]
    fn graphs_read_back_from_json(recipe in recipe()) {
        let graph = recipe.graph();
        let written = json::to_string(&graph).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read = json::from_str(&written).map_err(|error| TestCaseError::fail(format!("{error}\n{written}")))?;
        let same = graph.same_as(&read);
        prop_assert!(same.is_ok(), "{:?}\n{}", same, written);
        prop_assert_eq!(json::to_string(&read).ok(), Some(written));
    }
}
