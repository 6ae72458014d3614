//! Any bytes as the recording of a match, raw and in frames with right checksums: no panic, a bounded report, and the same
//! verdict when the file comes in pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use matches::game::Setup;
use matches::ids::MatchId;
use matches::recording::{About, ChunkKind, Reader, Writer, put_chunk, verify};
use matches::{Game, Registry, Wreckroom};
use std::io::Read;

/// Gives a byte at a time.
struct Drip<'a>(&'a [u8]);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = into.len().min(self.0.len()).min(1);
        into[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn check(source: impl Read) -> String {
    let mut reader = match Reader::new(source) {
        Ok(reader) => reader,
        Err(error) => return error.to_string(),
    };
    match verify(&Registry::new().with::<Wreckroom>(), &mut reader, |_| {}) {
        Ok(report) => {
            assert!(report.faults.len() <= 16);
            format!("{report:?}")
        }
        Err(error) => error.to_string(),
    }
}

/// The input as chunks of a match of Wreckroom: kind, tick, length, payload.
fn framed(mut data: &[u8]) -> Option<Vec<u8>> {
    let setup = Setup { seed: 1, players_max: 4, options: Box::default() };
    let about = About {
        game: Wreckroom::NAME.into(),
        version: Wreckroom::VERSION,
        ticks_per_second: Wreckroom::TICKS_PER_SECOND,
        command_bytes: Wreckroom::COMMAND_BYTES,
        id: MatchId::new("m")?,
        setup,
    };
    let mut bytes = Writer::new::<Wreckroom>(&about).take_ready();
    while let Some(([kind, tick, length], rest)) = data.split_first_chunk() {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        let kind = [ChunkKind::Ticks, ChunkKind::Keyframe, ChunkKind::End][usize::from(*kind % 3)];
        put_chunk(&mut bytes, kind, u32::from(*tick), payload);
        data = rest;
    }
    Some(bytes)
}

fuzz_target!(|data: &[u8]| {
    let raw = check(data);
    assert_eq!(raw, check(Drip(data)));
    if let Some(bytes) = framed(&data[..data.len().min(2048)]) {
        check(&bytes[..]);
    }
});
