//! A separate database for every test, with the service's schema.

use std::ops::{Deref, DerefMut};

use bare_testkit::{Backend, postgres::Server};

/// A [`bare_testkit::TestDatabase`] that knows the schema of the service.
#[derive(Debug)]
pub struct TestDatabase(bare_testkit::TestDatabase);

impl TestDatabase {
    /// A database with the whole schema. `None` if there is no PostgreSQL for this test.
    pub async fn migrated(backend: Backend) -> Option<Self> {
        let database = bare_testkit::TestDatabase::with_schema(backend, migration::SCHEMA);
        database.await.map(Self)
    }

    /// A database without any table. `None` if there is no PostgreSQL for this test.
    pub async fn empty(backend: Backend) -> Option<Self> {
        bare_testkit::TestDatabase::empty(backend).await.map(Self)
    }

    /// A database with the whole schema on a server of this test, which removes it.
    pub async fn migrated_on(server: &Server, name: &str) -> Self {
        let schema = migration::SCHEMA;
        Self(bare_testkit::TestDatabase::with_schema_on(server, name, schema).await)
    }
}

impl Deref for TestDatabase {
    type Target = bare_testkit::TestDatabase;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for TestDatabase {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
