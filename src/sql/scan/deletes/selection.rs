//! From deleted positions to the rows of a Parquet file that are read.

use std::ops::Range;
use std::sync::Arc;

use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use roaring::RoaringTreemap;

use super::corrupt;
use crate::sql::error::SqlResult;

/// The rows of a file that are left.
#[derive(Debug)]
pub(in crate::sql::scan) struct Selection {
    /// Their positions, in order.
    pub(in crate::sql::scan) live: Arc<[Range<u64>]>,
    /// The same, row group by row group.
    pub(in crate::sql::scan) access: Arc<ParquetAccessPlan>,
}

impl Selection {
    /// What is left of a file with row groups of these sizes; `None` if nothing was deleted.
    ///
    /// # Errors
    /// `DataCorrupted` if a position lies outside of the file.
    pub(super) fn new(
        path: &str,
        groups: &[u64],
        deleted: &RoaringTreemap,
    ) -> SqlResult<Option<Self>> {
        if deleted.is_empty() {
            return Ok(None);
        }
        let rows: u64 = groups.iter().fold(0, |sum, rows| sum.saturating_add(*rows));
        if let Some(last) = deleted.max().filter(|last| *last >= rows) {
            return Err(corrupt(
                path,
                format_args!("row {last} is deleted, and it has only {rows} rows"),
            ));
        }
        let mut live = Vec::new();
        let mut next = 0;
        for position in deleted {
            if position > next {
                live.push(next..position);
            }
            next = position + 1;
        }
        if next < rows {
            live.push(next..rows);
        }
        let mut plan = Vec::with_capacity(groups.len());
        let (mut start, mut at) = (0_u64, 0);
        for rows in groups {
            let group = start..start.saturating_add(*rows);
            plan.push(access(&group, &live, &mut at));
            start = group.end;
        }
        Ok(Some(Self { live: live.into(), access: Arc::new(ParquetAccessPlan::new(plan)) }))
    }

    /// How many rows are left.
    pub(in crate::sql::scan) fn rows(&self) -> u64 {
        self.live.iter().map(|range| range.end - range.start).sum()
    }

    /// Bytes in memory, about.
    pub(super) fn bytes(&self) -> u64 {
        // Each range has a selector for its rows and one for those before it.
        (size_of::<Range<u64>>() + 2 * size_of::<RowSelector>()) as u64 * self.live.len() as u64
    }
}

/// What to read of a row group. `at` is the first live range that does not end before the group.
fn access(group: &Range<u64>, live: &[Range<u64>], at: &mut usize) -> RowGroupAccess {
    let mut selectors = Vec::new();
    let mut next = group.start;
    while let Some(range) = live.get(*at).filter(|range| range.start < group.end) {
        let (from, until) = (range.start.max(group.start), range.end.min(group.end));
        if from < until {
            if from > next {
                selectors.push(RowSelector::skip(length(next..from)));
            }
            selectors.push(RowSelector::select(length(from..until)));
            next = until;
        }
        if range.end > group.end {
            break;
        }
        *at += 1;
    }
    match selectors.as_slice() {
        [] if group.is_empty() => RowGroupAccess::Scan,
        [] => RowGroupAccess::Skip,
        [all] if next == group.end && all.row_count == length(group.clone()) => {
            RowGroupAccess::Scan
        }
        _ => {
            if next < group.end {
                selectors.push(RowSelector::skip(length(next..group.end)));
            }
            RowGroupAccess::Selection(RowSelection::from(selectors))
        }
    }
}

fn length(range: Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(groups: &[u64], deleted: &[u64]) -> String {
        let deleted: RoaringTreemap = deleted.iter().copied().collect();
        let found = Selection::new("f", groups, &deleted).unwrap().unwrap();
        let parts = found.access.inner().iter().map(|access| match access {
            RowGroupAccess::Skip => "none".to_owned(),
            RowGroupAccess::Scan => "all".to_owned(),
            RowGroupAccess::Selection(selection) => selection
                .iter()
                .map(|part| format!("{}{}", if part.skip { '-' } else { '+' }, part.row_count))
                .collect(),
        });
        format!("{:?} {}", found.live, parts.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn row_groups_are_read_in_part_whole_or_not_at_all() {
        assert_eq!(shown(&[3, 3, 3], &[3, 4, 5]), "[0..3, 6..9] all none all");
        assert_eq!(shown(&[3, 3, 3], &[2, 3]), "[0..2, 4..9] +2-1 -1+2 all");
        assert_eq!(shown(&[4], &[0, 2]), "[1..2, 3..4] -1+1-1+1");
        assert_eq!(shown(&[2, 0, 2], &[0, 3]), "[1..3] -1+1 all +1-1");
        assert_eq!(shown(&[2], &[0, 1]), "[] none");
    }

    #[test]
    fn positions_outside_of_the_file_are_refused() {
        let deleted: RoaringTreemap = [9].into_iter().collect();
        let error = Selection::new("f", &[4, 5], &deleted).unwrap_err();
        assert_eq!(error.message, "f cannot be read: row 9 is deleted, and it has only 9 rows");
        assert!(Selection::new("f", &[4], &RoaringTreemap::new()).unwrap().is_none());
    }
}
