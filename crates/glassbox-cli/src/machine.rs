//! What there is to know of the machine that a time was measured on.

use std::path::Path;

use serde_json::{Value, json};

/// The instructions that decide which kernels an engine takes, as Linux spells them.
const FEATURES: &[&str] = &[
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "i8mm",
    "bf16",
    "sve",
];

/// The most memory that the process had resident, where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The mean numbers of processes that ran or waited in the last 1, 5 and 15 minutes, where the system tells.
pub(crate) fn load() -> Option<[f64; 3]> {
    let text = read("/proc/loadavg")?;
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

/// Processor, memory and system; what the system doesn't tell is null.
pub(crate) fn describe() -> Value {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let (name, features) = processor_of(&processor);
    json!({
        "processor": name,
        "features": features,
        "architecture": std::env::consts::ARCH,
        "cores": std::thread::available_parallelism().map(usize::from).ok(),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_bytes": memory(),
        "huge_pages": read("/sys/kernel/mm/transparent_hugepage/enabled"),
        "system": std::env::consts::OS,
        "kernel": read("/proc/sys/kernel/osrelease"),
    })
}

/// The processor's name, and which of [`FEATURES`] it has. Virtual machines call processors of different kinds alike, so
/// family and model belong to the name.
fn processor_of(text: &str) -> (Option<String>, Vec<&'static str>) {
    let field = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let name = field("model name").map(|name| match (field("cpu family"), field("model")) {
        (Some(family), Some(model)) => format!("{name} (family {family}, model {model})"),
        _ => name,
    });
    let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
    let has: Vec<&str> = flags.split_whitespace().collect();
    (name, FEATURES.iter().copied().filter(|feature| has.contains(feature)).collect())
}

fn memory() -> Option<u64> {
    let text = read("/proc/meminfo")?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

fn read(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(Path::new(path)).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_read_from_what_linux_says() {
        let text =
            "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 fma sse\n";
        let (name, features) = processor_of(text);
        assert_eq!(name.as_deref(), Some("AMD EPYC (family 25, model 1)"));
        assert_eq!(features, ["avx2", "fma"]);
        assert_eq!(processor_of("Features\t: fp asimd\n"), (None, vec!["asimd"]));
        assert_eq!(processor_of(""), (None, vec![]));
    }
}
