//! Gateways that are measured: ours beside HAProxy, nginx and Caddy of Debian, each on one core and in front of the same
//! backend.

use super::tools::Tools;
use crate::process::{on_path, which};
use crate::tree::{make_directory, output};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a gateway does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Layer 4.
    Stream,
    /// Layer 7, cleartext or TLS towards the client, HTTP/1.1 without TLS to the backend.
    Tunnel,
    /// Layer 7 with HTTP/2 to the backend.
    TunnelToHttp2,
}

/// A gateway, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// The backend without anything in front of it.
    None,
    Stoa(Mode),
    Haproxy(Mode),
    /// With `option splice-auto`.
    HaproxySplice,
    Nginx(Mode),
    /// Layer 7 only: layer 4 is a plugin that Debian does not have.
    Caddy,
}

impl Proxy {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "no gateway",
            Self::Stoa(Mode::Stream) => "Stoa, stream",
            Self::Stoa(Mode::Tunnel) => "Stoa, tunnel",
            Self::Stoa(Mode::TunnelToHttp2) => "Stoa, tunnel to HTTP/2",
            Self::Haproxy(Mode::Stream) => "HAProxy, tcp",
            Self::Haproxy(Mode::Tunnel) => "HAProxy, http",
            Self::Haproxy(Mode::TunnelToHttp2) => "HAProxy, http to HTTP/2",
            Self::HaproxySplice => "HAProxy, tcp with splice",
            Self::Nginx(Mode::Stream) => "nginx, stream",
            Self::Nginx(_) => "nginx, http",
            Self::Caddy => "Caddy",
        }
    }

    /// The command that listens on `address` and forwards to `backend`, its configuration written to a directory of its own.
    pub(crate) fn command(
        self,
        tools: &Tools,
        address: &str,
        backend: &str,
        tls: bool,
    ) -> Result<Vec<String>, String> {
        let port = address.rsplit_once(':').map_or(address, |(_, port)| port);
        let directory = tools.directory.join(format!("gateway-{port}"));
        make_directory(&directory)?;
        let place = Place { tools, directory: &directory, address, backend, tls };
        match self {
            Self::None => Err("no gateway has no command".to_owned()),
            Self::Stoa(mode) => Ok(place.stoa(mode)),
            Self::Haproxy(mode) => place.haproxy(mode, false),
            Self::HaproxySplice => place.haproxy(Mode::Stream, true),
            Self::Nginx(mode) => place.nginx(mode),
            Self::Caddy => place.caddy(),
        }
    }
}

/// Where a gateway is started, and what for.
struct Place<'a> {
    tools: &'a Tools,
    directory: &'a Path,
    address: &'a str,
    backend: &'a str,
    tls: bool,
}

impl Place<'_> {
    fn stoa(&self, mode: Mode) -> Vec<String> {
        let mut words = vec![path(&self.tools.stoa), "gateway".to_owned()];
        let mode_name = if mode == Mode::Stream { "stream" } else { "tunnel" };
        words.extend(["--workers", "1", "--admin-listen", "off", "--mode", mode_name].map(str::to_owned));
        words.extend(["--backend".to_owned(), self.backend.to_owned()]);
        if mode == Mode::TunnelToHttp2 {
            words.extend(["--backend-http", "2"].map(str::to_owned));
        }
        if self.tls {
            words.extend(["--tls-listen".to_owned(), self.address.to_owned()]);
            words.extend(["--tls-cert".to_owned(), path(&self.tools.certificate)]);
            words.extend(["--tls-key".to_owned(), path(&self.tools.key)]);
        } else {
            words.extend(["--listen".to_owned(), self.address.to_owned()]);
        }
        words
    }

    fn haproxy(&self, mode: Mode, splices: bool) -> Result<Vec<String>, String> {
        let program = program("haproxy")?;
        let layer = if mode == Mode::Stream { "tcp" } else { "http" };
        let splice = if splices { "  option splice-auto\n" } else { "" };
        let tls = if self.tls {
            // One file with both, as HAProxy wants it.
            let both = self.directory.join("both.pem");
            write(&both, &(read(&self.tools.certificate)? + &read(&self.tools.key)?))?;
            format!(" ssl crt {} alpn http/1.1", both.display())
        } else {
            String::new()
        };
        let proto = if mode == Mode::TunnelToHttp2 { " proto h2" } else { "" };
        let text = format!(
            "global\n  nbthread 1\n  maxconn 9500\ndefaults\n  mode {layer}\n  timeout connect 5s\n  timeout client 1h\n  \
             timeout server 1h\n  timeout tunnel 1h\n{splice}frontend front\n  bind {}{tls}\n  default_backend back\n\
             backend back\n  server one {}{proto}\n",
            self.address, self.backend
        );
        let file = self.directory.join("haproxy.cfg");
        write(&file, &text)?;
        Ok([program, "-db".to_owned(), "-f".to_owned(), path(&file)].into())
    }

    fn nginx(&self, mode: Mode) -> Result<Vec<String>, String> {
        let program = program("nginx")?;
        let (address, backend, directory) = (self.address, self.backend, self.directory.display());
        let tls = if self.tls {
            let (certificate, key) = (path(&self.tools.certificate), path(&self.tools.key));
            let files = format!("ssl_certificate {certificate}; ssl_certificate_key {key};");
            (" ssl", format!("{files} ssl_session_cache shared:s:10m;"))
        } else {
            ("", String::new())
        };
        let head = format!(
            "worker_processes 1;\nmaster_process off;\ndaemon off;\npid {directory}/pid;\nerror_log {directory}/error.log;\n\
             events {{ worker_connections 19000; }}\n"
        );
        let body = match mode {
            Mode::Stream => format!(
                "stream {{ server {{ listen {address} backlog=4096; proxy_pass {backend}; proxy_timeout 1h; }} }}\n"
            ),
            Mode::Tunnel | Mode::TunnelToHttp2 => format!(
                "http {{ access_log off; server {{ listen {address}{} backlog=4096; {} location / {{ proxy_pass http://{backend}; \
                 proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; \
                 proxy_set_header Host $host; proxy_read_timeout 1h; proxy_send_timeout 1h; }} }} }}\n",
                tls.0, tls.1
            ),
        };
        let module = Path::new("/usr/lib/nginx/modules/ngx_stream_module.so");
        let module = match (mode, module.is_file()) {
            (Mode::Stream, true) => format!("load_module {};\n", module.display()),
            _ => String::new(),
        };
        let file = self.directory.join("nginx.conf");
        write(&file, &(module + &head + &body))?;
        Ok([program, "-p".to_owned(), path(self.directory), "-c".to_owned(), path(&file)].into())
    }

    fn caddy(&self) -> Result<Vec<String>, String> {
        let program = program("caddy")?;
        let (address, backend) = (self.address, self.backend);
        let (scheme, tls) = if self.tls {
            let (certificate, key) = (path(&self.tools.certificate), path(&self.tools.key));
            ("https", format!("  tls {certificate} {key}\n"))
        } else {
            ("http", String::new())
        };
        let text = format!(
            "{{\n  admin off\n  auto_https off\n}}\n{scheme}://{address} {{\n{tls}  reverse_proxy {backend}\n}}\n"
        );
        let file = self.directory.join("Caddyfile");
        write(&file, &text)?;
        let environment =
            ["env", "GOMAXPROCS=1", &format!("HOME={}", self.directory.display())].map(str::to_owned);
        let run = ["run", "--adapter", "caddyfile", "--config"].map(str::to_owned);
        Ok(environment.into_iter().chain([program]).chain(run).chain([path(&file)]).collect())
    }
}

/// Our gateway with what its flags say in a file: `--print-config` writes it.
pub(crate) fn into_file(tools: &Tools, words: Vec<String>) -> Result<(Vec<String>, PathBuf), String> {
    let text = output(Command::new(&words[0]).args(&words[1..]).arg("--print-config"))?;
    let file = tools.directory.join("gateway.toml");
    write(&file, &text)?;
    let reloadable = [words[0].clone(), "gateway".to_owned(), "--config".to_owned(), path(&file)];
    Ok((reloadable.into(), file))
}

/// What takes part, with versions, for the head of the page.
pub(crate) fn versions() -> Vec<String> {
    let said = |program: &str, flag: &str| {
        let mut command = Command::new(program);
        // nginx tells its version on standard error.
        output(Command::new("sh").args(["-c", "\"$0\" \"$1\" 2>&1"]).args([program, flag]))
            .or_else(|_| output(command.arg(flag)))
            .ok()
            .and_then(|text| text.lines().next().map(str::to_owned))
    };
    let nginx = said("nginx", "-v").and_then(|text| Some(format!("nginx {}", text.split_once('/')?.1)));
    let haproxy = said("haproxy", "-v").and_then(|text| {
        Some(format!("HAProxy {}", text.split_ascii_whitespace().nth(2)?.split('-').next()?))
    });
    let caddy = said("caddy", "version")
        .and_then(|text| Some(format!("Caddy {}", text.split_ascii_whitespace().next()?)));
    [nginx, haproxy, caddy].into_iter().flatten().collect()
}

/// Says what to install if a program is not there.
fn program(name: &str) -> Result<String, String> {
    let sbin = format!("/usr/sbin/{name}");
    if Path::new(&sbin).is_file() {
        return Ok(sbin);
    }
    if !on_path(name) {
        return Err(format!(
            "{name} is not here: apt-get install haproxy nginx-light libnginx-mod-stream caddy"
        ));
    }
    which(name).map(|found| path(&found)).ok_or_else(|| format!("{name} is not here"))
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}
