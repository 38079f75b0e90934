//! The kinds of faults.

use std::{fmt, str::FromStr};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// `kill -9` of a worker, which is started again at once.
    Kill,
    /// SIGTERM of a worker, which is started again when it has ended.
    Term,
    /// `pg_terminate_backend` of some sessions of the service.
    Terminate,
    /// PostgreSQL crashes, and is started again at once.
    Restart,
    /// PostgreSQL is down for longer.
    Outage,
    /// SIGSTOP of a worker until its lease is over, and SIGCONT.
    Stop,
    /// Jobs that no worker can run, among good ones.
    Poison,
    /// `kill -9` of a web process, which is started again at once.
    Web,
    /// Clients that leave in the middle of their request.
    Leave,
    /// Two of the service's sessions are frozen in PostgreSQL for longer than a statement may take.
    Freeze,
    /// The table `job` is locked.
    Lock,
    /// PostgreSQL's clock jumps.
    Clock,
    /// A thousand clients keep their connections to a web process and send nothing.
    Idle,
    /// PostgreSQL makes every transaction read-only, as a host does whose disk is full.
    ReadOnly,
    /// The service's roles get defaults that disturb it, and all its sessions end.
    Defaults,
    /// SIGTERM of a web process whose clients open a connection for each request.
    Roll,
}

impl Kind {
    pub(crate) const ALL: [Self; 16] = [
        Self::Kill,
        Self::Term,
        Self::Terminate,
        Self::Restart,
        Self::Outage,
        Self::Stop,
        Self::Poison,
        Self::Web,
        Self::Leave,
        Self::Freeze,
        Self::Lock,
        Self::Clock,
        Self::Idle,
        Self::ReadOnly,
        Self::Defaults,
        Self::Roll,
    ];

    /// The kinds for which a short run has time: the first ten.
    pub(crate) const SHORT: &[Self] = Self::ALL.as_slice().split_at(10).0;

    /// Its name in `--only` and in what is printed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Term => "term",
            Self::Terminate => "terminate",
            Self::Restart => "restart",
            Self::Outage => "outage",
            Self::Stop => "stop",
            Self::Poison => "poison",
            Self::Web => "web",
            Self::Leave => "leave",
            Self::Freeze => "freeze",
            Self::Lock => "lock",
            Self::Clock => "clock",
            Self::Idle => "idle",
            Self::ReadOnly => "readonly",
            Self::Defaults => "defaults",
            Self::Roll => "roll",
        }
    }

    /// Whether it aborts or delays statements, or changes the clock.
    pub(crate) fn hits_database(self) -> bool {
        let cuts = matches!(self, Self::Terminate | Self::Restart | Self::Outage);
        let delays = matches!(self, Self::Freeze | Self::Lock | Self::Clock);
        cuts || delays || matches!(self, Self::ReadOnly | Self::Defaults)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The kinds that a run may cause: `kill,term,…`.
#[derive(Clone, Debug)]
pub(crate) struct Kinds(pub(crate) Vec<Kind>);

impl FromStr for Kinds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = |name: &str| {
            Kind::ALL
                .into_iter()
                .find(|kind| kind.name() == name.trim())
        };
        let kinds: Option<Vec<Kind>> = text.split(',').map(kind).collect();
        kinds.map(Self).ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(",");
            format!("some of {names} are accepted")
        })
    }
}
