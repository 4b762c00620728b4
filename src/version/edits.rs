//! From the writes of a change to edits of the tree, and what must hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::committer::Write;
use super::content::{Entry, Object};
use super::key::{self, KeyKind};
use super::repository::Overlay;
use super::snapshot::{Snapshot, read_entry};
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::ids::ObjectHash;
use crate::base::limits::CONTENT_OBJECT_BYTES_MAX;
use crate::base::name::{DEFAULT_NAMESPACE, NamespacePath};
use crate::tree::{Change as TreeChange, Edit, Value};

/// Turns writes into sorted edits of the tree; drops those that change nothing. New objects go into the
/// overlay, and their bytes into `objects`.
pub(super) fn edits(
    base: &Snapshot,
    overlay: &Overlay,
    writes: Vec<Write>,
    respells: bool,
    objects: &mut BTreeMap<ObjectHash, Bytes>,
) -> Result<Vec<Edit>> {
    let mut edits: BTreeMap<Vec<u8>, TreeChange> = BTreeMap::new();
    for write in writes {
        let (key, change) = match write {
            Write::Remove { path, kind } => (path_key(&path, kind)?, TreeChange::Remove),
            Write::Keep { entry, hint } => {
                let key = path_key(&entry.path, entry.kind.key_kind())?;
                let bytes = Bytes::from(entry.encode());
                (key, TreeChange::Put(Value { bytes, hint }))
            }
            Write::Put { path, id, object } => {
                let kind = object.kind();
                let key = path_key(&path, kind.key_kind())?;
                let bytes = object.encode();
                if bytes.len() > CONTENT_OBJECT_BYTES_MAX {
                    return Err(Error::invalid(format!(
                        "'{}' has {} bytes of properties; at most {CONTENT_OBJECT_BYTES_MAX} \
                         are allowed",
                        path.join("."),
                        bytes.len()
                    )));
                }
                let hash = Object::hash_of(&bytes);
                overlay.objects.lock().insert(hash, Arc::new(object));
                objects.insert(hash, bytes.into());
                let entry = Entry { kind, id, object: hash, path };
                let bytes = Bytes::from(entry.encode());
                (key, TreeChange::Put(Value { bytes, hint: 0 }))
            }
        };
        if edits.insert(key, change).is_some() {
            return Err(Error::invalid("one change writes the same name twice"));
        }
    }
    let mut kept = Vec::with_capacity(edits.len());
    for (key, change) in edits {
        let key = Bytes::from(key);
        let found = base.at_key(key.clone())?.map(|found| found.entry);
        let wanted = match &change {
            TreeChange::Put(value) => Some(read_entry(key.clone(), value)?.entry),
            TreeChange::Remove => None,
        };
        if found == wanted {
            continue;
        }
        if let (Some(found), Some(wanted)) = (&found, &wanted)
            && found.path != wanted.path
            && !respells
        {
            return Err(Error::new(
                ErrorKind::AlreadyExists(Entity::Resource),
                format!(
                    "'{}' differs only in case from '{}', which exists",
                    wanted.path.join("."),
                    found.path.join(".")
                ),
            ));
        }
        kept.push(Edit { key, change });
    }
    Ok(kept)
}

/// Every put entry has its namespace, and a removed namespace holds nothing.
pub(super) fn check_namespaces(view: &Snapshot, edits: &[Edit]) -> Result<()> {
    let mut checked: BTreeSet<Vec<String>> = BTreeSet::new();
    for edit in edits {
        let parsed = key::parse(&edit.key)
            .ok_or_else(|| Error::internal("a change wrote an unreadable key"))?;
        match &edit.change {
            TreeChange::Put(value) => {
                let found = read_entry(edit.key.clone(), value)?;
                let Some((_, parent)) = found.entry.path.split_last() else { continue };
                if !checked.insert(parent.to_vec()) {
                    continue;
                }
                let parent = NamespacePath::new(parent.to_vec())?;
                if parent.is_root() {
                    if parsed.kind == KeyKind::Content {
                        return Err(Error::invalid(format!(
                            "'{}' needs a namespace",
                            found.entry.path.join(".")
                        )));
                    }
                } else if !view.namespace_exists(&parent)? {
                    return Err(Error::not_found(
                        Entity::Namespace,
                        format!("Namespace does not exist: {parent}"),
                    ));
                }
            }
            TreeChange::Remove if parsed.kind == KeyKind::Namespace => {
                // What is in `default` needs no stored namespace around it.
                let is_default = parsed.parent.is_empty() && parsed.name == DEFAULT_NAMESPACE;
                let shown = parsed.clone().parts().join(".");
                if !is_default && !view.scan(&key::children_of(parsed), None, 1)?.is_empty() {
                    return Err(Error::new(
                        ErrorKind::NotEmpty(Entity::Namespace),
                        format!("Namespace is not empty: {shown}"),
                    ));
                }
            }
            TreeChange::Remove => {}
        }
    }
    Ok(())
}

fn path_key(path: &[String], kind: KeyKind) -> Result<Vec<u8>> {
    let (name, levels) =
        path.split_last().ok_or_else(|| Error::internal("a change wrote an empty path"))?;
    let parent = NamespacePath::new(levels.to_vec())?;
    let mut key = key::children(&parent, kind);
    key.extend_from_slice(crate::base::name::fold(name).as_bytes());
    Ok(key)
}
