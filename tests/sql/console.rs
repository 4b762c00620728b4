//! A warehouse with an engine, and sessions that are typed into.

use std::sync::Arc;

use futures::TryStreamExt as _;
use nunatak::sql::engine::Engine;
use nunatak::sql::error::SqlError;
use nunatak::sql::outcome::Outcome;
use nunatak::sql::session::Session;

use crate::lake::Lake;

/// A warehouse and its engine.
pub(crate) struct Sql {
    pub(crate) lake: Lake,
    pub(crate) engine: Arc<Engine>,
}

impl Sql {
    pub(crate) async fn new() -> Self {
        let lake = Lake::new().await;
        let engine = Engine::new(Arc::clone(lake.catalog()), 2).unwrap();
        Self { lake, engine }
    }

    pub(crate) fn on(&self, database: &str) -> Session {
        self.engine.session(database, "ann").unwrap()
    }
}

/// Runs statements; the rows or the tag of the last one, a row a line.
pub(crate) async fn run(session: &mut Session, text: &str) -> Result<String, SqlError> {
    let mut last = String::new();
    for statement in session.parse(text)? {
        last = match session.execute(&statement, &[]).await? {
            Outcome::Done { tag } => tag,
            Outcome::Rows { rows, .. } => {
                let batches: Vec<_> = rows.try_collect().await?;
                show(&batches)
            }
        };
    }
    Ok(last)
}

fn show(batches: &[arrow::record_batch::RecordBatch]) -> String {
    let options = arrow::util::display::FormatOptions::new().with_null("NULL");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| arrow::util::display::ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(cells.join(" "));
        }
    }
    lines.join("\n")
}

pub(crate) async fn ok(session: &mut Session, text: &str) -> String {
    run(session, text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

pub(crate) async fn fails(session: &mut Session, text: &str) -> SqlError {
    match run(session, text).await {
        Ok(answer) => panic!("{text}: {answer}"),
        Err(error) => error,
    }
}

/// Runs statements as a door runs those of one message: all or none.
pub(crate) async fn message(session: &mut Session, text: &str) -> Result<String, SqlError> {
    let mut last = String::new();
    for statement in session.parse(text)? {
        session.begin_group();
        last = match session.execute(&statement, &[]).await? {
            Outcome::Done { tag } => tag,
            Outcome::Rows { rows, .. } => show(&rows.try_collect::<Vec<_>>().await?),
        };
    }
    session.end_group().await?;
    Ok(last)
}
