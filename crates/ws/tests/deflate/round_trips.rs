//! What the codec compresses, any inflater reads: ours, and zlib fed as a peer would feed it.

use ws::deflate::{Codec, Context};
use zlib_rs::{Inflate, InflateFlush};

use crate::texts::{KINDS, message};

/// A peer that inflates with one zlib stream for the whole connection, as most do, in a window of its own.
struct Peer {
    zlib: Inflate,
}

impl Peer {
    fn new(window_bits: u8) -> Self {
        Self { zlib: Inflate::new(false, window_bits) }
    }

    fn inflate(&mut self, data: &[u8], length: usize) -> Vec<u8> {
        let mut message = vec![0; length + 1];
        let start = self.zlib.total_out();
        for part in [data, &[0, 0, 0xff, 0xff]] {
            let written = (self.zlib.total_out() - start) as usize;
            let read = self.zlib.total_in();
            self.zlib.decompress(part, &mut message[written..], InflateFlush::SyncFlush).unwrap();
            assert_eq!(self.zlib.total_in() - read, part.len() as u64, "all of it is read");
        }
        message.truncate((self.zlib.total_out() - start) as usize);
        message
    }
}

fn compress(codec: &mut Codec, message: &[u8], context: Option<&mut Context>, window_bits: u8) -> Vec<u8> {
    let mut output = b"before".to_vec();
    codec.compress(message, context, window_bits, &mut output);
    assert_eq!(&output[..6], b"before");
    output.split_off(6)
}

/// Sends messages through a codec, and checks that a codec and zlib give them back.
fn check(codec: &mut Codec, messages: &[Vec<u8>], window_bits: u8, takeover: bool) {
    let mut sent = takeover.then(|| Context::new(window_bits));
    let mut received = takeover.then(|| Context::new(window_bits));
    let mut peer = Peer::new(window_bits);
    for message in messages {
        let data = compress(codec, message, sent.as_mut(), window_bits);
        let longest = message.len() + 5 * message.len().div_ceil(0xffff) + 1;
        assert!(data.len() <= longest, "{} bytes became {}", message.len(), data.len());
        if !takeover {
            peer = Peer::new(window_bits);
        }
        assert!(peer.inflate(&data, message.len()) == *message, "zlib gives it back");
        let inflated = codec.inflate(&data, received.as_mut(), message.len()).unwrap();
        assert!(inflated == *message, "the codec gives it back");
    }
}

#[test]
fn every_kind_and_size_of_message_comes_back_for_every_window() {
    let mut codec = Codec::default();
    for window_bits in 8..=15 {
        for kind in KINDS {
            for takeover in [false, true] {
                let messages: Vec<_> = [0, 1, 3, 4, 5, 100, 257, 258, 259, 1000, 5000, 200, 33_000, 150]
                    .iter()
                    .enumerate()
                    .map(|(i, &length)| message(kind, length, i as u64))
                    .collect();
                check(&mut codec, &messages, window_bits, takeover);
            }
        }
    }
}
