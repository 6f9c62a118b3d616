//! Pages: well formed, whole in themselves, and without a way in for what names hold.

use glassbox_check::report::Report;
use glassbox_check::view::{html, svg};

use super::fixtures;

/// Elements that have no end.
const VOID: [&str; 4] = ["meta", "input", "br", "!doctype"];

/// Goes through a page and fails where elements aren't nested rightly or attributes aren't quoted. Returns the names of
/// all elements with their attributes.
fn parse(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut open: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(name) = rest.strip_prefix('/') {
            let (name, after) = name.split_once('>').expect("a tag ends");
            assert_eq!(open.pop().as_deref(), Some(name), "{name} ends");
            rest = after;
            continue;
        }
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '!').collect();
        assert!(!name.is_empty(), "a bare `<` before {:?}", rest.chars().take(40).collect::<String>());
        rest = &rest[name.len()..];
        let mut attributes = Vec::new();
        let closed = loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix("/>") {
                rest = after;
                break true;
            }
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break false;
            }
            let end = rest.find(['=', '>', ' ', '/']).expect("an attribute ends");
            let key = rest[..end].to_owned();
            assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "attribute {key:?} of {name}");
            rest = &rest[end..];
            if let Some(value) = rest.strip_prefix("=\"") {
                let (value, after) = value.split_once('"').expect("a value ends");
                assert!(!value.contains('<'), "{key} of {name}: {value}");
                attributes.push((key, value.to_owned()));
                rest = after;
            } else {
                assert!(!rest.starts_with('='), "{key} of {name} isn't quoted");
                attributes.push((key, String::new()));
            }
        };
        let name = name.to_ascii_lowercase();
        if name == "script" || name == "style" {
            let end = rest.find(&format!("</{name}>")).expect("it ends");
            rest = &rest[end..];
        }
        if !closed && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        seen.push((name, attributes));
    }
    assert_eq!(open, Vec::<String>::new(), "all ends");
    seen
}

#[test]
fn every_page_is_well_formed_and_needs_nothing_else() {
    for (name, report) in fixtures::all() {
        let page = html(&report);
        let elements = parse(&page);
        let count = |wanted: &str| elements.iter().filter(|(name, _)| name == wanted).count();
        let data = usize::from(!report.rows.is_empty());
        assert_eq!(count("script"), 1 + data, "{name}: the script, and its data where there are rows");
        assert_eq!(count("html"), 1);
        for (element, attributes) in &elements {
            for (key, value) in attributes {
                assert!(!key.starts_with("on"), "{name}: {element} has {key}");
                assert!(
                    !["src", "data", "action", "srcset"].contains(&key.as_str()),
                    "{name}: {element} loads {value}"
                );
                assert!(key != "href" || value.starts_with('#'), "{name}: leads to {value}");
            }
        }
        let mut ids: Vec<&String> =
            elements.iter().flat_map(|(_, all)| all.iter().filter(|(key, _)| key == "id").map(|(_, id)| id)).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}: an id is there twice");
        let targets = elements.iter().filter_map(|(_, all)| all.iter().find(|(key, _)| key == "href"));
        for (_, target) in targets {
            assert!(ids.iter().any(|id| **id == target[1..]), "{name}: nothing is at {target}");
        }
        assert!(!page.contains("@import") && !page.contains("url(http"), "{name}");
    }
}

#[test]
fn names_stay_names() {
    let page = html(&fixtures::hostile());
    parse(&page);
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
    // The data of the script is one element, and JSON.
    let start = page.find("id=\"data\">").expect("there is data") + "id=\"data\">".len();
    let data = page[start..].split("</script>").next().expect("it ends");
    let data: serde_json::Value = serde_json::from_str(data).expect("it is JSON");
    assert!(data["rows"]["0"]["about"][0][1].as_str().is_some_and(|node| node.starts_with("</script>")));
}

#[test]
fn a_page_says_all_of_a_report() {
    let report = fixtures::epsilon();
    let page = html(&report);
    for text in [
        "✗ differs",
        "encoder-quantised-for-the-telephone.onnx",
        "The models part at <code>/model/encoder/layers.2/norm/LayerNormalization</code> (LayerNormalization, ",
        "<td><code>1e-3</code></td><td><code>1e-5</code></td>",
        "Theirs is wrong by the value in f64, or means something else.",
        "0.9980004",
        "constant; relative difference 3.1e-1",
        "order of operands",
        "encoder.layers.4.query.weight",
        "paired 43 of 45 values of ours with 44 of theirs (30 by name, 12 by structure, 1 by value)",
        "/model/encoder/Cast_output_0",
        "class=\"gb-guilty\"",
        "class=\"histogram\"",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<tr class=\"").count(), report.rows.len());
    assert_eq!(page.matches("class=\"gb-guilty\"").count(), 1);
}

#[test]
fn a_page_has_so_many_rows_as_a_browser_can_bear_and_says_so() {
    let report = fixtures::large(6000);
    let page = html(&report);
    assert_eq!(page.matches("<tr class=\"").count(), 5000);
    assert!(page.contains("5000 of 6000 values"));
    for row in [3000, 2999, 3001, 5999] {
        assert!(
            page.contains(&format!("id=\"v{row}\"")),
            "the culprit, its neighbours and the output are there: {row}"
        );
    }
    assert!(page.len() < 6_000_000, "{}", page.len());
}

#[test]
fn the_drawing_stands_alone() {
    for (name, report) in fixtures::all() {
        let drawing = svg(&report);
        assert_eq!(drawing.is_empty(), report.neighbourhood.nodes.is_empty(), "{name}");
        parse(&drawing);
        assert_eq!(drawing.matches("<title>").count(), report.neighbourhood.nodes.len(), "{name}");
    }
    assert_eq!(svg(&Report::default()), "");
}
