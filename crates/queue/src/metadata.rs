//! What a job remembers of where it came from.

use std::{future::Future, sync::Arc};

#[cfg(feature = "runtime")]
use sea_orm::{ColIdx, QueryResult, TryGetError, TryGetable};
use serde::{Deserialize, Serialize};

/// Asked only when a job is enqueued: most requests enqueue none.
type Source = Arc<dyn Fn() -> Metadata + Send + Sync>;

tokio::task_local! {
    static METADATA: Source;
}

/// Where a job comes from, so that one id can be followed from a request into the job's own log
/// lines. It is a JSON object in the job's row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The request's id (`X-Request-Id`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace that the request belongs to (W3C `traceparent`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// What travels along with the trace (W3C `baggage`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baggage: Option<String>,
    /// The version of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enqueued_by: Option<String>,
}

impl Metadata {
    /// Its JSON for the job's row; none if it is empty.
    pub(crate) fn to_json(&self) -> Option<String> {
        let json = serde_json::to_string(self).ok();
        json.filter(|_| *self != Self::default())
    }

    /// Reads a job's row. What somebody has written there by hand must not keep a job from being claimed: what is no
    /// metadata counts as empty.
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

/// Runs `work`; the jobs that it enqueues remember what `metadata` answers.
pub async fn with_metadata<F: Future>(
    metadata: impl Fn() -> Metadata + Send + Sync + 'static,
    work: F,
) -> F::Output {
    METADATA.scope(Arc::new(metadata), work).await
}

/// The metadata of the work under way, empty outside [`with_metadata`].
pub(super) fn current() -> Metadata {
    METADATA.try_with(|metadata| metadata()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_field_is_left_out_and_empty_metadata_is_none() {
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
    fn a_field_of_another_release_is_ignored_and_what_is_no_metadata_is_empty() {
        let newer = Metadata::from_json(Some(r#"{"request_id":"abc","shard":7}"#));
        assert_eq!(newer.request_id.as_deref(), Some("abc"));
        for json in ["", "7", "[]", r#""abc""#, r#"{"request_id":7}"#] {
            assert_eq!(Metadata::from_json(Some(json)), Metadata::default());
        }
        assert_eq!(Metadata::from_json(None), Metadata::default());
    }
}
