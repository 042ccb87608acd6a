//! Pairs of allocations that send each other data by channel, as much as comes back.

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{
    net::UdpSocket,
    task::JoinSet,
    time::{Instant, interval, sleep},
};

use super::{
    client::{CHANNEL, Client},
    contestant::Running,
};

/// Pairs that are made at the same time.
const AT_ONCE: usize = 8;
/// How often a client looks whether all that it sent was lost.
const LOOK: Duration = Duration::from_millis(100);
/// How long the load runs before it is measured.
const WARM: Duration = Duration::from_millis(500);

/// A load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Pairs of allocations.
    pub(crate) pairs: u16,
    /// Pairs that send; the others are only there.
    pub(crate) sending: u16,
    /// Bytes of a packet.
    pub(crate) bytes: usize,
    /// Packets on the way at a time, of all pairs together.
    pub(crate) in_flight: usize,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [pairs, sending] = [self.pairs, self.sending].map(|pairs| 2 * u32::from(pairs));
        match sending {
            all if all == pairs => write!(f, "{pairs} allocations"),
            some => write!(f, "{some} of {pairs} allocations"),
        }
    }
}

/// What a load showed.
#[derive(Debug)]
pub(crate) struct Relayed {
    pub(crate) packets: f64,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
}

/// A pair in a room of its own.
pub(crate) async fn pair(relay: &Running, number: u16) -> Result<[Client; 2]> {
    let room = format!("pair{number}");
    let mut one = Client::allocate(relay.address, 2 * number, &room).await?;
    let mut two = Client::allocate(relay.address, 2 * number + 1, &room).await?;
    one.bind(two.relayed).await?;
    two.bind(one.relayed).await?;
    Ok([one, two])
}

/// Every client keeps so many packets on the way that all together have `in_flight`.
pub(crate) async fn run(relay: &Running, load: Load, measured: Duration) -> Result<Relayed> {
    let Load { pairs, sending, bytes, in_flight } = load;
    let all = stream::iter(0..pairs).map(|number| pair(relay, number)).buffer_unordered(AT_ONCE);
    let mut all: Vec<[Client; 2]> = all.try_collect().await?;
    let quiet = all.split_off(usize::from(sending));
    let each = (in_flight / (2 * usize::from(sending))).max(1);
    let (received, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut running = JoinSet::new();
    for client in all.into_iter().flatten() {
        let (received, stop) = (received.clone(), stop.clone());
        running.spawn(async move { keep_sending(&client.socket, bytes, each, &received, &stop).await });
    }
    sleep(WARM).await;
    let (before, cpu, start) = (received.load(Ordering::Relaxed), relay.cpu_seconds()?, Instant::now());
    sleep(measured).await;
    let packets = received.load(Ordering::Relaxed) - before;
    let (seconds, cpu_seconds) = (start.elapsed().as_secs_f64(), relay.cpu_seconds()? - cpu);
    stop.store(true, Ordering::Relaxed);
    while let Some(done) = running.join_next().await {
        done??;
    }
    drop(quiet);
    ensure!(cpu_seconds > 0.0, "too short to measure CPU time");
    Ok(Relayed { packets: packets as f64, seconds, cpu_seconds })
}

/// Sends a packet for each that comes.
async fn keep_sending(
    socket: &UdpSocket,
    bytes: usize,
    each: usize,
    received: &AtomicU64,
    stop: &AtomicBool,
) -> Result<()> {
    let mut packet = vec![7; 4 + bytes];
    packet[..2].copy_from_slice(&CHANNEL.to_be_bytes());
    packet[2..4].copy_from_slice(&u16::try_from(bytes)?.to_be_bytes());
    let mut buffer = vec![0; 2_048];
    for _ in 0..each {
        socket.send(&packet).await?;
    }
    let mut look = interval(LOOK);
    let mut came = 1;
    while !stop.load(Ordering::Relaxed) {
        tokio::select! {
            biased;
            ready = socket.readable() => ready?,
            _ = look.tick() => {
                // What was lost does not come back by itself.
                if came == 0 {
                    _ = socket.try_send(&packet);
                }
                came = 0;
                continue;
            }
        }
        // A turn for others after each packet, so that all get theirs.
        if let Ok(length) = socket.try_recv(&mut buffer)
            && length == packet.len()
        {
            came += 1;
            received.fetch_add(1, Ordering::Relaxed);
            _ = socket.try_send(&packet);
        }
        let mut first = true;
        poll_fn(|context| {
            if std::mem::take(&mut first) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }
    Ok(())
}
