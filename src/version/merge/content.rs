//! The three-way rule for one content, whatever its name: where it is, and what state it has.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ContentMerge;
use super::touched::{State, Trio};
use crate::base::ids::ObjectHash;
use crate::version::conflict::{ConflictReason, Side};
use crate::version::content::{ContentKind, Entry, Object};
use crate::version::diff::TreeSource;
use crate::version::error::VersionError;

/// What the rule says of one content.
pub(super) enum Verdict {
    /// It is this, or gone.
    Settled(Option<Arc<State>>),
    /// Somebody must decide.
    Conflict(ConflictReason),
}

/// Content objects, those made by this merge included.
pub(super) struct Objects<'a> {
    trees: &'a dyn TreeSource,
    made: RefCell<HashMap<ObjectHash, Arc<Object>>>,
}

impl<'a> Objects<'a> {
    pub(super) fn new(trees: &'a dyn TreeSource) -> Self {
        Self { trees, made: RefCell::default() }
    }

    pub(super) fn get(&self, state: &State) -> Result<Arc<Object>, VersionError> {
        if let Some(object) = self.made(state.entry.object) {
            return Ok(object);
        }
        self.trees.object(&state.entry, state.hint)
    }

    /// An object that this merge made.
    pub(super) fn made(&self, hash: ObjectHash) -> Option<Arc<Object>> {
        self.made.borrow().get(&hash).map(Arc::clone)
    }

    /// Names a new object. One that a side has already under that hash is found there all the same.
    fn make(&self, object: Object) -> ObjectHash {
        let hash = Object::hash_of(&object.encode());
        self.made.borrow_mut().insert(hash, Arc::new(object));
        hash
    }
}

/// Applies the rule to one content.
///
/// `base_known` is false if the base is in conflict where a side has the content: then nothing can be
/// combined.
pub(super) fn three_way(
    trio: &Trio,
    base_known: bool,
    objects: &Objects<'_>,
    content: &dyn ContentMerge,
) -> Result<Verdict, VersionError> {
    if trio.ours == trio.theirs || trio.base == trio.theirs {
        return Ok(Verdict::Settled(trio.ours.clone()));
    }
    if trio.base == trio.ours {
        return Ok(Verdict::Settled(trio.theirs.clone()));
    }
    match (&trio.base, &trio.ours, &trio.theirs) {
        (Some(base), Some(changed), None) => Ok(dropped(base, changed, Side::Ours)),
        (Some(base), None, Some(changed)) => Ok(dropped(base, changed, Side::Theirs)),
        (base, Some(ours), Some(theirs)) => {
            if !base_known && ours.entry.path == theirs.entry.path {
                return Ok(Verdict::Conflict(ConflictReason::HistoryConflicted));
            }
            combine(base.as_deref(), ours, theirs, objects, content)
        }
        // Without a base the side that has it added it; without any state nothing is left. Both are
        // covered above: an absent base equals an absent side.
        (None, one, other) => Ok(Verdict::Settled(one.clone().or_else(|| other.clone()))),
        (Some(_), None, None) => Ok(Verdict::Settled(None)),
    }
}

/// One side dropped it, the other changed or renamed it. Whether another content took its name is
/// filled in by the caller, who sees the keys.
fn dropped(base: &State, changed: &State, side: Side) -> Verdict {
    let kind = changed.entry.kind;
    Verdict::Conflict(if base.entry.path == changed.entry.path {
        ConflictReason::ChangedAndDropped { kind, changed: side, replaced: false }
    } else {
        ConflictReason::RenamedAndDropped { kind, renamed: side, to: changed.entry.path.clone() }
    })
}

/// Both sides have it: name and state are merged apart.
fn combine(
    base: Option<&State>,
    ours: &Arc<State>,
    theirs: &Arc<State>,
    objects: &Objects<'_>,
    content: &dyn ContentMerge,
) -> Result<Verdict, VersionError> {
    let moved = |side: &State| base.is_none_or(|base| base.entry.path != side.entry.path);
    let place = if ours.entry.path == theirs.entry.path || !moved(theirs) {
        ours
    } else if moved(ours) {
        return Ok(Verdict::Conflict(ConflictReason::RenamedTwice {
            kind: ours.entry.kind,
            ours: ours.entry.path.clone(),
            theirs: theirs.entry.path.clone(),
        }));
    } else {
        theirs
    };
    let changed = |side: &State| base.is_none_or(|base| base.entry.object != side.entry.object);
    let (object, hint) = if ours.entry.object == theirs.entry.object || !changed(theirs) {
        (ours.entry.object, ours.hint)
    } else if changed(ours) {
        match merge_objects(base, ours, theirs, objects, content)? {
            Ok(object) => (objects.make(object), 0),
            Err(reason) => return Ok(Verdict::Conflict(reason)),
        }
    } else {
        (theirs.entry.object, theirs.hint)
    };
    let entry = Entry { object, ..place.entry.clone() };
    Ok(Verdict::Settled(Some(Arc::new(State { key: place.key.clone(), entry, hint }))))
}

/// Merges two states of one content, or of two namespaces that were added under one name.
fn merge_objects(
    base: Option<&State>,
    ours: &State,
    theirs: &State,
    objects: &Objects<'_>,
    content: &dyn ContentMerge,
) -> Result<Result<Object, ConflictReason>, VersionError> {
    let base_object = base.map(|base| objects.get(base)).transpose()?;
    let (our_object, their_object) = (objects.get(ours)?, objects.get(theirs)?);
    if let (
        Object::Namespace { properties: our_properties },
        Object::Namespace { properties: their_properties },
    ) = (&*our_object, &*their_object)
    {
        let none = BTreeMap::new();
        let base_properties = match base_object.as_deref() {
            Some(Object::Namespace { properties }) => properties,
            _ => &none,
        };
        return Ok(merge_properties(base_properties, our_properties, their_properties)
            .map(|properties| Object::Namespace { properties })
            .map_err(|key| ConflictReason::Property { key }));
    }
    let kind = ours.entry.kind;
    let merged = content.merge(base_object.as_deref(), &our_object, &their_object);
    match merged {
        Some(object) if object.kind() != kind => Err(VersionError::Damaged(format!(
            "the merge of a {} made a {}",
            kind.as_str(),
            object.kind().as_str()
        ))),
        merged => Ok(merged.ok_or(ConflictReason::BothChanged { kind })),
    }
}

/// Two namespaces that both sides added under one spelling: one with the properties of both and the
/// target's id. `None` if these are not such namespaces.
pub(super) fn merge_added_namespaces(
    ours: &Trio,
    theirs: &Trio,
    objects: &Objects<'_>,
) -> Result<Option<Result<Arc<State>, ConflictReason>>, VersionError> {
    let (Some(our_state), Some(their_state)) = (&ours.ours, &theirs.theirs) else {
        return Ok(None);
    };
    let added = ours.base.is_none()
        && ours.theirs.is_none()
        && theirs.base.is_none()
        && theirs.ours.is_none()
        && our_state.entry.kind == ContentKind::Namespace
        && their_state.entry.kind == ContentKind::Namespace
        && our_state.entry.path == their_state.entry.path;
    if !added {
        return Ok(None);
    }
    if our_state.entry.object == their_state.entry.object {
        return Ok(Some(Ok(Arc::clone(our_state))));
    }
    let merged = merge_objects(None, our_state, their_state, objects, &super::NoContentMerge)?;
    Ok(Some(merged.map(|object| {
        let entry = Entry { object: objects.make(object), ..our_state.entry.clone() };
        Arc::new(State { key: our_state.key.clone(), entry, hint: 0 })
    })))
}

/// Merges property by property; the name of the first property that both sides set differently fails it.
fn merge_properties(
    base: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut merged = BTreeMap::new();
    let mut keys: Vec<&String> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let (before, left, right) = (base.get(key), ours.get(key), theirs.get(key));
        let value = if left == right || before == right {
            left
        } else if before == left {
            right
        } else {
            return Err(key.clone());
        };
        if let Some(value) = value {
            merged.insert(key.clone(), value.clone());
        }
    }
    Ok(merged)
}
