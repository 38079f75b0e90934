//! Settings for tests.

use conf::Conf;

/// The settings of a process with these environment variables.
///
/// # Panics
/// If the process would refuse to start with them.
pub fn settings<T: Conf>(program: &str, variables: &[(&str, &str)]) -> T {
    let loaded = dockerflow::settings::try_load_from([program], variables.iter().copied());
    loaded.unwrap_or_else(|error| panic!("{error}"))
}
