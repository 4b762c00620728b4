//! Commits, trees and objects in memory, and states written as text.
//!
//! A state is words: `s/:1` is the namespace `s` with id 1, `s/:1=a:x,b:y` one with properties,
//! `s.t:2=v` the table `s.t` with id 2 in the state `v`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use nunatak::base::clock::Timestamp;
use nunatak::base::ids::{CommitId, ContentId, ObjectHash};
use nunatak::base::name::{ContentPath, NamespacePath};
use nunatak::tree::{self, Item, MemoryNodes, NodeRef, NodeSource, Value};
use nunatak::version::commit::Commit;
use nunatak::version::conflict::{Resolution, Side, Strategy};
use nunatak::version::content::{ContentKind, Entry, Object};
use nunatak::version::diff::TreeSource;
use nunatak::version::error::VersionError;
use nunatak::version::graph::CommitSource;
use nunatak::version::key;
use nunatak::version::merge::{MergeInput, MergeOptions, MergeOutcome, merge_commits, merge_trees};

/// What one key holds, by key.
pub(crate) type Map = BTreeMap<Bytes, Entry>;

#[derive(Default)]
pub(crate) struct World {
    nodes: MemoryNodes,
    objects: RefCell<BTreeMap<ObjectHash, Arc<Object>>>,
    commits: RefCell<BTreeMap<CommitId, Arc<Commit>>>,
}

impl CommitSource for World {
    fn commits(&self, ids: &[CommitId]) -> Result<Vec<Arc<Commit>>, VersionError> {
        let commits = self.commits.borrow();
        ids.iter()
            .map(|id| commits.get(id).cloned().ok_or(VersionError::MissingCommit(*id)))
            .collect()
    }
}

impl TreeSource for World {
    fn tree(&self, commit: CommitId) -> Result<NodeRef, VersionError> {
        Ok(NodeRef { hash: self.commit(commit)?.root, hint: 0 })
    }

    fn nodes(&self) -> &dyn NodeSource {
        &self.nodes
    }

    fn object(&self, entry: &Entry, _: u64) -> Result<Arc<Object>, VersionError> {
        let objects = self.objects.borrow();
        let found = objects.get(&entry.object).cloned();
        found.ok_or_else(|| VersionError::Damaged("an object is missing".to_owned()))
    }

    fn changed_keys(&self, _: CommitId) -> Result<Option<Vec<Bytes>>, VersionError> {
        Ok(None)
    }
}

pub(crate) fn key_of(entry: &Entry) -> Bytes {
    let namespace = |path: &[String]| NamespacePath::new(path.to_vec()).unwrap();
    if entry.kind == ContentKind::Namespace {
        return key::namespace(&namespace(&entry.path)).unwrap().into();
    }
    let (name, levels) = entry.path.split_last().unwrap();
    key::content(&ContentPath::new(namespace(levels), name.clone()).unwrap()).into()
}

impl World {
    pub(crate) fn object_put(&self, object: Object) -> ObjectHash {
        let hash = Object::hash_of(&object.encode());
        self.objects.borrow_mut().insert(hash, Arc::new(object));
        hash
    }

    pub(crate) fn parse(&self, text: &str) -> Map {
        text.split_whitespace().map(|word| self.parse_one(word)).collect()
    }

    fn parse_one(&self, word: &str) -> (Bytes, Entry) {
        let (name, rest) = word.split_once(':').unwrap();
        let (id, state) = rest.split_once('=').unwrap_or((rest, ""));
        let (path, object) = match name.strip_suffix('/') {
            Some(path) => {
                let pairs = state.split(',').filter(|pair| !pair.is_empty());
                let properties = pairs
                    .map(|pair| pair.split_once(':').unwrap())
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect();
                (path, Object::Namespace { properties })
            }
            None => (name, Object::Table { metadata_location: state.to_owned() }),
        };
        let mut bytes = [0; 16];
        bytes[15] = id.parse().unwrap();
        let entry = Entry {
            kind: object.kind(),
            id: ContentId::new(bytes),
            object: self.object_put(object),
            path: path.split('.').map(str::to_owned).collect(),
        };
        (key_of(&entry), entry)
    }

    pub(crate) fn print(&self, map: &Map) -> String {
        let mut words: Vec<String> = map.values().map(|entry| self.print_one(entry)).collect();
        words.sort();
        words.join(" ")
    }

    fn print_one(&self, entry: &Entry) -> String {
        let (slash, state) = match &*self.object(entry, 0).unwrap() {
            Object::Namespace { properties } => {
                let pairs: Vec<_> = properties.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                ("/", pairs.join(","))
            }
            Object::Table { metadata_location } => ("", metadata_location.clone()),
            other => panic!("{other:?}"),
        };
        let equals = if state.is_empty() { "" } else { "=" };
        format!("{}{slash}:{}{equals}{state}", entry.path.join("."), entry.id.as_bytes()[15])
    }

    pub(crate) fn build(&self, map: &Map) -> NodeRef {
        let items = map.iter().map(|(key, entry)| {
            let value = Value { bytes: entry.encode().into(), hint: 0 };
            Item { key: key.clone(), value }
        });
        tree::build(items, &mut &self.nodes).unwrap()
    }

    pub(crate) fn read(&self, root: NodeRef) -> Map {
        tree::range(&self.nodes, root, std::ops::Bound::Unbounded, std::ops::Bound::Unbounded)
            .map(|item| {
                let item = item.unwrap();
                let entry = nunatak::version::diff::decode(&item.key, &item.value).unwrap();
                (item.key, entry)
            })
            .collect()
    }

    pub(crate) fn commit_map(&self, parents: &[CommitId], map: &Map) -> CommitId {
        let newest = parents.iter().map(|id| self.commit(*id).unwrap());
        let at = newest.map(|commit| commit.committed_at.as_micros()).max().unwrap_or(0) + 1;
        self.commit_at(parents, map, at, "ann", &[])
    }

    pub(crate) fn commit_at(
        &self,
        parents: &[CommitId],
        map: &Map,
        at: i64,
        author: &str,
        properties: &[(&str, &str)],
    ) -> CommitId {
        let generations = parents.iter().map(|id| self.commit(*id).unwrap().generation);
        let owned = |pair: &(&str, &str)| (pair.0.to_owned(), pair.1.to_owned());
        let commit = Commit {
            root: self.build(map).hash,
            parents: parents.to_vec(),
            generation: generations.max().map_or(0, |generation| generation + 1),
            author: author.to_owned(),
            committer: author.to_owned(),
            committed_at: Timestamp::from_micros(at),
            message: format!("commit {}", self.commits.borrow().len()),
            properties: properties.iter().map(owned).collect(),
        };
        let id = Commit::id_of(&commit.encode());
        self.commits.borrow_mut().insert(id, Arc::new(commit));
        id
    }

    pub(crate) fn commit_text(&self, parents: &[CommitId], text: &str) -> CommitId {
        self.commit_map(parents, &self.parse(text))
    }

    pub(crate) fn map_of(&self, commit: CommitId) -> Map {
        self.read(self.tree(commit).unwrap())
    }

    /// Applies an outcome's writes to the target and checks what they expect there.
    pub(crate) fn apply(&self, ours: &Map, outcome: &MergeOutcome) -> Map {
        let mut map = ours.clone();
        for write in &outcome.writes {
            assert_eq!(map.get(&write.key), write.expected.as_ref(), "expectation");
            match &write.result {
                Some(result) => {
                    assert_eq!(write.key, key_of(&result.entry));
                    if let Some(object) = &result.object {
                        assert_eq!(self.object_put((**object).clone()), result.entry.object);
                    }
                    map.insert(write.key.clone(), result.entry.clone());
                }
                None => {
                    map.remove(&write.key);
                }
            }
        }
        map
    }

    /// Merges three states: the merged state, or `! ` and the conflicts.
    pub(crate) fn merge(&self, base: &str, ours: &str, theirs: &str, how: &How) -> String {
        let outcome = self.merge_outcome(base, ours, theirs, how);
        self.show(&self.parse(ours), &outcome)
    }

    pub(crate) fn merge_outcome(
        &self,
        base: &str,
        ours: &str,
        theirs: &str,
        how: &How,
    ) -> MergeOutcome {
        let commit = CommitId::new(Default::default());
        let input = MergeInput {
            base: self.build(&self.parse(base)),
            ours: self.build(&self.parse(ours)),
            theirs: self.build(&self.parse(theirs)),
            ours_commit: commit,
            theirs_commit: commit,
        };
        merge_trees(self, &input, &how.options()).unwrap()
    }

    pub(crate) fn merge_commits(&self, ours: CommitId, theirs: CommitId) -> (String, MergeOutcome) {
        let outcome = merge_commits(self, self, ours, theirs, &MergeOptions::default()).unwrap();
        (self.show(&self.map_of(ours), &outcome), outcome)
    }

    pub(crate) fn show(&self, ours: &Map, outcome: &MergeOutcome) -> String {
        if outcome.conflicts.is_empty() {
            return self.print(&self.apply(ours, outcome));
        }
        assert_eq!(outcome.writes, []);
        let conflicts = outcome.conflicts.iter();
        let words: Vec<_> = conflicts
            .map(|conflict| format!("{}: {}", conflict.path.join("."), conflict.reason))
            .collect();
        format!("! {}", words.join(" ! "))
    }
}

/// Options of a merge.
#[derive(Default)]
pub(crate) struct How {
    pub(crate) strategy: Strategy,
    pub(crate) resolutions: Vec<Resolution>,
}

impl How {
    pub(crate) fn take(side: Side) -> Self {
        let strategy = if side == Side::Ours { Strategy::Ours } else { Strategy::Theirs };
        Self { strategy, resolutions: Vec::new() }
    }

    pub(crate) fn at(sides: &[(&str, Side)]) -> Self {
        let resolutions = sides
            .iter()
            .map(|(path, take)| Resolution {
                path: path.split('.').map(str::to_owned).collect(),
                take: *take,
            })
            .collect();
        Self { strategy: Strategy::Fail, resolutions }
    }

    pub(crate) fn options(&self) -> MergeOptions<'_> {
        MergeOptions {
            strategy: self.strategy,
            resolutions: &self.resolutions,
            ..MergeOptions::default()
        }
    }
}
