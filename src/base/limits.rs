//! Every upper bound of the service, each with its reason.

/// Bytes of a ref name (DESIGN section 2).
pub const REF_NAME_BYTES_MAX: usize = 255;
/// Bytes of a warehouse name; it stands in URLs and database names (PostgreSQL cuts at 63).
pub const WAREHOUSE_NAME_BYTES_MAX: usize = 63;
/// Bytes of one namespace level or of a table or view name; the limit of file names.
pub const NAME_BYTES_MAX: usize = 255;
/// Levels of a namespace; keeps keys of the tree short.
pub const NAMESPACE_LEVELS_MAX: usize = 16;
/// Bytes of a key of the tree: 16 levels and a name of 255 bytes each, with separators.
pub const TREE_KEY_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a value of the tree: ids, a hash and at most one display path.
pub const TREE_VALUE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a content object, namespace properties included.
pub const CONTENT_OBJECT_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a commit message.
pub const COMMIT_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Properties of one commit.
pub const COMMIT_PROPERTIES_MAX: usize = 128;
/// Bytes of a property's key (commits).
pub const PROPERTY_KEY_BYTES_MAX: usize = 255;
/// Bytes of a property's value (commits).
pub const PROPERTY_VALUE_BYTES_MAX: usize = 8 * 1024;
/// Changes that a commit row keeps so that its tree can be rebuilt; larger commits keep their tree.
pub const COMMIT_OPERATIONS_MAX: usize = 256;
/// Commits whose operations are replayed at most to rebuild one tree.
pub const REPLAY_COMMITS_MAX: usize = 64;
/// Requests that one group publishes at most.
pub const GROUP_REQUESTS_MAX: usize = 256;
/// Bytes of files and nodes after which a group is closed.
pub const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Requests that may wait for the committer; more are answered 429.
pub const COMMIT_QUEUE_MAX: usize = 4096;
/// Times that a request whose view of a table was stale is evaluated again by the server.
pub const COMMIT_RETRIES_MAX: u32 = 32;
/// Bytes of a request body.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Tables in one multi-table transaction.
pub const TRANSACTION_TABLES_MAX: usize = 10_000;
/// Items of a page where the request names no limit.
pub const PAGE_ITEMS_DEFAULT: usize = 1000;
/// Items of a page at most.
pub const PAGE_ITEMS_MAX: usize = 10_000;
/// Commits that one log request reads at most before it returns a page.
pub const LOG_SCAN_MAX: usize = 100_000;
/// Conflicts listed in one answer.
pub const CONFLICTS_LISTED_MAX: usize = 1000;
/// Depth of recursion for virtual merge bases of criss-cross histories.
pub const MERGE_BASE_DEPTH_MAX: usize = 32;
/// Bytes of a metadata file that is read at most.
pub const METADATA_FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of parsed and serialized table metadata kept in memory.
pub const METADATA_CACHE_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of tree nodes kept in memory.
pub const NODE_CACHE_BYTES: u64 = 128 * 1024 * 1024;
/// Bytes of one pack row; locations have 24 bits for the offset.
pub const PACK_BYTES_MAX: usize = 16 * 1024 * 1024 - 1;
/// Bytes of an idempotency key (the specification asks for a UUID of 36).
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// How long the answer to an idempotency key is kept, in seconds.
pub const IDEMPOTENCY_LIFETIME_SECONDS: u64 = 24 * 60 * 60;
/// How far a commit's time may lie ahead of the clock before the server refuses to write, in seconds.
pub const CLOCK_AHEAD_SECONDS_MAX: i64 = 60 * 60;
/// How long a stopping server waits for requests in flight, in seconds.
pub const DRAIN_SECONDS: u64 = 25;
/// How long a server that has drained waits for file reads that nobody waits for any more, in seconds.
pub const STRAY_READS_SECONDS: u64 = 2;
/// Bytes of the levels and the name in a location that the server chooses: a key of an object store has
/// at most 1,024, a warehouse's location and the names of files need some, too.
pub const CHOSEN_LOCATION_BYTES_MAX: usize = 640;
/// Bytes from which an answer is compressed for a client that asks for it; below, the saving is less
/// than the work.
pub const COMPRESSED_BYTES_MIN: u16 = 1024;
/// How long a client may take to send the head of a request, in seconds.
pub const REQUEST_HEAD_SECONDS_MAX: u64 = 30;
/// How long the command line waits for an answer, in seconds; a merge of very many tables takes time.
pub const CLIENT_ANSWER_SECONDS_MAX: u64 = 600;
/// How long the command line waits for a connection, in seconds.
pub const CLIENT_CONNECT_SECONDS_MAX: u64 = 5;
/// Removed contents that one diff keeps in memory to tell renames from removals.
pub const DIFF_RENAMES_MAX: usize = 200_000;
/// Parallel lines of history that a page token of the log names; with more, a page reads the log again
/// from its start.
pub const LOG_FRONTIER_MAX: usize = 32;
/// Pages in SQLite's write-ahead log (64 MiB) above which a commit moves them itself; the checkpoint task
/// comes first.
pub const STORE_WAL_PAGES_MAX: u32 = 16_000;
/// Pages in the write-ahead log (16 MiB) above which the checkpoint task stops writers for a moment, so
/// that the log starts again from its beginning.
pub const STORE_WAL_PAGES_RESTART: u32 = 4_000;
/// Bytes that the file of the write-ahead log keeps after it started again.
pub const STORE_WAL_FILE_BYTES: u32 = 64 * 1024 * 1024;
/// How long a checkpoint waits for readers before it leaves the rest to the next one, in milliseconds.
pub const STORE_CHECKPOINT_WAIT_MILLIS: u64 = 50;
/// Read connections of a store that are kept open between reads.
pub const STORE_READERS_IDLE_MAX: usize = 16;
/// Page cache of the writing connection, in KiB.
pub const STORE_WRITER_CACHE_KIB: i32 = 32 * 1024;
/// Page cache of one reading connection, in KiB.
pub const STORE_READER_CACHE_KIB: i32 = 4 * 1024;
/// How long a write waits for the one before it, in seconds; longer means that one hangs.
pub const STORE_WRITE_WAIT_SECONDS: u64 = 30;
/// How long a statement waits for a lock that a foreign process holds on the database, in seconds.
pub const STORE_BUSY_WAIT_SECONDS: u64 = 5;
/// Bytes of answers to table loads that are kept ready in memory.
pub const LOAD_ANSWERS_CACHE_BYTES: u64 = 128 * 1024 * 1024;
/// How often metadata files of acknowledged commits are made durable in a batch, in milliseconds; until
/// then their bytes are kept in the store.
pub const FILE_SYNC_MILLIS: u64 = 500;
/// How often the store's write-ahead log is moved into its file, in seconds.
pub const CHECKPOINT_SECONDS: u64 = 2;
/// How often a call to an object store is repeated that failed for a moment.
pub const OBJECT_STORE_RETRIES_MAX: usize = 5;
/// Seconds after which such a call is not repeated any more; a commit waits for it.
pub const OBJECT_STORE_RETRY_SECONDS_MAX: u64 = 8;
/// Tables, views and namespaces that one transaction changes.
pub const WORKING_NAMES_MAX: usize = 10_000;
/// Savepoints of one transaction.
pub const SAVEPOINTS_MAX: usize = 1000;
/// Bytes of table metadata that one transaction keeps until its end.
pub const WORKING_FILE_BYTES_MAX: usize = 256 * 1024 * 1024;

// PostgreSQL wire.

/// Bytes of one message of a client.
pub const PG_MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of the first message of a connection; PostgreSQL's own bound.
pub const PG_STARTUP_BYTES_MAX: usize = 10_000;
/// Connections that are served at the same time.
pub const PG_CONNECTIONS_MAX: usize = 500;
/// How long a client may take from connecting to its first statement, in seconds.
pub const PG_STARTUP_SECONDS_MAX: u64 = 60;
/// Prepared statements that one connection keeps.
pub const PG_STATEMENTS_MAX: usize = 10_000;
/// Portals that one connection keeps.
pub const PG_PORTALS_MAX: usize = 10_000;
/// Columns of one result; the protocol counts them in 16 bits.
pub const PG_COLUMNS_MAX: usize = 32_767;
/// Bytes of one row as it is sent; PostgreSQL's own bound of 1 GiB.
pub const PG_ROW_BYTES_MAX: usize = 1024 * 1024 * 1024 - 1;
/// Bytes of answers that are gathered before they are sent.
pub const PG_OUTPUT_BYTES: usize = 32 * 1024;
/// Bytes that are read ahead while a statement runs, to notice that the client has gone.
pub const PG_READ_AHEAD_BYTES: usize = 64 * 1024;
/// Messages of COPY that wait until the rows in them are read.
pub const PG_COPY_PIECES: usize = 4;
/// Bytes of a message of an error; a plan or a text in it can be long.
pub const PG_ERROR_BYTES_MAX: usize = 16 * 1024;

// SQL: reading.

/// Manifests of one table that are read at once.
pub const MANIFESTS_AT_ONCE: usize = 16;
/// Memory for manifests of tables that queries read.
pub const MANIFEST_CACHE_BYTES: u64 = 256 * 1024 * 1024;
/// Memory for footers of Parquet files that queries read.
pub const FOOTER_CACHE_BYTES: u64 = 128 * 1024 * 1024;
/// Delete files of one table that are read at once.
pub const DELETE_FILES_AT_ONCE: usize = 8;
/// Bytes of one deletion vector; a bitmap of all rows of the largest data files has fewer.
pub const DELETION_VECTOR_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Memory that the deleted rows of one statement's tables take; more rows need a rewrite of their files.
pub const DELETIONS_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Memory for what is left of data files that rows were deleted from.
pub const DELETION_CACHE_BYTES: u64 = 128 * 1024 * 1024;
/// Memory that all queries of a server share; what needs more is put on disk, or fails.
pub const SQL_MEMORY_BYTES: usize = 2 * 1024 * 1024 * 1024;
/// Rows of one batch.
pub const SQL_BATCH_ROWS: usize = 8192;
/// A join puts a side of so many bytes and rows, divided by the threads of a query, into one table that all threads
/// ask. Larger ones are taken apart, and the other side with them, which costs more than few threads save.
pub const JOIN_TABLE_BYTES: usize = 64 * 1024 * 1024;
/// See [`JOIN_TABLE_BYTES`].
pub const JOIN_TABLE_ROWS: usize = 4_000_000;
/// How often a statement that changes rows starts again because another writer of the table was faster.
pub const STATEMENT_RETRIES_MAX: usize = 100;
/// How deep views may read views.
pub const SQL_VIEW_DEPTH_MAX: usize = 32;
/// OIDs of schemas, tables and views that a server remembers; about 200 bytes each.
pub const SQL_OIDS_MAX: usize = 200_000;
/// Metadata files of tables that one question about columns reads at once.
pub const SQL_METADATA_AT_ONCE: usize = 16;
/// Bytes of the temporary tables of one session; they are in memory, as a part of what all queries share.
pub const SQL_TEMPORARY_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Cursors of one session: each is a query that waits in the middle.
pub const SQL_CURSORS_MAX: usize = 100;
/// Bytes of rows that a cursor keeps so that it can go backwards; a part of what all queries share.
pub const SQL_CURSOR_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Statements that one session prepares by `PREPARE`.
pub const SQL_PREPARED_MAX: usize = 10_000;
/// Bytes of the values that a function such as `repeat` makes for one batch of rows; PostgreSQL's own bound for
/// one of them.
pub const SQL_GROWTH_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Bytes of the rows that one change answers (`RETURNING`); they are kept until it is done.
pub const SQL_RETURNING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What one statement says beside its answer; the rest is left out.
pub const SQL_NOTICES_MAX: usize = 100;
/// Commits that one statement lists.
pub const SQL_LOG_ROWS_MAX: usize = 100_000;

// SQL: writing.

/// Bytes of one row that COPY brings; it is in memory as a whole.
pub const COPY_ROW_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of rows that COPY reads before it writes them on.
pub const COPY_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of data files that one statement holds in memory; the largest file is put away when more come.
pub const WRITE_BYTES_IN_MEMORY_MAX: usize = 128 * 1024 * 1024;
/// Bytes of one row group of a data file, unless the table says another number.
pub const WRITE_ROW_GROUP_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Data files that one statement encodes at once; compression keeps up to a megabyte for each column.
pub const WRITE_FILES_OPEN_MAX: usize = 16;
/// Bytes of a partition's name or value in the path of a data file; file systems take 255 for both.
pub const PARTITION_PATH_PART_BYTES_MAX: usize = 120;
/// Bytes of all of a data file's partition directories; keys of object stores have at most 1,024.
pub const PARTITION_PATH_BYTES_MAX: usize = 500;
/// Rows that are encoded at once, between two looks at how long a data file has become.
pub const WRITE_SLICE_ROWS_MAX: usize = 16 * 1024;

// SQL: texts.

/// Bytes of one text of statements; larger data comes by `COPY`.
pub const SQL_TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Statements in one text; each is kept until all are parsed.
pub const SQL_STATEMENTS_MAX: usize = 10_000;
/// Brackets inside brackets in one statement; the parser recurses at each.
pub const SQL_DEPTH_MAX: usize = 100;
/// Operators in one row without a comma; the tree of `a OR b OR c …` is as deep as the row is long, and
/// freeing it recurses.
pub const SQL_OPERATORS_MAX: usize = 500;
/// How deep the parser itself may recurse: a bracket costs it up to four steps.
pub const SQL_RECURSION_MAX: usize = 600;
/// Bytes of stack that the parser gets for statements with deep nesting.
pub const SQL_STACK_BYTES: usize = 128 * 1024 * 1024;
/// Bytes of stack of the server's threads; only what is used takes memory. Trees of expressions are walked,
/// compared and freed by recursion, as deep as [`SQL_OPERATORS_MAX`].
pub const SERVER_STACK_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of stack that are free whenever a statement is planned or run, and how many more it gets if not.
pub const SQL_STACK_FREE_BYTES: usize = 1024 * 1024;
/// See [`SQL_STACK_FREE_BYTES`].
pub const SQL_STACK_MORE_BYTES: usize = 4 * 1024 * 1024;
/// Tokens from which a statement is parsed on that stack; a shorter one cannot nest deep.
pub const SQL_STACK_TOKENS: usize = 64;
/// Steps that the parser may need, estimated: it tries calls and queries in brackets in two ways or
/// three, and those in them again, so that nesting multiplies.
pub const SQL_STEPS_MAX: u64 = 4 * 1024 * 1024;

// SQL over HTTP.

/// Bytes of rows in an answer of JSON; more are read as a stream of Arrow, which has no limit.
pub const SQL_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Rows in an answer of JSON.
pub const SQL_ANSWER_ROWS_MAX: usize = 100_000;
/// How long the command line waits for the answer to a statement, in seconds: a day.
pub const CLIENT_SQL_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Statements that the command line remembers.
pub const CLIENT_HISTORY_MAX: usize = 10_000;

// Flight SQL.

/// Connections that are served at the same time; more wait to be accepted.
pub const FLIGHT_CONNECTIONS_MAX: usize = 500;
/// Calls that one connection makes at the same time; more wait.
pub const FLIGHT_CALLS_MAX: u32 = 128;
/// Statements and streams of rows that run at the same time, over all connections.
pub const FLIGHT_STATEMENTS_MAX: usize = 500;
/// Bytes of one message of a client: a batch of rows that is ingested.
pub const FLIGHT_MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of the headers of a call.
pub const FLIGHT_HEADER_BYTES_MAX: u32 = 64 * 1024;
/// Bytes of one message of rows, about; clients take 4 MiB if nobody told them more.
pub const FLIGHT_ROWS_BYTES: usize = 2 * 1024 * 1024;
/// Transactions that are open.
pub const FLIGHT_TRANSACTIONS_MAX: usize = 500;
/// How long a transaction may do nothing before it is rolled back, in seconds.
pub const FLIGHT_TRANSACTION_IDLE_SECONDS: u64 = 30 * 60;
/// Prepared statements that are kept.
pub const FLIGHT_PREPARED_MAX: usize = 10_000;
/// Bytes of the texts and bound values of all prepared statements.
pub const FLIGHT_PREPARED_BYTES_MAX: usize = 512 * 1024 * 1024;
/// How long a prepared statement is kept that nobody uses, in seconds.
pub const FLIGHT_PREPARED_IDLE_SECONDS: u64 = 60 * 60;
/// Results that wait to be read.
pub const FLIGHT_RESULTS_MAX: usize = 2_000;
/// How long a result waits to be read, in seconds.
pub const FLIGHT_RESULT_IDLE_SECONDS: u64 = 5 * 60;
/// How often what nobody uses any more is looked for, in seconds.
pub const FLIGHT_SWEEP_SECONDS: u64 = 5;
/// Rows of values bound to one statement; each row runs it once.
pub const FLIGHT_BOUND_ROWS_MAX: usize = 10_000;
/// Rows of values bound to one query: the results of all of them wait at the same time.
pub const FLIGHT_BOUND_QUERIES_MAX: usize = 1_000;
/// Values that one `INSERT` takes at once when it is run for many rows of them.
pub const FLIGHT_VALUES_AT_ONCE: usize = 10_000;
/// Bytes of the message of an error; it travels in a header.
pub const FLIGHT_ERROR_BYTES_MAX: usize = 2 * 1024;
/// Tables in one answer of metadata.
pub const FLIGHT_TABLES_MAX: usize = 100_000;
