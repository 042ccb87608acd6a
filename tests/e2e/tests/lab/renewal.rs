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
/// Those that are good so long after the first have expired were renewed three times.
const LATER: Duration = Duration::from_secs(31);
/// How long that may take.
const OUTLIVED: Duration = Duration::from_secs(80);

/// The connection that is used, kept by the harness.
const CONNECTION: &str = "const connection = madangConnections.find((one) => one.connectionState === 'connected');";

/// The user name that the connection is configured with.
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

/// The browser tells of another network: the page restarts ICE.
pub(crate) async fn tell_of_another_network(page: &Page) -> Result<()> {
    page.script("window.dispatchEvent(new Event('online'))", vec![]).await.map(drop)
}

/// The connection wants to be negotiated again, for a reason that the page does not know.
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
        let latest = first.iter().map(|name| expiry(name)).collect::<Result<Vec<_>>>()?.into_iter().max();
        let outlived = async || Ok(latest.filter(|expiry| *expiry + LATER < SystemTime::now()));
        until("the first credentials to be long expired", OUTLIVED, outlived).await?;
        in_a_call(&pair.a, &pair.b).await?;
        for (page, first) in pages.into_iter().zip(&first) {
            page.remote_never_froze().await?;
            // Else the next offer, whatever it is for, would restart ICE.
            ensure!(username(page).await? == *first, "{} is configured before it restarts ICE", page.name());
        }

        // The relay allocates anew, which it does only for credentials that are good now.
        let before = [generation(&pair.a).await?, generation(&pair.b).await?];
        tell_of_another_network(&pair.a).await?;
        for (page, before) in pages.into_iter().zip(&before) {
            until(&format!("{}'s media to go by a new allocation", page.name()), SOON, async || {
                Ok((generation(page).await? != *before).then_some(()))
            })
            .await?;
            let route = page.route().await?.context("no route")?;
            ensure!(route.name() == "relay-udp", "after the restart {} goes by {route}", page.name());
            let now = username(page).await?;
            ensure!(expiry(&now)? > SystemTime::now(), "{} has restarted ICE with {now}", page.name());
        }
        in_a_call(&pair.a, &pair.b).await?;
        for page in pages {
            page.remote_never_froze().await?;
        }
        pair.part().await
    })
    .await
}
