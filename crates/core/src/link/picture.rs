//! Whether the picture stands still although video arrives.
//!
//! Firefox starts a receiver anew with whatever changes in the sender beside it. If that happens just after the first
//! key frame, the new one may be given the key frame again, by what probes the bandwidth, and ask in vain for a frame
//! that its predecessor had: the other's sender forgets what was acknowledged. It waits for three seconds before it asks
//! for a key frame. One that is started anew in the middle of a stream asks at once.

use std::cmp::Ordering;

use crate::session::Video;

/// So many times in a row there was more video and none of it decoded: what was lost is there again sooner, mostly.
const STILL: u32 = 2;

/// Counts how often what came was not decoded.
#[derive(Debug)]
pub(crate) struct Picture {
    last: Video,
    stood: u32,
}

impl Default for Picture {
    /// There is none yet: what comes first may take its time.
    fn default() -> Self {
        Self { last: Video::default(), stood: STILL }
    }
}

impl Picture {
    /// So much has come in all. `true`, once until something is decoded again: the picture stands still.
    pub(crate) fn read(&mut self, video: Video) -> bool {
        let last = std::mem::replace(&mut self.last, video);
        match video.frames.cmp(&last.frames) {
            Ordering::Equal if video.bytes != last.bytes => {
                self.stood += 1;
                return self.stood == STILL;
            }
            Ordering::Greater => self.stood = 0,
            // A receiver that was started anew counts from its own beginning.
            Ordering::Less if self.stood < STILL => self.stood = 0,
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the times that it was read the picture was found to stand still.
    fn found(read: &[(u64, u64)]) -> Vec<usize> {
        let mut picture = Picture::default();
        let stands = |&(bytes, frames): &(u64, u64)| picture.read(Video { bytes, frames });
        read.iter().map(stands).enumerate().filter_map(|(time, still)| still.then_some(time)).collect()
    }

    #[test]
    fn what_comes_and_is_not_decoded_twice_in_a_row_stands_still() {
        assert_eq!(found(&[(5, 5), (9, 9), (20, 9), (25, 9), (30, 9), (35, 9), (40, 10), (45, 10), (50, 10)]), [3, 8]);
        assert_eq!(found(&[(5, 5), (9, 9), (20, 9), (25, 10), (30, 10), (35, 15)]), [0; 0]);
    }

    #[test]
    fn a_receiver_that_was_started_anew_counts_from_its_own_beginning() {
        assert_eq!(found(&[(90, 90), (2, 1), (20, 1), (30, 1)]), [3]);
        assert_eq!(found(&[(90, 90), (2, 0), (20, 0), (30, 4)]), [0; 0]);
        assert_eq!(
            found(&[(9, 9), (20, 9), (30, 9), (2, 0), (20, 0), (30, 0), (40, 0), (50, 1)]),
            [2],
            "it takes its time"
        );
    }

    #[test]
    fn the_first_picture_may_take_its_time() {
        assert_eq!(found(&[(5, 0), (20, 0), (25, 0), (30, 0), (35, 1), (40, 1), (45, 1)]), [6]);
    }

    #[test]
    fn where_nothing_comes_nothing_is_missed() {
        assert_eq!(found(&[(5, 5), (6, 6), (6, 6), (6, 6), (6, 6), (6, 6)]), [0; 0]);
        // One frame a second, of which the packet is seen before it is decoded.
        assert_eq!(found(&[(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4)]), [0; 0]);
    }
}
