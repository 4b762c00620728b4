//! Reading a metadata document.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json::{self, Node};
use super::metadata::{FORMAT_VERSION_MAX, TableMetadata};
use super::partition::PartitionSpec;
use super::schema::Schema;
use super::snapshot::{
    EncryptionKey, MAIN_BRANCH, MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotRef,
    SnapshotRefKind, StatisticsFile,
};
use super::sort::SortOrder;
use crate::base::error::{Error, ErrorKind, Result};

/// Fields whose values are read as a whole.
const SCALARS: [&str; 13] = [
    "format-version",
    "table-uuid",
    "location",
    "last-sequence-number",
    "last-updated-ms",
    "last-column-id",
    "current-schema-id",
    "default-spec-id",
    "last-partition-id",
    "default-sort-order-id",
    "properties",
    "current-snapshot-id",
    "next-row-id",
];

/// Fields whose parts are kept as text.
const PARTS: [&str; 12] = [
    "schema",
    "schemas",
    "partition-spec",
    "partition-specs",
    "sort-orders",
    "snapshots",
    "refs",
    "statistics",
    "partition-statistics",
    "snapshot-log",
    "metadata-log",
    "encryption-keys",
];

/// The fields of one object in their order, values as text.
pub(in crate::iceberg) struct Fields<'a>(pub(in crate::iceberg) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Collect<'a> {
            type Value = Fields<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    fields.push((Cow::Owned(key), map.next_value::<&'a RawValue>()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Collect(std::marker::PhantomData))
    }
}

impl<'a> Fields<'a> {
    /// Splits a document into its top-level fields.
    pub(in crate::iceberg) fn parse(what: &str, bytes: &'a [u8]) -> Result<Self> {
        let fields: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::invalid(format!("Cannot parse {what}: {error}")))?;
        let mut seen = BTreeSet::new();
        for (key, _) in &fields.0 {
            if !seen.insert(key.as_ref()) {
                return Err(Error::invalid(format!("Cannot parse {what}: two fields named {key}")));
            }
        }
        Ok(fields)
    }

    /// A field's text, unless it is missing or null.
    pub(in crate::iceberg) fn text(&self, key: &str) -> Option<&'a str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, raw)| raw.get())
            .filter(|text| *text != "null")
    }

    /// The named fields as values.
    pub(in crate::iceberg) fn values(
        &self,
        what: &str,
        keys: &[&str],
    ) -> Result<Map<String, Value>> {
        self.0
            .iter()
            .filter(|(key, _)| keys.contains(&key.as_ref()))
            .map(|(key, raw)| Ok((key.to_string(), json::parse(what, raw.get())?)))
            .collect()
    }

    /// The items of an array field, each read by a function; `None` if the field is missing.
    pub(in crate::iceberg) fn items<T>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let items: Vec<&RawValue> = serde_json::from_str(text)
            .map_err(|_| Error::invalid(format!("Cannot parse {key} from non-array")))?;
        items.into_iter().map(|item| read(item.get())).collect::<Result<_>>().map(Some)
    }

    /// Fields that are not among those named, compact.
    ///
    /// # Errors
    /// `InvalidInput` for a value nested too deeply to be read again.
    pub(in crate::iceberg) fn others(
        &self,
        what: &str,
        known: &[&[&str]],
    ) -> Result<Vec<(String, Arc<str>)>> {
        self.0
            .iter()
            .filter(|(key, _)| !known.iter().any(|names| names.contains(&key.as_ref())))
            .map(|(key, raw)| {
                json::parse(what, raw.get())?;
                Ok((key.to_string(), json::compact(raw.get())))
            })
            .collect()
    }
}

impl TableMetadata {
    /// Reads a metadata document.
    ///
    /// # Errors
    /// `InvalidInput` for a document that is no table metadata, `Unsupported` for a format version that
    /// is not known.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let fields = Fields::parse("table metadata", bytes)?;
        let scalars = fields.values("table metadata", &SCALARS)?;
        let node = Node(&scalars);
        let format_version = node.int("format-version")?;
        if !(1..=FORMAT_VERSION_MAX).contains(&format_version) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("Cannot read unsupported version {format_version}"),
            ));
        }
        let (schemas, current_schema_id) = read_schemas(&fields, node, format_version)?;
        let (specs, default_spec_id) = read_specs(&fields, node, format_version)?;
        let (sort_orders, default_sort_order_id) = read_orders(&fields, node, format_version)?;
        let last_partition_id = match node.int_opt("last-partition-id")? {
            Some(id) => id,
            None if format_version == 1 => {
                specs.iter().map(|spec| spec.last_assigned_field_id()).max().unwrap_or(999)
            }
            None => return Err(must_exist("last-partition-id", format_version)),
        };
        let current_snapshot_id = node.long_opt("current-snapshot-id")?.filter(|id| *id != -1);
        let metadata = Self {
            format_version,
            uuid: node.string_opt("table-uuid")?.map(Arc::from),
            location: Arc::from(strip_trailing_slash(node.string("location")?)),
            last_sequence_number: match format_version {
                1 => 0,
                _ => node.long("last-sequence-number")?,
            },
            last_updated_ms: node.long("last-updated-ms")?,
            last_column_id: node.int("last-column-id")?,
            current_schema_id,
            schemas: Arc::new(schemas),
            default_spec_id,
            specs: Arc::new(specs),
            last_partition_id,
            default_sort_order_id,
            sort_orders: Arc::new(sort_orders),
            properties: Arc::new(match node.get("properties") {
                Some(_) => node.string_map("properties")?,
                None => BTreeMap::new(),
            }),
            current_snapshot_id,
            next_row_id: match format_version {
                3 => node.long("next-row-id")?,
                _ => 0,
            },
            encryption_keys: list(&fields, "encryption-keys", EncryptionKey::parse)?,
            refs: Arc::new(read_refs(&fields, current_snapshot_id)?),
            snapshots: Arc::new(
                fields
                    .items("snapshots", |text| Snapshot::parse(text).map(Arc::new))?
                    .unwrap_or_default(),
            ),
            statistics: list(&fields, "statistics", StatisticsFile::parse)?,
            partition_statistics: list(&fields, "partition-statistics", StatisticsFile::parse)?,
            snapshot_log: list(&fields, "snapshot-log", SnapshotLogEntry::parse)?,
            metadata_log: list(&fields, "metadata-log", MetadataLogEntry::parse)?,
            other: Arc::new(fields.others("table metadata", &[&SCALARS, &PARTS])?),
        };
        metadata.check_document()?;
        Ok(metadata)
    }

    /// What must hold between the parts of a document.
    fn check_document(&self) -> Result<()> {
        if self.format_version > 1 && self.uuid.is_none() {
            return Err(Error::invalid(format!(
                "UUID is required in format v{}",
                self.format_version
            )));
        }
        unique("schema", self.schemas.iter().map(|schema| i64::from(schema.id())))?;
        unique("partition spec", self.specs.iter().map(|spec| i64::from(spec.id())))?;
        unique("sort order", self.sort_orders.iter().map(|order| i64::from(order.id())))?;
        unique("snapshot", self.snapshots.iter().map(|snapshot| snapshot.id))?;
        let known: BTreeSet<i64> = self.snapshots.iter().map(|snapshot| snapshot.id).collect();
        if self.current_snapshot_id.is_some_and(|id| !known.contains(&id)) {
            return Err(Error::invalid("Invalid table metadata: Cannot find current version"));
        }
        for snapshot in self.snapshots.iter() {
            if snapshot.sequence_number > self.last_sequence_number {
                return Err(Error::invalid(format!(
                    "Invalid snapshot with sequence number {} greater than last sequence number {}",
                    snapshot.sequence_number, self.last_sequence_number
                )));
            }
        }
        for (name, reference) in self.refs.iter() {
            if !known.contains(&reference.snapshot_id) {
                return Err(Error::invalid(format!(
                    "Snapshot for reference {name} ({}) does not exist in the existing snapshots \
                     list",
                    reference.snapshot_id
                )));
            }
        }
        match (self.current_snapshot_id, self.refs.get(MAIN_BRANCH)) {
            (Some(id), Some(main)) if main.snapshot_id != id => Err(Error::invalid(format!(
                "Current snapshot ID does not match main branch ({id} != {})",
                main.snapshot_id
            ))),
            (None, Some(main)) => Err(Error::invalid(format!(
                "Current snapshot is not set, but main branch exists: {}",
                main.json()
            ))),
            (_, Some(main)) if main.kind == SnapshotRefKind::Tag => {
                Err(Error::invalid("Invalid table metadata: main is a tag"))
            }
            _ => Ok(()),
        }
    }
}

/// A location without trailing slashes, but for a bare root.
pub(in crate::iceberg) fn strip_trailing_slash(location: &str) -> &str {
    let mut text = location;
    while let Some(shorter) = text.strip_suffix('/') {
        if shorter.is_empty() || shorter.ends_with(':') || shorter.ends_with(":/") {
            break;
        }
        text = shorter;
    }
    text
}

fn unique(what: &str, ids: impl Iterator<Item = i64>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(Error::invalid(format!(
                "Invalid table metadata: two {what}s have id {id}"
            )));
        }
    }
    Ok(())
}

fn list<T>(
    fields: &Fields<'_>,
    key: &str,
    read: impl Fn(&str) -> Result<T>,
) -> Result<Arc<Vec<T>>> {
    Ok(Arc::new(fields.items(key, read)?.unwrap_or_default()))
}

fn must_exist(field: &str, format_version: i32) -> Error {
    Error::invalid(format!("{field} must exist in format v{format_version}"))
}

fn read_schemas(
    fields: &Fields<'_>,
    node: Node<'_>,
    format_version: i32,
) -> Result<(Vec<Arc<Schema>>, i32)> {
    let read = |text: &str| Schema::parse(text).map(Arc::new);
    if let Some(schemas) = fields.items("schemas", read)? {
        let current = node.int("current-schema-id")?;
        if !schemas.iter().any(|schema| schema.id() == current) {
            return Err(Error::invalid(format!(
                "Cannot find schema with current-schema-id={current} from schemas"
            )));
        }
        return Ok((schemas, current));
    }
    if format_version != 1 {
        return Err(must_exist("schemas", format_version));
    }
    let text = fields
        .text("schema")
        .ok_or_else(|| Error::invalid("Cannot parse missing field: schema"))?;
    let schema = read(text)?;
    let current = schema.id();
    Ok((vec![schema], current))
}

fn read_specs(
    fields: &Fields<'_>,
    node: Node<'_>,
    format_version: i32,
) -> Result<(Vec<Arc<PartitionSpec>>, i32)> {
    let specs = fields.items("partition-specs", PartitionSpec::parse)?;
    let (specs, default) = match specs {
        Some(specs) => (specs, node.int("default-spec-id")?),
        None if format_version == 1 => {
            let text = fields
                .text("partition-spec")
                .ok_or_else(|| Error::invalid("Cannot parse missing field: partition-spec"))?;
            (vec![PartitionSpec::parse_fields(text)?], 0)
        }
        None => return Err(must_exist("partition-specs", format_version)),
    };
    if !specs.iter().any(|spec| spec.id() == default) {
        return Err(Error::invalid(format!(
            "Cannot find partition spec with default-spec-id={default} from partition-specs"
        )));
    }
    // Old files leave out field ids; they always counted up from 1000.
    let specs = specs.into_iter().map(|spec| {
        if spec.fields().iter().all(|field| field.field_id.is_some()) {
            return Ok(Arc::new(spec));
        }
        let ids: Vec<i32> = (1000..).take(spec.fields().len()).collect();
        spec.with_ids(spec.id(), &ids).map(Arc::new)
    });
    Ok((specs.collect::<Result<_>>()?, default))
}

fn read_orders(
    fields: &Fields<'_>,
    node: Node<'_>,
    format_version: i32,
) -> Result<(Vec<Arc<SortOrder>>, i32)> {
    let read = |text: &str| SortOrder::parse(text).map(Arc::new);
    match fields.items("sort-orders", read)? {
        Some(orders) => {
            let default = node.int("default-sort-order-id")?;
            if !orders.iter().any(|order| order.id() == default) {
                return Err(Error::invalid(format!(
                    "Cannot find sort order with default-sort-order-id={default} from sort-orders"
                )));
            }
            Ok((orders, default))
        }
        None if format_version == 1 => Ok((vec![Arc::new(SortOrder::unsorted())], 0)),
        None => Err(must_exist("sort-orders", format_version)),
    }
}

fn read_refs(
    fields: &Fields<'_>,
    current_snapshot_id: Option<i64>,
) -> Result<BTreeMap<String, SnapshotRef>> {
    match fields.text("refs") {
        Some(text) => Fields::parse("refs", text.as_bytes())?
            .0
            .into_iter()
            .map(|(name, raw)| Ok((name.into_owned(), SnapshotRef::parse(raw.get())?)))
            .collect(),
        None => Ok(current_snapshot_id
            .map(|id| (MAIN_BRANCH.to_owned(), SnapshotRef::branch(id)))
            .into_iter()
            .collect()),
    }
}
