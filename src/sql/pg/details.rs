//! What the metadata file of a table or view says: columns, comments, the text of a view.

use std::sync::atomic::Ordering;

use arrow::datatypes::SchemaRef;
use futures::{StreamExt as _, TryStreamExt as _};

use super::types;
use super::world::{Item, World};
use crate::base::limits::SQL_METADATA_AT_ONCE;
use crate::iceberg::table::types::Field;
use crate::sql::error::SqlResult;
use crate::sql::tables::DIALECTS;

/// The property that holds the comment on a table or view.
const COMMENT: &str = "comment";

/// A column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Column {
    /// From 1.
    pub(super) number: i64,
    pub(super) name: String,
    pub(super) type_oid: i64,
    pub(super) modifier: i64,
    pub(super) not_null: bool,
    pub(super) comment: Option<String>,
}

/// What is known of a table or view.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Details {
    pub(super) columns: Vec<Column>,
    pub(super) comment: Option<String>,
    /// The query of a view; `None` for one that is written for another engine.
    pub(super) query: Option<String>,
    /// Rows and bytes of a table's current state, as its snapshot says.
    pub(super) rows: Option<i64>,
    pub(super) bytes: Option<i64>,
}

impl World {
    /// Reads the metadata of one.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) async fn details(&self, item: &Item) -> SqlResult<Details> {
        if let Some(schema) = &item.temporary {
            return Ok(of_session(schema));
        }
        self.shared.reads.described.fetch_add(1, Ordering::Relaxed);
        let location = &item.relation.metadata_location;
        if item.is_view() {
            let metadata = self.catalog.view_metadata(location).await?.metadata;
            let version = metadata.current_version();
            let schema = version.and_then(|version| metadata.schema(version.schema_id));
            let query = version.and_then(|version| {
                let text = version.representations.iter().find(|text| {
                    text.dialect.as_deref().is_some_and(|dialect| {
                        DIALECTS.iter().any(|known| dialect.eq_ignore_ascii_case(known))
                    })
                })?;
                text.sql.clone()
            });
            return Ok(Details {
                columns: schema.map(|schema| columns(schema.fields())).unwrap_or_default(),
                comment: metadata.properties().get(COMMENT).cloned(),
                query,
                rows: None,
                bytes: Some(0),
            });
        }
        let metadata = self.catalog.table_metadata(location).await?.metadata;
        let schema = metadata.current_schema();
        let total = |key: &str| match metadata.current_snapshot() {
            Some(snapshot) => {
                let summary = snapshot.summary();
                let found = summary.iter().find(|(name, _)| *name == key);
                found.and_then(|(_, value)| value.parse().ok())
            }
            None => Some(0),
        };
        Ok(Details {
            columns: schema.map(|schema| columns(schema.fields())).unwrap_or_default(),
            comment: metadata.properties().get(COMMENT).cloned(),
            query: None,
            rows: total("total-records"),
            bytes: total("total-files-size"),
        })
    }

    /// Reads the metadata of many, in their order.
    ///
    /// # Errors
    /// If one of the files cannot be read.
    pub(super) async fn described(&self, items: Vec<Item>) -> SqlResult<Vec<(Item, Details)>> {
        futures::stream::iter(items)
            .map(|item| async move {
                let details = self.details(&item).await?;
                Ok((item, details))
            })
            .buffered(SQL_METADATA_AT_ONCE)
            .try_collect()
            .await
    }
}

/// A temporary table, as its columns tell.
fn of_session(schema: &SchemaRef) -> Details {
    let columns = (1..).zip(schema.fields()).map(|(number, field)| {
        let (type_oid, modifier) = types::of_arrow(field.data_type());
        Column {
            number,
            name: field.name().clone(),
            type_oid,
            modifier,
            not_null: !field.is_nullable(),
            comment: None,
        }
    });
    Details { columns: columns.collect(), ..Details::default() }
}

fn columns(fields: &[Field]) -> Vec<Column> {
    let numbered = (1..).zip(fields);
    let column = |(number, field): (i64, &Field)| {
        let (type_oid, modifier) = types::of_column(&field.field_type);
        Column {
            number,
            name: field.name.clone(),
            type_oid,
            modifier,
            not_null: field.required,
            comment: field.doc.clone().filter(|text| !text.is_empty()),
        }
    };
    numbered.map(column).collect()
}
