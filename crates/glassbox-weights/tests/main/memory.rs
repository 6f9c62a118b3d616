//! What memory the tests' subjects take: an allocator that counts for each thread, and the pages of mapped
//! files that the system has in memory.

use std::path::Path;

use allocation_counter::measure;

/// The most bytes that a computation has at once on this thread, beyond what there is before it.
pub(crate) fn peak(compute: impl FnOnce()) -> usize {
    usize::try_from(measure(compute).bytes_max).unwrap_or(usize::MAX)
}

/// The bytes that this thread has read from files so far; `None` where the system doesn't tell.
pub(crate) fn bytes_read() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
}

/// The bytes of a file's maps in this process that are in memory; `None` where the system doesn't tell.
pub(crate) fn resident(path: &Path) -> Option<u64> {
    let path = path.canonicalize().ok()?;
    let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let (mut inside, mut found, mut seen) = (false, 0, false);
    for line in maps.lines() {
        if line.split_whitespace().next().is_some_and(|word| word.contains('-')) {
            inside = line.ends_with(path.to_str()?);
            seen |= inside;
        }
        if let Some(size) = line.strip_prefix("Rss:").filter(|_| inside) {
            found += size.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10;
        }
    }
    seen.then_some(found)
}
