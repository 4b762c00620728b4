//! The statements about branches, tags and commits.

use super::*;

fn statement(sql: &str) -> VersionStatement {
    match one(sql).body {
        Body::Version(statement) => statement,
        other => panic!("{sql} is {other:?}"),
    }
}

#[test]
fn branches_and_tags() {
    let some = |text: &str| Some(text.to_owned());
    for (sql, name, if_not_exists, from) in [
        ("CREATE BRANCH b", "b", false, None),
        (
            "create branch IF NOT EXISTS Ingest/2026-11 FROM main~3;",
            "ingest/2026-11",
            true,
            some("main~3"),
        ),
        ("CREATE BRANCH \"Ingest\" FROM '9f31c2aa'", "Ingest", false, some("9f31c2aa")),
        (
            "CREATE BRANCH 'x' FROM Main@{2026-11-20T08:00:00Z}",
            "x",
            false,
            some("main@{2026-11-20T08:00:00Z}"),
        ),
        ("CREATE BRANCH if", "if", false, None),
    ] {
        let name = name.to_owned();
        assert_eq!(
            statement(sql),
            VersionStatement::CreateBranch { name, if_not_exists, from },
            "{sql}"
        );
    }
    assert_eq!(
        statement("CREATE TAG model-4.2 FROM ingest/2026-11"),
        VersionStatement::CreateTag {
            name: "model-4.2".to_owned(),
            if_not_exists: false,
            from: some("ingest/2026-11")
        }
    );
    let branch = |if_exists, cascade| VersionStatement::DropBranch {
        name: "b".to_owned(),
        if_exists,
        cascade,
    };
    assert_eq!(statement("DROP BRANCH b"), branch(false, false));
    assert_eq!(statement("DROP BRANCH IF EXISTS b RESTRICT"), branch(true, false));
    assert_eq!(statement("DROP BRANCH b CASCADE"), branch(false, true));
    assert_eq!(
        statement("DROP TAG IF EXISTS v1.0"),
        VersionStatement::DropTag { name: "v1.0".to_owned(), if_exists: true }
    );
    assert_eq!(
        statement("ASSIGN BRANCH b TO main~1"),
        VersionStatement::AssignBranch { name: "b".to_owned(), to: "main~1".to_owned() }
    );
    for (sql, reference) in [
        ("USE BRANCH dev", "dev"),
        ("USE TAG v1", "v1"),
        ("USE REFERENCE 'main~2'", "main~2"),
        ("USE REFERENCE 9F31C2AA", "9f31c2aa"),
    ] {
        assert_eq!(statement(sql), VersionStatement::Use { reference: reference.to_owned() });
    }
}

#[test]
fn merges_and_commits() {
    let options = [
        ("squash", "true"),
        ("message", "it's (done)"),
        ("strategy", "theirs"),
        ("isolation", "serializable"),
        ("expected_head", "9f31c2aa"),
    ];
    assert_eq!(
        statement(
            "merge branch ingest/1 into main dry run with (squash = TRUE, message = 'it''s (done)', \
             STRATEGY = 'theirs', isolation = serializable, expected_head = 9f31c2aa)"
        ),
        VersionStatement::Merge {
            source: "ingest/1".to_owned(),
            into: "main".to_owned(),
            dry_run: true,
            options: options.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        }
    );
    assert_eq!(
        statement("CHERRY PICK COMMIT '9f31c2aa' INTO b"),
        VersionStatement::CherryPick { commit: "9f31c2aa".to_owned(), into: "b".to_owned() }
    );
    assert_eq!(
        statement("REVERT COMMIT 9f31c2aa ON b"),
        VersionStatement::Revert { commit: "9f31c2aa".to_owned(), on: "b".to_owned() }
    );
}

#[test]
fn lists() {
    assert_eq!(statement("SHOW BRANCHES"), VersionStatement::ShowBranches);
    assert_eq!(statement("show tags;"), VersionStatement::ShowTags);
    assert_eq!(statement("SHOW LOG"), VersionStatement::ShowLog { of: None });
    assert_eq!(
        statement("SHOW LOG main~1~2"),
        VersionStatement::ShowLog { of: Some("main~1~2".to_owned()) }
    );
    assert_eq!(
        statement("SHOW DIFF main 'Dev'"),
        VersionStatement::ShowDiff { from: "main".to_owned(), to: "Dev".to_owned() }
    );
    for sql in [
        "SHOW search_path",
        "SHOW TRANSACTION ISOLATION LEVEL",
        "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
        "CREATE TABLE branch (tag int)",
    ] {
        assert!(matches!(one(sql).body, Body::Standard(_)), "{sql}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (sql, state, position) in [
        ("CREATE BRANCH", SqlState::SyntaxError, 14),
        ("CREATE BRANCH FROM main", SqlState::SyntaxError, 15),
        ("CREATE BRANCH b FROM", SqlState::SyntaxError, 21),
        ("CREATE BRANCH b AT COMMIT '9f31c2aa'", SqlState::SyntaxError, 17),
        ("CREATE BRANCH b FROM main x", SqlState::SyntaxError, 27),
        ("CREATE BRANCH 'a b'", SqlState::InvalidParameterValue, 15),
        ("CREATE BRANCH deadbeef", SqlState::InvalidParameterValue, 15),
        ("CREATE TAG a FROM 'x~y'", SqlState::InvalidParameterValue, 19),
        ("DROP BRANCH a, b", SqlState::SyntaxError, 14),
        ("DROP TAG t CASCADE", SqlState::SyntaxError, 12),
        ("ASSIGN BRANCH a", SqlState::SyntaxError, 16),
        ("MERGE BRANCH a", SqlState::SyntaxError, 15),
        ("MERGE BRANCH a INTO b WITH ()", SqlState::SyntaxError, 29),
        ("MERGE BRANCH a INTO b WITH (x = 1)", SqlState::InvalidParameterValue, 29),
        ("MERGE BRANCH a INTO b WITH (squash = 1)", SqlState::InvalidParameterValue, 38),
        (
            "MERGE BRANCH a INTO b WITH (squash = true, squash = true)",
            SqlState::InvalidParameterValue,
            44,
        ),
        ("MERGE BRANCH a INTO b WITH (squash)", SqlState::SyntaxError, 35),
        ("CHERRY PICK '9f31c2aa' INTO b", SqlState::SyntaxError, 13),
        ("REVERT COMMIT '9f31c2aa' INTO b", SqlState::SyntaxError, 26),
        ("SHOW DIFF a", SqlState::SyntaxError, 12),
        ("SHOW LOG a b", SqlState::SyntaxError, 12),
        ("SHOW BRANCHES x", SqlState::SyntaxError, 15),
        ("SELECT 'ä'; USE BRANCH 'ö'", SqlState::InvalidParameterValue, 24),
        ("SELECT 'ä", SqlState::SyntaxError, 8),
        ("SELECT 1;\n SELECT FRM t x", SqlState::SyntaxError, 25),
    ] {
        let error = refused(sql);
        assert_eq!((error.state, error.position), (state, Some(position)), "{sql}: {error:?}");
    }
    for sql in ["CREATE CHECK c ON BRANCH main AS SELECT 1", "RUN CHECKS ON main", "SHOW CHECKS"] {
        assert_eq!(refused(sql).state, SqlState::FeatureNotSupported, "{sql}");
    }
    let error = refused("MERGE BRANCH a INTO b WITH (x = 1)");
    assert!(error.hint.unwrap().contains("expected_head"));
}
