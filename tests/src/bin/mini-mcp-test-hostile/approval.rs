//! What must be approved, and was not.

use crate::supervisor::{Attack, Supervisor, ask, fd, tell, told, word};
use harness::Lane;
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use wire::{ADMIN_VERSION, About, Answer, Approve, Covers, Question, Reply, Request};

/// Says that it is approved, in every way that there are words for.
pub(crate) fn forge(own: &mut Supervisor) -> Attack {
    let client = own.client();
    let lane = own.lane();
    let id = wait(own, &lane, &client, "forged");
    let words = [
        wire::encode(&approve(&id))?,
        wire::encode(&Reply::Started { run: id.clone() })?,
        wire::encode(&Reply::Recorded)?,
        id.clone().into_bytes(),
    ];
    for packet in words {
        let lane = own.lane();
        let _id = wait(own, &lane, &client, "forged");
        lane.say_bytes(&packet, &[]);
        tell("said on the lane", &word(lane.hear()));
    }
    let busy = own.lane();
    let _id = wait(own, &busy, &client, "forged");
    let _pipes = busy.ask(own.run("mark", &[("name", "forged")]), fd(&client));
    tell("another call meanwhile", &word(busy.hear()));
    tell("as itself", &ask_administrator(own, &approve(&id)));
    tell("as a child", &by_command(own, &id)?);
    ask(&format!("open {id}"));
    tell("as itself, let in", &ask_administrator(own, &approve(&id)));
    tell("as a child, let in", &by_command(own, &id)?);
    tell(
        "what waits, as itself",
        &ask_administrator(own, &About::Pending(None)),
    );
    lane.say(&Request::Cancel, &[]);
    tell("taken back", &word(lane.hear()));
    another(own, &client)
}

/// An approval of another lane's call, and one that was used.
fn another(own: &Supervisor, client: &UnixStream) -> Attack {
    let (first, second) = (own.lane(), own.lane());
    let id = wait(own, &first, client, "approved");
    let other = wait(own, &second, client, "approved");
    assert_ne!(id, other);
    ask(&format!("approve {id}"));
    tell("the one that is approved", &told(&first));
    tell(
        "the same call on another lane",
        if second.speaks_within(500) {
            "spoke"
        } else {
            "waits"
        },
    );
    second.say(&Request::Cancel, &[]);
    tell("taken back", &word(second.hear()));
    let _again = wait(own, &first, client, "approved");
    tell("a second time by the same", "waits");
    first.say(&Request::Cancel, &[]);
    tell("taken back", &word(first.hear()));
    Ok(())
}

/// Takes back and asks anew while an administrator approves, sooner or later as `rounds`
/// tell.
pub(crate) fn race(own: &mut Supervisor, rounds: Range<u32>) -> Attack {
    let client = own.client();
    let mut lane = own.lane();
    for round in rounds {
        let id = wait(own, &lane, &client, &format!("approved{round}"));
        ask(&format!("race {id}"));
        std::thread::sleep(std::time::Duration::from_micros(
            u64::from(round) * 397 % 9000,
        ));
        if round % 2 == 0 {
            lane.say(&Request::Cancel, &[]);
            tell("race", &told(&lane));
        } else {
            // Another call, which nobody has approved.
            let run = own.run("held", &[("name", "forged")]);
            let _pipes = lane.ask(run, fd(&client));
            let first = told(&lane);
            let second = if first == "hung up" {
                first
            } else {
                told(&lane)
            };
            tell("race", second.split(' ').next().unwrap_or_default());
            lane = own.lane();
        }
    }
    Ok(())
}

/// Asks for a call that must be approved; the name of the request.
fn wait(own: &Supervisor, lane: &Lane, client: &UnixStream, name: &str) -> String {
    let _pipes = lane.ask(own.run("held", &[("name", name)]), Some(client.as_fd()));
    match lane.hear() {
        Ok(Reply::Waiting { id, .. }) => id,
        other => panic!("{other:?}"),
    }
}

fn approve(id: &str) -> About {
    About::Approve(Approve {
        id: id.to_owned(),
        further: Some((Covers::Tool, 3600)),
    })
}

/// As an administrator would.
fn ask_administrator(own: &Supervisor, about: &About) -> String {
    let socket = match Lane::connect(&own.admin) {
        Ok(socket) => socket,
        Err(error) => return error.to_string(),
    };
    let version = ADMIN_VERSION;
    let about = about.clone();
    let question = wire::encode(&Question { version, about }).expect("a message");
    socket.say_bytes(&question, &[]);
    match socket.hear_bytes() {
        Err(harness::Hangup) => "hung up".to_owned(),
        Ok(packet) => format!("{:?}", wire::decode::<Answer>(&packet).expect("an answer")),
    }
}

/// By the administrator's command, as a child.
fn by_command(own: &Supervisor, id: &str) -> std::io::Result<String> {
    let here = std::env::current_exe()?;
    let mut command = Command::new(here.with_file_name("mini-mcp"));
    command.args(["approve", id, "--socket"]).arg(&own.admin);
    let status = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(format!("exit {}", status.code().unwrap_or(-1)))
}
