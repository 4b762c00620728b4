//! Verifies a data directory while no server has it open.
//!
//! Changes nothing: opens the store read-only, also one that a killed server left.

use std::sync::Arc;

use super::build::store_path;
use super::config::Config;
use crate::base::error::{Error, Result};
use crate::iceberg::io::Files;
use crate::store::interface::MetaStore;
use crate::store::records::WarehouseRecord;
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::version::fsck::{self, Probes};
use crate::version::repository::Repository;

/// Structural problems of the store's file that are listed at most.
const STRUCTURE_PROBLEMS_MAX: u32 = 100;

/// What was verified, and what is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Warehouses.
    pub warehouses: u64,
    /// Commits.
    pub commits: u64,
    /// Tree nodes.
    pub nodes: u64,
    /// Content objects.
    pub objects: u64,
    /// Metadata files.
    pub files: u64,
    /// Refs.
    pub refs: u64,
    /// Ref-log rows.
    pub log_rows: u64,
    /// What is wrong, in words; empty if nothing.
    pub problems: Vec<String>,
}

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
    let file_exists = |location: &str| runtime.block_on(files.exists(location)).unwrap_or(false);
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
        .collect();
    Ok(Report {
        warehouses: found.warehouses,
        commits: found.commits,
        nodes: found.nodes,
        objects: found.objects,
        files: found.files,
        refs: found.refs,
        log_rows: found.log_rows,
        problems,
    })
}
