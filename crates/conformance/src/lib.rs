//! What every backend does, as tests: one suite for all of them, and for all that wraps one.
//!
//! A crate with a [`Backend`] says how one is opened, as a [`Subject`], and names the function that
//! makes a fresh one. In `tests/conformance.rs`:
//!
//! ```text
//! //! The suite that every backend passes.
//! fn subject() -> MySubject { … }
//! trunkline_conformance::conformance!(subject);
//! ```
//!
//! Each case becomes a test of its own, `topic::case`, and has a subject of its own. No case is
//! skipped for anybody: what a backend does not promise ([`Guarantees`]) is held against it as well.
//! One that says it is not durable must come back with other epochs, and one that says it is not
//! shared must be silent when signalled.
//!
//! # A subject of your own
//!
//! - **A world per subject.** Two subjects never meet: channels have the same names in every case,
//!   and cases run side by side. With a server behind it, a subject takes a server of its own or a
//!   random prefix.
//! - **[`Subject::open`] is ready.** When it returns, requests are answered, and signals sent to the
//!   node reach it. For a backend that connects in the background it waits for that, with a deadline.
//! - **Dropping is dying.** The suite drops a backend to see what is left. It is as well dropped
//!   without having been closed: whatever threads it has end by themselves, and what it has locked is
//!   free when `drop` returns.
//! - **Linger is short.** A backend that goes on hearing a channel for a while after
//!   [`Backend::unlisten`] is made to stop within a second.
//! - **A wrapper is a subject**: it opens the one it wraps, on the same sink or behind its own, and
//!   boxes itself. What it promises differently it says in its guarantees.
//!
//! For several kinds of one backend (two wrappers, two servers), a module each:
//!
//! ```text
//! mod cluster { use super::cluster; trunkline_conformance::conformance!(cluster); }
//! ```
//!
//! Answers and deliveries may come at any time from any thread: a case waits for a condition, ten
//! seconds at most, and never sleeps to get an order. What must never come is shown by something sent
//! after it that does come.
//!
//! The random case takes its seed from `CONFORMANCE_SEED` (1) and the number of seeds to play, from
//! that one on, from `CONFORMANCE_RUNS` (4). It names the seed when it fails.
//!
//! [`Backend`]: trunkline_core::backend::Backend
//! [`Backend::unlisten`]: trunkline_core::backend::Backend::unlisten
//! [`Guarantees`]: trunkline_core::backend::Guarantees
//!
//! | module | what |
//! |---|---|
//! | `stage`, `recorder`, `content` | nodes, what they are told, and what is published |
//! | all others | the cases, by topic |

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the case")]

use std::sync::Arc;

use trunkline_core::backend::{Backend, Sink};
use trunkline_core::signal::NodeId;

mod content;
#[expect(missing_docs, reason = "named by what it asks")]
pub mod notes;
mod recorder;
mod stage;

/// Defines modules of cases, which say by their names what they ask.
macro_rules! topics {
    ($($(#[$about:meta])* $topic:ident)*) => {
        $($(#[$about])* #[expect(missing_docs, reason = "named by what it asks")] pub mod $topic;)*
    };
}

topics! {
    announcing
    concurrency
    epochs
    history
    idempotency
    listening
    payloads
    promises
    publishing
    random
    removing
    signals
    tags
    trimming
}

/// What is put to the test: a world in which nodes open backends. It is empty at first.
pub trait Subject {
    /// Starts a node, whose backend delivers to `sink`. Nodes of a shared backend are there side by
    /// side; others are one after the other, and each finds what the one before left.
    fn open(&self, node: &NodeId, sink: Arc<dyn Sink>) -> Box<dyn Backend>;

    /// Lets time pass for all that ages: `millis` milliseconds at once, if the clock can be set.
    /// Where it cannot, says so with false, and cases wait.
    fn advance(&self, millis: u64) -> bool {
        let _ = millis;
        false
    }

    /// Loses the last publications that took a place, as a failover may, if that can be arranged
    /// here; else false. Nothing else is under way meanwhile.
    fn roll_back(&self, publications: usize) -> bool {
        let _ = publications;
        false
    }
}

/// Makes every case of the suite a test. Takes the name of a function that makes a fresh [`Subject`].
#[macro_export]
macro_rules! conformance {
    ($subject:ident) => {
        $crate::conformance! { @tests $subject;
            publishing: [
                what_is_kept_has_a_place_and_what_is_not_has_none
                offsets_count_from_one_in_each_channel
                what_was_acknowledged_is_read_and_was_delivered
                what_is_not_kept_leaves_no_trace_in_a_stream
                one_callers_drafts_are_placed_in_the_order_of_its_calls
                an_overloaded_sink_refuses
                early_drafts_are_published_like_others
            ]
            payloads: [
                data_arrives_byte_for_byte
                large_data_arrives_whole
                info_arrives_as_it_was
                labels_arrive_as_they_were
            ]
            history: [
                pages_are_read_forward_and_backward
                pages_together_are_the_stream
                a_place_beyond_the_top_has_nothing_behind_it
                only_the_offset_of_a_place_counts
                a_page_weighs_little_but_is_never_empty
            ]
            trimming: [
                count_bounds_what_is_kept
                bytes_bound_what_is_kept
                age_bounds_what_is_kept
                the_latest_draft_says_how_much_is_kept
            ]
            idempotency: [
                a_second_draft_with_the_same_key_is_the_first_one
                keys_are_of_one_channel
                a_key_holds_after_the_history_is_removed
                a_key_holds_without_history
                a_key_holds_whoever_publishes
                a_key_is_forgotten_in_time
                drafts_at_once_with_the_same_key_are_one
            ]
            announcing: [
                announcements_arrive_as_they_were
                announcements_take_no_place
            ]
            removing: [
                numbers_go_on_after_removal
                removing_nothing_is_fine
                removal_is_seen_by_everyone
            ]
            epochs: [
                reading_defines_an_epoch
                an_epoch_stays
                publishing_defines_an_epoch
                another_life_is_another_epoch
            ]
            tags: [
                every_publication_has_a_tag_of_its_own
                the_tag_of_a_place_is_told
                live_publications_name_the_one_before
                a_tag_that_differs_is_seen
            ]
            listening: [
                nothing_comes_of_what_nobody_listens_to
                what_is_published_after_the_answer_arrives_once_and_in_order
                nothing_comes_any_more_after_unlistening
                listening_twice_is_one_subscription
                listening_again_hears_again
                no_hole_between_a_page_and_what_follows
                a_thousand_channels_are_listened_to_at_once
            ]
            signals: [
                everyone_but_oneself_hears
                one_node_hears_what_is_for_it
                a_signal_arrives_as_it_was
            ]
            concurrency: [
                the_order_of_delivery_is_the_order_of_the_stream
                all_listeners_see_the_same_order
            ]
            promises: [
                what_is_durable_survives_and_what_is_not_does_not
                outcomes_survive_with_their_streams
                copies_are_waited_for_where_there_are_any
                a_fork_is_told_where_there_may_be_one
                guarantees_do_not_change
            ]
            random: [
                any_order_of_operations_is_as_the_model_has_it
            ]
        }
    };
    (@tests $subject:ident; $($topic:ident: [$($case:ident)*])*) => {
        $(mod $topic {
            $(#[test] fn $case() { $crate::$topic::$case(&super::$subject()) })*
        })*
    };
}
