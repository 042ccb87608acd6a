//! A call through the relay that outlives the credentials it began with.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use madang_e2e::until::{SOON, until};
use madang_e2e::{Page, Setup, in_a_call, scenario};
use madang_lab::{Family, Kind};

use crate::pair::Pair;
use madang_e2e::lab::Networks;

/// The shortest there is: a page renews them every 15 seconds.
const LIFETIME: &str = "30";

/// How often they are renewed before the call has to rely on it.
const RENEWALS: usize = 3;

/// The connection that is used, kept by the harness.
const CONNECTION: &str = "const connection = madangConnections.find((one) => one.connectionState === 'connected');";

/// The user name that the connection would allocate with now.
async fn username(page: &Page) -> Result<String> {
    let script = format!(
        "{CONNECTION}
        return connection?.getConfiguration().iceServers.find((server) => server.username)?.username ?? null"
    );
    let username = page.script(&script, vec![]).await?;
    Ok(username.as_str().with_context(|| format!("{} has no credentials", page.name()))?.to_owned())
}

/// Until when they are good: the user name begins with it.
fn expiry(username: &str) -> Result<SystemTime> {
    let seconds = username.split(':').next().unwrap_or_default();
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.parse().context("no time in the user name")?))
}

/// The ICE generation of the candidate that media goes by: `usernameFragment` changes with a restart.
pub(crate) async fn generation(page: &Page) -> Result<String> {
    let body = format!(
        "{CONNECTION}
        const stats = [...(await connection.getStats()).values()];
        const id = stats.find((one) => one.selectedCandidatePairId)?.selectedCandidatePairId;
        const pair = stats.find((one) => one.id === id);
        return stats.find((one) => one.id === pair?.localCandidateId)?.usernameFragment ?? null;"
    );
    let generation = page.async_script(&body, vec![]).await?;
    Ok(generation.as_str().with_context(|| format!("{} has no selected pair", page.name()))?.to_owned())
}

/// As a browser does whose network changed.
pub(crate) async fn restart_ice(page: &Page) -> Result<()> {
    page.script(&format!("{CONNECTION} connection.restartIce()"), vec![]).await.map(drop)
}

#[tokio::test]
async fn a_relayed_call_outlives_its_credentials_and_restarts_with_new_ones() -> Result<()> {
    if !madang_lab::possible() {
        return Ok(());
    }
    scenario("lab-renewal", async |stage| {
        let networks = Networks::with(stage, Family::V4, &["--credential-lifetime", LIFETIME]).await?;
        let pair = Pair::start(stage, &networks, Setup::chromium(), Setup::chromium()).await?;
        // Between two symmetric NATs there is no other way than the relay.
        pair.call(&networks, Kind::Symmetric, Kind::Symmetric).await?;
        let pages = [&pair.a, &pair.b];
        let first = [username(&pair.a).await?, username(&pair.b).await?];
        let mut known = first.clone();
        for renewal in 1..=RENEWALS {
            for (page, known) in pages.into_iter().zip(&mut known) {
                let what = format!("renewal {renewal} in {}'s page", page.name());
                let renewed = async || Ok(Some(username(page).await?).filter(|now| now != known));
                *known = until(&what, SOON, renewed).await?;
            }
            in_a_call(&pair.a, &pair.b).await?;
            stage.note(format!("renewal {renewal}: {:?}, {:?}", pair.a.picture().await?, pair.b.picture().await?));
        }
        for username in &first {
            ensure!(expiry(username)? < SystemTime::now(), "the first credentials are still good: {username}");
        }
        for page in pages {
            page.remote_never_froze().await?;
        }

        // The relay allocates anew, which it does only for credentials that are good now.
        let before = [generation(&pair.a).await?, generation(&pair.b).await?];
        restart_ice(&pair.a).await?;
        for (page, before) in pages.into_iter().zip(&before) {
            until(&format!("{}'s media to go by a new allocation", page.name()), SOON, async || {
                Ok((generation(page).await? != *before).then_some(()))
            })
            .await?;
            let route = page.route().await?.context("no route")?;
            ensure!(route.name() == "relay-udp", "after the restart {} goes by {route}", page.name());
        }
        in_a_call(&pair.a, &pair.b).await?;
        for page in pages {
            page.remote_never_froze().await?;
        }
        pair.part().await
    })
    .await
}
