//! The settings of the HTTP server.

use conf::Conf;
use dockerflow::settings::{Switch, between};

/// Where the service listens, and which endpoints it has.
#[derive(Conf, Clone, Debug)]
pub struct Settings {
    /// The port to listen on; 0 takes any free port
    #[conf(env, default_value = "8000", value_parser = between(0, 65535))]
    pub port: u16,

    /// Whether to serve `/__error__`, which logs an error and panics, to test alerting
    #[conf(env, default_value = "false")]
    pub error_endpoint: Switch,

    /// Whether to serve the documentation of the API: the page and the OpenAPI document
    #[conf(env, default_value = "true")]
    pub api_docs: Switch,
}
