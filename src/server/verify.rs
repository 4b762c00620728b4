//! Verifies a data directory while no server has it open.
//!
//! Changes nothing: opens the store read-only, also one that a killed server left.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::build::store_path;
use super::config::Config;
use crate::base::error::{Error, Result};
use crate::iceberg::io::Files;
use crate::store::interface::MetaStore;
use crate::store::records::WarehouseRecord;
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::version::fsck::{self, Probes, Report};
use crate::version::repository::Repository;

/// Structural problems of the store's file that are listed at most.
const STRUCTURE_PROBLEMS_MAX: u32 = 100;

/// Verifies the store of a data directory and the files it names: every commit's id, every tree node's
/// and object's hash, trees that are rebuilt from operations, the hash chain of the ref log, every ref,
/// and that every metadata file is there. `progress` is told, in words, what is being done.
///
/// Blocks; call it outside an async runtime.
///
/// # Errors
/// If the store cannot be opened: it is not there, or a server is running on it. What is wrong inside
/// is in the report.
pub fn run(config: &Config, progress: &mut dyn FnMut(&str)) -> Result<Report> {
    let path = store_path(&config.data_dir);
    if !path.exists() {
        return Err(Error::invalid(format!(
            "{} holds no catalog: name its directory with --data-dir",
            config.data_dir.display()
        )));
    }
    progress("reading the structure of the store");
    let store = SqliteStore::open_read_only(&path, SqliteOptions::default())?;
    let structure = store.integrity_problems(STRUCTURE_PROBLEMS_MAX)?;
    let store: Arc<dyn MetaStore> = Arc::new(store);
    let repository = Arc::new(Repository::new(Arc::clone(&store)));
    let files = Files::new(config.object_store.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no runtime for object stores").with_source(error))?;
    let snapshot = |warehouse: &WarehouseRecord, id| repository.snapshot(warehouse.id, id);
    let unknown = RefCell::new(Unknown::default());
    let file_exists = |location: &str| {
        if unknown.borrow().is_down(location) {
            unknown.borrow_mut().add(location, None);
            return true;
        }
        runtime.block_on(files.exists(location)).unwrap_or_else(|error| {
            unknown.borrow_mut().add(location, Some(&error));
            true
        })
    };
    let probes = Probes { snapshot: &snapshot, file_exists: &file_exists };
    let mut told = |at| {
        let words = match at {
            fsck::Progress::Warehouse(name) => format!("warehouse {name}"),
            fsck::Progress::Commits(count) => format!("{count} commits read"),
            fsck::Progress::Trees(done, of) => format!("trees of {done} of {of} commits"),
            fsck::Progress::LogRows(count) => format!("{count} rows of the ref log"),
        };
        progress(&words);
    };
    let found = fsck::verify(&*store, &probes, &mut told)?;
    let problems = structure
        .into_iter()
        .map(|problem| format!("store: {problem}"))
        .chain(found.problems)
        .chain(unknown.take().problems())
        .collect();
    Ok(Report { problems, ..found })
}

/// Files of which it could not be told whether they are there, by the store they are in. A store that
/// does not answer is asked once, not once for each of its files.
#[derive(Debug, Default)]
struct Unknown {
    stores: BTreeMap<String, (u64, String)>,
}

impl Unknown {
    fn is_down(&self, location: &str) -> bool {
        !Files::is_local(location) && self.stores.contains_key(store_of(location))
    }

    fn add(&mut self, location: &str, error: Option<&Error>) {
        let why = || error.map(Error::chain).unwrap_or_default();
        let (count, _) =
            self.stores.entry(store_of(location).to_owned()).or_insert_with(|| (0, why()));
        *count += 1;
    }

    fn problems(self) -> impl Iterator<Item = String> {
        self.stores.into_iter().map(|(store, (count, why))| {
            format!("it is not known whether {count} files in {store} are there: {why}")
        })
    }
}

/// Scheme and authority of a location.
fn store_of(location: &str) -> &str {
    let after = location.find("://").map_or(0, |at| at + 3);
    let end = location.get(after..).and_then(|rest| rest.find('/'));
    end.and_then(|end| location.get(..after + end)).unwrap_or(location)
}
