//! Updates of statistics files.

use std::sync::Arc;

use super::Builder;
use crate::base::error::Result;
use crate::iceberg::table::snapshot::StatisticsFile;

impl Builder {
    pub(super) fn set_statistics(&mut self, file: &StatisticsFile) -> Result<()> {
        replace(&mut self.metadata.statistics, file);
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove_statistics(&mut self, snapshot_id: i64) -> Result<()> {
        self.changed |= remove(&mut self.metadata.statistics, snapshot_id);
        Ok(())
    }

    pub(super) fn set_partition_statistics(&mut self, file: &StatisticsFile) -> Result<()> {
        replace(&mut self.metadata.partition_statistics, file);
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove_partition_statistics(&mut self, snapshot_id: i64) -> Result<()> {
        self.changed |= remove(&mut self.metadata.partition_statistics, snapshot_id);
        Ok(())
    }
}

/// One file for each snapshot: the one set last.
fn replace(files: &mut Arc<Vec<StatisticsFile>>, file: &StatisticsFile) {
    let files = Arc::make_mut(files);
    files.retain(|known| known.snapshot_id != file.snapshot_id);
    files.push(file.clone());
}

fn remove(files: &mut Arc<Vec<StatisticsFile>>, snapshot_id: i64) -> bool {
    let found = files.iter().any(|file| file.snapshot_id == snapshot_id);
    if found {
        Arc::make_mut(files).retain(|file| file.snapshot_id != snapshot_id);
    }
    found
}
