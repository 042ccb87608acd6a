//! What the servers are put under.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use madang_wire::Socket;
use serde_json::json;
use tokio::task::JoinSet;

use super::contestant::Running;

/// Pairs that come and go at the same time.
const CYCLERS: usize = 20;
/// Sockets that connect at the same time.
const CONNECTING: usize = 100;

/// What a load of messages showed.
#[derive(Debug)]
pub(crate) struct Relayed {
    pub(crate) messages: f64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// A description of about this size, as `offer` or `answer` to a room.
fn description(kind: &str, room: &str, bytes: usize) -> Result<String> {
    let payload = json!({ "type": kind, "sdp": "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n".repeat(bytes / 45) });
    Ok(madang_wire::packet("42", kind, &(payload, room))?)
}

/// Two sockets in a room of their own.
async fn pair(server: &Running, room: &str) -> Result<(Socket, Socket)> {
    let mut first = Socket::connect(server.address).await?;
    first.emit("join", &(room,)).await?;
    let mut second = Socket::connect(server.address).await?;
    second.emit("join", &(room,)).await?;
    // Node tells both. Madang tells the one whose join came first, which may be either.
    tokio::select! {
        ready = first.expect("ready") => ready?,
        ready = second.expect("ready") => ready?,
    };
    Ok((first, second))
}

/// Reads until this event; a second `ready`, as Node sends, is passed over.
async fn until(socket: &mut Socket, name: &str) -> Result<()> {
    while socket.next().await?.name() != name {}
    Ok(())
}

/// Each pair sends a description there and back, again and again.
pub(crate) async fn ping_pong(server: &Running, pairs: usize, bytes: usize, seconds: u64) -> Result<Relayed> {
    let mut connected = Vec::new();
    for number in 0..pairs {
        let room = format!("pair-{number}");
        let sockets = pair(server, &room).await?;
        connected.push((sockets, description("offer", &room, bytes)?, description("answer", &room, bytes)?));
    }
    let cpu = server.cpu_seconds()?;
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut running = JoinSet::new();
    for ((mut first, mut second), offer, answer) in connected {
        running.spawn(async move {
            let mut round_trips = Vec::new();
            while Instant::now() < end {
                let sent = Instant::now();
                first.send_text(offer.clone()).await?;
                until(&mut second, "offer").await?;
                second.send_text(answer.clone()).await?;
                until(&mut first, "answer").await?;
                round_trips.push(sent.elapsed());
            }
            anyhow::Ok(round_trips)
        });
    }
    let mut round_trips = Vec::new();
    while let Some(done) = running.join_next().await {
        round_trips.extend(done??);
    }
    let (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), server.cpu_seconds()? - cpu);
    round_trips.sort_unstable();
    let at = |part: f64| -> Result<f64> {
        let index = (round_trips.len() as f64 * part) as usize;
        let round_trip = round_trips.get(index).or(round_trips.last()).context("no message went there and back")?;
        Ok(round_trip.as_secs_f64() * 1000.0)
    };
    ensure!(cpu_seconds > 0.0, "too short to measure CPU time");
    Ok(Relayed { messages: 2.0 * round_trips.len() as f64, seconds, cpu_seconds, p50_ms: at(0.5)?, p99_ms: at(0.99)? })
}

/// Pairs connect, join, say a description each, and leave. Gives pairs per second and per CPU-second.
pub(crate) async fn cycles(server: &Running, bytes: usize, seconds: u64) -> Result<(f64, f64)> {
    let cpu = server.cpu_seconds()?;
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let mut done = 0u32;
    // One future for all, so that none needs the server for longer than this call.
    let cycler = |number: usize| async move {
        let mut count = 0u32;
        while Instant::now() < end {
            let room = format!("cycle-{number}-{count}");
            let (mut first, mut second) = pair(server, &room).await?;
            first.send_text(description("offer", &room, bytes)?).await?;
            until(&mut second, "offer").await?;
            second.send_text(description("answer", &room, bytes)?).await?;
            until(&mut first, "answer").await?;
            first.close().await;
            second.close().await;
            count += 1;
        }
        anyhow::Ok(count)
    };
    for count in futures_util::future::try_join_all((0..CYCLERS).map(cycler)).await? {
        done += count;
    }
    let (elapsed, cpu_seconds) = (start.elapsed().as_secs_f64(), server.cpu_seconds()? - cpu);
    ensure!(cpu_seconds > 0.0, "too short to measure CPU time");
    Ok((f64::from(done) / elapsed, f64::from(done) / cpu_seconds))
}

/// Connects sockets that then do nothing. Gives the bytes that each adds to the server.
pub(crate) async fn idle(server: &Running, sockets: usize) -> Result<f64> {
    // The first ones make the server's own things, which are not a socket's.
    let mut held = connect(server, CONNECTING).await?;
    let before = server.resident_bytes()?;
    while held.len() < CONNECTING + sockets {
        let missing = CONNECTING + sockets - held.len();
        held.extend(connect(server, missing.min(CONNECTING)).await?);
    }
    let after = server.resident_bytes()?;
    Ok((after - before) / sockets as f64)
}

async fn connect(server: &Running, sockets: usize) -> Result<Vec<Socket>> {
    let all = (0..sockets).map(|_| Socket::connect(server.address));
    Ok(futures_util::future::try_join_all(all).await?)
}
