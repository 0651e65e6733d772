//! Signing up, in and out on a device while processes are killed and answers lost.

use crate::actor::{Actor, Plan};
use crate::finding::Wrong;

/// How often signing in may fail before it counts as impossible.
const TRIES: u32 = 200;
/// How often it is tried on a server that is killed all the time: a password takes long to check on a busy machine.
const TRIES_WITHOUT_TRUCE: u32 = 5;

impl Actor {
    /// Signs in to an account of the device, makes it if it is not there, and goes on until the store says so.
    pub(crate) fn sign_in(&mut self, account: usize) {
        self.try_to_sign_in(account, TRIES_WITHOUT_TRUCE);
        if self.is_signed_in(account) {
            return;
        }
        self.world.begin_truce();
        self.try_to_sign_in(account, TRIES);
        self.world.end_truce();
        if !self.is_signed_in(account) {
            let email = &self.accounts[account].email;
            self.found(Wrong::Stuck, &format!("cannot sign in as {email}"));
        }
    }

    fn is_signed_in(&self, account: usize) -> bool {
        self.signed_in && self.current == account
    }

    fn try_to_sign_in(&mut self, account: usize, tries: u32) {
        for _ in 0..tries {
            if self.is_signed_in(account) {
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
