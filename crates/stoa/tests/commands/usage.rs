//! What is typed or configured wrongly, and what the tools do without a server.

use crate::rig::{Directory, Server, err, out, run, stoa};

#[test]
fn help_has_examples_and_is_no_failure() {
    let output = run(&["serve", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("Examples:"));
    assert!(out(&run(&["--help"])).contains("STOA_<FLAG>"));
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for arguments in [
        &["no-such-command"][..],
        &["echo", "--listen", "nowhere"],
        &["serve", "--allow-guests", "false"],
        &["load", "echo", "ws://127.0.0.1:1/", "--rooms", "2"],
        &["load", "echo", "ws://127.0.0.1:1/", "--connections", "0"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(out(&output).is_empty(), "{arguments:?}");
    }
}

#[test]
fn nobody_there_is_exit_code_1_and_a_sentence() {
    let output = run(&["connect", "ws://127.0.0.1:1/"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("cannot connect to 127.0.0.1:1"), "{}", err(&output));
    let output = run(&["load", "idle", "ws://127.0.0.1:1/", "--connections", "2", "--seconds", "0.1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("no connection could be opened"), "{}", err(&output));
}

#[test]
fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
    let directory = Directory::new();
    let (key, file) = (directory.file("key"), directory.file("stoa.toml"));
    assert!(run(&["token", "--key-file", &key, "--new-key"]).status.success());
    std::fs::write(&file, format!("[token]\nkey_file = '{key}'\nsub = 'file'\n")).unwrap();
    let subject = |environment: Option<&str>, flags: &[&str]| {
        let mut command = stoa(&[&["token", "--config", &file], flags].concat());
        if let Some(value) = environment {
            command.env("STOA_SUB", value);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        subject_of(&out(&output))
    };
    assert_eq!(subject(None, &[]), "file");
    assert_eq!(subject(Some("environment"), &[]), "environment");
    assert_eq!(subject(Some("environment"), &["--sub", "flag"]), "flag");
}

#[test]
fn a_misspelt_key_in_the_file_is_refused_with_the_right_one() {
    let directory = Directory::new();
    let file = directory.file("stoa.toml");
    std::fs::write(&file, "sends_per_secnd = 5\n").unwrap();
    let output = run(&["serve", "--config", &file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("Did you mean sends_per_second?"), "{}", err(&output));
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let server = Server::echo();
    let address = server.url("ws").trim_start_matches("ws://").trim_end_matches('/').to_owned();
    for command in ["echo", "serve"] {
        let directory = Directory::new();
        let data = directory.file("data");
        let output = run(&[command, "--listen", &address, "--data", &data]);
        assert_eq!(output.status.code(), Some(1), "{}", err(&output));
        let said = err(&output);
        assert!(said.contains(&address) && said.contains("--listen"), "{said}");
    }
}

/// The subject of a JWT, read without a library: base64url without padding.
fn subject_of(token: &str) -> String {
    let claims = token.trim().split('.').nth(1).unwrap();
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for c in claims.bytes() {
        bits = bits << 6 | u32::from(digit(c));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}
