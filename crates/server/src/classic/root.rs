//! What the classic room shows at `/`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest page of somebody else's that is taken, in bytes.
const PAGE_BYTES_MAX: u64 = 1024 * 1024;

/// What stands in the course's page for the id of its game.
const PLACEHOLDER: &str = "thegameid";

/// That the classic room is also at `/`, and with which page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassicRoot {
    page: Option<Arc<ForeignPage>>,
}

/// A page whose first `thegameid` becomes the id of a game: what is before it, and what is behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForeignPage {
    before: String,
    behind: String,
}

/// Why a page cannot be used.
#[derive(Debug)]
pub enum RootError {
    /// It cannot be read as text.
    Unreadable(PathBuf, std::io::Error),
    /// It has more than 1 MiB.
    TooLong(PathBuf),
    /// It has no place for the id of a game.
    NoPlaceholder(PathBuf),
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read the page {}: {error}", path.display()),
            Self::TooLong(path) => {
                write!(f, "the page {} is longer than {PAGE_BYTES_MAX} bytes", path.display())
            }
            Self::NoPlaceholder(path) => {
                write!(
                    f,
                    "the page {} has no `{PLACEHOLDER}`, which the id of the game would replace",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for RootError {}

impl ClassicRoot {
    /// With the page that is at `/classic`.
    pub fn own() -> Self {
        Self::default()
    }

    /// With the page in this file, such as the course's own. It is read once, here.
    ///
    /// # Errors
    ///
    /// [`RootError`] says what is wrong with the file.
    pub fn from_file(path: &Path) -> Result<Self, RootError> {
        let unreadable = |error| RootError::Unreadable(path.to_owned(), error);
        if std::fs::metadata(path).map_err(unreadable)?.len() > PAGE_BYTES_MAX {
            return Err(RootError::TooLong(path.to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let parts = text.split_once(PLACEHOLDER);
        let (before, behind) = parts.ok_or_else(|| RootError::NoPlaceholder(path.to_owned()))?;
        Ok(Self { page: Some(Arc::new(ForeignPage { before: before.into(), behind: behind.into() })) })
    }

    pub(crate) fn page(&self) -> Option<&ForeignPage> {
        self.page.as_deref()
    }
}

impl ForeignPage {
    /// The page for a game.
    pub(crate) fn of(&self, game: &str) -> String {
        [&self.before, game, &self.behind].concat()
    }
}
