//! What every change of namespaces, tables and views goes through on its way to the committer.
//!
//! Knows which refs can be written and how a change that needs files is asked again; decides nothing
//! about what is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::address::{ContentAddress, entity_word, no_content, no_namespace, writable_name};
use super::loaded::Loaded;
use super::warehouses::Warehouse;
use super::{Catalog, OpContext};
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::ids::{CommitId, ContentId};
use crate::base::limits::COMMIT_RETRIES_MAX;
use crate::base::name::{NamespacePath, RefExpr, RefName};
use crate::iceberg::location::LocationPolicy;
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::view::metadata::ViewMetadata;
use crate::store::records::RefAction;
use crate::version::committer::{
    Change, ChangeContext, ChangeError, CommitFailure, CommitRequest, Committed, Proposal,
};
use crate::version::content::ContentKind;
use crate::version::snapshot::{Found, Snapshot};

/// The outcome of a write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written<T> {
    /// What it answers.
    pub value: T,
    /// The commit it made; `None` if nothing changed.
    pub commit: Option<CommitId>,
}

/// What a change may ask to have in memory.
pub(super) enum Loads {
    /// Nothing.
    Nothing,
    /// Metadata of tables.
    Tables(Arc<Loaded<TableMetadata>>),
    /// Metadata of views.
    Views(Arc<Loaded<ViewMetadata>>),
}

impl Loads {
    /// Reads files into memory.
    pub(super) async fn load(&self, locations: &[String]) -> Result<()> {
        match self {
            Self::Nothing => Err(Error::internal("a change asked for files it never reads")),
            Self::Tables(tables) => tables.load(locations).await,
            Self::Views(views) => views.load(locations).await,
        }
    }
}

/// A change that is a function.
pub(super) struct ChangeFn<F>(pub(super) F);

impl<F> Change for ChangeFn<F>
where
    F: FnMut(&Snapshot, &ChangeContext) -> std::result::Result<Proposal, ChangeError> + Send,
{
    fn evaluate(
        &mut self,
        base: &Snapshot,
        at: &ChangeContext,
    ) -> std::result::Result<Proposal, ChangeError> {
        (self.0)(base, at)
    }
}

impl Catalog {
    /// The branch that a write to `at` goes to.
    ///
    /// # Errors
    /// `InvalidInput` for a tag or a commit; `NotFound(Namespace)`, with `shown`, if there is no such ref.
    pub(super) fn branch_to_write(
        &self,
        warehouse: &Warehouse,
        at: &RefExpr,
        shown: &str,
    ) -> Result<RefName> {
        let resolved =
            self.resolve(warehouse, at).map_err(|error| missing_ref(error, no_namespace(shown)))?;
        if resolved.tag && at.as_name().is_some() {
            return Err(Error::invalid(format!(
                "{at} is a tag; tags are read-only, write to a branch"
            )));
        }
        match resolved.branch {
            Some(branch) => Ok(branch),
            None => writable_name(at).cloned(),
        }
    }

    /// The state that a read of `at` sees.
    ///
    /// # Errors
    /// `missing` if there is no such ref.
    pub(super) fn state_of(
        &self,
        warehouse: &Warehouse,
        at: &RefExpr,
        missing: impl FnOnce() -> Error,
    ) -> Result<Snapshot> {
        let resolved =
            self.resolve(warehouse, at).map_err(|error| missing_ref(error, missing()))?;
        self.snapshot_at(warehouse, resolved.commit)
    }

    /// Submits a change; loads the files it asks for and submits it again.
    ///
    /// # Errors
    /// What the change fails with; `Conflict` if other writers were faster each time.
    pub(super) async fn submit(
        &self,
        ctx: &OpContext,
        warehouse: &Warehouse,
        branch: RefName,
        loads: Loads,
        change: Box<dyn Change>,
    ) -> Result<Committed> {
        match &self.private {
            Some(private) => self.submit_private(private, warehouse, &branch, &loads, change).await,
            None => self.submit_shared(ctx, warehouse, branch, loads, change).await,
        }
    }

    pub(super) async fn submit_shared(
        &self,
        ctx: &OpContext,
        warehouse: &Warehouse,
        branch: RefName,
        loads: Loads,
        change: Box<dyn Change>,
    ) -> Result<Committed> {
        let mut request = CommitRequest {
            warehouse: warehouse.id,
            branch,
            author: ctx.actor.clone(),
            committer: ctx.actor.clone(),
            message: ctx.message.clone(),
            properties: ctx.properties.clone(),
            expected_head: None,
            worked_out_at: None,
            merge_parent: None,
            action: RefAction::Commit,
            idempotency: ctx.idempotency.clone(),
            change,
        };
        for _ in 0..=COMMIT_RETRIES_MAX {
            match self.committer.commit(request).await {
                Ok(committed) => return Ok(committed),
                Err(CommitFailure::Failed(error)) => return Err(error),
                Err(CommitFailure::NeedsLoad(locations, again)) => {
                    loads.load(&locations).await?;
                    request = *again;
                }
            }
        }
        Err(Error::conflict("other writers changed the same tables meanwhile; try again"))
    }

    /// Where tables and views of a warehouse may lie.
    pub(super) fn policy(&self, warehouse: &Warehouse) -> Result<LocationPolicy> {
        self.files.policy(warehouse, &self.options)
    }

    /// An id for new content.
    pub(super) fn new_content_id(&self) -> ContentId {
        let mut bytes = [0_u8; 16];
        self.entropy.fill(&mut bytes);
        ContentId::new(bytes)
    }
}

/// Says that what was asked for is not there, if the reason is that its ref is not.
pub(super) fn missing_ref(error: Error, missing: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound(_) => missing.with_source(error),
        _ => error,
    }
}

/// Checks that a new table or view may have this name.
pub(super) fn check_free(base: &Snapshot, address: &ContentAddress, wanted: Entity) -> Result<()> {
    check_namespace(base, &address.path.namespace, &address.shown)?;
    match base.content_folded(&address.path)? {
        Some(found) => Err(taken(&found, address, wanted)),
        None => Ok(()),
    }
}

/// Checks that a namespace exists.
pub(super) fn check_namespace(
    base: &Snapshot,
    namespace: &NamespacePath,
    shown: &[String],
) -> Result<()> {
    if base.namespace_exists(namespace)? {
        return Ok(());
    }
    Err(no_namespace(&shown.join(".")))
}

/// The error for a name that something has, in the words that clients look for.
pub(super) fn taken(found: &Found, address: &ContentAddress, wanted: Entity) -> Error {
    let shown = address.dotted();
    let word = kind_word(found.entry.kind);
    let message = if found.entry.path != address.path.parts() {
        format!(
            "{word} already exists: {shown} differs only in case from {}",
            found.entry.path.join(".")
        )
    } else if entity_of(found.entry.kind) == wanted {
        format!("{word} already exists: {shown}")
    } else {
        format!("{word} with same name already exists: {shown}")
    };
    Error::new(ErrorKind::AlreadyExists(wanted), message)
}

/// The entity of a kind of content.
pub(super) const fn entity_of(kind: ContentKind) -> Entity {
    match kind {
        ContentKind::Namespace => Entity::Namespace,
        ContentKind::Table => Entity::Table,
        ContentKind::View => Entity::View,
        ContentKind::Artifact => Entity::File,
    }
}

pub(super) const fn kind_word(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::Artifact => "Artifact",
        ContentKind::Namespace | ContentKind::Table | ContentKind::View => {
            entity_word(entity_of(kind))
        }
    }
}

/// Finds the table or view that must be there.
pub(super) fn find(base: &Snapshot, address: &ContentAddress, kind: ContentKind) -> Result<Found> {
    let found = base.content(&address.path)?.filter(|found| found.entry.kind == kind);
    found.ok_or_else(|| no_content(entity_of(kind), &address.dotted()))
}

/// Things that a message names before it counts the rest.
const NAMED_IN_MESSAGE: usize = 5;

/// One message out of those of several changes, under a head that counts them.
pub(super) fn joined(messages: &[String], head: impl FnOnce(usize) -> String) -> String {
    match messages {
        [] => String::new(),
        [only] => only.clone(),
        many => {
            let named = many.iter().take(NAMED_IN_MESSAGE).cloned().collect::<Vec<_>>().join("; ");
            let more = many.len().saturating_sub(NAMED_IN_MESSAGE);
            let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
            format!("{}: {named}{rest}", head(many.len()))
        }
    }
}

/// `1 row`, `1,204 rows`.
pub(super) fn counted(count: i64, one: &str) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + one.len() + 3);
    if count < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push(' ');
    text.push_str(one);
    if count != 1 {
        let plural = one.strip_suffix('y').map(|stem| {
            text.truncate(text.len() - one.len());
            format!("{stem}ies")
        });
        text.push_str(plural.as_deref().unwrap_or("s"));
    }
    text
}

/// `set 2 properties on x`, `remove 1 property from x`, or both.
pub(super) fn properties_message(set: usize, removed: usize, shown: &str) -> String {
    let count = |n: usize| counted(i64::try_from(n).unwrap_or(i64::MAX), "property");
    match (set, removed) {
        (set, 0) => format!("set {} on {shown}", count(set)),
        (0, removed) => format!("remove {} from {shown}", count(removed)),
        (set, removed) => format!("set {} and remove {removed} on {shown}", count(set)),
    }
}

/// Properties as they are stored.
pub type Properties = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_people_write_them() {
        for (count, one, text) in [
            (0, "row", "0 rows"),
            (1, "row", "1 row"),
            (999, "row", "999 rows"),
            (1204, "row", "1,204 rows"),
            (1_234_567, "row", "1,234,567 rows"),
            (1, "property", "1 property"),
            (2, "property", "2 properties"),
        ] {
            assert_eq!(counted(count, one), text);
        }
        assert_eq!(properties_message(2, 0, "a.b"), "set 2 properties on a.b");
        assert_eq!(properties_message(0, 1, "a"), "remove 1 property from a");
        assert_eq!(properties_message(1, 3, "a"), "set 1 property and remove 3 on a");
    }
}
