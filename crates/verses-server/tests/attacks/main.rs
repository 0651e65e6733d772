//! Attacks on a server on the open internet, over HTTP, against the databases people use. Whatever is sent, the answer is
//! a typed refusal or the sender's own data, never a 5xx, and the server serves the next user as before.
//!
//! Where each attack stands; the other files are beside this folder:
//!
//! | attack | here | elsewhere |
//! |---|---|---|
//! | `alg` none, other algorithms, no signature, cut tokens | | `auth_tokens`, `src/auth/verify/tests` |
//! | a public key as a shared secret, in every form it has | `tokens` | RSA: `src/auth/verify/tests` |
//! | a signature of zeros | `tokens` | in the encoding of certificates: `src/auth/verify/tests` |
//! | expired, not yet valid, wrong audience, issuer, role, subject | | `auth_tokens`, `auth_keys`, `src/auth/verify/tests` |
//! | tricks with `kid`; keys and addresses of keys in the head | `tokens` | `src/auth/verify/tests` |
//! | unknown `kid` in masses | | `src/auth/ring/tests` |
//! | huge and misshapen tokens | `tokens` | |
//! | refresh tokens that are guessed, altered or used again | `tokens` | `auth_flow` |
//! | another user's ids in every field, another user's cursor | `identity` | SQL under one's own identity: `postgres_rls` |
//! | replay of another user's operations | `identity` | |
//! | fields nobody offered (mass assignment) | `identity` | user ids: `http_operations` |
//! | poisoning what all users share | `identity` | `service_texts` |
//! | gzip and zstd bombs, nested and unknown codings | `codings` | limits: `http_bodies`; memory: `http_memory` |
//! | deep JSON, names twice, numbers, NaN, lone surrogates | `json` | `src/http/json` |
//! | SQL, script, unicode and U+0000 in every text | `texts` | |
//! | path tricks | `paths` | `http_browsers` |
//! | header tricks, request smuggling | `heads` | sizes: `http_connections`; proxies: `http_limits` |
//! | slow senders and readers, floods of connections | | `http_connections`, `http_memory`, `http_hangup` |
//! | guessing passwords, telling users apart | | `auth_flow` |
//! | calls from other origins | | `http_browsers` |
//! | secrets in logs | | `http_logs` |
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "../common/http.rs"]
mod http;
#[path = "../postgres_common/mod.rs"]
mod postgres_common;
#[path = "../common/raw.rs"]
mod raw;

mod codings;
mod heads;
mod identity;
mod json;
mod paths;
mod target;
mod texts;
mod tokens;
