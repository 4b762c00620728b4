//! One Parquet file in the making, in memory, and what its footer says about it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use apache_iceberg::spec;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{BrotliLevel, Compression, ConvertedType, GzipLevel, LogicalType, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{SchemaDescriptor, Type as ParquetType, TypePtr};

use super::bounds::Bounds;
use super::columns::count_nans;
use crate::base::limits::WRITE_ROW_GROUP_BYTES_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// How the files of one table are written.
#[derive(Clone, Debug)]
pub(super) struct FileForm {
    schema: Arc<spec::Schema>,
    columns: SchemaRef,
    descriptor: SchemaDescriptor,
    properties: WriterProperties,
}

impl FileForm {
    /// Works it out from the table's columns and properties.
    pub(super) fn new(
        schema: Arc<spec::Schema>,
        columns: SchemaRef,
        table: &BTreeMap<String, String>,
    ) -> SqlResult<Self> {
        let format = table.get("write.format.default").map_or("parquet", String::as_str);
        if !format.eq_ignore_ascii_case("parquet") {
            return Err(SqlError::unsupported(format_args!(
                "writing files of the format {format} (write.format.default)"
            )));
        }
        let converted = ArrowSchemaConverter::new()
            .schema_root("table")
            .convert(&columns)
            .map_err(|error| broken(&error))?;
        let root = with_uuids(converted.root_schema_ptr(), &schema)?;
        let properties = WriterProperties::builder()
            .set_compression(compression(table)?)
            .set_max_row_group_bytes(Some(
                size(table, "write.parquet.row-group-size-bytes")?
                    .unwrap_or(WRITE_ROW_GROUP_BYTES_MAX),
            ))
            .set_created_by(concat!("nunatak version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self { schema, columns, descriptor: SchemaDescriptor::new(root), properties })
    }
}

/// A size in bytes that the table's properties may hold.
///
/// # Errors
/// `InvalidParameterValue` for what is no size.
pub(super) fn size(table: &BTreeMap<String, String>, key: &str) -> SqlResult<Option<usize>> {
    let Some(text) = table.get(key) else { return Ok(None) };
    match text.parse::<usize>() {
        Ok(size) if size > 0 => Ok(Some(size)),
        _ => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("the table property {key} has the value {text:?}, which is no size"),
        )),
    }
}

/// The codec that the table asks for.
fn compression(table: &BTreeMap<String, String>) -> SqlResult<Compression> {
    const CODEC: &str = "write.parquet.compression-codec";
    const LEVEL: &str = "write.parquet.compression-level";
    let codec = table.get(CODEC).map_or("zstd", String::as_str).to_ascii_lowercase();
    let wrong = |key: &str, value: &str| {
        SqlError::new(
            SqlState::InvalidParameterValue,
            format!("the table property {key} has the value {value:?}, which is not known"),
        )
    };
    // The Java implementation writes "null" for a level that is not set.
    let level = match table.get(LEVEL).filter(|level| level.as_str() != "null") {
        Some(text) => Some(text.parse::<i32>().map_err(|_| wrong(LEVEL, text))?),
        None => None,
    };
    let refuse = |_| wrong(LEVEL, &level.unwrap_or_default().to_string());
    let unsigned = || {
        level
            .map(u32::try_from)
            .transpose()
            .map_err(|_| wrong(LEVEL, &level.unwrap_or_default().to_string()))
    };
    Ok(match codec.as_str() {
        "zstd" => Compression::ZSTD(
            level.map_or(Ok(ZstdLevel::default()), ZstdLevel::try_new).map_err(refuse)?,
        ),
        "gzip" => Compression::GZIP(
            unsigned()?.map_or(Ok(GzipLevel::default()), GzipLevel::try_new).map_err(refuse)?,
        ),
        "brotli" => Compression::BROTLI(
            unsigned()?.map_or(Ok(BrotliLevel::default()), BrotliLevel::try_new).map_err(refuse)?,
        ),
        "snappy" => Compression::SNAPPY,
        "lz4" | "lz4_raw" => Compression::LZ4_RAW,
        "uncompressed" | "none" => Compression::UNCOMPRESSED,
        _ => return Err(wrong(CODEC, &codec)),
    })
}

/// Marks columns of UUIDs as such; Arrow knows only that they have 16 bytes.
fn with_uuids(node: TypePtr, schema: &spec::Schema) -> SqlResult<TypePtr> {
    let info = node.get_basic_info();
    let id = info.has_id().then(|| info.id());
    if node.is_primitive() {
        let is_uuid = id.and_then(|id| schema.field_by_id(id)).is_some_and(|field| {
            matches!(*field.field_type, spec::Type::Primitive(spec::PrimitiveType::Uuid))
        });
        if !is_uuid {
            return Ok(node);
        }
        return ParquetType::primitive_type_builder(info.name(), node.get_physical_type())
            .with_repetition(info.repetition())
            .with_converted_type(ConvertedType::NONE)
            .with_logical_type(Some(LogicalType::Uuid))
            .with_length(16)
            .with_id(id)
            .build()
            .map(Arc::new)
            .map_err(|error| broken(&error));
    }
    let fields = node
        .get_fields()
        .iter()
        .map(|field| with_uuids(Arc::clone(field), schema))
        .collect::<SqlResult<Vec<_>>>()?;
    let mut builder = ParquetType::group_type_builder(info.name())
        .with_converted_type(info.converted_type())
        .with_logical_type(info.logical_type_ref().cloned())
        .with_fields(fields)
        .with_id(id);
    if info.has_repetition() {
        builder = builder.with_repetition(info.repetition());
    }
    builder.build().map(Arc::new).map_err(|error| broken(&error))
}

/// A file that is being written.
pub(super) struct OpenFile {
    writer: ArrowWriter<Vec<u8>>,
    schema: Arc<spec::Schema>,
    nans: BTreeMap<i32, u64>,
}

impl OpenFile {
    /// Starts a file.
    pub(super) fn new(form: &FileForm) -> SqlResult<Self> {
        let options = ArrowWriterOptions::new()
            .with_properties(form.properties.clone())
            .with_parquet_schema(form.descriptor.clone())
            .with_skip_arrow_metadata(true);
        let columns = Arc::clone(&form.columns);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), columns, options)
            .map_err(|error| broken(&error))?;
        Ok(Self { writer, schema: Arc::clone(&form.schema), nans: BTreeMap::new() })
    }

    /// Adds rows, which have the form of the table's columns.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> SqlResult<()> {
        count_nans(batch, &mut self.nans);
        self.writer.write(batch).map_err(|error| broken(&error))
    }

    /// How long the file is by now, about.
    pub(super) fn size(&self) -> usize {
        self.writer.bytes_written() + self.writer.in_progress_size()
    }

    /// How much memory it takes, about.
    pub(super) fn memory(&self) -> usize {
        self.writer.bytes_written() + self.writer.memory_size()
    }

    /// Ends the file: its bytes, and its description without path and partition.
    pub(super) fn finish(mut self) -> SqlResult<(Bytes, spec::DataFileBuilder)> {
        let footer = self.writer.finish().map_err(|error| broken(&error))?;
        let bytes = Bytes::from(std::mem::take(self.writer.inner_mut()));
        let builder = describe(&footer, &self.schema, self.nans, bytes.len())?;
        Ok((bytes, builder))
    }
}

/// What a manifest says about a file, from the file's footer.
fn describe(
    footer: &ParquetMetaData,
    schema: &spec::Schema,
    nans: BTreeMap<i32, u64>,
    length: usize,
) -> SqlResult<spec::DataFileBuilder> {
    let descriptor = footer.file_metadata().schema_descr();
    let mut sizes: HashMap<i32, u64> = HashMap::new();
    let mut values: HashMap<i32, u64> = HashMap::new();
    let mut nulls: HashMap<i32, u64> = HashMap::new();
    let (mut lower, mut upper) = (HashMap::new(), HashMap::new());
    for (at, leaf) in descriptor.columns().iter().enumerate() {
        let info = leaf.self_type().get_basic_info();
        let field = info.has_id().then(|| info.id()).and_then(|id| schema.field_by_id(id));
        let Some((field, primitive)) =
            field.and_then(|field| field.field_type.as_primitive_type().map(|kind| (field, kind)))
        else {
            return Err(SqlError::new(
                SqlState::InternalError,
                format!("the written column {} is not one of the table", leaf.path()),
            ));
        };
        let id = field.id;
        let mut bounds = Bounds::new(primitive.clone());
        let mut null_count = Some(0);
        for group in footer.row_groups() {
            let chunk = group.column(at);
            let count = u64::try_from(chunk.num_values()).unwrap_or(0);
            *sizes.entry(id).or_default() += u64::try_from(chunk.compressed_size()).unwrap_or(0);
            *values.entry(id).or_default() += count;
            let found = chunk.statistics();
            let missing = found.and_then(parquet::file::statistics::Statistics::null_count_opt);
            null_count = null_count.zip(missing).map(|(sum, more)| sum + more);
            if missing != Some(count) {
                bounds.add(found);
            }
        }
        if let Some(count) = null_count {
            nulls.insert(id, count);
        }
        // Bounds of elements, keys and values are of no use: one value does not stand for one row.
        if leaf.max_rep_level() == 0 {
            let (low, high) = bounds.finish();
            lower.extend(low.map(|bound| (id, bound)));
            upper.extend(high.map(|bound| (id, bound)));
        }
    }
    let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0);
    let splits = footer
        .row_groups()
        .iter()
        .filter_map(|group| i64::try_from(group.columns().first()?.byte_range().0).ok());
    let mut builder = spec::DataFileBuilder::default();
    builder
        .content(spec::DataContentType::Data)
        .file_format(spec::DataFileFormat::Parquet)
        .record_count(rows)
        .file_size_in_bytes(length as u64)
        .column_sizes(sizes)
        .value_counts(values)
        .null_value_counts(nulls)
        .nan_value_counts(nans.into_iter().collect())
        .lower_bounds(lower)
        .upper_bounds(upper)
        .split_offsets(Some(splits.collect()));
    Ok(builder)
}

fn broken(error: &parquet::errors::ParquetError) -> SqlError {
    SqlError::new(SqlState::InternalError, format!("rows cannot be written as Parquet: {error}"))
}
