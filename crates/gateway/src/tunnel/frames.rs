//! What a tunnel sees of a WebSocket, and what it puts in: the frames of both ways by their headers, pings for a side that
//! went silent, Close frames when the gateway ends a session.
//!
//! The bytes of a WebSocket are the same on every version of HTTP, so a tunnel passes them on as they are. [`Frames`] follows
//! the headers (14 bytes of state each way) to know where a frame ends. There, and only there, it may put in a frame of its
//! own:
//!
//! * **A ping**, when a side has sent nothing for a while. Its payload begins with a mark that was drawn for this session, and
//!   the pong that brings the mark back is taken out again. Pings and pongs of the peers pass, whoever's they are.
//! * **A Close**, when the gateway drains, when a message is too large, when the backend is gone. To a client with the code
//!   that was asked for; to a backend with 1001. What its receiver would get behind it is left out.
//!
//! A way on which something breaks the rules of framing is not followed any further: its bytes pass, nothing is put in.
//! Messages are not looked into; compressed ones pass compressed.

mod held;
#[cfg(test)]
mod tests;
mod track;
mod watch;

pub use track::{Closed, Count};
pub use watch::{Live, Watch};

use crate::relay::{Injections, Seen, Side, Way};
use held::{Pings, Verdict};
use std::time::Duration;
use track::{Step, Track, write_control};

/// After a Close frame of ours a side has this long to answer with its own; then the session ends.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// After one side's Close frame has passed, the other one has this long for its own; then the session ends.
pub const CLOSING_TIMEOUT: Duration = Duration::from_secs(30);

const CLOSE: u8 = 0x8;
/// Longest reason of a Close frame, in bytes.
const REASON_BYTES_MAX: usize = 123;

/// How a tunnel watches its WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameOptions {
    /// A side that has sent nothing for this long (up to half as much longer) is pinged. None: never. Default 25 s.
    pub ping: Option<Duration>,
    /// A side that has sent nothing for this long after a ping is gone. Default 20 s.
    pub pong: Duration,
    /// Payload bytes of one message as they pass, compressed or not. Past it the WebSocket is closed with 1009. 0 is no
    /// limit. Default 0.
    pub message_bytes_max: u64,
}

impl Default for FrameOptions {
    fn default() -> Self {
        Self { ping: Some(Duration::from_secs(25)), pong: Duration::from_secs(20), message_bytes_max: 0 }
    }
}

/// Why the gateway itself ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody asked for it: a drain.
    Asked,
    /// It was as old as it may become.
    Age,
    /// A side did not answer a ping.
    Silent(Side),
    /// A message from that side was larger than the limit.
    TooLarge(Side),
    /// The backend's stream ended without a Close frame.
    BackendGone,
}

/// The frames of one WebSocket, both ways. Pure: time and entropy are arguments.
#[derive(Debug)]
pub struct Frames {
    options: FrameOptions,
    to_backend: Half,
    to_client: Half,
    /// State of a generator for masking keys. Predictable to nobody who does not know the seed.
    keys: u64,
    cause: Option<Cause>,
    /// The code and the reason for the client.
    close: (u16, &'static str),
    due: Option<Duration>,
    /// When the session is over, whatever comes.
    over: Option<Duration>,
}

/// One way: its frames, and what its sender owes us.
#[derive(Debug)]
struct Half {
    track: Track,
    /// Pings to the sender of this way, whose pongs come on it.
    pings: Pings,
    /// The sender has sent something since we last looked.
    was_heard: bool,
    /// Looks in a row at which it had not.
    quiet: u8,
    /// When a ping of ours that was not answered makes the sender gone.
    gone_at: Option<Duration>,
    /// To be put in at the next end of a frame, for the receiver of this way.
    wants_ping: bool,
    wants_close: bool,
    /// We have closed this way: nothing passes any more.
    is_shut: bool,
    /// Held bytes are to be put in before anything else.
    release: bool,
    /// A Close is to be put in although a frame has begun: nothing of that frame has passed.
    forces_close: bool,
    /// The sender's stream is over.
    has_ended: bool,
}

impl Half {
    fn new(is_masked: bool, mark: u64) -> Self {
        Self {
            track: Track::new(is_masked),
            pings: Pings::new(mark),
            was_heard: false,
            quiet: 0,
            gone_at: None,
            wants_ping: false,
            wants_close: false,
            is_shut: false,
            release: false,
            forces_close: false,
            has_ended: false,
        }
    }

    fn wants(&self) -> bool {
        self.release || self.forces_close || ((self.wants_ping || self.wants_close) && self.may_add())
    }

    /// Whether a frame can be put in behind what was seen.
    fn may_add(&self) -> bool {
        self.track.is_between_frames()
            && !self.pings.is_holding()
            && !self.track.has_closed()
            && !self.is_shut
    }
}

impl Frames {
    /// A WebSocket that has just opened. `entropy` is fresh.
    pub fn new(options: FrameOptions, now: Duration, entropy: [u64; 2]) -> Self {
        let [mark, keys] = entropy;
        let due = options.ping.map(|ping| now + ping / 2);
        Self {
            options,
            to_backend: Half::new(true, mark),
            to_client: Half::new(false, !mark),
            keys,
            cause: None,
            close: (1001, ""),
            due,
            over: None,
        }
    }

    /// Messages, pings and pongs that have passed.
    pub fn count(&self, way: Way) -> Count {
        self.half_ref(way).track.count
    }

    /// The Close frame that has passed.
    pub fn closed(&self, way: Way) -> Option<Closed> {
        self.half_ref(way).track.closed()
    }

    /// Whether a frame began that breaks the rules, so that this way is not followed any more.
    pub fn is_lost(&self, way: Way) -> bool {
        self.half_ref(way).track.is_lost()
    }

    /// Why the gateway ends the session, if it does.
    pub fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// When [`wake`](Self::wake) is to be called next.
    pub fn due(&self) -> Option<Duration> {
        match (self.due, self.over) {
            (Some(due), Some(over)) => Some(due.min(over)),
            (due, over) => due.or(over),
        }
    }

    /// Ends the session with these words to the client, as soon as frames end. Call [`wake`](Self::wake) then.
    pub fn end(&mut self, cause: Cause, code: u16, reason: &'static str, now: Duration) {
        if self.cause.is_some() {
            return;
        }
        self.cause = Some(cause);
        let size = reason.floor_char_boundary(REASON_BYTES_MAX);
        self.close = (code, &reason[..size]);
        self.to_client.wants_close = true;
        self.to_backend.wants_close = true;
        self.due = None;
        self.end_by(now + CLOSE_TIMEOUT);
    }

    /// The session is over then at the latest.
    fn end_by(&mut self, at: Duration) {
        self.over = Some(self.over.map_or(at, |over| over.min(at)));
    }

    /// Looks at bytes that are about to pass.
    pub fn see(&mut self, way: Way, bytes: &[u8], now: impl Fn() -> Duration) -> Seen {
        let had_closed = self.half_ref(way).track.has_closed();
        let seen = self.look(way, bytes, &now);
        if !had_closed && self.half_ref(way).track.has_closed() {
            let both = self.to_backend.track.has_closed() && self.to_client.track.has_closed();
            self.end_by(now() + if both { CLOSE_TIMEOUT } else { CLOSING_TIMEOUT });
        }
        seen
    }

    fn look(&mut self, way: Way, bytes: &[u8], now: impl Fn() -> Duration) -> Seen {
        let message_bytes_max = self.options.message_bytes_max;
        let half = self.half(way);
        half.was_heard = true;
        let mut at = 0;
        loop {
            if half.wants() {
                return Seen::InjectAfter(at);
            }
            let rest = &bytes[at..];
            // Behind a Close frame there is nothing that anybody must read (RFC 6455 section 5.5.1).
            if half.is_shut {
                return self.see_behind_close(way, at, rest);
            }
            let Some(&first) = rest.first() else { return Seen::All };
            if half.pings.is_holding() || (half.track.is_between_frames() && half.pings.may_begin(first)) {
                match half.pings.take(rest) {
                    Verdict::Hold => return Seen::DropAfter { pass: at, drop: rest.len() },
                    Verdict::Ours(drop) => return Seen::DropAfter { pass: at, drop },
                    // What was held before these bytes goes in front of them, and then they are looked at again.
                    Verdict::Theirs if half.pings.is_holding() => {
                        half.release = true;
                        continue;
                    }
                    Verdict::Theirs => {}
                }
            }
            match half.track.step(rest, message_bytes_max) {
                Step::Took(size) => at += size,
                Step::TooLarge { took: size, is_whole } => {
                    half.is_shut = true;
                    half.forces_close = is_whole;
                    self.end(Cause::TooLarge(way.from()), 1009, "The message is too large.", now());
                    // The header has begun a frame that will never be complete, so it does not pass.
                    return Seen::DropAfter { pass: at, drop: size };
                }
            }
        }
    }

    /// A side answers our Close, or has not heard of it yet. What it sends reaches nobody.
    fn see_behind_close(&mut self, way: Way, pass: usize, rest: &[u8]) -> Seen {
        let half = self.half(way);
        let mut at = 0;
        while at < rest.len() {
            at += half.track.step(&rest[at..], 0).took();
        }
        if self.is_over() { Seen::EndAfter(pass) } else { Seen::DropAfter { pass, drop: rest.len() } }
    }

    /// Both sides have said their last.
    fn is_over(&self) -> bool {
        let is_done =
            |half: &Half| half.is_shut && (half.track.has_closed() || half.track.is_lost() || half.has_ended);
        self.cause.is_some() && is_done(&self.to_client) && is_done(&self.to_backend)
    }

    /// Appends what was wanted at the position that [`see`](Self::see) has named.
    pub fn inject(&mut self, way: Way, out: &mut Vec<u8>) {
        let half = self.half(way);
        if half.release {
            half.release = false;
            let (bytes, size) = half.pings.release();
            out.extend_from_slice(&bytes[..size]);
            let mut at = 0;
            while at < size {
                at += half.track.step(&bytes[at..size], 0).took();
            }
            return;
        }
        if half.wants_close || half.forces_close {
            half.wants_close = false;
            half.forces_close = false;
            half.wants_ping = false;
            half.is_shut = true;
            self.write_close(way, out);
        } else if half.wants_ping {
            half.wants_ping = false;
            self.write_ping(way, out);
        }
    }

    /// The sender on that way has ended, or failed. Appends what its receiver shall get before its own end.
    pub fn finish(&mut self, way: Way, out: &mut Vec<u8>, now: Duration) {
        let half = self.half(way);
        half.has_ended = true;
        if half.pings.is_holding() {
            half.release = true;
        }
        if self.half(way).release {
            self.inject(way, out);
        }
        let is_abrupt = way == Way::ToClient && !self.to_client.track.has_closed() && !self.to_client.is_shut;
        // A backend that ends after its client has gone without a word only follows.
        let client_went = self.to_backend.has_ended;
        if is_abrupt && !client_went && !self.to_backend.track.has_closed() && self.cause.is_none() {
            self.end(Cause::BackendGone, 1014, "The backend went away.", now);
            self.to_backend.wants_close = false;
            self.to_backend.is_shut = true;
        }
        if self.half(way).wants() {
            self.inject(way, out);
        }
        self.half(way).is_shut = true;
        // Half of a WebSocket is none: the other side has a moment to end as well.
        self.end_by(now + CLOSE_TIMEOUT);
    }

    /// The time of [`due`](Self::due) has come, or [`end`](Self::end) was called. False: the session is over.
    pub fn wake(&mut self, now: Duration, injections: &mut Injections<'_>) -> bool {
        if self.over.is_some_and(|over| over <= now) {
            return false;
        }
        if let (Some(due), Some(ping)) = (self.due, self.options.ping)
            && due <= now
        {
            let mut next = now + ping / 2;
            for from in [Side::Client, Side::Backend] {
                match self.look_at(from, now) {
                    Some(gone_at) => next = next.min(gone_at),
                    None => return self.give_up_on(from, now, injections),
                }
            }
            self.due = Some(next);
        }
        self.add(injections);
        !self.is_over()
    }

    /// Puts in what is wanted, where a frame has ended.
    fn add(&mut self, injections: &mut Injections<'_>) {
        if self.to_backend.wants() {
            self.inject(Way::ToBackend, injections.to_backend);
        }
        if self.to_client.wants() {
            self.inject(Way::ToClient, injections.to_client);
        }
    }

    /// Whether a side has been heard. Gives when to look again because of it, or `None` if it is gone.
    fn look_at(&mut self, from: Side, now: Duration) -> Option<Duration> {
        let pong = self.options.pong;
        let far = now + pong + pong;
        let sender = self.half(way_from(from));
        if std::mem::take(&mut sender.was_heard) {
            sender.quiet = 0;
            sender.gone_at = None;
            return Some(far);
        }
        if let Some(gone_at) = sender.gone_at {
            return (gone_at > now).then_some(gone_at);
        }
        sender.quiet = sender.quiet.saturating_add(1);
        if sender.quiet < 2 || sender.track.is_lost() || sender.track.has_closed() {
            return Some(far);
        }
        // The ping goes to the silent side, on the way that ends there.
        let receiver = self.half(way_to(from));
        if receiver.track.is_lost() || receiver.track.has_closed() || receiver.is_shut {
            return Some(far);
        }
        receiver.wants_ping = true;
        self.half(way_from(from)).gone_at = Some(now + pong);
        Some(now + pong)
    }

    /// A side did not answer. The other one is told.
    fn give_up_on(&mut self, side: Side, now: Duration, injections: &mut Injections<'_>) -> bool {
        let (code, reason) = match side {
            Side::Backend => (1014, "The backend does not answer."),
            // It will hardly read this.
            Side::Client => (1001, "The client does not answer pings."),
        };
        self.end(Cause::Silent(side), code, reason, now);
        self.add(injections);
        false
    }

    fn write_ping(&mut self, way: Way, out: &mut Vec<u8>) {
        // A ping on the way to a side is answered on the way from it.
        let key = self.key_for(way);
        let back = match way {
            Way::ToBackend => Way::ToClient,
            Way::ToClient => Way::ToBackend,
        };
        self.half(back).pings.write(key, out);
    }

    fn write_close(&mut self, way: Way, out: &mut Vec<u8>) {
        let key = self.key_for(way);
        let (code, reason) = match way {
            Way::ToClient => self.close,
            Way::ToBackend => (1001, ""),
        };
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        write_control(CLOSE, &payload, key, out);
    }

    /// What is sent to a backend is masked.
    fn key_for(&mut self, way: Way) -> Option<[u8; 4]> {
        if way == Way::ToClient {
            return None;
        }
        // splitmix64
        self.keys = self.keys.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut key = self.keys;
        key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(((key ^ (key >> 31)) as u32).to_be_bytes())
    }

    fn half(&mut self, way: Way) -> &mut Half {
        match way {
            Way::ToBackend => &mut self.to_backend,
            Way::ToClient => &mut self.to_client,
        }
    }

    fn half_ref(&self, way: Way) -> &Half {
        match way {
            Way::ToBackend => &self.to_backend,
            Way::ToClient => &self.to_client,
        }
    }
}

fn way_from(side: Side) -> Way {
    match side {
        Side::Client => Way::ToBackend,
        Side::Backend => Way::ToClient,
    }
}

fn way_to(side: Side) -> Way {
    match side {
        Side::Client => Way::ToClient,
        Side::Backend => Way::ToBackend,
    }
}
