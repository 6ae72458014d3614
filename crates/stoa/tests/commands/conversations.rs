//! `stoa connect` with `stoa echo`.

use crate::rig::{Directory, Server, err, out, run, run_with_input};

#[test]
fn lines_of_a_pipe_come_back_and_the_connection_is_closed_properly() {
    let server = Server::echo();
    let output = run_with_input(&["connect", &server.url("ws"), "--wait-ms", "300"], "hello\nGrüße\n");
    assert_eq!(
        (out(&output).as_str(), output.status.code()),
        ("hello\nGrüße\n", Some(0)),
        "{}",
        err(&output)
    );
    server.signal("INT");
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn exit_after_counts_messages_and_json_is_one_object_a_line() {
    let server = Server::echo();
    let flags = ["connect", &server.url("ws"), "--exit-after", "2", "--json"];
    let output = run_with_input(&flags, "one\n\u{1b}[31mtwo\nthree\n");
    let lines: Vec<serde_json::Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["text"], "one");
    assert_eq!(lines[1]["text"], "\u{1b}[31mtwo");
    assert_eq!((&lines[2]["type"], &lines[2]["by"]), (&"close".into(), &"us".into()));
    assert_eq!((lines.len(), output.status.code()), (3, Some(0)));
}

#[test]
fn what_a_server_sends_cannot_control_the_terminal_unless_it_is_asked_to() {
    let server = Server::echo();
    let flags = ["connect", &server.url("ws"), "--exit-after", "1"];
    assert_eq!(out(&run_with_input(&flags, "\u{1b}[31mred\n")), "\\u{1b}[31mred\n");
    let raw = [&flags[..], &["--raw"]].concat();
    assert_eq!(out(&run_with_input(&raw, "\u{1b}[31mred\n")), "\u{1b}[31mred\n");
}

#[test]
fn too_few_messages_in_time_are_a_failure() {
    let server = Server::echo();
    let output = run(&["connect", &server.url("ws"), "--exit-after", "1", "--timeout", "0.2"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("only 0 of 1 messages came in time"), "{}", err(&output));
}

#[test]
fn a_self_signed_certificate_is_taken_only_if_it_is_trusted() {
    let directory = Directory::new();
    let data = directory.file("data");
    let server = Server::start(&[
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--tls-listen",
        "127.0.0.1:0",
        "--tls-self-signed",
        "--data",
        &data,
    ]);
    let url = server.url("wss");
    let talk =
        |more: &[&str]| run_with_input(&[&["connect", &url, "--exit-after", "1"], more].concat(), "hi\n");
    let refused = talk(&[]);
    assert_eq!(refused.status.code(), Some(1), "{}", err(&refused));
    assert_eq!(out(&talk(&["--insecure"])), "hi\n");
}
