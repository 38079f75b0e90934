//! How events leave: over HTTP, by a thread that gives up on a Sentry that does not answer.

use std::sync::Arc;
use std::time::Duration;

use ::sentry::transports::UreqHttpTransportOptions;
use ::sentry::{Transport, TransportFactory, TransportOptions};

/// The library's own client would wait for an answer for ever, and every later event with it.
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
