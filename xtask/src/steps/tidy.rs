//! Rules that no compiler checks, so that reviews need not: how files begin and end, how long they are, unfinished
//! work, links, words that do not belong into a public repository.

use crate::ci::{Done, Outcome};
use crate::steps::links;
use crate::tree::Tree;
use std::path::{Path, PathBuf};

/// Past this many lines a file is a fault.
const LINES_MAX: usize = 800;
/// Past this many lines it is worth a thought, which is said but is no fault.
const LINES_WARN: usize = 600;

/// Unfinished work and switched off tests. Split, so that this file does not contain them.
const UNFINISHED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("#[ign", "ore"),
    concat!("test.", "skip("),
    concat!("test.", "only("),
    concat!("<<<<", "<<< "),
];

/// Paths of somebody's machine and addresses of package registries, which belong into nobody's copy.
const PRIVATE: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("registry.", "npmjs.org"),
    concat!("static.", "crates.io"),
    concat!("files.", "pythonhosted.org"),
];

/// Names that say nothing about what is in a file.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc"];

/// Checks every text file of the repository.
pub(crate) fn run(tree: &Tree) -> Outcome {
    let files = tree.files()?;
    let mut faults = Vec::new();
    let mut long = Vec::new();
    let mut checked = 0;
    for file in files.iter().filter(|file| is_text(file)) {
        let text = tree.read(file)?;
        let found = check_file(file, &text);
        faults.extend(found.into_iter().map(|fault| format!("{}{fault}", file.display())));
        let lines = text.lines().count();
        if lines > LINES_WARN && is_source(file) {
            long.push(format!("{} has {lines} lines", file.display()));
        }
        checked += 1;
    }
    faults.extend(links::check(tree, &files)?);
    faults.extend(manifests(tree, &files)?);
    faults.extend(protocol_examples(tree, &files)?);
    if !faults.is_empty() {
        return Err(faults.join("\n      "));
    }
    let thought = if long.is_empty() { String::new() } else { format!("; long: {}", long.join(", ")) };
    Done::passed(format!("{checked} files{thought}"))
}

fn extension(file: &Path) -> &str {
    file.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

fn is_text(file: &Path) -> bool {
    let known = [
        "rs", "md", "toml", "js", "mjs", "ts", "json", "html", "css", "svg", "py", "sh", "txt", "sql",
        "service",
    ];
    known.contains(&extension(file)) || file == Path::new(".ci/run")
}

fn is_source(file: &Path) -> bool {
    ["rs", "js", "mjs", "py", "css", "sql"].contains(&extension(file))
}

/// Faults of one file, each as `:line: sentence`.
fn check_file(file: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let generated = file.ends_with("package-lock.json");
    if extension(file) == "rs" && !text.starts_with("//!") {
        faults.push(":1: the first line must say what the file is for (`//! …`)".to_owned());
    }
    if is_source(file) && text.lines().count() > LINES_MAX {
        faults.push(format!(": longer than {LINES_MAX} lines; cut it where its subjects part"));
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) && !generated {
        faults.push(": must end with one line end".to_owned());
    }
    let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    if is_source(file) && EMPTY_NAMES.contains(&stem) {
        faults.push(format!(": the name `{stem}` says nothing; name the subject"));
    }
    for (number, line) in (1..).zip(text.lines()) {
        faults.extend(check_line(file, line).map(|fault| format!(":{number}: {fault}")));
    }
    faults
}

/// The first fault of a line.
fn check_line(file: &Path, line: &str) -> Option<String> {
    if line.ends_with([' ', '\t', '\r']) {
        return Some("white space at the end".to_owned());
    }
    if extension(file) == "rs" && line.contains('\t') {
        return Some("a tab".to_owned());
    }
    if let Some(word) = PRIVATE.iter().find(|word| line.contains(**word)) {
        return Some(format!("`{word}` is of one machine or one network"));
    }
    let unfinished = UNFINISHED.iter().filter(|_| is_source(file)).find(|word| line.contains(**word));
    unfinished.map(|word| format!("`{word}`: finish it or leave it out"))
}

/// Every crate takes part in the workspace's lints.
fn manifests(tree: &Tree, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.starts_with("crates") && file.ends_with("Cargo.toml")) {
        if !tree.read(file)?.contains("[lints]\nworkspace = true") {
            faults.push(format!("{}: lacks `[lints]` with `workspace = true`", file.display()));
        }
    }
    Ok(faults)
}

/// The protocol page promises that its examples are tested, so a test must read the page.
fn protocol_examples(tree: &Tree, files: &[PathBuf]) -> Result<Vec<String>, String> {
    if !tree.has("docs/protocol.md") {
        return Ok(Vec::new());
    }
    for file in files.iter().filter(|file| file.starts_with("crates") && extension(file) == "rs") {
        let text = tree.read(file)?;
        if text.contains("include_str!(") && text.contains("docs/protocol.md\"") && text.contains("#[test]") {
            return Ok(Vec::new());
        }
    }
    Ok(vec!["docs/protocol.md: no test under crates/ includes the page to try its examples".to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expect: &[&str]) {
        assert_eq!(check_file(Path::new(name), text), expect);
    }

    #[test]
    fn a_plain_file_has_no_faults() {
        check("a.rs", "//! A file.\n\nfn a() {}\n", &[]);
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        check("a.rs", "fn a() {}\n", &[":1: the first line must say what the file is for (`//! …`)"]);
    }

    #[test]
    fn white_space_and_line_ends_are_regular() {
        check("a.md", "one \ntwo\n", &[":1: white space at the end"]);
        check("a.md", "one", &[": must end with one line end"]);
        check("a.md", "one\n\n", &[": must end with one line end"]);
    }

    #[test]
    fn unfinished_work_is_found_in_sources_only() {
        let line = format!("//! A.\nfn a() {{ {}) }}\n", UNFINISHED[0]);
        check("a.rs", &line, &[&format!(":2: `{}`: finish it or leave it out", UNFINISHED[0])]);
        check("a.md", &line, &[]);
    }

    #[test]
    fn long_files_are_faults() {
        let text = format!("//! A.\n{}", "//\n".repeat(LINES_MAX));
        check("a.rs", &text, &[": longer than 800 lines; cut it where its subjects part"]);
    }
}
