//! `wharf hash-secret` and `wharf keygen`: what is kept of a secret in place of it, and key pairs.
//!
//! Secrets come from standard input and never from arguments, which others can see. What goes into a file is written to
//! standard output, all else to standard error.

use super::output::{note, result};
use super::Exit;
use crate::auth::{BadParameters, Flavour, Kdf, Record, RouterKey, Salting, Secret, TicketHash};
use clap::{Args, Subcommand, ValueEnum};
use nix::sys::termios::{tcgetattr, tcsetattr, LocalFlags, SetArg};
use std::fs::OpenOptions;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Longer than any secret.
const SECRET_MAX: u64 = 4096;

#[derive(Subcommand, Debug)]
pub(super) enum HashCommand {
    /// The hash of a password, for argon2id.
    Password,
    /// The hash of a ticket: auth.ticket.users.NAME.hash.
    Ticket,
    /// The key derived from a WAMP-CRA secret: auth.wampcra.users.NAME.key. The other keys are told on standard error.
    Wampcra(CraArguments),
    /// The record of a WAMP-SCRAM password: auth.scram.users.NAME.verifier.
    Scram(ScramArguments),
}

#[derive(Args, Debug)]
pub(super) struct CraArguments {
    /// The salt; else a random one.
    #[arg(long)]
    salt: Option<String>,
    /// The rounds of PBKDF2.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    iterations: u32,
    /// The octets of the key.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(16..=64))]
    keylen: u32,
}

#[derive(Args, Debug)]
pub(super) struct ScramArguments {
    /// How clients make the key.
    #[arg(long, value_enum, default_value = "argon2id13")]
    kdf: KdfName,
    /// Rounds of PBKDF2 (else 600000) or passes of Argon2id (else 3).
    #[arg(long)]
    iterations: Option<u32>,
    /// Memory of Argon2id, in KiB.
    #[arg(long, default_value_t = 64 << 10)]
    memory: u32,
    /// For the dialect `scram` of Autobahn|Python, which takes argon2id13 only.
    #[arg(long)]
    autobahn: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum KdfName {
    Pbkdf2,
    Argon2id13,
}

/// Prints what is kept in place of the secret on standard input.
pub(super) fn hash(command: &HashCommand) -> Exit {
    let secret = match read_secret() {
        Ok(secret) => secret,
        Err(error) => {
            note(&format!("error: no secret was read: {error}"));
            return Exit::Usage;
        }
    };
    let made = match command {
        HashCommand::Password | HashCommand::Ticket => TicketHash::make(&secret, &rand::random()).map(Secret::new),
        HashCommand::Wampcra(arguments) => Ok(derived_key(arguments, &secret)),
        HashCommand::Scram(arguments) => record(arguments, &secret),
    };
    match made {
        Ok(text) => result(&Zeroizing::new(format!("{}\n", text.expose()))),
        Err(BadParameters) => {
            note("error: out of range: expected 4096 to 10000000 iterations for pbkdf2 (not with --autobahn), 1 to 1000 iterations and 8 to 4194304 KiB of memory for argon2id13");
            Exit::Usage
        }
    }
}

fn derived_key(arguments: &CraArguments, secret: &Secret) -> Secret {
    let random: [u8; 16] = rand::random();
    let salt = arguments.salt.clone().unwrap_or_else(|| random.map(|octet| format!("{octet:02x}")).concat());
    let salting = Salting { salt, iterations: arguments.iterations, keylen: arguments.keylen };
    note("beside `key`, the configuration needs:");
    note(&format!("salt = {:?}\niterations = {}\nkeylen = {}", salting.salt, salting.iterations, salting.keylen));
    salting.key(secret)
}

fn record(arguments: &ScramArguments, secret: &Secret) -> Result<Secret, BadParameters> {
    let kdf = match arguments.kdf {
        KdfName::Pbkdf2 => Kdf::Pbkdf2 { iterations: arguments.iterations.unwrap_or(600_000) },
        KdfName::Argon2id13 => {
            Kdf::Argon2id { iterations: arguments.iterations.unwrap_or(3), memory: arguments.memory }
        }
    };
    let flavour = if arguments.autobahn { Flavour::Autobahn } else { Flavour::Wamp };
    let salt: [u8; 16] = rand::random();
    Record::derive(flavour, secret, kdf, &salt).map(|record| record.to_text())
}

/// One line of standard input, without its end. On a terminal it is asked for and not shown.
pub(super) fn read_secret() -> io::Result<Secret> {
    let mut input = io::stdin().lock().take(SECRET_MAX + 1);
    let mut line = Zeroizing::new(String::new());
    if io::stdin().is_terminal() {
        write!(io::stderr(), "secret: ")?;
        let shown = tcgetattr(io::stdin())?;
        let mut hidden = shown.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &hidden)?;
        let read = input.read_line(&mut line);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &shown)?;
        note("");
        read?;
    } else {
        input.read_line(&mut line)?;
    }
    if line.len() as u64 > SECRET_MAX {
        return Err(io::Error::other(format!("expected at most {SECRET_MAX} octets on one line")));
    }
    let text = line.strip_suffix('\n').unwrap_or(&line);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(io::Error::other("expected it on standard input, as one line that is not empty"));
    }
    Ok(Secret::new(text.to_owned()))
}

#[derive(Args, Debug)]
pub(super) struct KeyArguments {
    /// The file for the private key, which must not be there yet; it is made readable for its owner only.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Makes a key pair for cryptosign: the public key on standard output, and the private one into a file or before it.
pub(super) fn keygen(arguments: &KeyArguments) -> Exit {
    let key = RouterKey::new(&Zeroizing::new(rand::random()));
    let Some(path) = &arguments.out else {
        let text = format!("private = {}\npublic = {}\n", key.to_hex().expose(), key.public());
        return result(&Zeroizing::new(text));
    };
    let text = Zeroizing::new(format!("{}\n", key.to_hex().expose()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())) {
        Ok(()) => result(&format!("{}\n", key.public())),
        Err(error) => {
            note(&format!("error: {}: {error}", path.display()));
            Exit::Fault
        }
    }
}
