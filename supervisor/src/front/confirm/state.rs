//! The `requestState` of a question: what a client carries and cannot make.
//!
//! It is an HMAC-SHA256 over what the question is about, its nonce and its expiry, with
//! a key that this process has made at its start; rmcp compares it in constant time. The
//! client learns the nonce and the expiry from it, and nothing else.

use super::questions::Nonce;
use policy::Arguments;
use rmcp::model::{RequestStateCodec, SealOptions};
use sha2::{Digest, Sha256};
use std::io;
use std::time::Duration;
use wire::PolicyDigest;

/// What a question is about: its answer counts for nothing else.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// Whose client was asked.
    pub(super) owner: &'a str,
    /// The connection on which it was asked; `None` over HTTP, where each request may
    /// come on another.
    pub(super) connection: Option<u64>,
    pub(super) tool: &'a str,
    pub(super) background: bool,
    pub(super) arguments: &'a Arguments,
    /// The policy that wants it asked.
    pub(super) policy: PolicyDigest,
}

impl About<'_> {
    fn digest(&self) -> [u8; 32] {
        let Self {
            owner,
            connection,
            tool,
            background,
            arguments,
            policy,
        } = self;
        // What is derived names every field, and quotes every text.
        let call = format!("{tool:?} {background} {arguments:?} {policy:?}");
        Sha256::digest(format!("{owner:?} {connection:?} {call}")).into()
    }
}

/// Makes states, and tells those that it has made.
#[derive(Debug)]
pub(super) struct Seal(RequestStateCodec);

impl Seal {
    /// With a new key.
    pub(super) fn new() -> io::Result<Self> {
        let mut key = vec![0; 32];
        getrandom::fill(&mut key)?;
        RequestStateCodec::try_new(key)
            .map(Self)
            .map_err(io::Error::other)
    }

    /// The state of the question `nonce`, for `time`.
    pub(super) fn seal(&self, nonce: Nonce, about: &About<'_>, time: Duration) -> String {
        let about = about.digest();
        let options = SealOptions::new().associated_data(&about).ttl(time);
        self.0.seal_with(&nonce, &options)
    }

    /// The question of `state`, if that is a state of ours `about` this and in time.
    pub(super) fn open(&self, state: &str, about: &About<'_>) -> Option<Nonce> {
        let opened = self.0.open_with(state, &about.digest());
        opened.ok()?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::Value;
    use proptest::prelude::*;

    const TIME: Duration = Duration::from_secs(60);

    /// Everything that a question is about.
    #[derive(Debug, Clone, PartialEq)]
    struct Owned {
        owner: String,
        connection: Option<u64>,
        tool: String,
        background: bool,
        arguments: Arguments,
        policy: PolicyDigest,
    }

    impl Owned {
        fn about(&self) -> About<'_> {
            About {
                owner: &self.owner,
                connection: self.connection,
                tool: &self.tool,
                background: self.background,
                arguments: &self.arguments,
                policy: self.policy,
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            any::<bool>().prop_map(Value::Boolean),
            (-3..3_i64).prop_map(Value::Integer),
            prop::sample::select(vec![-0.0, 0.0, 1.0, 1.5]).prop_map(Value::Number),
            "[a\"\\\\, ]{0,3}".prop_map(Value::Text),
        ];
        let list = prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::List);
        prop_oneof![scalar, list]
    }

    /// Few values, so that some are the same, and such as could run into one another.
    fn owned() -> impl Strategy<Value = Owned> {
        let owner = prop::sample::select(vec!["uid 1", "uid 11", "key 1", "key \", x"]);
        let tool = prop::sample::select(vec!["t", "t2", "t\"", ""]);
        let arguments = prop::collection::btree_map("[ab\"]{1,2}", value(), 0..3);
        (
            owner,
            prop::option::of(0..2_u64),
            tool,
            any::<bool>(),
            arguments,
            0..2_u8,
        )
            .prop_map(
                |(owner, connection, tool, background, arguments, policy)| Owned {
                    owner: owner.to_owned(),
                    connection,
                    tool: tool.to_owned(),
                    background,
                    arguments,
                    policy: [policy; 32],
                },
            )
    }

    /// `-0.0 == 0.0`, and yet they are two arguments.
    fn same(one: &Owned, other: &Owned) -> bool {
        one == other && format!("{one:?}") == format!("{other:?}")
    }

    proptest! {
        /// A state opens for what it was made for, and for nothing else.
        #[test]
        fn a_state_is_good_for_one_call(one in owned(), other in owned(), nonce: Nonce) {
            let seal = Seal::new().unwrap();
            let state = seal.seal(nonce, &one.about(), TIME);
            prop_assert_eq!(seal.open(&state, &one.about()), Some(nonce));
            let expected = same(&one, &other).then_some(nonce);
            prop_assert_eq!(seal.open(&state, &other.about()), expected);
        }

        /// Whatever is changed in it, however little.
        #[test]
        fn an_edited_state_opens_nothing(
            one in owned(),
            nonce: Nonce,
            at in any::<prop::sample::Index>(),
            put in "[A-Za-z0-9._-]|é",
            cut in any::<bool>(),
        ) {
            let seal = Seal::new().unwrap();
            let state = seal.seal(nonce, &one.about(), TIME);
            let at = at.index(state.len());
            let edited = if cut {
                state[..at].to_owned()
            } else {
                format!("{}{put}{}", &state[..at], &state[at + 1..])
            };
            prop_assume!(edited != state);
            prop_assert_eq!(seal.open(&edited, &one.about()), None);
        }

        /// Nor does what a client makes up, or makes with another key.
        #[test]
        fn a_forged_state_opens_nothing(one in owned(), nonce: Nonce, text in ".{0,80}") {
            let (seal, other) = (Seal::new().unwrap(), Seal::new().unwrap());
            prop_assert_eq!(seal.open(&text, &one.about()), None);
            let forged = other.seal(nonce, &one.about(), TIME);
            prop_assert_eq!(seal.open(&forged, &one.about()), None);
        }
    }

    #[test]
    fn a_state_expires() {
        let seal = Seal::new().unwrap();
        let arguments = Arguments::new();
        let about = About {
            owner: "uid 1",
            connection: None,
            tool: "t",
            background: false,
            arguments: &arguments,
            policy: [0; 32],
        };
        let state = seal.seal([1; 16], &about, Duration::from_millis(20));
        assert_eq!(seal.open(&state, &about), Some([1; 16]));
        std::thread::sleep(Duration::from_millis(40));
        assert_eq!(seal.open(&state, &about), None);
    }
}
