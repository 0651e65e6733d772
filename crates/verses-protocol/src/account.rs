//! The rights of a user over their account: all data of it, and its end.

use serde::{Deserialize, Serialize};

/// Path of the user's data (GET) and of its deletion (DELETE).
pub const ACCOUNT_PATH: &str = "/functions/v1/verse-account";
/// What a deletion must say, so that nobody deletes an account by mistake, and no page of somebody else's can.
pub const DELETE_ACCOUNT_PHRASE: &str = "delete my account";

/// Body of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteAccount {
    /// [`DELETE_ACCOUNT_PHRASE`], word for word.
    pub confirm: String,
}

impl DeleteAccount {
    /// A deletion that is meant.
    #[must_use]
    pub fn confirmed() -> Self {
        Self { confirm: DELETE_ACCOUNT_PHRASE.to_owned() }
    }
}

/// Answer to a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountDeleted {
    /// Always true: everything about the user's verses is gone.
    pub deleted: bool,
    /// Whether the account itself is gone too. It is not where accounts live on another server.
    pub account_deleted: bool,
    /// That other server, if it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_lives_at: Option<String>,
    /// Text for people.
    #[serde(default)]
    pub message: String,
}
