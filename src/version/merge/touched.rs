//! The keys and contents that differ between the base and either side.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::ids::ContentId;
use crate::tree::{self, NodeRef, NodeSource, Value};
use crate::version::conflict::Side;
use crate::version::content::Entry;
use crate::version::diff::decode;
use crate::version::error::VersionError;

/// The value of a key in a virtual base (or of a part of one) whose history was in conflict about it.
/// No entry has these bytes, so it equals nothing that a commit can hold.
pub(super) const CONFLICTED: &[u8] = &[0];

/// A content in one tree.
#[derive(Debug)]
pub(super) struct State {
    pub(super) key: Bytes,
    pub(super) entry: Entry,
    pub(super) hint: u64,
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.entry == other.entry
    }
}

impl Eq for State {}

/// What one key holds in the three trees.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) base: Option<Arc<State>>,
    pub(super) ours: Option<Arc<State>>,
    pub(super) theirs: Option<Arc<State>>,
    /// The base is [`CONFLICTED`] here.
    pub(super) base_conflicted: bool,
    /// A side is: only inside the making of a virtual base.
    pub(super) side_conflicted: bool,
}

/// Where and what one content is in the three trees.
#[derive(Debug, Default)]
pub(super) struct Trio {
    pub(super) base: Option<Arc<State>>,
    pub(super) ours: Option<Arc<State>>,
    pub(super) theirs: Option<Arc<State>>,
}

impl Touched {
    pub(super) const fn side(&self, side: Side) -> Option<&Arc<State>> {
        match side {
            Side::Ours => self.ours.as_ref(),
            Side::Theirs => self.theirs.as_ref(),
        }
    }
}

impl Trio {
    pub(super) const fn side(&self, side: Side) -> Option<&Arc<State>> {
        match side {
            Side::Ours => self.ours.as_ref(),
            Side::Theirs => self.theirs.as_ref(),
        }
    }

    pub(super) fn states(&self) -> impl Iterator<Item = &Arc<State>> {
        [&self.base, &self.ours, &self.theirs].into_iter().flatten()
    }
}

/// Everything that differs between the base and either side.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) keys: BTreeMap<Bytes, Touched>,
    pub(super) contents: BTreeMap<ContentId, Trio>,
}

impl Changes {
    /// Reads both differences; cost grows with them.
    pub(super) fn collect(
        nodes: &dyn NodeSource,
        base: NodeRef,
        ours: NodeRef,
        theirs: NodeRef,
    ) -> Result<Self, VersionError> {
        let mut changes = Self::default();
        for item in tree::join(nodes, base, ours, theirs) {
            let item = item?;
            let mut touched = Touched::default();
            match read(&item.key, item.base.as_ref())? {
                Held::Conflicted => touched.base_conflicted = true,
                Held::State(state) => touched.base = state,
            }
            for (value, side) in [(item.left, &mut touched.ours), (item.right, &mut touched.theirs)]
            {
                match read(&item.key, value.as_ref())? {
                    Held::Conflicted => touched.side_conflicted = true,
                    Held::State(state) => *side = state,
                }
            }
            changes.add(item.key, touched)?;
        }
        Ok(changes)
    }

    fn add(&mut self, key: Bytes, touched: Touched) -> Result<(), VersionError> {
        type Slot = fn(&mut Trio) -> &mut Option<Arc<State>>;
        let slots: [(_, Slot); 3] = [
            (&touched.base, |trio| &mut trio.base),
            (&touched.ours, |trio| &mut trio.ours),
            (&touched.theirs, |trio| &mut trio.theirs),
        ];
        for (state, slot) in slots {
            let Some(state) = state else { continue };
            let trio = self.contents.entry(state.entry.id).or_default();
            if let Some(other) = slot(trio).replace(Arc::clone(state)) {
                return Err(VersionError::Damaged(format!(
                    "content {} stands at {} and at {} in one tree",
                    state.entry.id,
                    other.entry.path.join("."),
                    state.entry.path.join(".")
                )));
            }
        }
        self.keys.insert(key, touched);
        Ok(())
    }

    /// Whether the sides differ at a key.
    pub(super) fn sides_differ(&self, key: &Bytes) -> bool {
        self.keys.get(key).is_some_and(|touched| touched.ours != touched.theirs)
    }
}

enum Held {
    Conflicted,
    State(Option<Arc<State>>),
}

fn read(key: &Bytes, value: Option<&Value>) -> Result<Held, VersionError> {
    match value {
        None => Ok(Held::State(None)),
        Some(value) if value.bytes == CONFLICTED => Ok(Held::Conflicted),
        Some(value) => {
            let entry = decode(key, value)?;
            let state = State { key: key.clone(), entry, hint: value.hint };
            Ok(Held::State(Some(Arc::new(state))))
        }
    }
}
