//! Pages: nothing lost, nothing twice, everything for clients that know no pages.

use proptest::test_runner::{Config, TestRunner};

use crate::app::{TestApp, names};

async fn pages(app: &TestApp, path: &str, size: usize) -> Vec<String> {
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = app.get(&format!("{path}?pageSize={size}&pageToken={token}")).await.ok();
        let found = names(&page);
        assert!(found.len() <= size);
        seen.extend(found);
        match page["next-page-token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => return seen,
        }
    }
}

#[test]
fn any_page_size_sees_every_table_once() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(async {
        let app = TestApp::new().await;
        app.namespace("lake~main", &["n"]).await;
        for index in 0..23 {
            app.table("lake~main", "n", &format!("T{index:02}")).await;
            if index % 3 == 0 {
                let view = crate::views::view_body(&format!("v{index:02}"), "select 1");
                app.post("lake~main/namespaces/n/views", view).await.ok();
            }
        }
        app
    });
    let tables: Vec<String> = (0..23).map(|index| format!("T{index:02}")).collect();
    let views: Vec<String> =
        (0..23).filter(|index| index % 3 == 0).map(|index| format!("v{index:02}")).collect();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&(1_usize..30), |size| {
            runtime.block_on(async {
                let path = "lake~main/namespaces/n";
                assert_eq!(pages(&app, &format!("{path}/tables"), size).await, tables);
                assert_eq!(pages(&app, &format!("{path}/views"), size).await, views);
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        let whole = app.get("lake~main/namespaces/n/tables").await.ok();
        assert_eq!(names(&whole), tables);
        assert!(whole["next-page-token"].is_null());
        let empty = app.get("lake~main/namespaces/n/tables?pageToken=").await.ok();
        assert_eq!(names(&empty), tables);
    });
}

#[tokio::test]
async fn tokens_and_sizes_that_cannot_be() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    for query in ["pageSize=0", "pageSize=-1", "pageSize=x", "pageToken=zz", "pageToken=p1f"] {
        for list in ["lake~main/namespaces", "lake~main/namespaces/n/tables", "lake/namespaces"] {
            let answer = app.get(&format!("{list}?{query}")).await;
            assert_eq!(answer.status, 400, "{list}?{query}");
        }
    }
}

#[tokio::test]
async fn a_page_follows_a_key_that_is_gone() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    for name in ["a", "b", "c"] {
        app.table("lake~main", "n", name).await;
    }
    let path = "lake~main/namespaces/n/tables";
    let first = app.get(&format!("{path}?pageSize=2")).await.ok();
    app.delete(&format!("{path}/b")).await;
    app.table("lake~main", "n", "aa").await;
    let token = first["next-page-token"].as_str().unwrap();
    let rest = app.get(&format!("{path}?pageSize=2&pageToken={token}")).await.ok();
    assert_eq!(names(&rest), ["c"]);
}
