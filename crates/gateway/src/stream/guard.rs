//! Looks at the first bytes of a client, so that nobody gets a PROXY header of his own making through to a backend.

use super::proxy_protocol::{V1_SIGNATURE, V2_SIGNATURE};
use crate::relay::{Observer, Seen, Way};

/// Ends the session before the byte that would complete a signature. What came before it is passed on: it says nothing.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// The first bytes, as far as they are those of a signature.
    first: Vec<u8>,
    is_done: bool,
    is_spoofed: bool,
}

impl Guard {
    /// Whether the session was ended because of a header.
    pub(super) fn is_spoofed(&self) -> bool {
        self.is_spoofed
    }

    fn look(&mut self, bytes: &[u8]) -> Seen {
        let before = self.first.len();
        for (index, &byte) in bytes.iter().enumerate() {
            self.first.push(byte);
            let is_like = |signature: &[u8]| signature.starts_with(&self.first);
            if self.first == V1_SIGNATURE || self.first == V2_SIGNATURE {
                self.is_spoofed = true;
                return Seen::EndAfter(index);
            }
            if !is_like(V1_SIGNATURE) && !is_like(V2_SIGNATURE) {
                self.is_done = true;
                self.first = Vec::new();
                return Seen::All;
            }
        }
        debug_assert!(self.first.len() == before + bytes.len(), "all were looked at");
        Seen::All
    }
}

impl Observer for Guard {
    fn see(&mut self, way: Way, bytes: &[u8]) -> Seen {
        if self.is_done || way == Way::ToClient { Seen::All } else { self.look(bytes) }
    }

    fn is_done(&self, way: Way) -> bool {
        self.is_done || way == Way::ToClient
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a20_a_header_in_any_pieces_never_gets_through_whole() {
        for signature in [&V1_SIGNATURE[..], V2_SIGNATURE] {
            let bytes = [signature, b"TCP4 192.0.2.1"].concat();
            for cut in 1..bytes.len() {
                let mut guard = Guard::default();
                let mut passed = 0;
                for piece in bytes.chunks(cut) {
                    match guard.see(Way::ToBackend, piece) {
                        Seen::All => passed += piece.len(),
                        Seen::EndAfter(size) => {
                            passed += size;
                            break;
                        }
                        other => panic!("{other:?}"),
                    }
                }
                assert!(guard.is_spoofed() && passed < signature.len(), "cut {cut}: {passed} passed");
            }
        }
    }

    #[test]
    fn other_bytes_and_all_later_ones_pass() {
        let mut guard = Guard::default();
        assert_eq!(guard.see(Way::ToClient, b"PROXY "), Seen::All);
        assert_eq!(guard.see(Way::ToBackend, b"\r\nP"), Seen::All);
        assert!(guard.is_done(Way::ToBackend));
        assert_eq!(guard.see(Way::ToBackend, b"PROXY "), Seen::All);
        assert!(!guard.is_spoofed());
    }
}
