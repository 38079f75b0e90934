//! Sends events over HTTP, with a time limit.

use std::sync::Arc;
use std::time::Duration;

use ::sentry::transports::UreqHttpTransportOptions;
use ::sentry::{Transport, TransportFactory, TransportOptions};

/// The library's own client has no time limit, and would block every later event.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Factory;

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        let proxy = ureq::Proxy::try_from_env();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .proxy(proxy)
            .build()
            .new_agent();
        Arc::new(
            UreqHttpTransportOptions::from(options)
                .with_agent(agent)
                .build(),
        )
    }
}
