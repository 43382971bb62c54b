//! The public conformance suite against the product as it is shipped, on its Unix
//! socket, for both eras.
//!
//! Many of its scenarios call tools, prompts and resources by names of its own, which
//! no policy has; those stand in tests/conformance/expected-failures.yml with the
//! reason, and the suite fails also when one of them passes.

use harness::{ALICE, BASE, Site, User, connect_as, target_directory};
use nix::sys::socket::SockType;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// Passes every connection to a port of this host on to the service's socket, as
/// `user`: the suite knows TCP only.
fn relay(site: &Site, user: User) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let front = site.front();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let server = UnixStream::from(connect_as(user, SockType::Stream, &front));
            both_ways(client, server);
        }
    });
    address
}

fn both_ways(client: TcpStream, server: UnixStream) {
    let (from, to) = (client.try_clone(), server.try_clone());
    let (mut from, mut to) = (from.expect("a socket"), to.expect("a socket"));
    thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
    let (mut from, mut to) = (server, client);
    thread::spawn(move || {
        drop(io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
}

fn installed(path: &str) -> PathBuf {
    let path = target_directory().join("../node/node_modules").join(path);
    assert!(
        path.exists(),
        "`{}` is missing\nhint: run `tests/run.sh`, which installs it",
        path.display()
    );
    path
}

fn conforms(requirements: &str) {
    let site = Site::with(BASE).start();
    let address = relay(&site, ALICE);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut command = Command::new(installed("node/bin/node"));
    command
        .arg(installed("@modelcontextprotocol/conformance/dist/index.js"))
        .args(["server", "--url", &format!("http://{address}/mcp")])
        .args(["--requirements", requirements])
        .arg("--expected-failures")
        .arg(folder.join(format!("expected-failures-{requirements}.yml")))
        .arg("-o")
        .arg(site.path("conformance"))
        .stdin(Stdio::null());
    let output = command.output().expect("node starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{requirements}\n{text}\n{error}");
}

#[test]
fn the_handshake_era_conforms() {
    conforms("2025-11-25");
}

#[test]
fn the_stateless_era_conforms() {
    conforms("2026-07-28");
}
