//! Namespaces of both views: those stored in a ref, and refs themselves in the warehouse view.
//!
//! In the warehouse view a first-level namespace is a ref: creating one creates a branch, dropping one
//! drops the branch. Its properties are those of its `default` namespace, besides those that say what
//! ref it is.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::address::{NamespaceAddress, Place, Scope, no_namespace};
use super::warehouses::Warehouse;
use super::writing::{ChangeFn, Loads, Properties, Written, missing_ref, properties_message};
use super::{Catalog, OpContext, page_of};
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::ids::CommitId;
use crate::base::name::{DEFAULT_NAMESPACE, NamespacePath, RefExpr, RefName};
use crate::base::page::{Page, PageRequest};
use crate::version::committer::{ChangeContext, ChangeError, Proposal, Write};
use crate::version::content::{ContentKind, Entry, Object};
use crate::version::diff::{Renames, TreeSource as _, differences};
use crate::version::graph::merge_bases;
use crate::version::key::{self, KeyKind};
use crate::version::snapshot::{Snapshot, is_default};

/// Names, in a creation, the ref that a new branch starts from.
pub const FROM: &str = "from";
/// On a branch as a namespace: whether dropping it drops work that is not merged, too.
pub const FORCE_DROP: &str = "force-drop";
/// Starts the names of the properties that say what ref a first-level namespace of the warehouse view is.
/// They are read-only; plain names would shadow the user's own, `created-at` being a common one.
const REF_PROPERTIES: &str = "nunatak.";
/// Set by engines on every namespace they create; a branch has it in its ref log.
const OWNER: &str = "owner";

/// What an update of properties did.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PropertiesChange {
    /// Properties that were set.
    pub updated: Vec<String>,
    /// Properties that were removed.
    pub removed: Vec<String>,
    /// Properties that were to be removed and were not there.
    pub missing: Vec<String>,
}

impl Catalog {
    /// Lists the namespaces directly in one; each with all its levels.
    ///
    /// # Errors
    /// `NotFound(Namespace)` for the parent.
    pub async fn namespace_list(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        parent: &[String],
        page: &PageRequest,
    ) -> Result<Page<Vec<String>>> {
        let missing = || no_namespace(&parent.join("."));
        let (at, namespace, hide_default) = match scope.namespace_to_read(parent)? {
            NamespaceAddress::Refs => {
                let refs = self.ref_list(ctx, &scope.warehouse.name, None, "", page).await?;
                return Ok(refs.map(|found| vec![found.name.as_str().to_owned()]));
            }
            NamespaceAddress::Ref(at) => (at, NamespacePath::root(), true),
            NamespaceAddress::Inside(place) => (place.at, place.namespace, false),
        };
        let state = if parent.is_empty() {
            let resolved = self.resolve(&scope.warehouse, &at)?;
            self.snapshot_at(&scope.warehouse, resolved.commit)?
        } else {
            self.state_of(&scope.warehouse, &at, missing)?
        };
        if !namespace.is_root() && !state.namespace_exists(&namespace)? {
            return Err(missing());
        }
        let names = children(&state, &namespace, page, hide_default)?;
        Ok(names.map(|name| parent.iter().cloned().chain([name]).collect()))
    }

    /// The properties of a namespace.
    ///
    /// # Errors
    /// `NotFound(Namespace)`.
    pub async fn namespace_get(
        &self,
        _ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
    ) -> Result<Properties> {
        let missing = || no_namespace(&levels.join("."));
        match scope.namespace_to_read(levels)? {
            NamespaceAddress::Refs => Err(missing()),
            NamespaceAddress::Ref(at) => self.ref_properties(scope, &at, missing),
            NamespaceAddress::Inside(place) => {
                let state = self.state_of(&scope.warehouse, &place.at, missing)?;
                stored_properties(&state, &place.namespace)?
                    .or_else(|| is_default(&place.namespace).then(Properties::new))
                    .ok_or_else(missing)
            }
        }
    }

    fn ref_properties(
        &self,
        scope: &Scope,
        at: &RefExpr,
        missing: impl Fn() -> Error,
    ) -> Result<Properties> {
        let resolved =
            self.resolve(&scope.warehouse, at).map_err(|error| missing_ref(error, missing()))?;
        let state = self.snapshot_at(&scope.warehouse, resolved.commit)?;
        let mut properties = stored_properties(&state, &default_namespace()?)?.unwrap_or_default();
        let mut set = |name: &str, value| {
            properties.insert(format!("{REF_PROPERTIES}{name}"), value);
        };
        let mut kind = "commit";
        if let Some(name) = at.as_name()
            && let Some(record) = self.reference(scope.warehouse.id, name)?
        {
            kind = record.kind.word();
            set("created-at", record.created_at.to_rfc3339());
        }
        set("kind", kind.to_owned());
        set("head", resolved.commit.to_string());
        Ok(properties)
    }

    /// Checks that a namespace exists.
    ///
    /// # Errors
    /// `NotFound(Namespace)`.
    pub async fn namespace_exists(
        &self,
        _ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
    ) -> Result<()> {
        let missing = || no_namespace(&levels.join("."));
        match scope.namespace_to_read(levels)? {
            NamespaceAddress::Refs => Err(missing()),
            NamespaceAddress::Ref(at) => match self.resolve(&scope.warehouse, &at) {
                Ok(_) => Ok(()),
                Err(error) => Err(missing_ref(error, missing())),
            },
            NamespaceAddress::Inside(place) => {
                let state = self.state_of(&scope.warehouse, &place.at, missing)?;
                if state.namespace_exists(&place.namespace)? { Ok(()) } else { Err(missing()) }
            }
        }
    }

    /// Makes a namespace; a first-level one of the warehouse view makes a branch. Answers its properties.
    ///
    /// # Errors
    /// `AlreadyExists`, also for a name that differs only in case; `NotFound(Namespace)` for the
    /// parent; `InvalidInput` for a name that cannot be and in a read-only ref.
    pub async fn namespace_create(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        properties: Properties,
    ) -> Result<Written<Properties>> {
        let place = match scope.namespace(levels)? {
            NamespaceAddress::Refs => return Err(Error::invalid("a namespace needs a name")),
            NamespaceAddress::Ref(at) => {
                return self.branch_as_namespace(ctx, scope, &at, properties).await;
            }
            NamespaceAddress::Inside(place) if place.namespace.is_root() => {
                return Err(Error::invalid("a namespace needs a name"));
            }
            NamespaceAddress::Inside(place) => place,
        };
        let parent = place.shown.split_last().map(|(_, rest)| rest.join(".")).unwrap_or_default();
        let branch = self.branch_to_write(&scope.warehouse, &place.at, &parent)?;
        let id = self.new_content_id();
        let answer = to_bytes(&properties)?;
        let kept = properties.clone();
        let change = ChangeFn(move |base: &Snapshot, _: &ChangeContext| {
            check_new(base, &place, &parent)?;
            Ok(Proposal {
                writes: vec![Write::Put {
                    path: place.namespace.levels().to_vec(),
                    id,
                    object: Object::Namespace { properties: kept.clone() },
                }],
                message: format!("create namespace {}", place.namespace),
                answer: answer.clone(),
                ..Proposal::default()
            })
        });
        let committed =
            self.submit(ctx, &scope.warehouse, branch, Loads::Nothing, Box::new(change)).await?;
        Ok(Written { value: from_bytes(&committed.answer)?, commit: committed.commit })
    }

    async fn branch_as_namespace(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        at: &RefExpr,
        mut properties: Properties,
    ) -> Result<Written<Properties>> {
        let name = at.as_name().ok_or_else(|| {
            Error::invalid(format!(
                "'{at}' cannot be created: a first-level namespace is a branch, and this is no name \
                 of one"
            ))
        })?;
        let from = properties.remove(FROM).map(|from| RefExpr::parse(&from)).transpose()?;
        properties.remove(OWNER);
        check_ref_properties(properties.keys())?;
        let warehouse = &scope.warehouse.name;
        let made = self.branch_create(ctx, warehouse, name, from.as_ref()).await;
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists(_) => Error::new(
                ErrorKind::AlreadyExists(Entity::Namespace),
                format!("Namespace already exists: {name}"),
            ),
            _ => error,
        })?;
        let mut commit = None;
        if !properties.is_empty() {
            let place = default_place(at)?;
            commit =
                self.change_properties(ctx, scope, place, Vec::new(), properties).await?.commit;
        }
        let value = self.ref_properties(scope, at, || no_namespace(name.as_str()))?;
        Ok(Written { value, commit })
    }

    /// Removes an empty namespace; a first-level one of the warehouse view removes the branch if it
    /// holds nothing unmerged (work that was undone again is nothing), or if `force` or its property `force-drop` says so.
    ///
    /// # Errors
    /// `NotFound(Namespace)`, `NotEmpty`; `InvalidInput` in a read-only ref and for the default branch.
    pub async fn namespace_drop(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        force: bool,
    ) -> Result<Written<()>> {
        let shown = levels.join(".");
        let place = match scope.namespace_to_read(levels)? {
            NamespaceAddress::Refs => return Err(no_namespace(&shown)),
            NamespaceAddress::Ref(at) => {
                let name = self.branch_to_write(&scope.warehouse, &at, &shown)?;
                return self.drop_branch_namespace(ctx, scope, &name, force).await;
            }
            NamespaceAddress::Inside(place) => place,
        };
        let branch = self.branch_to_write(&scope.warehouse, &place.at, &shown)?;
        let change =
            ChangeFn(move |base: &Snapshot, _: &ChangeContext| Ok(drop_namespace(base, &place)?));
        let committed =
            self.submit(ctx, &scope.warehouse, branch, Loads::Nothing, Box::new(change)).await?;
        Ok(Written { value: (), commit: committed.commit })
    }

    async fn drop_branch_namespace(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        name: &RefName,
        force: bool,
    ) -> Result<Written<()>> {
        let at = RefExpr::name(name.clone());
        let state = self.state_of(&scope.warehouse, &at, || no_namespace(name.as_str()))?;
        let properties = stored_properties(&state, &default_namespace()?)?.unwrap_or_default();
        let force = force || properties.get(FORCE_DROP).is_some_and(|value| value == "true");
        let head = self.resolve(&scope.warehouse, &at)?.commit;
        // Work that was undone again is nothing to merge; only the commit that was looked at may go.
        let (force, expected) = match force {
            true => (true, None),
            false => (self.holds_no_change(&scope.warehouse, head)?, Some(head)),
        };
        self.branch_delete(ctx, &scope.warehouse.name, name, force, expected).await.map_err(
            |error| match error.kind() {
                ErrorKind::NotEmpty(_) => Error::new(
                    ErrorKind::NotEmpty(Entity::Namespace),
                    format!("Namespace {name} is not empty: {}", error.message()),
                ),
                _ => missing_ref(error, no_namespace(name.as_str())),
            },
        )?;
        Ok(Written { value: (), commit: None })
    }

    /// Whether a commit holds the same as where its line left the default branch, but for properties of
    /// the ref as a namespace.
    fn holds_no_change(&self, warehouse: &Warehouse, head: CommitId) -> Result<bool> {
        let default = self.branch(warehouse, &warehouse.default_branch)?.head;
        let history = self.history(warehouse.id);
        let bases = merge_bases(&history, head, default)?;
        let [base] = bases.as_slice() else { return Ok(false) };
        let (before, after) = (history.tree(*base)?, history.tree(head)?);
        let found = differences(&history, before, after, &Renames::default(), None, 2)?;
        let own_properties = |entry: &Entry| {
            entry.kind == ContentKind::Namespace && entry.path == [DEFAULT_NAMESPACE]
        };
        Ok(found.iter().all(|difference| difference.entry().is_some_and(own_properties)))
    }

    /// Sets and removes properties in one commit.
    ///
    /// # Errors
    /// `NotFound(Namespace)`; `InvalidInput` for a key that is both set and removed, for what says which
    /// ref a namespace is, and in a read-only ref.
    pub async fn namespace_properties(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        removals: Vec<String>,
        updates: Properties,
    ) -> Result<Written<PropertiesChange>> {
        if let Some(both) = removals.iter().find(|key| updates.contains_key(*key)) {
            return Err(Error::invalid(format!("the property '{both}' is both set and removed")));
        }
        let place = match scope.namespace_to_read(levels)? {
            NamespaceAddress::Refs => return Err(no_namespace(&levels.join("."))),
            NamespaceAddress::Ref(at) => {
                check_ref_properties(updates.keys().chain(&removals))?;
                default_place(&at)?
            }
            NamespaceAddress::Inside(place) => place,
        };
        self.change_properties(ctx, scope, place, removals, updates).await
    }

    async fn change_properties(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        place: Place,
        removals: Vec<String>,
        updates: Properties,
    ) -> Result<Written<PropertiesChange>> {
        let branch = self.branch_to_write(&scope.warehouse, &place.at, &place.dotted())?;
        let new_id = self.new_content_id();
        let change = ChangeFn(move |base: &Snapshot, _: &ChangeContext| {
            let stored = base.namespace(&place.namespace)?;
            if stored.is_none() && !is_default(&place.namespace) {
                return Err(no_namespace(&place.dotted()).into());
            }
            let before = stored_properties(base, &place.namespace)?.unwrap_or_default();
            let mut after = before.clone();
            let mut outcome = PropertiesChange::default();
            for key in &removals {
                let there = after.remove(key).is_some();
                if there { &mut outcome.removed } else { &mut outcome.missing }.push(key.clone());
            }
            for (key, value) in &updates {
                after.insert(key.clone(), value.clone());
                outcome.updated.push(key.clone());
            }
            let (set, removed) = (outcome.updated.len(), outcome.removed.len());
            let mut proposal = Proposal {
                message: properties_message(set, removed, &place.namespace.dotted()),
                answer: to_bytes(&outcome)?,
                ..Proposal::default()
            };
            if after != before {
                proposal.writes.push(Write::Put {
                    path: place.namespace.levels().to_vec(),
                    id: stored.map_or(new_id, |found| found.entry.id),
                    object: Object::Namespace { properties: after },
                });
            }
            Ok(proposal)
        });
        let committed =
            self.submit(ctx, &scope.warehouse, branch, Loads::Nothing, Box::new(change)).await?;
        Ok(Written { value: from_bytes(&committed.answer)?, commit: committed.commit })
    }
}

fn default_namespace() -> Result<NamespacePath> {
    NamespacePath::new(vec![DEFAULT_NAMESPACE.to_owned()])
}

fn default_place(at: &RefExpr) -> Result<Place> {
    Ok(Place { at: at.clone(), namespace: default_namespace()?, shown: vec![at.to_string()] })
}

fn check_ref_properties<'a>(mut keys: impl Iterator<Item = &'a String>) -> Result<()> {
    match keys.find(|key| *key == FROM || key.starts_with(REF_PROPERTIES)) {
        Some(key) => Err(Error::invalid(format!(
            "the property '{key}' says which ref the namespace is and cannot be changed"
        ))),
        None => Ok(()),
    }
}

/// Checks that a namespace can be made.
fn check_new(base: &Snapshot, place: &Place, parent: &str) -> Result<(), ChangeError> {
    let shown = place.dotted();
    let exists =
        |why: String| Err(Error::new(ErrorKind::AlreadyExists(Entity::Namespace), why).into());
    if let Some((outer, _)) = place.namespace.split_last()
        && !outer.is_root()
        && !base.namespace_exists(&outer)?
    {
        return Err(no_namespace(parent).into());
    }
    if let Some(found) = base.namespace_folded(&place.namespace)? {
        if found.entry.path == place.namespace.levels() {
            return exists(format!("Namespace already exists: {shown}"));
        }
        return exists(format!(
            "Namespace already exists: {shown} differs only in case from {}",
            found.entry.path.join(".")
        ));
    }
    if let [only] = place.namespace.levels()
        && crate::base::name::fold(only) == DEFAULT_NAMESPACE
        && only != DEFAULT_NAMESPACE
    {
        return exists(format!(
            "Namespace already exists: {shown} differs only in case from {DEFAULT_NAMESPACE}"
        ));
    }
    Ok(())
}

fn drop_namespace(base: &Snapshot, place: &Place) -> Result<Proposal> {
    let shown = place.dotted();
    let stored = base.namespace(&place.namespace)?;
    if stored.is_none() && !is_default(&place.namespace) {
        return Err(no_namespace(&shown));
    }
    let inside = base.scan(&key::children_any(&place.namespace), None, 1001)?;
    if !inside.is_empty() {
        let tables = inside.iter().filter(|found| found.entry.kind == ContentKind::Table).count();
        let more = if inside.len() > 1000 { " at least" } else { "" };
        return Err(Error::new(
            ErrorKind::NotEmpty(Entity::Namespace),
            format!(
                "Namespace {shown} is not empty. {tables} tables and {} other objects exist{more}",
                inside.len() - tables
            ),
        ));
    }
    let mut proposal =
        Proposal { message: format!("drop namespace {}", place.namespace), ..Proposal::default() };
    if stored.is_some() {
        let path = place.namespace.levels().to_vec();
        proposal.writes.push(Write::Remove { path, kind: KeyKind::Namespace });
    }
    Ok(proposal)
}

/// The properties of a namespace that is stored.
fn stored_properties(state: &Snapshot, namespace: &NamespacePath) -> Result<Option<Properties>> {
    let Some(found) = state.namespace(namespace)? else { return Ok(None) };
    match &*state.object(&found)? {
        Object::Namespace { properties } => Ok(Some(properties.clone())),
        Object::Table { .. } | Object::View { .. } | Object::Artifact { .. } => {
            Err(Error::corrupt(format!("'{namespace}' is stored as something else")))
        }
    }
}

/// Names of the namespaces directly in one. `default` is listed once it is stored or holds something,
/// unless it is hidden.
fn children(
    state: &Snapshot,
    parent: &NamespacePath,
    page: &PageRequest,
    hide_default: bool,
) -> Result<Page<String>> {
    page.check_within(&key::children(parent, KeyKind::Namespace))?;
    let after = page.after.as_deref();
    let mut found: Vec<(Vec<u8>, String)> = state
        .namespaces(parent, after, page.limit + 2)?
        .into_iter()
        .filter_map(|found| Some((found.key.to_vec(), found.entry.path.last()?.clone())))
        .collect();
    if parent.is_root() {
        let default = default_namespace()?;
        let key = key::namespace(&default).unwrap_or_default();
        match found.binary_search_by(|(other, _)| other.cmp(&key)) {
            Ok(at) if hide_default => drop(found.remove(at)),
            Err(at)
                if !hide_default
                    && after.is_none_or(|after| after < key.as_slice())
                    && !state.is_empty(&default)? =>
            {
                found.insert(at, (key, DEFAULT_NAMESPACE.to_owned()));
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(page_of(found, page.limit, |(key, _)| key.clone()).map(|(_, name)| name))
}

fn to_bytes(value: &impl Serialize) -> Result<Bytes> {
    serde_json::to_vec(value)
        .map(Bytes::from)
        .map_err(|error| Error::internal("an answer cannot be written").with_source(error))
}

fn from_bytes<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::corrupt("a kept answer cannot be read").with_source(error))
}
