//! A TCP proxy that puts a server a round trip away.
//!
//! Each direction is late by half of it. A proxy accepts a connection at once, where a real one
//! opens with a round trip of its own; so the first bytes of a connection are late by one more.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// The proxy; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Far {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Far {
    /// Puts the server on this port of the loopback address `round_trip` away.
    pub(crate) async fn from(port: u16, round_trip: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, port, round_trip));
            }
        });
        Ok(Self { address, task })
    }

    /// Its origin, as a browser names it.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, port: u16, round_trip: Duration) -> std::io::Result<()> {
    let one_way = round_trip / 2;
    let open = Instant::now() + round_trip;
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::try_join!(
        forward(from_client, to_server, open + one_way, one_way),
        forward(from_server, to_client, open, one_way),
    )?;
    Ok(())
}

/// Passes on what is read, each piece `late`, and nothing before `earliest`.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    earliest: Instant,
    late: Duration,
) -> std::io::Result<()> {
    let (sender, mut pieces) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let read = async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut buffer).await?;
            let piece = (earliest.max(Instant::now() + late), buffer[..length].to_vec());
            if length == 0 || sender.send(piece).is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = pieces.recv().await {
            sleep_until(due).await;
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn the_first_answer_takes_two_round_trips_and_the_next_takes_one() -> Result<()> {
        let server = TcpListener::bind("127.0.0.1:0").await?;
        let port = server.local_addr()?.port();
        tokio::spawn(async move {
            let (mut stream, _) = server.accept().await?;
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await
        });
        let far = Far::from(port, ROUND_TRIP).await?;

        let mut echo = [0; 4];
        let start = Instant::now();
        let mut client = TcpStream::connect(far.address).await?;
        for (message, round_trips) in [(b"once", 2), (b"more", 3)] {
            client.write_all(message).await?;
            client.read_exact(&mut echo).await?;
            assert_eq!(&echo, message);
            let expected = ROUND_TRIP * round_trips;
            assert!(start.elapsed() >= expected, "{:?} is sooner than {expected:?}", start.elapsed());
        }
        Ok(())
    }
}
