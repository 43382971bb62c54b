//! Frames that somebody threw dice for.

use crate::supervisor::{Attack, Supervisor, ask, tell};
use harness::Dice;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use wire::{
    Argument, Attach, Claim, Correlation, Denial, Given, Hello, Identify, Output, Presented,
    Report, Request, Secret, Speech, StreamDigest, VERSION, Value,
};

/// As many as the test says, from the seed that it says.
pub(crate) fn fuzz(own: &mut Supervisor) -> Attack {
    let given = ask("frames");
    let (count, seed) = given.split_once(' ').ok_or("no frames")?;
    let (count, mut dice): (u64, _) = (count.parse()?, Dice::of(seed.parse()?));
    let client = own.client();
    let corpus = corpus(own);
    let things = Things::new()?;
    let (mut lane, mut lanes, mut answers) = (own.lane(), 1, 0);
    for _ in 0..count {
        let frame = dice.frame(&corpus);
        lane.say_bytes(&frame, &things.some(&mut dice, &client));
        let patience = u16::from(!dice.once_in(8)) * 3;
        while lane.speaks_within(patience) {
            if lane.hear().is_err() {
                lane = if dice.once_in(4) {
                    own.silent()
                } else {
                    own.lane()
                };
                lanes += 1;
                break;
            }
            answers += 1;
        }
    }
    tell("lanes", &lanes.to_string());
    tell("answers", &answers.to_string());
    drop(lane);
    tell("afterwards", &own.mark(Some(client.as_fd()), "right"));
    Ok(())
}

/// Descriptors that may come with a frame.
struct Things {
    write_end: std::io::PipeWriter,
    read_end: std::io::PipeReader,
    file: File,
    pair: (UnixStream, UnixStream),
}

impl Things {
    fn new() -> std::io::Result<Self> {
        let (read_end, write_end) = std::io::pipe()?;
        Ok(Self {
            write_end,
            read_end,
            file: File::open("/")?,
            pair: UnixStream::pair()?,
        })
    }

    /// Mostly those that are right for a run.
    fn some<'a>(&'a self, dice: &mut Dice, client: &'a UnixStream) -> Vec<BorrowedFd<'a>> {
        let end = self.write_end.as_fd();
        if !dice.once_in(4) {
            return vec![end, end, client.as_fd()];
        }
        let all = [
            end,
            client.as_fd(),
            self.read_end.as_fd(),
            self.file.as_fd(),
            self.pair.0.as_fd(),
            self.pair.1.as_fd(),
        ];
        let count = *dice.one_of(&[0, 1, 2, 3, 4, 5, 100, 253]);
        (0..count).map(|_| *dice.one_of(&all)).collect()
    }
}

/// One of each kind, as it should be.
fn corpus(own: &Supervisor) -> Vec<Vec<u8>> {
    let correlation = Correlation {
        request: "by dice".to_owned(),
        trace: None,
    };
    let key = Presented {
        key: Secret::new("mmcp_none".to_owned()),
        address: "::1".parse().expect("an address"),
    };
    let claim = Claim {
        name: "dice".to_owned(),
        version: "6".to_owned(),
    };
    let values = vec![
        Value::Boolean(true),
        Value::Integer(-1),
        Value::Number(0.5),
        Value::Text("x".to_owned()),
    ];
    let mut odd = own.run("mark", &[("name", "dice")]);
    odd.claim = Some(claim.clone());
    odd.background = true;
    odd.arguments.push(Argument {
        name: "more".to_owned(),
        value: Given::Many(values),
    });
    let mut keyed = own.run("keyed", &[]);
    keyed.key = Some(key.clone());
    let stream = || StreamDigest {
        blake3: [9; 32],
        bytes: 9,
    };
    let denial = Denial {
        code: "dice".to_owned(),
        rule: "tool.mark".to_owned(),
        reason: "they fell so".to_owned(),
    };
    let requests = [
        Request::Hello(Hello {
            version: VERSION,
            policy: own.policy,
        }),
        Request::Run(own.run("mark", &[("name", "dice")])),
        Request::Run(own.run("held", &[("name", "forged")])),
        Request::Run(own.run("roots", &[])),
        Request::Run(odd),
        Request::Run(keyed),
        Request::Report(Report {
            correlation: correlation.clone(),
            tool: "mark".to_owned(),
            arguments: Some(Vec::new()),
            denial,
            claim: Some(claim),
            key: None,
        }),
        Request::Identify(Identify {
            presented: key,
            correlation,
        }),
        Request::Reload(own.policy),
        Request::Attach(Attach {
            correlation: Correlation::default(),
            claim: None,
            key: None,
            speech: Speech::Http,
        }),
        Request::Detach("c0-1".to_owned()),
        Request::Cancel,
        Request::Output(Output {
            stdout: stream(),
            stderr: stream(),
        }),
    ];
    let packets = requests.iter().map(wire::encode);
    packets.map(|packet| packet.expect("a message")).collect()
}
