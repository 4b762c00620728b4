//! PostgreSQL's types: which there are, how they are written, and which one a column of a table has.

use std::fmt::Write as _;
use std::sync::LazyLock;

use arrow::datatypes::DataType;

use crate::iceberg::table::types::Type;

/// A type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PgType {
    pub(super) oid: i64,
    pub(super) name: String,
    /// Bytes of a value; -1 if they differ.
    pub(super) length: i64,
    pub(super) by_value: bool,
    /// `b` for a base type, `p` for a pseudo-type.
    pub(super) class: String,
    pub(super) category: String,
    pub(super) preferred: bool,
    /// The type of the elements; 0 for none.
    pub(super) element: i64,
    /// The type of arrays of it; 0 for none.
    pub(super) array: i64,
    pub(super) input: String,
    pub(super) align: String,
    pub(super) storage: String,
    pub(super) collation: i64,
    /// As it is written in SQL.
    pub(super) sql: String,
}

static TYPES: LazyLock<Vec<PgType>> = LazyLock::new(|| {
    let lines = include_str!("types.txt").lines();
    let mut types: Vec<PgType> = lines.filter_map(parse).collect();
    let arrays: Vec<PgType> = types.iter().filter(|one| one.array != 0).map(array_of).collect();
    types.extend(arrays);
    types.sort_by_key(|one| one.oid);
    types
});

fn parse(line: &str) -> Option<PgType> {
    let mut parts = line.split('|').filter(|_| !line.starts_with('#'));
    let mut next = || parts.next().map(str::to_owned);
    Some(PgType {
        oid: next()?.parse().ok()?,
        name: next()?,
        length: next()?.parse().ok()?,
        by_value: next()? == "t",
        class: next()?,
        category: next()?,
        preferred: next()? == "t",
        element: next()?.parse().ok()?,
        array: next()?.parse().ok()?,
        input: next()?,
        align: next()?,
        storage: next()?,
        collation: next()?.parse().ok()?,
        sql: next()?,
    })
}

fn array_of(one: &PgType) -> PgType {
    PgType {
        oid: one.array,
        name: format!("_{}", one.name),
        length: -1,
        by_value: false,
        class: one.class.clone(),
        category: "A".to_owned(),
        preferred: false,
        element: one.oid,
        array: 0,
        input: "array_in".to_owned(),
        align: if one.align == "d" { "d" } else { "i" }.to_owned(),
        storage: "x".to_owned(),
        collation: one.collation,
        sql: format!("{}[]", one.sql),
    }
}

/// The OID of `json`.
const JSON: i64 = 114;

/// All types.
pub(super) fn all() -> &'static [PgType] {
    &TYPES
}

/// A type by its OID.
pub(super) fn find(oid: i64) -> Option<&'static PgType> {
    let at = TYPES.binary_search_by_key(&oid, |one| one.oid).ok()?;
    TYPES.get(at)
}

/// A type by its name, as it is written in SQL or in `pg_type`.
pub(super) fn by_name(name: &str) -> Option<&'static PgType> {
    let name = name.trim();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(name);
    let plain = name.split('(').next().unwrap_or(name).trim();
    let folded = plain.to_lowercase();
    let folded = match folded.as_str() {
        "int" => "int4",
        "decimal" => "numeric",
        "float" => "float8",
        other => other,
    };
    TYPES.iter().find(|one| one.name == folded || one.sql == folded)
}

/// A type with its modifier, as `format_type` writes it.
pub(super) fn shown(oid: i64, modifier: Option<i64>) -> String {
    if oid == 0 {
        return "-".to_owned();
    }
    let Some(one) = find(oid) else { return "???".to_owned() };
    let modifier = modifier.unwrap_or(-1);
    if modifier < 4 {
        return one.sql.clone();
    }
    let (base, array) = match find(one.element).filter(|_| one.name.starts_with('_')) {
        Some(element) => (element, "[]"),
        None => (one, ""),
    };
    let mut text = base.sql.clone();
    let written = match base.name.as_str() {
        "numeric" => {
            let packed = modifier - 4;
            write!(text, "({},{})", (packed >> 16) & 0xffff, packed & 0x7ff)
        }
        "varchar" | "bpchar" => write!(text, "({})", modifier - 4),
        _ => Ok(()),
    };
    if written.is_err() {
        return one.sql.clone();
    }
    text.push_str(array);
    text
}

/// The type and modifier of a column of a table. What SQL shows as JSON is `json`.
pub(super) fn of_column(column: &Type) -> (i64, i64) {
    match column {
        Type::Named(name) => of_name(name),
        Type::List { element, .. } => {
            let (element, modifier) = of_column(element);
            match find(element) {
                Some(one) if one.array != 0 && one.oid != JSON => (one.array, modifier),
                _ => (JSON, -1),
            }
        }
        Type::Struct(_) | Type::Map { .. } | Type::Opaque(_) => (JSON, -1),
    }
}

/// The type and modifier of a column that is kept in memory.
pub(super) fn of_arrow(kind: &DataType) -> (i64, i64) {
    let name = match kind {
        DataType::Boolean => "bool",
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => "int2",
        DataType::UInt16 | DataType::Int32 => "int4",
        DataType::UInt32 | DataType::Int64 => "int8",
        DataType::UInt64 => "numeric",
        DataType::Float16 | DataType::Float32 => "float4",
        DataType::Float64 => "float8",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let (precision, scale) = (i64::from(*precision), i64::from(*scale));
            return (1700, if scale >= 0 { ((precision << 16) | scale) + 4 } else { -1 });
        }
        DataType::FixedSizeBinary(16) => "uuid",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "bytea",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Dictionary(_, values) => return of_arrow(values),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let (element, modifier) = of_arrow(item.data_type());
            return match find(element) {
                Some(one) if one.array != 0 && one.oid != JSON => (one.array, modifier),
                _ => (JSON, -1),
            };
        }
        DataType::Struct(_) | DataType::Map(..) => "json",
        _ => "text",
    };
    (by_name(name).map_or(25, |one| one.oid), -1)
}

fn of_name(name: &str) -> (i64, i64) {
    let (kind, arguments) = match name.split_once(['(', '[']) {
        Some((kind, arguments)) => (kind.trim(), arguments.trim_end_matches([')', ']'])),
        None => (name.trim(), ""),
    };
    let known = match kind {
        "boolean" => "bool",
        "int" => "int4",
        "long" => "int8",
        "float" => "float4",
        "double" => "float8",
        "date" => "date",
        "time" => "time",
        "timestamp" | "timestamp_ns" => "timestamp",
        "timestamptz" | "timestamptz_ns" => "timestamptz",
        "uuid" => "uuid",
        "binary" | "fixed" | "geometry" | "geography" => "bytea",
        "variant" => "json",
        "decimal" => {
            let mut numbers = arguments.split(',').map(|number| number.trim().parse::<i64>());
            let modifier = match (numbers.next(), numbers.next()) {
                (Some(Ok(precision)), Some(Ok(scale))) => ((precision << 16) | scale) + 4,
                _ => -1,
            };
            return (1700, modifier);
        }
        _ => "text",
    };
    (by_name(known).map_or(25, |one| one.oid), -1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_in_sql() {
        for (iceberg, sql) in [
            ("long", "bigint"),
            ("int", "integer"),
            ("string", "text"),
            ("double", "double precision"),
            ("timestamp", "timestamp without time zone"),
            ("timestamptz", "timestamp with time zone"),
            ("decimal(10, 2)", "numeric(10,2)"),
            ("uuid", "uuid"),
            ("fixed[12]", "bytea"),
        ] {
            let named = Type::Named(iceberg.to_owned());
            let (oid, modifier) = of_column(&named);
            assert_eq!(shown(oid, Some(modifier)), sql);
            let list =
                Type::List { element_id: 3, element_required: false, element: Box::new(named) };
            let (oid, modifier) = of_column(&list);
            assert_eq!(shown(oid, Some(modifier)), format!("{sql}[]"));
        }
        assert_eq!(by_name("timestamp without time zone").map(|one| one.oid), Some(1114));
    }
}
