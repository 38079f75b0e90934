//! What is running: the content of `/__version__`, see the [Dockerflow specification][spec].
//!
//! [spec]: https://github.com/mozilla-services/Dockerflow/blob/main/docs/version_object.md

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where an image keeps its version object, and where a checkout may.
const FILES: [&str; 2] = ["/app/version.json", "version.json"];

/// What the build script found out; empty where there was nothing to find.
const COMMIT: &str = env!("DOCKERFLOW_COMMIT");

/// The version object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    /// The URL of the repository.
    pub source: String,
    /// The release.
    pub version: String,
    /// The git commit.
    pub commit: String,
    /// The URL of the build that made the image.
    pub build: String,
}

impl Version {
    /// The version object of `/app/version.json`, else of `version.json` in the working directory,
    /// else the commit where the build could ask git. Without a version it has the given one of the
    /// package.
    ///
    /// A file that does not hold a version object is said in the log and passed over: a service that
    /// does not start is worse than one that does not know its version.
    pub fn load(crate_version: &str) -> Self {
        let version = FILES.iter().find_map(|file| read(Path::new(file)));
        let version = version.unwrap_or_else(|| Self {
            commit: COMMIT.to_owned(),
            ..Self::default()
        });
        version.or_of_package(crate_version)
    }

    fn or_of_package(mut self, crate_version: &str) -> Self {
        if self.version.is_empty() {
            crate_version.clone_into(&mut self.version);
        }
        self
    }
}

fn read(file: &Path) -> Option<Version> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "cannot read the version object");
            return None;
        }
    };
    serde_json::from_str(&text)
        .inspect_err(
            |error| tracing::warn!(file = %file.display(), %error, "this is no version object"),
        )
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_file_is_taken_as_it_is() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("version.json");
        fs::write(
            &file,
            r#"{"source":"s","version":"v","commit":"c","build":"b","more":1}"#,
        )?;
        let version = read(&file);
        let [source, version_, commit, build] = ["s", "v", "c", "b"].map(str::to_owned);
        assert_eq!(
            version,
            Some(Version {
                source,
                version: version_,
                commit,
                build
            })
        );
        Ok(())
    }

    #[test]
    fn a_file_that_is_no_version_object_is_passed_over() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("version.json");
        assert_eq!(read(&file), None);
        fs::write(&file, "{")?;
        assert_eq!(read(&file), None);
        Ok(())
    }

    #[test]
    fn without_a_file_the_version_is_the_package_s() {
        assert_eq!(Version::load("1.2.3").version, "1.2.3");
    }

    #[test]
    fn a_file_without_a_version_has_the_package_s() {
        let of_file = |version: &str| Version {
            version: version.to_owned(),
            commit: "c".to_owned(),
            ..Version::default()
        };
        assert_eq!(of_file("").or_of_package("1.2.3"), of_file("1.2.3"));
        assert_eq!(of_file("4").or_of_package("1.2.3"), of_file("4"));
    }
}
