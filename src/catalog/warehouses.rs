//! Warehouses: versioned collections of tables, each with its own location and refs.

use super::{Catalog, OpContext};
use crate::base::clock::Timestamp;
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::ids::WarehouseId;
use crate::base::name::{RefName, WarehouseName};
use crate::base::page::{Page, PageRequest};
use crate::store::records::WarehouseRecord;
use crate::version::committer::WarehouseRequest;

/// The branch that a new warehouse has.
pub const FIRST_BRANCH: &str = "main";

/// A warehouse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warehouse {
    /// Number in the store.
    pub id: WarehouseId,
    /// Name.
    pub name: WarehouseName,
    /// URL below which its tables lie; no trailing slash.
    pub location: String,
    /// The branch that is meant where none is named.
    pub default_branch: RefName,
    /// Whether clients may expire snapshots and delete files.
    pub client_gc: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A warehouse to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewWarehouse {
    /// Name.
    pub name: WarehouseName,
    /// URL below which its tables will lie; `None` for a folder of its name below the server's root.
    pub location: Option<String>,
    /// Whether clients may expire snapshots and delete files.
    pub client_gc: bool,
}

impl Catalog {
    /// Lists warehouses by name.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn warehouse_list(
        &self,
        _ctx: &OpContext,
        page: &PageRequest,
    ) -> Result<Page<Warehouse>> {
        let after = match &page.after {
            Some(after) => {
                Some(std::str::from_utf8(after).map_err(|_| Error::invalid("invalid page token"))?)
            }
            None => None,
        };
        let records =
            self.repository.store().begin_read()?.warehouse_list(after, page.limit + 1)?;
        let items = records.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(super::page_of(items, page.limit, |item| item.name.as_str().as_bytes().to_vec()))
    }

    /// Finds a warehouse.
    ///
    /// # Errors
    /// `NotFound(Warehouse)`.
    pub async fn warehouse_get(&self, _ctx: &OpContext, name: &WarehouseName) -> Result<Warehouse> {
        self.warehouse(name)
    }

    /// Finds a warehouse without waiting: from memory when it is there.
    ///
    /// # Errors
    /// `NotFound(Warehouse)`.
    pub fn warehouse(&self, name: &WarehouseName) -> Result<Warehouse> {
        // Asked before the store is: a change made meanwhile makes what is remembered here out of date.
        let version = self.repository.warehouses_version();
        if let Some((read_at, known)) = self.warehouses.read().get(name)
            && *read_at == version
        {
            return Ok(known.clone());
        }
        let record = self.repository.store().begin_read()?.warehouse_get(name.as_str())?;
        let Some(record) = record else {
            self.warehouses.write().remove(name);
            let message = format!("warehouse '{name}' does not exist");
            return Err(Error::not_found(Entity::Warehouse, message));
        };
        let warehouse = read(record)?;
        if self.repository.store().capabilities().exclusive {
            self.warehouses.write().insert(name.clone(), (version, warehouse.clone()));
        }
        Ok(warehouse)
    }

    /// Makes a warehouse with the branch `main` and a first, empty commit.
    ///
    /// # Errors
    /// `AlreadyExists`; `InvalidInput` for a location that is not an allowed URL or that overlaps
    /// another warehouse's.
    pub async fn warehouse_create(&self, ctx: &OpContext, new: NewWarehouse) -> Result<Warehouse> {
        if self.warehouse(&new.name).is_ok() {
            return Err(Error::new(
                ErrorKind::AlreadyExists(Entity::Warehouse),
                format!("warehouse '{}' exists", new.name),
            ));
        }
        let location = match &new.location {
            Some(location) => self.files.check_root(location, &self.options)?,
            None => format!("{}/{}", self.options.warehouse_root, new.name),
        };
        let record = WarehouseRecord {
            id: WarehouseId(0),
            name: new.name.as_str().to_owned(),
            location,
            default_branch: FIRST_BRANCH.to_owned(),
            client_gc: new.client_gc,
            created_at: self.clock.now(),
        };
        let request = WarehouseRequest::Create { record, actor: ctx.actor.clone() };
        let record = self.committer.change_warehouse(request).await?;
        record.ok_or_else(|| Error::internal("a new warehouse was not returned")).and_then(read)
    }

    /// Changes a warehouse's settings; what is `None` stays.
    ///
    /// # Errors
    /// `NotFound(Warehouse)`.
    pub async fn warehouse_update(
        &self,
        _ctx: &OpContext,
        name: &WarehouseName,
        client_gc: Option<bool>,
    ) -> Result<Warehouse> {
        let mut warehouse = self.warehouse(name)?;
        if let Some(client_gc) = client_gc {
            warehouse.client_gc = client_gc;
        }
        let request = WarehouseRequest::Update(write(&warehouse));
        self.committer.change_warehouse(request).await?;
        Ok(warehouse)
    }

    /// Removes a warehouse whose branches hold nothing. Its history stays stored; its name is free.
    ///
    /// # Errors
    /// `NotFound(Warehouse)`, `NotEmpty(Warehouse)`; `InvalidInput` for the server's default warehouse.
    pub async fn warehouse_delete(&self, _ctx: &OpContext, name: &WarehouseName) -> Result<()> {
        let warehouse = self.warehouse(name)?;
        if *name == self.options.default_warehouse {
            return Err(Error::invalid(format!("'{name}' is the server's default warehouse")));
        }
        self.committer.change_warehouse(WarehouseRequest::Delete(write(&warehouse))).await?;
        Ok(())
    }
}

fn read(record: WarehouseRecord) -> Result<Warehouse> {
    Ok(Warehouse {
        id: record.id,
        name: WarehouseName::parse(&record.name)?,
        location: record.location,
        default_branch: RefName::parse(&record.default_branch)?,
        client_gc: record.client_gc,
        created_at: record.created_at,
    })
}

fn write(warehouse: &Warehouse) -> WarehouseRecord {
    WarehouseRecord {
        id: warehouse.id,
        name: warehouse.name.as_str().to_owned(),
        location: warehouse.location.clone(),
        default_branch: warehouse.default_branch.as_str().to_owned(),
        client_gc: warehouse.client_gc,
        created_at: warehouse.created_at,
    }
}
