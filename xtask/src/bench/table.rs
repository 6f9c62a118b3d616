//! The table of a benchmark, in Markdown, from the documents that `glassbox bench --json` wrote.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

/// The engines in the order of columns.
const COLUMNS: &[&str] = &[
    "onnxruntime",
    "openvino",
    "openvino-bf16",
    "llama.cpp",
    "ctranslate2",
    "ctranslate2-int8",
    "rten",
    "tract",
    "candle",
];

/// What was measured of one row on some threads.
pub(super) struct Entry {
    pub(super) row: String,
    pub(super) threads: u64,
    /// What `glassbox bench` wrote, or why it failed.
    pub(super) document: Result<Value, String>,
}

/// What holds of all rows.
pub(super) struct About {
    /// Limits of the processor, by the number of threads.
    pub(super) rooflines: Vec<Value>,
    /// The commit of the repository.
    pub(super) commit: String,
    pub(super) date: String,
    pub(super) command: String,
    /// What couldn't be had.
    pub(super) missing: Vec<String>,
}

/// The page's generated part.
pub(super) fn page(entries: &[Entry], about: &About) -> String {
    let mut out = machine(entries, about);
    let mut threads: Vec<u64> = entries.iter().map(|entry| entry.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    for count in threads {
        let of_count: Vec<&Entry> = entries.iter().filter(|entry| entry.threads == count).collect();
        let _ = writeln!(out, "\n### {count} {}\n", if count == 1 { "thread" } else { "threads" });
        out += &table(&of_count);
    }
    out += &notes(entries, about);
    out
}

/// Where and with what it was measured.
fn machine(entries: &[Entry], about: &About) -> String {
    let mut out = format!("Measured {} at {} by `{}`.\n\n", about.date, about.commit, about.command);
    let documents = || entries.iter().filter_map(|entry| entry.document.as_ref().ok());
    if let Some(first) = documents().next() {
        let machine = &first["machine"];
        let text = |key: &str| machine[key].as_str().unwrap_or("unknown").to_owned();
        let features: Vec<&str> =
            machine["features"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let _ =
            writeln!(out, "- Processor: {}, {} cores; {}", text("processor"), machine["cores"], features.join(", "));
        let _ = writeln!(
            out,
            "- Governor: {}; huge pages: {}; Linux {}",
            text("governor"),
            text("huge_pages"),
            text("kernel")
        );
    }
    let busy = documents().filter_map(|document| document["load"]["before"][0].as_f64());
    let (least, most) =
        busy.fold((f64::INFINITY, 0.0), |(least, most), load| (f64::min(least, load), f64::max(most, load)));
    if least.is_finite() {
        let _ = writeln!(out, "- Load average before rows: {least:.1} to {most:.1}");
    }
    for roofline in &about.rooflines {
        let limits = &roofline["roofline"];
        let value = |key: &str| limits[key].as_f64().unwrap_or(f64::NAN) / 1e9;
        let _ = writeln!(
            out,
            "- Limits on {} threads: {:.0} GFLOP/s of f32 multiply-adds ({}), {:.1} GB/s read from memory",
            roofline["threads"],
            value("multiply_add_flops_per_s"),
            limits["level"].as_str().unwrap_or("unknown"),
            value("memory_read_bytes_per_s"),
        );
    }
    let mut versions = BTreeMap::new();
    for peer in documents().flat_map(|document| document["peers"].as_array().into_iter().flatten()) {
        let name = peer["name"].as_str().unwrap_or_default().to_owned();
        let of_peer = peer["versions"].as_object().into_iter().flatten();
        let numbers: Vec<String> =
            of_peer.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default())).collect();
        versions.insert(name, format!("{}; {}", numbers.join(", "), peer["settings"].as_str().unwrap_or_default()));
    }
    for (name, text) in versions {
        let _ = writeln!(out, "- {name}: {text}");
    }
    out
}

/// Milliseconds, best / median, and in brackets how many times longer it takes than ours.
fn table(entries: &[&Entry]) -> String {
    let peers = |entry: &Entry| -> Vec<Value> {
        entry.document.as_ref().ok().and_then(|document| document["peers"].as_array().cloned()).unwrap_or_default()
    };
    let has = |name: &str| entries.iter().any(|entry| peers(entry).iter().any(|peer| peer["name"] == name));
    let columns: Vec<&str> = COLUMNS.iter().copied().filter(|name| has(name)).collect();
    let mut out = format!("| row | ours | {} | least ratio |\n", columns.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(columns.len() + 3));
    for entry in entries {
        let Ok(document) = &entry.document else { continue };
        let peers = peers(entry);
        let mut cells = vec![entry.row.clone(), times(&document["ours"])];
        for name in &columns {
            let peer = peers.iter().find(|peer| peer["name"] == *name);
            cells.push(peer.map_or("–".to_owned(), |peer| {
                format!("{} ({})", times(peer), number(&peer["ratio"]["median"], 1.0))
            }));
        }
        let ratio = |peer: &Value| peer["ratio"]["median"].as_f64();
        let least = peers
            .iter()
            .filter(|peer| ratio(peer).is_some())
            .min_by(|one, other| ratio(one).unwrap_or(f64::NAN).total_cmp(&ratio(other).unwrap_or(f64::NAN)));
        cells.push(least.map_or("–".to_owned(), |peer| {
            let ratio = &peer["ratio"];
            let (median, low, high) = (&ratio["median"], &ratio["low"], &ratio["high"]);
            format!("**{}** ({} to {})", number(median, 1.0), number(low, 1.0), number(high, 1.0))
        }));
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

fn times(side: &Value) -> String {
    format!("{} / {}", number(&side["best_s"], 1e3), number(&side["median_s"], 1e3))
}

/// A number with three digits.
fn number(value: &Value, scale: f64) -> String {
    let Some(value) = value.as_f64().map(|value| value * scale) else { return "–".to_owned() };
    let digits = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 0.1 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

/// What isn't in the table, and why.
fn notes(entries: &[Entry], about: &About) -> String {
    let mut lines: Vec<String> = about.missing.clone();
    let mut left_out: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for entry in entries {
        let place = format!("{} ({})", entry.row, entry.threads);
        match &entry.document {
            Err(error) => lines.push(format!("{place}: {}", one_line(error))),
            Ok(document) => {
                for one in document["left_out"].as_array().into_iter().flatten() {
                    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
                    left_out.entry((text("name"), one_line(&text("why")))).or_default().push(place.clone());
                }
            }
        }
    }
    lines.extend(left_out.into_iter().map(|((name, why), places)| format!("{name}, {}: {why}", places.join(", "))));
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("- {}", line.replace('|', "\\|"))).collect();
    format!("\nLeft out:\n\n{}\n", lines.join("\n"))
}

/// A message in one line that isn't long: its first and its last line.
fn one_line(text: &str) -> String {
    const MOST: usize = 160;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text = match lines[..] {
        [first, .., last] => format!("{first} … {last}"),
        [only] => only.to_owned(),
        [] => String::new(),
    };
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn about() -> About {
        About {
            rooflines: vec![json!({"threads": 2, "roofline": {
                "level": "avx2", "multiply_add_flops_per_s": 194e9, "memory_read_bytes_per_s": 21.5e9
            }})],
            commit: "abc".into(),
            date: "2026-11-30".into(),
            command: "cargo xtask bench".into(),
            missing: vec!["torch isn't there".into()],
        }
    }

    #[test]
    fn a_page_has_the_machine_a_table_for_each_number_of_threads_and_what_is_left_out() {
        let document = json!({
            "machine": {"processor": "X", "features": ["avx2", "fma"], "cores": 2, "governor": null},
            "load": {"before": [0.5, 1.0, 1.0]},
            "ours": {"best_s": 0.040, "median_s": 0.0421},
            "peers": [{"name": "onnxruntime", "versions": {"onnxruntime": "1.32.0"}, "settings": "all",
                "best_s": 0.0385, "median_s": 0.041, "ratio": {"median": 0.974, "low": 0.9, "high": 1.02}}],
            "left_out": [{"name": "candle", "why": "it has no op Range\nat node x"}],
        });
        let entries = [
            Entry { row: "resnet50".into(), threads: 2, document: Ok(document) },
            Entry { row: "bert-base".into(), threads: 2, document: Err("no memory".into()) },
        ];
        let text = page(&entries, &about());
        for wanted in [
            "- Processor: X, 2 cores; avx2, fma",
            "- Limits on 2 threads: 194 GFLOP/s of f32 multiply-adds (avx2), 21.5 GB/s read from memory",
            "- onnxruntime: onnxruntime 1.32.0; all",
            "### 2 threads",
            "| row | ours | onnxruntime | least ratio |",
            "| resnet50 | 40.0 / 42.1 | 38.5 / 41.0 (0.97) | **0.97** (0.90 to 1.02) |",
            "- torch isn't there",
            "- bert-base (2): no memory",
            "- candle, resnet50 (2): it has no op Range … at node x",
        ] {
            assert!(text.contains(wanted), "{wanted} isn't in\n{text}");
        }
    }
}
