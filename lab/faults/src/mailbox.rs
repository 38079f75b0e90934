//! The mails that arrived at the mail server: the evidence.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use bare_testkit::smtp::{Mail, SmtpServer};
use uuid::Uuid;

use crate::order;

/// A mail that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// The user who gets it.
    pub(crate) user: usize,
    /// The job that its Message-ID names.
    pub(crate) job: Uuid,
    /// The start of the worker that sent it.
    pub(crate) sender: Arc<str>,
}

/// All mails so far, in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    arrivals: Mutex<Vec<Arrival>>,
    strange: Mutex<Vec<String>>,
}

impl Mailbox {
    /// Empties the server, because the mails of a long run would fill the memory.
    pub(crate) fn collect(&self, smtp: &SmtpServer) {
        let mut arrivals = self.arrivals.lock().unwrap();
        for mail in smtp.take_mails() {
            match arrival(&mail) {
                Some(arrival) => arrivals.push(arrival),
                None => self.strange.lock().unwrap().push(mail.data),
            }
        }
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }

    /// Mails that no task should have sent.
    pub(crate) fn strange(&self) -> Vec<String> {
        self.strange.lock().unwrap().clone()
    }
}

fn arrival(mail: &Mail) -> Option<Arrival> {
    let [to] = mail.to.as_slice() else {
        return None;
    };
    let id = mail.header("Message-ID")?;
    let (job, _) = id.strip_prefix('<')?.split_once('@')?;
    let (sender, _) = mail.from.split_once('@')?;
    Some(Arrival {
        at: mail.taken_at,
        user: order::user(to)?,
        job: job.parse().ok()?,
        sender: sender.into(),
    })
}
