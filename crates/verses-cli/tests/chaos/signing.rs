//! Signing up, in and out on a device while processes are killed and answers lost.

use crate::actor::{Actor, Plan};
use crate::finding::Wrong;

/// How often signing in may fail before it counts as impossible.
const TRIES: u32 = 200;

impl Actor {
    /// Signs in to an account of the device, makes it if it is not there, and goes on until the store says so.
    pub(crate) fn sign_in(&mut self, account: usize) {
        for _ in 0..TRIES {
            if self.signed_in && self.current == account {
                return;
            }
            let is_new = self.accounts[account].user.is_none();
            // Whichever device comes first makes the account; the others are refused and sign in.
            let command = if is_new && self.rng.percent(50) { "signup" } else { "login" };
            let email = self.accounts[account].email.clone();
            // Where nobody is known yet, it is this account that is being signed in.
            self.current = account;
            let begun = self.begin(Plan::new(command, &["--email", &email], ()));
            self.end(begun);
        }
        let email = self.accounts[account].email.clone();
        self.found(Wrong::Stuck, &format!("cannot sign in as {email}"));
    }

    /// Another account of the device, with or without signing out of the present one.
    pub(crate) fn switch(&mut self) {
        // A sync that stays must notice that its account has gone.
        if self.rng.percent(50) {
            self.stop_watching();
        }
        self.has_switched = true;
        let next = (self.current + 1) % self.accounts.len();
        if self.rng.percent(50) {
            let begun = self.begin(Plan::new("logout", &[], ()));
            self.end(begun);
        }
        self.sign_in(next);
    }
}
