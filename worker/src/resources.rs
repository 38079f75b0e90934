//! What tasks use: create the client of another service here, once.

use bare_mail::Mailer;
use sea_orm::DatabaseConnection;

use crate::Settings;

/// What every attempt can use, as `job.resources`.
#[derive(Debug)]
pub struct Resources {
    /// The database.
    pub db: DatabaseConnection,
    /// Sends mail.
    pub mailer: Mailer,
}

impl Resources {
    /// Creates them from the settings.
    pub fn build(settings: &Settings, db: DatabaseConnection) -> anyhow::Result<Self> {
        Ok(Self {
            db,
            mailer: Mailer::build(&settings.mail, db::SERVICE)?,
        })
    }
}
