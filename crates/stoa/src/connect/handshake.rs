//! How a connection was opened: what was sent, what came back, what TLS agreed on.

use crate::terminal::{self, escape};
use net::{HandshakeFacts, HttpVersion, TlsHandshake};
use serde_json::{Value, json};
use ws::deflate::Parameters;

/// Shows the handshake.
pub(super) fn show(facts: &HandshakeFacts, json: bool) {
    if json {
        terminal::print(&to_json(facts).to_string());
    } else {
        to_lines(facts).iter().for_each(|line| terminal::print(line));
    }
}

fn to_lines(facts: &HandshakeFacts) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(tls) = &facts.tls {
        lines.push(format!("TLS   {}", tls_line(tls)));
        if let Some(certificate) = &tls.peer_certificate {
            let names = escape(&certificate.dns_names().join(", "));
            lines.push(format!("TLS   certificate {} for {names}", escape(certificate.subject())));
        }
    }
    if facts.http != HttpVersion::Http1 {
        lines.push(format!(
            "SETTINGS  ← the server has ENABLE_CONNECT_PROTOCOL = 1, so an extended CONNECT ({}) may be sent",
            rfc(facts.http)
        ));
    }
    lines.extend(facts.request_line.iter().map(|line| format!("→ {}", escape(line))));
    lines.extend(facts.request.iter().map(|field| format!("→ {}", field_line(field))));
    lines.push(String::new());
    lines.push(match facts.http {
        HttpVersion::Http1 => "← HTTP/1.1 101 Switching Protocols".to_owned(),
        HttpVersion::Http2 | HttpVersion::Http3 => format!("← :status: {}", facts.status),
    });
    lines.extend(facts.fields.iter().map(|field| format!("← {}", field_line(field))));
    lines.push(String::new());
    lines.push(format!("open over {}; {}", facts.http, compression_line(facts.compression)));
    lines
}

fn rfc(http: HttpVersion) -> &'static str {
    if http == HttpVersion::Http3 { "RFC 9220" } else { "RFC 8441" }
}

fn tls_line(tls: &TlsHandshake) -> String {
    let suite = tls.cipher_suite.as_deref().unwrap_or("a cipher suite that QUIC keeps to itself");
    let alpn = tls.alpn.as_deref().unwrap_or("none");
    format!("{}, {}, ALPN {}", escape(&tls.version), escape(suite), escape(alpn))
}

fn field_line((name, value): &(String, String)) -> String {
    format!("{}: {}", escape(name), escape(value))
}

fn compression_line(parameters: Option<Parameters>) -> String {
    let Some(parameters) = parameters else { return "messages are not compressed".to_owned() };
    let side = |forgets: bool, bits: u8| match forgets {
        true => "each message by itself".to_owned(),
        false => format!("messages refer to the last {} bytes", 1_u32 << bits),
    };
    format!(
        "compressed by the client: {}; by the server: {}",
        side(parameters.client_no_context_takeover, parameters.client_max_window_bits),
        side(parameters.server_no_context_takeover, parameters.server_max_window_bits),
    )
}

fn to_json(facts: &HandshakeFacts) -> Value {
    let tls = facts.tls.as_ref().map(|tls| {
        json!({
            "version": tls.version,
            "cipher_suite": tls.cipher_suite,
            "alpn": tls.alpn,
            "certificate": tls.peer_certificate.as_ref().map(|it| {
                json!({"subject": it.subject(), "dns_names": it.dns_names()})
            }),
        })
    });
    let compression = facts.compression.map(|it| {
        json!({
            "client_no_context_takeover": it.client_no_context_takeover,
            "client_max_window_bits": it.client_max_window_bits,
            "server_no_context_takeover": it.server_no_context_takeover,
            "server_max_window_bits": it.server_max_window_bits,
        })
    });
    json!({
        "type": "handshake",
        "http": facts.http.to_string(),
        "request_line": facts.request_line,
        "request": facts.request,
        "status": facts.status,
        "response": facts.fields,
        "compression": compression,
        "tls": tls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> HandshakeFacts {
        HandshakeFacts {
            http: HttpVersion::Http2,
            request_line: None,
            request: vec![(":protocol".to_owned(), "websocket".to_owned())],
            status: 200,
            fields: vec![("server".to_owned(), "\x1b[31m".to_owned())],
            compression: None,
            tls: None,
        }
    }

    #[test]
    fn both_directions_are_shown_and_nothing_can_write_to_the_terminal() {
        let text = to_lines(&facts()).join("\n");
        assert!(text.contains("→ :protocol: websocket"), "{text}");
        assert!(text.contains("← :status: 200\n← server: \\u{1b}[31m"), "{text}");
    }

    #[test]
    fn json_keeps_the_order_of_fields() {
        let json = to_json(&facts());
        assert_eq!(json["request"][0], json!([":protocol", "websocket"]));
        assert_eq!((&json["http"], &json["tls"]), (&json!("HTTP/2"), &Value::Null));
    }
}
