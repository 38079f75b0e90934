//! What tasks need from outside. A client of another service is made here, once.

use sea_orm::DatabaseConnection;

use crate::{Settings, mail::Mailer};

/// What every attempt may use.
#[derive(Debug)]
pub struct Resources {
    /// The database.
    pub db: DatabaseConnection,
    /// The way out for mail.
    pub mailer: Mailer,
}

impl Resources {
    /// Makes them as the settings say.
    pub fn build(settings: &Settings, db: DatabaseConnection) -> anyhow::Result<Self> {
        Ok(Self {
            db,
            mailer: Mailer::build(&settings.mail)?,
        })
    }
}
