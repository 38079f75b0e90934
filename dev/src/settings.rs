//! The command line, and the settings of all that runs together.

use conf::{Conf, Subcommands};

/// Runs web, worker and migrations in one process, on SQLite unless `DATABASE_URL` says otherwise
#[derive(Conf, Debug)]
#[conf(name = "cargo dev")]
pub(crate) struct Settings {
    #[conf(subcommands)]
    pub(crate) command: Option<Command>,

    #[conf(flatten)]
    pub(crate) web: web::Settings,

    #[conf(flatten)]
    queue: bare_queue::Settings,

    #[conf(flatten)]
    mail: bare_mail::Settings,
}

#[derive(Subcommands, Debug)]
pub(crate) enum Command {
    /// Writes a new file where it belongs
    New(New),
}

/// Writes a new file where it belongs
#[derive(Conf, Debug)]
pub(crate) struct New {
    #[conf(subcommands)]
    pub(crate) what: What,
}

#[derive(Subcommands, Debug)]
pub(crate) enum What {
    /// The next step of the schema
    Migration(NewMigration),
}

/// The next step of the schema
#[derive(Conf, Debug)]
pub(crate) struct NewMigration {
    /// What it does, as in `add_nickname_to_user`
    #[conf(pos)]
    pub(crate) name: String,
}

impl Settings {
    /// The worker's settings. Those that web has too are the same.
    pub(crate) fn worker(&self) -> worker::Settings {
        worker::Settings {
            queue: self.queue.clone(),
            mail: self.mail.clone(),
            database: self.web.database.clone(),
            process: self.web.process.clone(),
        }
    }

    /// Where mail goes, for people to read.
    pub(crate) fn mail_place(&self) -> String {
        match &self.mail.smtp_url {
            Some(_) => "the server at SMTP_URL".to_owned(),
            None => format!("{}/", self.mail.mail_dir.display()),
        }
    }
}
