//! Any bytes as a PROXY header: no panic, the same answer when they come one by one, and what is read can be written and
//! read again.

#![no_main]

use gateway::stream::proxy_protocol::{V2_BYTES_MAX, Version, decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let at_once = decode(data);
    let in_steps = (0..=data.len().min(V2_BYTES_MAX)).map(|size| decode(&data[..size]));
    let first = in_steps.into_iter().find(|result| *result != Ok(None)).unwrap_or(Ok(None));
    assert_eq!(at_once, first);
    let Ok(Some((header, size))) = at_once else { return };
    assert!(0 < size && size <= data.len());
    let mut out = Vec::new();
    encode(Version::V2, &header, &mut out);
    let (again, all) = decode(&out).expect("our own header").expect("all of it");
    assert_eq!((again.addresses, again.alpn, all), (header.addresses, header.alpn, out.len()));
    // An empty name is left out.
    assert_eq!(again.authority.unwrap_or_default(), header.authority.unwrap_or_default());
});
