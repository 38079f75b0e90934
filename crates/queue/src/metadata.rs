//! Where a job comes from, stored with the job.

use std::{future::Future, sync::Arc};

#[cfg(feature = "runtime")]
use sea_orm::{ColIdx, QueryResult, TryGetError, TryGetable};
use serde::{Deserialize, Serialize};

/// Called only when a job is enqueued, because most requests enqueue none.
type Source = Arc<dyn Fn() -> Metadata + Send + Sync>;

tokio::task_local! {
    static METADATA: Source;
}

/// Where a job comes from, so that one id leads from a request to the log lines of its jobs. It is
/// a JSON object in the job's row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The request's id (`X-Request-Id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace that the request belongs to (W3C `traceparent`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The values that travel with the trace (W3C `baggage`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baggage: Option<String>,
    /// The version of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enqueued_by: Option<String>,
}

impl Metadata {
    /// The JSON for the job's row, or `None` if the metadata is empty.
    pub(crate) fn to_json(&self) -> Option<String> {
        let json = serde_json::to_string(self).ok();
        json.filter(|_| *self != Self::default())
    }

    /// Reads the JSON of a job's row. Invalid metadata counts as empty: a row that was edited by
    /// hand must not block claims.
    #[cfg(feature = "runtime")]
    pub(crate) fn from_json(json: Option<&str>) -> Self {
        json.and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default()
    }
}

#[cfg(feature = "runtime")]
impl TryGetable for Metadata {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        let json: Option<String> = row.try_get_by(index).unwrap_or_default();
        Ok(Self::from_json(json.as_deref()))
    }
}

/// Runs `work`, and stores what `metadata` returns with the jobs that it enqueues.
pub async fn with_metadata<F: Future>(
    metadata: impl Fn() -> Metadata + Send + Sync + 'static,
    work: F,
) -> F::Output {
    METADATA.scope(Arc::new(metadata), work).await
}

/// The metadata of the current work, empty outside [`with_metadata`].
pub(super) fn current() -> Metadata {
    METADATA.try_with(|metadata| metadata()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_fields_and_empty_metadata_are_not_stored() {
        let metadata = Metadata {
            request_id: Some("abc".to_owned()),
            ..Metadata::default()
        };
        let json = metadata.to_json();
        assert_eq!(json.as_deref(), Some(r#"{"request_id":"abc"}"#));
        assert_eq!(Metadata::from_json(json.as_deref()), metadata);
        assert_eq!(Metadata::default().to_json(), None);
    }

    #[test]
    fn an_unknown_field_is_ignored_and_invalid_metadata_counts_as_empty() {
        let newer = Metadata::from_json(Some(r#"{"request_id":"abc","shard":7}"#));
        assert_eq!(newer.request_id.as_deref(), Some("abc"));
        for json in ["", "7", "[]", r#""abc""#, r#"{"request_id":7}"#] {
            assert_eq!(Metadata::from_json(Some(json)), Metadata::default());
        }
        assert_eq!(Metadata::from_json(None), Metadata::default());
    }
}
