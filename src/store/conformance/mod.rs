//! The executable contract of [`MetaStore`](super::interface::MetaStore): every store passes every case.
//!
//! A case is a plain function that gets an empty store and asserts; [`store_contract!`] lists them once
//! and makes a test of each for a store. Cases speak only the interface: what one store can do beyond it
//! is tested beside that store. A new case is a function in its family's file and a line in the list.
//!
//! [`store_contract!`]: crate::store_contract

pub mod blobs;
pub mod samples;

/// Makes a module with one test per case of the contract.
///
/// The factory is the path of a function that returns something that derefs to the store (as
/// `MetaStore`) through a method or field chain of `.store()`; it is called once per case.
#[macro_export]
macro_rules! store_contract {
    ($store:ident, $factory:path) => {
        mod $store {
            $crate::store_contract! { @families $factory;
                blobs {
                    blobs_come_back_in_the_order_asked,
                    blobs_of_every_size_survive,
                    a_place_without_a_blob_is_damage,
                    packs_are_numbered_in_order,
                    a_pack_over_the_limit_is_refused,
                    a_pack_shows_with_its_commit,
                    a_root_in_an_unknown_pack_is_refused,
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
