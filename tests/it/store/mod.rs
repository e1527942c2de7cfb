//! The store's conformance suite: every promise of [`hookyard::store::Store`], written once, run on each backend.
//!
//! Another backend is one file in `backend/` and one line here.

mod backend;
mod bench;
pub mod given;
mod model;
mod redis_batches;
mod redis_faults;
mod redis_logins;
mod redis_opening;
mod redis_parts;
mod redis_server;
mod redis_upkeep;
mod sqlite_bodies;
mod sqlite_clock;
mod sqlite_file;
mod sqlite_standing;

mod accept;
mod begin;
mod claim;
mod followers;
mod keeping;
mod leases;
mod lines;
mod operate;
mod purchases;
mod rates;
mod reads;
mod replays;
mod settle;
mod watching;

/// All tests of the suite, on one backend. A test that is not listed is reported as dead code.
macro_rules! conformance {
    ($backend:ident, $type:ident) => {
        conformance! { $backend, $type:
            accept: [
                an_event_is_kept_with_its_jobs,
                a_known_key_makes_no_second_event,
                an_event_without_keys_is_always_new,
                a_duplicate_is_answered_with_the_state_of_the_event,
                a_duplicate_revives_dead_jobs_with_fresh_attempts,
                every_redelivery_is_on_the_timeline,
                a_suspected_replay_is_accepted_and_waits_for_a_person,
                a_key_that_makes_a_duplicate_outweighs_a_suspicion,
                a_key_is_forgotten_after_the_dedupe_time,
                one_of_many_accepts_at_once_makes_the_event,
            ],
            claim: [
                a_job_is_handed_out_with_its_event,
                within_a_lane_jobs_go_by_due_time,
                lanes_are_searched_in_the_order_asked_for,
                no_more_jobs_are_handed_out_than_asked_for,
                no_job_is_handed_out_before_its_due_time,
                no_job_is_handed_out_twice,
                a_paused_route_is_held_and_no_other,
                the_kill_switch_holds_everything_and_accepts,
                a_pause_does_not_touch_work_under_way,
                a_limit_holds_what_is_beyond_it_and_nothing_else,
                a_limit_of_none_holds_everything_of_its_kind,
                a_limit_gives_all_that_it_has_where_more_wait_than_the_last_time,
                a_job_that_must_run_alone_and_is_beyond_its_limit_holds_nothing_up,
                a_paused_destination_holds_its_actions,
                a_pause_of_a_route_holds_its_actions_too,
                each_lane_gets_its_share_and_what_others_leave,
            ],
            leases: [
                a_lease_lasts_as_long_as_asked_for,
                a_late_report_counts_until_somebody_asks_for_work,
                a_crash_loses_every_lease,
                extending_holds_the_lease_from_now_on,
                an_older_token_is_refused_everywhere,
                a_token_from_before_a_crash_is_refused,
                only_an_effect_that_was_begun_leaves_doubt,
                doubt_outlives_a_lease_that_was_lost_without_begin,
                a_job_that_saw_two_crashes_is_handed_out_alone,
                a_job_that_hangs_holds_nothing_up,
                a_job_that_must_run_alone_holds_nothing_up_before_it_is_due,
                a_claim_for_no_job_gets_none_not_even_the_one_that_runs_alone,
            ],
            begin: [
                a_request_is_frozen_once,
                a_frozen_request_survives_a_crash_byte_for_byte,
                the_first_attempt_is_remembered,
                a_refused_begin_leaves_no_doubt,
            ],
            purchases: [
                a_question_without_answer_is_asked_once_more_and_then_never,
                an_answer_is_read_again_and_never_bought_again,
                an_answer_on_record_is_read_and_nothing_else,
                an_answer_ends_all_doubt,
                what_another_job_asks_is_waited_for,
                no_purse_is_drawn_on_beyond_its_limit,
                of_many_questions_at_once_no_more_are_begun_than_a_purse_pays,
                what_was_spent_stands_in_the_book_of_its_day,
                what_was_not_billed_may_be_asked_again,
                questions_are_told_apart_by_judge_and_digest,
                a_purchase_that_was_not_begun_cannot_end,
            ],
            settle: [
                each_end_of_an_attempt_moves_the_job_where_it_says,
                of_lines_that_tell_of_being_handed_back_so_many_are_kept,
                a_job_that_is_to_begin_afresh_is_no_older_than_its_wait,
                verdict_and_receipt_are_kept_until_there_is_a_newer_one,
                numbers_are_kept_to_the_last_digit,
                a_request_fixed_without_an_effect_is_frozen_too,
                follow_up_jobs_are_numbered_on_and_ready_at_once,
                a_settlement_is_whole_after_a_crash,
                a_refused_settlement_changes_nothing,
            ],
            followers: [
                an_action_goes_when_the_last_it_follows_is_done,
                an_action_stays_while_one_it_follows_is_not_at_its_end,
                an_action_is_skipped_when_one_it_follows_ends_otherwise,
                a_person_releases_or_skips_followers_too,
                followers_of_an_action_that_is_born_dead_are_skipped,
                plans_do_not_touch_each_other,
                redriving_makes_what_was_skipped_wait_again,
                redriving_one_of_two_dead_predecessors_is_not_enough,
            ],
            lines: [
                events_of_one_key_go_one_after_the_other,
                the_next_event_waits_for_the_actions_of_the_one_before,
                a_plan_keeps_the_place_of_what_it_replaces,
                a_stuck_head_blocks_its_line_until_a_person_acts,
                a_stuck_head_is_passed_by_where_that_was_asked_for,
                one_that_is_born_stuck_is_passed_by_where_that_was_asked_for,
                an_action_that_is_born_dead_is_passed_by_where_that_was_asked_for,
                a_redriven_head_goes_before_those_behind_it,
                an_approval_does_not_jump_the_line,
                one_that_is_born_dead_stands_in_line_too,
                the_newest_waiting_event_takes_the_place_of_older_ones,
                work_that_has_begun_keeps_its_place,
                what_took_a_place_in_line_leaves_it_again,
                a_newer_event_takes_the_place_of_the_head_and_the_line_goes_on,
                who_takes_a_place_goes_before_those_that_stood_behind_it,
                whose_place_is_taken_from_another_line_leaves_its_own,
                a_job_for_later_is_handed_out_later,
                a_delayed_action_waits_after_those_it_follows,
            ],
            replays: [
                a_replay_adds_jobs_once_a_sweep,
                of_two_replays_at_once_one_wins,
                a_run_that_waits_for_a_person_gives_way_to_a_newer_one,
                an_event_that_is_not_on_record_cannot_be_replayed,
                an_answer_serves_every_job_of_its_event,
                what_a_newer_plan_replaces_is_discarded,
                a_plan_that_was_overtaken_is_refused_as_a_whole,
                what_went_on_without_an_effect_is_replaced_all_the_same,
            ],
            keeping: [
                a_cursor_is_moved_by_whoever_knows_where_it_stands,
                a_turn_is_taken_once_in_its_time,
                a_large_body_is_read_on_request_and_survives,
                sources_are_remembered_with_when_they_were_heard,
                what_is_old_and_over_goes_payload_first,
                payload_beyond_its_size_goes_oldest_first,
                retention_goes_in_steps,
                a_walk_goes_on_where_what_it_came_to_was_removed,
                a_redelivery_after_its_payload_is_gone_is_a_duplicate,
                keys_are_forgotten_after_their_window_and_not_before,
                the_walk_over_keys_goes_in_steps_and_tells_when_it_is_over,
                a_persons_data_is_erased_wherever_it_stands,
                erasing_goes_on_behind_an_event_that_is_gone,
                pauses_are_listed,
                an_event_without_jobs_is_over_at_once,
            ],
            operate: [
                a_redriven_job_starts_afresh_with_the_same_request,
                redrive_and_discard_take_what_the_query_names,
                redrive_and_discard_touch_dead_letters_only,
                what_is_parked_is_due_at_once_when_asked_for,
                a_query_may_name_as_many_jobs_as_it_can_return,
                approving_makes_the_job_ready_with_the_verdict_given,
                done_and_discarded_end_the_job,
                only_a_waiting_job_can_be_resolved,
                one_of_many_decisions_at_once_counts,
            ],
            rates: [
                a_rate_gives_its_burst_at_once_and_then_evenly,
                what_is_given_back_to_a_rate_is_as_if_it_had_not_been_drawn,
                of_a_rate_no_more_is_left_than_is_told,
                of_many_draws_at_once_no_more_is_granted_than_the_rate_allows,
                a_rate_does_what_a_bucket_does,
            ],
            reads: [
                the_timeline_is_complete_and_in_order,
                an_unknown_event_has_no_timeline,
                an_event_stands_where_its_jobs_stand,
                events_come_newest_first_by_page_and_source,
                jobs_are_found_by_each_field,
                no_read_returns_more_than_a_thousand_rows,
                counts_agree_with_the_jobs_after_every_transition,
                counts_are_exact_under_concurrency,
            ],
            watching: [
                new_work_is_announced,
                a_lost_lease_is_announced_as_work,
                the_end_of_a_job_that_ran_alone_is_announced_as_work,
                the_end_of_the_last_other_job_is_announced_to_one_that_must_run_alone,
                looking_for_work_in_vain_announces_none,
                every_change_is_announced,
            ],
        }
    };
    ($backend:ident, $type:ident: $($topic:ident: [$($test:ident,)+],)+) => {
        mod $backend {
            $(mod $topic {
                use crate::store::{$topic, backend::$type, bench::Bench};

                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $test() {
                        $topic::$test(Bench::<$type>::open().await).await;
                    }
                )+
            })+
        }
    };
}

conformance!(sqlite, SqliteBackend);
conformance!(redis, RedisBackend);
conformance!(redis_sharded, ShardedBackend);
conformance!(redis_cluster, ClusterBackend);

// Where purses are in several parts, one may be drawn on for a moment before the next one refuses.
conformance! { sqlite_as_a_whole, SqliteBackend:
    purchases: [a_question_that_fits_is_not_refused_for_one_that_does_not,],
}
conformance! { redis_as_a_whole, RedisBackend:
    purchases: [a_question_that_fits_is_not_refused_for_one_that_does_not,],
}

// What they do before a crash on SQLite goes on after it on Redis.
conformance! { moved, MovedToParts:
    accept: [a_known_key_makes_no_second_event, every_redelivery_is_on_the_timeline,],
    begin: [a_frozen_request_survives_a_crash_byte_for_byte,],
    claim: [
        within_a_lane_jobs_go_by_due_time,
        a_paused_route_is_held_and_no_other,
        the_kill_switch_holds_everything_and_accepts,
        each_lane_gets_its_share_and_what_others_leave,
    ],
    followers: [an_action_goes_when_the_last_it_follows_is_done,],
    keeping: [
        a_cursor_is_moved_by_whoever_knows_where_it_stands,
        a_turn_is_taken_once_in_its_time,
        a_large_body_is_read_on_request_and_survives,
        sources_are_remembered_with_when_they_were_heard,
        pauses_are_listed,
    ],
    leases: [
        a_crash_loses_every_lease,
        only_an_effect_that_was_begun_leaves_doubt,
        a_job_that_saw_two_crashes_is_handed_out_alone,
        a_job_that_hangs_holds_nothing_up,
        a_job_that_must_run_alone_holds_nothing_up_before_it_is_due,
    ],
    lines: [events_of_one_key_go_one_after_the_other,],
    operate: [a_redriven_job_starts_afresh_with_the_same_request, only_a_waiting_job_can_be_resolved,],
    purchases: [
        no_purse_is_drawn_on_beyond_its_limit,
        of_many_questions_at_once_no_more_are_begun_than_a_purse_pays,
        what_was_spent_stands_in_the_book_of_its_day,
        a_question_without_answer_is_asked_once_more_and_then_never,
        an_answer_is_read_again_and_never_bought_again,
        an_answer_ends_all_doubt,
        what_another_job_asks_is_waited_for,
        what_was_not_billed_may_be_asked_again,
    ],
    reads: [the_timeline_is_complete_and_in_order, counts_are_exact_under_concurrency,],
    settle: [a_settlement_is_whole_after_a_crash,],
}

#[test]
fn moved_against_the_model() {
    model::every_story_ends_as_the_model_says::<backend::MovedToOne>();
}

#[test]
fn sqlite_against_the_model() {
    model::every_story_ends_as_the_model_says::<backend::SqliteBackend>();
}

#[test]
fn redis_against_the_model() {
    model::every_story_ends_as_the_model_says::<backend::RedisBackend>();
}

#[test]
fn redis_in_parts_against_the_model() {
    model::every_story_ends_as_the_model_says::<backend::ShardedBackend>();
}
