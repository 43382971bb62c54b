//! What crosses the wire comes back as it was, and nothing else is understood.

use proptest::prelude::*;
use wire::{
    Argument, Attach, Blocked, Claim, Correlation, Denial, FRAME_MAX, Failure, Floor, FrameError,
    Given, Hello, Identify, Outcome, Output, Presented, Reply, Report, Request, Run, Secret,
    Speech, Status, StreamDigest, VERSION, Value, Welcome, decode, encode,
};

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>()
            .prop_filter("comparable", |number| !number.is_nan())
            .prop_map(Value::Number),
        ".{0,40}".prop_map(Value::Text)
    ]
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        value().prop_map(Given::One),
        prop::collection::vec(value(), 0..4).prop_map(Given::Many)
    ]
}

/// One in some cases.
fn claim(text: &str) -> Option<Claim> {
    text.len().is_multiple_of(2).then(|| Claim {
        name: text.to_owned(),
        version: "1".to_owned(),
    })
}

fn key(text: &str) -> Option<Presented> {
    text.len().is_multiple_of(3).then(|| Presented {
        key: Secret::new(text.to_owned()),
        address: std::net::Ipv6Addr::LOCALHOST.into(),
    })
}

fn correlation(text: &str) -> Correlation {
    Correlation {
        request: format!("named {text}"),
        trace: (text.len() > 3).then(|| text.to_owned()),
    }
}

fn identify(key: &str) -> Identify {
    Identify {
        presented: Presented {
            key: Secret::new(key.to_owned()),
            address: std::net::Ipv4Addr::LOCALHOST.into(),
        },
        correlation: correlation("x"),
    }
}

fn request() -> impl Strategy<Value = Request> {
    let argument = ("[a-z]{1,8}", given()).prop_map(|(name, value)| Argument { name, value });
    let run = (
        ".{0,20}",
        any::<[u8; 32]>(),
        ".{0,20}",
        prop::collection::vec(argument, 0..8),
    );
    prop_oneof![
        (any::<u16>(), any::<[u8; 32]>())
            .prop_map(|(version, policy)| Request::Hello(Hello { version, policy })),
        run.prop_map(|(request, policy, tool, arguments)| Request::Run(Run {
            correlation: correlation(&request),
            policy,
            tool,
            arguments,
            claim: claim(&request),
            key: key(&request),
            background: request.len() % 2 == 1,
            confirmed: request.len() % 3 == 1,
        })),
        (".{0,20}", ".{0,20}", ".{0,20}").prop_map(|(request, tool, reason)| {
            let denial = Denial {
                code: "c".to_owned(),
                rule: "r".to_owned(),
                reason,
            };
            Request::Report(Report {
                correlation: correlation(&request),
                tool,
                arguments: None,
                denial,
                claim: None,
                key: None,
            })
        }),
        any::<[u8; 32]>().prop_map(Request::Reload),
        ".{0,60}".prop_map(|key| Request::Identify(identify(&key))),
        Just(Request::Cancel),
        ".{0,20}".prop_map(|text| Request::Attach(Attach {
            correlation: correlation(&text),
            claim: claim(&text),
            key: key(&text),
            speech: if text.len() > 9 {
                Speech::Http
            } else {
                Speech::Lines
            },
        })),
        ".{0,20}".prop_map(Request::Detach),
        (any::<[u8; 32]>(), any::<u64>()).prop_map(|(blake3, bytes)| {
            let (stdout, stderr) = (
                StreamDigest { blake3, bytes: 0 },
                StreamDigest { blake3, bytes },
            );
            Request::Output(Output { stdout, stderr })
        }),
    ]
}

proptest! {
    #[test]
    fn a_request_comes_back(request in request()) {
        prop_assert_eq!(decode::<Request>(&encode(&request).unwrap()).unwrap(), request);
    }

    #[test]
    fn noise_is_an_error_or_exactly_one_message(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = decode::<Request>(&bytes) {
            // postcard accepts integers that are longer than they need be, and nothing more.
            prop_assert!(encode(&request).unwrap().len() <= bytes.len());
        }
        let _ = decode::<Reply>(&bytes);
    }

    #[test]
    fn a_cut_message_is_an_error(request in request(), cut in any::<prop::sample::Index>()) {
        let packet = encode(&request).unwrap();
        prop_assert!(decode::<Request>(&packet[..cut.index(packet.len())]).is_err());
    }

    #[test]
    fn bytes_after_a_message_are_an_error(request in request(), more in 1_usize..9) {
        let mut packet = encode(&request).unwrap();
        packet.resize(packet.len() + more, 0);
        prop_assert!(matches!(decode::<Request>(&packet), Err(FrameError::Trailing(count)) if count == more));
    }
}

#[test]
fn every_reply_comes_back() {
    let outcome = Outcome {
        run: "1-2".to_owned(),
        status: Status::Signaled(9),
        timed_out: true,
        cancelled: false,
        cpu_us: 1,
        memory_peak: u64::MAX,
        wall_us: 3,
        blocked: vec![Blocked::SystemCall, Blocked::Memory],
        held_by_rlimits: vec![Floor::Tasks],
        denied: vec!["openat of /a for reading".to_owned()],
    };
    for reply in [
        Reply::Welcome(Welcome {
            version: VERSION,
            policy: [7; 32],
        }),
        Reply::Started {
            run: "1-2".to_owned(),
        },
        Reply::Denied(Denial {
            code: "c".to_owned(),
            rule: "r".to_owned(),
            reason: "s".to_owned(),
        }),
        Reply::Failed(Failure {
            code: "c".to_owned(),
            reason: "s".to_owned(),
        }),
        Reply::Finished(outcome),
        Reply::Waiting {
            id: "a-1".to_owned(),
            at_most_ms: 300_000,
        },
        Reply::Queued {
            ahead: 3,
            at_most_ms: 30_000,
        },
        Reply::Recorded,
        Reply::Reloaded,
        Reply::Identified(Some("ci".to_owned())),
        Reply::Identified(None),
    ] {
        assert_eq!(decode::<Reply>(&encode(&reply).unwrap()).unwrap(), reply);
    }
}

#[test]
fn a_secret_is_not_shown() {
    let shown = format!("{:?}", Request::Identify(identify("canary")));
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn an_unknown_message_is_an_error() {
    assert!(matches!(
        decode::<Request>(&[9]),
        Err(FrameError::Malformed(_))
    ));
    assert!(matches!(
        decode::<Request>(&[]),
        Err(FrameError::Malformed(_))
    ));
}

#[test]
fn a_message_above_the_cap_is_neither_made_nor_read() {
    let text = "x".repeat(FRAME_MAX);
    let reply = Reply::Started { run: text };
    assert!(matches!(encode(&reply), Err(FrameError::TooLarge(_))));
    assert!(matches!(
        decode::<Reply>(&vec![0; FRAME_MAX + 1]),
        Err(FrameError::TooLarge(_))
    ));
}

#[test]
fn only_a_whole_traceparent_is_one() {
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    assert!(wire::is_traceparent(&format!("00-{trace}-{parent}-01")));
    let zeros = "0".repeat(32);
    for wrong in [
        String::new(),
        format!("01-{trace}-{parent}-01"),
        format!("00-{}-{parent}-01", trace.to_uppercase()),
        format!("00-{zeros}-{parent}-01"),
        format!("00-{trace}-0000000000000000-01"),
        format!("00-{trace}-{parent}-1"),
        format!("00-{trace}-{parent}-01-x"),
        format!("00-{trace}-{parent}-01\n"),
        format!("00-{trace}{parent}-01"),
    ] {
        assert!(!wire::is_traceparent(&wrong), "{wrong:?}");
    }
}

/// Every release greets in these bytes, whatever else it says: else processes of two
/// releases could not tell each other so.
#[test]
fn greetings_never_change() {
    let policy = [7; 32];
    let hello = encode(&Request::Hello(Hello {
        version: 300,
        policy,
    }))
    .expect("small");
    let bytes = [&[0, 0xac, 2][..], &policy].concat();
    assert_eq!(hello, bytes);
    let welcome = encode(&Reply::Welcome(Welcome {
        version: 300,
        policy,
    }))
    .expect("small");
    assert_eq!(welcome, bytes);
}
