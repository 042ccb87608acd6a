//! `cargo xtask test lab`: calls between all kinds of networks, where networks can be made.

use anyhow::{Context, Result, bail};

use crate::kit::Kit;
use crate::process::run;
use crate::stages::{Outcome, e2e_tests};

/// How often each pair of networks is tried, where it is not once.
const TIMES: &str = "--times";

/// What follows `--` names tests, and `--times N` asks for N calls between each pair of networks.
pub(crate) fn run_stage(kit: &Kit, extra: &[String]) -> Result<Outcome> {
    let (times, tests) = times(extra)?;
    if let Some(reason) = obstacle(kit) {
        return Ok(Outcome::Skipped(reason));
    }
    // The tests would skip where no network can be made; here it is known that one can.
    run(kit.workspace.cargo().args(["test", "--package", "madang-lab"]).env("MADANG_LAB", "required"))?;
    let mut cargo = e2e_tests(kit)?;
    cargo.args(["--test", "lab"]).env("MADANG_LAB", "required");
    if let Some(times) = times {
        cargo.env("MADANG_LAB_TIMES", times.to_string());
    }
    // The tables are results, not chatter.
    run(cargo.args(["--", "--nocapture"]).args(tests))?;
    Ok(Outcome::Passed)
}

/// Why no network can be made here. Programs that are missing are installed first, where that can be done.
#[cfg(target_os = "linux")]
pub(crate) fn obstacle(kit: &Kit) -> Option<String> {
    madang_lab::obstacle().and_then(|first| {
        let installed = crate::apt::install(&kit.workspace, &["iproute2", "nftables", "conntrack"]);
        installed.map_or(Some(first), |()| madang_lab::obstacle())
    })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn obstacle(_: &Kit) -> Option<String> {
    Some("networks are made of Linux network namespaces".to_owned())
}

/// The number after `--times`, and the rest.
fn times(extra: &[String]) -> Result<(Option<u32>, Vec<String>)> {
    let Some(at) = extra.iter().position(|word| word == TIMES) else { return Ok((None, extra.to_vec())) };
    let Some(number) = extra.get(at + 1) else { bail!("{TIMES} wants a number") };
    let number = number.parse().with_context(|| format!("{TIMES} {number} is no number"))?;
    Ok((Some(number), [&extra[..at], &extra[at + 2..]].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_number_of_times_is_told_from_names_of_tests() {
        assert_eq!(times(&words("firefox --times 5 --exact")).unwrap(), (Some(5), words("firefox --exact")));
        assert_eq!(times(&words("firefox")).unwrap(), (None, words("firefox")));
        assert!(times(&words("--times")).is_err());
        assert!(times(&words("--times often")).is_err());
    }
}
