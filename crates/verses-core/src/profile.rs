//! The user's profile and its merge, field by field. Who the user is stands in the token, not here.

use serde::{Deserialize, Serialize};

use crate::{EventKey, Rejection, RejectionCode, UnixMillis, UpdateProfile, dates, quoted};

/// How a reference is shown during review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferenceDisplayMode {
    /// "John 3:16"
    #[default]
    Full,
    /// First letters only.
    First,
    /// Nothing.
    Blank,
}

/// A profile: each field carries the key of the update that set it; the last one in order wins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Full name.
    pub full_name: Merged<String>,
    /// Translation used when none is named ("KJV").
    pub preferred_translation: Merged<String>,
    /// How references are shown.
    pub reference_display_mode: Merged<ReferenceDisplayMode>,
    /// IANA name of the user's time zone ("Europe/Berlin").
    pub timezone: Merged<String>,
    /// The latest update merged.
    pub updated_at: Option<UnixMillis>,
}

/// A field and the key of the update that set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged<T> {
    /// The value, if any update set it.
    pub value: Option<T>,
    /// The update that set it.
    pub set_by: Option<EventKey>,
}

impl<T> Default for Merged<T> {
    fn default() -> Self {
        Self { value: None, set_by: None }
    }
}

/// Longest full name, in bytes.
pub const MAX_FULL_NAME_BYTES: usize = 200;
/// Longest name of a translation, in characters.
pub const MAX_TRANSLATION_CHARS: usize = 16;

impl<T: Clone> Merged<T> {
    fn set(&mut self, key: &EventKey, value: Option<&T>) {
        if let Some(value) = value
            && self.set_by.as_ref().is_none_or(|by| by < key)
        {
            self.value = Some(value.clone());
            self.set_by = Some(key.clone());
        }
    }

    fn take_later(&mut self, other: &Self) {
        if let Some(key) = &other.set_by {
            self.set(key, other.value.as_ref());
        }
    }
}

impl Profile {
    /// Merges one update, in whatever order updates arrive. Values are stored as [`apply`](crate::apply) stores them, so
    /// that an update from the feed and one applied here make the same profile. What is invalid is taken as it is:
    /// whoever accepted the update has checked it.
    pub fn merge(&mut self, key: &EventKey, update: &UpdateProfile) {
        let full_name = update.full_name.as_deref().map(|name| name.trim().to_owned());
        let translation = update.preferred_translation.as_deref();
        let translation = translation.map(|typed| translation_name(typed).unwrap_or_else(|_| typed.to_owned()));
        self.full_name.set(key, full_name.as_ref());
        self.preferred_translation.set(key, translation.as_ref());
        self.reference_display_mode.set(key, update.reference_display_mode.as_ref());
        self.timezone.set(key, update.timezone.as_ref());
        self.updated_at = self.updated_at.max(Some(key.occurred_at));
    }

    /// Merges another profile of the same person, field by field.
    pub fn merge_profile(&mut self, other: &Self) {
        self.full_name.take_later(&other.full_name);
        self.preferred_translation.take_later(&other.preferred_translation);
        self.reference_display_mode.take_later(&other.reference_display_mode);
        self.timezone.take_later(&other.timezone);
        self.updated_at = self.updated_at.max(other.updated_at);
    }
}

/// Checks the fields of an update.
pub(crate) fn validate(update: &UpdateProfile) -> Result<(), Rejection> {
    let wrong = |message: String| Rejection { code: RejectionCode::ValidationFailed, message };
    if let Some(name) = &update.full_name {
        if name.len() > MAX_FULL_NAME_BYTES {
            return Err(wrong(format!("fullName has {} bytes: shorten it to {MAX_FULL_NAME_BYTES}", name.len())));
        }
        if name.chars().any(char::is_control) {
            return Err(wrong("fullName has a line break or another control character: write it on one line".into()));
        }
    }
    if let Some(zone) = &update.timezone {
        dates::validate_time_zone(zone)?;
    }
    if let Some(typed) = &update.preferred_translation {
        translation_name(typed).map_err(|e| wrong(format!("preferredTranslation: {}", e.message)))?;
    }
    Ok(())
}

/// The name of a translation as it is stored: upper case, letters, digits and hyphens.
///
/// # Errors
/// A [`Rejection`] when it is empty, too long or has other characters.
pub fn translation_name(typed: &str) -> Result<String, Rejection> {
    let name = typed.trim().to_ascii_uppercase();
    let good = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if name.is_empty() || name.len() > MAX_TRANSLATION_CHARS || !good {
        let shown: String = typed.chars().take(MAX_TRANSLATION_CHARS + 1).collect();
        let message = format!(
            "translation {} is no name of a translation: use 1 to {MAX_TRANSLATION_CHARS} letters, digits and hyphens, e.g. KJV",
            quoted(&shown)
        );
        return Err(Rejection { code: RejectionCode::ValidationFailed, message });
    }
    Ok(name)
}
