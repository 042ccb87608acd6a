//! Whoever runs the server removes somebody, and closes a room: ends that a page does not come back from.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::body::{self, Body};
use http::{Method, Request, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use madang_e2e::until::{SOON, until};
use madang_e2e::{Page, Setup, scenario};
use serde_json::Value;

const TOKEN: &str = "a-token-of-the-test";
/// Longer than a page waits between two tries to come back.
const TRIES: Duration = Duration::from_secs(5);

/// The listener of whoever runs the server.
struct Admin(String);

impl Admin {
    /// On a port that was free a moment ago.
    fn new() -> Result<Self> {
        Ok(Self(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string()))
    }

    async fn ask(&self, method: Method, path: &str) -> Result<(StatusCode, Value)> {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.0));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}")).body(Body::empty())?;
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let status = answer.status();
        let body = body::to_bytes(Body::new(answer.into_body()), 1 << 16).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// Keeps the tracks that the page sends, to look at them after it ended.
const KEEP: &str = "window.kept = document.querySelector('[data-testid=local-video]').srcObject.getTracks()";
const RELEASED: &str = "return window.kept.length === 2 && window.kept.every((track) => track.readyState === 'ended')";

/// The page says this, and lets go of camera and microphone.
async fn ended(page: &Page, code: &str) -> Result<()> {
    let words = page.wait_error(code).await?;
    ensure!(!words.is_empty(), "{} says nothing", page.name());
    until(&format!("{}'s camera to be released", page.name()), SOON, async || {
        Ok((page.script(RELEASED, vec![]).await? == true).then_some(()))
    })
    .await
}

#[tokio::test]
async fn who_is_removed_stays_out_and_a_closed_room_stays_closed() -> Result<()> {
    scenario("removed", async |stage| {
        let admin = Admin::new()?;
        let server = stage.server(&["--admin-listen", &admin.0, "--admin-token", TOKEN]).await?;
        let korean = Setup::chromium().language("ko-KR");
        let (ada, ben, room) = stage.call(&server, &Setup::chromium(), &korean).await?;
        for page in [&ada, &ben] {
            page.script(KEEP, vec![]).await?;
        }
        let path = format!("/rooms/{}", room.name);
        let (_, occupants) = admin.ask(Method::GET, &path).await?;
        let second = occupants["peers"][1]["peer"].as_str().context("nobody is there")?.to_owned();

        let removed = Instant::now();
        let (status, _) = admin.ask(Method::DELETE, &format!("{path}/peers/{second}")).await?;
        ensure!(status == StatusCode::NO_CONTENT, "{status}");
        ada.remote_gone(Duration::from_secs(2)).await?;
        stage.took("removed", removed.elapsed());
        ended(&ben, "removed").await?;
        ada.wait_state("waiting").await?;
        // That nothing happens can only be seen by looking for a while.
        tokio::time::sleep(TRIES).await;
        ada.wait_state("waiting").await.context("somebody came back")?;
        ben.reload().await?;
        ben.wait_error("removed").await?;

        let (status, _) = admin.ask(Method::DELETE, &path).await?;
        ensure!(status == StatusCode::NO_CONTENT, "{status}");
        ended(&ada, "room-closed").await?;
        tokio::time::sleep(TRIES).await;
        let (status, _) = admin.ask(Method::GET, &path).await?;
        ensure!(status == StatusCode::NOT_FOUND, "the room is there again");
        ada.wait_error("room-closed").await.map(drop)
    })
    .await
}
