//! Any bytes as the head of a request or a response: no panic, the same verdict however the bytes are cut, and nothing
//! doubtful in a head that passes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws::handshake::{ClientHandshake, ClientOffer, ServerOffer, accept, is_websocket_request};
use ws::head::{HeadError, HeadLimits, Pseudo, RequestHead, ResponseHead, Version};
use ws::http1::HeadReader;

fuzz_target!(|data: &[u8]| {
    let Some((&size, bytes)) = data.split_first() else { return };
    check_multiplexed(bytes);
    let limits = HeadLimits { reads_max: u32::MAX, ..HeadLimits::default() };
    let size = usize::from(size).max(1);

    let request = RequestHead::parse(bytes, limits);
    let cut =
        read(HeadReader::for_requests(limits), bytes, size).and_then(|mut reader| reader.take_request());
    assert_eq!(request.as_ref().err(), cut.as_ref().err());
    if let Ok(request) = request {
        check_request(&request);
    }

    let response = ResponseHead::parse(bytes, limits);
    let cut =
        read(HeadReader::for_responses(limits), bytes, size).and_then(|mut reader| reader.take_response());
    assert_eq!(response.as_ref().err(), cut.as_ref().err());
    if let Ok(response) = response {
        let client = ClientHandshake::new(
            "a",
            "/",
            &ClientOffer { subprotocols: &["chat"], ..ClientOffer::default() },
            [7; 16],
        )
        .expect("a valid request");
        // Nobody guesses the accept value of this nonce.
        assert!(client.verify(&response).is_err() || response.header("sec-websocket-accept").is_some());
        response.headers().for_each(|(name, value)| check_header(name, value));
    }
});

fn read(mut reader: HeadReader, bytes: &[u8], size: usize) -> Result<HeadReader, HeadError> {
    for piece in bytes.chunks(size) {
        if reader.push(piece)?.is_some() {
            break;
        }
    }
    Ok(reader)
}

fn check_request(request: &RequestHead) {
    let hosts = request.header_all("host").count();
    assert!(hosts == 1 || (hosts == 0 && request.version() == Version::Http10));
    let lengths = request.header_all("content-length").count();
    let codings = request.header_all("transfer-encoding").count();
    assert!(lengths + codings <= 1);
    assert!(request.target().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(request.target().starts_with(request.path()));
    request.headers().for_each(|(name, value)| check_header(name, value));

    let offer = ServerOffer { subprotocols: &["chat"], ..ServerOffer::default() };
    let mut answer = Vec::new();
    match accept(request, &offer) {
        Ok(accepted) => {
            assert!(is_websocket_request(request) && request.method() == "GET");
            accepted.write_response(&[], &mut answer).expect("valid headers");
            let lines = if accepted.subprotocol.is_some() { 6 } else { 5 };
            assert_eq!(answer.windows(2).filter(|pair| pair == b"\r\n").count(), lines);
        }
        Err(refusal) => refusal.write_response(&[], &mut answer).expect("valid headers"),
    }
}

/// The same bytes as a request of HTTP/2, one pseudo-header field or field a line. What passes has a form in HTTP/1.1 that
/// says exactly the same: behind a gateway nothing can become another request (row T12).
fn check_multiplexed(bytes: &[u8]) {
    let text = |line: &[u8]| std::str::from_utf8(line).ok().map(str::to_owned);
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let [method, scheme, authority, path, protocol] = [(); 5].map(|()| lines.next().and_then(text));
    let pseudo = Pseudo {
        method: method.as_deref().unwrap_or_default(),
        scheme: scheme.as_deref(),
        authority: authority.as_deref(),
        path: path.as_deref(),
        protocol: protocol.as_deref().filter(|protocol| !protocol.is_empty()),
    };
    let fields = lines.map(|line| {
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        (&line[..colon], line.get(colon + 1..).unwrap_or_default())
    });
    let Ok(head) = RequestHead::from_fields(Version::Http2, pseudo, fields, HeadLimits::default()) else {
        return;
    };
    head.headers().for_each(|(name, value)| check_header(name, value));
    if head.protocol().is_some() {
        assert_eq!(head.method(), "CONNECT");
        let _ = accept(&head, &ServerOffer::default());
        return;
    }
    let mut same = format!("{} {} HTTP/1.1\r\n", head.method(), head.target());
    for (name, value) in head.headers() {
        same += &format!("{name}: {value}\r\n");
    }
    same += "\r\n";
    let limits = HeadLimits { head_bytes_max: 32 << 10, ..HeadLimits::default() };
    let same = RequestHead::parse(same.as_bytes(), limits).expect("the same request in HTTP/1.1");
    assert_eq!((same.method(), same.target()), (head.method(), head.target()));
    assert!(same.headers().eq(head.headers()));
}

fn check_header(name: &str, value: &str) {
    assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
    assert!(value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)));
}
