//! Local files: never overwritten, durable when asked, and no way out of the warehouse.

use std::collections::BTreeMap;
use std::io::Write as _;

use bytes::Bytes;
use nunatak::base::error::{Entity, ErrorKind};
use nunatak::iceberg::io::Files;
use nunatak::iceberg::location::LocationPolicy;

fn setup() -> (tempfile::TempDir, String, Files) {
    let directory = tempfile::tempdir().unwrap();
    let root = format!("file://{}", directory.path().canonicalize().unwrap().display());
    (directory, root, Files::new(BTreeMap::new()))
}

#[tokio::test]
async fn create_read_exists() {
    let (_directory, root, files) = setup();
    let location = format!("{root}/ns/t/metadata/a.json");
    assert!(!files.exists(&location).await.unwrap());
    assert_eq!(files.read(&location).await.unwrap_err().kind(), ErrorKind::NotFound(Entity::File));
    files.create(&location, Bytes::from_static(b"one")).await.unwrap();
    let again = files.create(&location, Bytes::from_static(b"two")).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists(Entity::File));
    assert_eq!(files.read(&location).await.unwrap(), "one");
    assert!(files.exists(&location).await.unwrap());
    let plain = location.trim_start_matches("file://");
    assert_eq!(files.read(plain).await.unwrap(), "one");
    let left: Vec<_> =
        std::fs::read_dir(format!("{}/ns/t/metadata", &root[7..])).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays");
    assert!(files.read(&format!("{root}/ns")).await.is_err());
}

#[tokio::test]
async fn one_of_many_creators_wins() {
    let (_directory, root, files) = setup();
    let files = std::sync::Arc::new(files);
    let location = format!("{root}/race.json");
    let mut tasks = Vec::new();
    for n in 0..16_u8 {
        let (files, location) = (std::sync::Arc::clone(&files), location.clone());
        tasks.push(tokio::spawn(async move {
            files.create(&location, Bytes::from(vec![n; 1000])).await.is_ok().then_some(n)
        }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(files.read(&location).await.unwrap(), vec![winners[0]; 1000]);
}

#[tokio::test]
async fn metadata_may_be_compressed() {
    let (directory, root, files) = setup();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"{}").unwrap();
    let packed = packed.finish().unwrap();
    for name in ["v1.gz.metadata.json", "v1.metadata.json.gz", "v1.metadata.json"] {
        std::fs::write(directory.path().join(name), &packed).unwrap();
        assert_eq!(files.read_metadata(&format!("{root}/{name}")).await.unwrap(), "{}");
    }
    std::fs::write(directory.path().join("bad.gz.metadata.json"), b"{}").unwrap();
    let bad = files.read_metadata(&format!("{root}/bad.gz.metadata.json")).await.unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn unsynced_writes_and_their_repair() {
    let (directory, root, files) = setup();
    let locations: Vec<String> =
        (0..40).map(|n| format!("{root}/ns/t{n}/metadata/00000-x.metadata.json")).collect();
    for location in &locations {
        files.write_local_unsynced(location, b"content").unwrap();
    }
    let taken = files.write_local_unsynced(&locations[0], b"other").unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists(Entity::File));
    files.sync_local(&locations).unwrap();
    files.sync_local(&locations[..3]).unwrap();
    assert!(files.sync_local(&[format!("{root}/nothing")]).is_err());
    assert!(files.write_local_unsynced("s3://b/x", b"").is_err());
    // A crash cut one file short and lost another with its directory.
    let path = |n: usize| directory.path().join(format!("ns/t{n}/metadata/00000-x.metadata.json"));
    std::fs::write(path(0), b"con").unwrap();
    std::fs::remove_dir_all(directory.path().join("ns/t1")).unwrap();
    for (n, needed) in [(0, true), (1, true), (2, false)] {
        assert_eq!(files.restore_local(&locations[n], b"content").unwrap(), needed);
        assert_eq!(std::fs::read(path(n)).unwrap(), b"content");
    }
}

#[tokio::test]
async fn directories_of_a_table() {
    let (directory, root, files) = setup();
    files.make_table_directories(&format!("{root}/ns/t")).await.unwrap();
    files.make_table_directories(&format!("{root}/ns/t")).await.unwrap();
    assert!(directory.path().join("ns/t/data").is_dir());
    assert!(directory.path().join("ns/t/metadata").is_dir());
    files.make_table_directories("s3://bucket/t").await.unwrap();
}

#[tokio::test]
async fn unknown_schemes_are_refused() {
    let files = Files::new(BTreeMap::new());
    for location in ["hdfs://host/x", "ftp://host/x", "memory://x/y"] {
        assert_eq!(files.read(location).await.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    assert!(Files::is_local("file:/x") && Files::is_local("/x"));
    assert!(!Files::is_local("s3://b/x") && !Files::is_local("x"));
}

#[test]
#[cfg(unix)]
fn links_do_not_lead_out() {
    use std::os::unix::fs::symlink;
    let (directory, root, files) = setup();
    let outside = tempfile::tempdir().unwrap();
    let warehouse = directory.path().join("wh");
    std::fs::create_dir_all(warehouse.join("inside/real")).unwrap();
    symlink(outside.path(), warehouse.join("out")).unwrap();
    symlink(warehouse.join("inside"), warehouse.join("in")).unwrap();
    symlink("/nowhere/at/all", warehouse.join("broken")).unwrap();
    symlink("..", warehouse.join("up")).unwrap();
    let policy = LocationPolicy::new([&*format!("{root}/wh")]).unwrap();
    let check = |path: &str| files.check_location(&policy, &format!("{root}/wh/{path}"));
    for good in ["", "new/table", "inside/real/x", "in/real/y", "in/new"] {
        assert!(check(good).is_ok(), "{good}");
    }
    for bad in ["out", "out/t", "broken/t", "broken", "up/x", "up/wh2/x"] {
        assert!(check(bad).is_err(), "{bad}");
    }
    assert!(files.check_location(&policy, "s3://b/wh").is_err());
    // A root that is itself behind a link is a root all the same.
    symlink(&warehouse, directory.path().join("alias")).unwrap();
    let policy = LocationPolicy::new([&*format!("{root}/alias")]).unwrap();
    assert!(files.check_location(&policy, &format!("{root}/alias/t")).is_ok());
    assert!(files.check_location(&policy, &format!("{root}/alias/out/t")).is_err());
}
