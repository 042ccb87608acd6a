//! What a page complained about: uncaught exceptions, `console.error`, CSP violations, failed loads.
//!
//! Chromium tells through its log. Firefox keeps exceptions and violations in its console service,
//! and prints what a page logs on its output, which its driver passes on.

use std::cell::{Cell, RefCell};

use anyhow::{Result, bail};
use fantoccini::Client;
use serde_json::Value;

use crate::browser::Browser;
use crate::command::{self, FirefoxError};
use crate::process::Output;

/// Collects the complaints of one page.
#[derive(Debug, Default)]
pub(crate) struct Console {
    expected: RefCell<Vec<String>>,
    read: Cell<usize>,
}

impl Console {
    /// Complaints that contain `words` are part of the scenario.
    pub(crate) fn expect(&self, words: &str) {
        self.expected.borrow_mut().push(words.to_owned());
    }

    /// Fails with what the page complained about since the last check.
    pub(crate) async fn check(&self, browser: Browser, client: &Client, output: &Output) -> Result<()> {
        let complaints = match browser {
            Browser::Chromium => chromium(&command::log(client, "browser").await?),
            Browser::Firefox => {
                let first = self.read.replace(output.len());
                let mut complaints = firefox(&output.since(first));
                complaints.extend(without_unloading(command::firefox_errors(client).await?));
                complaints
            }
        };
        let expected = self.expected.borrow();
        let unexpected: Vec<String> =
            complaints.into_iter().filter(|line| !expected.iter().any(|words| line.contains(words))).collect();
        if unexpected.is_empty() {
            return Ok(());
        }
        bail!("the browser's console has errors:\n  {}", unexpected.join("\n  "))
    }
}

fn chromium(log: &Value) -> Vec<String> {
    let entries = log.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    entries
        .iter()
        .filter(|entry| entry["level"] == "SEVERE" || entry["source"] == "security")
        .map(|entry| format!("{} ({})", text(entry, "message"), text(entry, "source")))
        .collect()
}

fn firefox(lines: &[String]) -> Vec<String> {
    // What a page logs is printed as source text: `"boom"`, `(new Error(…))`. The browser's own parts
    // print a bare name first, as in `RSLoader: `, or errors of their own scripts: `resource://…`.
    let of_a_page = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.contains("resource://");
    let logged = |line: &str| line.split_once("console.error: ").is_some_and(|(_, rest)| of_a_page(rest));
    lines.iter().filter(|line| logged(line)).cloned().collect()
}

/// Firefox ends the sockets of a page before it tells the page that it is unloaded, and then
/// complains about them: about the open one, and about the one the page opens instead.
fn without_unloading(errors: Vec<FirefoxError>) -> impl Iterator<Item = String> {
    errors.into_iter().filter(|error| !(error.unloaded && error.text.contains(" ws://"))).map(|error| error.text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn chromium_errors_and_policy_violations_count_and_chatter_does_not() {
        let log = json!([
            {"level": "INFO", "source": "console-api", "message": "hello"},
            {"level": "SEVERE", "source": "javascript", "message": "Uncaught TypeError"},
            {"level": "WARNING", "source": "security", "message": "Refused to load"},
        ]);
        assert_eq!(chromium(&log), ["Uncaught TypeError (javascript)", "Refused to load (security)"]);
    }

    #[test]
    fn firefox_errors_of_pages_count_and_those_of_the_browser_do_not() {
        let lines = [
            "console.log: \"hello\"",
            "console.error: \"boom\"",
            "console.error: RSLoader: ",
            "console.error: (new Error(\"Polling for changes failed\", \"resource://services-settings/a.mjs\", 490))",
        ]
        .map(str::to_owned);
        assert_eq!(firefox(&lines), lines[1..2]);
    }

    #[test]
    fn firefox_sockets_of_an_unloaded_page_do_not_count() {
        let refused = "Firefox can’t establish a connection to the server at ws://127.0.0.1:3000/.";
        let exception = "TypeError: x is undefined";
        let error = |text: &str, unloaded| FirefoxError { text: text.to_owned(), unloaded };
        let errors = vec![error(refused, true), error(refused, false), error(exception, true)];
        assert!(without_unloading(errors).eq([refused, exception]));
    }
}
