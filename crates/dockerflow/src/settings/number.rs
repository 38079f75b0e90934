//! A setting that is a number within bounds, and an error that names the bounds.

use std::fmt::Display;
use std::str::FromStr;

/// A value parser for `conf`: a number from `least` to `most`, both included.
///
/// ```
/// #[derive(conf::Conf)]
/// struct Settings {
///     /// How many connections the pool holds.
///     #[conf(env, default_value = "10", value_parser = dockerflow::settings::between(1, 1000))]
///     pool_size: u32,
/// }
/// ```
pub fn between<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display + Copy,
{
    move |text| {
        text.trim()
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("expected a number from {least} to {most}"))
    }
}
