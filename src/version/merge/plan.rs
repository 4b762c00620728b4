//! Puts the merged contents under their keys, until nothing collides or somebody must decide.
//!
//! A conflict is decided by taking one side whole for the contents in it ("forcing" them). That may
//! bring other contents into conflict, so everything is worked out anew after it. Each content is
//! forced at most once, so this ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::ContentMerge;
use super::content::{Objects, Verdict, merge_added_namespaces, three_way};
use super::touched::{Changes, State, Touched, Trio};
use crate::base::ids::ContentId;
use crate::base::name::{DEFAULT_NAMESPACE, NamespacePath, fold};
use crate::version::conflict::{ConflictReason, Resolution, Side, Strategy};
use crate::version::error::VersionError;
use crate::version::key;

/// A conflict with the keys that cannot be trusted because of it.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) path: Vec<String>,
    pub(super) reason: ConflictReason,
    pub(super) keys: BTreeSet<Bytes>,
}

/// The merge in the making.
pub(super) struct Plan<'a> {
    pub(super) changes: &'a Changes,
    objects: &'a Objects<'a>,
    content: &'a dyn ContentMerge,
    strategy: Strategy,
    /// Contents for which one side is taken whole.
    pub(super) forced: BTreeMap<ContentId, Side>,
    /// Contents named by resolutions for both sides.
    contradicted: BTreeSet<ContentId>,
    /// What is decided about each content; not there: undecided.
    settled: BTreeMap<ContentId, Option<Arc<State>>>,
    /// The contents under their keys.
    pub(super) placed: BTreeMap<Bytes, Arc<State>>,
    /// Conflicts by the key they are about.
    pub(super) open: BTreeMap<Bytes, Open>,
}

impl<'a> Plan<'a> {
    /// Works the merge out.
    pub(super) fn make(
        changes: &'a Changes,
        objects: &'a Objects<'a>,
        content: &'a dyn ContentMerge,
        strategy: Strategy,
        resolutions: &[Resolution],
    ) -> Result<Self, VersionError> {
        let mut plan = Self {
            changes,
            objects,
            content,
            strategy,
            forced: BTreeMap::new(),
            contradicted: BTreeSet::new(),
            settled: BTreeMap::new(),
            placed: BTreeMap::new(),
            open: BTreeMap::new(),
        };
        plan.take_resolutions(resolutions);
        loop {
            plan.settled.clear();
            plan.placed.clear();
            plan.open.clear();
            plan.settle()?;
            if plan.place()? || plan.check_namespaces() {
                continue;
            }
            break;
        }
        plan.respell();
        Ok(plan)
    }

    /// Whether nothing was decided for a content or key.
    pub(super) fn take_side(&self, id: ContentId) -> Option<Side> {
        self.forced.get(&id).copied()
    }

    fn take_resolutions(&mut self, resolutions: &[Resolution]) {
        if resolutions.is_empty() {
            return;
        }
        let folded = |path: &[String]| path.iter().map(|part| fold(part)).collect::<Vec<_>>();
        let mut sides: BTreeMap<Vec<String>, Vec<Side>> = BTreeMap::new();
        for resolution in resolutions {
            sides.entry(folded(&resolution.path)).or_default().push(resolution.take);
        }
        for (&id, trio) in &self.changes.contents {
            let named = trio.states().filter_map(|state| sides.get(&folded(&state.entry.path)));
            for &side in named.flatten() {
                if *self.forced.entry(id).or_insert(side) != side {
                    self.contradicted.insert(id);
                }
            }
        }
    }

    /// Takes a side for contents. `None` if one of them is bound to the other side, otherwise whether
    /// this is new for any.
    fn force(&mut self, ids: &[ContentId], side: Side) -> Option<bool> {
        if ids.iter().any(|id| self.forced.get(id).is_some_and(|taken| *taken != side)) {
            return None;
        }
        let before = self.forced.len();
        self.forced.extend(ids.iter().map(|id| (*id, side)));
        Some(self.forced.len() > before)
    }

    /// Decides each content by itself.
    fn settle(&mut self) -> Result<(), VersionError> {
        for (&id, trio) in &self.changes.contents {
            if self.contradicted.contains(&id) {
                self.open_content(trio, ConflictReason::ResolutionsContradict);
                continue;
            }
            if let Some(side) = self.take_side(id) {
                self.settled.insert(id, trio.side(side).cloned());
                continue;
            }
            let base_known = ![&trio.ours, &trio.theirs].into_iter().flatten().any(|state| {
                self.changes.keys.get(&state.key).is_some_and(|touched| touched.base_conflicted)
            });
            match three_way(trio, base_known, self.objects, self.content)? {
                Verdict::Settled(state) => {
                    self.settled.insert(id, state);
                }
                Verdict::Conflict(reason) => match self.strategy.side() {
                    Some(side) => {
                        self.forced.insert(id, side);
                        self.settled.insert(id, trio.side(side).cloned());
                    }
                    None => self.open_content(trio, reason),
                },
            }
        }
        Ok(())
    }

    /// Reports a content where people knew it last in common: its path in the base.
    fn open_content(&mut self, trio: &Trio, mut reason: ConflictReason) {
        let Some(shown) = trio.states().next() else { return };
        if let ConflictReason::ChangedAndDropped { changed, replaced, .. } = &mut reason {
            let touched = self.changes.keys.get(&shown.key);
            *replaced = touched.is_some_and(|touched| touched.side(changed.other()).is_some());
        }
        let keys = self.keys_of([trio]);
        self.open.insert(shown.key.clone(), Open { path: shown.entry.path.clone(), reason, keys });
    }

    fn keys_of<'t>(&self, trios: impl IntoIterator<Item = &'t Trio>) -> BTreeSet<Bytes> {
        let states = trios.into_iter().flat_map(Trio::states);
        let keys = states.map(|state| state.key.clone());
        keys.filter(|key| self.changes.sides_differ(key)).collect()
    }

    /// Puts settled contents under their keys. Says whether contents were forced to make room.
    fn place(&mut self) -> Result<bool, VersionError> {
        let mut crowded = BTreeSet::new();
        for state in self.settled.values().flatten() {
            if self.placed.insert(state.key.clone(), Arc::clone(state)).is_some() {
                crowded.insert(state.key.clone());
            }
        }
        let unknown = self.changes.keys.iter().filter(|(_, touched)| touched.base_conflicted);
        crowded.extend(unknown.map(|(key, _)| key.clone()));
        let mut forced = false;
        for key in crowded {
            let Some(touched) = self.changes.keys.get(&key) else { continue };
            forced |= self.make_room(&key, touched)?;
        }
        Ok(forced)
    }

    /// Decides a key that two contents want, or whose base is unknown.
    fn make_room(&mut self, key: &Bytes, touched: &Touched) -> Result<bool, VersionError> {
        let states: Vec<&Arc<State>> =
            [&touched.ours, &touched.theirs].into_iter().flatten().collect();
        let mut ids: Vec<ContentId> = states.iter().map(|state| state.entry.id).collect();
        ids.dedup();
        if touched.base_conflicted && touched.ours == touched.theirs {
            return Ok(false);
        }
        if ids.iter().any(|id| !self.settled.contains_key(id)) {
            // One of them is reported already, with all its keys.
            return Ok(false);
        }
        let first = ids.first().and_then(|id| self.take_side(*id));
        if first.is_some() && ids.iter().all(|id| self.take_side(*id) == first) {
            return Ok(false);
        }
        let trios: Vec<&Trio> = ids.iter().filter_map(|id| self.changes.contents.get(id)).collect();
        let mut reason = match (&touched.ours, &touched.theirs) {
            (Some(ours), Some(theirs)) if !touched.base_conflicted => {
                ConflictReason::TwoAtOneName {
                    ours: ours.entry.kind,
                    theirs: theirs.entry.kind,
                    ours_path: ours.entry.path.clone(),
                    theirs_path: theirs.entry.path.clone(),
                }
            }
            _ => ConflictReason::HistoryConflicted,
        };
        if let (false, [ours, theirs]) = (touched.base_conflicted, trios.as_slice())
            && ids.iter().all(|id| self.take_side(*id).is_none())
            && let Some(merged) = merge_added_namespaces(ours, theirs, self.objects)?
        {
            match merged {
                Ok(state) => {
                    self.placed.insert(key.clone(), state);
                    return Ok(false);
                }
                Err(property) => reason = property,
            }
        }
        if let Some(side) = self.strategy.side() {
            match self.force(&ids, side) {
                Some(true) => return Ok(true),
                Some(false) => {}
                None => reason = ConflictReason::ResolutionsContradict,
            }
        }
        let mut keys = self.keys_of(trios);
        keys.insert(key.clone());
        self.placed.remove(key);
        let path = states.first().map(|state| state.entry.path.clone()).unwrap_or_default();
        self.open.insert(key.clone(), Open { path, reason, keys });
        Ok(false)
    }

    /// Finds contents whose namespace is gone. Says whether contents were forced because of it.
    fn check_namespaces(&mut self) -> bool {
        let mut by_depth: Vec<Arc<State>> = self.placed.values().cloned().collect();
        by_depth.sort_by(|a, b| (a.entry.path.len(), &a.key).cmp(&(b.entry.path.len(), &b.key)));
        let mut forced = false;
        let mut orphans = BTreeSet::new();
        for state in by_depth {
            let Some(parent) = parent_key(&state.entry.path) else { continue };
            let changes = self.changes;
            let Some(touched) = changes.keys.get(&parent) else { continue };
            let orphaned = orphans.contains(&parent);
            let there = self.placed.contains_key(&parent) || self.undecided_at(&parent, touched);
            if there && !orphaned {
                continue;
            }
            match self.adopt(&state, touched) {
                Ok(changed) => forced |= changed,
                Err(reason) => {
                    orphans.insert(state.key.clone());
                    let keys = [state.key.clone(), parent].into_iter();
                    let keys = keys.filter(|key| changes.sides_differ(key)).collect();
                    let path = state.entry.path.clone();
                    self.open.insert(state.key.clone(), Open { path, reason, keys });
                }
            }
        }
        forced
    }

    /// Whether what stands at a key is itself in conflict; what is below is judged once that is decided.
    fn undecided_at(&self, key: &Bytes, touched: &Touched) -> bool {
        let states = [&touched.base, &touched.ours, &touched.theirs].into_iter().flatten();
        self.open.contains_key(key)
            || states.into_iter().any(|state| !self.settled.contains_key(&state.entry.id))
    }

    /// Decides a content whose namespace is gone: the namespace comes back, or the content goes, too.
    fn adopt(&mut self, state: &State, namespace: &Touched) -> Result<bool, ConflictReason> {
        let dropped = if namespace.ours.is_none() { Side::Ours } else { Side::Theirs };
        let names = [&namespace.base, &namespace.ours, &namespace.theirs];
        let named = names.into_iter().flatten().next();
        let reason = ConflictReason::NamespaceDropped {
            namespace: named.map(|state| state.entry.path.clone()).unwrap_or_default(),
            dropped,
        };
        let id = state.entry.id;
        let Some(side) = self.take_side(id).or(self.strategy.side()) else { return Err(reason) };
        let touched = self.changes.keys.get(&state.key);
        let target = if touched.is_some_and(|touched| touched.side(side).is_some()) {
            namespace.side(side).map(|state| state.entry.id)
        } else {
            Some(id)
        };
        match target.and_then(|target| self.force(&[target], side)) {
            Some(true) => Ok(true),
            Some(false) | None => Err(ConflictReason::ResolutionsContradict),
        }
    }

    /// Gives contents the spelling that the merge chose for their namespace, where they had the
    /// spelling of a side.
    fn respell(&mut self) {
        let mut by_depth: Vec<Arc<State>> = self.placed.values().cloned().collect();
        by_depth.sort_by_key(|state| state.entry.path.len());
        for state in by_depth {
            let Some(parent) = parent_key(&state.entry.path) else { continue };
            let Some(touched) = self.changes.keys.get(&parent) else { continue };
            let (Some(chosen), Some((name, written))) =
                (self.placed.get(&parent), state.entry.path.split_last())
            else {
                continue;
            };
            let sides = [&touched.ours, &touched.theirs].into_iter().flatten();
            let as_a_side = sides.into_iter().any(|side| side.entry.path == written);
            if chosen.entry.path == written || !as_a_side {
                continue;
            }
            let mut entry = state.entry.clone();
            entry.path.clone_from(&chosen.entry.path);
            entry.path.push(name.clone());
            let respelled = State { key: state.key.clone(), entry, hint: state.hint };
            self.placed.insert(state.key.clone(), Arc::new(respelled));
        }
    }
}

/// The key of the namespace around a path; `None` at the first level and in the namespace that is
/// there without being created.
fn parent_key(path: &[String]) -> Option<Bytes> {
    let (_, parent) = path.split_last()?;
    if let [only] = parent
        && fold(only) == DEFAULT_NAMESPACE
    {
        return None;
    }
    let parent = NamespacePath::new(parent.to_vec()).ok()?;
    key::namespace(&parent).map(Bytes::from)
}
