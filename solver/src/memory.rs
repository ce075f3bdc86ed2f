//! Sizes are judged before memory is allocated.

use crate::SolverError;

/// What is assumed to be available where the system does not tell, bytes.
const FALLBACK: u64 = 16 << 30;

/// Bytes that the system can still give to this process: the least of what is free and what its container may use.
pub fn available() -> u64 {
    let free = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("MemAvailable:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(FALLBACK, |kib| kib.saturating_mul(1024));
    // "max" where there is no limit
    let allowed = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    free.min(allowed.unwrap_or(u64::MAX))
}

/// Refuses an estimate of `needed` bytes above what is [`available`].
pub(crate) fn require(what: &'static str, needed: u64) -> Result<(), SolverError> {
    let available = available();
    if needed > available {
        return Err(SolverError::TooLarge {
            what,
            needed,
            available,
        });
    }
    Ok(())
}

/// The product of counts and bytes each, saturating, so that absurd requests compare as huge.
pub(crate) fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1_u64, |product, &factor| {
        product.saturating_mul(factor as u64)
    })
}
