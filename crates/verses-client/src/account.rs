//! Accounts: sign up, in and out, refresh of tokens, and adoption of what was done as a guest.

use litemap::LiteMap;
use verses_core::{CardEvent, VerseId, fold, sorted};
use verses_json::{JsonError, json_write, to_bytes};
use verses_protocol::auth::{AUTH_PATH, RefreshGrant, SessionTokens};
use verses_store::{GUEST, LocalStore, StoreChange, StoreError, meta_key};

use crate::answer;
use crate::error::ClientError;
use crate::platform::Platform;
use crate::service::DataService;
use crate::session::Session;
use crate::transport::{Method, Request, Transport};

/// How often adoption is decided anew when another process writes meanwhile.
const MAX_TRIES: u32 = 50;

/// Body of signing up and in. Without e-mail and password an anonymous user is made.
struct Credentials<'a> {
    email: Option<&'a str>,
    password: Option<&'a str>,
}

json_write! { Credentials<'_> { email: "email" opt, password: "password" opt } }

/// What signing in did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// Verses taken over from the guest.
    pub adopted_verses: usize,
    /// Queued operations taken over from the guest.
    pub adopted_operations: u64,
}

/// What signing out left on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedOut {
    /// Operations that wait on this device until the same user signs in again.
    pub parked_operations: u64,
    /// Whether the server was told.
    pub server_told: bool,
}

impl<S: LocalStore, T: Transport, P: Platform> DataService<S, T, P> {
    /// The session on this device, if there is one; its tokens may be gone.
    ///
    /// # Errors
    /// [`ClientError::Store`], or [`ClientError::Unreadable`] for a damaged value.
    pub async fn session(&self) -> Result<Option<Session>, ClientError> {
        let Some(text) = self.store.meta(meta_key::SESSION).await? else { return Ok(None) };
        let unreadable = |e: JsonError| ClientError::Unreadable { what: "the session".into(), reason: e.to_string() };
        verses_json::read(text.as_bytes()).map(Some).map_err(unreadable)
    }

    /// Owner of what is done on this device now: the signed-in user, else the guest.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn owner(&self) -> Result<String, ClientError> {
        Ok(self.session().await?.map_or_else(|| GUEST.to_owned(), |s| s.user_id))
    }

    /// Makes an account and signs in; without e-mail and password an anonymous one.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the server's reason; errors of network and store.
    pub async fn sign_up(&self, email: Option<&str>, password: Option<&str>) -> Result<SignedIn, ClientError> {
        let body = Credentials { email, password };
        self.sign_in_at(&format!("{AUTH_PATH}/signup"), &body).await
    }

    /// Signs in with e-mail and password.
    ///
    /// # Errors
    /// As [`Self::sign_up`].
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<SignedIn, ClientError> {
        let body = Credentials { email: Some(email), password: Some(password) };
        self.sign_in_at(&format!("{AUTH_PATH}/token?grant_type=password"), &body).await
    }

    async fn sign_in_at(&self, path: &str, body: &Credentials<'_>) -> Result<SignedIn, ClientError> {
        let tokens = self.auth_call(path, to_bytes(body)).await?;
        let session = Session::from_tokens(tokens, self.platform.now_ms());
        self.adopt(session).await
    }

    async fn auth_call(&self, path: &str, body: Vec<u8>) -> Result<SessionTokens, ClientError> {
        let request = Request { method: Method::Post, path: path.into(), bearer: None, body: Some(body) };
        let response = self.transport.send(request, None).await?;
        // Only these are verdicts on what was asked. A missing path or a conflict is somebody else's server, or a fault.
        answer::read(&response).map_err(|error| match error {
            ClientError::Server { status: 400 | 401 | 403 | 422, code, message } => {
                ClientError::Refused { code, message }
            }
            other => other,
        })
    }

    /// Stores the session and moves the guest's rows to its user, in one transaction.
    async fn adopt(&self, session: Session) -> Result<SignedIn, ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            let (changes, adopted_verses, adopted_operations) = self.adoption(&session).await?;
            match self.store.commit(Some(base), changes).await {
                Ok(_) => return Ok(SignedIn { session, adopted_verses, adopted_operations }),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    async fn adoption(&self, session: &Session) -> Result<(Vec<StoreChange>, usize, u64), ClientError> {
        let user = &session.user_id;
        let mut changes = vec![put_session(session)];
        let guest_cards = self.store.cards(GUEST).await?;
        let totals = self.store.queue_totals(GUEST).await?;
        let ids: Vec<VerseId> = guest_cards.iter().map(|c| c.verse_id).collect();
        let own = sorted(self.store.cards(user).await?.iter().map(|c| c.verse_id));
        changes.push(StoreChange::MoveOwner { from: GUEST.into(), to: user.clone() });
        let shared: Vec<VerseId> = ids.iter().copied().filter(|id| own.binary_search(id).is_ok()).collect();
        let mut events: LiteMap<VerseId, Vec<CardEvent>> = LiteMap::new();
        for owner in [GUEST, user.as_str()] {
            for stored in self.store.events_of(owner, &shared).await? {
                events.entry(stored.event.verse_id).or_default().push(stored.event);
            }
        }
        for (verse_id, events) in events {
            if let Some(card) = fold(verse_id, events) {
                changes.push(StoreChange::PutCard { owner: user.clone(), card });
            }
        }
        let mut profile = self.store.profile(user).await?;
        profile.merge_profile(&self.store.profile(GUEST).await?);
        changes.push(StoreChange::PutProfile { owner: user.clone(), profile });
        Ok((changes, ids.len(), totals.waiting.saturating_add(totals.failed)))
    }

    /// Ends the session on this device. What waits stays, parked with its owner; it is never sent under another account.
    ///
    /// # Errors
    /// Errors of the store. A server that cannot be reached is no error: the tokens are forgotten here.
    pub async fn sign_out(&self, everywhere: bool) -> Result<SignedOut, ClientError> {
        self.leave(everywhere, false).await
    }

    /// Signs out, and removes everything of the user from this device, what waits in the queue included.
    ///
    /// # Errors
    /// As [`Self::sign_out`].
    pub async fn sign_out_and_remove(&self, everywhere: bool) -> Result<SignedOut, ClientError> {
        self.leave(everywhere, true).await
    }

    async fn leave(&self, everywhere: bool, removes: bool) -> Result<SignedOut, ClientError> {
        let Some(session) = self.session().await? else { return Err(ClientError::SignInNeeded) };
        let totals = self.store.queue_totals(&session.user_id).await?;
        let server_told = self.tell_of_sign_out(everywhere).await?;
        if removes {
            self.forget(&session.user_id).await?;
            return Ok(SignedOut { parked_operations: 0, server_told });
        }
        self.store.commit(None, vec![StoreChange::DeleteMeta { key: meta_key::SESSION.into() }]).await?;
        Ok(SignedOut { parked_operations: totals.waiting.saturating_add(totals.failed), server_told })
    }

    /// Whether the server knows: it was told, or it had ended the session itself.
    async fn tell_of_sign_out(&self, everywhere: bool) -> Result<bool, ClientError> {
        let session = match self.fresh_session().await {
            Ok(session) => session,
            Err(ClientError::SignInNeeded) => return Ok(true),
            Err(ClientError::Store(error)) => return Err(error.into()),
            Err(_) => return Ok(false),
        };
        let scope = if everywhere { "global" } else { "local" };
        let request = Request {
            method: Method::Post,
            path: format!("{AUTH_PATH}/logout?scope={scope}"),
            bearer: Some(session.access_token),
            body: None,
        };
        Ok(self.transport.send(request, None).await.is_ok_and(|r| (200..300).contains(&r.status)))
    }

    /// A session whose access token will do for a request now, refreshed if it must be.
    ///
    /// # Errors
    /// [`ClientError::SignInNeeded`] when nobody is signed in or the server has ended the session; errors of the network.
    pub async fn fresh_session(&self) -> Result<Session, ClientError> {
        let session = self.session().await?.filter(Session::is_usable).ok_or(ClientError::SignInNeeded)?;
        if session.needs_refresh(self.platform.now_ms(), self.config.token_refresh_margin_ms) {
            self.refresh(session).await
        } else {
            Ok(session)
        }
    }

    /// Gets the next access token. Only the server's verdict on the token itself ends the session; a busy or absent
    /// server leaves it as it is.
    ///
    /// # Errors
    /// As [`Self::fresh_session`].
    pub async fn refresh(&self, session: Session) -> Result<Session, ClientError> {
        let grant = RefreshGrant { refresh_token: session.refresh_token.clone() };
        match self.auth_call(&format!("{AUTH_PATH}/token?grant_type=refresh_token"), to_bytes(&grant)).await {
            Ok(tokens) if tokens.user.id == session.user_id => {
                let next = Session::from_tokens(tokens, self.platform.now_ms());
                self.replace_session(&session, next).await
            }
            Ok(_) | Err(ClientError::Refused { .. }) => {
                let ended = session.clone().ended();
                self.replace_session(&session, ended).await
            }
            Err(error) => Err(error),
        }
    }

    /// Stores `next` if the session on this device is still `old`. If another process has renewed it, its tokens are
    /// the good ones; if it has signed out or changed the account, that stands.
    async fn replace_session(&self, old: &Session, next: Session) -> Result<Session, ClientError> {
        for _ in 0..MAX_TRIES {
            let base = self.store.revision().await?;
            match self.session().await? {
                Some(stored) if stored.refresh_token == old.refresh_token => {}
                Some(stored) if stored.user_id == old.user_id && stored.is_usable() => return Ok(stored),
                _ => return Err(ClientError::SignInNeeded),
            }
            match self.store.commit(Some(base), vec![put_session(&next)]).await {
                Ok(_) if next.is_usable() => return Ok(next),
                Ok(_) => return Err(ClientError::SignInNeeded),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

fn put_session(session: &Session) -> StoreChange {
    StoreChange::PutMeta { key: meta_key::SESSION.into(), value: verses_json::to_text(session) }
}
