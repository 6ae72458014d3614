//! Paths: patterns of routes, and targets of requests read in the one way that backends agree on.
//!
//! A route that protects `/admin` must not be passed by `/x/../admin`, `/%61dmin` or `//admin`. So segments are compared
//! after decoding, and paths which servers are known to read in different ways are refused before any route is looked at:
//! dot segments, empty segments, and encoded slashes, backslashes and zero bytes.

use super::Refusal;
use std::borrow::Cow;

/// Segments of a path; one with more is refused.
pub const SEGMENTS_MAX: usize = 64;

/// A request's target, taken apart and decoded.
#[derive(Debug, Default)]
pub struct Target<'a> {
    segments: Vec<Cow<'a, str>>,
    query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads a target: `*`, or a path with or without a query.
    ///
    /// # Errors
    ///
    /// [`Refusal::AMBIGUOUS_PATH`].
    pub fn read(target: &'a str) -> Result<Self, Refusal> {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        if path == "*" {
            return Ok(Self { segments: vec![Cow::Borrowed("*")], query });
        }
        let path = path.strip_prefix('/').ok_or(Refusal::AMBIGUOUS_PATH)?;
        let count = path.split('/').count();
        if count > SEGMENTS_MAX {
            return Err(Refusal::AMBIGUOUS_PATH);
        }
        let segment = |(index, segment): (usize, &'a str)| {
            if segment.is_empty() && index + 1 < count {
                return Err(Refusal::AMBIGUOUS_PATH);
            }
            let segment = decoded(segment, false).filter(|segment| is_plain(segment));
            segment.ok_or(Refusal::AMBIGUOUS_PATH)
        };
        let segments = path.split('/').enumerate().map(segment).collect::<Result<_, _>>()?;
        Ok(Self { segments, query })
    }

    /// The decoded value of the first parameter with this name, if it can be decoded.
    pub fn parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        let pairs = self.query.into_iter().flat_map(|query| query.split('&'));
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .filter(|(key, _)| decoded(key, true).is_some_and(|key| key == name))
            .find_map(|(_, value)| decoded(value, true))
    }
}

/// Whether a decoded segment is the same for every server.
fn is_plain(segment: &str) -> bool {
    // Java servers take away what stands behind a semicolon before they look for dots.
    let bare = segment.split(';').next().unwrap_or_default();
    !matches!(bare, "." | "..") && !segment.contains(['/', '\\', '\0'])
}

/// Percent-decoding. None for a broken escape or what is not UTF-8.
fn decoded(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// A route's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    segments: Vec<Segment>,
    /// Ends with `*`: whatever is below fits too.
    open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Placeholder(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what to write.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let path =
            text.strip_prefix('/').ok_or("a path begins with /, such as `/v1/match/{id}` or `/chat/*`")?;
        let mut parts: Vec<&str> = path.split('/').collect();
        let open = parts.last() == Some(&"*");
        if open {
            parts.pop();
        }
        let mut segments = Vec::with_capacity(parts.len());
        for (index, part) in parts.iter().enumerate() {
            segments.push(segment(part, index + 1 == parts.len() && !open)?);
        }
        if segments.len() > SEGMENTS_MAX {
            return Err(format!("at most {SEGMENTS_MAX} segments"));
        }
        let names: Vec<&String> = segments.iter().filter_map(Segment::placeholder).collect();
        if (1..names.len()).any(|at| names[..at].contains(&names[at])) {
            return Err("two placeholders have the same name".to_owned());
        }
        Ok(Self { segments, open })
    }

    /// What no path fits: every target has at least one segment.
    pub(super) fn nothing() -> Self {
        Self { segments: Vec::new(), open: false }
    }

    /// Whether a path is one of those that are meant.
    pub(super) fn fits(&self, target: &Target<'_>) -> bool {
        let mut theirs = target.segments.as_slice();
        if self.open {
            // `/chat/*` is `/chat`, `/chat/` and all below.
            if theirs.len() < self.segments.len() {
                return false;
            }
            theirs = &theirs[..self.segments.len()];
        }
        theirs.len() == self.segments.len()
            && self.segments.iter().zip(theirs).all(|(mine, theirs)| mine.fits(theirs))
    }

    /// What stands in a placeholder.
    pub(super) fn value<'t>(&self, target: &'t Target<'_>, name: &str) -> Option<&'t str> {
        let at = self
            .segments
            .iter()
            .position(|segment| segment.placeholder().is_some_and(|mine| mine == name))?;
        target.segments.get(at).map(AsRef::as_ref)
    }
}

impl Segment {
    fn placeholder(&self) -> Option<&String> {
        match self {
            Self::Placeholder(name) => Some(name),
            Self::Text(_) => None,
        }
    }

    fn fits(&self, theirs: &str) -> bool {
        match self {
            Self::Text(mine) => mine == theirs,
            Self::Placeholder(_) => !theirs.is_empty(),
        }
    }
}

fn segment(part: &str, last: bool) -> Result<Segment, String> {
    if let Some(inner) = part.strip_prefix('{') {
        let name =
            inner.strip_suffix('}').ok_or_else(|| format!("`{part}` is not closed: write {{name}}"))?;
        let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return if fits {
            Ok(Segment::Placeholder(name.to_owned()))
        } else {
            Err(format!("`{part}`: the name of a placeholder has letters, digits and `_`"))
        };
    }
    if part.is_empty() && !last {
        return Err("a segment is empty".to_owned());
    }
    if part.contains(['*', '{', '}', '?', '#', '%', '\\', '\0']) || !is_plain(part) {
        return Err(format!("`{part}`: write segments as they are decoded; `*` is only for a last segment"));
    }
    Ok(Segment::Text(part.to_owned()))
}

/// Whether a path of a route can be read.
///
/// # Errors
///
/// What is wrong with it, and what to write.
pub(crate) fn check_path(text: &str) -> Result<(), String> {
    Pattern::read(text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, fits: &[&str], not: &[&str]) {
        let pattern = Pattern::read(pattern).unwrap();
        for path in fits {
            assert!(pattern.fits(&Target::read(path).unwrap()), "{path}");
        }
        for path in not {
            assert!(!pattern.fits(&Target::read(path).unwrap()), "{path}");
        }
    }

    #[test]
    fn patterns_fit_whole_paths() {
        check("/*", &["/", "/a", "/a/b?c", "*"], &[]);
        check("/", &["/", "/?q"], &["/a", "*"]);
        check("/chat/*", &["/chat", "/chat/", "/chat/a/b", "/ch%61t/a"], &["/chats", "/", "/Chat/"]);
        check(
            "/v1/match/{id}",
            &["/v1/match/7", "/v1/match/a%20b?x=1"],
            &["/v1/match", "/v1/match/", "/v1/match/7/"],
        );
        check("/v1/match/{id}/*", &["/v1/match/7", "/v1/match/7/x/y"], &["/v1/match", "/v1/match/"]);
    }

    #[test]
    fn p11_paths_that_servers_read_differently_are_refused() {
        for path in [
            "/a/../b",
            "/..",
            "/./a",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "//a",
            "/a//b",
            "/a/..;/b",
            "/a/..;x=1/b",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%ff",
            "a",
            "",
        ] {
            assert_eq!(Target::read(path).unwrap_err(), Refusal::AMBIGUOUS_PATH, "{path}");
        }
        assert!(Target::read(&"/a".repeat(SEGMENTS_MAX + 1)).is_err());
        assert!(Target::read(&"/a".repeat(SEGMENTS_MAX)).is_ok());
    }

    #[test]
    fn placeholders_and_parameters_are_decoded() {
        let pattern = Pattern::read("/v1/match/{id}").unwrap();
        let target = Target::read("/v1/match/a%20b?gameId=c+d%2B&x&gameId=other").unwrap();
        assert_eq!(pattern.value(&target, "id"), Some("a b"));
        assert_eq!(pattern.value(&target, "other"), None);
        assert_eq!(target.parameter("gameId").as_deref(), Some("c d+"));
        assert_eq!(target.parameter("x").as_deref(), Some(""));
        assert_eq!(target.parameter("y"), None);
    }

    #[test]
    fn wrong_patterns_say_what_to_write() {
        for wrong in
            ["", "a", "/a//b", "/a/*/b", "/{", "/{}", "/{a b}", "/{a}/{a}", "/a*", "/..", "/%61", "/a?b"]
        {
            assert!(Pattern::read(wrong).is_err(), "{wrong}");
        }
    }
}
