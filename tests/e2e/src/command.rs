//! WebDriver commands of the browsers' own that fantoccini has no method for.

use anyhow::{Result, ensure};
use fantoccini::Client;
use fantoccini::wd::WebDriverCompatibleCommand;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// Chromium: one command of its DevTools protocol.
pub(crate) async fn devtools(client: &Client, command: &str, params: Value) -> Result<Value> {
    let body = json!({"cmd": command, "params": params});
    Ok(client.issue_cmd(Vendor { path: "goog/cdp/execute", body }).await?)
}

/// Chromium: what was logged since the last time. `kind` is `browser` or `performance`.
pub(crate) async fn log(client: &Client, kind: &str) -> Result<Value> {
    Ok(client.issue_cmd(Vendor { path: "se/log", body: json!({"type": kind}) }).await?)
}

/// An error that Firefox has kept.
#[derive(Debug, Deserialize)]
pub(crate) struct FirefoxError {
    pub(crate) text: String,
    /// The page that made it is no longer shown: it was reloaded, or left for another.
    pub(crate) unloaded: bool,
}

/// Firefox: the errors of pages that its console service has kept since the last time.
pub(crate) async fn firefox_errors(client: &Client) -> Result<Vec<FirefoxError>> {
    const ERRORS: &str = "const errors = Services.console.getMessageArray().filter((message) =>
            message instanceof Ci.nsIScriptError
            && message.flags === Ci.nsIScriptError.errorFlag
            && message.sourceName.startsWith('http'));
        Services.console.reset();
        return errors.map((error) => ({
            text: String(error),
            unloaded: !WindowGlobalParent.getByInnerWindowId(error.innerWindowID)?.isCurrentGlobal,
        }));";
    Ok(serde_json::from_value(in_firefox(client, ERRORS).await?)?)
}

/// Firefox: runs the body of an async function as a part of the browser.
pub(crate) async fn in_firefox(client: &Client, body: &str) -> Result<Value> {
    let script = format!(
        "const done = arguments[arguments.length - 1];
        (async () => {{ {body} }})().then((value) => done({{ value }}), (error) => done({{ error: `${{error}}` }}));"
    );
    let context = |name: &str| Vendor { path: "moz/context", body: json!({"context": name}) };
    client.issue_cmd(context("chrome")).await?;
    let answer = client.execute_async(&script, vec![]).await;
    client.issue_cmd(context("content")).await?;
    let mut answer = answer?;
    ensure!(answer["error"].is_null(), "a script in Firefox: {}", answer["error"]);
    Ok(answer["value"].take())
}
