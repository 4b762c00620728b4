//! Which delete files apply to which data file.
//!
//! Position deletes and deletion vectors apply to files that are as old as they are or older, equality
//! deletes only to older ones; all but equality deletes of an unpartitioned spec apply to files of the same
//! partition. A file that has a deletion vector has no use for position deletes: the vector holds them.
//! What names its one data file is matched by that name alone, as the reference implementation does.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_iceberg::spec::{
    DataContentType, DataFileFormat, Datum, Literal, ManifestEntry, ManifestEntryRef,
    PrimitiveLiteral, Struct, TableMetadata,
};

use super::corrupt;
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::scan::files::LiveFile;

/// The field id of the column of paths in a position delete file.
pub(super) const PATH_ID: i32 = 2_147_483_546;
/// The field id of its column of positions.
pub(super) const POSITION_ID: i32 = 2_147_483_545;

/// A delete file, or one blob of a file of blobs.
#[derive(Debug)]
pub(in crate::sql::scan) struct DeleteFile {
    entry: ManifestEntryRef,
    pub(super) sequence: i64,
    pub(super) kind: Kind,
    pub(super) scope: Scope,
}

/// What a delete file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Paths of data files and positions in them.
    Positions,
    /// A bitmap of positions in one data file.
    Vector { offset: u64, length: u64 },
    /// Values of these columns, by field id in ascending order.
    Equality(Vec<i32>),
}

/// Where a delete file applies.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Scope {
    Everywhere,
    Partition(Partition),
    File(String),
}

/// A partition: its spec and its values.
pub(super) type Partition = (i32, String);

impl std::ops::Deref for DeleteFile {
    type Target = ManifestEntry;

    fn deref(&self) -> &ManifestEntry {
        &self.entry
    }
}

impl DeleteFile {
    fn new(
        table: &TableMetadata,
        entry: ManifestEntryRef,
        spec_id: i32,
        sequence: Option<i64>,
    ) -> SqlResult<Self> {
        let file = entry.data_file();
        let path = file.file_path();
        let sequence = sequence.ok_or_else(|| corrupt(path, "it has no sequence number"))?;
        let form = file.file_format();
        let kind = match (file.content_type(), form) {
            (DataContentType::PositionDeletes, DataFileFormat::Parquet) => Kind::Positions,
            (DataContentType::PositionDeletes, DataFileFormat::Puffin) => {
                let number = |number: Option<i64>| {
                    number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| {
                        corrupt(path, "its manifest does not say where its deletion vector is")
                    })
                };
                Kind::Vector {
                    offset: number(file.content_offset())?,
                    length: number(file.content_size_in_bytes())?,
                }
            }
            (DataContentType::EqualityDeletes, DataFileFormat::Parquet) => {
                let mut ids = file.equality_ids().unwrap_or_default();
                ids.sort_unstable();
                ids.dedup();
                if ids.is_empty() {
                    return Err(corrupt(path, "its manifest does not say which columns it is of"));
                }
                Kind::Equality(ids)
            }
            _ => {
                return Err(SqlError::unsupported(format_args!(
                    "reading {path}, a delete file of the format {form:?},"
                )));
            }
        };
        let unpartitioned =
            table.partition_spec_by_id(spec_id).is_some_and(|spec| spec.is_unpartitioned());
        let scope = match (&kind, file.referenced_data_file()) {
            (Kind::Vector { .. }, None) => {
                return Err(corrupt(path, "its manifest does not say which file it is of"));
            }
            (Kind::Positions | Kind::Vector { .. }, Some(of)) => Scope::File(of),
            (Kind::Equality(_), _) if unpartitioned => Scope::Everywhere,
            _ => Scope::Partition((spec_id, values(file.partition()))),
        };
        Ok(Self { entry, sequence, kind, scope })
    }

    /// Whether the bounds of a position delete file leave room for a path.
    fn may_name(&self, path: &str) -> bool {
        let file = self.entry.data_file();
        let text = |bound: Option<&Datum>| match bound.map(Datum::literal) {
            Some(PrimitiveLiteral::String(text)) => Some(text.clone()),
            _ => None,
        };
        text(file.lower_bounds().get(&PATH_ID)).is_none_or(|lower| lower.as_str() <= path)
            && text(file.upper_bounds().get(&PATH_ID)).is_none_or(|upper| upper.as_str() >= path)
    }
}

/// A partition's values as text that is equal for equal values. A column may have been widened between
/// two files, so that whole numbers and floats are compared without their width.
fn values(partition: &Struct) -> String {
    let widened: Vec<Option<Literal>> = partition
        .iter()
        .map(|value| match value {
            Some(Literal::Primitive(PrimitiveLiteral::Int(value))) => {
                Some(Literal::long(i64::from(*value)))
            }
            Some(Literal::Primitive(PrimitiveLiteral::Float(value))) => {
                Some(Literal::double(f64::from(value.0)))
            }
            other => other.cloned(),
        })
        .collect();
    format!("{widened:?}")
}

/// The delete files of a snapshot by where they apply.
#[derive(Default, Debug)]
pub(in crate::sql::scan) struct DeleteIndex {
    vectors: BTreeMap<String, Vec<Arc<DeleteFile>>>,
    positions: BTreeMap<Scope, Vec<Arc<DeleteFile>>>,
    equality: BTreeMap<Scope, Vec<Arc<DeleteFile>>>,
}

impl DeleteIndex {
    /// Adds the live entry of a manifest.
    ///
    /// # Errors
    /// `FeatureNotSupported` for a kind of delete file that is not read, `DataCorrupted` if the entry
    /// contradicts itself.
    pub(in crate::sql::scan) fn add(
        &mut self,
        table: &TableMetadata,
        entry: ManifestEntryRef,
        spec_id: i32,
        sequence: Option<i64>,
    ) -> SqlResult<()> {
        let file = DeleteFile::new(table, entry, spec_id, sequence)?;
        let scope = file.scope.clone();
        let place = match (&file.kind, scope) {
            (Kind::Vector { .. }, Scope::File(of)) => self.vectors.entry(of).or_default(),
            (Kind::Equality(_), scope) => self.equality.entry(scope).or_default(),
            (_, scope) => self.positions.entry(scope).or_default(),
        };
        place.push(Arc::new(file));
        Ok(())
    }

    /// Whether there are no delete files.
    pub(in crate::sql::scan) fn is_empty(&self) -> bool {
        self.vectors.is_empty() && self.positions.is_empty() && self.equality.is_empty()
    }

    /// The delete files that apply to a data file.
    ///
    /// # Errors
    /// `DataCorrupted` if the file's age is not known, or if it has two deletion vectors.
    pub(in crate::sql::scan) fn applied(&self, file: &LiveFile) -> SqlResult<Applied> {
        if self.is_empty() {
            return Ok(Applied::default());
        }
        let path = file.file_path();
        let age = file.sequence.ok_or_else(|| corrupt(path, "it has no sequence number"))?;
        let mut applied = Applied::default();
        let vectors = self.vectors.get(path).into_iter().flatten();
        for vector in vectors.filter(|vector| age <= vector.sequence) {
            if applied.vector.replace(Arc::clone(vector)).is_some() {
                return Err(corrupt(path, "it has two deletion vectors"));
            }
        }
        let here = (file.spec_id, values(file.data_file().partition()));
        let here = Scope::Partition(here);
        if applied.vector.is_none() {
            let scopes = [Scope::File(path.to_owned()), here.clone()];
            let found = scopes.iter().filter_map(|scope| self.positions.get(scope)).flatten();
            let found = found.filter(|deletes| age <= deletes.sequence && deletes.may_name(path));
            applied.positions.extend(found.map(Arc::clone));
        }
        let scopes = [Scope::Everywhere, here];
        let found = scopes.iter().filter_map(|scope| self.equality.get(scope)).flatten();
        applied.equality.extend(found.filter(|deletes| age < deletes.sequence).map(Arc::clone));
        Ok(applied)
    }
}

/// What applies to one data file.
#[derive(Default, Debug)]
pub(in crate::sql::scan) struct Applied {
    pub(super) vector: Option<Arc<DeleteFile>>,
    pub(super) positions: Vec<Arc<DeleteFile>>,
    pub(super) equality: Vec<Arc<DeleteFile>>,
}

impl Applied {
    /// Whether nothing does.
    pub(in crate::sql::scan) fn is_empty(&self) -> bool {
        self.vector.is_none() && self.positions.is_empty() && self.equality.is_empty()
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<DeleteFile>> {
        self.vector.iter().chain(&self.positions).chain(&self.equality)
    }
}
