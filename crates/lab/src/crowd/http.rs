//! The few plain requests that a crowd makes before it plays: each on a connection of its own, over `ws://` addresses.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer must come within this time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// And be no longer than this, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Such as 200.
    pub(crate) status: u16,
    /// What follows the head.
    pub(crate) body: String,
}

/// Asks `host` (`HOST:PORT`). With a body it is a POST of JSON, else a GET.
pub(crate) async fn ask(host: &str, path: &str, body: Option<&str>) -> Result<Answer, String> {
    let answer = timeout(TIMEOUT, exchange(host, path, body)).await;
    let answer = answer.map_err(|_| format!("{host} did not answer in time"))?;
    read(&answer.map_err(|error| format!("cannot ask {host}: {error}"))?)
        .ok_or_else(|| format!("{host} gave an answer that is not HTTP"))
}

async fn exchange(host: &str, path: &str, body: Option<&str>) -> io::Result<String> {
    let mut stream = TcpStream::connect(host).await?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    String::from_utf8(answer).map_err(io::Error::other)
}

fn read(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// Takes a URL as people have it: `ws://HOST:PORT`, with any path, with `http` for `ws`. Gives the server's, without a path,
/// and the match, if the path is that of one: `/v1/match/ID`, or `/play?match=ID` as in a link.
pub fn place_of(url: &str) -> (String, Option<String>) {
    let url = match url.split_once("://") {
        Some(("http", rest)) => format!("ws://{rest}"),
        Some(("https", rest)) => format!("wss://{rest}"),
        _ => url.to_owned(),
    };
    let begin = url.find("://").map_or(0, |at| at + 3);
    let (server, path) = url.split_at(url[begin..].find('/').map_or(url.len(), |at| begin + at));
    let id = path.split_once("/v1/match/").or_else(|| path.split_once("match=")).map(|(_, rest)| rest);
    let id = id.map(|rest| rest.split(['/', '?', '&', '#']).next().unwrap_or(rest).to_owned());
    (server.to_owned(), id.filter(|id| !id.is_empty()))
}

/// `HOST:PORT` of a `ws://` URL.
pub(crate) fn host_of(url: &str) -> Option<&str> {
    let host = url.strip_prefix("ws://")?;
    Some(host.split('/').next().unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_and_its_match_are_found_in_any_url() {
        let found = |url| {
            let (server, id) = place_of(url);
            format!("{server} {}", id.unwrap_or_default())
        };
        assert_eq!(found("ws://a:1"), "ws://a:1 ");
        assert_eq!(found("ws://a:1/v1/chat"), "ws://a:1 ");
        assert_eq!(found("wss://a/v1/match/m-1?x"), "wss://a m-1");
        assert_eq!(found("https://a:8443/play?match=m2&x=1"), "wss://a:8443 m2");
        assert_eq!(found("http://a/"), "ws://a ");
    }

    #[test]
    fn an_answer_has_a_status_and_a_body() {
        let answer = read("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (201, "{}"));
        assert_eq!(read("nonsense\r\n\r\n"), None);
        assert_eq!(read("HTTP/1.1 20"), None);
        assert_eq!(
            (host_of("ws://a:1/x"), host_of("ws://a:1"), host_of("wss://a")),
            (Some("a:1"), Some("a:1"), None)
        );
    }
}
