//! The types of columns: `GetXdbcTypeInfo`.

use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType};

use super::one;
use crate::flight::error::{FlightResult, internal};
use crate::flight::rows::DataStream;

/// The columns of the answer.
pub(in crate::flight) fn columns() -> FlightResult<SchemaRef> {
    Ok(all()?.schema())
}

/// All types, or those with one number.
pub(in crate::flight) fn types(query: CommandGetXdbcTypeInfo) -> FlightResult<DataStream> {
    one(all()?.record_batch(query.data_type))
}

fn all() -> FlightResult<XdbcTypeInfoData> {
    let mut types = XdbcTypeInfoDataBuilder::new();
    for info in [
        number("boolean", XdbcDataType::XdbcBit, 1, None),
        number("integer", XdbcDataType::XdbcInteger, 32, Some(2)),
        number("bigint", XdbcDataType::XdbcBigint, 64, Some(2)),
        number("real", XdbcDataType::XdbcReal, 24, Some(2)),
        number("double precision", XdbcDataType::XdbcDouble, 53, Some(2)),
        XdbcTypeInfo {
            create_params: Some(vec!["precision".to_owned(), "scale".to_owned()]),
            minimum_scale: Some(0),
            maximum_scale: Some(38),
            ..number("numeric", XdbcDataType::XdbcNumeric, 38, Some(10))
        },
        quoted("text", XdbcDataType::XdbcVarchar),
        quoted("bytea", XdbcDataType::XdbcVarbinary),
        quoted("uuid", XdbcDataType::XdbcBinary),
        quoted("date", XdbcDataType::XdbcDate),
        quoted("time", XdbcDataType::XdbcTime),
        quoted("timestamp", XdbcDataType::XdbcTimestamp),
        quoted("timestamp with time zone", XdbcDataType::XdbcTimestamp),
    ] {
        types.append(info);
    }
    types.build().map_err(|error| internal(format!("the answer: {error}")))
}

fn number(name: &str, data_type: XdbcDataType, digits: i32, radix: Option<i32>) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_owned(),
        data_type,
        column_size: Some(digits),
        literal_prefix: None,
        literal_suffix: None,
        create_params: None,
        nullable: Nullable::NullabilityNullable,
        case_sensitive: false,
        searchable: Searchable::Basic,
        unsigned_attribute: radix.map(|_| false),
        fixed_prec_scale: false,
        auto_increment: Some(false),
        local_type_name: Some(name.to_owned()),
        minimum_scale: None,
        maximum_scale: None,
        sql_data_type: data_type,
        datetime_subcode: None,
        num_prec_radix: radix,
        interval_precision: None,
    }
}

fn quoted(name: &str, data_type: XdbcDataType) -> XdbcTypeInfo {
    let text = data_type == XdbcDataType::XdbcVarchar;
    XdbcTypeInfo {
        column_size: None,
        literal_prefix: Some("'".to_owned()),
        literal_suffix: Some("'".to_owned()),
        case_sensitive: text,
        searchable: if text { Searchable::Full } else { Searchable::Basic },
        ..number(name, data_type, 0, None)
    }
}
