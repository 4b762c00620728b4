//! Turns a finished plan into writes, and into what people are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::content::Objects;
use super::plan::Plan;
use super::touched::{State, Touched, Trio};
use super::{MergeInput, MergeOutcome, MergeWrite, MergedEntry};
use crate::base::ids::ContentId;
use crate::version::conflict::{MergeAction, MergeChange, MergeConflict, Side, dotted};
use crate::version::content::ContentKind;

/// The outcome of a plan.
pub(super) fn report(plan: &Plan<'_>, objects: &Objects<'_>, input: &MergeInput) -> MergeOutcome {
    let mut outcome = MergeOutcome::default();
    for open in plan.open.values() {
        outcome.conflicts.push(MergeConflict {
            path: open.path.clone(),
            reason: open.reason.clone(),
            ours: input.ours_commit,
            theirs: input.theirs_commit,
        });
    }
    let in_conflict: BTreeSet<&Bytes> = plan.open.values().flat_map(|open| &open.keys).collect();
    let present: BTreeSet<ContentId> = plan.placed.values().map(|state| state.entry.id).collect();
    for (key, touched) in &plan.changes.keys {
        let result = plan.placed.get(key);
        if !in_conflict.contains(key) {
            outcome.changes.extend(describe(plan, touched, result, &present));
        }
        if result == touched.ours.as_ref() {
            continue;
        }
        outcome.writes.push(MergeWrite {
            key: key.clone(),
            expected: touched.ours.as_ref().map(|state| state.entry.clone()),
            result: result.map(|state| MergedEntry {
                entry: state.entry.clone(),
                hint: state.hint,
                object: objects.made(state.entry.object),
            }),
        });
    }
    if !outcome.conflicts.is_empty() {
        outcome.writes.clear();
    }
    outcome
}

/// What happened at a key, if the merge did anything there or the source wanted it to.
fn describe(
    plan: &Plan<'_>,
    touched: &Touched,
    result: Option<&Arc<State>>,
    present: &BTreeSet<ContentId>,
) -> Option<MergeChange> {
    let shown =
        result.or(touched.ours.as_ref()).or(touched.theirs.as_ref()).or(touched.base.as_ref())?;
    let trio = plan.changes.contents.get(&shown.entry.id)?;
    let forced = plan.take_side(shown.entry.id);
    let kind = shown.entry.kind;
    let change = |action, reason: String| {
        Some(MergeChange { path: shown.entry.path.clone(), kind, action, reason })
    };
    match (touched.ours.as_ref(), result) {
        (before, after) if before == after => {
            kept(trio, touched, forced).and_then(|reason| change(MergeAction::Kept, reason))
        }
        (Some(before), None) => {
            // A content that stands elsewhere now is told of there.
            if present.contains(&before.entry.id) {
                None
            } else {
                change(MergeAction::Removed, because(forced, "the source dropped it"))
            }
        }
        (_, None) => None,
        (before, Some(after)) => {
            let (action, reason) = placed(trio, before, after, forced);
            change(action, reason)
        }
    }
}

/// Why the target's state stayed although the source changed the key; `None` if the source did not.
fn kept(trio: &Trio, touched: &Touched, forced: Option<Side>) -> Option<String> {
    if touched.theirs == touched.base && !touched.base_conflicted {
        return None;
    }
    if touched.ours == touched.theirs {
        return Some("both sides made the same change".to_owned());
    }
    match forced {
        Some(side) => Some(because(Some(side), "")),
        None if trio.theirs == trio.base => None,
        None => Some("the target has the source's change already".to_owned()),
    }
}

/// What happened to a content that stands at a key where the target had something else.
fn placed(
    trio: &Trio,
    before: Option<&Arc<State>>,
    after: &State,
    forced: Option<Side>,
) -> (MergeAction, String) {
    let Some(ours) = &trio.ours else {
        let (action, reason) = match before {
            Some(_) => (MergeAction::Replaced, "the source has another one under this name"),
            None if trio.base.is_some() => (MergeAction::Added, "the target dropped it"),
            None => (MergeAction::Added, "the source added it"),
        };
        return (action, because(forced, reason));
    };
    let changed_here = trio.base.as_ref().is_none_or(|base| base.entry.object != ours.entry.object);
    let as_theirs = trio.theirs.as_ref().is_some_and(|theirs| theirs.entry == after.entry);
    if ours.entry.path != after.entry.path {
        let reason = if as_theirs && !changed_here {
            "the source renamed it".to_owned()
        } else {
            format!("the source renamed {}; the target's change is kept", dotted(&ours.entry.path))
        };
        let action = MergeAction::Renamed { from: ours.entry.path.clone() };
        return (action, because(forced, &reason));
    }
    if as_theirs {
        return (MergeAction::Changed, because(forced, "the source changed it"));
    }
    let reason = match after.entry.kind {
        ContentKind::Namespace => "the properties of both sides were combined",
        _ if after.entry.object != ours.entry.object => {
            "the source changed it; the target's change is kept, too"
        }
        _ => "its namespace is written differently now",
    };
    (MergeAction::Merged, because(forced, reason))
}

/// The reason, or whose side was taken.
fn because(forced: Option<Side>, reason: &str) -> String {
    match forced {
        None => reason.to_owned(),
        Some(Side::Ours) => "the target's side was taken, as asked".to_owned(),
        Some(Side::Theirs) => "the source's side was taken, as asked".to_owned(),
    }
}
