//! Tables made by hand: data files and delete files of every kind, put into snapshots.

use std::sync::Arc;

use apache_iceberg::spec::{DataContentType, DataFile, DataFileFormat};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use nunatak::sql::error::SqlError;
use nunatak::sql::scan::{ROW_FILE, ROW_POSITION};
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use crate::lake::Lake;
use crate::scan_kit::{ask, batch, described, parquet};

pub(crate) fn ids(values: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

pub(crate) fn columns() -> Value {
    json!([
        {"id": 1, "name": "id", "required": false, "type": "long"},
        {"id": 2, "name": "name", "required": false, "type": "string"},
    ])
}

pub(crate) fn rows(values: std::ops::Range<i64>) -> RecordBatch {
    let names = StringArray::from_iter_values(values.clone().map(|id| format!("n{id}")));
    batch(&[("id", 1, ids(values)), ("name", 2, Arc::new(names))])
}

/// A table `t` of this format version without files.
pub(crate) async fn empty(version: &str, fields: &Value) -> Lake {
    let lake = Lake::new().await;
    lake.table(fields, &json!([]), &[("format-version", version)]).await;
    lake
}

impl Lake {
    /// A position delete file.
    pub(crate) async fn positions(&self, name: &str, deleted: &[(&DataFile, i64)]) -> DataFile {
        let paths: StringArray =
            deleted.iter().map(|(file, _)| Some(file.file_path().to_owned())).collect();
        let positions: Int64Array = deleted.iter().map(|(_, position)| *position).collect();
        let batch = batch(&[
            ("file_path", 2_147_483_546, Arc::new(paths) as ArrayRef),
            ("pos", 2_147_483_545, Arc::new(positions)),
        ]);
        self.delete_file(DataContentType::PositionDeletes, name, &batch, |_| ()).await
    }

    /// A file of rows that are deleted wherever they are equal.
    pub(crate) async fn equality(&self, name: &str, columns: &[(&str, i32, ArrayRef)]) -> DataFile {
        let of: Vec<i32> = columns.iter().map(|(_, id, _)| *id).collect();
        self.delete_file(DataContentType::EqualityDeletes, name, &batch(columns), |file| {
            file.equality_ids(Some(of));
        })
        .await
    }

    pub(crate) async fn delete_file(
        &self,
        content: DataContentType,
        name: &str,
        batch: &RecordBatch,
        more: impl FnOnce(&mut apache_iceberg::spec::DataFileBuilder),
    ) -> DataFile {
        let bytes = parquet(batch, 4);
        let size = bytes.len() as u64;
        let path = self.put(name, bytes).await;
        let mut file = described(content, path, batch.num_rows() as u64, size);
        more(&mut file);
        file.build().unwrap()
    }

    /// A deletion vector in a file of its own, between other bytes.
    pub(crate) async fn vector(&self, name: &str, of: &DataFile, deleted: &[u64]) -> DataFile {
        let positions: RoaringTreemap = deleted.iter().copied().collect();
        let (blob, rows) = (vector_blob(&positions), positions.len());
        let bytes = [b"PFA1".as_slice(), &blob, b"rest"].concat();
        let size = bytes.len() as u64;
        let path = self.put(name, bytes).await;
        described(DataContentType::PositionDeletes, path, rows, size)
            .file_format(DataFileFormat::Puffin)
            .referenced_data_file(Some(of.file_path().to_owned()))
            .content_offset(Some(4))
            .content_size_in_bytes(Some(i64::try_from(blob.len()).unwrap()))
            .build()
            .unwrap()
    }
}

pub(crate) fn vector_blob(positions: &RoaringTreemap) -> Vec<u8> {
    let mut checked = vec![0xd1, 0xd3, 0x39, 0x64];
    positions.serialize_into(&mut checked).unwrap();
    let mut sum = flate2::Crc::new();
    sum.update(&checked);
    let length = u32::try_from(checked.len()).unwrap().to_be_bytes();
    [length.as_slice(), &checked, &sum.sum().to_be_bytes()].concat()
}

/// The ids of the table, checked in all ways in which rows are read.
pub(crate) async fn left(lake: &Lake) -> Vec<i64> {
    let table = lake.provider().await.unwrap();
    let numbers = |lines: Vec<String>| -> Vec<i64> {
        let mut numbers: Vec<i64> = lines.iter().map(|line| line.parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    let all = numbers(ask(table.clone(), "SELECT id FROM t").await.unwrap());
    let counted = ask(table.clone(), "SELECT count(*) FROM t").await.unwrap();
    assert_eq!(counted, [all.len().to_string()]);
    let bounds = ask(table.clone(), "SELECT min(id), max(id), count(id) FROM t").await.unwrap();
    let shown = |id: Option<&i64>| id.map_or_else(|| "-".to_owned(), i64::to_string);
    let wanted = format!("{} {} {}", shown(all.first()), shown(all.last()), all.len());
    assert_eq!(bounds, [wanted]);
    for (filter, keep) in [
        ("id % 2 = 0", (|id| id % 2 == 0) as fn(&i64) -> bool),
        ("id >= 3 AND id < 12", |id| (3..12).contains(id)),
        ("id = 5", |id| *id == 5),
    ] {
        let text = format!("SELECT id FROM t WHERE {filter}");
        let wanted: Vec<i64> = all.iter().copied().filter(keep).collect();
        assert_eq!(numbers(ask(table.clone(), &text).await.unwrap()), wanted, "{filter}");
        let known = ask(table.clone().with_row_ids(), &text).await.unwrap();
        assert_eq!(numbers(known), wanted, "{filter}");
    }
    for limit in [1, 3, 9, 50] {
        for filter in ["", "WHERE id >= 0", "WHERE id < 1000 AND id > -1"] {
            let text = format!("SELECT id FROM t {filter} LIMIT {limit}");
            let limited = numbers(ask(table.clone(), &text).await.unwrap());
            let mut rest = all.clone();
            for id in &limited {
                let at = rest.iter().position(|known| known == id);
                rest.remove(at.unwrap_or_else(|| panic!("{text}: {id} was deleted")));
            }
            assert_eq!(limited.len(), all.len().min(limit), "{text}");
        }
    }
    all
}

/// File, position and id of each row that is left.
pub(crate) async fn places(lake: &Lake) -> Vec<String> {
    let table = lake.provider().await.unwrap().with_row_ids();
    let text = format!("SELECT \"{ROW_FILE}\", \"{ROW_POSITION}\", id FROM t");
    ask(table, &text).await.unwrap()
}

pub(crate) async fn refused(lake: &Lake) -> SqlError {
    let table = match lake.provider().await {
        Ok(table) => table,
        Err(error) => return error,
    };
    let first = ask(table.clone(), "SELECT count(*) FROM t").await.unwrap_err();
    let second = ask(table.with_row_ids(), "SELECT id FROM t").await.unwrap_err();
    assert_eq!(first.state, second.state, "{first} {second}");
    first
}

/// Numbers that look random and are the same each time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}
