//! The cluster that all tests of a process share.

use std::{
    env,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use url::Url;

use super::{admin, data_folder::Durability, postmaster::Postmaster, programs::Programs, shared};
use crate::memo::Memo;

/// A PostgreSQL server for the databases of all tests: a private one, or the one in
/// `TEST_DATABASE_URL`.
///
/// A private one listens on a Unix socket in a folder that only its user may enter. So it needs no
/// password, and no port that another process could take first.
#[derive(Debug)]
pub struct Cluster {
    server: Url,
    /// How a template is cloned: a clause of `CREATE DATABASE`.
    strategy: &'static str,
    /// The prefix of the names of this process's databases.
    prefix: String,
    databases: AtomicUsize,
    templates: Memo<String>,
    /// Held as long as the process lives; `None` if the server is not ours.
    _postmaster: Option<Postmaster>,
}

impl Cluster {
    /// The cluster of this process. The first call starts it, which blocks for 0.2 s. `None` if
    /// there is no PostgreSQL.
    ///
    /// # Panics
    /// If PostgreSQL does not start or does not answer, and if there is none under
    /// `REQUIRE_POSTGRES=1`.
    pub fn get() -> Option<&'static Self> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(Self::open).as_ref()
    }

    fn open() -> Option<Self> {
        match env::var("TEST_DATABASE_URL") {
            Ok(url) if !url.is_empty() => Some(Self::shared(&url)),
            _ => Programs::find().map(Self::private),
        }
    }

    fn private(programs: &'static Programs) -> Self {
        let postmaster = Postmaster::start(programs, None, Durability::Hasty, None)
            .expect("a private PostgreSQL cluster");
        let server = postmaster.socket_url();
        // Copying files takes 8 ms, the default (through the log) 15 ms. Before PostgreSQL 15 there
        // is only the former. It needs two checkpoints, so it is slow on a server that writes to
        // disk.
        let strategy = if programs.major < 15 {
            ""
        } else {
            "STRATEGY file_copy"
        };
        Self::new(server, "test".to_owned(), strategy, Some(postmaster))
    }

    fn shared(url: &str) -> Self {
        let server = Url::parse(url).expect("TEST_DATABASE_URL is a URL");
        let prefix = shared::join(&server).expect("TEST_DATABASE_URL names a server that answers");
        Self::new(server, prefix, "", None)
    }

    fn new(
        server: Url,
        prefix: String,
        strategy: &'static str,
        postmaster: Option<Postmaster>,
    ) -> Self {
        let (databases, templates) = (AtomicUsize::default(), Memo::default());
        Self {
            server,
            strategy,
            prefix,
            databases,
            templates,
            _postmaster: postmaster,
        }
    }

    /// The URL of a new database: a clone of the template with this name ([`Cluster::template`]),
    /// or an empty one. It has 8 MB, possibly in memory: drop it after use
    /// ([`Cluster::drop_database`]).
    pub async fn create_database(&self, template: Option<&str>) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_{number}", self.prefix);
        let template = template.unwrap_or("template0");
        self.execute(&[format!(
            "CREATE DATABASE {name} TEMPLATE {template} {}",
            self.strategy
        )])
        .await;
        admin::database_url(&self.server, &name)
    }

    /// The name of a template database, made at the first call with this key: `build` gets the URL
    /// of an empty database and fills it. Later and concurrent calls get the same one. If `build`
    /// panics, the next call builds another.
    pub async fn template<F>(&self, key: &str, build: impl FnOnce(String) -> F) -> String
    where
        F: Future<Output = ()>,
    {
        self.templates.get(key, || self.build_template(build)).await
    }

    async fn build_template<F: Future<Output = ()>>(
        &self,
        build: impl FnOnce(String) -> F,
    ) -> String {
        let url = self.create_database(None).await;
        build(url.clone()).await;
        let name = database_name(&url);
        // A database with connections cannot be cloned.
        let statements = [
            format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"),
            format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            ),
        ];
        self.execute(&statements).await;
        name
    }

    /// Drops a database and cuts the connections to it. It blocks, so that a `Drop` can call it.
    pub fn drop_database(&self, url: &str) {
        let statement = format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            database_name(url)
        );
        admin::block_on(self.execute(&[statement]));
    }

    async fn execute(&self, statements: &[String]) {
        let result = admin::execute(&self.server, statements).await;
        result.unwrap_or_else(|error| panic!("{statements:?}: {error}"));
    }
}

fn database_name(url: &str) -> String {
    let url = Url::parse(url).expect("a URL that this cluster gave");
    url.path().trim_start_matches('/').to_owned()
}
