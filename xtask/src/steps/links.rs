//! Links in the Markdown pages lead to files and headings that exist.

use crate::tree::Tree;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Faults of all pages. Addresses of the web are not tried: a page elsewhere must not fail a build here.
pub(crate) fn check(tree: &Tree, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for page in files.iter().filter(|file| file.extension().is_some_and(|e| e == "md")) {
        let text = tree.read(page)?;
        for (number, target) in links(&text) {
            if let Some(fault) = follow(tree, page, &text, &target) {
                faults.push(format!("{}:{number}: {fault}", page.display()));
            }
        }
    }
    Ok(faults)
}

/// What is wrong with a link, if anything.
fn follow(tree: &Tree, page: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.to_path_buf() } else { resolve(page.parent()?, path) };
    if !tree.root.join(&file).exists() {
        return Some(format!("the link to `{target}` leads nowhere"));
    }
    if anchor.is_empty() || file.extension().is_none_or(|e| e != "md") {
        return None;
    }
    let found = if path.is_empty() { anchors(text) } else { anchors(&tree.read(&file).ok()?) };
    (!found.contains(anchor)).then(|| format!("{} has no heading for `#{anchor}`", file.display()))
}

/// A relative path seen from a directory, without `..`.
fn resolve(directory: &Path, path: &str) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

/// Lines of a page outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Targets of `[text](target)`, with their line numbers. Code in backquotes has no links.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for (at, _) in plain.match_indices("](") {
            if let Some((target, _)) = plain[at + 2..].split_once(')') {
                found.push((number, target.split(' ').next().unwrap_or_default().to_owned()));
            }
        }
    }
    found
}

/// The names under which headings can be linked to, as the usual viewers make them: lower case, punctuation dropped,
/// spaces as hyphens.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        found.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let page = "[a](b.md) and `[no](c.md)` ![d](e.png \"title\")\n```\n[no](f.md)\n```\n[g](#h)\n";
        let expect = [(1, "b.md"), (1, "e.png"), (5, "#h")].map(|(n, t)| (n, t.to_owned()));
        assert_eq!(links(page), expect);
    }

    #[test]
    fn anchors_are_made_of_headings() {
        let page = "# The chat protocol, `stoa.chat.v1`\n## Opening: `hello` and `welcome`\n";
        let expect = ["opening-hello-and-welcome", "the-chat-protocol-stoachatv1"];
        assert_eq!(anchors(page).into_iter().collect::<Vec<_>>(), expect);
    }

    #[test]
    fn paths_are_seen_from_the_page() {
        assert_eq!(resolve(Path::new("docs"), "../README.md"), Path::new("README.md"));
        assert_eq!(resolve(Path::new(""), "docs/./a.md"), Path::new("docs/a.md"));
    }
}
