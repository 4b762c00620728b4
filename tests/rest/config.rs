//! `/v1/config`: prefixes of both views, frozen expressions, what is advertised; tokens.

use axum::body::Body;
use axum::http::Request;

use crate::app::TestApp;

async fn prefix(app: &TestApp, query: &str) -> String {
    let config = app.get(&format!("config{query}")).await;
    if !config.status.is_success() {
        return config.error();
    }
    config.json()["overrides"]["prefix"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn views_have_prefixes() {
    let app = TestApp::new().await;
    app.branch("ingest/2026").await;
    app.tag("v1").await;
    app.namespace("lake", &["main", "a"]).await;
    assert_eq!(prefix(&app, "").await, "lake");
    assert_eq!(prefix(&app, "?warehouse=").await, "lake");
    assert_eq!(prefix(&app, "?warehouse=lake").await, "lake");
    assert_eq!(prefix(&app, "?warehouse=lake%40main").await, "lake~main");
    assert_eq!(prefix(&app, "?warehouse=lake@ingest/2026").await, "lake~ingest~2f2026");
    assert_eq!(prefix(&app, "?warehouse=lake@v1").await, "lake~v1");
    let (first, _) = app.commit_of("main~1");
    assert_eq!(prefix(&app, "?warehouse=lake@main~1").await, format!("lake~{first}"));
    let short = format!("?warehouse=lake@{}", &first[..10]);
    assert_eq!(prefix(&app, &short).await, format!("lake~{first}"));
}

#[tokio::test]
async fn unknown_warehouses_are_not_found() {
    let app = TestApp::new().await;
    for (query, part) in [
        ("?warehouse=other", "other"),
        ("?warehouse=lake@nope", "nope"),
        ("?warehouse=lake@", "lake@"),
        ("?warehouse=file%3A%2F%2F%2Ftmp", "file:///tmp"),
    ] {
        let answer = prefix(&app, query).await;
        assert!(answer.starts_with("404 NoSuchWarehouseException: "), "{answer}");
        assert!(answer.contains(part), "{answer}");
    }
}

#[tokio::test]
async fn every_route_is_advertised() {
    let app = TestApp::new().await;
    let config = app.get("config").await.ok();
    let endpoints: Vec<&str> =
        config["endpoints"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
    assert_eq!(config["idempotency-key-lifetime"], "PT86400S");
    insta::assert_snapshot!(endpoints.join("\n"), @r"
    POST /v1/{prefix}/transactions/commit
    GET /v1/{prefix}/namespaces
    POST /v1/{prefix}/namespaces
    HEAD /v1/{prefix}/namespaces/{namespace}
    GET /v1/{prefix}/namespaces/{namespace}
    DELETE /v1/{prefix}/namespaces/{namespace}
    POST /v1/{prefix}/namespaces/{namespace}/properties
    GET /v1/{prefix}/namespaces/{namespace}/tables
    POST /v1/{prefix}/namespaces/{namespace}/tables
    HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}
    GET /v1/{prefix}/namespaces/{namespace}/tables/{table}
    POST /v1/{prefix}/namespaces/{namespace}/tables/{table}
    DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}
    POST /v1/{prefix}/namespaces/{namespace}/register
    POST /v1/{prefix}/tables/rename
    POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics
    GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials
    GET /v1/{prefix}/namespaces/{namespace}/views
    POST /v1/{prefix}/namespaces/{namespace}/views
    HEAD /v1/{prefix}/namespaces/{namespace}/views/{view}
    GET /v1/{prefix}/namespaces/{namespace}/views/{view}
    POST /v1/{prefix}/namespaces/{namespace}/views/{view}
    DELETE /v1/{prefix}/namespaces/{namespace}/views/{view}
    POST /v1/{prefix}/namespaces/{namespace}/register-view
    POST /v1/{prefix}/views/rename
    ");
}

#[tokio::test]
async fn tokens_for_clients_that_want_one() {
    let app = TestApp::new().await;
    let ask = |body: &'static str| {
        let request = Request::builder()
            .method("POST")
            .uri("/iceberg/v1/oauth/tokens")
            .header("host", "localhost")
            .header("content-type", "application/x-www-form-urlencoded");
        app.send(request.body(Body::from(body)).unwrap())
    };
    let token = ask("grant_type=client_credentials&client_id=a&client_secret=b").await.ok();
    assert_eq!(token["token_type"], "bearer");
    assert!(token["access_token"].is_string());
    for bad in ["", "grant_type=password", "%ff"] {
        assert_eq!(ask(bad).await.status, 400, "{bad}");
    }
    for token in ["Bearer None", "Bearer no-authentication", "Basic eDp5"] {
        let answer = app.call_with("GET", "config", None, &[("authorization", token)]).await;
        assert_eq!(answer.status, 200, "{token}");
    }
}
