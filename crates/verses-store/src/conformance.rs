//! The suite every `LocalStore` passes, for tests only: one async function per case, a macro that makes a `#[test]` of
//! each, and one that lists them.
//!
//! The cases need no runtime: [`block_on`] polls on the calling thread. A case gets an empty store and may clone it.

mod commits;
mod fixtures;
mod local_rows;
mod queue;

pub use commits::*;
pub use fixtures::*;
pub use local_rows::*;
pub use queue::*;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
        thread::park();
    }
}

/// Calls a macro with the names of all cases: `for_each_conformance_case! { [some_macro] head }` becomes
/// `some_macro! { head case_1 case_2 ... }`. For places where a case is no `#[test]`, like a browser's page.
#[macro_export]
macro_rules! for_each_conformance_case {
    ([$($then:tt)+] $($head:tt)*) => {
        $($then)+! { $($head)*
            a_new_store_is_empty_at_revision_zero
            a_commit_writes_everything_and_raises_the_revision_by_one
            a_commit_that_fails_in_the_middle_writes_nothing
            a_commit_on_an_old_revision_is_a_conflict_and_writes_nothing
            a_commit_without_changes_writes_nothing
            changes_of_one_commit_apply_in_the_order_given
            clones_are_handles_to_the_same_store
            racing_commits_on_one_revision_let_exactly_one_through
            listeners_hear_of_each_commit_once_and_not_after_the_subscription_ends
            meta_values_are_set_replaced_and_removed
            verses_come_by_creation_and_can_be_replaced_and_removed
            verses_asked_for_by_id_come_in_the_order_asked_for
            unverified_verses_come_oldest_first_up_to_the_limit
            marking_verses_verified_changes_all_of_them_in_one_transaction
            cards_are_stored_whole_and_can_be_replaced_and_removed
            due_cards_are_those_not_archived_and_due_by_the_date_in_order
            cards_by_phase_leave_out_other_phases_and_archived_ones
            events_of_a_card_come_in_the_order_of_the_fold
            events_of_many_cards_come_by_verse_then_fold
            an_event_put_again_replaces_the_old_one_and_never_loses_its_place_on_the_server
            what_follows_an_event_put_again_in_one_commit_finds_it_in_its_new_place
            forgetting_places_on_the_server_concerns_one_owner
            review_logs_are_the_reviews_newest_first
            cards_are_found_by_their_ids_in_the_order_asked_for
            days_with_reviews_are_counted_up_to_the_first_without
            a_profile_is_stored_whole_and_default_without_one
            owners_do_not_see_each_others_rows
            a_guest_is_adopted_with_everything_and_duplicates_stay_as_they_are
            a_forgotten_owner_leaves_nothing_and_others_keep_everything
            moving_an_owner_to_itself_changes_nothing
            positions_rise_and_are_never_used_again
            an_operation_comes_back_as_it_was_enqueued
            an_id_queued_already_is_refused_whoever_owns_it
            an_id_that_left_the_queue_may_come_again
            only_pending_operations_are_enqueued
            every_status_is_stored_whole
            a_renewed_row_counts_its_age_anew
            a_row_moved_to_the_end_comes_last_and_stays_as_it_is
            claims_of_many_rows_are_one_commit
            a_completed_operation_moves_to_the_journal
            a_discarded_operation_moves_to_the_journal
            changes_of_rows_not_queued_change_nothing
            the_journal_keeps_the_newest_entries
            a_replaced_payload_keeps_everything_else
            metas_come_in_pages_by_position
            queued_rows_come_in_the_order_asked_for
            rows_about_an_entity_are_those_of_the_owner
            the_queue_of_an_owner_can_be_narrowed_to_failed_rows
            totals_follow_every_change_of_the_queue
        }
    };
}

/// Makes one `#[test]` per case. `$make` is called for each and gives an empty store and a guard kept until the case ends
/// (a temporary directory, or `()`).
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::for_each_conformance_case! { [$crate::conformance_tests] @cases $make; }
    };
    (@cases $make:expr; $($case:ident)*) => {
        $(#[test]
        fn $case() {
            let (store, _guard) = $make();
            $crate::conformance::block_on($crate::conformance::$case(store));
        })*
    };
}
