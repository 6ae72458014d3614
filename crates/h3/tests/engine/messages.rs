//! What makes requests, responses and trailers malformed (RFC 9114 sections 4.2 to 4.5, RFC 9220 section 3).

use h3::{Code, Config, RequestEvent};

use crate::wire::*;

#[track_caller]
fn accepts(fields: Fields<'_>) {
    let outcome = read(server_stream(), &headers(fields));
    assert_eq!(outcome, Outcome { seen: vec![head(fields)], end: Ok(()) });
}

/// A malformed request costs its stream and nothing else.
#[track_caller]
fn refuses(fields: Fields<'_>) {
    let outcome = read(server_stream(), &headers(fields));
    assert_eq!(outcome.seen, [], "{fields:?}");
    assert_eq!(stream_code(outcome.end), Code::MESSAGE_ERROR, "{fields:?}");
}

/// The fields of a page request, and one more.
fn get_and<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    [GET, &[(name, value)]].concat()
}

/// Without the fields of this name.
fn without<'a>(fields: Fields<'a>, name: &str) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().filter(|field| field.0 != name).collect()
}

/// With another value for this name.
fn with<'a>(fields: Fields<'a>, name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|&(n, v)| if n == name { (n, value) } else { (n, v) }).collect()
}

#[test]
fn a_websocket_request_has_all_its_parts() {
    let bytes = headers(WEBSOCKET);
    let mut input = &bytes[..];
    let Ok(Some(RequestEvent::Request(request))) = server_stream().receive(&mut input) else {
        panic!("refused")
    };
    assert_eq!(request.method(), "CONNECT");
    assert_eq!(request.protocol(), Some("websocket"));
    assert_eq!(request.scheme(), Some("https"));
    assert_eq!(request.authority(), Some("a.example"));
    assert_eq!(request.path(), Some("/chat"));
    assert_eq!(request.request(), h3::Request::websocket("a.example", "/chat"));
    assert_eq!(request.field("sec-websocket-version"), Some(&b"13"[..]));
    assert_eq!(request.field("sec-websocket-key"), None);
    assert_eq!(request.fields().collect::<Vec<_>>(), [(&b"sec-websocket-version"[..], &b"13"[..])]);
    assert_eq!(request.section().len(), 6);
}

#[test]
fn pseudo_header_fields_may_come_in_any_order_but_first() {
    let mut reversed = GET.to_vec();
    reversed.reverse();
    accepts(&reversed);
    accepts(&get_and("accept", "*/*"));
    for pseudo in GET {
        let mut late = without(GET, pseudo.0);
        late.extend([("accept", "*/*"), *pseudo]);
        refuses(&late);
    }
}

#[test]
fn no_pseudo_header_field_occurs_twice() {
    for pseudo in WEBSOCKET.iter().filter(|field| field.0.starts_with(':')) {
        refuses(&[&[*pseudo], WEBSOCKET].concat());
    }
}

#[test]
fn unknown_pseudo_header_fields_and_those_of_responses_are_refused() {
    for name in [":status", ":version", ":", ":Method", ":methods", ":method "] {
        refuses(&[GET, &[(name, "200")]].concat());
    }
}

#[test]
fn method_scheme_and_path_are_required() {
    for name in [":method", ":scheme", ":path"] {
        refuses(&without(GET, name));
        refuses(&with(GET, name, ""));
    }
    refuses(&[]);
}

#[test]
fn an_authority_or_a_host_is_required_and_both_agree() {
    refuses(&without(GET, ":authority"));
    accepts(&[&without(GET, ":authority")[..], &[("host", "a.example")]].concat());
    accepts(&get_and("host", "a.example"));
    refuses(&get_and("host", "b.example"));
    refuses(&get_and("host", ""));
    refuses(&[&without(GET, ":authority")[..], &[("host", "")]].concat());
    refuses(&with(GET, ":authority", ""));
    refuses(&[&get_and("host", "a.example")[..], &[("host", "a.example")]].concat());
}

#[test]
fn an_authority_has_no_user_and_no_characters_that_a_log_or_header_could_stumble_over() {
    for authority in ["ann@a.example", "a example", "a\u{7f}", "ä.example"] {
        refuses(&with(GET, ":authority", authority));
    }
    accepts(&with(GET, ":authority", "[::1]:8443"));
}

#[test]
fn a_pseudo_header_field_that_is_no_text_does_not_pass_as_absent() {
    let connect = [(&b":method"[..], &b"CONNECT"[..]), (b":authority", b"a.example:443")];
    let get = GET.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let page: Vec<_> =
        get.filter(|field| field.0 != b":authority").chain([(&b"host"[..], &b"a.example"[..])]).collect();
    for (fields, name) in [(&connect[..], &b":protocol"[..]), (&page, b":authority")] {
        for value in [&b"\xff"[..], b"\xc3\xa4"] {
            let mut section = Vec::new();
            h3::qpack::encode_section([&[(name, value)], fields].concat(), &mut section);
            let outcome = read(server_stream(), &frame(HEADERS, &section));
            assert_eq!(stream_code(outcome.end), Code::MESSAGE_ERROR, "{value:?}");
        }
    }
}

#[test]
fn a_path_is_absolute_except_for_options_of_the_whole_server() {
    accepts(&with(GET, ":path", "/a/b?c=d%20e"));
    for path in ["a", "*", "https://a.example/", "/a b", "/a\u{0}", "/ä", " /"] {
        refuses(&with(GET, ":path", path));
    }
    accepts(&with(&with(GET, ":method", "OPTIONS"), ":path", "*"));
    // What another scheme means by a path is not known here.
    accepts(&with(&with(GET, ":scheme", "urn"), ":path", "isbn:0"));
    for scheme in ["1s", "ht tp", "https:"] {
        refuses(&with(GET, ":scheme", scheme));
    }
}

#[test]
fn a_method_is_a_token() {
    accepts(&with(GET, ":method", "M-SEARCH"));
    for method in ["GE T", "GET\t", "G:T", "GÉT"] {
        refuses(&with(GET, ":method", method));
    }
}

#[test]
fn a_plain_connect_names_an_authority_and_nothing_else() {
    let connect: Fields<'_> = &[(":method", "CONNECT"), (":authority", "a.example:443")];
    accepts(connect);
    refuses(&without(connect, ":authority"));
    refuses(&with(connect, ":authority", ""));
    refuses(&[connect, &[(":scheme", "https")]].concat());
    refuses(&[connect, &[(":path", "/")]].concat());
}

#[test]
fn an_extended_connect_needs_scheme_path_and_authority() {
    accepts(WEBSOCKET);
    accepts(&with(WEBSOCKET, ":protocol", "connect-udp"));
    for name in [":scheme", ":path", ":authority", ":method"] {
        refuses(&without(WEBSOCKET, name));
    }
    for protocol in ["", "web socket", "websocket,"] {
        refuses(&with(WEBSOCKET, ":protocol", protocol));
    }
}

#[test]
fn protocol_stands_with_connect_alone() {
    refuses(&with(WEBSOCKET, ":method", "GET"));
    refuses(&with(WEBSOCKET, ":method", "connect"));
}

#[test]
fn an_extended_connect_that_was_not_offered_is_malformed() {
    let config = Config { enable_connect_protocol: false, ..Config::default() };
    let outcome = read(server_stream_with(config), &headers(WEBSOCKET));
    assert_eq!(stream_code(outcome.end), Code::MESSAGE_ERROR);
    assert_eq!(read(server_stream_with(config), &headers(GET)).end, Ok(()));
}

#[test]
fn field_names_are_tokens_in_lower_case() {
    accepts(&get_and("x-a_1!#$%&'*+.^`|~", "v"));
    for name in
        ["Accept", "aCcept", "", "a b", "a:", "a\u{0}", "a\r\n", "ä", "a\u{7f}", "a\"b", "a(b)", "a/b"]
    {
        refuses(&get_and(name, "v"));
    }
}

#[test]
fn field_values_hide_no_line_break_and_have_no_white_space_around_them() {
    for value in ["", "a b", "a\tb", "ä", "\"quoted\""] {
        accepts(&get_and("x", value));
    }
    for value in ["a\rb", "a\nb", "a\0b", "\u{1}", "a\u{7f}", " a", "a ", "\ta", "a\t", " "] {
        refuses(&get_and("x", value));
    }
}

#[test]
fn fields_of_http_1_connections_are_refused_everywhere() {
    for name in ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"] {
        refuses(&get_and(name, "x"));
        refuses(&[WEBSOCKET, &[(name, "websocket")]].concat());
        let response = read(client_stream(), &headers(&[(":status", "200"), (name, "x")]));
        assert_eq!(stream_code(response.end), Code::MESSAGE_ERROR);
        let trailers = read(server_stream(), &[headers(GET), headers(&[(name, "x")])].concat());
        assert_eq!(stream_code(trailers.end), Code::MESSAGE_ERROR);
    }
}

#[test]
fn te_says_trailers_in_a_request_or_nothing() {
    accepts(&get_and("te", "trailers"));
    accepts(&get_and("te", "Trailers"));
    refuses(&get_and("te", "gzip"));
    refuses(&get_and("te", "trailers, gzip"));
    let response = read(client_stream(), &headers(&[(":status", "200"), ("te", "trailers")]));
    assert_eq!(stream_code(response.end), Code::MESSAGE_ERROR);
}

#[test]
fn a_response_begins_with_one_status_of_three_digits() {
    for status in ["100", "200", "404", "599", "999"] {
        let outcome = read(client_stream(), &[headers(&[(":status", status)]), headers(OK)].concat());
        assert!(outcome.seen.first() == Some(&head(&[(":status", status)])), "{status}: {outcome:?}");
    }
    for status in ["", "99", "099", "1000", "20x", "+20", " 200", "2 0"] {
        let outcome = read(client_stream(), &headers(&[(":status", status)]));
        assert_eq!(stream_code(outcome.end), Code::MESSAGE_ERROR, "{status}");
    }
    let malformed: [Fields<'_>; 5] = [
        &[],
        &[("a", "b")],
        &[("a", "b"), (":status", "200")],
        &[(":status", "200"), (":status", "200")],
        &[(":status", "200"), (":path", "/")],
    ];
    for fields in malformed {
        assert_eq!(
            stream_code(read(client_stream(), &headers(fields)).end),
            Code::MESSAGE_ERROR,
            "{fields:?}"
        );
    }
}

#[test]
fn there_is_no_switching_of_protocols() {
    let outcome = read(client_tunnel(), &headers(&[(":status", "101")]));
    assert_eq!(stream_code(outcome.end), Code::MESSAGE_ERROR);
}

#[test]
fn a_response_tells_status_and_fields() {
    let bytes = headers(&[(":status", "204"), ("server", "stoa"), ("date", "today")]);
    let mut input = &bytes[..];
    let Ok(Some(RequestEvent::Response(response))) = client_stream().receive(&mut input) else {
        panic!("refused")
    };
    assert_eq!((response.status(), response.is_success(), response.is_interim()), (204, true, false));
    assert_eq!(response.field("server"), Some(&b"stoa"[..]));
    assert_eq!(response.fields().count(), 2);
    assert_eq!(response.section().len(), 3);
}

#[test]
fn success_is_what_begins_with_a_two() {
    for (status, is_success) in [("199", false), ("200", true), ("299", true), ("300", false)] {
        let bytes = headers(&[(":status", status)]);
        let Ok(Some(RequestEvent::Response(response))) = client_stream().receive(&mut &bytes[..]) else {
            panic!("refused")
        };
        assert_eq!((response.is_success(), response.is_interim()), (is_success, status == "199"), "{status}");
    }
}

#[test]
fn trailers_have_no_pseudo_header_fields() {
    for fields in [GET, OK, &[("a", "b"), (":path", "/")]] {
        let outcome = read(server_stream(), &[headers(GET), headers(fields)].concat());
        assert_eq!((outcome.seen, stream_code(outcome.end)), (vec![head(GET)], Code::MESSAGE_ERROR));
    }
    let empty = read(server_stream(), &[headers(GET), headers(&[])].concat());
    assert_eq!((empty.seen, empty.end), (vec![head(GET), trailers(&[])], Ok(())));
}

#[test]
fn debug_output_keeps_secrets() {
    let mut fields = GET.to_vec();
    fields.extend([("cookie", "session=hunter2"), ("authorization", "Bearer hunter2"), ("accept", "*/*")]);
    let bytes = headers(&fields);
    let Ok(Some(event)) = server_stream().receive(&mut &bytes[..]) else { panic!("refused") };
    let shown = format!("{event:?}");
    assert!(!shown.contains("hunter2") && shown.contains("*/*"), "{shown}");
}
