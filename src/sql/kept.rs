//! What a transaction puts back in its session when it is rolled back, beside what it wrote.

use std::collections::BTreeMap;

use super::names::Names;
use super::session::Session;
use super::settings::Settings;
use super::temp::TempTables;

/// Names, settings and temporary tables of a session at one moment.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) names: Names,
    pub(super) settings: Settings,
    temp: TempTables,
    pub(super) message: Option<String>,
    pub(super) properties: BTreeMap<String, String>,
}

impl Session {
    /// What the session has now.
    pub(super) fn keep(&self) -> Kept {
        Kept {
            names: self.names.clone(),
            settings: self.settings.clone(),
            temp: self.temp.clone(),
            message: self.ctx.message.clone(),
            properties: self.ctx.properties.clone(),
        }
    }

    /// Puts back what it had.
    pub(super) fn put_back(&mut self, kept: Kept) {
        self.cursors.rolled_back();
        let Kept { names, settings, temp, message, properties } = kept;
        self.temp = temp;
        self.names = names;
        self.settings = settings;
        self.ctx.message = message;
        self.ctx.properties = properties;
    }

    /// At the end of a transaction: what holds until then only is over.
    pub(super) fn end_of_transaction(&mut self, committed: bool, before: Kept) {
        if committed {
            self.temp.commit();
            self.cursors.committed();
            self.end_local(&before);
        } else {
            self.put_back(before);
        }
    }
}
