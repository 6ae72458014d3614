//! Where things are: the repository, the build directory, the directory that CI works in.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository that this program was built from, and the places that checks may write to.
pub(crate) struct Tree {
    /// The repository's top directory.
    pub(crate) root: PathBuf,
    /// Cargo's build directory.
    pub(crate) target: PathBuf,
    /// Logs, reports, tools and virtual environments of CI; survives between runs as a cache.
    pub(crate) work: PathBuf,
}

impl Tree {
    /// Finds the repository and makes the working directory.
    pub(crate) fn find() -> Result<Self, String> {
        let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().ok_or("xtask does not lie in a repository")?.to_path_buf();
        if !root.join("Cargo.toml").is_file() {
            return Err(format!("{} is not the repository; run xtask through `cargo xtask`", root.display()));
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(path) => root.join(path),
            None => root.join("target"),
        };
        let work = target.join("ci");
        make_directory(&work.join("logs"))?;
        Ok(Self { root, target, work })
    }

    /// Whether the repository has this file or directory.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Where the output of a step goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.work.join("logs").join(format!("{name}.log"))
    }

    /// The files of the repository as git sees them: tracked, or new and not ignored. Relative to the root, sorted.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, String> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"];
        let listed = output(Command::new("git").args(arguments).current_dir(&self.root))?;
        let mut files: Vec<PathBuf> =
            listed.split('\0').filter(|s| !s.is_empty()).map(PathBuf::from).collect();
        files.retain(|file| self.root.join(file).is_file());
        files.sort();
        Ok(files)
    }

    /// The text of a file of the repository.
    pub(crate) fn read(&self, file: &Path) -> Result<String, String> {
        let path = self.root.join(file);
        std::fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))
    }
}

/// Creates a directory and its parents.
pub(crate) fn make_directory(path: &Path) -> Result<(), String> {
    std::fs::create_dir_all(path).map_err(|e| format!("cannot create {}: {e}", path.display()))
}

/// Runs a short command to its end and returns what it printed. What it complained of is part of the error.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = format!("{:?}", command.get_program());
    let done = command.output().map_err(|e| format!("cannot run {name}: {e}"))?;
    if !done.status.success() {
        return Err(format!("{command:?}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr)));
    }
    String::from_utf8(done.stdout).map_err(|_| format!("{name} printed something that is not UTF-8"))
}
