//! What the server is and can do: `GetSqlInfo`.

use arrow::datatypes::Schema;
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo, SqlNullOrdering, SqlSupportedCaseSensitivity,
    SqlSupportedTransaction,
};

use super::one;
use crate::base::limits::{NAME_BYTES_MAX, SQL_TEXT_BYTES_MAX, WAREHOUSE_NAME_BYTES_MAX};
use crate::flight::error::{FlightResult, internal};
use crate::flight::rows::DataStream;

/// The columns of the answer.
pub(in crate::flight) fn columns() -> &'static Schema {
    SqlInfoDataBuilder::schema()
}

/// Those that are asked for; all, if none is named. Unknown ones are left out.
pub(in crate::flight) fn info(query: CommandGetSqlInfo) -> FlightResult<DataStream> {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "Nunatak");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    for (name, can) in [
        (SqlInfo::FlightSqlServerReadOnly, false),
        (SqlInfo::FlightSqlServerSql, true),
        (SqlInfo::FlightSqlServerSubstrait, false),
        (SqlInfo::FlightSqlServerCancel, true),
        (SqlInfo::FlightSqlServerBulkIngestion, true),
        (SqlInfo::FlightSqlServerIngestTransactionsSupported, true),
        (SqlInfo::SqlDdlCatalog, false),
        (SqlInfo::SqlDdlSchema, true),
        (SqlInfo::SqlDdlTable, true),
        (SqlInfo::SqlAllTablesAreSelectable, true),
        (SqlInfo::SqlSupportsColumnAliasing, true),
        (SqlInfo::SqlNullPlusNullIsNull, true),
        (SqlInfo::SqlSupportsNonNullableColumns, true),
        (SqlInfo::SqlSelectForUpdateSupported, false),
        (SqlInfo::SqlStoredProceduresSupported, false),
        (SqlInfo::SqlCorrelatedSubqueriesSupported, true),
        (SqlInfo::SqlTransactionsSupported, true),
        (SqlInfo::SqlNamedParametersSupported, false),
        (SqlInfo::SqlSavepointsSupported, true),
    ] {
        info.append(name, can);
    }
    info.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::Transaction as i32);
    let lower = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32;
    info.append(SqlInfo::SqlIdentifierCase, lower);
    let kept = SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32;
    info.append(SqlInfo::SqlQuotedIdentifierCase, kept);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.append(SqlInfo::SqlSearchStringEscape, "\\");
    info.append(SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    info.append(SqlInfo::SqlSchemaTerm, "schema");
    info.append(SqlInfo::SqlCatalogTerm, "database");
    for (name, limit) in [
        (SqlInfo::SqlMaxColumnNameLength, NAME_BYTES_MAX),
        (SqlInfo::SqlMaxTableNameLength, NAME_BYTES_MAX),
        (SqlInfo::SqlMaxCatalogNameLength, WAREHOUSE_NAME_BYTES_MAX),
        (SqlInfo::SqlMaxStatementLength, SQL_TEXT_BYTES_MAX),
    ] {
        info.append(name, i64::try_from(limit).unwrap_or(i64::MAX));
    }
    let info = info.build().map_err(|error| internal(format!("the answer: {error}")))?;
    one(info.record_batch(query.info))
}
