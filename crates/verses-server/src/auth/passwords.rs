//! Password hashing: Argon2id, off the async threads, so many at once as there are cores. More than may wait are shed.

use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use super::error::AuthError;

/// Longest password, in bytes: the limit of the hashes that accounts may be exported with.
pub(super) const MAX_PASSWORD_BYTES: usize = 72;
/// Shortest password, in characters.
pub(super) const MIN_PASSWORD_CHARS: usize = 6;
/// How many may wait for each one that is being hashed.
const WAITING_PER_CORE: usize = 32;

/// The work on passwords at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// Being hashed.
    pub working: usize,
    /// Waiting for it.
    pub waiting: usize,
}

/// Hashes and checks passwords.
#[derive(Debug, Clone)]
pub(super) struct Passwords {
    cores: usize,
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Hash of no password: checked for unknown users, so that an answer's time does not tell who has an account.
    decoy: Arc<str>,
}

impl Passwords {
    pub(super) fn new() -> Result<Self, AuthError> {
        let cores = available_cores();
        Ok(Self {
            cores,
            working: Arc::new(Semaphore::new(cores)),
            waiting: Arc::new(Semaphore::new(cores * WAITING_PER_CORE)),
            decoy: decoy()?,
        })
    }

    pub(super) async fn hash(&self, password: &str) -> Result<String, AuthError> {
        let password = password.to_owned();
        self.run(move || hash_now(&password)).await?
    }

    /// Whether the password fits; without a hash the work is the same and the answer no.
    pub(super) async fn fits(&self, password: &str, hash: Option<&str>) -> Result<bool, AuthError> {
        let known = hash.is_some();
        let hash = hash.map_or_else(|| self.decoy.to_string(), str::to_owned);
        let password = password.to_owned();
        let fits = self.run(move || {
            let parsed = PasswordHash::new(&hash);
            parsed.is_ok_and(|h| Argon2::default().verify_password(password.as_bytes(), &h).is_ok())
        });
        Ok(fits.await? && known)
    }

    /// How many passwords are being hashed, and how many wait for it.
    pub(super) fn queue(&self) -> Hashing {
        let cores = self.cores;
        let working = cores.saturating_sub(self.working.available_permits());
        let here = (cores * WAITING_PER_CORE).saturating_sub(self.waiting.available_permits());
        Hashing { working, waiting: here.saturating_sub(working) }
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AuthError> {
        let _place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| AuthError::Busy)?;
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(|_| AuthError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| AuthError::Busy)
    }
}

fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}

/// A password that is to become a user's, hashed once however often the change is tried.
pub(super) struct NewPassword {
    password: String,
    hash: Option<String>,
    /// The hash it was compared with.
    unlike: Option<String>,
}

impl NewPassword {
    pub(super) fn new(password: String) -> Self {
        Self { password, hash: None, unlike: None }
    }

    /// Its hash, if it may be a password and is not the one of `current`.
    pub(super) async fn hash_unlike(
        &mut self,
        current: Option<String>,
        passwords: &Passwords,
    ) -> Result<String, AuthError> {
        validate(&self.password)?;
        // Its own hash is there when this very change was made, and the database could not say so.
        let compared = current == self.unlike || current == self.hash;
        if !compared && passwords.fits(&self.password, current.as_deref()).await? {
            return Err(AuthError::SamePassword);
        }
        self.unlike = current;
        let hash = match self.hash.take() {
            Some(hash) => hash,
            None => passwords.hash(&self.password).await?,
        };
        self.hash = Some(hash.clone());
        Ok(hash)
    }
}

/// Made once in a process: it costs as much as a sign-in.
fn decoy() -> Result<Arc<str>, AuthError> {
    static DECOY: OnceLock<Arc<str>> = OnceLock::new();
    if let Some(made) = DECOY.get() {
        return Ok(Arc::clone(made));
    }
    let made: Arc<str> = hash_now("no password at all")?.into();
    Ok(Arc::clone(DECOY.get_or_init(|| made)))
}

fn hash_now(password: &str) -> Result<String, AuthError> {
    // The salt comes from the operating system. Nothing a user sends can make hashing fail.
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|_| AuthError::Busy)?;
    Ok(hash.to_string())
}

/// Checks a new password.
pub(super) fn validate(password: &str) -> Result<(), AuthError> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(AuthError::Validation(format!("Password cannot be longer than {MAX_PASSWORD_BYTES} bytes")));
    }
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(AuthError::WeakPassword { min: MIN_PASSWORD_CHARS });
    }
    Ok(())
}
