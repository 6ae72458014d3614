//! Any bytes as the first flight of a TLS client: no panic, bounded memory, and the same result however they are cut.

#![no_main]

use gateway::stream::client_hello::{ClientHello, HELLO_BYTES_MAX, HelloError, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses the cut, the rest is the flight.
    let Some((&cut, flight)) = data.split_first() else { return };
    let at_once = read(flight, flight.len().max(1));
    assert_eq!(at_once, read(flight, usize::from(cut).max(1)));
    assert_eq!(at_once, read(flight, 1));
    if let Ok(Some(hello)) = at_once {
        check(&hello);
    }
});

fn read(flight: &[u8], cut: usize) -> Result<Option<ClientHello>, HelloError> {
    let mut reader = Reader::default();
    let mut received = 0;
    for piece in flight.chunks(cut) {
        received += piece.len();
        match reader.receive(piece) {
            // A flight that is too long is noticed when it has come; when, depends on the pieces.
            Ok(None) => assert!(received < HELLO_BYTES_MAX),
            result => return result,
        }
    }
    Ok(None)
}

fn check(hello: &ClientHello) {
    if let Some(name) = &hello.server_name {
        assert!(!name.is_empty() && name.is_ascii() && !name.bytes().any(|byte| byte.is_ascii_uppercase()));
    }
    assert!(hello.alpn.iter().all(|protocol| !protocol.is_empty()));
}
