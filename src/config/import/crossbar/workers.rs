//! Workers: routers and proxies, whose transports are taken over, and those that start programs, which nobody does here.

use super::Import;
use crate::config::import::advice;
use crate::config::import::notes::quote;
use crate::config::import::programs::{component, without_secrets, Program};
use crate::config::import::source::{At, Keys, Origin};
use crate::config::tree::Content;

/// A worker with transports.
pub(super) struct Worker<'a> {
    pub(super) number: usize,
    pub(super) keys: Keys<'a>,
    /// The realms that a proxy passes on to; `None` for a router.
    pub(super) routes: Option<Vec<String>>,
}

impl<'a> Import<'a, '_> {
    /// All workers that have transports; the programs of the others are noted.
    pub(super) fn workers(&mut self, keys: &mut Keys<'a>) -> Vec<Worker<'a>> {
        let mut workers = Vec::new();
        let list = keys.take("workers").map(|at| at.list(self.notes)).unwrap_or_default();
        for (number, at) in list.into_iter().enumerate() {
            let Some(mut keys) = at.keys(self.notes) else { continue };
            let kind = keys.take("type").and_then(|at| at.text(self.notes)).unwrap_or_default();
            keys.pass(&["id"]);
            match kind {
                "router" => workers.push(self.worker(number, keys, None)),
                "proxy" => {
                    let routes = self.routes(&mut keys);
                    workers.push(self.worker(number, keys, Some(routes)));
                }
                "container" => {
                    self.options(&mut keys);
                    keys.pass(&["connections"]);
                    self.components(&mut keys);
                    keys.finish(self.notes, advice::crossbar);
                }
                "guest" => self.guest(keys),
                other => {
                    let message = format!("a worker of type {}", quote(other));
                    self.notes.add(&at.origin, message, "no such worker is needed here; it was left out");
                }
            }
        }
        workers
    }

    fn worker(&mut self, number: usize, mut keys: Keys<'a>, routes: Option<Vec<String>>) -> Worker<'a> {
        self.options(&mut keys);
        self.components(&mut keys);
        Worker { number, keys, routes }
    }

    /// A proxy hands sessions on to routers; here its listeners reach the realms themselves.
    fn routes(&mut self, keys: &mut Keys<'a>) -> Vec<String> {
        keys.pass(&["connections"]);
        let routes = keys.take("routes").and_then(|at| at.keys(self.notes));
        routes
            .map(|mut routes| routes.rest().into_iter().map(|(realm, _)| realm.to_owned()).collect())
            .unwrap_or_default()
    }

    /// Options of a process.
    fn options(&mut self, keys: &mut Keys<'a>) {
        let Some(mut options) = keys.take("options").and_then(|at| at.keys(self.notes)) else { return };
        // Where modules are looked for matters to programs alone, which are told of one by one.
        options.pass(&["pythonpath"]);
        options.finish(self.notes, advice::crossbar);
    }

    fn components(&mut self, keys: &mut Keys<'a>) {
        for at in keys.take("components").map(|at| at.list(self.notes)).unwrap_or_default() {
            let Some(mut keys) = at.keys(self.notes) else { continue };
            self.component(&at, &mut keys);
        }
    }

    fn component(&mut self, at: &At<'a>, keys: &mut Keys<'a>) {
        let mut word = |key: &str, notes: &mut _| keys.take(key).and_then(|at: At<'a>| at.text(notes));
        let realm = word("realm", self.notes).unwrap_or("realm1");
        let role = word("role", self.notes);
        let class = word("classname", self.notes).unwrap_or_default();
        let url = keys
            .take("transport")
            .and_then(|at| at.as_keys())
            .and_then(|transport| transport.peek("url"))
            .and_then(|url| url.as_text())
            .unwrap_or("ws://127.0.0.1:8080/ws");
        let rest: Vec<&str> =
            keys.rest().into_iter().map(|(key, _)| key).filter(|key| !matches!(*key, "type" | "id")).collect();
        let mut program = Program { path: at.origin.path.to_string(), ..Program::default() };
        match component(class, url, realm) {
            Some(command) => program.command = command,
            None => {
                program.command = vec!["/path/to/program".to_owned()];
                program.remarks.push(format!("the command is not known: {}", quote(class)));
            }
        }
        program.remarks.push(format!("connects to the realm {}", quote(realm)));
        if let Some(role) = role {
            program
                .remarks
                .push(format!("had the role {} without logging in: give it a user of that role", quote(role)));
        }
        if !rest.is_empty() {
            let names: Vec<String> = rest.iter().map(|key| quote(key)).collect();
            program.remarks.push(format!("was given {}", names.join(", ")));
        }
        self.program(program, at, "a component");
    }

    fn guest(&mut self, mut keys: Keys<'a>) {
        let mut program = Program { path: keys.at.origin.path.to_string(), ..Program::default() };
        let executable = keys.take("executable").and_then(|at| at.text(self.notes)).unwrap_or("/path/to/program");
        program.command.push(executable.to_owned());
        for argument in keys.take("arguments").map(|at| at.list(self.notes)).unwrap_or_default() {
            match (&argument.node.value, argument.as_text()) {
                (_, Some(text)) => program.command.push(text.to_owned()),
                (Content::Integer(number), None) => program.command.push(number.to_string()),
                (_, None) => self.notes.add(&argument.origin, "this is no argument", "expected a string"),
            }
        }
        program.command = without_secrets(program.command);
        if program.command.iter().any(|word| word.ends_with("***")) {
            program.remarks.push("what may be a secret stands here as ***".to_owned());
        }
        if let Some(mut options) = keys.take("options").and_then(|at| at.keys(self.notes)) {
            program.directory = options.take("workdir").and_then(|at| at.text(self.notes)).map(str::to_owned);
            if let Some(mut env) = options.take("env").and_then(|at| at.as_keys()) {
                let vars = env.take("vars").and_then(|at| at.as_keys());
                program.variables =
                    vars.map(|mut vars| vars.rest()).into_iter().flatten().map(|(name, _)| name.to_owned()).collect();
            }
            if options.take("watch").is_some() {
                program
                    .remarks
                    .push("was started anew when files changed: a systemd.path(5) unit does that".to_owned());
            }
            options.pass(&["pythonpath"]);
            options.finish(self.notes, advice::crossbar);
        }
        let at = keys.at.clone();
        keys.finish(self.notes, advice::crossbar);
        self.program(program, &at, "a program");
    }

    fn program(&mut self, program: Program, at: &At<'a>, what: &str) {
        let origin: &Origin = &at.origin;
        let message = format!("{what} that Crossbar started");
        self.notes.add(origin, message, "start it yourself; a unit for systemd is printed below the notes");
        self.programs.push(program);
    }
}
