//! Any bytes as the body of a message: no panic, the same verdict however the bytes are cut, no more kept than the limits
//! allow, and nothing that another reader could take for more or less than we do.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws::head::Framing;
use ws::http1::{BodyError, BodyEvent, BodyLimits, BodyReader, Trailers};

/// What a body said: its bytes, its trailers, and how many bytes it took.
type Said = (Vec<u8>, Option<Trailers>, usize);

fuzz_target!(|data: &[u8]| {
    let Some((&[kind, size], bytes)) = data.split_first_chunk() else { return };
    let framing = match kind & 3 {
        0 => Framing::Length(u64::from(kind >> 2)),
        1 => Framing::UntilEnd,
        _ => Framing::Chunked,
    };
    let limits = BodyLimits { extension_bytes_max: 64, trailer_bytes_max: 128, trailers_max: 4 };
    let whole = read(framing, bytes, bytes.len().max(1), limits);
    assert_eq!(read(framing, bytes, usize::from(size).max(1), limits), whole);
    let Ok(Some((data, trailers, taken))) = whole else { return };
    if framing != Framing::Chunked {
        return;
    }
    // What passes has a form without extensions, with one chunk, that says the same.
    let mut plain = if data.is_empty() { Vec::new() } else { format!("{:x}\r\n", data.len()).into_bytes() };
    if !data.is_empty() {
        plain.extend_from_slice(&data);
        plain.extend_from_slice(b"\r\n");
    }
    plain.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter().flat_map(Trailers::iter) {
        assert!(Trailers::may_have(name) && !value.contains(['\r', '\n', '\0']));
        plain.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    plain.extend_from_slice(b"\r\n");
    // The spaces that were trimmed may be fewer than the one that is written.
    let roomy = BodyLimits { trailer_bytes_max: 256, ..limits };
    let again = read(Framing::Chunked, &plain, plain.len(), roomy).expect("valid").expect("complete");
    assert_eq!((&again.0, &again.1, again.2), (&data, &trailers, plain.len()));
    assert!(taken <= bytes.len());
});

fn read(framing: Framing, bytes: &[u8], size: usize, limits: BodyLimits) -> Result<Option<Said>, BodyError> {
    let mut body = BodyReader::new(framing, limits);
    let (mut data, mut taken) = (Vec::new(), 0);
    let mut pieces = bytes.chunks(size);
    loop {
        let Some(piece) = pieces.next().or_else(|| body.is_complete().then_some(&[])) else { return Ok(None) };
        let mut input = piece;
        let sure = body.bytes_left_min();
        while let Some(event) = body.receive(&mut input)? {
            match event {
                BodyEvent::Data(part) => data.extend_from_slice(part),
                BodyEvent::End(trailers) => {
                    taken += piece.len() - input.len();
                    return Ok(Some((data, trailers, taken)));
                }
            }
        }
        // Nothing that is sure to belong to the body is left to anybody else.
        assert!(input.is_empty() && (sure > 0 || body.is_complete()));
        taken += piece.len();
    }
}
