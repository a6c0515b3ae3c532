//! From a file to the settings that the rooms define.
//!
//! ```text
//! file, drop-ins, environment, --set  -> tree (values with places)  -> shape (typed, defaults filled in)  -> settings
//!          parse/, overlay                       read, values                     resolve/
//! ```
//!
//! All mistakes are found at once, each with its place. Nothing here starts anything; nobody but `server` and `cli` reads
//! the result, and no room sees more of it than its own settings.

mod error;
mod import;
pub mod keys;
mod lookup;
pub mod managed;
mod overlay;
mod parse;
mod print;
mod read;
mod reload;
mod resolve;
mod settings;
mod shape;
mod source;
mod tree;
mod values;

pub use error::{Code, ConfigErrors, Problem, Severity};
pub use import::{import, import_file, Foreign, Imported, Note};
pub use managed::{Layer, Managed};
pub use reload::{effective, made_at_run_time, reload, reload_with, Difference, Reloaded, When};
pub use settings::{NodeSettings, Settings, SettingsSource, ShutdownSettings};
pub use source::{FileSpan, Location};
pub use values::duration;

use error::Finding;
use lookup::Found;
use parse::Format;
use read::{Key, Reader, Tabular};
use shape::File;
use source::Sources;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tree::{Content, Node, Place};

/// The dev-mode configuration: what holds where no file is found, and what `wharf config init` prints.
pub const DEV_MODE: &str = include_str!("../../config/wharf.toml");

/// [`DEV_MODE`] on another port and with another realm. RawSocket's own port is the next one, or 0 with 0.
pub fn dev_mode(port: u16, realm: &str) -> String {
    // Past the last port there is none; RawSocket is on the first one too, so that any free one will do.
    let raw_port = if port == 0 { 0 } else { port.checked_add(1).unwrap_or(0) };
    let name = read::quoted(realm);
    DEV_MODE
        .replace("localhost:8080", &format!("localhost:{port}"))
        .replace("localhost:8081", &format!("localhost:{raw_port}"))
        .replace("\"realm1\"", &serde_json::Value::from(realm).to_string())
        .replace("[realms.realm1.", &format!("[realms.{name}."))
}

/// What a configuration is made from.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The file that was asked for; else one is looked for.
    pub file: Option<PathBuf>,
    /// A text to read in place of any file, for `wharf dev`.
    pub text: Option<String>,
    /// Arguments of `--set`, each `PATH=VALUE`.
    pub sets: Vec<String>,
    /// Whether warnings are errors.
    pub strict: bool,
    /// The environment variables.
    pub environment: BTreeMap<String, String>,
    /// What relative paths start from.
    pub directory: PathBuf,
    /// The last place where a file is looked for.
    pub system_directory: PathBuf,
    /// What was changed at run time.
    pub managed: Layer,
    /// Whether `::1` is an address of this host.
    pub ipv6_loopback: bool,
    /// The name of this host.
    pub host_name: String,
}

impl LoadOptions {
    /// With the environment, the host and the working directory of this process.
    pub fn from_process() -> Self {
        let variable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            environment: std::env::vars_os().filter_map(variable).collect(),
            ipv6_loopback: std::net::UdpSocket::bind("[::1]:0").is_ok(),
            host_name: host_name.trim().to_owned(),
            ..Self::bare()
        }
    }

    /// With an empty environment, for programs that embed the router and for tests.
    pub fn bare() -> Self {
        Self {
            file: None,
            text: None,
            sets: Vec::new(),
            strict: false,
            environment: BTreeMap::new(),
            directory: PathBuf::new(),
            system_directory: "/etc/wharf".into(),
            managed: Layer::Stored,
            ipv6_loopback: false,
            host_name: "wharf".to_owned(),
        }
    }
}

/// Reads and checks everything.
///
/// # Errors
/// All mistakes at once, with the warnings beside them.
pub fn load(options: &LoadOptions) -> Result<Settings, ConfigErrors> {
    load_and_keep(options).map(|(settings, _, _)| settings)
}

/// The same, with what tells the places of keys.
fn load_and_keep(options: &LoadOptions) -> Result<(Settings, Option<Node>, Sources), ConfigErrors> {
    let (loaded, settings) = load_parts(options);
    let problems = error::problems(loaded.findings, &loaded.sources, options.strict);
    match settings {
        Some(mut settings) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            settings.warnings = problems;
            settings.managed = loaded.managed;
            Ok((settings, loaded.tree, loaded.sources))
        }
        Some(_) | None => Err(ConfigErrors { problems }),
    }
}

/// The effective settings as TOML, secrets as `***`: all of them, or what is at `path`. `None`: there is nothing at `path`.
///
/// # Errors
/// As [`load`].
pub fn show(options: &LoadOptions, path: Option<&str>) -> Result<Option<String>, ConfigErrors> {
    let (loaded, settings) = load_parts(options);
    let problems = error::problems(loaded.findings, &loaded.sources, options.strict);
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    let (Some(file), Some(_), false) = (&loaded.file, settings, failed) else { return Err(ConfigErrors { problems }) };
    let written = file.written();
    let Some(steps) = path.map_or(Some(Vec::new()), overlay::steps) else { return Ok(None) };
    let steps_quoted: Vec<String> = steps.iter().map(|step| read::quoted(step).into_owned()).collect();
    Ok(print::at(&written, &steps).map(|found| print::toml(found, &steps_quoted, print::Style::Bare)))
}

/// The steps of a path that is written as in a file; `None`: it is none.
pub fn path_steps(path: &str) -> Option<Vec<String>> {
    overlay::steps(path)
}

/// Every key with its default and its description: `config/wharf.full.toml`.
pub fn full_file() -> String {
    let tree = parse::toml(SKELETON, 0).unwrap_or_else(|_| Node::empty_table(Place::NONE));
    let mut reader = Reader::default();
    let file = read_file(tree, &mut reader).unwrap_or_default();
    format!("{FULL_FILE_HEAD}\n{}", print::toml(&file.written(), &[], print::Style::Full))
}

/// The JSON Schema (2020-12) of a configuration: `config/wharf.schema.json`.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::SchemaGenerator::default().into_root_schema_for::<File>();
    schema.insert("title".to_owned(), "Configuration of a Wharf node".into());
    schema.into()
}

const FULL_FILE_HEAD: &str = "\
# Every key with its default. Keys without one stand in comments, with an example. Made by a test: see tests/config.
# The names `main`, `guest`, `device`, `joe`, `staff`, `orders`, `office`, `alarms`, `report`, `push`, `stock`, `tenant`, `bridge`, `item`, `lang` and the error URI are examples; `bind`, `serve`, `role`, `verifier`, `keys`, `methods`,
# `procedure`, `after`, `method`, `match`, `from`, `uri`, `allow`, `sha256`, `realm`, `authid` of a key, `path`, `kind` of a Crossbar section, `method`, `path`, `call` of a route, and `realm`, `topics`, `url`, `secret`, `kind` of a webhook must be given where their table is.
";

/// What has no default, so that every key has a place in the full file.
const SKELETON: &str = r#"
[listeners.main]
bind = "127.0.0.1:8080"
serve = ["websocket", "rawsocket"]
[realms.main.auth.anonymous]
role = "guest"
[realms.main.auth.ticket.users.joe]
ticket = { env = "JOE_TICKET" }
role = "guest"
[realms.main.auth.wampcra.users.joe]
secret = { env = "JOE_SECRET" }
role = "guest"
[realms.main.auth.scram.users.joe]
verifier = { env = "JOE_VERIFIER" }
role = "guest"
[realms.main.auth.cryptosign.users.joe]
keys = ["af626673c0e68d5066a9f59fa22495406ee2a1c4ced7704897310416bff2c048"]
role = "guest"
[realms.main.auth.cookie]
[realms.main.auth.second]
after = ["wampcra"]
method = "cryptosign"
[realms.main.auth.jwt]
issuer = "https://id.example"
audience = "shop"
key = { env = "JWT_KEY" }
role_fixed = "guest"
[realms.main.auth.tls]
role = "guest"
[realms.main.roles.device.authorizer]
procedure = "com.example.authorize"
[realms.main.auth.dynamic.main]
methods = ["ticket", "wampcra"]
procedure = "com.example.authenticate"
[realms.main.roles.guest]
permissions = [{ uri = "com.example.", match = "prefix", allow = ["subscribe"] }]
[realms.main.roles.guest.rate]
[realms.main.groups.staff]
[realms.main.grants.orders]
permissions = [{ uri = "com.example.", match = "prefix", allow = ["subscribe"] }]
[realms.main.sources.office]
[realms.main.topics.alarms]
history = { durability = "memory" }
trustlevel_by_role = { guest = 1 }
[realms.main.procedures.report]
trustlevel_by_role = { guest = 1 }
[realm_templates.tenant]
match = "com.example.tenant.*"
from = "main"
[rest.status]
"com.example.error.not_found" = 404
[rest.keys.report]
sha256 = { env = "REPORT_KEY_SHA256" }
realm = "main"
authid = "report"
role = "guest"
[rest.crossbar.bridge]
path = "/call"
kind = "caller"
realm = "main"
role = "guest"
[rest.routes.item]
method = "GET"
path = "/shop/orders/{id}"
realm = "main"
call = "com.example.order.get"
kwargs = { lang = "{query.lang}" }
[webhooks.out.orders]
realm = "main"
role = "guest"
topics = ["com.example.order.*"]
url = "https://erp.example/hooks/wamp"
secret = { env = "WEBHOOK_SECRET" }
[webhooks.in.push]
realm = "main"
role = "guest"
verify = { kind = "github-sha256", secret = { env = "PUSH_SECRET" } }
publish = "com.example.on_push"
[webhooks.call.stock]
realm = "main"
role = "guest"
procedure = "com.example.stock.get"
url = "https://erp.example/wamp/stock"
secret = { env = "WEBHOOK_SECRET" }
"#;

/// What reading came to, mistakes or not.
#[derive(Default)]
struct Loaded {
    sources: Sources,
    findings: Vec<Finding>,
    file: Option<File>,
    /// As it was read, all sources together.
    tree: Option<Node>,
    managed: Managed,
}

fn load_parts(options: &LoadOptions) -> (Loaded, Option<Settings>) {
    let mut loaded = Loaded::default();
    let Some((tree, source)) = read_tree(options, &mut loaded) else { return (loaded, None) };
    loaded.sources.hide_secrets(&tree);
    overlay::ambiguous_names(&tree, &mut loaded.findings);
    let mut reader = Reader::default();
    loaded.tree = Some(tree.clone());
    loaded.file = read_file(tree, &mut reader);
    let mut findings = reader.findings;
    // A variable may be meant for another version; a key in a file is a mistake.
    for finding in &mut findings {
        if finding.code == Code::UnknownKey && loaded.sources.is_variable(finding.place) {
            finding.severity = Severity::Warning;
        }
    }
    loaded.findings.append(&mut findings);
    let settings = loaded.file.as_ref().map(|file| {
        let mut resolved = resolve::resolve(file, &loaded.sources, options, source);
        loaded.findings.append(&mut resolved.findings);
        resolved.settings
    });
    (loaded, settings)
}

/// The main file with all that is put upon it. `None` after a file that cannot be read or parsed.
fn read_tree(options: &LoadOptions, loaded: &mut Loaded) -> Option<(Node, SettingsSource)> {
    let (mut tree, source) = match &options.text {
        Some(text) => (built_in(loaded, text)?, SettingsSource::BuiltIn),
        None => match lookup::main_file(options) {
            Found::Nothing => (built_in(loaded, DEV_MODE)?, SettingsSource::BuiltIn),
            Found::File(path) => with_drop_ins(options, loaded, path)?,
            Found::Both(path, other) => {
                let message = format!("both {} and {} are there", path.display(), other.display());
                loaded.unreadable(message, "remove one of them, or name one with --config");
                return None;
            }
        },
    };
    overlay::environment(&mut tree, &options.environment, &mut loaded.sources, &mut loaded.findings);
    overlay::sets(&mut tree, &options.sets, &mut loaded.sources, &mut loaded.findings);
    loaded.managed(options, &mut tree);
    Some((tree, source))
}

fn built_in(loaded: &mut Loaded, text: &str) -> Option<Node> {
    loaded.parse(Path::new("(built-in wharf.toml)"), text.to_owned(), Format::Toml)
}

fn with_drop_ins(options: &LoadOptions, loaded: &mut Loaded, path: PathBuf) -> Option<(Node, SettingsSource)> {
    let main = loaded.read(options, &path);
    let names = lookup::drop_ins(options, &path).unwrap_or_else(|error| {
        loaded.unreadable(format!("the drop-ins beside {} cannot be read", path.display()), &error.to_string());
        Vec::new()
    });
    let trees: Vec<Option<Node>> = names.iter().map(|name| loaded.read(options, name)).collect();
    let trees: Option<Vec<Node>> = trees.into_iter().collect();
    let (mut tree, trees) = (main?, trees?);
    if let Some(joined) = overlay::join_drop_ins(trees, &loaded.sources, &mut loaded.findings) {
        tree.overlay(joined);
    }
    Some((tree, SettingsSource::File { path, drop_ins: names }))
}

impl Loaded {
    fn read(&mut self, options: &LoadOptions, path: &Path) -> Option<Node> {
        match lookup::read(options, path) {
            Ok(text) => self.parse(path, text, Format::of(path)),
            Err(error) => {
                self.unreadable(format!("{} cannot be read", path.display()), &error.to_string());
                None
            }
        }
    }

    /// Puts what was changed at run time under all that was written.
    fn managed(&mut self, options: &LoadOptions, tree: &mut Node) {
        let managed = match &options.managed {
            Layer::Known(managed) | Layer::Candidate(managed, _) => managed.clone(),
            Layer::Stored => match tree.get("node").and_then(|node| node.get("data_dir")).map(|folder| &folder.value) {
                Some(Content::Text(folder)) => {
                    let folder = options.directory.join(folder);
                    managed::read(&folder).unwrap_or_else(|error| {
                        let place = folder.join(managed::FILE_NAME);
                        let message = format!("{}, which holds what was changed at run time: {error}", place.display());
                        self.unreadable(message, "put back a copy, or move it away to go on without those changes");
                        Managed::default()
                    })
                }
                Some(_) | None => Managed::default(),
            },
        };
        if !managed.is_empty() {
            let below = managed.tree(&mut self.sources);
            managed::underlay(tree, below, &options.managed, &self.sources, &mut self.findings);
        }
        self.managed = managed;
    }

    fn parse(&mut self, path: &Path, text: String, format: Format) -> Option<Node> {
        let number = self.sources.add_file(path.display().to_string(), text);
        match format.parse(self.sources.text(number), number) {
            Ok(tree) => Some(tree),
            Err(error) => {
                self.sources.mark_broken(number);
                self.findings.push(Finding {
                    code: Code::Syntax,
                    severity: Severity::Error,
                    place: error.place,
                    path: String::new(),
                    message: format!("this is not {}: {}", format.name(), error.message),
                    hint: error.hint,
                });
                None
            }
        }
    }

    fn unreadable(&mut self, message: String, hint: &str) {
        self.findings.push(Finding {
            code: Code::Unreadable,
            severity: Severity::Error,
            place: Place::NONE,
            path: String::new(),
            message,
            hint: hint.to_owned(),
        });
    }
}

/// Fills the shape, each realm starting from `realm_defaults`.
fn read_file(mut tree: Node, reader: &mut Reader) -> Option<File> {
    let defaults = tree.get("realm_defaults").cloned().and_then(realm_defaults);
    if let (Some(defaults), Content::Table(root)) = (defaults, &mut tree.value) {
        if let Some(Content::Table(realms)) = root.get_mut("realms").map(|entry| &mut entry.node.value) {
            for realm in realms.values_mut() {
                let own = std::mem::replace(&mut realm.node, defaults.clone());
                let place = own.place;
                if own.value != Content::Null {
                    realm.node.overlay(own);
                }
                realm.node.place = place;
            }
        }
    }
    File::read(&tree, reader)
}

/// What a realm takes over: nothing but lawful keys, the others being a mistake already.
fn realm_defaults(mut node: Node) -> Option<Node> {
    let mut lawful = Vec::new();
    shape::RealmCommon::default().write_fields(&mut lawful);
    let Content::Table(table) = &mut node.value else { return None };
    table.retain(|key, _| lawful.iter().any(|item| item.key == *key));
    Some(node)
}
