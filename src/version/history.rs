//! The log of a commit: newest first, filtered, in pages; and commits by time or distance.
//!
//! Order: by `committed_at`, then generation, then id, largest first, of the commits whose children were
//! listed. A commit's time is later than its parents', so a page can go on from the commits that were
//! next (the frontier): nothing listed comes up again. A history that breaks this (a clock that went
//! back between branches) is noticed while walking, and the walk is then repeated from its start, which
//! always gives the same order because history does not change. So pages lose and repeat nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::codec::{CodecError, Reader, Writer};
use super::commit::Commit;
use super::diff::TreeSource;
use super::graph::CommitSource;
use super::key;
use crate::base::clock::Timestamp;
use crate::base::error::{Error, Result};
use crate::base::ids::CommitId;
use crate::base::limits::{CLOCK_AHEAD_SECONDS_MAX, LOG_FRONTIER_MAX, LOG_SCAN_MAX};
use crate::base::name::{ContentPath, NamespacePath};
use crate::tree::{self, NodeRef, empty_node};

const PAGE_KEY_FORMAT: u8 = 1;

/// Which commits of a history are listed; all conditions must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogFilter {
    /// By this author.
    pub author: Option<String>,
    /// At or after this time.
    pub since: Option<Timestamp>,
    /// At or before this time.
    pub until: Option<Timestamp>,
    /// Changed this path, or something below it, against the first parent. Names match in any case.
    pub path: Option<Vec<String>>,
    /// With these properties, and these values where given.
    pub properties: Vec<(String, Option<String>)>,
    /// Only the chain of first parents.
    pub first_parent: bool,
}

/// A commit with its id.
pub type Logged = (CommitId, Arc<Commit>);

/// A part of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogPage {
    /// The commits, newest first; maybe none although more follow, if few match.
    pub items: Vec<Logged>,
    /// Where to go on, if there may be more.
    pub next: Option<Vec<u8>>,
}

/// Lists the history of a commit. `after` is the page before's `next`; the log then goes on where that
/// one began, whatever `from` says now. Reads at most [`LOG_SCAN_MAX`] commits for one page.
///
/// # Errors
/// `InvalidInput` for a page key that this did not make or a path that nothing can have; what reading
/// says.
pub fn log(
    commits: &dyn CommitSource,
    trees: &dyn TreeSource,
    from: CommitId,
    filter: &LogFilter,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<LogPage> {
    let path = filter.path.as_deref().map(PathMatch::new).transpose()?;
    let mut walk = match after {
        None => Walk::start(commits, filter, from)?,
        Some(key) => Walk::resume(commits, filter, key)?,
    };
    let mut page = LogPage { items: Vec::new(), next: None };
    let mut last = None;
    for _ in 0..LOG_SCAN_MAX {
        if page.items.len() >= limit.max(1) {
            break;
        }
        let Some((id, commit)) = walk.next()? else { return Ok(page) };
        last = Some(id);
        let matches = filter.matches(&commit)
            && match &path {
                Some(path) => path.changed_by(trees, id, &commit)?,
                None => true,
            };
        if matches {
            page.items.push((id, commit));
        }
    }
    page.next = last.filter(|_| !walk.open.is_empty()).map(|last| walk.page_key(last));
    Ok(page)
}

impl LogFilter {
    fn matches(&self, commit: &Commit) -> bool {
        self.author.as_ref().is_none_or(|author| *author == commit.author)
            && self.since.is_none_or(|since| commit.committed_at >= since)
            && self.until.is_none_or(|until| commit.committed_at <= until)
            && self.properties.iter().all(|(key, value)| {
                let found = commit.properties.get(key);
                found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
            })
    }

    /// Whether ancestors of a commit can still match. Commits are at most so far ahead of the clock, so
    /// an ancestor is newer than its descendant by at most that.
    fn ends_at(&self, commit: &Commit) -> bool {
        let margin = CLOCK_AHEAD_SECONDS_MAX.saturating_mul(2_000_000);
        self.since.is_some_and(|since| commit.committed_at.plus_micros(margin) < since)
    }
}

type Place = (Timestamp, u64, CommitId);

/// A walk through a history, newest first.
struct Walk<'a> {
    commits: &'a dyn CommitSource,
    filter: &'a LogFilter,
    start: CommitId,
    open: BTreeSet<Place>,
    known: HashMap<CommitId, Arc<Commit>>,
    seen: HashSet<CommitId>,
    /// The least place that was listed.
    lowest: Option<Place>,
    /// The walk was resumed: `seen` lacks what was listed before.
    resumed: bool,
}

impl<'a> Walk<'a> {
    fn empty(commits: &'a dyn CommitSource, filter: &'a LogFilter, start: CommitId) -> Self {
        Self {
            commits,
            filter,
            start,
            open: BTreeSet::new(),
            known: HashMap::new(),
            seen: HashSet::new(),
            lowest: None,
            resumed: false,
        }
    }

    fn start(
        commits: &'a dyn CommitSource,
        filter: &'a LogFilter,
        start: CommitId,
    ) -> Result<Self> {
        let mut walk = Self::empty(commits, filter, start);
        walk.open(&[start])?;
        Ok(walk)
    }

    fn resume(
        commits: &'a dyn CommitSource,
        filter: &'a LogFilter,
        page_key: &[u8],
    ) -> Result<Self> {
        let PageKey { start, last, lowest, frontier } =
            read_page_key(page_key).map_err(|_| Error::invalid("invalid page token of a log"))?;
        if frontier.is_empty() {
            return Self::walk_to(commits, filter, start, last);
        }
        let mut walk = Self::empty(commits, filter, start);
        walk.open(&frontier)?;
        let commit = commits.commit(lowest)?;
        walk.lowest = Some((commit.committed_at, commit.generation, lowest));
        walk.resumed = true;
        Ok(walk)
    }

    /// Walks from the start until a commit was listed.
    fn walk_to(
        commits: &'a dyn CommitSource,
        filter: &'a LogFilter,
        start: CommitId,
        last: CommitId,
    ) -> Result<Self> {
        let mut walk = Self::start(commits, filter, start)?;
        while let Some((id, _)) = walk.next()? {
            if id == last {
                return Ok(walk);
            }
        }
        Err(Error::invalid("the page token belongs to another log"))
    }

    fn page_key(&self, last: CommitId) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(PAGE_KEY_FORMAT).raw(self.start.as_bytes()).raw(last.as_bytes());
        out.raw(self.lowest.map_or(last, |(_, _, id)| id).as_bytes());
        if self.open.len() <= LOG_FRONTIER_MAX {
            for (_, _, id) in &self.open {
                out.raw(id.as_bytes());
            }
        }
        out.finish()
    }

    fn open(&mut self, ids: &[CommitId]) -> Result<Vec<Place>> {
        let mut places = Vec::with_capacity(ids.len());
        for (&id, commit) in ids.iter().zip(self.commits.commits(ids)?) {
            let place = (commit.committed_at, commit.generation, id);
            places.push(place);
            self.seen.insert(id);
            self.open.insert(place);
            self.known.insert(id, commit);
        }
        Ok(places)
    }

    fn next(&mut self) -> Result<Option<Logged>> {
        let Some(place) = self.open.pop_last() else { return Ok(None) };
        let id = place.2;
        self.lowest = Some(self.lowest.map_or(place, |lowest| lowest.min(place)));
        let commit = match self.known.remove(&id) {
            Some(commit) => commit,
            None => self.commits.commit(id)?,
        };
        if self.filter.ends_at(&commit) {
            return Ok(Some((id, commit)));
        }
        let parents = if self.filter.first_parent {
            commit.parents.get(..1).unwrap_or_default()
        } else {
            &commit.parents
        };
        let mut new: Vec<CommitId> = Vec::with_capacity(parents.len());
        for parent in parents {
            if !self.seen.contains(parent) && !new.contains(parent) {
                new.push(*parent);
            }
        }
        if new.is_empty() {
            return Ok(Some((id, commit)));
        }
        let places = self.open(&new)?;
        if self.resumed && places.iter().any(|parent| Some(*parent) >= self.lowest) {
            // A parent newer than something listed: it may itself have been, before the walk was resumed.
            *self = Self::walk_to(self.commits, self.filter, self.start, id)?;
        }
        Ok(Some((id, commit)))
    }
}

/// What the key of a page says.
struct PageKey {
    /// Where the log begins.
    start: CommitId,
    /// What was listed last.
    last: CommitId,
    /// What was listed with the least place.
    lowest: CommitId,
    /// The commits that come next; none if they are too many.
    frontier: Vec<CommitId>,
}

fn read_page_key(bytes: &[u8]) -> Result<PageKey, CodecError> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        PAGE_KEY_FORMAT => {}
        value => return Err(CodecError::Unknown { what: "page key format", value }),
    }
    let mut id = || -> Result<Option<CommitId>, CodecError> {
        if reader.is_empty() {
            return Ok(None);
        }
        CommitId::from_slice(reader.raw(32)?).map(Some).ok_or(CodecError::Truncated)
    };
    let start = id()?.ok_or(CodecError::Truncated)?;
    let last = id()?.ok_or(CodecError::Truncated)?;
    let lowest = id()?.ok_or(CodecError::Truncated)?;
    let mut frontier = Vec::new();
    while let Some(next) = id()? {
        if frontier.len() >= LOG_FRONTIER_MAX || frontier.contains(&next) {
            return Err(CodecError::NotCanonical("a page key"));
        }
        frontier.push(next);
    }
    Ok(PageKey { start, last, lowest, frontier })
}

/// The keys at a path and below it.
struct PathMatch {
    exact: Vec<Vec<u8>>,
    below: Vec<u8>,
}

impl PathMatch {
    fn new(path: &[String]) -> Result<Self> {
        let namespace = NamespacePath::new(path.to_vec());
        let mut exact = Vec::new();
        if let Some((name, levels)) = path.split_last() {
            let parent = NamespacePath::new(levels.to_vec())?;
            exact.push(key::content(&ContentPath::new(parent, name.clone())?));
        }
        // The path of a table may be one longer than a namespace can be: then nothing is below it.
        let below = match &namespace {
            Ok(namespace) => {
                exact.extend(key::namespace(namespace));
                key::subtree(namespace)
            }
            Err(_) => exact.first().cloned().unwrap_or_default(),
        };
        Ok(Self { exact, below })
    }

    fn matches(&self, key: &[u8]) -> bool {
        key.starts_with(&self.below) || self.exact.iter().any(|exact| exact == key)
    }

    fn changed_by(&self, trees: &dyn TreeSource, id: CommitId, commit: &Commit) -> Result<bool> {
        if let Some(keys) = trees.changed_keys(id)? {
            return Ok(keys.iter().any(|key| self.matches(key)));
        }
        let after = trees.tree(id)?;
        let before = match commit.parents.first() {
            Some(parent) => trees.tree(*parent)?,
            None => NodeRef { hash: empty_node().hash(), hint: 0 },
        };
        let nodes = trees.nodes();
        for key in &self.exact {
            if tree::get(nodes, before, key).map_err(read)?
                != tree::get(nodes, after, key).map_err(read)?
            {
                return Ok(true);
            }
        }
        for item in tree::diff(nodes, before, after) {
            let item = item.map_err(read)?;
            if item.key.starts_with(&self.below) {
                return Ok(true);
            }
            if item.key.as_ref() > self.below.as_slice() {
                break;
            }
        }
        Ok(false)
    }
}

fn read(error: tree::TreeError) -> Error {
    super::error::VersionError::Tree(error).into()
}

/// The last commit at or before a time on the chain of first parents; `None` if all are later.
///
/// # Errors
/// What reading says.
pub fn at_time(
    commits: &dyn CommitSource,
    head: CommitId,
    at: Timestamp,
) -> Result<Option<CommitId>> {
    let mut id = head;
    loop {
        let commit = commits.commit(id)?;
        if commit.committed_at <= at {
            return Ok(Some(id));
        }
        match commit.parents.first() {
            Some(parent) => id = *parent,
            None => return Ok(None),
        }
    }
}

/// The commit `count` first parents back; `None` if the history is shorter.
///
/// # Errors
/// What reading says.
pub fn nth_first_parent(
    commits: &dyn CommitSource,
    from: CommitId,
    count: u64,
) -> Result<Option<CommitId>> {
    let mut id = from;
    for _ in 0..count {
        match commits.commit(id)?.parents.first() {
            Some(parent) => id = *parent,
            None => return Ok(None),
        }
    }
    Ok(Some(id))
}
