//! Verification finds what is wrong, all of it, and nothing in a sound store.

use std::sync::Arc;

use bytes::Bytes;
use nunatak::base::clock::Timestamp;
use nunatak::base::hash::Digest;
use nunatak::base::ids::{CommitId, ContentId, NodeHash, WarehouseId};
use nunatak::store::interface::{MetaStore, pack_offsets};
use nunatak::store::memory::MemoryStore;
use nunatak::store::records::{
    CommitRecord, Location, RefAction, RefKind, RefLogRecord, RefRecord, WarehouseRecord,
};
use nunatak::tree::{self, Item, Node, Value};
use nunatak::version::commit::Commit;
use nunatak::version::content::{ContentKind, Entry, Object};
use nunatak::version::fsck::{Probes, Report, verify};
use nunatak::version::operations;
use nunatak::version::ref_log::row_hash;
use nunatak::version::repository::Repository;

use crate::world::key_of;

/// What is made wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    None,
    OtherObject,
    OtherNode,
    NoNamespace,
    SameIdTwice,
    MissingParent,
    Generation,
    Time,
    Operations,
    LogRow,
    RefElsewhere,
    RefNotLogged,
}

fn entry(path: &[&str], kind: ContentKind, id: u8, object: &Object) -> Entry {
    Entry {
        kind,
        id: ContentId::new([id; 16]),
        object: Object::hash_of(&object.encode()),
        path: path.iter().map(|&part| part.to_owned()).collect(),
    }
}

fn item(entry: &Entry, hint: u64) -> Item {
    Item { key: key_of(entry), value: Value { bytes: entry.encode().into(), hint } }
}

fn log_rows(fault: Fault, first_id: CommitId, second_id: CommitId) -> Vec<RefLogRecord> {
    let mut previous = Digest::default();
    let mut rows = Vec::new();
    for (sequence, action, from, to) in
        [(1, RefAction::Create, None, first_id), (2, RefAction::Commit, Some(first_id), second_id)]
    {
        let mut row = RefLogRecord {
            sequence,
            name: "main".to_owned(),
            kind: RefKind::Branch,
            action,
            from,
            to: Some(to),
            actor: "ann".to_owned(),
            reason: String::new(),
            at: Timestamp::from_micros(30),
            previous,
            hash: Digest::default(),
        };
        row.hash = row_hash(&row);
        previous = row.hash;
        if fault == Fault::LogRow && sequence == 2 {
            row.actor = "eve".to_owned();
        }
        rows.push(row);
    }
    rows
}

/// Two commits, the second without a stored tree, a branch and its log.
fn store(fault: Fault) -> Arc<dyn MetaStore> {
    let store = MemoryStore::new();
    let mut write = store.begin_write().unwrap();
    let warehouse = write
        .warehouse_insert(&WarehouseRecord {
            id: WarehouseId(0),
            name: "lake".to_owned(),
            location: "file:///w".to_owned(),
            default_branch: "main".to_owned(),
            client_gc: false,
            created_at: Timestamp::from_micros(1),
        })
        .unwrap();
    let space = Object::Namespace { properties: Default::default() };
    let table = |name: &str| Object::Table { metadata_location: format!("file:///w/{name}") };
    let blobs = [space.encode(), table("t").encode(), table("u").encode()];
    let (offsets, _) = pack_offsets(blobs.iter().map(Vec::len));
    let pack = write.pack_next().unwrap();
    let place = |index: usize| Location::new(pack, offsets[index]).0;
    let mut stored: Vec<Bytes> = blobs.into_iter().map(Bytes::from).collect();

    let mut items = vec![];
    if fault != Fault::NoNamespace {
        items.push(item(&entry(&["s"], ContentKind::Namespace, 1, &space), place(0)));
    }
    let wrong = usize::from(fault == Fault::OtherObject);
    items.push(item(&entry(&["s", "t"], ContentKind::Table, 2, &table("t")), place(1 + wrong)));
    if fault == Fault::SameIdTwice {
        items.push(item(&entry(&["s", "u"], ContentKind::Table, 2, &table("t")), place(1)));
    }
    let mut nodes: Vec<Node> = Vec::new();
    let root = tree::build(items.into_iter(), &mut nodes).unwrap();
    assert_eq!(nodes.len(), 1);
    stored.push(nodes[0].to_stored());
    let (offsets, _) = pack_offsets(stored.iter().map(Bytes::len));
    let node_at = Location::new(pack, offsets[if fault == Fault::OtherNode { 0 } else { 3 }]);
    write.pack_append(pack, &stored).unwrap();

    let commit = |root: NodeHash, parents: Vec<CommitId>, generation, at| Commit {
        root,
        parents,
        generation,
        author: "ann".to_owned(),
        committer: "ann".to_owned(),
        committed_at: Timestamp::from_micros(at),
        message: String::new(),
        properties: Default::default(),
    };
    let first = commit(root.hash, vec![], 1, 10).encode();
    let first_id = Commit::id_of(&first);
    let added = item(&entry(&["s", "v"], ContentKind::Table, 3, &table("u")), place(2));
    let edit = tree::Edit { key: added.key, change: tree::Change::Put(added.value) };
    let mut memory = Vec::new();
    let known = tree::MemoryNodes::new();
    known.insert(nodes[0].clone());
    let next = tree::apply(&known, root, std::slice::from_ref(&edit), &mut memory).unwrap();
    let generation = if fault == Fault::Generation { 7 } else { 2 };
    let at = if fault == Fault::Time { 10 } else { 20 };
    let parent =
        if fault == Fault::MissingParent { CommitId::new(Digest::of(b"?")) } else { first_id };
    let second = commit(next.hash, vec![parent], generation, at).encode();
    let second_id = Commit::id_of(&second);
    let edits = if fault == Fault::Operations { vec![] } else { vec![edit] };
    let records = [
        CommitRecord { id: first_id, bytes: first.into(), root: node_at, operations: Bytes::new() },
        CommitRecord {
            id: second_id,
            bytes: second.into(),
            root: Location::NONE,
            operations: operations::encode(&edits).into(),
        },
    ];
    write.commits_insert(warehouse.id, &records).unwrap();

    write.ref_log_append(warehouse.id, &log_rows(fault, first_id, second_id)).unwrap();
    let head = if fault == Fault::RefElsewhere { first_id } else { second_id };
    let mut put = |name: &str, commit| {
        let record = RefRecord {
            name: name.to_owned(),
            kind: RefKind::Branch,
            commit,
            created_at: Timestamp::from_micros(1),
        };
        write.ref_put(warehouse.id, &record).unwrap();
    };
    put("main", head);
    if fault == Fault::RefNotLogged {
        put("other", first_id);
    }
    write.commit().unwrap();
    Arc::new(store)
}

fn run(fault: Fault, files: bool) -> Report {
    let store = store(fault);
    let repository = Arc::new(Repository::new(Arc::clone(&store)));
    let snapshot = |warehouse: &WarehouseRecord, id| repository.snapshot(warehouse.id, id);
    let probes = Probes { snapshot: &snapshot, file_exists: &|_| files };
    verify(&*store, &probes, &mut |_| {}).unwrap()
}

#[test]
fn a_sound_store_has_no_problems() {
    let report = run(Fault::None, true);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(
        (report.commits, report.nodes, report.objects, report.files, report.refs, report.log_rows),
        (2, 1, 3, 2, 1, 2)
    );
}

#[test]
fn every_fault_is_found() {
    for (fault, expected) in [
        (Fault::OtherObject, "its bytes have another hash"),
        (Fault::OtherNode, "node "),
        (Fault::NoNamespace, "the namespace around s.t is missing"),
        (Fault::SameIdTwice, "stands at s.t and at s.u"),
        (Fault::MissingParent, "is missing or damaged"),
        (Fault::Generation, "has the generation 7 in place of 2"),
        (Fault::Time, "is not later than its first parent"),
        (Fault::Operations, "cannot be rebuilt"),
        (Fault::LogRow, "row 2 of the ref log was altered"),
        (Fault::RefElsewhere, "but row 2 of its log says"),
        (Fault::RefNotLogged, "other is not in the ref log"),
    ] {
        let problems = run(fault, true).problems;
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{fault:?}: {problems:?}"
        );
    }
    let problems = run(Fault::None, false).problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.contains("the file file:///w/")));
}
