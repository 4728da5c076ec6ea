//! The suite of flows: what core promises of each flow, shown on whichever store it is given.
//!
//! A store that passes [`store_conformance!`](crate::store_conformance) should pass these too; where it does not, one of the
//! two suites lacks a case. [`flow_conformance!`](crate::flow_conformance) makes a test of each.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a suite speaks by panicking, in the test that called it"
)]

mod administration;
mod cleanup;
mod email;
mod enumeration;
mod faults;
mod keys;
mod machine;
mod outbox;
mod passwords;
mod profile;
mod providers;
mod refresh;
mod register;
mod sessions;
mod sign_in;
mod tenants;
mod tokens;
mod world;

use std::future::Future;

pub use faults::{Scenario, run as run_faults};
pub use machine::run as run_machines;
pub use world::{PASSWORD, World};

use crate::{Case, store::StoreFixture};

/// Runs the case of this name on a runtime of its own.
///
/// # Panics
///
/// Where a promise is broken, the case hangs, or no case has the name.
#[doc(hidden)]
pub fn run(name: &str, fixture: impl Future<Output = StoreFixture>) {
    crate::suite::run(CASES, name, fixture);
}

/// Makes one test for each case of the suite of flows.
///
/// The argument is an async expression that gives a fresh [`StoreFixture`](crate::store::StoreFixture). Use it at most once
/// in a module.
#[macro_export]
macro_rules! flow_conformance {
    ($fixture:expr) => {
        $crate::__flow_cases! { [$crate::__flow_tests] $fixture }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __flow_tests {
    ($fixture:expr; $($group:ident { $($case:ident,)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::__private::run_flow(stringify!($case), async { $fixture });
            }
        )*)*
    };
}

macro_rules! const_cases {
    (; $($group:ident { $($case:ident,)* })*) => {
        /// Every case of the suite.
        pub const CASES: &[Case] = &[$($(
            Case {
                group: stringify!($group),
                name: stringify!($case),
                run: |fixture| Box::pin(async move { $group::$case(fixture).await }),
            },
        )*)*];
    };
}

/// The one table: [`CASES`] and the tests both come from it, and a case that is missing here is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! __flow_cases {
    ([$($then:tt)*] $($fixture:expr)?) => {
        $($then)* ! { $($fixture)?;
            administration {
                an_operator_makes_verified_accounts,
                a_setup_link_sets_the_first_password,
                row_31_disabling_closes_every_door,
                enabling_brings_nothing_back,
                roles_reach_the_next_token,
                operators_get_clear_errors,
                a_setup_link_expires_at_the_exact_instant,
                closing_an_account_revokes_its_user,
            }
            email {
                verification_opens_the_account,
                a_verification_link_works_once,
                a_newer_verification_link_ends_the_older,
                changing_the_address_takes_its_new_owner,
                row_9_a_change_confirms_the_address_it_was_made_for,
                a_change_to_a_taken_address_tells_its_owner_alone,
                a_new_password_stops_a_change_of_address,
                row_6_an_unproven_address_is_no_hold_on_its_owner,
                a_verification_confirms_the_address_it_was_made_for,
                a_change_of_address_ends_every_link,
                ones_own_address_can_be_written_anew,
                row_33_fifty_verifications_give_one_success,
            }
            enumeration {
                row_1_sign_in_costs_one_hash_for_everybody,
                row_2_sign_up_answers_alike_for_a_taken_address,
                row_2_forgot_answers_alike_for_nobody,
                row_3_mail_goes_to_the_stored_address,
            }
            keys {
                a_planned_rotation_overlaps,
                a_compromised_key_is_refused_at_once,
                nodes_share_their_keys,
                a_node_whose_clock_is_behind_takes_up_the_first_key,
                keys_open_under_their_own_secret_alone,
                every_algorithm_signs,
                a_new_key_signs_when_everybody_has_it,
                a_compromised_key_never_comes_back,
                a_sealed_key_opens_under_its_own_name_alone,
            }
            cleanup {
                what_is_over_goes_at_the_exact_instant,
                what_is_not_over_stays,
                a_node_that_died_is_succeeded,
                one_node_at_a_time_cleans_up,
                cleaning_up_ends_with_the_service,
                a_worker_cleans_up,
            }
            outbox {
                a_mail_is_tried_four_times_and_kept,
                a_dead_mail_can_be_sent_again,
                a_crash_before_the_note_doubles_one_mail,
                a_crash_before_delivery_loses_nothing,
                two_workers_send_each_mail_once,
                what_waits_is_sealed,
                what_is_sealed_opens_in_its_own_place_alone,
            }
            passwords {
                a_reset_ends_every_session_and_signs_nobody_in,
                a_refused_password_leaves_the_link_good,
                a_newer_reset_link_ends_the_older,
                a_reset_of_an_unverified_account_proves_the_mailbox,
                row_30_a_change_ends_the_other_sessions,
                a_wrong_current_password_changes_nothing,
                asvs_6_2_8_every_byte_of_a_password_counts,
                an_outdated_hash_is_made_anew_at_sign_in,
                a_sign_in_overtaken_by_a_change_is_refused,
                row_33_fifty_redemptions_give_one_success,
                asvs_6_2_11_a_password_may_not_hold_its_context,
                a_bad_reset_link_costs_no_hash,
                row_33_of_two_changes_one_counts,
            }
            profile {
                a_profile_is_read_and_changed,
                bad_fields_change_nothing,
                deleting_oneself_needs_the_password,
                deleting_oneself_leaves_the_trail_alone,
                row_10_a_recycled_address_is_a_new_account,
                history_is_ones_own,
                every_flow_leaves_its_event,
            }
            providers {
                a_directory_signs_users_in,
                a_directory_that_is_away_lets_nobody_in,
                row_8_an_address_alone_links_nothing,
                hooks_may_refuse_and_add_claims,
                a_hook_may_not_forge_a_claim,
                hooks_are_told_who_came_in,
                a_directory_makes_accounts_only_where_it_may,
                each_provider_has_a_name_of_its_own,
            }
            refresh {
                a_refresh_gives_the_next_generation,
                within_the_grace_the_same_successor_comes_again,
                a_strict_grace_allows_no_second_use,
                reuse_after_the_grace_ends_the_session,
                a_generation_long_past_is_reuse_within_the_grace_too,
                idle_and_absolute_lifetimes_both_hold,
                row_33_fifty_refreshes_leave_one_line_of_generations,
                row_32_an_access_token_refreshes_nothing,
                a_damaged_refresh_token_is_refused,
                an_ended_session_is_not_refreshed,
                an_ended_session_gives_no_second_answer,
                a_closed_account_is_not_refreshed,
            }
            register {
                sign_up_asks_for_verification,
                optional_verification_signs_in_at_once,
                optional_verification_says_when_an_address_is_taken,
                bad_fields_are_all_named,
                a_second_sign_up_before_verification_takes_over,
                row_4_hostile_addresses_are_refused,
                sixteen_sign_ups_make_one_account,
                a_second_sign_up_ends_the_first_at_once,
                a_disabled_account_is_not_taken_over,
            }
            sessions {
                sign_out_kills_its_tokens_at_once,
                sign_out_works_without_an_access_token,
                sessions_are_listed_and_ended,
                others_end_and_ones_own_stays,
                somebody_elses_session_is_not_found,
                row_34_a_dead_token_changes_nothing_on_another_node,
                what_one_node_revokes_another_refuses,
                only_a_live_session_changes_anything,
                a_revocation_outlives_its_tokens,
            }
            sign_in {
                the_right_password_opens_a_session,
                refusals_are_alike_and_their_reasons_recorded,
                an_unverified_address_is_told_after_the_right_password,
                row_29_every_sign_in_is_a_new_session,
                claims_say_who_and_how,
                a_disabled_account_is_not_told_from_none,
                a_sign_in_overtaken_by_disabling_is_refused,
            }
            tenants {
                tenants_share_nothing,
                a_token_of_one_tenant_opens_nothing_in_another,
                a_tenants_name_is_looked_up_anew_in_time,
            }
            tokens {
                row_26_no_purpose_stands_in_for_another,
                row_27_a_damaged_token_is_refused,
                tokens_expire_at_the_exact_instant,
            }
        }
    };
}

__flow_cases! { [const_cases] }
