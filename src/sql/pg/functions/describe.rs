//! Functions that read the metadata of tables and views: comments, queries of views, sizes.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;
use futures::FutureExt as _;

use super::call::{number_at, reading, text_at};
use crate::sql::error::SqlResult;
use crate::sql::pg::details::Details;
use crate::sql::pg::world::World;

pub(super) fn functions(world: &Arc<World>) -> Vec<Arc<ScalarUDF>> {
    let with = |name, counts: &[usize], result, pick: Pick| {
        let world = Arc::clone(world);
        reading(name, counts, result, move |values| {
            let world = Arc::clone(&world);
            async move {
                let oid = number_at(&values, 0)?;
                let details = match oid {
                    Some(oid) => world.details_by_oid(oid).await?,
                    None => None,
                };
                pick(details.as_ref(), &values)
            }
            .boxed()
        })
    };
    let mut functions = vec![
        with("obj_description", &[1, 2], DataType::Utf8, |details, values| {
            let other = text_at(values, 1).is_some_and(|class| class != "pg_class");
            let comment = details.filter(|_| !other).and_then(|details| details.comment.clone());
            Ok(ScalarValue::Utf8(comment))
        }),
        with("col_description", &[2], DataType::Utf8, |details, values| {
            let number = number_at(values, 1)?;
            let column = details.and_then(|details| {
                details.columns.iter().find(|column| Some(column.number) == number)
            });
            Ok(ScalarValue::Utf8(column.and_then(|column| column.comment.clone())))
        }),
        with("pg_get_viewdef", &[1, 2], DataType::Utf8, |details, _| {
            Ok(ScalarValue::Utf8(details.and_then(|details| details.query.clone())))
        }),
    ];
    let sizes = ["pg_relation_size", "pg_total_relation_size", "pg_table_size"];
    functions.extend(sizes.map(|name| {
        with(name, &[1, 2], DataType::Int64, |details, _| {
            Ok(ScalarValue::Int64(details.and_then(|details| details.bytes)))
        })
    }));
    functions
}

type Pick = fn(Option<&Details>, &[ScalarValue]) -> SqlResult<ScalarValue>;

impl World {
    /// What is known of the table or view with an OID; `None` if there is none.
    async fn details_by_oid(&self, oid: i64) -> SqlResult<Option<Details>> {
        let Some(named) = self.by_oid(oid)? else { return Ok(None) };
        match self.item(&named)? {
            Some(item) => Ok(Some(self.details(&item).await?)),
            None => Ok(None),
        }
    }
}
