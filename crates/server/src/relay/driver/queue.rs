//! What waits for a stream's reader.
//!
//! It is bounded: when the reader is slow, data is dropped frame by frame, as any network would,
//! instead of arriving late. A reader that takes nothing for long ends the stream.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::Notify,
    time::timeout,
};

use super::framing::{self, Next};
use crate::relay::{StreamKind, limits, machine::Frame};

/// Room that is kept for what comes next.
const KEPT_BYTES: usize = 4 * 1024;

/// Frames behind each other.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Vec<u8>>,
    wake: Notify,
    over: Notify,
}

impl Queue {
    /// Adds a frame, unless there is no room for it.
    pub(super) fn push(&self, frame: Frame<'_>) -> bool {
        let length = frame.head.len() + frame.body.len() + frame.padding;
        let most = limits::QUEUED_BYTES + if frame.is_data { 0 } else { limits::QUEUED_ANSWERS };
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + length > most {
            return false;
        }
        let was_empty = waiting.is_empty();
        waiting.extend_from_slice(frame.head);
        waiting.extend_from_slice(frame.body);
        waiting.extend_from_slice(&[0; 3][..frame.padding.min(3)]);
        drop(waiting);
        if was_empty {
            self.wake.notify_one();
        }
        true
    }

    /// Ends the stream, whatever waits for its reader.
    pub(super) fn hang_up(&self) {
        self.over.notify_one();
    }

    /// Done when the stream is to end.
    pub(super) async fn is_over(&self) {
        self.over.notified().await;
    }

    /// Writes what comes, until the stream fails or its reader is stuck.
    ///
    /// In TLS each frame is a record of its own, as coturn does it: its client, and who knows
    /// whose else, takes a record for a frame, and loses what comes behind the first.
    pub(super) async fn drain(&self, mut stream: impl AsyncWrite + Unpin, kind: StreamKind) -> io::Result<()> {
        let mut out = Vec::new();
        loop {
            self.wake.notified().await;
            loop {
                out.clear();
                out.shrink_to(KEPT_BYTES);
                std::mem::swap(&mut out, &mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
                if out.is_empty() {
                    break;
                }
                let write = async {
                    let mut rest = &out[..];
                    while !rest.is_empty() {
                        let (next, others) = rest.split_at(first_piece(rest, kind));
                        stream.write_all(next).await?;
                        rest = others;
                    }
                    stream.flush().await
                };
                timeout(limits::STUCK, write).await.map_err(|_| io::ErrorKind::TimedOut)??;
            }
        }
    }
}

/// How many of these bytes to write at once.
fn first_piece(bytes: &[u8], kind: StreamKind) -> usize {
    match (kind, framing::next(bytes)) {
        (StreamKind::Tls, Next::Frame { with_padding, .. }) => with_padding,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(body: &[u8]) -> Frame<'_> {
        Frame { head: &[0x40, 0, 0, 1], body, padding: 3, is_data: true }
    }

    #[test]
    fn data_is_dropped_whole_and_answers_have_room_left() {
        let queue = Queue::default();
        let body = vec![7; 1_000];
        let mut taken = 0;
        while queue.push(data(&body)) {
            taken += 1;
        }
        assert_eq!(taken, limits::QUEUED_BYTES / 1_007);
        assert!(!queue.push(data(&body)));
        assert!(queue.push(Frame { is_data: false, ..data(&body) }));
        let waiting = queue.waiting.lock().expect("whole").len();
        assert_eq!(waiting, (taken + 1) * 1_007);
    }

    #[test]
    fn frames_are_apart_in_tls() {
        let queue = Queue::default();
        assert!(queue.push(data(b"7")) && queue.push(data(b"8")));
        let waiting = queue.waiting.lock().expect("whole");
        assert_eq!((first_piece(&waiting, StreamKind::Tls), first_piece(&waiting, StreamKind::Tcp)), (8, 16));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_ends_the_stream() {
        let queue = Queue::default();
        let (near, _far) = tokio::io::duplex(16);
        assert!(queue.push(data(&[7; 1_000])));
        let end = queue.drain(near, StreamKind::Tcp).await.expect_err("stuck");
        assert_eq!(end.kind(), io::ErrorKind::TimedOut);
    }
}
