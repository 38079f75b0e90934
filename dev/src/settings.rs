//! The settings of all that runs together.

use conf::Conf;

/// Runs web, worker and migrations in one process, on SQLite unless `DATABASE_URL` says otherwise
#[derive(Conf, Debug)]
#[conf(name = "dev")]
pub(crate) struct Settings {
    #[conf(flatten)]
    pub(crate) web: web::Settings,

    #[conf(flatten)]
    queue: bare_queue::Settings,

    #[conf(flatten)]
    mail: bare_mail::Settings,
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
