//! SQL: parsing with versions, and the statements about branches.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "sql/bad_days.rs"]
mod bad_days;
#[path = "sql/changes.rs"]
mod changes;
#[path = "sql/console.rs"]
mod console;
#[path = "sql/copy.rs"]
mod copy;
#[path = "sql/cursors.rs"]
mod cursors;
#[path = "sql/ddl.rs"]
mod ddl;
#[path = "sql/ddl_alter.rs"]
mod ddl_alter;
#[path = "sql/ddl_settings.rs"]
mod ddl_settings;
#[path = "sql/ddl_temp.rs"]
mod ddl_temp;
#[path = "sql/lake.rs"]
mod lake;
#[path = "sql/pg_clients.rs"]
mod pg_clients;
#[path = "sql/pg_psql.rs"]
mod pg_psql;
#[path = "sql/pg_scope.rs"]
mod pg_scope;
#[path = "sql/pg_tools.rs"]
mod pg_tools;
#[path = "sql/scan_by_hand.rs"]
mod scan_by_hand;
#[path = "sql/scan_deletes.rs"]
mod scan_deletes;
#[path = "sql/scan_kit.rs"]
mod scan_kit;
#[path = "sql/scan_refusals.rs"]
mod scan_refusals;
#[path = "sql/scan_rows.rs"]
mod scan_rows;
#[path = "sql/session.rs"]
mod session;
#[path = "sql/syntax.rs"]
mod syntax;
#[path = "sql/transactions.rs"]
mod transactions;
#[path = "sql/write.rs"]
mod write;
#[path = "sql/write_changes.rs"]
mod write_changes;
#[path = "sql/write_types.rs"]
mod write_types;
