//! The ref log is one unbroken chain, and every ref stands where its last row says.

use std::collections::{HashMap, HashSet};

use super::trees::Head;
use super::{BATCH, Known, Progress, Report};
use crate::base::hash::Digest;
use crate::base::ids::CommitId;
use crate::store::interface::{ReadTxn, StoreResult};
use crate::store::records::{RefLogRecord, WarehouseRecord};
use crate::version::ref_log::row_hash;

/// Verifies log and refs; returns the commits that refs point at, with what their trees are.
pub(super) fn check(
    read: &mut dyn ReadTxn,
    warehouse: &WarehouseRecord,
    commits: &HashMap<CommitId, Known>,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> StoreResult<Vec<Head>> {
    let mut newest = rows(read, warehouse, report, progress)?;
    let mut heads = Vec::new();
    let mut seen = HashSet::new();
    let mut after: Option<String> = None;
    let mut default_there = false;
    loop {
        let refs = read.ref_list(warehouse.id, None, "", after.as_deref(), BATCH)?;
        let Some(last) = refs.last() else { break };
        after = Some(last.name.clone());
        for found in refs {
            report.refs += 1;
            default_there |= found.name == warehouse.default_branch;
            let (name, commit) = (&found.name, found.commit);
            match newest.remove(name) {
                Some(row) if row.to == Some(commit) && row.kind == found.kind => {}
                Some(row) => report.problem(
                    warehouse,
                    format_args!(
                        "{name} points at {commit}, but row {} of its log says {}",
                        row.sequence,
                        row.to.map_or_else(|| "it was deleted".to_owned(), |to| to.to_string())
                    ),
                ),
                None => report.problem(warehouse, format_args!("{name} is not in the ref log")),
            }
            match commits.get(&commit) {
                None => report.problem(
                    warehouse,
                    format_args!("{name} points at {commit}, which is missing or damaged"),
                ),
                Some(known) if seen.insert(known.commit.root) => {
                    let is_default = *name == warehouse.default_branch;
                    heads.push(Head { name: found.name, commit, is_default });
                }
                Some(_) => {}
            }
        }
    }
    if !default_there {
        let name = &warehouse.default_branch;
        report.problem(warehouse, format_args!("the default branch {name} is missing"));
    }
    let mut lost: Vec<RefLogRecord> = newest.into_values().filter(|row| row.to.is_some()).collect();
    lost.sort_unstable_by_key(|row| row.sequence);
    for row in lost {
        report.problem(
            warehouse,
            format_args!("{} is in the ref log (row {}) but missing", row.name, row.sequence),
        );
    }
    Ok(heads)
}

/// Verifies the rows from the newest to the first; returns the newest of each name.
fn rows(
    read: &mut dyn ReadTxn,
    warehouse: &WarehouseRecord,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> StoreResult<HashMap<String, RefLogRecord>> {
    let mut newest = HashMap::new();
    let mut later: Option<RefLogRecord> = None;
    let mut count = 0;
    loop {
        let before = later.as_ref().map(|row| row.sequence);
        let rows = read.ref_log_list(warehouse.id, None, before, BATCH)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            count += 1;
            let sequence = row.sequence;
            if row_hash(&row) != row.hash {
                let what = format_args!("row {sequence} of the ref log was altered");
                report.problem(warehouse, what);
            }
            if let Some(later) = &later {
                check_link(warehouse, &row, later, report);
            }
            if !newest.contains_key(&row.name) {
                newest.insert(row.name.clone(), row.clone());
            }
            later = Some(row);
        }
        progress(Progress::LogRows(count));
    }
    report.log_rows += count;
    match later {
        None => report.problem(warehouse, "the ref log is empty"),
        Some(first) if first.sequence != 1 || first.previous != Digest::default() => report
            .problem(
                warehouse,
                format_args!("the ref log begins with row {}: rows are missing", first.sequence),
            ),
        Some(_) => {}
    }
    Ok(newest)
}

fn check_link(
    warehouse: &WarehouseRecord,
    row: &RefLogRecord,
    later: &RefLogRecord,
    report: &mut Report,
) {
    if row.sequence.checked_add(1) != Some(later.sequence) {
        report.problem(
            warehouse,
            format_args!("rows are missing from the ref log before row {}", later.sequence),
        );
    } else if later.previous != row.hash {
        let sequence = later.sequence;
        report.problem(
            warehouse,
            format_args!("row {sequence} of the ref log does not follow the row before it"),
        );
    }
    if row.at > later.at {
        let sequence = later.sequence;
        report.problem(
            warehouse,
            format_args!("row {sequence} of the ref log is earlier than the row before it"),
        );
    }
}
