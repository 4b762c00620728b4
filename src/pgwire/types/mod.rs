//! Which type of PostgreSQL a column or parameter is.
//!
//! A type that none fits is an error. Structures, maps and nested lists are `json`; a fixed-size binary of
//! 16 bytes is `uuid` where its field says so (`arrow.uuid`), else `bytea`.

pub(super) mod encode;
mod list;
mod numeric;
pub(super) mod parameter;
mod temporal;

use ::pgwire::api::Type;
use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

use super::error::{WireError, WireResult, code};
pub(super) use temporal::Zone;

/// The name by which Arrow marks a UUID.
const UUID_EXTENSION: &str = "arrow.uuid";
/// The key of a field's metadata that has such a name.
const EXTENSION: &str = "ARROW:extension:name";

/// How a column is told to a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PgType {
    pub(super) oid: u32,
    /// Bytes of a value; -1 if they differ.
    pub(super) size: i16,
    /// Precision and scale; -1 without.
    pub(super) modifier: i32,
}

impl PgType {
    fn new(kind: &Type, size: i16) -> Self {
        Self { oid: kind.oid(), size, modifier: -1 }
    }

    pub(super) fn is(self, kind: &Type) -> bool {
        self.oid == kind.oid()
    }
}

/// The type of a column.
///
/// # Errors
/// 0A000 where none fits.
pub(super) fn of(field: &Field) -> WireResult<PgType> {
    let uuid = field.metadata().get(EXTENSION).is_some_and(|extension| extension == UUID_EXTENSION);
    Ok(match field.data_type() {
        DataType::FixedSizeBinary(16) if uuid => PgType::new(&Type::UUID, 16),
        DataType::Dictionary(_, values) => of_kind(values)?,
        DataType::RunEndEncoded(_, values) => of(values)?,
        other => of_kind(other)?,
    })
}

fn of_kind(kind: &DataType) -> WireResult<PgType> {
    Ok(match kind {
        DataType::Boolean => PgType::new(&Type::BOOL, 1),
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => PgType::new(&Type::INT2, 2),
        DataType::UInt16 | DataType::Int32 => PgType::new(&Type::INT4, 4),
        DataType::UInt32 | DataType::Int64 => PgType::new(&Type::INT8, 8),
        DataType::UInt64 => PgType::new(&Type::NUMERIC, -1),
        DataType::Float16 | DataType::Float32 => PgType::new(&Type::FLOAT4, 4),
        DataType::Float64 => PgType::new(&Type::FLOAT8, 8),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            PgType { oid: Type::NUMERIC.oid(), size: -1, modifier: modifier(*precision, *scale) }
        }
        // A column of nothing but NULL is text, as a literal NULL in PostgreSQL.
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            PgType::new(&Type::TEXT, -1)
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => PgType::new(&Type::BYTEA, -1),
        DataType::Date32 | DataType::Date64 => PgType::new(&Type::DATE, 4),
        DataType::Time32(_) | DataType::Time64(_) => PgType::new(&Type::TIME, 8),
        DataType::Timestamp(_, None) => PgType::new(&Type::TIMESTAMP, 8),
        DataType::Timestamp(_, Some(_)) => PgType::new(&Type::TIMESTAMPTZ, 8),
        DataType::Interval(_) | DataType::Duration(_) => PgType::new(&Type::INTERVAL, 16),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let item = of(item)?;
            match array_of(item.oid) {
                Some(array) => PgType { oid: array, size: -1, modifier: item.modifier },
                None => PgType::new(&Type::JSON, -1),
            }
        }
        DataType::Struct(_) | DataType::Map(..) => PgType::new(&Type::JSON, -1),
        DataType::Dictionary(_, values) => of_kind(values)?,
        other @ (DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(..)
        | DataType::RunEndEncoded(..)) => {
            return Err(WireError::unsupported(format!("a column of type {other}")));
        }
    })
}

/// PostgreSQL's form of precision and scale.
fn modifier(precision: u8, scale: i8) -> i32 {
    match u8::try_from(scale) {
        Ok(scale) if scale <= precision => ((i32::from(precision) << 16) | i32::from(scale)) + 4,
        _ => -1,
    }
}

/// Types that may stand in arrays, and the types of those.
const ARRAYS: [(Type, Type); 16] = [
    (Type::BOOL, Type::BOOL_ARRAY),
    (Type::INT2, Type::INT2_ARRAY),
    (Type::INT4, Type::INT4_ARRAY),
    (Type::INT8, Type::INT8_ARRAY),
    (Type::FLOAT4, Type::FLOAT4_ARRAY),
    (Type::FLOAT8, Type::FLOAT8_ARRAY),
    (Type::NUMERIC, Type::NUMERIC_ARRAY),
    (Type::TEXT, Type::TEXT_ARRAY),
    (Type::VARCHAR, Type::VARCHAR_ARRAY),
    (Type::BYTEA, Type::BYTEA_ARRAY),
    (Type::DATE, Type::DATE_ARRAY),
    (Type::TIME, Type::TIME_ARRAY),
    (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
    (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
    (Type::INTERVAL, Type::INTERVAL_ARRAY),
    (Type::UUID, Type::UUID_ARRAY),
];

fn array_of(item: u32) -> Option<u32> {
    ARRAYS.iter().find(|(one, _)| one.oid() == item).map(|(_, array)| array.oid())
}

fn item_of(array: u32) -> Option<u32> {
    ARRAYS.iter().find(|(_, other)| other.oid() == array).map(|(item, _)| item.oid())
}

/// The type that a client is told for a parameter.
///
/// # Errors
/// 0A000 where none fits.
pub(super) fn of_parameter(kind: &DataType) -> WireResult<u32> {
    match kind {
        // Such bytes are a UUID more often than not, and clients write them as one.
        DataType::FixedSizeBinary(16) => Ok(Type::UUID.oid()),
        DataType::Dictionary(_, values) => of_parameter(values),
        other => match of_kind(other)? {
            kind if kind.is(&Type::JSON) => {
                Err(WireError::unsupported(format!("a parameter of type {other}")))
            }
            kind => Ok(kind.oid),
        },
    }
}

/// What a type that a client names for a parameter means; `None` where it leaves that open.
///
/// # Errors
/// 0A000 for a type that cannot be read.
pub(super) fn hint(oid: u32) -> WireResult<Option<DataType>> {
    if oid == 0 || oid == Type::UNKNOWN.oid() {
        return Ok(None);
    }
    let unsupported = || WireError::unsupported(format!("a parameter of the type with OID {oid}"));
    let kind = Type::from_oid(oid).ok_or_else(unsupported)?;
    Ok(Some(match kind {
        Type::BOOL => DataType::Boolean,
        Type::INT2 => DataType::Int16,
        Type::INT4 => DataType::Int32,
        Type::INT8 | Type::OID => DataType::Int64,
        Type::FLOAT4 => DataType::Float32,
        Type::FLOAT8 => DataType::Float64,
        Type::NUMERIC => DataType::Decimal128(38, 10),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => DataType::Utf8,
        Type::BYTEA => DataType::Binary,
        Type::DATE => DataType::Date32,
        Type::TIME => DataType::Time64(TimeUnit::Microsecond),
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
        Type::INTERVAL => DataType::Interval(IntervalUnit::MonthDayNano),
        Type::UUID => DataType::FixedSizeBinary(16),
        _ => match item_of(oid) {
            Some(item) => {
                let item = hint(item)?.ok_or_else(unsupported)?;
                DataType::List(Field::new_list_field(item, true).into())
            }
            None => return Err(unsupported()),
        },
    }))
}

/// A value that its place cannot carry.
fn out_of_range(what: impl std::fmt::Display) -> WireError {
    WireError::new(code::NUMERIC_OUT_OF_RANGE, format!("{what} out of range"))
}
