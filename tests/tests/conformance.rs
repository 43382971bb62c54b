//! The public conformance suite, for both eras, over TCP and over the Unix socket.
//!
//! Many of its scenarios want tools, prompts and resources of names and contents that no
//! policy has. So it runs twice: against a handler made for it that stands on the
//! product's own transport, where every scenario passes, and against the product as it is
//! shipped, where those that cannot pass are listed with the reason in
//! tests/conformance/; there it fails also when one of these passes after all.

use harness::relay::{relay, to_socket};
use harness::{ALICE, BASE, Site, binary, node};
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// To the service's port, with `key`, which the suite cannot present. A connection serves
/// one request, so the key is needed in the first head alone.
fn to_network(site: &Site, key: String) -> SocketAddr {
    let address = site.http();
    relay(move |client| {
        let mut server = TcpStream::connect(address).expect("it listens");
        drop(server.write_all(head_with_key(client, &key).as_bytes()));
        server
    })
}

fn head_with_key(client: &mut TcpStream, key: &str) -> String {
    let mut head = String::new();
    let mut byte = [0];
    while !head.ends_with("\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
        head.push(char::from(byte[0]));
    }
    let kept = |line: &&str| !line.to_lowercase().starts_with("connection:");
    let lines: Vec<&str> = head.trim_end().split("\r\n").filter(kept).collect();
    let head = lines.join("\r\n");
    format!("{head}\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n")
}

/// The handler made for the suite.
#[derive(Debug)]
struct Fixture {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl Fixture {
    fn start() -> Fixture {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(binary("mini-mcp-test-fixture"));
        command.arg(directory.path().join("socket"));
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let address = line.trim().parse().expect("an address");
        Fixture {
            child,
            address,
            directory,
        }
    }

    fn socket(&self) -> SocketAddr {
        let path = self.directory.path().join("socket");
        relay(move |_| UnixStream::connect(&path).expect("it listens"))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a requirement set against `address`; those in the file `expected` fail, and none
/// else.
#[track_caller]
fn conforms(requirements: &str, address: SocketAddr, expected: Option<&str>) {
    let results = tempfile::tempdir().expect("a directory");
    let mut command = node::program("@modelcontextprotocol/conformance/dist/index.js");
    command
        .args(["server", "--url", &format!("http://{address}/mcp")])
        .args(["--requirements", requirements])
        .arg("-o")
        .arg(results.path());
    if let Some(expected) = expected {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
        let file = folder.join(format!("{expected}-{requirements}.yml"));
        command.arg("--expected-failures").arg(file);
    }
    let output = command.output().expect("node starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{requirements}\n{text}\n{error}");
    assert!(text.contains("=== SUMMARY ==="), "{text}");
}

const ERAS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// Every scenario, none excepted.
#[test]
fn the_transport_conforms_on_the_network() {
    let fixture = Fixture::start();
    for era in ERAS {
        conforms(era, fixture.address, None);
    }
}

/// Every scenario but that of Host and Origin, at which nobody looks there.
#[test]
fn the_transport_conforms_on_the_socket() {
    let fixture = Fixture::start();
    for era in ERAS {
        conforms(era, fixture.socket(), Some("fixture-socket"));
    }
}

#[test]
fn the_service_conforms_on_the_socket() {
    let site = Site::with(BASE).start();
    for era in ERAS {
        conforms(era, to_socket(&site, ALICE), Some("service-socket"));
    }
}

/// As shipped, with its checks of Host and Origin, and a key in every request.
#[test]
fn the_service_conforms_on_the_network() {
    let policy = "version = 1\n[principal.ci]\napi_key = \"ci\"\n[profile.plain]\n\
        run_as = \"mmtest-run\"\nread = [\"/usr\", \"/etc/ld.so.cache\"]\nexecute = [\"/usr\"]\n\
        timeout = \"20s\"\nworking_directory = \"/usr\"\n[tool.true]\ndescription = \"x\"\n\
        command = [\"/usr/bin/true\"]\nprofile = \"plain\"\nallow = [\"ci\"]\n";
    let site = Site::with(policy)
        .serving(&["--http", "127.0.0.1:0"])
        .start();
    let key = site.new_key("ci");
    for era in ERAS {
        conforms(era, to_network(&site, key.clone()), Some("service-network"));
    }
}
