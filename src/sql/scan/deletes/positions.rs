//! Position delete files: Parquet files of paths of data files and positions in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use futures::{StreamExt as _, TryStreamExt as _};
use roaring::RoaringTreemap;

use super::index::{DeleteFile, PATH_ID, POSITION_ID};
use super::load::{Pending, Reading};
use super::{Budget, corrupt, unreadable};
use crate::base::limits::DELETE_FILES_AT_ONCE;
use crate::sql::error::SqlResult;
use crate::sql::scan::adapter::FieldIdAdapterFactory;

/// Memory that a position takes, about.
const POSITION_BYTES: u64 = 4;

/// A delete file and the data files that are wanted of it, by path: their places among those pending.
type Wanted = (Arc<DeleteFile>, BTreeMap<String, usize>);

/// Reads the position delete files of all files that have some, each once.
pub(super) async fn read(
    reading: &Reading<'_>,
    pending: &mut [Pending],
    budget: &Budget,
) -> SqlResult<()> {
    let mut wanted: BTreeMap<String, Wanted> = BTreeMap::new();
    for (at, file) in pending.iter().enumerate() {
        for deletes in &file.applied.positions {
            let entry = wanted.entry(deletes.file_path().to_owned());
            let (_, files) = entry.or_insert_with(|| (Arc::clone(deletes), BTreeMap::new()));
            files.insert(file.file.file_path().to_owned(), at);
        }
    }
    let reads = wanted.into_values().map(|wanted| read_one(reading, wanted, budget));
    let mut reads = futures::stream::iter(reads).buffered(DELETE_FILES_AT_ONCE);
    while let Some(found) = reads.try_next().await? {
        for (at, positions) in found {
            if let Some(file) = pending.get_mut(at) {
                file.deleted |= positions;
            }
        }
    }
    Ok(())
}

async fn read_one(
    reading: &Reading<'_>,
    (deletes, files): Wanted,
    budget: &Budget,
) -> SqlResult<BTreeMap<usize, RoaringTreemap>> {
    let path = deletes.file_path();
    reading.check(path)?;
    let size = deletes.file_size_in_bytes();
    let mut rows = reading.scan(path, size, columns(), adapter())?;
    let mut found = BTreeMap::new();
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(|error| unreadable(path, error))?;
        let taken = take(&batch, &files, &mut found).map_err(|what| corrupt(path, what))?;
        budget.take(taken * POSITION_BYTES)?;
    }
    Ok(found)
}

/// Takes the positions in wanted files; answers how many.
fn take(
    batch: &RecordBatch,
    files: &BTreeMap<String, usize>,
    found: &mut BTreeMap<usize, RoaringTreemap>,
) -> Result<u64, &'static str> {
    let paths = batch.columns().first().and_then(|column| column.as_string_view_opt());
    let positions =
        batch.columns().get(1).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(paths), Some(positions)) = (paths, positions) else {
        return Err("it holds no paths and positions");
    };
    let mut taken = 0;
    // Rows are sorted by path, so that most have the path of the row before.
    let mut last: Option<(&str, Option<usize>)> = None;
    for (path, position) in paths.iter().zip(positions) {
        let (Some(path), Some(position)) = (path, position) else {
            return Err("it holds a null");
        };
        let place = match last {
            Some((same, place)) if same == path => place,
            _ => files.get(path).copied(),
        };
        last = Some((path, place));
        let Some(place) = place else { continue };
        let position = u64::try_from(position).map_err(|_| "it holds a negative position")?;
        found.entry(place).or_default().insert(position);
        taken += 1;
    }
    Ok(taken)
}

fn columns() -> SchemaRef {
    let field = |name: &str, id: i32, data_type: DataType| {
        let id = [(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())];
        Field::new(name, data_type, true).with_metadata(id.into_iter().collect())
    };
    Arc::new(Schema::new(vec![
        field("file_path", PATH_ID, DataType::Utf8View),
        field("pos", POSITION_ID, DataType::Int64),
    ]))
}

fn adapter() -> FieldIdAdapterFactory {
    let names = [("file_path".to_owned(), PATH_ID), ("pos".to_owned(), POSITION_ID)];
    FieldIdAdapterFactory {
        name_mapping: Some(names.into_iter().collect()),
        complete: true,
        ..FieldIdAdapterFactory::default()
    }
}
