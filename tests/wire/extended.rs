//! The extended protocol as a real client speaks it.

use futures::TryStreamExt as _;
use tokio_postgres::types::Type;

use crate::server::{Server, code};

#[tokio::test(flavor = "multi_thread")]
async fn twelve_parameters_keep_their_order() {
    let server = Server::start().await;
    let client = server.client().await;
    let text = "echo $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12";
    let statement = client.prepare_typed(text, &vec![Type::INT4; 12]).await.unwrap();
    assert_eq!(statement.params(), vec![Type::INT4; 12]);
    let values: Vec<i32> = (1..=12).collect();
    let given: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        values.iter().map(|value| value as _).collect();
    let row = client.query_one(&statement, &given).await.unwrap();
    let got: Vec<i32> = (0..12).map(|at| row.get(at)).collect();
    assert_eq!(got, values);
}

#[tokio::test(flavor = "multi_thread")]
async fn portals_are_resumed() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("count 25", &[]).await.unwrap();
    let other = transaction.bind("count 3", &[]).await.unwrap();
    let mut seen = Vec::new();
    for expected in [10, 10, 5, 0] {
        let rows = transaction.query_portal(&portal, 10).await.unwrap();
        assert_eq!(rows.len(), expected);
        seen.extend(rows.into_iter().map(|row| row.get::<_, i64>(0)));
        // Two portals at once do not disturb each other.
        transaction.query_portal(&other, 1).await.unwrap();
    }
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
    transaction.commit().await.unwrap();

    let statement = client.prepare("count 25").await.unwrap();
    let rows: Vec<i64> = client
        .query_raw(&statement, Vec::<i64>::new())
        .await
        .unwrap()
        .map_ok(|row| row.get::<_, i64>(0))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rows, (0..25).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_each_step() {
    let server = Server::start().await;
    let client = server.client().await;
    assert_eq!(code(client.prepare("insert; insert").await), "42601");
    assert_eq!(code(client.prepare("nonsense").await), "42601");
    assert_eq!(code(client.prepare("boom early").await), "42P01");
    assert_eq!(code(client.prepare_typed("echo $1", &[Type::POINT]).await), "0A000");
    assert_eq!(code(client.query("boom", &[]).await), "42P01");
    assert_eq!(code(client.query("late", &[]).await), "22000");
    assert_eq!(code(client.query("panic", &[]).await), "XX000");
    // Columns other than those that were announced.
    let statement = client.prepare_typed("lie $1", &[Type::TEXT]).await.unwrap();
    assert_eq!(code(client.query(&statement, &[&"x"]).await), "0A000");
    assert_eq!(client.execute("insert", &[]).await.unwrap(), 3);
    let rows = client.query("none", &[]).await.unwrap();
    assert!(rows.is_empty());
    let statement = client.prepare("").await.unwrap();
    assert!(client.query(&statement, &[]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_do_not_fit_are_refused() {
    let server = Server::start().await;
    let client = server.client().await;
    let wrong: [(Type, &str); 6] = [
        (Type::INT4, "x"),
        (Type::INT4, "2147483648"),
        (Type::DATE, "2024-02-30"),
        (Type::UUID, "1234"),
        (Type::BYTEA, "\\xzz"),
        (Type::INT4_ARRAY, "{1,{2}}"),
    ];
    for (kind, text) in wrong {
        let raw = crate::raw::bound_text(&server, kind.oid(), text).await;
        assert!(matches!(raw.as_str(), "22P02" | "22003" | "0A000"), "{kind} {text}: {raw}");
    }
    client.simple_query("insert").await.unwrap();
}
