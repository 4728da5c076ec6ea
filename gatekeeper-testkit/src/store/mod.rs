//! The conformance suite for stores.
//!
//! Each case takes a fresh store and panics where the store breaks a contract of
//! [`gatekeeper_core::store`]. [`store_conformance!`](crate::store_conformance) makes a test of each.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a suite speaks by panicking, in the test that called it"
)]
#![expect(
    clippy::assigning_clones,
    clippy::cloned_ref_to_slice_refs,
    clippy::too_many_lines,
    reason = "a case is read from its beginning to its end"
)]

#[macro_use]
mod macros;

mod accounts;
mod api_keys;
mod chain;
mod concurrency;
mod counters;
mod deletion;
mod devices;
mod erasure;
mod factors;
mod hierarchy;
mod invitations;
mod isolation;
mod members;
mod outbox;
mod pages;
mod revocations;
mod roles;
mod rollback;
mod rotation;
mod round_trip;
mod search;
mod sessions;
mod tenants;
mod tokens;
mod trail;
mod world;

use std::{any::Any, fmt, future::Future, sync::Arc};

pub(crate) use concurrency::together;
use gatekeeper_core::store::{Repository, Transaction};

use crate::Case;

/// A fresh store for one case.
pub struct StoreFixture {
    /// The store.
    pub repository: Arc<dyn Repository>,
    /// The same store as another node sees it: a second pool of connections, where the store has such a thing.
    pub other: Arc<dyn Repository>,
    guard: Option<Box<dyn Any + Send + Sync>>,
}

impl StoreFixture {
    /// A fixture on this store, which must be as its migrations leave it.
    pub fn new(repository: impl Repository + 'static) -> Self {
        let repository: Arc<dyn Repository> = Arc::new(repository);
        Self {
            other: Arc::clone(&repository),
            repository,
            guard: None,
        }
    }

    /// With a second handle on the same data.
    #[must_use]
    pub fn with_other_node(mut self, other: impl Repository + 'static) -> Self {
        self.other = Arc::new(other);
        self
    }

    /// With something that is dropped after the case: a temporary directory, a server.
    #[must_use]
    pub fn keeping(mut self, guard: impl Any + Send + Sync) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    async fn begin(&self) -> Box<dyn Transaction> {
        self.repository.begin().await.unwrap()
    }

    /// One of the two nodes, by turns.
    fn node(&self, n: usize) -> Arc<dyn Repository> {
        Arc::clone(if n.is_multiple_of(2) {
            &self.repository
        } else {
            &self.other
        })
    }
}

impl fmt::Debug for StoreFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreFixture")
            .field("repository", &self.repository)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}

/// Runs the case of this name on a runtime of its own.
///
/// # Panics
///
/// Where the store breaks the contract, the case hangs, or no case has the name.
#[doc(hidden)]
pub fn run(name: &str, fixture: impl Future<Output = StoreFixture>) {
    crate::suite::run(CASES, name, fixture);
}

/// Makes one test for each case of the conformance suite for stores.
///
/// The argument is an async expression that gives a fresh [`StoreFixture`](crate::store::StoreFixture); it is evaluated
/// for each test, inside a runtime of several threads. Use it at most once in a module.
#[macro_export]
macro_rules! store_conformance {
    ($fixture:expr) => {
        $crate::__store_cases! { [$crate::__store_tests] $fixture }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    ($fixture:expr; $($group:ident { $($case:ident,)* })*) => {
        $($(
            #[test]
            fn $case() {
                $crate::__private::run(stringify!($case), async { $fixture });
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
                run: |fixture| Box::pin(async move { $group::$case(&fixture).await }),
            },
        )*)*];
    };
}

/// The one table: [`CASES`] and the tests both come from it, and a case that is missing here is dead code.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ([$($then:tt)*] $($fixture:expr)?) => {
        $($then)* ! { $($fixture)?;
            accounts {
                spellings_of_an_address_are_one_account,
                look_alike_addresses_stay_apart,
                addresses_are_no_patterns,
                users_conflict_by_kind,
                updating_a_user_writes_the_row,
                users_are_filtered,
                passwords_are_set_and_removed,
                a_rehash_never_undoes_a_change,
                identities_are_linked_once,
            }
            api_keys {
                keys_come_back_whole,
                a_key_is_replaced_once,
                keys_are_revoked_once,
                uses_are_noted_now_and_then,
                purging_keys_is_bounded,
            }
            chain {
                rows_get_a_place_once,
                heads_come_back_whole,
                purging_takes_the_beginning,
                rows_are_erased_in_part,
                counts_are_bounded,
            }
            concurrency {
                users_held_for_update_lose_no_change,
                sessions_held_for_update_are_ended_once,
                signing_keys_are_made_by_one_node,
                one_address_is_registered_once,
                one_role_is_granted_once,
            }
            counters {
                counters_come_back_whole,
                counters_held_lose_no_failure,
                purging_counters_is_bounded,
                a_lease_is_one_holders,
                sixteen_nodes_give_one_holder,
            }
            deletion {
                deleting_a_user_takes_what_is_theirs,
                a_recycled_address_brings_nothing_along,
                a_recycled_id_brings_nothing_along,
            }
            devices {
                a_device_comes_back_whole,
                listed_devices_are_known,
                devices_are_revoked_and_distrusted,
                purging_devices_is_bounded,
            }
            erasure {
                a_discarded_entry_is_wiped,
                invitations_to_an_address_are_erased,
                rows_of_a_user_are_erased,
            }
            factors {
                factors_come_back_whole,
                a_confirmed_factor_is_not_replaced,
                counters_only_rise,
                one_time_step_lets_one_in,
                backup_codes_are_replaced_whole,
                a_backup_code_is_used_once,
                sixteen_with_one_backup_code_give_one_success,
                former_passwords_are_few,
                a_required_change_stays_until_it_is_made,
            }
            hierarchy {
                grants_bring_what_roles_inherit,
                groups_bring_their_roles,
                organizations_stand_apart,
                roles_are_changed_whole,
                a_deleted_role_leaves_nothing,
                other_holders_are_active,
            }
            invitations {
                invitations_come_back_whole,
                sixteen_acceptances_give_one_success,
                dead_invitations_open_nothing,
                invitations_are_revoked_by_address,
                invitations_are_filtered,
                purging_invitations_is_bounded,
            }
            isolation {
                single_statements_keep_to_their_tenant,
                reads_of_accounts_keep_to_their_tenant,
                reads_keep_to_their_tenant,
                writes_keep_to_their_tenant,
                references_keep_to_their_tenant,
                names_are_unique_in_their_tenant_alone,
            }
            members {
                groups_come_back_whole,
                members_of_groups_are_paged,
                organizations_come_back_whole,
                memberships_are_replaced_whole,
                memberships_written_at_once_do_not_mix,
            }
            outbox {
                a_claim_counts_and_leases,
                claims_take_the_oldest_due,
                no_entry_is_claimed_twice,
                an_expired_lease_is_handed_on,
                a_late_worker_is_refused,
                a_delivered_entry_stays_delivered,
                a_failed_entry_is_retried,
                a_dead_entry_can_be_revived,
                purging_the_outbox_is_bounded,
                entries_conflict_by_kind,
            }
            pages {
                users_are_paged_by_time_and_id,
                filtered_users_are_paged,
                pages_stay_while_rows_come_and_go,
                the_longest_page_is_cut_at_its_limit,
                the_trail_is_paged_by_time_and_id,
                sessions_are_paged_by_time_and_id,
                entries_are_paged_by_time_and_id,
            }
            revocations {
                each_kind_of_target_is_revoked,
                kinds_of_targets_do_not_mix,
                a_user_is_revoked_until_a_time,
                revoking_twice_keeps_the_later_expiry,
                news_begin_at_the_exact_instant,
                news_come_with_the_commit,
                purging_revocations_is_bounded,
                a_signal_follows_a_revocation,
            }
            roles {
                a_fresh_store_has_its_system_roles,
                a_new_tenant_has_no_platform_admin,
                role_names_are_given_once,
                grants_say_what_they_changed,
                authorities_are_sorted_without_doubles,
            }
            rollback {
                every_write_shows_within_and_is_undone,
                a_whole_unit_of_work_is_undone,
                dropped_transactions_hold_nothing,
            }
            rotation {
                sixteen_rotations_give_one_success,
                a_rotation_moves_the_session_on,
                a_wrong_generation_is_refused,
                an_ended_session_is_not_rotated,
                an_idle_session_is_refused_at_the_exact_instant,
                an_old_session_is_refused_at_the_exact_instant,
                a_disabled_user_gets_no_rotation,
                a_foreign_session_is_not_rotated,
                nodes_rotate_in_turn,
            }
            round_trip {
                a_user_comes_back_whole,
                empty_and_absent_stay_apart,
                a_session_comes_back_whole,
                credentials_come_back_whole,
                a_token_comes_back_whole,
                tenants_and_roles_come_back_whole,
                a_row_of_the_trail_comes_back_whole,
                an_outbox_entry_comes_back_whole,
                a_revocation_comes_back_whole,
                a_signing_key_comes_back_whole,
                a_rotation_keeps_microseconds,
            }
            search {
                users_are_found_once,
                searches_are_no_patterns,
                searches_are_filtered,
                searches_stay_while_rows_come_and_go,
                terms_follow_the_user,
            }
            sessions {
                a_session_ends_once,
                an_expired_session_can_be_ended,
                every_reason_for_ending_is_kept,
                ending_all_sessions_names_them,
                listed_sessions_are_live,
                live_sessions_are_named_oldest_first,
                sessions_need_their_user,
                purging_sessions_is_bounded,
            }
            tenants {
                tenants_are_listed,
                a_deleted_tenant_leaves_nothing,
                new_aggregates_keep_to_their_tenant,
                impersonations_stand_apart,
                tenants_and_authority_are_revoked,
            }
            tokens {
                sixteen_consumers_give_one_success,
                finding_a_token_does_not_use_it,
                a_consumer_that_rolls_back_leaves_the_token,
                a_consumed_token_says_when,
                tokens_expire_at_the_exact_instant,
                purposes_do_not_mix,
                hashes_are_compared_whole,
                revoking_tokens_hits_what_was_named,
                tokens_need_their_user,
                purging_tokens_is_bounded,
            }
            trail {
                the_store_answers,
                both_nodes_see_one_store,
                the_trail_is_filtered,
                every_event_is_kept,
                a_row_of_the_trail_is_never_replaced,
                slugs_are_given_once,
                updating_a_tenant_writes_the_row,
                a_fresh_store_has_the_default_tenant,
                signing_keys_are_listed_oldest_first,
            }
        }
    };
}

__store_cases! { [const_cases] }
