//! Refs: moves, kinds, lists in pages.

use super::samples::{assert_contract, at, branch, tag, warehouse_new};
use crate::base::ids::WarehouseId;
use crate::store::interface::{MetaStore, StoreResult};
use crate::store::records::{RefKind, RefRecord};

fn put(store: &dyn MetaStore, warehouse: WarehouseId, refs: &[RefRecord]) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    for record in refs {
        txn.ref_put(warehouse, record)?;
    }
    txn.commit()
}

fn names(
    store: &dyn MetaStore,
    warehouse: WarehouseId,
    kind: Option<RefKind>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> StoreResult<Vec<String>> {
    let found = store.begin_read()?.ref_list(warehouse, kind, prefix, after, limit)?;
    Ok(found.into_iter().map(|record| record.name).collect())
}

/// A branch is created, moved, deleted and created again.
pub fn a_branch_lives_and_moves(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    for commit in ["a", "b", "b"] {
        put(store, warehouse, &[branch("main", commit)])?;
        assert_eq!(store.begin_read()?.ref_get(warehouse, "main")?, Some(branch("main", commit)));
    }
    assert_eq!(store.begin_read()?.ref_get(warehouse, "Main")?, None);
    assert_eq!(store.begin_read()?.ref_get(warehouse, "mai")?, None);
    let mut txn = store.begin_write()?;
    txn.ref_delete(warehouse, "main")?;
    assert_eq!(txn.ref_get(warehouse, "main")?, None);
    txn.commit()?;
    assert_eq!(store.begin_read()?.ref_get(warehouse, "main")?, None);
    assert_contract(store.begin_write()?.ref_delete(warehouse, "main"));
    let again = RefRecord { created_at: at(9), ..tag("main", "c") };
    put(store, warehouse, std::slice::from_ref(&again))?;
    assert_eq!(store.begin_read()?.ref_get(warehouse, "main")?, Some(again));
    Ok(())
}

/// A tag stays where it is and a ref what it is, until it is deleted.
pub fn a_tag_never_moves(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    put(store, warehouse, &[tag("v1", "a"), branch("main", "a")])?;
    put(store, warehouse, &[tag("v1", "a")])?;
    for refused in [tag("v1", "b"), branch("v1", "a"), tag("main", "a")] {
        assert_contract(put(store, warehouse, std::slice::from_ref(&refused)));
    }
    let mut txn = store.begin_read()?;
    assert_eq!(txn.ref_get(warehouse, "v1")?, Some(tag("v1", "a")));
    assert_eq!(txn.ref_get(warehouse, "main")?, Some(branch("main", "a")));
    drop(txn);
    let again = RefRecord { created_at: at(9), ..branch("v1", "b") };
    let mut txn = store.begin_write()?;
    txn.ref_delete(warehouse, "v1")?;
    txn.ref_put(warehouse, &again)?;
    txn.ref_put(warehouse, &RefRecord { created_at: at(10), ..again.clone() })?;
    txn.commit()?;
    let found = store.begin_read()?.ref_get(warehouse, "v1")?;
    assert_eq!(found, Some(RefRecord { created_at: at(10), ..again }));
    Ok(())
}

/// Lists are ordered by bytes and cut by kind, prefix, start and limit, each alone and together.
pub fn lists_are_ordered_and_cut(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let refs = [
        branch("main", "a"),
        branch("ingest/1", "a"),
        tag("ingest/2", "a"),
        branch("ingest/3", "a"),
        branch("ingest-x", "a"),
        branch("ingest", "a"),
        tag("Ingest", "a"),
        tag("v1.0", "a"),
        tag("v1.1", "a"),
    ];
    put(store, warehouse, &refs)?;
    let list = |kind, prefix: &str, after: Option<&str>, limit| {
        names(store, warehouse, kind, prefix, after, limit)
    };
    let ingest = ["ingest", "ingest-x", "ingest/1", "ingest/2", "ingest/3"];
    assert_eq!(list(None, "ingest", None, 100)?, ingest);
    assert_eq!(list(None, "ingest/", None, 100)?, ingest[2..]);
    assert_eq!(list(Some(RefKind::Tag), "ingest", None, 100)?, ["ingest/2"]);
    assert_eq!(list(Some(RefKind::Tag), "", None, 100)?, ["Ingest", "ingest/2", "v1.0", "v1.1"]);
    assert_eq!(list(Some(RefKind::Branch), "ingest", Some("ingest-x"), 1)?, ["ingest/1"]);
    assert_eq!(list(None, "ingest", Some("ingest"), 2)?, ["ingest-x", "ingest/1"]);
    // A start before the prefix changes nothing; one behind it leaves nothing.
    assert_eq!(list(None, "v", Some("a"), 100)?, ["v1.0", "v1.1"]);
    assert_eq!(list(None, "ingest", Some("v"), 100)?, Vec::<String>::new());
    assert_eq!(list(None, "", None, 0)?, Vec::<String>::new());
    assert_eq!(list(None, "x", None, 100)?, Vec::<String>::new());
    assert_eq!(list(None, "", None, usize::MAX)?.len(), refs.len());
    // Pages of two, each after the last of the one before, give each name once.
    let mut paged: Vec<String> = Vec::new();
    loop {
        let page = list(None, "", paged.last().map(String::as_str), 2)?;
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    let mut all: Vec<&str> = refs.iter().map(|record| record.name.as_str()).collect();
    all.sort_unstable();
    assert_eq!(paged, all);
    // A start need not be there.
    assert_eq!(list(None, "", Some("ingest/2x"), 1)?, ["ingest/3"]);
    Ok(())
}

/// Names that break pattern languages, quoting or bounds are plain names here.
pub fn nasty_names_are_plain_names(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let mut all = [
        "a%",
        "a_b",
        "axb",
        "a*",
        "a?",
        "a[b]",
        "a'b",
        "a\"b",
        "a\\b",
        "a;--",
        "%",
        "_",
        "'",
        "é",
        "e\u{301}",
        "ß",
        "日本",
        "\u{d7ff}",
        "\u{e000}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}z",
        "a\u{10ffff}",
        "a\u{10ffff}b",
        "b",
        " lead",
        "trail ",
        "\n",
        "\u{7f}",
        "\u{80}",
        "NULL",
        "123",
        "0x1F",
        "x'00'",
        "1e5",
    ];
    for name in all {
        put(store, warehouse, &[branch(name, name)])?;
    }
    all.sort_unstable();
    assert_eq!(names(store, warehouse, None, "", None, 100)?, all);
    let kind = Some(RefKind::Branch);
    for name in all {
        let found = store.begin_read()?.ref_get(warehouse, name)?;
        assert_eq!(found, Some(branch(name, name)), "{name:?}");
        let expected: Vec<&str> = all.into_iter().filter(|other| other.starts_with(name)).collect();
        assert_eq!(names(store, warehouse, None, name, None, 100)?, expected, "{name:?}");
        assert_eq!(names(store, warehouse, kind, name, None, 100)?, expected, "{name:?}");
        let later: Vec<&str> = all.into_iter().filter(|other| *other > name).collect();
        assert_eq!(names(store, warehouse, kind, "", Some(name), 100)?, later, "{name:?}");
    }
    Ok(())
}

/// Locking reads refs in the order asked, which must rise.
pub fn refs_are_locked_in_order(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    put(store, warehouse, &[branch("a", "1"), tag("c", "3")])?;
    let mut txn = store.begin_write()?;
    assert_eq!(
        txn.refs_lock(warehouse, &["a", "b", "c"])?,
        [Some(branch("a", "1")), None, Some(tag("c", "3"))]
    );
    assert!(txn.refs_lock(warehouse, &[])?.is_empty());
    drop(txn);
    for wrong in [["b", "a"], ["a", "a"]] {
        assert_contract(store.begin_write()?.refs_lock(warehouse, &wrong));
    }
    Ok(())
}
