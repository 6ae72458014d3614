//! `stoa gateway` as operators use it: flags and files, reload, drain, upgrade, and what they see.

use crate::rig::{Directory, Server, err, out, run, stoa};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Nothing in these tests takes longer, unless it is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that says things to an echo server, line by line. Killed when dropped.
struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn connect(url: &str) -> Self {
        let mut child = stoa(&["connect", url]).stdin(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, input, output };
        client.hears_itself("first");
        client
    }

    fn hears_itself(&mut self, text: &str) {
        writeln!(self.input, "{text}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), text);
    }

    /// Waits until the other side has ended the connection.
    fn expect_cut(mut self) {
        let mut line = String::new();
        assert_eq!(self.output.read_line(&mut line).unwrap(), 0, "{line}");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address behind a word of the greeting.
fn address(server: &Server, word: &str) -> String {
    let line = server.greeting.iter().find(|line| line.contains(word)).unwrap();
    let address = line.rsplit(' ').next().unwrap();
    address.trim_start_matches("http://").trim_end_matches("/metrics").to_owned()
}

/// Where an echo server listens.
fn backend_of(server: &Server) -> String {
    server.url("ws").trim_start_matches("ws://").trim_end_matches('/').to_owned()
}

fn stream_file(backends: &[&str]) -> String {
    let backends: Vec<String> = backends.iter().map(|backend| format!("{backend:?}")).collect();
    format!(
        "workers = 2\n[admin]\naddress = '127.0.0.1:0'\n[drain]\nwindow = '0s'\ndeadline = '1s'\n\
         [listeners.front]\naddress = '127.0.0.1:0'\nmode = 'stream'\n\
         [[routes]]\npool = 'echo'\n\
         [pools.echo]\nbackends = [{}]\n[pools.echo.drain]\nwindow = '0s'\n",
        backends.join(", ")
    )
}

fn metric(admin: &str, name: &str) -> u64 {
    let page = get(admin, "/metrics");
    let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or("0 0");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn get(admin: &str, path: &str) -> String {
    let mut stream = std::net::TcpStream::connect(admin).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n").unwrap();
    std::io::read_to_string(stream).unwrap()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn one_line_carries_connections_and_shows_them() {
    let echo = Server::echo();
    let backend = backend_of(&echo);
    let gateway = Server::start(&[
        "gateway",
        "--listen",
        "127.0.0.1:0",
        "--mode",
        "stream",
        "--backend",
        &backend,
        "--workers",
        "1",
        "--admin-listen",
        "127.0.0.1:0",
    ]);
    let (front, admin) = (address(&gateway, "listening"), address(&gateway, "admin"));
    let mut client = Client::connect(&format!("ws://{front}/"));
    client.hears_itself("through the gateway");
    let table = out(&run(&["gateway", "top", "--json", "--admin", &admin]));
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    assert_eq!((table["total"].as_u64(), &table["connections"][0]["kind"]), (Some(1), &"stream".into()));
    assert_eq!(table["connections"][0]["backend"], backend.as_str());
    assert!(table["connections"][0]["bytes_in"].as_u64() > Some(20));
    let page = out(&run(&["gateway", "top", "--once", "--admin", &admin]));
    assert!(page.starts_with("1 connections"), "{page}");
    // The second signal ends the drain that the first began.
    gateway.signal("TERM");
    gateway.signal("TERM");
    client.expect_cut();
}

#[test]
fn tunnel_mode_carries_websockets_and_counts_their_messages() {
    let echo = Server::echo();
    let backend = backend_of(&echo);
    let admin_listen = ["--admin-listen", "127.0.0.1:0"];
    let mut flags = vec!["gateway", "--listen", "127.0.0.1:0", "--backend", &backend, "--workers", "1"];
    flags.extend(admin_listen);
    let gateway = Server::start(&flags);
    let (front, admin) = (address(&gateway, "listening"), address(&gateway, "admin"));
    let mut client = Client::connect(&format!("ws://{front}/"));
    client.hears_itself("through the gateway");
    let table = out(&run(&["gateway", "top", "--json", "--admin", &admin]));
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    let row = &table["connections"][0];
    assert_eq!(
        (&row["kind"], &row["messages_in"], &row["messages_out"]),
        (&"websocket".into(), &2.into(), &2.into())
    );
    // A drain of the gateway says goodbye with a close frame.
    gateway.signal("TERM");
    client.expect_cut();
    let (code, said) = gateway.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("outcome=\"drained\""), "{said}");
}

#[test]
fn a_file_is_checked_and_printed_with_what_is_wrong_in_it() {
    let directory = Directory::new();
    let file = directory.file("gateway.toml");
    std::fs::write(&file, stream_file(&["127.0.0.1:9"])).unwrap();
    let good = run(&["gateway", "--config", &file, "--check"]);
    assert_eq!(good.status.code(), Some(0), "{}", err(&good));
    let printed = run(&["gateway", "--config", &file, "--print-config"]);
    let again = directory.file("again.toml");
    std::fs::write(&again, out(&printed)).unwrap();
    assert_eq!(out(&run(&["gateway", "--config", &again, "--print-config"])), out(&printed));

    std::fs::write(&file, "[[routes]]\npool = 'nowhere'\n").unwrap();
    let wrong = run(&["gateway", "--config", &file, "--check"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("line 2") && err(&wrong).contains("nowhere"), "{}", err(&wrong));
}

#[test]
fn a_reload_closes_nobody_and_a_wrong_file_changes_nothing() {
    let (one, two) = (Server::echo(), Server::echo());
    let directory = Directory::new();
    let file = directory.file("gateway.toml");
    std::fs::write(&file, stream_file(&[&backend_of(&one)])).unwrap();
    // What a flag says stays when the file is read again.
    let gateway = Server::start(&["gateway", "--config", &file, "--workers", "1"]);
    let (front, admin) = (address(&gateway, "listening"), address(&gateway, "admin"));
    let mut client = Client::connect(&format!("ws://{front}/"));

    std::fs::write(&file, "what = 'nonsense'").unwrap();
    gateway.signal("HUP");
    until("the wrong file is counted", || metric(&admin, "stoa_gateway_reloads_refused_total") >= 1);
    client.hears_itself("after the wrong file");

    // The other backend in the place of the first: who is there stays there.
    std::fs::write(&file, stream_file(&[&backend_of(&two)])).unwrap();
    let said = run(&["gateway", "reload", "--admin", &admin]);
    assert!(err(&said).contains("in force") || err(&said).contains("the same"), "{}", err(&said));
    until("the new backend is known", || get(&admin, "/backends").contains(&backend_of(&two)));
    client.hears_itself("after the reload");
    let mut late = Client::connect(&format!("ws://{front}/"));
    late.hears_itself("at the new backend");
    assert!(get(&admin, "/connections").contains(&backend_of(&two)));
    assert_eq!(metric(&admin, "stoa_gateway_connections_open"), 2);
}

#[test]
fn a_backend_that_is_drained_gets_nothing_new_until_it_is_brought_back() {
    let (one, two) = (Server::echo(), Server::echo());
    let directory = Directory::new();
    let file = directory.file("gateway.toml");
    let backends = [backend_of(&one), backend_of(&two)];
    std::fs::write(&file, stream_file(&[&backends[0], &backends[1]])).unwrap();
    let gateway = Server::start(&["gateway", "--config", &file]);
    let (front, admin) = (address(&gateway, "listening"), address(&gateway, "admin"));
    let client = Client::connect(&format!("ws://{front}/"));
    let table: serde_json::Value =
        serde_json::from_str(&out(&run(&["gateway", "top", "--json", "--admin", &admin]))).unwrap();
    let its = table["connections"][0]["backend"].as_str().unwrap().to_owned();
    let other = backends.iter().find(|backend| **backend != its).unwrap();

    let drained = run(&["gateway", "drain", &its, "--admin", &admin]);
    assert_eq!(drained.status.code(), Some(0), "{}", err(&drained));
    client.expect_cut();
    let mut more: Vec<_> = (0..3).map(|_| Client::connect(&format!("ws://{front}/"))).collect();
    let table = get(&admin, "/connections");
    assert!(table.contains(other.as_str()) && !table.contains(&its), "{table}");
    let again = run(&["gateway", "drain", &its, "--admin", &admin]);
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains("already"), "{}", err(&again));
    let unknown = run(&["gateway", "drain", "nobody", "--admin", &admin]);
    assert!(err(&unknown).contains(&its), "it says which there are: {}", err(&unknown));

    assert_eq!(run(&["gateway", "undrain", &its, "--admin", &admin]).status.code(), Some(0));
    until("it gets new ones again", || {
        drop(Client::connect(&format!("ws://{front}/")));
        get(&admin, "/metrics")
            .contains(&format!("stoa_gateway_backend_share_permille{{pool=\"echo\",backend=\"{its}\"}} 1000"))
    });
    more.iter_mut().for_each(|client| client.hears_itself("still here"));
}

#[test]
fn a_new_binary_takes_over_and_the_old_one_leaves_when_it_is_empty() {
    /// Ends the process that took over.
    struct Successor(String);
    impl Drop for Successor {
        fn drop(&mut self) {
            let _ = Command::new("kill").args(["-KILL", &self.0]).status();
        }
    }
    let echo = Server::echo();
    let directory = Directory::new();
    let file = directory.file("gateway.toml");
    std::fs::write(&file, stream_file(&[&backend_of(&echo)])).unwrap();
    let mut gateway = Server::start(&["gateway", "--config", &file]);
    let (front, admin) = (address(&gateway, "listening"), address(&gateway, "admin"));
    let mut client = Client::connect(&format!("ws://{front}/"));

    let said = run(&["gateway", "upgrade", "--admin", &admin]);
    assert_eq!(said.status.code(), Some(0), "{}", err(&said));
    let text = err(&said);
    let pid = text.split("process ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let _successor = Successor(pid.to_owned());
    client.hears_itself("with the old process");
    let mut late = Client::connect(&format!("ws://{front}/"));
    late.hears_itself("with the new one");
    let table: serde_json::Value =
        serde_json::from_str(&out(&run(&["gateway", "top", "--json", "--admin", &admin]))).unwrap();
    assert_eq!(table["total"], 1, "the new process shows its own: {table}");
    drop(client);
    let start = Instant::now();
    let code = loop {
        if let Some(code) = gateway.exit_code() {
            break code;
        }
        assert!(start.elapsed() < PATIENCE, "the old process does not leave");
        std::thread::yield_now();
    };
    assert_eq!(code, 0);
    late.hears_itself("after the old one has gone");
}

#[test]
fn a_new_process_that_does_not_start_leaves_everything_as_it_was() {
    let echo = Server::echo();
    let directory = Directory::new();
    let file = directory.file("gateway.toml");
    std::fs::write(&file, stream_file(&[&backend_of(&echo)])).unwrap();
    let gateway = Server::start(&["gateway", "--config", &file]);
    let (front, admin) = (address(&gateway, "listening"), address(&gateway, "admin"));
    let mut client = Client::connect(&format!("ws://{front}/"));
    std::fs::write(&file, "what = 'nonsense'").unwrap();
    let said = run(&["gateway", "upgrade", "--admin", &admin]);
    assert_eq!(said.status.code(), Some(1));
    assert!(err(&said).contains("goes on"), "{}", err(&said));
    client.hears_itself("still here");
    drop(Client::connect(&format!("ws://{front}/")));
}
