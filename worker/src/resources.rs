//! What tasks need from outside. A client of another service is made here, once.

use std::time::Duration;

use sea_orm::DatabaseConnection;

use crate::{Settings, mail::Mailer};

/// What every attempt may use.
#[derive(Debug)]
pub struct Resources {
    /// The database.
    pub db: DatabaseConnection,
    /// The way out for mail.
    pub mailer: Mailer,
    /// The version of this service.
    pub version: Option<String>,
    /// How long finished jobs are kept.
    pub retention: Retention,
}

/// How long finished jobs are kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Those that completed or were cancelled.
    pub finished: Duration,
    /// Those that are dead.
    pub dead: Duration,
}

impl Resources {
    /// Makes them as the settings say.
    pub fn build(settings: &Settings, db: DatabaseConnection) -> anyhow::Result<Self> {
        Ok(Self {
            db,
            mailer: Mailer::build(&settings.mail)?,
            version: Some(crate::version().version),
            retention: Retention {
                finished: Duration::from_hours(settings.queue.job_retention_hours),
                dead: Duration::from_hours(24 * settings.queue.job_dead_retention_days),
            },
        })
    }
}
