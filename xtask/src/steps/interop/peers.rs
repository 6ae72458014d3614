//! The WebSocket peers: how they are installed, and how their servers are started.

use super::LOG;
use crate::install;
use crate::process::{Job, Server, free_port, on_path, which};
use crate::steps::rust;
use crate::tree::{Tree, make_directory};
use std::path::{Path, PathBuf};

/// Where the scripts are.
const SCRIPTS: &str = "tests/interop";

/// The programs, installed, and a certificate for whoever needs one.
pub(super) struct Peers<'a> {
    tree: &'a Tree,
    /// Directory of the programs of the virtual environment.
    python: PathBuf,
    /// The browser.
    chromium: PathBuf,
    /// `stoa`, and the example that checks with our client.
    stoa: PathBuf,
    client: PathBuf,
    /// Certificates and configuration that are made for this run.
    scratch: PathBuf,
}

/// Where a server listens: plain, and with TLS (over TCP and QUIC alike, on the same port).
pub(super) struct Place {
    /// `ws://127.0.0.1:PORT`, unless it speaks TLS only.
    pub(super) plain: Option<String>,
    /// `wss://127.0.0.1:PORT`, unless it is plain only.
    pub(super) secure: Option<String>,
    _servers: Vec<Server>,
}

impl<'a> Peers<'a> {
    /// Installs what is missing.
    pub(super) fn install(tree: &'a Tree) -> Result<Self, String> {
        let wanted = tree.read(&Path::new(SCRIPTS).join("requirements.txt"))?;
        let packages: Vec<&str> = wanted.lines().filter(|line| !line.is_empty()).collect();
        let python = install::python(tree, LOG, "interop", &packages)?;
        install::npm(tree, LOG, SCRIPTS)?;
        let chromium = install::chromium(tree, LOG)?;
        for (program, package) in [("nghttpx", "nghttp2-proxy"), ("haproxy", "haproxy")] {
            if !on_path(program) && which_sbin(program).is_none() {
                install::debian(tree, LOG, &[package])?;
            }
        }
        let scratch = tree.work.join("interop");
        let _ = std::fs::remove_dir_all(&scratch);
        make_directory(&scratch)?;
        let stoa = rust::stoa(tree, LOG)?;
        let client = rust::release_example(tree, LOG, "net", "interop_client")?;
        Ok(Self { tree, python, chromium, stoa, client, scratch })
    }

    /// A script of Python, run by hand of the virtual environment.
    pub(super) fn python(&self, script: &str) -> Job {
        Job::new(self.tree, LOG, self.python.join("python")).args([script]).directory(SCRIPTS)
    }

    /// A script of Node.
    pub(super) fn node(&self, script: &str) -> Job {
        let job = Job::new(self.tree, LOG, "node").args([script]).directory(SCRIPTS);
        job.env("STOA_CHROMIUM", &self.chromium)
    }

    /// Our client, with the name of the peer.
    pub(super) fn our_client(&self, peer: &str) -> Job {
        Job::new(self.tree, LOG, &self.client).args([peer])
    }

    /// Our server: HTTP/1.1 and HTTP/2, plain and over TLS, and HTTP/3.
    pub(super) fn our_server(&self) -> Result<Place, String> {
        let (plain, secure) = (free_port()?, free_port()?);
        let job = Job::new(self.tree, LOG, &self.stoa)
            .args(["echo", "--listen", &at(plain), "--tls-listen", &at(secure), "--tls-self-signed"])
            .args(["--compression", "15", "--data"])
            .args([&self.scratch]);
        Ok(Place::new(Some(plain), Some(secure), vec![job.serve(secure)?]))
    }

    /// Hypercorn, which speaks all three versions.
    pub(super) fn hypercorn(&self) -> Result<Place, String> {
        let (plain, secure) = (free_port()?, free_port()?);
        let hypercorn = || {
            Job::new(self.tree, LOG, self.python.join("hypercorn"))
                .args(["--log-level", "warning"])
                .directory(SCRIPTS)
        };
        let on_plain = hypercorn().args(["--bind", &at(plain), "asgi_echo:application"]).serve(plain)?;
        let (certificate, key) = self.certificate();
        let job = hypercorn().args(["--bind", &at(secure), "--quic-bind", &at(secure), "--certfile"]);
        let job = job.args([certificate]).args(["--keyfile"]).args([key]).args(["asgi_echo:application"]);
        Ok(Place::new(Some(plain), Some(secure), vec![on_plain, job.serve(secure)?]))
    }

    /// aioquic: HTTP/3.
    pub(super) fn aioquic(&self) -> Result<Place, String> {
        let port = free_port()?;
        let (certificate, key) = self.certificate();
        let job = self.python("aioquic_echo.py").args([port.to_string()]).args([certificate, key]);
        Ok(Place::new(None, Some(port), vec![job.serve_when_it_says("echoing at")?]))
    }

    /// ws on Node: HTTP/1.1.
    pub(super) fn ws(&self) -> Result<Place, String> {
        let (plain, secure) = (free_port()?, free_port()?);
        let (certificate, key) = self.certificate();
        let on_plain = self.node("ws_echo.mjs").args([plain.to_string()]).serve(plain)?;
        let on_secure = self.node("ws_echo.mjs").args([secure.to_string()]).args([certificate, key]);
        Ok(Place::new(Some(plain), Some(secure), vec![on_plain, on_secure.serve(secure)?]))
    }

    /// The package `websockets` of Python: HTTP/1.1 without TLS.
    pub(super) fn websockets(&self) -> Result<Place, String> {
        let plain = free_port()?;
        let job = self.python("websockets_echo.py").args([plain.to_string()]);
        Ok(Place::new(Some(plain), None, vec![job.serve(plain)?]))
    }

    /// Our gateway, in tunnel mode: all versions from clients, one to the plain server behind it.
    pub(super) fn tunnel(&self, behind: &Place, version: &str) -> Result<Place, String> {
        let (plain, secure) = (free_port()?, free_port()?);
        let job = self.gateway("tunnel", plain, &at_text(&behind.plain_port()?));
        let job =
            job.args(["--backend-http", version, "--tls-listen", &at(secure), "--tls-self-signed", "--data"]);
        Ok(Place::new(Some(plain), Some(secure), vec![job.args([&self.scratch]).serve(secure)?]))
    }

    /// Our gateway, in stream mode: TLS goes through to the server behind it.
    pub(super) fn stream(&self, behind: &Place) -> Result<Place, String> {
        let (plain, secure) = (free_port()?, free_port()?);
        let to_plain = self.gateway("stream", plain, &at_text(&behind.plain_port()?)).serve(plain)?;
        let to_secure = self.gateway("stream", secure, &at_text(&behind.secure_port()?)).serve(secure)?;
        Ok(Place::new(Some(plain), Some(secure), vec![to_plain, to_secure]))
    }

    fn gateway(&self, mode: &str, port: u16, backend: &str) -> Job {
        let what = ["gateway", "--mode", mode, "--listen", &at(port), "--backend", backend];
        Job::new(self.tree, LOG, &self.stoa).args(what).args(["--workers", "1", "--admin-listen", "off"])
    }

    /// nghttpx: HTTP/2 to whoever comes, HTTP/1.1 to the plain server behind it.
    pub(super) fn nghttpx(&self, behind: &Place) -> Result<Place, String> {
        let (plain, secure) = (free_port()?, free_port()?);
        let (certificate, key) = self.certificate();
        let frontends = [format!("-f127.0.0.1,{plain};no-tls"), format!("-f127.0.0.1,{secure}")];
        let job = self.nghttpx_job(&frontends, &format!("-b127.0.0.1,{}", behind.plain_port()?));
        Ok(Place::new(Some(plain), Some(secure), vec![job.args([key, certificate]).serve(secure)?]))
    }

    /// nghttpx the other way round: HTTP/1.1 to whoever comes, HTTP/2 to the plain server behind it.
    pub(super) fn nghttpx_to_http2(&self, behind: &Place) -> Result<Place, String> {
        let plain = free_port()?;
        let frontends = [format!("-f127.0.0.1,{plain};no-tls")];
        let job = self.nghttpx_job(&frontends, &format!("-b127.0.0.1,{};;proto=h2", behind.plain_port()?));
        Ok(Place::new(Some(plain), None, vec![job.serve(plain)?]))
    }

    fn nghttpx_job(&self, frontends: &[String], backend: &str) -> Job {
        let quiet = ["--conf=/dev/null", "--log-level=WARN", "--no-ocsp", "--workers=1"];
        Job::new(self.tree, LOG, "nghttpx").args(quiet).args(frontends).args([backend])
    }

    /// HAProxy: HTTP/2 to whoever comes, HTTP/1.1 to the plain server behind it.
    pub(super) fn haproxy(&self, behind: &Place) -> Result<Place, String> {
        let (plain, secure) = (free_port()?, free_port()?);
        let (certificate, key) = self.certificate();
        let both = self.scratch.join("haproxy.pem");
        let read =
            |path: &Path| std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
        let pem = [read(&certificate)?, read(&key)?].concat();
        std::fs::write(&both, pem).map_err(|e| format!("cannot write {}: {e}", both.display()))?;
        let program = which_sbin("haproxy").unwrap_or_else(|| PathBuf::from("haproxy"));
        let job = Job::new(self.tree, LOG, program)
            .args(["-f", "haproxy.cfg"])
            .directory(SCRIPTS)
            .env("PLAIN_PORT", plain.to_string())
            .env("TLS_PORT", secure.to_string())
            .env("ECHO_PORT", behind.plain_port()?)
            .env("CERTIFICATE", both);
        Ok(Place::new(Some(plain), Some(secure), vec![job.serve(secure)?]))
    }

    /// The certificate that our server made for itself, and its key.
    fn certificate(&self) -> (PathBuf, PathBuf) {
        (self.scratch.join("development.pem"), self.scratch.join("development.key"))
    }
}

impl Place {
    fn new(plain: Option<u16>, secure: Option<u16>, servers: Vec<Server>) -> Self {
        let plain = plain.map(|port| format!("ws://{}", at(port)));
        let secure = secure.map(|port| format!("wss://{}", at(port)));
        Self { plain, secure, _servers: servers }
    }

    fn plain_port(&self) -> Result<String, String> {
        port_of(&self.plain).ok_or_else(|| "a server without TLS is needed here".to_owned())
    }

    fn secure_port(&self) -> Result<String, String> {
        port_of(&self.secure).ok_or_else(|| "a server with TLS is needed here".to_owned())
    }
}

fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Debian keeps servers where the search path of users does not lead.
fn which_sbin(program: &str) -> Option<PathBuf> {
    which(program).or_else(|| Some(Path::new("/usr/sbin").join(program)).filter(|path| path.is_file()))
}

fn port_of(url: &Option<String>) -> Option<String> {
    url.as_ref()?.rsplit(':').next().map(str::to_owned)
}

fn at_text(port: &str) -> String {
    format!("127.0.0.1:{port}")
}
