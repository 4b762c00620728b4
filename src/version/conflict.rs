//! What a merge says about single keys: what it did, what it could not decide, and how to decide it.
//!
//! `ours` is the side merged into (in words: the target), `theirs` the side merged (the source).
//! Values and words only; the rules are in [`super::merge`].

use std::fmt;

use super::content::ContentKind;
use crate::base::ids::CommitId;

/// One of the two sides of a merge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// The branch merged into.
    Ours,
    /// What is merged.
    Theirs,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Ours => Self::Theirs,
            Self::Theirs => Self::Ours,
        }
    }

    /// How reasons name it.
    const fn words(self) -> &'static str {
        match self {
            Self::Ours => "the target",
            Self::Theirs => "the source",
        }
    }
}

/// What becomes of conflicts that no resolution names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// They are reported and nothing moves.
    #[default]
    Fail,
    /// The target's side is taken whole.
    Ours,
    /// The source's side is taken whole.
    Theirs,
}

impl Strategy {
    /// The side it takes.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::Fail => None,
            Self::Ours => Some(Side::Ours),
            Self::Theirs => Some(Side::Theirs),
        }
    }
}

/// Takes one side for one path, whatever the merge would say.
///
/// Everything that stands at this path in the base or on a side becomes what it is on the side taken;
/// so one resolution at either name of a renamed table decides the whole table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolution {
    /// Levels and name, in any case.
    pub path: Vec<String>,
    /// The side to take.
    pub take: Side,
}

/// What a merge did at one path of the target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MergeAction {
    /// New on the target.
    Added,
    /// Gone from the target.
    Removed,
    /// Another state of the same content, as it is on the source.
    Changed,
    /// Another content of the same name.
    Replaced,
    /// The same content under another name.
    Renamed {
        /// Its path before.
        from: Vec<String>,
    },
    /// A state made of changes of both sides.
    Merged,
    /// The target's state stayed, although the source changed it too.
    Kept,
}

impl MergeAction {
    /// The word for it in answers.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Replaced => "replaced",
            Self::Renamed { .. } => "renamed",
            Self::Merged => "merged",
            Self::Kept => "kept",
        }
    }
}

/// What happened to one path, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeChange {
    /// Levels and name after the merge (before it, if it is gone).
    pub path: Vec<String>,
    /// What stands there.
    pub kind: ContentKind,
    /// What happened.
    pub action: MergeAction,
    /// Why, in words.
    pub reason: String,
}

/// A path that the merge cannot decide.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeConflict {
    /// Levels and name.
    pub path: Vec<String>,
    /// What collides.
    pub reason: ConflictReason,
    /// The target's commit.
    pub ours: CommitId,
    /// The source's commit.
    pub theirs: CommitId,
}

/// Why a path cannot be decided; `Display` says it in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConflictReason {
    /// Both sides changed it, differently.
    BothChanged {
        /// What it is.
        kind: ContentKind,
    },
    /// Both sides gave one property of a namespace different values.
    Property {
        /// The property.
        key: String,
    },
    /// One side changed what the other dropped.
    ChangedAndDropped {
        /// What it is.
        kind: ContentKind,
        /// Who changed it.
        changed: Side,
        /// Whether something else stands at the name now on the side that dropped it.
        replaced: bool,
    },
    /// One side renamed what the other dropped.
    RenamedAndDropped {
        /// What it is.
        kind: ContentKind,
        /// Who renamed it.
        renamed: Side,
        /// To what.
        to: Vec<String>,
    },
    /// Each side renamed it to another name.
    RenamedTwice {
        /// What it is.
        kind: ContentKind,
        /// The target's name.
        ours: Vec<String>,
        /// The source's name.
        theirs: Vec<String>,
    },
    /// Each side put another content at one name.
    TwoAtOneName {
        /// What the target has there.
        ours: ContentKind,
        /// What the source has there.
        theirs: ContentKind,
        /// The target's spelling.
        ours_path: Vec<String>,
        /// The source's spelling.
        theirs_path: Vec<String>,
    },
    /// One side put it into a namespace that the other side dropped.
    NamespaceDropped {
        /// The namespace.
        namespace: Vec<String>,
        /// Who dropped it.
        dropped: Side,
    },
    /// The sides differ and their common history was in conflict about it, so neither can be said to
    /// have left it alone.
    HistoryConflicted,
    /// The resolutions given for this merge contradict each other here.
    ResolutionsContradict,
}

/// A path as people write it.
#[must_use]
pub fn dotted(path: &[String]) -> String {
    path.join(".")
}

impl fmt::Display for ConflictReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BothChanged { kind } => {
                write!(f, "both sides changed the {} in different ways", kind.as_str())
            }
            Self::Property { key } => {
                write!(f, "both sides set the namespace's property '{key}' to different values")
            }
            Self::ChangedAndDropped { kind, changed, replaced } => write!(
                f,
                "{} changed the {}, {} dropped {}",
                changed.words(),
                kind.as_str(),
                changed.other().words(),
                if *replaced { "it and created another one of this name" } else { "it" }
            ),
            Self::RenamedAndDropped { kind, renamed, to } => write!(
                f,
                "{} renamed the {} to {}, {} dropped it",
                renamed.words(),
                kind.as_str(),
                dotted(to),
                renamed.other().words()
            ),
            Self::RenamedTwice { kind, ours, theirs } => write!(
                f,
                "both sides renamed the {}: the target to {}, the source to {}",
                kind.as_str(),
                dotted(ours),
                dotted(theirs)
            ),
            Self::TwoAtOneName { ours, theirs, ours_path, theirs_path } => {
                write!(
                    f,
                    "each side has another content at this name: the target a {}, the source a {}",
                    ours.as_str(),
                    theirs.as_str()
                )?;
                if ours_path != theirs_path {
                    write!(
                        f,
                        " (the target writes {}, the source {})",
                        dotted(ours_path),
                        dotted(theirs_path)
                    )?;
                }
                Ok(())
            }
            Self::NamespaceDropped { namespace, dropped } => write!(
                f,
                "{} dropped the namespace {}, {} put this into it",
                dropped.words(),
                dotted(namespace),
                dropped.other().words()
            ),
            Self::HistoryConflicted => f.write_str(
                "the sides differ, and so did the common ancestors of this criss-cross history",
            ),
            Self::ResolutionsContradict => {
                f.write_str("the resolutions given contradict each other here")
            }
        }
    }
}
