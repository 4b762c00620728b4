//! What clients ask about the server and what is on it.

use arrow::array::AsArray as _;
use arrow::datatypes::Schema;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables, CommandGetXdbcTypeInfo, SqlInfo,
};
use arrow_flight::{FlightInfo, IpcMessage};
use tonic::Code;

use crate::server::{Client, Server, refused, shown};

async fn read(client: &mut Client, info: FlightInfo) -> Vec<String> {
    let told = info.clone().try_decode_schema().unwrap();
    let batches = client.read(&info).await.unwrap();
    for batch in &batches {
        assert_eq!(told.fields(), batch.schema().fields());
    }
    shown(&batches)
}

#[tokio::test]
async fn the_server_says_what_it_is_and_can_do() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.inner.get_sql_info(vec![SqlInfo::FlightSqlServerName]).await.unwrap();
    assert_eq!(read(&mut client, info).await, ["0|{string_value=Nunatak}"]);
    let info = client.inner.get_sql_info(Vec::new()).await.unwrap();
    assert!(read(&mut client, info).await.len() > 20);
    let info = client.inner.get_table_types().await.unwrap();
    assert_eq!(read(&mut client, info).await, ["TABLE", "VIEW"]);
    let question = CommandGetXdbcTypeInfo { data_type: Some(-5) };
    let info = client.inner.get_xdbc_type_info(question).await.unwrap();
    let types = read(&mut client, info).await;
    assert!(types.len() == 1 && types[0].starts_with("bigint|-5|64"), "{types:?}");
    let all = CommandGetXdbcTypeInfo { data_type: None };
    let info = client.inner.get_xdbc_type_info(all).await.unwrap();
    assert_eq!(read(&mut client, info).await.len(), 13);
}

#[tokio::test]
async fn there_are_no_keys() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let table = "t".to_owned();
    let info = client
        .inner
        .get_primary_keys(CommandGetPrimaryKeys {
            catalog: None,
            db_schema: None,
            table: table.clone(),
        })
        .await
        .unwrap();
    assert_eq!(info.clone().try_decode_schema().unwrap().fields().len(), 6);
    assert!(read(&mut client, info).await.is_empty());
    let exported = CommandGetExportedKeys { catalog: None, db_schema: None, table: table.clone() };
    let imported = CommandGetImportedKeys { catalog: None, db_schema: None, table: table.clone() };
    let crossed = CommandGetCrossReference {
        pk_catalog: None,
        pk_db_schema: None,
        pk_table: table.clone(),
        fk_catalog: None,
        fk_db_schema: None,
        fk_table: table,
    };
    for info in [
        client.inner.get_exported_keys(exported).await.unwrap(),
        client.inner.get_imported_keys(imported).await.unwrap(),
        client.inner.get_cross_reference(crossed).await.unwrap(),
    ] {
        assert_eq!(info.clone().try_decode_schema().unwrap().fields().len(), 13);
        assert!(read(&mut client, info).await.is_empty());
    }
}

#[tokio::test]
async fn the_database_is_the_catalog() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.inner.get_catalogs().await.unwrap();
    assert_eq!(read(&mut client, info).await, ["lake"]);
    client.inner.set_header("database", "lake@main");
    let info = client.inner.get_catalogs().await.unwrap();
    assert_eq!(read(&mut client, info).await, ["lake@main"]);
    client.inner.set_header("database", "nix");
    let info = client.inner.get_catalogs().await.unwrap();
    refused(client.read(&info).await, Code::NotFound, "3D000");
}

/// A branch `other` with a nested namespace, tables in both, a view on `main`.
async fn filled(server: &Server) -> Client {
    let mut client = server.client().await;
    for text in [
        "CREATE TABLE t (id bigint NOT NULL, name text, at timestamp)",
        "CREATE VIEW v AS SELECT id FROM t",
        "CREATE BRANCH other FROM main",
        "CREATE SCHEMA other.sales",
        "CREATE TABLE other.sales.orders (total numeric(10,2))",
    ] {
        client.update(text).await.unwrap();
    }
    client
}

async fn schemas(client: &mut Client, catalog: Option<&str>, pattern: Option<&str>) -> Vec<String> {
    let question = CommandGetDbSchemas {
        catalog: catalog.map(str::to_owned),
        db_schema_filter_pattern: pattern.map(str::to_owned),
    };
    let info = client.inner.get_db_schemas(question).await.unwrap();
    read(client, info).await
}

#[tokio::test]
async fn branches_and_their_namespaces_are_schemas() {
    let server = Server::start().await;
    let mut client = filled(&server).await;
    let all = schemas(&mut client, None, None).await;
    for schema in ["lake|main", "lake|other"] {
        assert!(all.contains(&schema.to_owned()), "{schema} in {all:?}");
    }
    assert_eq!(schemas(&mut client, None, Some("other")).await, ["lake|other"]);
    let below = schemas(&mut client, Some("lake"), Some("other%")).await;
    assert_eq!(below, ["lake|other", "lake|other.sales"]);
    assert!(schemas(&mut client, Some("sea"), None).await.is_empty());
    assert!(schemas(&mut client, None, Some("nix")).await.is_empty());
    client.inner.set_header("database", "lake@other");
    let own = schemas(&mut client, None, None).await;
    assert!(own.contains(&"lake@other|sales".to_owned()), "{own:?}");
}

async fn tables(client: &mut Client, question: CommandGetTables) -> Vec<String> {
    let info = client.inner.get_tables(question).await.unwrap();
    read(client, info).await
}

#[tokio::test]
async fn tables_and_views_are_found_by_patterns_and_kinds() {
    let server = Server::start().await;
    let mut client = filled(&server).await;
    let asked = |schema: &str, table: Option<&str>, kinds: &[&str]| CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: Some(schema.to_owned()),
        table_name_filter_pattern: table.map(str::to_owned),
        table_types: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        include_schema: false,
    };
    let of = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
    for (question, expected) in [
        (asked("main", None, &[]), of(&["lake|main|t|TABLE", "lake|main|v|VIEW"])),
        (asked("main", Some("t"), &[]), of(&["lake|main|t|TABLE"])),
        (asked("main", None, &["VIEW"]), of(&["lake|main|v|VIEW"])),
        (asked("main", None, &["SYNONYM"]), of(&[])),
        (asked("other.sales", Some("ord%"), &["TABLE"]), of(&["lake|other.sales|orders|TABLE"])),
        (asked("nix'; DROP TABLE t; --", None, &[]), of(&[])),
    ] {
        assert_eq!(tables(&mut client, question.clone()).await, expected, "{question:?}");
    }
    let foreign = CommandGetTables { catalog: Some("sea".to_owned()), ..asked("main", None, &[]) };
    assert!(tables(&mut client, foreign).await.is_empty());
}

#[tokio::test]
async fn the_columns_of_tables_are_told_if_they_are_asked_for() {
    let server = Server::start().await;
    let mut client = filled(&server).await;
    let question = CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: Some("main".to_owned()),
        table_name_filter_pattern: None,
        table_types: Vec::new(),
        include_schema: true,
    };
    let info = client.inner.get_tables(question).await.unwrap();
    let batches = client.read(&info).await.unwrap();
    let told = batches[0].column(4).as_binary::<i32>();
    let columns: Vec<String> = told.iter().map(|bytes| columns_of(bytes.unwrap())).collect();
    assert_eq!(columns, ["id Int64, name Utf8, at Timestamp(µs)", "id Int64"]);
}

/// The columns that a row of `GetTables` tells.
fn columns_of(bytes: &[u8]) -> String {
    let schema = Schema::try_from(IpcMessage(bytes.to_vec().into())).unwrap();
    let fields = schema.fields().iter();
    let shown: Vec<_> =
        fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect();
    shown.join(", ")
}
