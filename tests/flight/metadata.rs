//! What clients ask about the server and what is on it.

use arrow_flight::FlightInfo;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetXdbcTypeInfo, SqlInfo,
};
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
