//! What can be found wrong. Finding it is in `look`, `compare` and `actor`.

use std::fmt;

/// Kinds of what can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wrong {
    /// Accepted, and not there.
    Lost,
    /// There more often than it was done.
    Doubled,
    /// There, and nobody did it; or under a user who did not.
    Foreign,
    /// One half of what belongs together.
    Half,
    /// Not what the others show.
    Differs,
    /// Still waiting although nothing is in the way.
    Stuck,
    /// The file is not sound.
    Damaged,
    /// A command ended as it must not.
    Command,
}

/// Something wrong.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) wrong: Wrong,
    pub(crate) text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.wrong, self.text)
    }
}

/// Findings in the making.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    pub(crate) fn add(&mut self, wrong: Wrong, text: String) {
        self.0.push(Finding { wrong, text });
    }

    /// Adds it if something does not hold.
    pub(crate) fn unless(&mut self, holds: bool, wrong: Wrong, text: impl FnOnce() -> String) {
        if !holds {
            self.add(wrong, text());
        }
    }
}
