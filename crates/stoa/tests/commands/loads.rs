//! `stoa load` against real servers. The machine that runs tests is busy, so a run may be INVALID; what was promised must
//! hold all the same, and nothing here depends on how fast it goes.

use crate::rig::{Directory, Server, err, out, run};
use serde_json::Value;

/// Runs a load and gives its report. Neither a broken promise nor a crash is acceptable.
fn load(arguments: &[&str]) -> Value {
    let output = run(&[&["load"], arguments, &["--json", "--warmup", "0", "--patience", "30"]].concat());
    assert!(matches!(output.status.code(), Some(0 | 3)), "{} {}", out(&output), err(&output));
    let report: Value = serde_json::from_str(&out(&output)).unwrap();
    let results = &report["results"];
    assert_eq!(results["unanswered"], 0, "{report}");
    assert_eq!(
        results["wrong"],
        serde_json::json!({"lost": 0, "duplicated": 0, "reordered": 0, "altered": 0})
    );
    report
}

#[test]
fn echoes_are_checked_in_a_closed_and_in_an_open_loop() {
    let server = Server::echo();
    let url = server.url("ws");
    let closed = load(&["echo", &url, "--connections", "4", "--in-flight", "8", "--seconds", "0.5"]);
    let results = &closed["results"];
    assert!(results["sent"].as_u64().unwrap() >= 32);
    assert_eq!(results["sent"], results["answered"]);
    let open =
        load(&["echo", &url, "--connections", "3", "--rate", "200", "--seconds", "1", "--size", "4096"]);
    assert_eq!(open["results"]["sent"], 200);
    assert_eq!(open["results"]["answer_latency"]["count"], 200);
}

#[test]
fn idle_connections_are_held_and_the_servers_memory_is_told() {
    let server = Server::echo();
    let flags =
        ["idle", &server.url("ws"), "--connections", "200", "--seconds", "0.2", "--pid", &server.pid()];
    let report = load(&flags);
    assert_eq!(report["results"]["connections"], 200);
    assert!(report["results"]["server_memory_after"].as_u64().unwrap() > 100_000);
}

#[test]
fn everything_acked_reaches_every_member_of_its_room() {
    let directory = Directory::new();
    let server = Server::node(&directory, &["--sends-per-second", "100000"]);
    let url = server.url("ws");
    let chat =
        load(&["chat", &url, "--connections", "12", "--rooms", "3", "--in-flight", "4", "--seconds", "0.5"]);
    let results = &chat["results"];
    assert_eq!(results["refused"], serde_json::json!({}));
    assert_eq!(results["delivered"].as_u64(), results["answered"].as_u64().map(|acked| acked * 4));
    let fanout =
        load(&["fanout", &url, "--connections", "20", "--rate", "100", "--size", "128", "--seconds", "1"]);
    let results = &fanout["results"];
    assert_eq!((&results["sent"], &results["delivered"]), (&100.into(), &2000.into()));
    assert_eq!(results["last_member_latency"]["count"], 100);
    assert_eq!(results["delivery_latency"]["count"], 2000);
}

#[test]
fn each_version_of_http_carries_the_same_load_compressed_or_not() {
    let directory = Directory::new();
    let flags = ["--tls-listen", "127.0.0.1:0", "--tls-self-signed", "--compression", "12"];
    let data = ["echo", "--listen", "127.0.0.1:0", "--workers", "1", "--data", &directory.file("echo")];
    let server = Server::start(&[&data[..], &flags].concat());
    for version in ["1", "2", "3"] {
        for compression in ["off", "no-takeover", "12"] {
            let run =
                ["echo", &server.url("wss"), "--insecure", "--http", version, "--compression", compression];
            let size = ["--connections", "6", "--rate", "100", "--seconds", "0.5", "--size", "300"];
            let per_carrier: &[&str] = if version == "1" { &[] } else { &["--per-carrier", "4"] };
            let results = &load(&[&run[..], &size, per_carrier].concat())["results"];
            assert_eq!((&results["connections"], &results["answered"]), (&6.into(), &50.into()));
        }
    }
}

#[test]
fn chat_delivers_the_same_over_each_version_of_http() {
    let directory = Directory::new();
    let tls = ["--tls-listen", "127.0.0.1:0", "--tls-self-signed"];
    let server = Server::node(&directory, &[&["--sends-per-second", "100000"], &tls[..]].concat());
    for version in ["1", "2", "3"] {
        let run = ["chat", &server.url("wss"), "--insecure", "--http", version, "--connections", "8"];
        let pace = ["--rooms", "2", "--rate", "100", "--seconds", "0.5"];
        let results = &load(&[&run[..], &pace].concat())["results"];
        assert_eq!((&results["connections"], &results["answered"]), (&8.into(), &50.into()));
        assert_eq!(results["delivered"], 200, "each reaches the four members of its room");
    }
}

#[test]
fn several_processes_and_threads_make_one_run() {
    let directory = Directory::new();
    let server = Server::node(&directory, &["--sends-per-second", "100000"]);
    let url = server.url("ws");
    let flags = ["chat", &url, "--connections", "8", "--rooms", "2", "--rate", "100", "--seconds", "1"];
    let report = load(&[&flags[..], &["--processes", "2", "--threads", "2"]].concat());
    let results = &report["results"];
    assert_eq!(results["connections"], 8);
    assert_eq!(results["answered"], results["sent"]);
    assert_eq!(results["delivered"].as_u64(), results["answered"].as_u64().map(|acked| acked * 4));
}

#[test]
fn what_the_server_refuses_is_counted_by_code_and_is_no_broken_promise() {
    let directory = Directory::new();
    let server = Server::node(&directory, &["--sends-per-second", "1", "--sends-burst", "5"]);
    let report = load(&["chat", &server.url("ws"), "--connections", "1", "--rate", "50", "--seconds", "1"]);
    let results = &report["results"];
    let refused = results["refused"]["rate_limited"].as_u64().unwrap();
    assert!(refused >= 40, "{report}");
    assert_eq!(results["sent"].as_u64(), results["answered"].as_u64().map(|acked| acked + refused));
}
