//! A separate database for every test, on both kinds.

use std::{
    fs,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use bare_database::{Settings, migrate::Schema};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tempfile::TempDir;

use crate::{
    memo::Memo,
    postgres::{Cluster, Server},
};

/// The file of a SQLite database, in its folder.
const FILE: &str = "test.sqlite3";

/// The kind of database that a test runs on. Put both into the test's cases:
///
/// ```text
/// #[rstest]
/// #[tokio::test]
/// async fn a_fact(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
///     let Some(db) = TestDatabase::with_schema(backend, SCHEMA).await else {
///         return;
///     };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file in a temporary folder.
    Sqlite,
    /// The private cluster, or `TEST_DATABASE_URL`.
    Postgres,
}

/// A database that is dropped with its test.
#[derive(Debug)]
pub struct TestDatabase {
    /// A pool of connections to it.
    pub db: DatabaseConnection,
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File(#[expect(dead_code, reason = "dropping it removes the folder")] TempDir),
    Cluster(&'static Cluster),
    Server,
}

impl TestDatabase {
    /// A database with this schema. `None` if there is no PostgreSQL for this test.
    ///
    /// The schema, identified by its steps' names, is applied once per process and then copied.
    pub async fn with_schema(backend: Backend, schema: Schema) -> Option<Self> {
        let key = schema.names().join(" ");
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                fs::write(folder.path().join(FILE), file(&key, schema).await).expect("a copy");
                Some(Self::in_folder(folder).await)
            }
            Backend::Postgres => {
                let cluster = Cluster::get()?;
                let template = cluster.template(&key, |url| apply(schema, url)).await;
                Some(Self::on(cluster, cluster.create_database(Some(&template)).await).await)
            }
        }
    }

    /// A database without any table. `None` if there is no PostgreSQL for this test.
    pub async fn empty(backend: Backend) -> Option<Self> {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                Some(Self::in_folder(folder).await)
            }
            Backend::Postgres => {
                let cluster = Cluster::get()?;
                Some(Self::on(cluster, cluster.create_database(None).await).await)
            }
        }
    }

    /// A database with this schema on a server of this test, which removes it.
    pub async fn with_schema_on(server: &Server, name: &str, schema: Schema) -> Self {
        let url = server.create_database(name);
        let db = connect(&url).await;
        schema.up(&db, None).await.expect("the schema");
        let place = Place::Server;
        Self { db, url, place }
    }

    async fn in_folder(folder: TempDir) -> Self {
        let url = sqlite_url(&folder);
        Self {
            db: connect(&url).await,
            url,
            place: Place::File(folder),
        }
    }

    async fn on(cluster: &'static Cluster, url: String) -> Self {
        Self {
            db: connect(&url).await,
            url,
            place: Place::Cluster(cluster),
        }
    }

    /// Every table with its columns and every index, as the database describes them.
    pub async fn schema(&self) -> Vec<String> {
        let db = &self.db;
        let sql = match self.backend() {
            Backend::Sqlite => {
                "SELECT COALESCE(sql, name) AS line FROM sqlite_master
             WHERE name NOT LIKE 'sqlite_%' AND tbl_name <> 'seaql_migrations' ORDER BY name"
            }
            Backend::Postgres => {
                "SELECT line FROM (
                 SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
                        || ' ' || COALESCE(column_default, '') AS line
                 FROM information_schema.columns WHERE table_schema = 'public'
                 UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
             ) AS lines WHERE line NOT LIKE '%seaql_migrations%' ORDER BY line"
            }
        };
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let rows = db.query_all_raw(statement).await.expect("the schema");
        rows.iter()
            .map(|row| row.try_get("", "line").expect("a line"))
            .collect()
    }

    /// The value for `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Which kind it is.
    pub fn backend(&self) -> Backend {
        match self.place {
            Place::File(_) => Backend::Sqlite,
            Place::Cluster(_) | Place::Server => Backend::Postgres,
        }
    }

    /// Another pool, as in another process.
    pub async fn connect_again(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    /// Runs a statement.
    pub async fn execute(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.expect(sql);
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Cluster(cluster) = self.place {
            let url = self.url.clone();
            // This blocks, which is not allowed on a thread of the test's runtime.
            drop(thread::spawn(move || cluster.drop_database(&url)).join());
        }
    }
}

/// A pool of connections to a database.
pub async fn connect(url: &str) -> DatabaseConnection {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let settings = Settings {
        database_url: url.parse().expect("a database URL"),
        // As many as a test needs at once. Opening one takes PostgreSQL some milliseconds.
        database_pool_size: 3,
    };
    let name = format!("test {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    bare_database::connect(&settings, &name)
        .await
        .expect("a connection")
}

/// The content of a SQLite file with this schema.
async fn file(key: &str, schema: Schema) -> Arc<[u8]> {
    static FILES: LazyLock<Memo<Arc<[u8]>>> = LazyLock::new(Memo::default);
    let make = async || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        apply(schema, sqlite_url(&folder)).await;
        let content = fs::read(folder.path().join(FILE)).expect("a database");
        content.into()
    };
    FILES.get(key, make).await
}

fn sqlite_url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join(FILE).display())
}

async fn apply(schema: Schema, url: String) {
    let db = connect(&url).await;
    schema.up(&db, None).await.expect("the schema");
    db.close().await.expect("a closed pool");
}
