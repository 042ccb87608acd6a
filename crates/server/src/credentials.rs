//! Who may use the relay: short-lived credentials, each for one peer in one room. Pure.
//!
//! They are coturn's REST credentials (`--use-auth-secret`), so that an external coturn, other
//! nodes and coturn's own tools take them: the user name says until when and for whom, the
//! password is the user name signed with the secret. Nothing is stored for a credential that was
//! given out; only of those that were taken back a bounded list is kept, each until it would have
//! expired by itself.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, Mac};
use madang_protocol::{PeerId, RoomName};
use sha1::Sha1;
use sha2::Sha256;

/// Since 1970.
pub type UnixTime = Duration;

/// How long credentials are good for unless told otherwise.
pub const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// Peers whose credentials were taken back, at most; beyond, the oldest are forgotten.
const REVOKED: usize = 65_536;
/// Longest user name that is looked at. The longest of ours has 10 + 1 + 16 + 1 + 26 bytes.
const USERNAME_BYTES: usize = 256;
/// Bytes of the room's tag before hexadecimal.
const TAG_BYTES: usize = 8;

/// Gives out credentials, checks them and takes them back.
pub struct Credentials {
    secret: Box<[u8]>,
    /// Makes tags of room names, so that the name does not travel in clear.
    tag_key: [u8; 32],
    lifetime: Duration,
    revoked: HashMap<Holder, UnixTime>,
    /// The revoked in the order in which they may be forgotten. An entry whose holder was
    /// admitted again, or revoked again later, is skipped.
    forget: VecDeque<(UnixTime, Holder)>,
}

/// What a peer needs to use the relay.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// `<unix time of expiry>:<room tag>.<peer id>`.
    pub username: String,
    /// The password.
    pub credential: String,
    /// How long they are good for.
    pub expires: Duration,
}

/// A peer in a room, as the relay knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holder {
    /// Tells rooms apart without naming them.
    pub room: Box<str>,
    /// The peer.
    pub peer: Box<str>,
}

/// Why a user name is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not one of ours.
    #[error("not a user name of this relay")]
    Malformed,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// Its peer has left.
    #[error("taken back")]
    Revoked,
}

impl Credentials {
    /// Credentials signed with `secret` that are good for `lifetime`.
    pub fn new(secret: &[u8], lifetime: Duration) -> Self {
        let tag_key = mac::<Hmac<Sha256>>(secret, b"madang room tag");
        Self {
            secret: secret.into(),
            tag_key: tag_key.try_into().unwrap_or_default(),
            lifetime,
            revoked: HashMap::new(),
            forget: VecDeque::new(),
        }
    }

    /// Credentials for this peer in this room. It is admitted (again).
    pub fn issue(&mut self, room: &RoomName, peer: &PeerId, now: UnixTime) -> Issued {
        let holder = self.holder(room, peer);
        self.revoked.remove(&holder);
        let username = format!("{}:{}.{}", (now + self.lifetime).as_secs(), holder.room, holder.peer);
        Issued { credential: self.password(&username), username, expires: self.lifetime }
    }

    /// Refuses what this peer was given in this room, until it is admitted again.
    pub fn revoke(&mut self, room: &RoomName, peer: &PeerId, now: UnixTime) -> Holder {
        let holder = self.holder(room, peer);
        // A second more: what a user name says is cut to whole seconds.
        let until = now + self.lifetime + Duration::from_secs(1);
        self.revoked.insert(holder.clone(), until);
        self.forget.push_back((until, holder.clone()));
        self.forget(now);
        holder
    }

    /// Forgets of the revoked those whose credentials have expired by themselves, and the oldest of too many.
    pub(crate) fn forget(&mut self, now: UnixTime) {
        while let Some((until, _)) = self.forget.front()
            && (*until <= now || self.forget.len() > REVOKED)
            && let Some((until, holder)) = self.forget.pop_front()
        {
            if self.revoked.get(&holder) == Some(&until) {
                self.revoked.remove(&holder);
            }
        }
    }

    /// Whether nothing is kept about anybody.
    pub(crate) fn refuses_nobody(&self) -> bool {
        self.revoked.is_empty() && self.forget.is_empty()
    }

    /// Whom a user name is for, if it is good now. The password is still to be checked.
    ///
    /// # Errors
    /// When it is not one that was given out, or not good any more.
    pub fn holder_of(&self, username: &str, now: UnixTime) -> Result<Holder, Refused> {
        if username.len() > USERNAME_BYTES {
            return Err(Refused::Malformed);
        }
        let (expiry, user) = username.split_once(':').ok_or(Refused::Malformed)?;
        let digits = !expiry.is_empty() && expiry.bytes().all(|byte| byte.is_ascii_digit());
        let expiry = digits.then(|| expiry.parse().ok()).flatten().ok_or(Refused::Malformed)?;
        if user.is_empty() {
            return Err(Refused::Malformed);
        }
        if now >= Duration::from_secs(expiry) {
            return Err(Refused::Expired);
        }
        // Tools have a user only; it is alone in a room of its own name.
        let (room, peer) = user.split_once('.').unwrap_or((user, user));
        let holder = Holder { room: room.into(), peer: peer.into() };
        if self.revoked.contains_key(&holder) {
            return Err(Refused::Revoked);
        }
        Ok(holder)
    }

    /// The password that belongs to a user name.
    pub fn password(&self, username: &str) -> String {
        BASE64.encode(mac::<Hmac<Sha1>>(&self.secret, username.as_bytes()))
    }

    fn holder(&self, room: &RoomName, peer: &PeerId) -> Holder {
        use std::fmt::Write;
        let tag = mac::<Hmac<Sha256>>(&self.tag_key, room.as_str().as_bytes());
        let mut text = String::with_capacity(2 * TAG_BYTES);
        for byte in tag.iter().take(TAG_BYTES) {
            // Writing to a string does not fail.
            _ = write!(text, "{byte:02x}");
        }
        Holder { room: text.into(), peer: peer.as_str().into() }
    }
}

fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so this is never `None`.
    let Ok(mac) = <M as Mac>::new_from_slice(key) else { return Vec::new() };
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("lifetime", &self.lifetime)
            .field("revoked", &self.revoked.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("username", &self.username).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixTime = Duration::from_secs(1_700_000_000);

    fn credentials() -> (Credentials, RoomName, PeerId) {
        let room = "quiet-river-42".parse().expect("a name");
        (Credentials::new(b"north", LIFETIME), room, PeerId::from_bits([7; 16]))
    }

    #[test]
    fn what_coturn_would_sign() {
        let (credentials, ..) = credentials();
        // echo -n 1700000600:tester | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(credentials.password("1700000600:tester"), "/DJLuSVvSrEvgUS4keqzRIu+CYI=");
    }

    #[test]
    fn good_until_they_expire() {
        let (mut credentials, room, peer) = credentials();
        let issued = credentials.issue(&room, &peer, NOW);
        let holder = credentials.holder_of(&issued.username, NOW).expect("good");
        assert_eq!(&*holder.peer, peer.as_str());
        assert!(!issued.username.contains("river"), "the room's name travels in clear");
        let last = NOW + LIFETIME - Duration::from_secs(1);
        assert_eq!(credentials.holder_of(&issued.username, last), Ok(holder));
        assert_eq!(credentials.holder_of(&issued.username, NOW + LIFETIME), Err(Refused::Expired));
    }

    #[test]
    fn taken_back_and_given_again() {
        let (mut credentials, room, peer) = credentials();
        let issued = credentials.issue(&room, &peer, NOW);
        credentials.revoke(&room, &peer, NOW);
        assert_eq!(credentials.holder_of(&issued.username, NOW), Err(Refused::Revoked));
        let other = credentials.issue(&room, &PeerId::from_bits([8; 16]), NOW);
        assert!(credentials.holder_of(&other.username, NOW).is_ok());
        let again = credentials.issue(&room, &peer, NOW);
        assert!(credentials.holder_of(&again.username, NOW).is_ok());
    }

    #[test]
    fn the_revoked_are_forgotten_when_they_would_have_expired() {
        let (mut credentials, room, peer) = credentials();
        credentials.revoke(&room, &peer, NOW);
        credentials.revoke(&room, &peer, NOW + LIFETIME / 2);
        let other = PeerId::from_bits([8; 16]);
        credentials.revoke(&room, &other, NOW + LIFETIME + Duration::from_secs(1));
        assert_eq!(credentials.revoked.len(), 2, "revoked again later, so kept for longer");
        credentials.revoke(&room, &other, NOW + 3 * LIFETIME);
        assert_eq!((credentials.revoked.len(), credentials.forget.len()), (1, 1));
    }

    #[test]
    fn the_revoked_are_bounded() {
        let (mut credentials, room, _) = credentials();
        for number in 0..=REVOKED as u128 {
            credentials.revoke(&room, &PeerId::from_bits(number.to_be_bytes()), NOW);
        }
        assert_eq!((credentials.revoked.len(), credentials.forget.len()), (REVOKED, REVOKED));
    }

    #[test]
    fn a_tools_user_is_a_room_of_its_own() {
        let (credentials, ..) = credentials();
        let holder = credentials.holder_of("1700000600:tester", NOW).expect("good");
        assert_eq!((&*holder.room, &*holder.peer), ("tester", "tester"));
    }

    #[test]
    fn others_are_malformed() {
        let (credentials, ..) = credentials();
        let long = format!("1700000600:{}", "x".repeat(USERNAME_BYTES));
        for wrong in
            ["", ":", "1700000600", "1700000600:", ":x", "+1700000600:x", "-1:x", "99999999999999999999:x", &long]
        {
            assert_eq!(credentials.holder_of(wrong, NOW), Err(Refused::Malformed), "{wrong}");
        }
    }

    #[test]
    fn the_secret_does_not_show() {
        let (mut credentials, room, peer) = credentials();
        let issued = credentials.issue(&room, &peer, NOW);
        let shown = format!("{credentials:?} {issued:?}");
        assert!(!shown.contains("north") && !shown.contains(&issued.credential), "{shown}");
    }

    proptest! {
        #[test]
        fn any_user_name_is_taken_or_refused(username: String) {
            let (credentials, ..) = credentials();
            let _ = credentials.holder_of(&username, NOW);
        }
    }
}
