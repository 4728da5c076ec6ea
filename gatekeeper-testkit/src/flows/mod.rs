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
#![expect(
    clippy::assigning_clones,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cloned_ref_to_slice_refs,
    clippy::enum_variant_names,
    clippy::format_collect,
    clippy::items_after_statements,
    clippy::needless_range_loop,
    clippy::similar_names,
    clippy::too_many_lines,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    reason = "a case is read from its beginning to its end, and counts to small numbers"
)]

mod administration;
mod administrators;
mod api_keys;
mod audit;
mod breaches;
mod cleanup;
mod dead_invitations;
mod devices;
mod email;
mod enumeration;
mod factor;
mod faults;
mod freshness;
mod groups;
mod impersonation;
mod imports;
mod invitation_machine;
mod invitations;
mod key_rotation;
mod keys;
mod limits;
mod lockout;
mod machine;
mod magic_links;
mod mail;
mod mfa;
mod mfa_sent;
mod organization_invitations;
mod organizations;
mod outbox;
mod password_history;
mod passwords;
mod platform;
mod privacy;
mod profile;
mod providers;
mod reach;
mod refresh;
mod register;
mod role_machine;
mod roles;
mod second_step;
mod service_accounts;
mod session_limits;
mod sessions;
mod sign_in;
mod tampering;
mod tenant_rules;
mod tenants;
mod tokens;
mod users;
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
                nist_3_1_1_2_an_operator_requires_a_change,
            }
            audit {
                every_row_gets_its_place,
                an_anchor_is_met,
                many_tenants_are_sealed_by_several_nodes,
                a_node_that_dies_while_sealing_leaves_a_whole_chain,
                one_node_at_a_time_seals,
                a_worker_seals,
                what_goes_with_age_leaves_a_chain_that_is_proven,
                what_is_broken_does_not_go_with_age,
                what_was_erased_is_still_proven,
                a_chain_outlives_a_change_of_the_secret,
                the_trail_is_given_out_line_by_line,
                the_trail_is_read_by_whoever_may,
            }
            tampering {
                asvs_16_4_2_a_row_that_was_altered_is_found,
                asvs_16_4_2_a_row_that_was_removed_is_found,
                asvs_16_4_2_rows_that_were_swapped_are_found,
                asvs_16_4_2_a_row_that_was_made_up_is_found,
                asvs_16_4_2_a_chain_that_was_made_anew_is_found,
                asvs_16_4_2_a_chain_that_was_cut_is_found,
                nothing_is_sealed_behind_a_broken_head,
            }
            api_keys {
                a_key_acts_as_its_owner,
                row_63_no_scope_is_above_the_owner,
                row_63_asvs_8_3_2_a_demotion_takes_effect_at_once,
                row_31_a_disabled_owners_key_opens_nothing,
                a_revoked_key_is_dead_at_once,
                a_key_expires_at_the_exact_instant,
                row_63_another_secret_is_refused,
                a_user_has_so_many_keys,
                row_53_keys_are_made_by_their_owners_alone,
                a_key_is_confined_to_its_networks,
                the_last_use_is_noted_once_a_minute,
                row_52_keys_keep_to_their_tenant,
                a_suspended_tenants_keys_open_nothing,
                where_keys_are_not_offered_there_are_none,
                dead_keys_go_after_their_retention,
            }
            key_rotation {
                a_rotation_leaves_the_old_key_its_grace,
                without_a_grace_the_old_key_is_dead,
                sixteen_rotations_give_one_successor,
                row_63_a_rotation_brings_no_scope_back,
            }
            service_accounts {
                a_service_account_acts_by_keys_alone,
                a_service_account_has_no_way_in_but_keys,
                service_accounts_are_listed_and_nobody_else,
                row_53_keys_of_others_need_permission_and_rank,
                row_55_a_key_administers_within_its_scopes,
            }
            breaches {
                asvs_6_2_12_a_breached_password_is_refused_wherever_it_is_chosen,
                without_an_answer_a_password_passes_and_the_trail_says_so,
                without_an_answer_a_password_is_refused_where_so_set,
                a_checker_that_stalls_is_not_waited_for,
                a_form_that_is_refused_anyhow_asks_nobody,
                nist_3_1_1_2_a_breached_password_opens_no_session,
                row_13_neither_a_wrong_password_nor_a_locked_account_is_looked_up,
                without_an_answer_a_sign_in_goes_on,
                a_sign_in_asks_only_where_so_set,
                the_password_that_was_looked_up_is_marked_and_no_other,
                settings_that_cannot_work_are_refused,
            }
            devices {
                a_device_is_known_from_its_first_sign_in_on,
                new_device_notices_can_be_switched_off,
                a_trusted_device_is_spared_the_second_factor,
                row_30_trust_ends_with_every_change_of_password_or_factor,
                a_revoked_device_is_a_stranger,
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
            imports {
                an_imported_hash_signs_in_and_is_made_anew,
                a_refused_row_keeps_nobody_out,
                what_was_exported_can_be_imported,
                an_import_asks_for_its_permission_and_reach,
                an_import_keeps_to_its_tenant,
            }
            impersonation {
                an_administrator_acts_as_a_user_and_ceases,
                acting_ends_at_the_exact_instant,
                acting_ends_with_the_session_it_began_from,
                row_53_nobody_acts_as_somebody_of_their_rank,
                some_accounts_cannot_be_acted_as,
                acting_can_be_switched_off,
                row_53_cve_2021_28680_there_is_no_nesting,
                row_53_whoever_acts_changes_nothing_of_the_users,
                the_user_ends_it,
                row_53_acting_ends_with_the_right_to,
                another_node_ends_acting_too,
                acting_counts_towards_no_limit,
                the_user_is_told_where_so_set,
                row_33_sixteen_at_once_end_together,
                row_33_an_end_wins_over_refreshes,
            }
            groups {
                members_have_what_their_groups_have,
                a_group_is_made_changed_and_deleted,
                every_wrong_field_of_a_group_is_named,
                row_53_a_group_gives_no_more_than_its_maker_has,
                row_52_groups_of_another_tenant_are_not_there,
                a_change_of_groups_makes_tokens_out_of_date,
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
            limits {
                row_14_rotated_addresses_and_spellings_share_the_limit_of_the_account,
                row_11_a_refused_guess_costs_and_leaves_nothing,
                row_13_a_burst_of_64_guesses_hashes_exactly_the_quota,
                row_16_a_known_device_has_a_limit_of_its_own,
                row_2_reset_mails_are_limited_alike_for_nobody,
                verification_mails_are_limited,
                a_sign_up_over_the_limit_of_mails_changes_nothing,
                where_verification_is_optional_sign_up_goes_on_without_the_mail,
                nobody_is_flooded_by_changes_of_address,
                row_35_nodes_count_together_and_alone_where_they_must,
                limits_can_be_turned_off,
            }
            lockout {
                a_lock_ends_by_itself_and_is_told_to_the_owner_alone,
                row_13_of_two_hundred_guesses_at_once_five_are_looked_at,
                row_13_a_right_guess_that_a_lock_overtakes_is_refused,
                row_14_every_spelling_counts_on_one_counter,
                row_15_the_guess_after_a_lock_locks_again_and_for_longer,
                nist_3_2_2_the_last_failure_locks_until_a_reset,
                row_16_a_known_device_enters_while_strangers_are_locked_out,
                row_18_new_pending_sign_ins_give_no_new_tries,
                row_18_of_sixty_codes_at_once_five_are_looked_at,
                row_22_a_reset_clears_the_counter_of_passwords_alone,
                an_operator_lifts_every_lock,
                row_1_a_locked_account_is_like_any_other,
                row_1_the_right_password_of_a_locked_account_costs_one_hash,
                a_session_guesses_the_password_no_more_often_than_a_stranger,
                lockout_can_be_switched_off,
                a_lock_goes_before_what_the_right_password_is_told,
            }
            magic_links {
                a_link_signs_in_the_browser_that_asked,
                row_2_asking_for_a_link_answers_alike,
                row_2_links_are_limited_alike_for_nobody,
                row_3_a_link_goes_to_the_stored_address,
                row_24_what_comes_later_ends_a_link,
                a_link_counts_at_the_address_it_went_to,
                a_link_expires_at_the_exact_instant,
                row_33_fifty_redemptions_of_a_link_give_one_session,
                opened_elsewhere_a_link_becomes_a_code,
                five_wrong_codes_end_the_right_one,
                row_13_parallel_guesses_at_a_code_are_held_to_five,
                wrong_codes_are_guesses_at_the_account,
                the_wrong_code_that_locks_tells_the_owner,
                row_6_a_first_link_drops_what_an_unproven_owner_left,
                row_6_a_link_verifies_an_address_and_drops_its_password,
                row_21_a_link_is_the_first_factor_alone,
                row_22_a_mailbox_is_not_both_factors,
                row_22_required_codes_by_mail_leave_no_link,
                a_disabled_account_uses_no_link,
                a_link_of_one_tenant_opens_nothing_in_another,
                links_can_be_switched_off,
                links_need_not_be_bound,
            }
            mail {
                mails_speak_the_language_of_their_owner,
                a_first_proof_of_the_mailbox_is_welcomed_once,
                a_notice_says_when_on_what_and_from_where,
                a_tenants_brand_is_on_its_mails_alone,
                row_58_a_name_carries_neither_markup_nor_a_message,
            }
            cleanup {
                what_is_over_goes_at_the_exact_instant,
                what_is_not_over_stays,
                a_node_that_died_is_succeeded,
                one_node_at_a_time_cleans_up,
                cleaning_up_ends_with_the_service,
                a_worker_cleans_up,
            }
            mfa {
                an_app_is_set_up_confirmed_and_taken_away,
                row_20_cve_2024_8796_the_seed_has_160_bits,
                row_19_cve_2015_7225_a_code_is_accepted_once,
                row_19_cve_2026_20779_of_fifty_with_one_code_one_wins,
                asvs_6_5_1_a_backup_code_works_once,
                asvs_6_5_1_of_sixteen_with_one_backup_code_one_wins,
                asvs_6_5_2_a_backup_code_costs_one_hash,
                few_backup_codes_are_mailed_about,
                new_backup_codes_end_the_old,
                row_30_setting_up_and_taking_away_end_the_other_sessions,
                an_old_session_binds_no_factor,
                row_18_guesses_of_somebody_signed_in_are_limited,
                row_18_guesses_at_a_confirmation_are_limited,
                a_required_factor_stays,
                row_34_a_dead_session_changes_no_factor,
            }
            mfa_sent {
                a_telephone_is_set_up_used_and_taken_away,
                no_sender_no_telephone,
                a_factor_whose_method_is_gone_is_asked_for_still,
                asvs_6_6_2_a_sent_code_belongs_to_its_sign_in,
                asvs_6_5_5_a_sent_code_lives_ten_minutes,
                asvs_6_5_1_of_sixteen_with_one_sent_code_one_wins,
                only_so_many_codes_are_sent,
                codes_by_mail_are_chosen_and_used,
                codes_by_mail_serve_where_a_factor_is_required,
                a_required_factor_is_set_up_at_sign_in,
                of_sixteen_enrolments_one_wins,
                a_method_of_the_applications_finishes_sign_ins,
            }
            outbox {
                a_mail_is_tried_four_times_and_kept,
                a_dead_mail_can_be_sent_again,
                all_dead_mails_can_be_sent_again,
                a_silent_carrier_holds_up_nobody_else,
                a_silent_carrier_is_broken_off,
                a_crash_before_the_note_doubles_one_mail,
                a_crash_before_delivery_loses_nothing,
                two_workers_send_each_mail_once,
                what_waits_is_sealed,
                what_is_sealed_opens_in_its_own_place_alone,
            }
            password_history {
                the_last_five_passwords_cannot_be_chosen_again,
                a_reset_refuses_them_and_leaves_the_link_good,
                how_many_are_remembered_is_a_setting,
                where_nothing_is_remembered_everything_can_be_chosen,
                an_earlier_password_of_another_format_is_recognised,
                row_33_of_eight_changes_at_once_one_is_remembered,
                a_change_costs_a_hash_for_each_that_is_remembered,
                a_take_over_forgets_the_passwords_before,
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
            privacy {
                gdpr_15_an_export_holds_all_and_no_secret,
                an_export_asks_for_a_recent_sign_in,
                an_export_tells_nothing_of_others,
                events_of_an_export_are_one_list,
                row_53_export_and_erasure_ask_for_permission_and_rank,
                gdpr_17_an_erased_user_leaves_a_pseudonym,
                gdpr_17_the_trail_is_proven_after_an_erasure,
                what_was_given_up_is_erased_with_its_reader,
                the_last_administrator_is_not_erased,
                nobody_is_told_of_a_program_that_is_erased,
                an_erasure_that_was_broken_off_is_finished,
            }
            platform {
                a_tenant_from_its_beginning_to_its_end,
                row_52_tenants_are_the_platforms_alone,
                the_default_tenant_stays,
                row_10_a_recycled_slug_is_a_new_tenant,
                a_deleted_tenants_tokens_are_dead,
                both_trails_say_what_the_platform_did,
                sixteen_tenants_of_one_name_are_one,
                a_suspended_tenant_is_none,
                a_suspended_tenants_tokens_are_dead,
                another_node_begins_no_session_in_a_suspended_tenant,
                mails_of_a_suspended_tenant_rest,
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
            roles {
                a_role_is_made_changed_and_deleted,
                a_role_inherits_and_its_holders_have_it_all,
                a_role_never_inherits_itself,
                of_two_halves_of_a_circle_one_is_refused,
                roles_of_the_system_stay_as_they_are,
                every_wrong_field_of_a_role_is_named,
                there_are_only_so_many_roles_and_so_deep,
                a_permission_is_kept_as_it_was_written,
            }
            freshness {
                a_change_of_roles_makes_tokens_out_of_date,
                asvs_8_3_2_another_node_reads_rights_anew,
                asvs_8_3_2_another_node_refuses_what_is_out_of_date,
                row_53_whoever_acts_is_refused_when_rights_change,
            }
            administrators {
                the_last_administrator_stays_one,
                the_last_administrator_is_not_disabled_deleted_or_erased,
                row_33_of_two_administrators_one_stays,
                row_33_of_two_who_disable_each_other_one_stays,
            }
            reach {
                row_53_nobody_grants_more_than_they_have,
                row_53_nobody_touches_their_superiors,
                row_34_rights_are_those_of_this_moment,
                reading_roles_asks_for_a_permission,
                row_63_a_key_reaches_no_further_than_its_scopes,
                row_52_roles_of_another_tenant_are_not_there,
            }
            second_step {
                row_21_every_path_to_a_session_asks_for_the_second_factor,
                row_21_a_pending_token_does_one_thing,
                a_pending_sign_in_ends_at_the_exact_instant,
                what_changes_between_the_steps_ends_the_sign_in,
                a_sign_in_overtaken_by_a_new_factor_is_refused,
                row_33_fifty_second_steps_give_one_session,
                row_22_a_mailbox_alone_yields_no_session,
                row_23_a_step_up_is_met_by_a_second_factor_alone,
                row_29_identifiers_change_with_every_proof,
                row_30_every_change_of_factors_ends_the_other_sessions,
                the_strictest_rule_asks_for_a_second_factor,
                row_21_sign_up_asks_for_a_required_factor,
                a_password_that_must_change_opens_nothing,
            }
            session_limits {
                row_36_a_hundred_sign_ins_at_the_cap_let_one_in,
                row_36_a_hundred_sign_ins_at_the_cap_leave_three_sessions,
                the_oldest_session_ends,
                a_full_account_is_told_after_the_right_password,
                a_role_goes_before_the_tenant_and_that_before_the_application,
                settings_of_a_tenant_are_checked,
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
            invitations {
                a_new_account_is_made_with_its_roles,
                an_existing_account_signs_in_and_accepts,
                row_6_an_unproven_account_is_taken_over_by_the_invited,
                row_21_an_invitation_is_accepted_behind_the_second_factor,
                row_22_a_role_that_needs_a_second_factor_has_it_set_up_first,
                a_refused_password_leaves_the_invitation,
                row_13_wrong_passwords_of_an_acceptance_lock,
                what_was_settled_meanwhile_is_not_mailed,
                row_53_an_invitation_gives_no_more_than_its_giver_has,
                what_is_no_invitation_is_refused,
                whoever_is_signed_in_joins,
                row_52_invitations_keep_to_their_tenant,
                an_operator_invites_in_nobodys_name,
            }
            dead_invitations {
                row_54_an_invitation_expires_at_the_exact_instant,
                row_54_an_invitation_is_used_once,
                row_54_a_revoked_invitation_is_dead,
                row_54_a_newer_invitation_or_mail_ends_the_older,
                row_54_another_address_accepts_nothing,
                row_54_the_inviters_right_is_looked_at_again,
                row_54_what_it_gives_must_be_there_still,
                row_54_no_other_mail_stands_in_for_an_invitation,
            }
            organizations {
                an_organization_from_its_beginning_to_its_end,
                a_user_of_two_organizations_goes_from_one_to_the_other,
                row_51_switching_prolongs_nothing,
                row_52_where_one_is_no_member_there_is_no_organization,
                row_53_a_membership_opens_nothing_in_the_tenant,
                row_53_members_reach_as_far_as_their_roles_there,
                row_53_administrators_of_organizations_give_what_they_have,
                row_52_a_membership_that_ended_gives_nothing,
            }
            organization_invitations {
                a_member_invites_to_the_active_organization,
                row_54_an_invitation_to_an_organization_needs_its_giver,
                row_22_roles_of_an_organization_ask_for_a_second_factor,
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
            tenant_rules {
                a_password_is_as_long_as_its_tenant_asks_wherever_it_is_chosen,
                row_1_where_passwords_are_closed_everybody_is_answered_alike,
                where_passwords_are_closed_sign_up_opens_no_session,
                closed_links_are_as_if_there_were_none,
                a_closed_provider_decides_nothing,
                row_2_addresses_are_of_the_domains_of_their_tenant,
                where_registration_is_closed_nobody_signs_up,
                a_tenant_is_never_weaker_than_the_application,
                settings_are_merged,
                settings_are_their_tenants_administrators,
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
            users {
                row_53_cve_2026_55077_nobody_touches_their_betters,
                row_53_cve_2026_94000_nobody_makes_their_betters,
                a_permission_is_asked_for_where_it_counts,
                row_52_a_user_of_another_tenant_is_not_found,
                an_administrator_moves_an_account,
                deleting_a_user_revokes_their_keys,
                a_search_stays_while_users_come_and_go,
                a_search_knows_what_changed,
                statistics_count_what_there_is,
            }
        }
    };
}

__flow_cases! { [const_cases] }
