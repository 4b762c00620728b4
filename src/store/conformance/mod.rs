//! The executable contract of [`MetaStore`](super::interface::MetaStore): every store passes every case.
//!
//! A case is a plain function that gets an empty store and asserts; [`store_contract!`] lists them once
//! and makes a test of each for a store. Cases speak only the interface: what one store can do beyond it
//! is tested beside that store. A new case is a function in its family's file and a line in the list.
//!
//! [`store_contract!`]: crate::store_contract

#![expect(clippy::missing_errors_doc, reason = "a case answers the store's error, which fails it")]

pub mod blobs;
pub mod commits;
pub mod idempotency;
pub mod pending;
pub mod ref_log;
pub mod refs;
pub mod samples;
pub mod transactions;
pub mod warehouses;

/// Makes a module with one test per case of the contract.
///
/// The factory is the path of a function, called once per case. What it returns holds a fresh, empty store
/// and has a method `store(&self) -> &dyn MetaStore`.
#[macro_export]
macro_rules! store_contract {
    ($store:ident, $factory:path) => {
        mod $store {
            $crate::store_contract! { @families $factory;
                transactions {
                    a_reader_keeps_its_state,
                    a_dropped_write_leaves_nothing,
                    an_error_ends_the_write,
                    an_empty_write_commits,
                    readers_stand_beside_each_other,
                    writers_lose_nothing,
                }
                warehouses {
                    an_inserted_warehouse_is_found,
                    a_taken_name_is_refused,
                    the_list_is_ordered_and_paged,
                    settings_change_and_identity_does_not,
                    deleting_frees_the_name_and_not_the_number,
                    the_newest_number_is_not_used_again,
                    writes_need_a_warehouse,
                    two_warehouses_never_mix,
                }
                refs {
                    a_branch_lives_and_moves,
                    a_tag_never_moves,
                    lists_are_ordered_and_cut,
                    nasty_names_are_plain_names,
                    refs_are_locked_in_order,
                }
                ref_log {
                    rows_come_back_whole,
                    the_chain_has_no_gap,
                    lists_go_backwards,
                    the_past_is_found_by_time,
                }
                commits {
                    commits_come_back_in_the_order_asked,
                    a_commit_is_added_once,
                    ids_are_found_by_their_start,
                    a_scan_meets_every_commit_once,
                }
                blobs {
                    blobs_come_back_in_the_order_asked,
                    blobs_of_every_size_survive,
                    a_place_without_a_blob_is_damage,
                    packs_are_numbered_in_order,
                    a_pack_over_the_limit_is_refused,
                    a_pack_shows_with_its_commit,
                    a_root_in_an_unknown_pack_is_refused,
                }
                idempotency {
                    an_answer_is_kept,
                    a_key_is_replaced_once_expired,
                    expiry_takes_the_oldest_first,
                }
                pending {
                    files_are_listed_in_order,
                    removed_numbers_stay_unused,
                    files_of_every_size_survive,
                }
            }
        }
    };
    (@families $factory:path; $($family:ident { $($case:ident),* $(,)? })*) => {
        $(mod $family {
            $(#[test]
            fn $case() {
                let held = $factory();
                $crate::store::conformance::$family::$case(held.store()).unwrap();
            })*
        })*
    };
}
