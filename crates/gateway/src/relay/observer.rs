//! Who looks at what passes through a pair, and may add to it, leave out of it, or end it.

use crate::relay::Way;
use std::time::Duration;

/// Sees the bytes of both ways of one pair, in order, each byte once. It never has to keep or copy any: what it answers is
/// positions in what it was shown.
///
/// Injected bytes are not shown to it. All of them are counted as bytes of the way.
pub trait Observer {
    /// Whether anybody looks at all.
    const WATCHES: bool = true;

    /// These bytes are about to be passed on.
    fn see(&mut self, way: Way, bytes: &[u8]) -> Seen;

    /// Appends what is to be sent at the position that [`Seen::InjectAfter`] named.
    fn inject(&mut self, _way: Way, _out: &mut Vec<u8>) {}

    /// The sender on that way has ended its output, or its stream failed. Appends what the receiver shall get before its
    /// own end of input.
    fn finish(&mut self, _way: Way, _out: &mut Vec<u8>) {}

    /// Whether it will never want to see anything on that way again, nor to inject. Then bytes need not even come to user space.
    fn is_done(&self, _way: Way) -> bool {
        !Self::WATCHES
    }

    /// When it wants to be woken by itself, as [`net::now`] counts. Asked after each turn of the pair.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Its time has come, or [`Control::wake`](super::Control::wake) was called. It may inject if the bytes that it has seen
    /// on that way end where that is possible; else it does so when it sees the right position. False ends the session.
    fn wake(&mut self, _injections: &mut Injections<'_>) -> bool {
        true
    }
}

/// What to do with bytes that were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// All pass.
    All,
    /// So many pass, then comes what [`Observer::inject`] says; the rest is shown again.
    InjectAfter(usize),
    /// `pass` bytes pass, the next `drop` do not; the rest is shown again.
    DropAfter {
        /// Bytes that pass.
        pass: usize,
        /// Bytes behind them that are left out.
        drop: usize,
    },
    /// So many pass, and that was the last of this session: nothing more is read from either side, what waits is written
    /// (until [`ENDING_TIMEOUT`](super::ENDING_TIMEOUT)), and both streams are shut.
    EndAfter(usize),
}

/// Where a woken observer may add bytes: behind all that it has seen on that way.
#[derive(Debug)]
pub struct Injections<'a> {
    /// For the backend.
    pub to_backend: &'a mut Vec<u8>,
    /// For the client.
    pub to_client: &'a mut Vec<u8>,
}

/// Nobody looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Observer for Unwatched {
    const WATCHES: bool = false;

    fn see(&mut self, _way: Way, _bytes: &[u8]) -> Seen {
        Seen::All
    }
}

/// Shows bytes to the observer. Returns what is to be written in their place, and whether the session ends behind it. Only
/// if the observer adds something or leaves something out is anything copied, to `spare`.
pub(super) fn watch<'a, O: Observer>(
    observer: &mut O,
    way: Way,
    bytes: &'a [u8],
    spare: &'a mut Vec<u8>,
) -> (&'a [u8], bool) {
    if !O::WATCHES {
        return (bytes, false);
    }
    let mut seen = observer.see(way, bytes);
    match seen {
        Seen::All => return (bytes, false),
        Seen::EndAfter(pass) => return (&bytes[..pass.min(bytes.len())], true),
        Seen::InjectAfter(_) | Seen::DropAfter { .. } => spare.clear(),
    }
    let mut rest = bytes;
    let mut stood_still = false;
    loop {
        let before = rest.len();
        match seen {
            Seen::InjectAfter(pass) => {
                rest = pass_on(rest, pass, spare);
                observer.inject(way, spare);
            }
            Seen::DropAfter { pass, drop } => {
                rest = pass_on(rest, pass, spare);
                rest = &rest[drop.min(rest.len())..];
            }
            Seen::All => {
                pass_on(rest, rest.len(), spare);
                return (spare, false);
            }
            Seen::EndAfter(pass) => {
                pass_on(rest, pass, spare);
                return (spare, true);
            }
        }
        if rest.is_empty() {
            return (spare, false);
        }
        // An observer may inject where the bytes begin. One that does nothing else would do it forever.
        if rest.len() == before && std::mem::replace(&mut stood_still, true) {
            pass_on(rest, rest.len(), spare);
            return (spare, false);
        }
        stood_still &= rest.len() == before;
        seen = observer.see(way, rest);
    }
}

fn pass_on<'a>(rest: &'a [u8], pass: usize, out: &mut Vec<u8>) -> &'a [u8] {
    let (passed, rest) = rest.split_at(pass.min(rest.len()));
    out.extend_from_slice(passed);
    rest
}
