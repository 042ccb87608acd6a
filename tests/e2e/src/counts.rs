//! How often the heavy scenarios repeat. The defaults are what we promise; a variable changes one.

use std::env;

/// Calls between two pages of Chromium (`MADANG_E2E_CALLS`).
pub fn calls() -> u32 {
    count("MADANG_E2E_CALLS", 20)
}

/// Calls between Chromium and Firefox, each way round (`MADANG_E2E_MIXED_CALLS`).
pub fn mixed_calls() -> u32 {
    count("MADANG_E2E_MIXED_CALLS", 5)
}

/// Calls between two of the tutorial's pages (`MADANG_E2E_TUTORIAL_CALLS`).
pub fn tutorial_calls() -> u32 {
    count("MADANG_E2E_TUTORIAL_CALLS", 20)
}

/// Times one page joins and leaves (`MADANG_E2E_JOINS`).
pub fn joins() -> u32 {
    count("MADANG_E2E_JOINS", 1000)
}

/// Calls between each pair of networks (`MADANG_LAB_TIMES`).
pub fn lab_times() -> u32 {
    count("MADANG_LAB_TIMES", 1)
}

fn count(variable: &str, promised: u32) -> u32 {
    env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(promised)
}
