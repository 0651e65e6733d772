//! Calls about the account and the profile.

use verses_client::{Platform, ProfileChange, Session, Transport};
use verses_core::{DEFAULT_TRANSLATION, ReferenceDisplayMode};
use verses_json::{json_read, json_write};
use verses_store::LocalStore;

use crate::app::App;
use crate::wire::EngineError;

/// Who is signed in.
#[derive(Debug)]
pub(crate) struct AccountView {
    kind: &'static str,
    email: String,
    signed_in: bool,
}

json_write! { AccountView { kind: "kind", email: "email", signed_in: "signedIn" } }

/// The profile.
#[derive(Debug)]
pub(crate) struct ProfileView {
    full_name: String,
    translation: String,
    display_mode: ReferenceDisplayMode,
    timezone: String,
}

json_write! { ProfileView {
    full_name: "fullName",
    translation: "translation",
    display_mode: "displayMode",
    timezone: "timezone",
} }

/// Arguments of `updateProfile`.
#[derive(Debug)]
pub(crate) struct Changed {
    full_name: Option<String>,
    translation: Option<String>,
    display_mode: Option<ReferenceDisplayMode>,
    timezone: Option<String>,
}

json_read! { Changed {
    full_name: "fullName",
    translation: "translation",
    display_mode: "displayMode",
    timezone: "timezone",
} }

/// Arguments of `signUp` and `signIn`.
pub(crate) struct Credentials {
    email: String,
    password: String,
}

json_read! { Credentials { email: "email", password: "password" } }

impl std::fmt::Debug for Credentials {
    // The password must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// Arguments of `signOut`.
#[derive(Debug)]
pub(crate) struct Leaving {
    everywhere: bool,
    /// Whether to remove what this device holds of the account, unsent work among it.
    forget: bool,
}

json_read! { Leaving { everywhere: "everywhere", forget: "forget" } }

/// What signing in did.
#[derive(Debug)]
pub(crate) struct SignedIn {
    adopted_verses: usize,
    adopted_operations: u64,
}

json_write! { SignedIn { adopted_verses: "adoptedVerses", adopted_operations: "adoptedOperations" } }

/// What signing out did.
#[derive(Debug)]
pub(crate) struct SignedOut {
    parked_operations: u64,
    server_told: bool,
}

json_write! { SignedOut { parked_operations: "parkedOperations", server_told: "serverTold" } }

impl From<Option<Session>> for AccountView {
    fn from(session: Option<Session>) -> Self {
        match session {
            None => Self { kind: "guest", email: String::new(), signed_in: false },
            Some(session) => Self {
                kind: if session.is_anonymous { "anonymous" } else { "user" },
                signed_in: session.is_usable(),
                email: session.email,
            },
        }
    }
}

impl<S: LocalStore, T: Transport, P: Platform> App<S, T, P> {
    pub(crate) async fn profile(&self) -> Result<ProfileView, EngineError> {
        let service = self.service();
        let profile = service.profile().await?;
        Ok(ProfileView {
            full_name: profile.full_name.value.unwrap_or_default(),
            translation: profile.preferred_translation.value.unwrap_or_else(|| DEFAULT_TRANSLATION.to_owned()),
            display_mode: profile.reference_display_mode.value.unwrap_or_default(),
            timezone: profile.timezone.value.unwrap_or_else(|| service.config().time_zone.clone()),
        })
    }

    pub(crate) async fn update_profile(&self, changed: Changed) -> Result<ProfileView, EngineError> {
        let change = ProfileChange {
            full_name: changed.full_name,
            preferred_translation: changed.translation,
            reference_display_mode: changed.display_mode,
            timezone: changed.timezone,
        };
        self.service().update_profile(change).await?;
        self.profile().await
    }

    pub(crate) async fn sign_up(&self, credentials: Credentials) -> Result<SignedIn, EngineError> {
        let Credentials { email, password } = credentials;
        let done = self.service().sign_up(Some(email.trim()), Some(&password)).await?;
        self.signed_in(done).await
    }

    pub(crate) async fn sign_in(&self, credentials: Credentials) -> Result<SignedIn, EngineError> {
        let Credentials { email, password } = credentials;
        let done = self.service().sign_in(email.trim(), &password).await?;
        self.signed_in(done).await
    }

    async fn signed_in(&self, done: verses_client::SignedIn) -> Result<SignedIn, EngineError> {
        // Nothing depends on the limits: without them the usual ones hold.
        drop(self.service().refresh_limits().await);
        Ok(SignedIn { adopted_verses: done.adopted_verses, adopted_operations: done.adopted_operations })
    }

    pub(crate) async fn sign_out(&self, leaving: Leaving) -> Result<SignedOut, EngineError> {
        let service = self.service();
        let done = if leaving.forget {
            service.sign_out_and_remove(leaving.everywhere).await?
        } else {
            service.sign_out(leaving.everywhere).await?
        };
        Ok(SignedOut { parked_operations: done.parked_operations, server_told: done.server_told })
    }

    pub(crate) async fn delete_account(&self) -> Result<(), EngineError> {
        self.service().delete_account().await?;
        Ok(())
    }
}
