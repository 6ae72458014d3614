//! `stoa serve` from start to end.

use crate::rig::{Directory, Server, err, out, run, run_with_input, stoa};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

const HELLO: &str = r#"{"t":"hello","name":"Ann"}"#;

#[test]
fn a_node_tells_its_urls_talks_the_protocol_and_drains_at_a_signal() {
    let directory = Directory::new();
    let server = Server::node(&directory, &[]);
    assert!(server.greeting.iter().any(|line| line.contains("http://127.0.0.1:")), "{:?}", server.greeting);
    let flags = ["connect", &server.url("ws"), "--subprotocol", "stoa.chat.v1", "--exit-after", "1"];
    let output = run_with_input(&flags, &format!("{HELLO}\n"));
    assert!(
        out(&output).starts_with(r#"{"t":"welcome","user":"guest-"#),
        "{} {}",
        out(&output),
        err(&output)
    );
    server.signal("TERM");
    let (code, said) = server.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("asked to leave"), "{said}");
}

#[test]
fn a_token_of_the_tool_opens_the_door_and_others_do_not() {
    let directory = Directory::new();
    let key = directory.file("key");
    let token = run(&["token", "--key-file", &key, "--new-key", "--sub", "ann", "--aud", "app"]);
    let other =
        run(&["token", "--key-file", &directory.file("other"), "--new-key", "--sub", "ann", "--aud", "app"]);
    let server = Server::node(
        &directory,
        &["--jwt-key-file", &key, "--jwt-audience", "app", "--allow-guests", "false"],
    );
    let hello = |token: &str| {
        let flags = ["connect", &server.url("ws"), "--subprotocol", "stoa.chat.v1", "--exit-after", "1"];
        run_with_input(&flags, &format!(r#"{{"t":"hello","token":"{}"}}{}"#, token.trim(), "\n"))
    };
    let welcome = out(&hello(&out(&token)));
    assert!(welcome.contains(r#""t":"welcome","user":"ann""#), "{welcome}");
    let refused = hello(&out(&other));
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("4401 (the token is not valid)"), "{}", err(&refused));
}

#[test]
fn a_second_signal_ends_a_drain_at_once() {
    let directory = Directory::new();
    let mut server = Server::node(&directory, &["--drain-seconds", "3600"]);
    // Its only client would be asked to leave at the end of the hour.
    let flags = ["connect", &server.url("ws"), "--subprotocol", "stoa.chat.v1"];
    let mut client = stoa(&flags).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    writeln!(input, "{HELLO}").unwrap();
    let mut welcome = String::new();
    BufReader::new(client.stdout.take().unwrap()).read_line(&mut welcome).unwrap();
    server.signal("INT");
    server.wait_for("draining");
    server.signal("INT");
    let (code, said) = server.wait();
    assert_eq!(code, Some(1), "{said}");
    drop(input);
    assert_eq!(client.wait().unwrap().code(), Some(1), "the client tells that the connection broke");
}

#[test]
fn two_nodes_do_not_share_a_directory() {
    let directory = Directory::new();
    let _first = Server::node(&directory, &[]);
    let data = directory.file("data");
    let second = run(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--data", &data]);
    assert_eq!(second.status.code(), Some(1));
    assert!(err(&second).starts_with("error: "), "{}", err(&second));
}
