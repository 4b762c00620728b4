//! What a snapshot says it did, under the keys and by the rules of the Java implementation.

use std::collections::{BTreeMap, BTreeSet};

use apache_iceberg::spec::{DataContentType, DataFile, Struct};
use serde_json::{Map, Value};

/// Counts of one kind of file.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    files: u64,
    rows: u64,
}

impl Count {
    fn add(&mut self, file: &DataFile) {
        self.files = self.files.saturating_add(1);
        self.rows = self.rows.saturating_add(file.record_count());
    }
}

/// Counts of all kinds of files.
#[derive(Debug, Default)]
pub(super) struct Counts {
    data: Count,
    position_deletes: Count,
    equality_deletes: Count,
    bytes: u64,
}

impl Counts {
    fn add(&mut self, file: &DataFile) {
        self.bytes = self.bytes.saturating_add(file.file_size_in_bytes());
        match file.content_type() {
            DataContentType::Data => self.data.add(file),
            DataContentType::PositionDeletes => self.position_deletes.add(file),
            DataContentType::EqualityDeletes => self.equality_deletes.add(file),
        }
    }

    /// Rows of data files.
    pub(super) fn rows(&self) -> u64 {
        self.data.rows
    }

    /// Data files.
    pub(super) fn files(&self) -> u64 {
        self.data.files
    }

    fn delete_files(&self) -> u64 {
        self.position_deletes.files.saturating_add(self.equality_deletes.files)
    }
}

/// What a snapshot adds and removes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) added: Counts,
    pub(super) removed: Counts,
    partitions: BTreeSet<String>,
}

impl Changes {
    pub(super) fn add(&mut self, file: &DataFile, spec_id: i32) {
        self.added.add(file);
        self.touch(file.partition(), spec_id);
    }

    pub(super) fn remove(&mut self, file: &DataFile, spec_id: i32) {
        self.removed.add(file);
        self.touch(file.partition(), spec_id);
    }

    fn touch(&mut self, partition: &Struct, spec_id: i32) {
        self.partitions.insert(format!("{spec_id} {partition:?}"));
    }

    /// What the snapshot does, in one word.
    pub(super) fn operation(&self) -> &'static str {
        match (self.added.data.files, self.removed.bytes, self.removed.data.files) {
            (_, 0, 0) => "append",
            (0, _, _) => "delete",
            _ => "overwrite",
        }
    }

    /// The summary. Totals follow from those of the snapshot before, and are left out where that one has
    /// none; a snapshot that empties the table starts them anew.
    pub(super) fn summary(
        &self,
        before: Option<&BTreeMap<String, String>>,
        emptied: bool,
    ) -> Map<String, Value> {
        let (added, removed) = (&self.added, &self.removed);
        let mut out = Map::new();
        let mut put = |key: &str, value: u64| {
            if value > 0 {
                out.insert(key.to_owned(), Value::from(value.to_string()));
            }
        };
        put("added-data-files", added.data.files);
        put("deleted-data-files", removed.data.files);
        put("removed-position-delete-files", removed.position_deletes.files);
        put("removed-equality-delete-files", removed.equality_deletes.files);
        put("removed-delete-files", removed.delete_files());
        put("added-records", added.data.rows);
        put("deleted-records", removed.data.rows);
        put("added-files-size", added.bytes);
        put("removed-files-size", removed.bytes);
        put("removed-position-deletes", removed.position_deletes.rows);
        put("removed-equality-deletes", removed.equality_deletes.rows);
        put("changed-partition-count", self.partitions.len() as u64);
        for (key, plus, minus) in [
            ("total-records", added.data.rows, removed.data.rows),
            ("total-files-size", added.bytes, removed.bytes),
            ("total-data-files", added.data.files, removed.data.files),
            ("total-delete-files", 0, removed.delete_files()),
            ("total-position-deletes", 0, removed.position_deletes.rows),
            ("total-equality-deletes", 0, removed.equality_deletes.rows),
        ] {
            let start = match before {
                _ if emptied => Some(minus),
                None => Some(0),
                Some(before) => before.get(key).and_then(|text| text.parse::<u64>().ok()),
            };
            let total = start.and_then(|start| start.checked_add(plus)?.checked_sub(minus));
            if let Some(total) = total {
                out.insert(key.to_owned(), Value::from(total.to_string()));
            }
        }
        out
    }
}
