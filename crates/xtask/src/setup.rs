//! `cargo xtask setup`: what the other commands would install on demand, ahead of time.

use anyhow::Result;

use crate::kit::Kit;
use crate::run;
use crate::tools;
use crate::ui::Steps;

/// What running needs; with `tests` also what testing needs.
pub(crate) fn set_up(kit: &Kit, tests: bool) -> Result<()> {
    let mut steps = Steps::new(if tests { 7 } else { 2 });
    run::set_up(kit, &mut steps)?;
    if tests {
        steps.step("Set up: Chrome and its driver", || kit.chrome())?;
        steps.step("Set up: Firefox and its driver", || kit.firefox())?;
        steps.step("Set up: wasm-bindgen's test runner", || kit.tool(tools::WASM_BINDGEN))?;
        steps.step("Set up: wasm-pack", || kit.tool(tools::WASM_PACK))?;
        steps.step("Set up: cargo-deny", || kit.tool(tools::CARGO_DENY))?;
    }
    eprintln!("all set up after {}", steps.elapsed());
    Ok(())
}
