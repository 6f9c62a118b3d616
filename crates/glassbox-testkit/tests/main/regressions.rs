//! Every finding of a fuzzer, and every seed that we keep, goes through its target again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use glassbox_testkit::fuzzing::TARGETS;

/// A build without optimisation on a busy machine takes its time; a hang takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn no_finding_comes_back() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let (mut wrong, mut replayed) = (Vec::new(), 0);
    for target in TARGETS {
        for kind in ["seeds", "regressions"] {
            // A target of which nothing is kept has no folder.
            let Ok(entries) = std::fs::read_dir(fuzz.join(kind).join(target.name)) else { continue };
            for entry in entries {
                let path = entry.expect("the folder can be listed").path();
                let bytes = std::fs::read(&path).expect("the file can be read");
                let started = Instant::now();
                if catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes))).is_err() {
                    wrong.push(format!("{} panics", path.display()));
                }
                if started.elapsed() > PATIENCE {
                    wrong.push(format!("{} takes {:?}", path.display(), started.elapsed()));
                }
                replayed += 1;
            }
        }
    }
    assert!(replayed > 0, "there is nothing in {}", fuzz.display());
    assert!(wrong.is_empty(), "{} of {replayed} files:\n{}", wrong.len(), wrong.join("\n"));
}
