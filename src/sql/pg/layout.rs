//! Which relations there are, and their columns: names and types as PostgreSQL has them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The schema of the system's own relations.
pub(super) const PG_CATALOG: &str = "pg_catalog";
/// The schema of the relations that the SQL standard names.
pub(super) const INFORMATION_SCHEMA: &str = "information_schema";

/// The type of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    Oid,
    Int2,
    Int4,
    Int8,
    Float8,
    Bool,
    Time,
    Texts,
    Oids,
    Int2s,
    Floats,
}

/// A relation of one of the two schemas.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    /// PostgreSQL's own OID of it; 0 for a view.
    pub(super) oid: i64,
    /// Whether it can have rows: one about things that are not here never has.
    pub(super) filled: bool,
    pub(super) columns: Vec<(&'static str, Kind)>,
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "oid" => Self::Oid,
            "int2" => Self::Int2,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float8" => Self::Float8,
            "bool" => Self::Bool,
            "timestamptz" => Self::Time,
            "text[]" => Self::Texts,
            "oid[]" => Self::Oids,
            "int2[]" => Self::Int2s,
            "float8[]" => Self::Floats,
            _ => Self::Text,
        }
    }

    pub(super) fn data_type(self) -> DataType {
        let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
        match self {
            Self::Text => DataType::Utf8,
            Self::Oid | Self::Int8 => DataType::Int64,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Float8 => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            Self::Texts => list(DataType::Utf8),
            Self::Oids => list(DataType::Int64),
            Self::Int2s => list(DataType::Int16),
            Self::Floats => list(DataType::Float64),
        }
    }
}

impl Layout {
    pub(super) fn arrow(&self) -> SchemaRef {
        let field = |(name, kind): &(&str, Kind)| Field::new(*name, kind.data_type(), true);
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }
}

static LAYOUTS: LazyLock<BTreeMap<(&'static str, &'static str), Layout>> = LazyLock::new(|| {
    let lines = include_str!("relations.txt").lines();
    lines.filter_map(parse).map(|layout| ((layout.schema, layout.name), layout)).collect()
});

fn parse(line: &'static str) -> Option<Layout> {
    let (head, columns) = line.split_once(": ").filter(|_| !line.starts_with('#'))?;
    let mut head = head.split(' ');
    let (schema, name) = (head.next()?, head.next()?);
    let oid = head.next()?.parse().ok()?;
    let filled = head.next()? == "rows";
    let columns = columns
        .split(", ")
        .filter_map(|column| column.rsplit_once(' '))
        .map(|(name, kind)| (name, Kind::parse(kind)))
        .collect();
    Some(Layout { schema, name, oid, filled, columns })
}

/// A relation by schema and name.
pub(super) fn find(schema: &str, name: &str) -> Option<&'static Layout> {
    // The map's own lifetime is that of its keys, which a name for a moment does not have.
    LAYOUTS.iter().find(|((s, n), _)| *s == schema && *n == name).map(|(_, layout)| layout)
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = &'static Layout> {
    LAYOUTS.values()
}

/// The relation that these parts of a name, without a database, stand for; `pg_catalog` comes before every
/// schema of the search path.
pub(super) fn named(parts: &[String]) -> Option<(&'static str, &str)> {
    match parts {
        [name] => find(PG_CATALOG, name).map(|layout| (layout.schema, name.as_str())),
        [schema, name] => {
            let schema =
                [PG_CATALOG, INFORMATION_SCHEMA].into_iter().find(|known| known == schema)?;
            Some((schema, name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_relation() {
        let lines = include_str!("relations.txt").lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), LAYOUTS.len());
        let classes = find(PG_CATALOG, "pg_class").map(|layout| (layout.oid, layout.columns.len()));
        assert_eq!(classes, Some((1259, 33)));
        assert!(find(PG_CATALOG, "tables").is_none());
        assert!(find(INFORMATION_SCHEMA, "tables").is_some());
    }
}
