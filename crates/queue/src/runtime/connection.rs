//! One connection for the loops whose statements are rare and short. They take turns on it.

use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::Mutex;

use super::retry::{StatementError, in_time};
use crate::store::JobStore;

/// One connection, which is replaced if the database does not answer. The library tests a returned
/// connection without a time limit, so a dead one is usable again only when TCP gives up.
#[derive(Clone, Debug)]
pub(super) struct SharedConnection(Arc<Mutex<JobStore>>);

impl SharedConnection {
    pub(super) fn new(store: JobStore) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    /// Runs a statement under the time limit, which starts with this loop's turn.
    pub(super) async fn in_time<T, F>(
        &self,
        statement: impl FnOnce(JobStore) -> F,
    ) -> Result<T, StatementError>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        let mut store = self.0.lock().await;
        let answer = in_time(statement(store.clone())).await;
        if answer.as_ref().is_err_and(StatementError::is_silence) {
            *store = store.with_own_connection();
        }
        answer
    }
}
