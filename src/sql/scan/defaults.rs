//! Initial defaults: what a column holds in rows of files from before the column.

use std::collections::BTreeMap;

use apache_iceberg::spec::{self, Literal, NestedFieldRef, PrimitiveLiteral, Type};
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::ScalarValue;

use super::adapter::field_id;
use crate::sql::error::{SqlError, SqlResult};

/// Initial defaults of a table's columns, nested ones included, by field id.
#[derive(Clone, Default, Debug)]
pub struct Defaults(BTreeMap<i32, Literal>);

impl Defaults {
    /// Those of all schemas of a table: the default of a column never changes, but its type may, so that
    /// the current schema counts first and a younger one before an older one.
    #[must_use]
    pub fn of(table: &spec::TableMetadata) -> Self {
        let mut schemas: Vec<&spec::SchemaRef> = table.schemas_iter().collect();
        schemas.sort_by_key(|schema| schema.schema_id());
        schemas.push(table.current_schema());
        let mut found = BTreeMap::new();
        for schema in schemas {
            collect(schema.as_struct().fields(), &mut found);
        }
        Self(found)
    }

    /// Whether a column has one.
    pub(super) fn has(&self, id: Option<i32>) -> bool {
        id.is_some_and(|id| self.0.contains_key(&id))
    }

    /// The default of a column as a value of its type.
    ///
    /// # Errors
    /// `FeatureNotSupported` for a type whose defaults are not read.
    pub(super) fn value(&self, field: &Field) -> SqlResult<Option<ScalarValue>> {
        let Some(default) = field_id(field).and_then(|id| self.0.get(&id)) else {
            return Ok(None);
        };
        let value = match default {
            Literal::Primitive(value) => scalar(value, field.data_type()),
            _ => None,
        };
        value.map(Some).ok_or_else(|| unsupported(field.name()))
    }
}

/// The error for a default that cannot be read.
pub(super) fn unsupported(column: &str) -> SqlError {
    SqlError::unsupported(format_args!("reading the initial default of column {column:?}"))
}

fn collect(fields: &[NestedFieldRef], found: &mut BTreeMap<i32, Literal>) {
    for field in fields {
        if let Some(default) = &field.initial_default {
            found.insert(field.id, default.clone());
        }
        match field.field_type.as_ref() {
            Type::Primitive(_) => {}
            Type::Struct(inner) => collect(inner.fields(), found),
            Type::List(list) => collect(std::slice::from_ref(&list.element_field), found),
            Type::Map(map) => {
                collect(std::slice::from_ref(&map.key_field), found);
                collect(std::slice::from_ref(&map.value_field), found);
            }
        }
    }
}

fn scalar(value: &PrimitiveLiteral, data_type: &DataType) -> Option<ScalarValue> {
    Some(match (value, data_type) {
        (PrimitiveLiteral::Boolean(value), DataType::Boolean) => ScalarValue::Boolean(Some(*value)),
        (PrimitiveLiteral::Int(value), DataType::Int32) => ScalarValue::Int32(Some(*value)),
        (PrimitiveLiteral::Int(value), DataType::Date32) => ScalarValue::Date32(Some(*value)),
        (PrimitiveLiteral::Int(value), DataType::Int64) => {
            ScalarValue::Int64(Some(i64::from(*value)))
        }
        (PrimitiveLiteral::Long(value), DataType::Int64) => ScalarValue::Int64(Some(*value)),
        (PrimitiveLiteral::Long(value), DataType::Time64(TimeUnit::Microsecond)) => {
            ScalarValue::Time64Microsecond(Some(*value))
        }
        (PrimitiveLiteral::Long(value), DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            ScalarValue::TimestampMicrosecond(Some(*value), zone.clone())
        }
        (PrimitiveLiteral::Long(value), DataType::Timestamp(TimeUnit::Nanosecond, zone)) => {
            ScalarValue::TimestampNanosecond(Some(*value), zone.clone())
        }
        (PrimitiveLiteral::Float(value), DataType::Float32) => ScalarValue::Float32(Some(value.0)),
        (PrimitiveLiteral::Float(value), DataType::Float64) => {
            ScalarValue::Float64(Some(f64::from(value.0)))
        }
        (PrimitiveLiteral::Double(value), DataType::Float64) => ScalarValue::Float64(Some(value.0)),
        (PrimitiveLiteral::String(value), DataType::Utf8View) => {
            ScalarValue::Utf8View(Some(value.clone()))
        }
        (PrimitiveLiteral::Binary(value), DataType::BinaryView) => {
            ScalarValue::BinaryView(Some(value.clone()))
        }
        (PrimitiveLiteral::Binary(value), DataType::FixedSizeBinary(length))
            if usize::try_from(*length) == Ok(value.len()) =>
        {
            ScalarValue::FixedSizeBinary(*length, Some(value.clone()))
        }
        (PrimitiveLiteral::UInt128(value), DataType::FixedSizeBinary(16)) => {
            ScalarValue::FixedSizeBinary(16, Some(value.to_be_bytes().to_vec()))
        }
        (PrimitiveLiteral::Int128(value), DataType::Decimal128(precision, scale)) => {
            ScalarValue::Decimal128(Some(*value), *precision, *scale)
        }
        _ => return None,
    })
}
