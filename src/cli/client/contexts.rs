//! Named connections: `contexts.toml` in `$XDG_CONFIG_HOME/wharf` or `~/.config/wharf`, readable for its owner only.

use super::connection::{ConnectionArguments, Serializer};
use super::failure::Failure;
use super::secret::{KeptSource, SecretSource};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Larger than any list of connections.
const FILE_MAX: u64 = 1 << 20;

/// What is in the file.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Contexts {
    /// The one that holds where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) current: Option<String>,
    /// The one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) previous: Option<String>,
    /// All.
    #[serde(default)]
    pub(in crate::cli) contexts: BTreeMap<String, Context>,
}

/// One connection.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub(in crate::cli) struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) realm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) authid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authrole: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) authmethod: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serializer: Option<Serializer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<PathBuf>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) channel_binding: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ticket: Option<KeptSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<KeptSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) private_key: Option<KeptSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwt: Option<KeptSource>,
}

impl Context {
    /// What the flags and variables say.
    ///
    /// # Errors
    /// [`Failure::Usage`]: a secret that is not named but given.
    pub(in crate::cli) fn of(arguments: &ConnectionArguments) -> Result<Self, Failure> {
        let kept =
            |flag: &str, source: &Option<SecretSource>| source.as_ref().map(|source| source.kept(flag)).transpose();
        let absolute = |path: &Option<PathBuf>| {
            path.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
        };
        let endpoint = &arguments.endpoint;
        Ok(Self {
            url: endpoint.url.clone(),
            realm: arguments.realm.clone(),
            authid: endpoint.authid.clone(),
            authrole: endpoint.authrole.clone(),
            authmethod: endpoint.authmethod.clone(),
            serializer: endpoint.serializer,
            ca: absolute(&endpoint.ca),
            cert: absolute(&endpoint.cert),
            key: absolute(&endpoint.key),
            channel_binding: endpoint.channel_binding,
            ticket: kept("ticket", &endpoint.ticket)?,
            secret: kept("secret", &endpoint.secret)?,
            private_key: kept("private-key", &endpoint.private_key)?,
            jwt: kept("jwt", &endpoint.jwt)?,
        })
    }
}

/// The context of this name, else the current one, else an empty one.
///
/// # Errors
/// [`Failure::Usage`]: there is none of this name, or the file is not to be read.
pub(in crate::cli) fn find(name: Option<&str>) -> Result<Context, Failure> {
    let Some(path) = place() else {
        return if name.is_some() { Err(no_home()) } else { Ok(Context::default()) };
    };
    let mut all = read(&path)?;
    let Some(name) = name.map(str::to_owned).or_else(|| all.current.take()) else { return Ok(Context::default()) };
    all.contexts.remove(&name).ok_or_else(|| unknown(&name, &all))
}

/// There is no such context.
pub(in crate::cli) fn unknown(name: &str, all: &Contexts) -> Failure {
    let known = all.contexts.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "none".to_owned() } else { known };
    Failure::Usage(format!("there is no context `{}`; there are: {known}", name.escape_debug()))
}

/// The file and what is in it.
///
/// # Errors
/// [`Failure::Usage`].
pub(in crate::cli) fn all() -> Result<(PathBuf, Contexts), Failure> {
    let path = place().ok_or_else(no_home)?;
    let contexts = read(&path)?;
    Ok((path, contexts))
}

fn no_home() -> Failure {
    Failure::usage("contexts: expected HOME or XDG_CONFIG_HOME in the environment")
}

fn place() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_CONFIG_HOME").or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("wharf").join("contexts.toml"))
}

fn read(path: &Path) -> Result<Contexts, Failure> {
    let wrong = |text: String| Failure::Usage(format!("{}: {text}", path.display()));
    let file = match OpenOptions::new().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Contexts::default()),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let mode = file.metadata().map_err(|error| wrong(error.to_string()))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(wrong(format!("others may read it (mode {mode:04o}): expected 0600, as by chmod 600")));
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        // The library quotes the line, and nothing that is secret stands in one.
        wrong(error.to_string().trim_end().to_owned())
    })
}

/// Writes the file anew: whole or not at all.
///
/// # Errors
/// [`Failure::Fault`].
pub(in crate::cli) fn write(path: &Path, contexts: &Contexts) -> Result<(), Failure> {
    let fault = |error: std::io::Error| Failure::Fault(format!("{}: {error}", path.display()));
    let text = toml::to_string(contexts).map_err(|error| Failure::Fault(error.to_string()))?;
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
    }
    let beside = path.with_extension(format!("toml.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside).map_err(fault)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)?;
    fs::rename(&beside, path).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn contexts_are_kept_for_their_owner_only_and_refused_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wharf").join("contexts.toml");
        assert_eq!(read(&path).unwrap(), Contexts::default());
        let ticket = Some(KeptSource::Env("TICKET".to_owned()));
        let prod = Context { url: Some("wss://example.com/ws".to_owned()), ticket, ..Context::default() };
        let all = Contexts {
            current: Some("prod".to_owned()),
            previous: None,
            contexts: [("prod".to_owned(), prod)].into_iter().collect(),
        };
        write(&path, &all).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap(), all);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let told = read(&path).unwrap_err().text(false).unwrap();
        assert!(told.ends_with("others may read it (mode 0640): expected 0600, as by chmod 600"), "{told}");
    }

    #[test]
    fn a_context_keeps_the_place_of_a_secret_and_never_a_secret() {
        let text = "[contexts.a]\nticket = { env = \"T\" }\nsecret = { file = \"/s\" }\n";
        let all: Contexts = toml::from_str(text).unwrap();
        assert_eq!(all.contexts["a"].secret, Some(KeptSource::File("/s".into())));
        assert!(toml::from_str::<Contexts>("[contexts.a]\nticket = \"s3cret\"\n").is_err());
        assert!(toml::from_str::<Contexts>("[contexts.a]\nurll = \"x\"\n").is_err());
    }
}
