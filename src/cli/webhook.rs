//! `wharf webhook`: webhooks of a running node that go out, by `wharf.admin.webhook.*` of its admin realm.

use super::admin::{ask, AdminArguments};
use super::Exit;
use clap::{Args, Subcommand};

/// Which one, and by what connection.
#[derive(Args, Debug)]
pub(super) struct One {
    /// Its name in the configuration: webhooks.out.NAME.
    name: String,
    #[command(flatten)]
    admin: AdminArguments,
}

#[derive(Subcommand, Debug)]
pub(super) enum WebhookCommand {
    /// Lists those that go out, with what each counts.
    Ls(AdminArguments),
    /// Shows one.
    Info(One),
    /// Lists what waits or is under way, with the last answer to each.
    Deliveries {
        #[command(flatten)]
        one: One,
        /// What was given up instead.
        #[arg(long)]
        dead: bool,
    },
    /// Sends what was given up again: all of it, or one.
    Retry {
        #[command(flatten)]
        one: One,
        /// The id of one of them, as `deliveries --dead` says.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Switches one on that its endpoint (by 410) or somebody has switched off; what waits is sent at once.
    Enable(One),
    /// Switches one off: what comes waits until it is switched on.
    Disable(One),
    /// Sends an event that nobody has published.
    Test(One),
}

/// Does one of the subcommands.
pub(super) fn webhook(command: &WebhookCommand) -> Exit {
    let (procedure, one, id) = match command {
        WebhookCommand::Ls(admin) => return ask(admin, "webhook.list", Vec::new()),
        WebhookCommand::Info(one) => ("get", one, None),
        WebhookCommand::Deliveries { one, dead: false } => ("deliveries", one, None),
        WebhookCommand::Deliveries { one, dead: true } => ("dead_letters", one, None),
        WebhookCommand::Retry { one, id } => ("send_again", one, id.as_deref()),
        WebhookCommand::Enable(one) => ("switch_on", one, None),
        WebhookCommand::Disable(one) => ("switch_off", one, None),
        WebhookCommand::Test(one) => ("test", one, None),
    };
    let args = [Some(one.name.as_str()), id].into_iter().flatten().map(Into::into).collect();
    ask(&one.admin, &format!("webhook.{procedure}"), args)
}
