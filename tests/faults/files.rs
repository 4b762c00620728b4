//! Metadata files that cannot be written: the request that needs one fails, and it alone.

use futures::future::join_all;
use nunatak::store::interface::MetaStore as _;

use crate::world::World;

/// Where the metadata of a table of `main` is.
fn metadata_directory(world: &World, table: &str) -> std::path::PathBuf {
    let kind = nunatak::version::content::ContentKind::Table;
    let scope = world.scope("main");
    let location = world.catalog.content_locate(&scope, &["s".to_owned()], table, kind).unwrap();
    let path = std::path::PathBuf::from(location.strip_prefix("file://").unwrap());
    path.parent().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_that_cannot_be_written_fails_its_own_request_only() {
    let world = World::furnished().await;
    // The metadata is in memory, its directory cannot take a new file any more.
    let directory = metadata_directory(&world, "t1");
    let aside = directory.with_extension("aside");
    world.set("main", &["t0", "t1", "t2", "t3"], "before").await.unwrap();
    std::fs::rename(&directory, &aside).unwrap();
    std::fs::write(&directory, "in the way").unwrap();

    let write = world.store.inner().begin_write().unwrap();
    let first = world.set("work", &["t0"], "first");
    let mut first = std::pin::pin!(first);
    assert!(futures::poll!(&mut first).is_pending());
    while world.catalog.committer().stats().waiting > 0 {
        std::thread::yield_now();
    }
    let world_ref = &world;
    let group = join_all(
        ["t0", "t1", "t2", "t3"]
            .map(|table| async move { world_ref.set("main", &[table], "group").await.is_ok() }),
    );
    let mut group = std::pin::pin!(group);
    assert!(futures::poll!(&mut group).is_pending());
    drop(write);
    first.await.unwrap();
    assert_eq!(group.await, [true, false, true, true]);
    // A commit to several tables fails as a whole.
    world.set("main", &["t0", "t1"], "both").await.unwrap_err();

    std::fs::remove_file(&directory).unwrap();
    std::fs::rename(&aside, &directory).unwrap();
    assert_eq!(world.problems(), [""; 0]);
    let stored = world.stored().await;
    assert_eq!(world.shown().await, stored);
    for line in ["s.t0 group", "s.t1 before", "s.t2 group", "s.t3 group"] {
        assert!(stored.contains(line), "{line} is not in:\n{stored}");
    }
    world.set("main", &["t0", "t1"], "both").await.unwrap();
}
