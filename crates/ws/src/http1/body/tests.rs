//! Bodies as literal bytes: what they say, where they end, and what is refused.

use super::*;

/// What a body said: its bytes, its trailers, and what was left of the input behind it.
type Said = (String, Vec<(String, String)>, String);

/// Reads a body that comes in pieces of `size` bytes. `None` if it does not end.
fn read(framing: Framing, bytes: &[u8], size: usize, limits: BodyLimits) -> Result<Option<Said>, BodyError> {
    let mut body = BodyReader::new(framing, limits);
    let (mut data, mut start) = (Vec::new(), 0);
    loop {
        let end = (start + size).min(bytes.len());
        let mut input = &bytes[start..end];
        while let Some(event) = body.receive(&mut input)? {
            match event {
                BodyEvent::Data(piece) => {
                    assert!(
                        !piece.is_empty() && !body.is_complete() || matches!(framing, Framing::Length(_))
                    );
                    data.extend_from_slice(piece);
                }
                BodyEvent::End(trailers) => {
                    assert!(body.is_complete());
                    let rest = [input, &bytes[end..]].concat();
                    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                    let trailers = trailers.unwrap_or_default();
                    let trailers = trailers.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                    return Ok(Some((text(data), trailers, text(rest))));
                }
            }
        }
        assert!(input.is_empty(), "what is not taken would be lost");
        if end == bytes.len() {
            return Ok(None);
        }
        start = end;
    }
}

/// The same, and that it does not matter how the bytes are cut.
#[track_caller]
fn check(framing: Framing, text: &str, limits: BodyLimits) -> Result<Option<Said>, BodyError> {
    let whole = read(framing, text.as_bytes(), text.len().max(1), limits);
    for size in [1, 2, 3, 7] {
        assert_eq!(read(framing, text.as_bytes(), size, limits), whole, "{text:?} in pieces of {size}");
    }
    whole
}

#[track_caller]
fn chunked(text: &str) -> Result<Option<Said>, BodyError> {
    check(Framing::Chunked, text, BodyLimits::default())
}

fn said(data: &str, trailers: &[(&str, &str)], rest: &str) -> Result<Option<Said>, BodyError> {
    let trailers = trailers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Some((data.to_owned(), trailers, rest.to_owned())))
}

#[test]
fn a_body_ends_where_its_length_or_its_last_chunk_says() {
    let by_length = |length, text| check(Framing::Length(length), text, BodyLimits::default());
    assert_eq!(by_length(5, "HelloGET"), said("Hello", &[], "GET"));
    assert_eq!(by_length(0, "GET"), said("", &[], "GET"));
    assert_eq!(by_length(6, "Hello"), Ok(None));
    assert_eq!(chunked("5\r\nHello\r\n1\r\n!\r\n0\r\n\r\nGET"), said("Hello!", &[], "GET"));
    assert_eq!(chunked("0\r\n\r\n"), said("", &[], ""));
    assert_eq!(chunked("00000000A\r\n0123456789\r\n000\r\n\r\n"), said("0123456789", &[], ""));
    assert_eq!(chunked("a;x=\"y z\";q\r\n0123456789\r\n0;e\r\n\r\nG"), said("0123456789", &[], "G"));
    for cut in ["", "5", "5\r", "5\r\n", "5\r\nHell", "5\r\nHello", "5\r\nHello\r\n0\r\n", "0\r\nA: b\r\n"] {
        assert_eq!(chunked(cut), Ok(None), "{cut:?}");
    }
}

#[test]
fn an_end_of_the_connection_ends_only_a_body_that_has_no_other_end() {
    for (framing, bytes, expected) in [
        (Framing::UntilEnd, "Hello", Ok(())),
        (Framing::UntilEnd, "", Ok(())),
        (Framing::None, "", Ok(())),
        (Framing::Length(5), "Hello", Ok(())),
        (Framing::Length(5), "Hell", Err(BodyError::Incomplete)),
        (Framing::Chunked, "0\r\n\r\n", Ok(())),
        (Framing::Chunked, "5\r\nHello\r\n", Err(BodyError::Incomplete)),
        (Framing::Chunked, "x", Err(BodyError::Incomplete)),
    ] {
        let mut body = BodyReader::new(framing, BodyLimits::default());
        let mut input = bytes.as_bytes();
        while let Ok(Some(_)) = body.receive(&mut input) {}
        assert_eq!(body.finish(), expected, "{framing:?} {bytes:?}");
    }
}

#[test]
fn a02_a_chunk_whose_size_is_written_oddly_is_refused() {
    for line in [
        "\r\n",
        ";\r\n",
        " 5\r\n",
        "5 \r\n",
        "5\t\r\n",
        "5 ;x\r\n",
        "+5\r\n",
        "-5\r\n",
        "0x5\r\n",
        "5h\r\n",
        "5,5\r\n",
        "10000000000000000\r\n",
        "00000000000000005\r\n",
        "\n",
        "5\0\r\n",
    ] {
        assert_eq!(
            chunked(&format!("{line}Hello\r\n0\r\n\r\n")),
            Err(BodyError::ChunkSizeInvalid),
            "{line:?}"
        );
    }
    assert_eq!(chunked("FFFFFFFFFFFFFFFF\r\nHello"), Ok(None), "64 bits are no overflow");
}

#[test]
fn a04_line_ends_that_readers_disagree_about_are_refused() {
    for text in [
        "5\rHello",
        "5;a\nb\r\n",
        "5;a\rb\r\n",
        "5;\0\r\n",
        "5;\x0b\r\n",
        "5;\x7f\r\n",
        "5;a\r\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\n",
        "0\r\nA: b\rc\r\n\r\n",
        "0\r\nA: b\0\r\n\r\n",
        "0\r\n\r\r\n",
    ] {
        assert_eq!(chunked(text), Err(BodyError::ControlCharacter), "{text:?}");
    }
    assert_eq!(chunked("5\nHello"), Err(BodyError::ChunkSizeInvalid));
    for text in ["5\r\nHello\n0\r\n\r\n", "5\r\nHello!\r\n", "5\r\nHello\r0", "5\r\nHello0\r\n\r\n"] {
        assert_eq!(chunked(text), Err(BodyError::ChunkEndMissing), "{text:?}");
    }
}

#[test]
fn trailers_are_given_and_those_that_would_speak_for_the_head_are_refused() {
    assert_eq!(
        chunked("1\r\n!\r\n0\r\nDigest: a, b \r\nX-Sum:\t7\r\n\r\nGET"),
        said("!", &[("Digest", "a, b"), ("X-Sum", "7")], "GET")
    );
    for name in
        ["Content-Length", "transfer-encoding", "HOST", "Cookie", "X-Forwarded-For", "Sec-WebSocket-Key"]
    {
        assert_eq!(chunked(&format!("0\r\n{name}: 5\r\n\r\n")), Err(BodyError::TrailerForbidden), "{name}");
    }
    for line in ["no colon", ": empty", "A : b", " folded: b", "A\u{e9}: b"] {
        assert_eq!(
            chunked(&format!("0\r\nA: b\r\n{line}\r\n\r\n")),
            Err(BodyError::TrailerInvalid),
            "{line}"
        );
    }
}

#[test]
fn extensions_and_trailers_are_limited_and_the_limit_itself_is_allowed() {
    let limits = BodyLimits { extension_bytes_max: 4, trailer_bytes_max: 8, trailers_max: 2 };
    let read = |text: &str| check(Framing::Chunked, text, limits);
    assert_eq!(read("1;a\r\n!\r\n0;b\r\n\r\n"), said("!", &[], ""));
    assert_eq!(read("1;a\r\n!\r\n0;bc\r\n\r\n"), Err(BodyError::ExtensionsTooLong), "in total");
    assert_eq!(read("0\r\nA: b\r\nC: d\r\n\r\n"), said("", &[("A", "b"), ("C", "d")], ""));
    assert_eq!(read("0\r\nA: b\r\nC: de\r\n\r\n"), Err(BodyError::TrailersTooLong));
    assert_eq!(read("0\r\nA:\r\nB:\r\nC:\r\n\r\n"), Err(BodyError::TrailersTooLong));
    assert_eq!(BodyError::TrailersTooLong.status(), 431);
}

#[test]
fn what_is_sure_to_come_is_never_more_than_comes() {
    let text = b"5\r\nHello\r\n2;x\r\nab\r\n0\r\nA: b\r\n\r\n";
    let mut body = BodyReader::new(Framing::Chunked, BodyLimits::default());
    for (index, _) in text.iter().enumerate() {
        assert!(body.bytes_left_min() <= (text.len() - index) as u64, "at {index}");
        let mut input = &text[index..=index];
        while body.receive(&mut input).unwrap().is_some() {}
    }
    assert_eq!(body.bytes_left_min(), 0);
}

#[test]
fn after_an_error_nothing_more_is_taken_for_a_message() {
    let mut body = BodyReader::new(Framing::Chunked, BodyLimits::default());
    assert!(body.receive(&mut &b"x"[..]).is_err());
    let mut input = &b"0\r\n\r\n"[..];
    assert!(body.receive(&mut input).unwrap().is_none());
    assert!(!body.is_complete() && body.finish().is_err());
}

#[test]
fn a_response_to_head_has_no_body() {
    use crate::head::HeadLimits;
    let head =
        ResponseHead::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HeadLimits::default()).unwrap();
    assert!(BodyReader::of_response(&head, "HEAD", BodyLimits::default()).is_complete());
    assert_eq!(BodyReader::of_response(&head, "GET", BodyLimits::default()).bytes_left_min(), 5);
}
