//! Accounts, just good enough for the client: tokens that expire, are renewed and are ended. The product's own accounts
//! are tested elsewhere: they hash passwords, which a million runs cannot wait for.

use std::collections::BTreeMap;

use uuid::Uuid;
use verses_protocol::auth::{AuthProblem, AuthUser, Credentials, RefreshGrant, SessionTokens};

use super::edge::Mint;

/// Status and body.
pub(crate) type Answer = (u16, Vec<u8>);

/// Users and their tokens.
#[derive(Default)]
pub(crate) struct Accounts {
    users: BTreeMap<String, (String, Uuid)>,
    /// Access tokens: whose, and until when by the true time.
    access: BTreeMap<String, (Uuid, i64)>,
    refresh: BTreeMap<String, Uuid>,
    issued: u64,
    pub(crate) life_s: u64,
    /// Makes access tokens for the real router.
    pub(crate) mint: Option<Mint>,
}

/// The name of a user of the plan.
pub(crate) fn user_name(user: usize) -> String {
    format!("user{user}@example.org")
}

/// The id of a user of the plan, once the account exists.
pub(crate) fn user_id(user: usize) -> Uuid {
    Uuid::from_u128(0x00A0_0000_0000_0000_0000_0000_0000_0000 + user as u128)
}

impl Accounts {
    pub(crate) fn new(life_s: u64) -> Self {
        Self { life_s, ..Self::default() }
    }

    /// Whose token it is.
    pub(crate) fn user_of(&self, token: &str, now_ms: i64) -> Option<Uuid> {
        self.access.get(token).filter(|(_, until)| *until > now_ms).map(|(user, _)| *user)
    }

    pub(crate) fn expire_access_tokens(&mut self) {
        self.access.clear();
    }

    pub(crate) fn end_sessions(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    /// A token for somebody who is no device: the hostile user.
    pub(crate) fn token_for(&mut self, user: Uuid, now_ms: i64) -> String {
        self.tokens(user, "", now_ms).access_token
    }

    pub(crate) fn call(&mut self, call: &str, bearer: Option<&str>, body: &[u8], now_ms: i64) -> Answer {
        let (call, query) = call.split_once('?').unwrap_or((call, ""));
        let credentials = || serde_json::from_slice::<Credentials>(body).unwrap_or_default();
        match (call, query) {
            ("signup", _) => self.sign_up(&credentials(), now_ms),
            ("token", "grant_type=password") => {
                let given = credentials();
                let email = given.email.unwrap_or_default();
                match self.users.get(&email).cloned() {
                    Some((password, id)) if Some(&password) == given.password.as_ref() => {
                        good(&self.tokens(id, &email, now_ms))
                    }
                    _ => problem(400, "invalid_credentials", "Invalid login credentials"),
                }
            }
            ("token", _) => {
                let grant = serde_json::from_slice::<RefreshGrant>(body).map(|g| g.refresh_token).unwrap_or_default();
                match self.refresh.get(&grant).copied() {
                    // The old token stays good: an answer that is lost must not end the session.
                    Some(id) => good(&self.tokens(id, "", now_ms)),
                    None => problem(400, "refresh_token_not_found", "Invalid Refresh Token"),
                }
            }
            ("logout", scope) => match bearer.and_then(|token| self.user_of(token, now_ms)) {
                Some(user) => {
                    let this = bearer.unwrap_or_default().replace("access", "refresh");
                    let everywhere = scope == "scope=global";
                    self.refresh.retain(|token, owner| *owner != user || !(everywhere || *token == this));
                    (204, Vec::new())
                }
                None => problem(401, "bad_jwt", "invalid JWT"),
            },
            _ => problem(404, "not_found", "no such path"),
        }
    }

    fn sign_up(&mut self, given: &Credentials, now_ms: i64) -> Answer {
        let email = given.email.clone().unwrap_or_default();
        if self.users.contains_key(&email) {
            return problem(422, "user_already_exists", "User already registered");
        }
        let number = email.strip_prefix("user").and_then(|rest| rest.split('@').next()?.parse().ok());
        let id = number.map_or_else(|| Uuid::from_u128(0xB000 + self.users.len() as u128), user_id);
        self.users.insert(email.clone(), (given.password.clone().unwrap_or_default(), id));
        good(&self.tokens(id, &email, now_ms))
    }

    fn tokens(&mut self, user: Uuid, email: &str, now_ms: i64) -> SessionTokens {
        self.issued += 1;
        let minted = self.mint.as_ref().and_then(|mint| mint.token(user, self.issued, now_ms));
        let access = minted.unwrap_or_else(|| format!("access-{}", self.issued));
        let refresh = format!("refresh-{}", self.issued);
        let life_ms = i64::try_from(self.life_s * 1_000).unwrap_or(i64::MAX);
        self.access.insert(access.clone(), (user, now_ms + life_ms));
        self.refresh.insert(refresh.clone(), user);
        SessionTokens {
            access_token: access,
            token_type: "bearer".into(),
            expires_in: self.life_s,
            expires_at: u64::try_from((now_ms + life_ms) / 1_000).unwrap_or(0),
            refresh_token: refresh,
            user: AuthUser { id: user.to_string(), email: email.into(), is_anonymous: email.is_empty() },
        }
    }
}

fn good(tokens: &SessionTokens) -> Answer {
    (200, serde_json::to_vec(tokens).unwrap_or_default())
}

fn problem(status: u16, code: &str, text: &str) -> Answer {
    let (code, text) = (code.to_owned(), text.to_owned());
    let body = AuthProblem { code: code.clone(), error_code: code, message: text.clone(), msg: text };
    (status, serde_json::to_vec(&body).unwrap_or_default())
}
