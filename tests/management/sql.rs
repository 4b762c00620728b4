//! `POST /api/v1/sql`.

use std::io::Cursor;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

const ARROW: &str = "application/vnd.apache.arrow.stream";

impl TestApp {
    async fn sql_with(&self, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post("/api/v1/sql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.raw(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn sql(&self, sql: &str) -> Answer {
        self.sql_with(&json!({ "sql": sql }), &[]).await
    }

    async fn arrow(&self, body: &Value) -> Vec<RecordBatch> {
        let request = Request::post("/api/v1/sql")
            .header("accept", ARROW)
            .body(Body::from(body.to_string()))
            .unwrap();
        let (head, bytes) = self.bytes(request).await;
        assert_eq!(head.status, 200, "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(head.headers["content-type"], ARROW);
        StreamReader::try_new(Cursor::new(bytes), None).unwrap().map(Result::unwrap).collect()
    }
}

/// The rows of the only result.
fn rows(answer: Answer) -> Value {
    let mut body = answer.with(200);
    assert_eq!(body["results"].as_array().unwrap().len(), 1, "{body}");
    body["results"][0]["rows"].take()
}

/// Status, SQLSTATE and the number of the statement of a refusal.
#[track_caller]
fn refusal(answer: Answer) -> (u16, String, Option<u64>) {
    let status = answer.status.as_u16();
    let body = answer.with(status);
    (status, body["sqlstate"].as_str().unwrap().to_owned(), body["statement"].as_u64())
}

#[tokio::test]
async fn a_query_has_columns_rows_and_a_tag() {
    let app = TestApp::new().await;
    let body = app.sql("SELECT 1 AS one, 'a' AS \"two\"").await.with(200);
    let expected = json!({
        "columns": [{ "name": "one", "type": "integer" }, { "name": "two", "type": "text" }],
        "rows": [[1, "a"]],
        "tag": "SELECT 1",
    });
    assert_eq!(body["results"], json!([expected]));
    assert_eq!(
        body["session"],
        json!({ "database": "lake", "search_path": ["main"], "settings": {} })
    );
    let none = app.sql("SELECT 1 AS one WHERE false").await.with(200);
    assert_eq!(none["results"][0]["rows"], json!([]));
    assert_eq!(none["results"][0]["tag"], "SELECT 0");
    assert_eq!(app.sql(" -- nothing").await.with(200)["results"], json!([]));
}

#[tokio::test]
async fn values_are_written_as_the_document_says() {
    let app = TestApp::new().await;
    for (sql, kind, value) in [
        ("NULL", "unknown", json!(null)),
        ("true", "boolean", json!(true)),
        ("CAST(-7 AS SMALLINT)", "smallint", json!(-7)),
        ("9223372036854775807", "bigint", json!(i64::MAX)),
        ("CAST(0.1 AS REAL)", "real", json!(0.1)),
        ("CAST('NaN' AS DOUBLE PRECISION)", "double precision", json!("NaN")),
        ("CAST('-inf' AS DOUBLE PRECISION)", "double precision", json!("-Infinity")),
        ("CAST(-0.05 AS NUMERIC(10,2))", "numeric(10,2)", json!("-0.05")),
        (
            "CAST(12345678901234567890.5 AS NUMERIC(30,1))",
            "numeric(30,1)",
            json!("12345678901234567890.5"),
        ),
        ("CAST(1200 AS NUMERIC(10,0))", "numeric(10,0)", json!("1200")),
        ("'a\"b\\'", "text", json!("a\"b\\")),
        ("DATE '1969-12-31'", "date", json!("1969-12-31")),
        ("TIME '01:02:03.5'", "time", json!("01:02:03.500")),
        ("TIMESTAMP '1969-12-31 23:59:59.25'", "timestamp", json!("1969-12-31T23:59:59.250")),
        (
            "arrow_cast('2024-01-01T01:00:00+01:00', 'Timestamp(Microsecond, Some(\"+00:00\"))')",
            "timestamptz",
            json!("2024-01-01T00:00:00Z"),
        ),
        ("decode('00ff', 'hex')", "bytea", json!("\\x00ff")),
        ("make_array(1, NULL, 3)", "bigint[]", json!([1, null, 3])),
        ("named_struct('a', 1, 'b', 'x')", "struct(a bigint, b text)", json!({ "a": 1, "b": "x" })),
        ("map(['k'], [1])", "map(text, integer)", json!([["k", 1]])),
        ("arrow_cast('d', 'Dictionary(Int32, Utf8)')", "text", json!("d")),
    ] {
        let body = app.sql(&format!("SELECT {sql} AS v")).await.with(200);
        let result = &body["results"][0];
        assert_eq!(result["columns"][0]["type"], kind, "{sql}");
        assert_eq!(result["rows"][0][0], value, "{sql}");
    }
}

#[tokio::test]
async fn branches_are_made_and_shown() {
    let app = TestApp::new().await;
    let body = app.sql("CREATE BRANCH work; SHOW BRANCHES; SELECT name FROM system.refs").await;
    let body = body.with(200);
    assert_eq!(body["results"][0], json!({ "tag": "CREATE BRANCH" }));
    assert_eq!(body["results"][1]["rows"].as_array().unwrap().len(), 2);
    assert_eq!(body["results"][2]["rows"], json!([["main"], ["work"]]));
    assert_eq!(app.head("work").await, app.head("main").await);
}

#[tokio::test]
async fn errors_have_a_sqlstate() {
    let app = TestApp::new().await;
    for (sql, status, state) in [
        ("SELEC 1", 400, "42601"),
        ("SELECT * FROM absent", 400, "42P01"),
        ("SELECT absent FROM system.refs", 400, "42703"),
        ("SELECT absent()", 400, "42883"),
        ("CREATE BRANCH main", 409, "42710"),
        ("DROP BRANCH absent", 400, "42704"),
        ("LISTEN x", 406, "0A000"),
    ] {
        let (found, code, _) = refusal(app.sql(sql).await);
        assert_eq!((found, code.as_str()), (status, state), "{sql}");
    }
    let body = app.sql("SELECT 1; SELECT\n +").await.with(400);
    assert!(body["statement"].is_null(), "{body}");
    let body = app.sql("SELECT ~~~ FROM").await.with(400);
    assert!(body["detail"].is_string() && body["title"] == "Invalid request", "{body}");
}

#[tokio::test]
async fn an_error_says_which_statement_and_keeps_those_before() {
    let app = TestApp::new().await;
    let answer = app.sql("CREATE BRANCH work; CREATE BRANCH work; CREATE BRANCH more").await;
    assert_eq!(refusal(answer), (409, "42710".to_owned(), Some(1)));
    app.head("work").await;
    app.get("/lake/branches/more").await.with(404);
    // A text that does not parse is not begun.
    refusal(app.sql("CREATE BRANCH more; SELEC").await);
    app.get("/lake/branches/more").await.with(404);
}

#[tokio::test]
async fn databases_are_warehouses_and_refs() {
    let app = TestApp::new().await;
    for database in ["none", "lake@none"] {
        let answer = app.sql_with(&json!({ "sql": "SELECT 1", "database": database }), &[]).await;
        let body = answer.with(404);
        assert_eq!(body["sqlstate"], "3D000");
        assert!(body["hint"].is_string(), "{body}");
    }
    app.sql("CREATE BRANCH work").await.with(200);
    let query = "SELECT current_database()";
    let answer = app.sql_with(&json!({ "sql": query, "database": "lake@work" }), &[]).await;
    assert_eq!(rows(answer), json!([["lake@work"]]));
}

#[tokio::test]
async fn a_session_goes_on_in_the_next_request() {
    let app = TestApp::new().await;
    let sql = "CREATE BRANCH work; USE BRANCH work; SET nunatak.message = 'why'";
    let body = app.sql(sql).await.with(200);
    assert_eq!(body["session"]["search_path"], json!(["work"]));
    let mut next = body["session"].clone();
    next["sql"] = "SHOW nunatak.message".into();
    let body = app.sql_with(&next, &[]).await.with(200);
    assert_eq!(body["results"][0]["rows"], json!([["why"]]));
    assert_eq!(body["session"]["search_path"], json!(["work"]));
    next["sql"] = "CREATE SCHEMA work.sales".into();
    app.sql_with(&next, &[]).await.with(200);
    let log = app.get("/lake/commits?ref=work").await.with(200);
    assert_eq!(log["items"][0]["message"], "why");
    let odd = json!({ "sql": "SELECT 1", "settings": { "timezone": "Mars" } });
    assert_eq!(refusal(app.sql_with(&odd, &[]).await).1, "22023");
}

#[tokio::test]
async fn a_transaction_ends_with_its_request() {
    let app = TestApp::new().await;
    assert_eq!(refusal(app.sql("BEGIN; SELECT 1").await), (400, "25000".to_owned(), None));
    let body = app.sql("BEGIN; SELECT 1; COMMIT").await.with(200);
    assert_eq!(body["results"][2], json!({ "tag": "COMMIT" }));
}

#[tokio::test]
async fn cursors_and_prepared_statements_live_as_long_as_a_request() {
    let app = TestApp::new().await;
    let text = "BEGIN; DECLARE c CURSOR FOR SELECT x FROM generate_series(1, 9) g(x); FETCH 2 FROM c; MOVE 3 c; \
                FETCH c; COMMIT";
    let body = app.sql(text).await.with(200);
    assert_eq!(body["results"][2]["rows"], json!([[1], [2]]));
    assert_eq!(body["results"][2]["tag"], "FETCH 2");
    assert_eq!(body["results"][3], json!({ "tag": "MOVE 3" }));
    assert_eq!(body["results"][4]["rows"], json!([[6]]));
    let body = app.sql("PREPARE p (int) AS SELECT $1 + 1; EXECUTE p (2)").await.with(200);
    assert_eq!(body["results"][1]["rows"], json!([[3]]));
    for (text, refused) in [
        ("DECLARE c CURSOR FOR SELECT 1", (400, "25P01", Some(0))),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", (406, "0A000", None)),
        ("PREPARE p AS SELECT 1", (406, "0A000", None)),
        ("FETCH c", (400, "34000", Some(0))),
        ("EXECUTE p", (400, "26000", Some(0))),
    ] {
        let (status, state, statement) = refusal(app.sql(text).await);
        assert_eq!((status, state.as_str(), statement), refused, "{text}");
    }
}

#[tokio::test]
async fn headers_describe_commits() {
    let app = TestApp::new().await;
    let headers = [("x-nunatak-message", "a schema"), ("x-nunatak-property-run", "7")];
    app.sql_with(&json!({ "sql": "CREATE SCHEMA main.sales" }), &headers).await.with(200);
    let log = app.get("/lake/commits?ref=main").await.with(200);
    assert_eq!(log["items"][0]["message"], "a schema");
    assert_eq!(log["items"][0]["properties"]["run"], "7");
}

#[tokio::test]
async fn requests_from_elsewhere_are_refused() {
    let app = TestApp::new().await;
    let body = json!({ "sql": "CREATE BRANCH stolen" });
    for header in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let answer = app.sql_with(&body, &[header]).await;
        assert!(answer.status.is_client_error(), "{}", answer.body);
    }
    app.get("/lake/branches/stolen").await.with(404);
    let typed = app.sql_with(&body, &[("content-type", "text/plain")]).await;
    assert!(typed.status.is_client_error(), "{}", typed.body);
}

#[tokio::test]
async fn parameters_are_values() {
    let app = TestApp::new().await;
    let ask = async |sql: &str, parameters: Value| {
        app.sql_with(&json!({ "sql": sql, "parameters": parameters }), &[]).await
    };
    let answer = ask("SELECT name FROM system.refs WHERE name = $1", json!(["main"])).await;
    assert_eq!(rows(answer), json!([["main"]]));
    let answer = ask("SELECT name FROM system.refs WHERE name = $1", json!(["' OR true --"])).await;
    assert_eq!(rows(answer), json!([]));
    let sql = "SELECT $1 + 1, $2 * 2.0e0, $3 OR false, $4 IS NULL";
    assert_eq!(rows(ask(sql, json!([41, 0.5, true, null])).await), json!([[42, 1.0, true, true]]));
    let sql = "SELECT DATE '2024-05-06' = $1, CAST(1.50 AS NUMERIC(5,2)) = $2";
    assert_eq!(rows(ask(sql, json!(["2024-05-06", "1.504"])).await), json!([[true, false]]));
    for (sql, parameters, state) in [
        ("SELECT $1", json!([]), "22023"),
        ("SELECT $1", json!([1, 2]), "22023"),
        ("SELECT $1", json!([[1]]), "22023"),
        ("SELECT $1", json!([{}]), "22023"),
        ("SELECT 1; SELECT $1", json!([1]), "22023"),
        ("SHOW BRANCHES", json!([1]), "22023"),
        ("SELECT DATE '2024-05-06' = $1", json!(["soon"]), "22000"),
    ] {
        assert_eq!(refusal(ask(sql, parameters.clone()).await).1, state, "{sql} {parameters}");
    }
    let text = r#"{"sql": "SELECT $1", "parameters": [123456789012345678901]}"#;
    let request = Request::post("/api/v1/sql").body(Body::from(text)).unwrap();
    assert_eq!(refusal(app.raw(request).await).1, "22023");
}

#[tokio::test]
async fn changes_answer_their_rows() {
    let app = TestApp::new().await;
    app.sql("CREATE TABLE t (a int, b text)").await.with(200);
    let body = app.sql("INSERT INTO t VALUES (1, 'x'), (2, 'y') RETURNING b, a + 1 AS next").await;
    let expected = json!({
        "columns": [{ "name": "b", "type": "text" }, { "name": "next", "type": "integer" }],
        "rows": [["x", 2], ["y", 3]],
        "tag": "INSERT 0 2",
    });
    assert_eq!(body.with(200)["results"], json!([expected]));
    let body = app.sql("DELETE FROM t WHERE a = 1 RETURNING *").await.with(200);
    assert_eq!(body["results"][0]["tag"], "DELETE 1");
    // More than an answer holds: nothing is changed.
    let wide =
        "INSERT INTO t SELECT 3, 'z' FROM generate_series(1, 70) g RETURNING repeat('x', 1000000)";
    assert_eq!(refusal(app.sql(wide).await).1, "54000");
    let body = app.sql("SELECT count(*) FROM t").await.with(200);
    assert_eq!(body["results"][0]["rows"], json!([[1]]));
}

#[tokio::test]
async fn arrow_streams_every_row() {
    let app = TestApp::new().await;
    let sql = "SELECT value AS n, 'row ' || value AS t FROM generate_series(1, 250000) AS g(value)";
    let batches = app.arrow(&json!({ "sql": sql })).await;
    let (mut count, mut sum) = (0, 0);
    for batch in &batches {
        assert_eq!(batch.schema().field(0).name(), "n");
        let numbers = batch.column(0).as_primitive::<Int32Type>();
        count += numbers.len();
        sum += numbers.values().iter().map(|number| i64::from(*number)).sum::<i64>();
        assert_eq!(
            batch.column(1).as_string::<i32>().value(0),
            format!("row {}", numbers.value(0))
        );
    }
    assert_eq!((count, sum), (250_000, 250_000 * 250_001 / 2));
    let empty = app.arrow(&json!({ "sql": "SELECT 1 AS one WHERE false" })).await;
    assert_eq!(empty.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    let refs = app.arrow(&json!({ "sql": "SHOW BRANCHES" })).await;
    assert_eq!(refs[0].num_rows(), 1);
    let body = json!({ "sql": "SELECT $1 AS v", "parameters": [7] });
    assert_eq!(app.arrow(&body).await[0].column(0).as_primitive::<Int64Type>().value(0), 7);
}

#[tokio::test]
async fn arrow_needs_one_statement_with_rows() {
    let app = TestApp::new().await;
    for sql in ["CREATE BRANCH work", "SELECT 1; SELECT 2", "", "USE BRANCH main"] {
        let answer = app.sql_with(&json!({ "sql": sql }), &[("accept", ARROW)]).await;
        assert_eq!(refusal(answer), (406, "0A000".to_owned(), None), "{sql}");
    }
    app.get("/lake/branches/work").await.with(404);
    let answer = app.sql_with(&json!({ "sql": "SELECT absent" }), &[("accept", ARROW)]).await;
    assert_eq!(refusal(answer).1, "42703");
    // JSON, if the client would rather have that.
    let accept = [("accept", "application/json, application/vnd.apache.arrow.stream")];
    let answer = app.sql_with(&json!({ "sql": "SELECT 1" }), &accept).await;
    assert_eq!(rows(answer), json!([[1]]));
}

#[tokio::test]
async fn an_error_in_the_midst_breaks_the_stream_off() {
    let app = TestApp::new().await;
    let sql = "SELECT 1 / (400000 - value) AS n FROM generate_series(1, 500000) AS g(value)";
    let request = Request::post("/api/v1/sql")
        .header("accept", ARROW)
        .body(Body::from(json!({ "sql": sql }).to_string()))
        .unwrap();
    assert!(app.broken(request).await, "the stream ended as if it were whole");
    assert_eq!(refusal(app.sql("SELECT 1 / 0").await).1, "22012");
}

#[tokio::test]
async fn json_is_limited_and_never_cut() {
    let app = TestApp::new().await;
    let body = app.sql("SELECT value FROM generate_series(1, 100000) AS g(value)").await.with(200);
    assert_eq!(body["results"][0]["rows"].as_array().unwrap().len(), 100_000);
    let answer =
        app.sql("SELECT 1; SELECT value FROM generate_series(1, 100000) AS g(value)").await;
    assert!(!answer.headers.contains_key("retry-after"));
    let body = answer.with(422);
    assert_eq!((body["sqlstate"].as_str(), body["statement"].as_u64()), (Some("54000"), Some(1)));
    assert!(body["hint"].as_str().unwrap().contains(ARROW), "{body}");
    let wide = "SELECT repeat('x', 1000000) FROM generate_series(1, 70) AS g(value)";
    assert_eq!(refusal(app.sql(wide).await), (422, "54000".to_owned(), Some(0)));
}
