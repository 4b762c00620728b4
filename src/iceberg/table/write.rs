//! Writing a metadata document: compact, always in the same order.

use std::sync::Arc;

use bytes::Bytes;

use super::json::{write_array, write_string, write_string_map};
use super::metadata::TableMetadata;
use super::snapshot::{Snapshot, SnapshotLogEntry};

/// Appends `,"key":` or, first, `"key":`.
fn key(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(out, name);
    out.push(b':');
}

fn number(out: &mut Vec<u8>, name: &str, value: i64) {
    key(out, name);
    out.extend_from_slice(value.to_string().as_bytes());
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    key(out, name);
    write_string(out, value);
}

fn array<'a>(out: &mut Vec<u8>, name: &str, items: impl IntoIterator<Item = &'a str>) {
    key(out, name);
    write_array(out, items);
}

fn log<T>(out: &mut Vec<u8>, name: &str, items: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
    key(out, name);
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

impl TableMetadata {
    /// Writes the document.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_hint());
        self.write_document(&mut out, &self.snapshots, &[]);
        Bytes::from(out)
    }

    /// Writes the document with these snapshots in place of all, and these properties set.
    pub(in crate::iceberg) fn write_document(
        &self,
        out: &mut Vec<u8>,
        snapshots: &[Arc<Snapshot>],
        properties: &[(&str, &str)],
    ) {
        out.push(b'{');
        number(out, "format-version", self.format_version.into());
        if let Some(uuid) = &self.uuid {
            text(out, "table-uuid", uuid);
        }
        text(out, "location", &self.location);
        if self.format_version > 1 {
            number(out, "last-sequence-number", self.last_sequence_number);
        }
        number(out, "last-updated-ms", self.last_updated_ms);
        number(out, "last-column-id", self.last_column_id.into());
        self.write_structure(out);
        key(out, "properties");
        if properties.is_empty() {
            write_string_map(out, &self.properties);
        } else {
            let mut all = (*self.properties).clone();
            all.extend(properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
            write_string_map(out, &all);
        }
        match (self.current_snapshot_id, self.format_version) {
            (Some(id), _) => number(out, "current-snapshot-id", id),
            (None, 3..) => {
                key(out, "current-snapshot-id");
                out.extend_from_slice(b"null");
            }
            (None, _) => number(out, "current-snapshot-id", -1),
        }
        if self.format_version >= 3 {
            number(out, "next-row-id", self.next_row_id);
        }
        if !self.encryption_keys.is_empty() {
            array(out, "encryption-keys", self.encryption_keys.iter().map(|item| item.json()));
        }
        key(out, "refs");
        out.push(b'{');
        for (name, reference) in self.refs.iter() {
            key(out, name);
            out.extend_from_slice(reference.json().as_bytes());
        }
        out.push(b'}');
        array(out, "snapshots", snapshots.iter().map(|item| item.json()));
        array(out, "statistics", self.statistics.iter().map(|item| item.json()));
        array(
            out,
            "partition-statistics",
            self.partition_statistics.iter().map(|item| item.json()),
        );
        log(out, "snapshot-log", &self.snapshot_log, SnapshotLogEntry::write);
        log(out, "metadata-log", &self.metadata_log, |entry, out| entry.write(out));
        for (name, raw) in self.other.iter() {
            key(out, name);
            out.extend_from_slice(raw.as_bytes());
        }
        out.push(b'}');
    }

    /// Schemas, specs and sort orders.
    fn write_structure(&self, out: &mut Vec<u8>) {
        // Readers of format version 1 may know only the singular fields.
        if self.format_version == 1
            && let Some(schema) = self.current_schema()
        {
            key(out, "schema");
            out.extend_from_slice(schema.json().as_bytes());
        }
        number(out, "current-schema-id", self.current_schema_id.into());
        array(out, "schemas", self.schemas.iter().map(|schema| schema.json()));
        if self.format_version == 1
            && let Some(spec) = self.spec(self.default_spec_id)
        {
            key(out, "partition-spec");
            out.extend_from_slice(spec.fields_json().as_bytes());
        }
        number(out, "default-spec-id", self.default_spec_id.into());
        array(out, "partition-specs", self.specs.iter().map(|spec| spec.json()));
        number(out, "last-partition-id", self.last_partition_id.into());
        number(out, "default-sort-order-id", self.default_sort_order_id.into());
        array(out, "sort-orders", self.sort_orders.iter().map(|order| order.json()));
    }

    /// About how long the document is; also what it weighs in a cache.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        let schemas: usize = self.schemas.iter().map(|item| item.json().len() + 1).sum();
        let snapshots: usize = self.snapshots.iter().map(|item| item.json().len() + 1).sum();
        let logs = self.snapshot_log.len() * 70 + self.metadata_log.len() * 200;
        let properties: usize = self.properties.iter().map(|(k, v)| k.len() + v.len() + 6).sum();
        let other: usize = self.other.iter().map(|(k, v)| k.len() + v.len() + 6).sum();
        1024 + schemas + snapshots + logs + properties + other
    }
}
