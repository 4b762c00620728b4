//! Schemas and tables.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables};
use futures::{FutureExt as _, StreamExt as _};

use super::{TABLE, VIEW, one};
use crate::base::limits::FLIGHT_TABLES_MAX;
use crate::flight::caller::Caller;
use crate::flight::door::Shared;
use crate::flight::error::{FlightResult, internal};
use crate::flight::rows::{DataStream, told};
use crate::sql::door::{Cancel, Connection};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::Outcome;

/// A table or view.
struct Table {
    schema: String,
    name: String,
    kind: &'static str,
    columns: Schema,
}

/// `GetDbSchemas`
pub(in crate::flight) async fn schemas(
    shared: &Arc<Shared>,
    caller: &Caller,
    query: CommandGetDbSchemas,
) -> FlightResult<DataStream> {
    let place = shared.own(caller).await?;
    let mut text = "SELECT schema_name FROM information_schema.schemata".to_owned();
    let like = query.db_schema_filter_pattern.as_deref();
    text.push_str(&conditions(&[("schema_name", like)]));
    let names = shared
        .work(place, move |session, cancel| {
            async move { texts(session, &text, &cancel).await }.boxed()
        })
        .await?
        .value;
    let mut builder = query.into_builder();
    for row in names {
        if let [schema] = row.as_slice() {
            builder.append(&caller.database, schema);
        }
    }
    one(builder.build())
}

/// `GetTables`
pub(in crate::flight) async fn tables(
    shared: &Arc<Shared>,
    caller: &Caller,
    query: CommandGetTables,
) -> FlightResult<DataStream> {
    let foreign = query.catalog.as_ref().is_some_and(|catalog| *catalog != caller.database);
    let found = if foreign {
        Vec::new()
    } else {
        let place = shared.own(caller).await?;
        let asked = query.clone();
        shared
            .work(place, move |session, cancel| {
                async move { tables_of(session, &asked, &cancel).await }.boxed()
            })
            .await?
            .value
    };
    let mut builder = query.into_builder();
    for Table { schema, name, kind, columns } in found {
        builder
            .append(&caller.database, schema, name, kind, &columns)
            .map_err(|error| internal(format!("the answer: {error}")))?;
    }
    one(builder.build())
}

async fn tables_of(
    session: &mut dyn Connection,
    query: &CommandGetTables,
    cancel: &Cancel,
) -> SqlResult<Vec<Table>> {
    let mut text =
        "SELECT table_schema, table_name, table_type FROM information_schema.tables".to_owned();
    text.push_str(&conditions(&[
        ("table_schema", query.db_schema_filter_pattern.as_deref()),
        ("table_name", query.table_name_filter_pattern.as_deref()),
    ]));
    let mut tables = Vec::new();
    for row in texts(session, &text, cancel).await? {
        let [schema, name, kind] = row.as_slice() else { continue };
        let kind = if kind.ends_with("VIEW") { VIEW } else { TABLE };
        if !query.table_types.is_empty() && !query.table_types.iter().any(|wanted| wanted == kind) {
            continue;
        }
        let columns = if query.include_schema {
            columns_of(session, schema, name).await?
        } else {
            Schema::empty()
        };
        tables.push(Table { schema: schema.clone(), name: name.clone(), kind, columns });
    }
    Ok(tables)
}

/// The columns of a table. A view that cannot be planned any more has none, and does not keep the rest from
/// being listed.
async fn columns_of(session: &mut dyn Connection, schema: &str, name: &str) -> SqlResult<Schema> {
    let text = format!("SELECT * FROM {}.{}", quoted(schema), quoted(name));
    let parsed = session.parse(&text)?;
    let Some(statement) = parsed.first() else { return Ok(Schema::empty()) };
    match session.describe(statement, &[]).await {
        Ok(description) => {
            let columns = description.columns.map(|columns| told(&columns));
            Ok(columns.map_or_else(Schema::empty, |columns| columns.as_ref().clone()))
        }
        Err(error) => {
            tracing::debug!("the columns of {schema:?}.{name:?} are not told: {error}");
            Ok(Schema::empty())
        }
    }
}

/// `WHERE` for patterns. One without wildcards asks for the very name, which finds more directly.
fn conditions(columns: &[(&str, Option<&str>)]) -> String {
    let all: Vec<String> = columns
        .iter()
        .filter_map(|(column, pattern)| {
            let pattern = pattern.as_ref().filter(|pattern| **pattern != "%")?;
            let operator = if pattern.contains(['%', '_', '\\']) { "LIKE" } else { "=" };
            Some(format!("{column} {operator} '{}'", pattern.replace('\'', "''")))
        })
        .collect();
    if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
}

/// The rows of a query of texts.
async fn texts(
    session: &mut dyn Connection,
    text: &str,
    cancel: &Cancel,
) -> SqlResult<Vec<Vec<String>>> {
    let parsed = session.parse(text)?;
    let Some(statement) = parsed.first() else { return Ok(Vec::new()) };
    let Outcome::Rows { mut rows, .. } = session.execute(statement, &[], cancel.clone()).await?
    else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        if all.len().saturating_add(batch.num_rows()) > FLIGHT_TABLES_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("the answer has more than {FLIGHT_TABLES_MAX} rows"),
            )
            .with_hint("name a schema"));
        }
        let columns = batch
            .columns()
            .iter()
            .map(|column| cast(column, &DataType::Utf8))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
        for row in 0..batch.num_rows() {
            let values = columns.iter().map(|column| {
                let column = column.as_string::<i32>();
                if column.is_null(row) { String::new() } else { column.value(row).to_owned() }
            });
            all.push(values.collect());
        }
    }
    Ok(all)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_conditions() {
        assert_eq!(conditions(&[("s", None), ("t", Some("%"))]), "");
        assert_eq!(conditions(&[("s", Some("o'x")), ("t", None)]), " WHERE s = 'o''x'");
        assert_eq!(
            conditions(&[("s", Some("a%")), ("t", Some("b"))]),
            " WHERE s LIKE 'a%' AND t = 'b'"
        );
    }
}
