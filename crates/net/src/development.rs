//! A certificate for development: made once, kept in a directory, trusted by nobody until somebody says so.

use crate::tls::TlsError;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Names that a development certificate always has.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Returns the paths of certificate and key, making both if they are not there or are for other names.
pub(crate) fn ensure(directory: &Path, names: &[String]) -> Result<(PathBuf, PathBuf), TlsError> {
    let (certificate, key, names_file) = paths(directory);
    let known = fs::read_to_string(names_file).unwrap_or_default();
    let complete = all_names(names).iter().all(|name| known.lines().any(|line| line == name));
    if !complete || !certificate.exists() || !key.exists() {
        write(directory, names)?;
    }
    Ok((certificate, key))
}

/// Makes a new certificate and key, and replaces what is in the directory.
pub(crate) fn write(directory: &Path, names: &[String]) -> Result<(), TlsError> {
    let names = all_names(names);
    let unusable = |error: rcgen::Error| TlsError::Unusable(error.to_string());
    let mut parameters = rcgen::CertificateParams::new(names.clone()).map_err(unusable)?;
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Stoa development certificate");
    // Browsers refuse server certificates that are valid for longer than 398 days.
    let day = Duration::from_secs(24 * 60 * 60);
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(crate::clock::unix_seconds());
    parameters.not_before = now - day;
    parameters.not_after = now + 396 * day;
    let pair = rcgen::KeyPair::generate().map_err(unusable)?;
    let certificate = parameters.self_signed(&pair).map_err(unusable)?;

    let (certificate_path, key_path, names_path) = paths(directory);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::File { path, error }
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    replace(&key_path, pair.serialize_pem().as_bytes(), 0o600).map_err(failed(&key_path))?;
    replace(&certificate_path, certificate.pem().as_bytes(), 0o644).map_err(failed(&certificate_path))?;
    replace(&names_path, names.join("\n").as_bytes(), 0o644).map_err(failed(&names_path))
}

fn paths(directory: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let path = |name| directory.join(name);
    (path("development.pem"), path("development.key"), path("development.names"))
}

fn all_names(names: &[String]) -> Vec<String> {
    let mut all: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    all.extend(names.iter().filter(|name| !NAMES.contains(&name.as_str())).cloned());
    all
}

/// Writes a file beside the old one and renames it, so that a reader never sees half of it.
fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
