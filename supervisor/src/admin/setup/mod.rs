//! `mini-mcp setup`: what MCP clients are to be told so that they start this program.
//!
//! The configuration that is printed is what an empty one becomes when the server is
//! merged into it, so that both are made in one way.

mod client;
mod diff;
mod error;
mod file;
mod json;
pub(crate) mod options;
mod server;
mod toml;
mod yaml;

pub(crate) use error::SetupError;

use super::print;
use crate::error::Error;
use clap::ValueEnum;
use client::Client;
use file::ClientFile;
use options::{Scope, Setup};
use server::Server;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Does what was asked for.
pub(crate) fn setup(options: &Setup) -> Result<(), Error> {
    let server = Server::of(options)?;
    match options.client {
        None => overview(options.scope, &server),
        Some(client) => one(client, options, &server),
    }
}

/// Which clients are here, and what each would get.
fn overview(scope: Scope, server: &Server) -> Result<(), Error> {
    let all = Client::value_variants().iter();
    let (here, others): (Vec<&Client>, Vec<&Client>) = all.partition(|client| client.is_here());
    let mut text = String::new();
    for client in here {
        text += &format!("{client:14}  {}\n", state(*client, scope, server));
    }
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(ToString::to_string).collect();
        text += &format!("not found here: {}\n", names.join(", "));
    }
    text += &format!(
        "each would get: {} = {}\n`mini-mcp setup --client CLIENT` prints it, with --write it is merged\n",
        server.name,
        server.line()
    );
    print(&text)
}

/// What `--write` would do for `client`.
fn state(client: Client, scope: Scope, server: &Server) -> String {
    let examined = client.file(scope).and_then(|path| {
        let file = ClientFile::read(&path)?;
        Ok((path, file))
    });
    let (path, file) = match examined {
        Ok(examined) => examined,
        Err(error) => return error.to_string(),
    };
    let state = match client.merge(file.text(), server) {
        Ok(after) if after == file.text() => "is set up".to_owned(),
        Ok(_) => "would be set up".to_owned(),
        Err(why) => format!("cannot be changed without loss: {why}"),
    };
    format!("{}: {state}", path.display())
}

/// Prints the configuration of `client`, merges it, or shows what that would change.
fn one(client: Client, options: &Setup, server: &Server) -> Result<(), Error> {
    let path = client.file(options.scope)?;
    if !options.write && !options.dry_run {
        tell(&format!("for {}:\n", path.display()));
        return print(&fresh(client, server)?);
    }
    let file = ClientFile::read(&path)?;
    let after = match client.merge(file.text(), server) {
        Ok(after) => after,
        Err(why) => {
            print(&fresh(client, server)?)?;
            return Err(SetupError::Loss { path, why }.into());
        }
    };
    if after == file.text() {
        print(&format!("{}: {} is set up\n", path.display(), server.name))
    } else if options.dry_run {
        print(&diff::unified(&path, file.text(), &after))
    } else {
        let former = file.replace(&after, mode(options.scope))?;
        print(&done(&path, server, former))
    }
}

/// The configuration with nothing else in it.
fn fresh(client: Client, server: &Server) -> Result<String, SetupError> {
    let path = PathBuf::new();
    let merged = client.merge("", server);
    merged.map_err(|why| SetupError::Loss { path, why })
}

fn done(path: &Path, server: &Server, former: Option<PathBuf>) -> String {
    let former = former.map_or(String::new(), |former| {
        format!("; as it was: {}", former.display())
    });
    let now = format!("{} = {}", server.name, server.line());
    format!("{}: {now}{former}\n", path.display())
}

/// That of a file which is new: others who work on a project read it too.
fn mode(scope: Scope) -> u32 {
    match scope {
        Scope::User => 0o600,
        Scope::Project => 0o644,
    }
}

/// Says something that is no part of the configuration.
fn tell(text: &str) {
    // Without standard error, nobody is left to be told.
    let _ = io::stderr().write_all(text.as_bytes());
}
