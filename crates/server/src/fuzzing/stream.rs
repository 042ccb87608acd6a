//! One stream: what it speaks, where its frames end, and the relay that serves it.

use std::{io, net::SocketAddr};

use madang_protocol::{PeerId, RoomName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND};

use super::{
    client::{CHANNEL_NUMBER, Client, UDP_TRANSPORT},
    input::Input,
};
use crate::{
    relay::{Next, Options, Relay, StreamKind, next_frame},
    speaks::{ENOUGH, Speaks},
};

/// Sends these bytes over a stream, in pieces: the first says in which, and by whom.
pub fn stream(bytes: &[u8]) {
    let mut input = Input(bytes);
    let how = input.byte();
    decides(input.0);
    let pieces: Vec<&[u8]> = input.0.chunks(1 + usize::from(how >> 1)).collect();
    let Ok(runtime) = runtime::Builder::new_current_thread().enable_time().build() else { return };
    if let Err(error) = runtime.block_on(serves(&pieces, how & 1 == 1)) {
        // The relay ended it, which is its right.
        assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof), "{error}");
    }
}

/// What is decided early stays decided, and a few bytes are enough.
fn decides(bytes: &[u8]) {
    let mut decided = None;
    for count in 0..=bytes.len().min(ENOUGH + 1) {
        let speaks = Speaks::by(&bytes[..count]);
        assert!(decided.is_none() || speaks == decided, "{decided:?}, then {speaks:?}");
        assert!(count < ENOUGH || speaks.is_some());
        decided = speaks;
    }
}

async fn serves(pieces: &[&[u8]], with_allocation: bool) -> io::Result<()> {
    let relay = Relay::new(Options::closed("north"))?;
    let (near, far) = duplex(16 * 1024);
    let remote = SocketAddr::from(([198, 51, 100, 7], 5_000));
    let served = relay.serve_stream(far, SocketAddr::from(([192, 0, 2, 1], 443)), remote, StreamKind::Tls);
    let (said, ()) = tokio::join!(says(&relay, near, pieces, with_allocation), served);
    assert!(relay.is_at_rest(), "something is left");
    said
}

/// Says all of it and takes every answer: whole frames, one behind the other.
async fn says(relay: &Relay, mut stream: DuplexStream, pieces: &[&[u8]], with_allocation: bool) -> io::Result<()> {
    if with_allocation {
        allocate(relay, &mut stream).await?;
    }
    let (mut read, mut write) = tokio::io::split(stream);
    let writes = async {
        for piece in pieces {
            write.write_all(piece).await?;
            tokio::task::yield_now().await;
        }
        write.shutdown().await
    };
    let mut answers = Vec::new();
    let (wrote, took) = tokio::join!(writes, read.read_to_end(&mut answers));
    took?;
    let mut rest = &answers[..];
    while let Next::Frame { with_padding, .. } = next_frame(rest) {
        rest = &rest[with_padding..];
    }
    // A stream that the relay ended may end in the middle of one.
    assert!(!matches!(next_frame(rest), Next::Broken), "no frame: {rest:?}");
    wrote
}

/// Gets an allocation with a channel that leads back to itself, so that data comes back.
async fn allocate(relay: &Relay, stream: &mut DuplexStream) -> io::Result<()> {
    let room: RoomName = "room".parse().map_err(io::Error::other)?;
    let mut client = Client::new(relay.credentials(&room, &PeerId::from_bits([1; 16])));
    let transport = vec![(UDP_TRANSPORT.0, UDP_TRANSPORT.1.to_vec())];
    for _ in 0..2 {
        let request = client.request(ALLOCATE, &transport);
        let answer = ask(stream, &request).await?;
        client.hears(&answer);
    }
    let Some(relayed) = client.relayed else { panic!("no allocation") };
    let channel = (CHANNEL_NUMBER, vec![0x40, 0, 0, 0]);
    let request = client.request(CHANNEL_BIND, &vec![channel, client.peer(relayed)]);
    assert_eq!(ask(stream, &request).await?[..2], [0x01, 0x09], "the channel is bound");
    Ok(())
}

async fn ask(stream: &mut DuplexStream, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request).await?;
    let mut answer = vec![0; 20];
    stream.read_exact(&mut answer).await?;
    answer.resize(20 + usize::from(u16::from_be_bytes([answer[2], answer[3]])), 0);
    stream.read_exact(&mut answer[20..]).await?;
    Ok(answer)
}
