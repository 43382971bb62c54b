//! Who may come in from the network: whoever presents a valid key, with every request.
//!
//! Nothing is remembered of a key that could let it in: the worker is asked each time,
//! so that what is revoked is refused from then on.

use super::throttle::{Noise, Throttle};
use super::{Client, Front, RUNNING_MAX};
use crate::http::{Reply, plain};
use crate::lane::LaneError;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use policy::{Key, Proof, Subnet};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use wire::{Correlation, Identify, Presented, Secret};

/// Longest key that is looked at, in bytes; those that we make are shorter.
const KEY_MAX: usize = 256;

/// Where a proxy says whom it speaks for.
const FORWARDED: &str = "x-forwarded-for";

/// Why a request does not come in.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It comes without a key.
    NoKey,
    /// Its key is not valid.
    WrongKey,
    /// Too many wrong keys came from its address; in so long it may try again.
    TooMany(Duration),
    /// Its key, of this name, is of nobody whom the policy knows, there.
    Unknown(String),
    /// Its proxy does not say whom it speaks for.
    NoAddress,
    /// The worker cannot be asked, for this reason.
    Worker(String),
}

/// Decides who comes in.
pub(super) struct Gate {
    front: Arc<Front>,
    proxies: Vec<Subnet>,
    throttle: Throttle,
    noise: Noise,
    /// What the commands of one key share, by its name.
    running: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Gate {
    /// A gate for `front`, which believes `proxies` whom they speak for.
    pub(super) fn new(front: Arc<Front>, proxies: Vec<Subnet>) -> Self {
        Self {
            front,
            proxies,
            throttle: Throttle::default(),
            noise: Noise::default(),
            running: Mutex::default(),
        }
    }

    /// Who makes the request with these `headers` over a connection from `peer`.
    pub(super) async fn admit(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        correlation: &Correlation,
    ) -> Result<Arc<Client>, Refusal> {
        let address = self.origin(peer, headers);
        let admitted = match address {
            Some(address) => self.admit_from(address, headers, correlation).await,
            None => Err(Refusal::NoAddress),
        };
        admitted.inspect_err(|refusal| self.tell(refusal, address.unwrap_or(peer)))
    }

    async fn admit_from(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
        correlation: &Correlation,
    ) -> Result<Arc<Client>, Refusal> {
        let key = bearer(headers).ok_or(Refusal::NoKey)?;
        if let Some(wait) = self.throttle.wait(address, key, Instant::now()) {
            return Err(Refusal::TooMany(wait));
        }
        let presented = Presented {
            key: Secret::new(key.to_owned()),
            address,
        };
        let question = Identify {
            presented: presented.clone(),
            correlation: correlation.clone(),
        };
        let name = self
            .front
            .identify(&question)
            .await
            .map_err(|error| Refusal::Worker(error.failure().reason))?;
        let Some(name) = name else {
            self.throttle.failed(address, key, Instant::now());
            return Err(Refusal::WrongKey);
        };
        self.throttle.succeeded(key);
        self.known(name, presented)
    }

    /// The client, if he is a principal of the policy.
    fn known(&self, name: String, key: Presented) -> Result<Arc<Client>, Refusal> {
        let address = key.address;
        let proof = Proof::Key(Key {
            name: name.clone(),
            address,
        });
        if !self.front.generation().policy().knows(&proof) {
            return Err(Refusal::Unknown(name));
        }
        let running = self.running(&name);
        Ok(Arc::new(Client::with_key(name, key, running)))
    }

    /// Logs why somebody does not come in, as long as there are not too many.
    fn tell(&self, refusal: &Refusal, address: IpAddr) {
        let Some(left_out) = self.noise.room(Instant::now()) else {
            return;
        };
        let left_out = (left_out > 0).then_some(left_out);
        let (status, code, why) = refusal.words();
        let (key, reason) = match refusal {
            Refusal::Unknown(name) => (Some(&**name), None),
            Refusal::Worker(reason) => (None, Some(&**reason)),
            Refusal::NoKey | Refusal::WrongKey | Refusal::TooMany(_) | Refusal::NoAddress => {
                (None, None)
            }
        };
        let status = status.as_u16();
        tracing::warn!(
            status,
            code,
            %address,
            key,
            reason,
            left_out,
            "client refused: {why}"
        );
    }

    /// Names of valid keys only, so there are not many.
    fn running(&self, name: &str) -> Arc<Semaphore> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(RUNNING_MAX));
        Arc::clone(running.entry(name.to_owned()).or_insert_with(new))
    }

    /// Whether connections from `peer` are taken at all when keys cross the network in
    /// the clear.
    pub(super) fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|proxy| proxy.holds(peer))
    }

    /// Where the request comes from: of the addresses that proxies have told one after
    /// the other, the last that is not one of them. What stands before it, anybody
    /// could have written.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let mut origin = peer.to_canonical();
        let mut told = headers.get_all(FORWARDED).iter().rev();
        let mut line = "".rsplit(',');
        while self.is_proxy(origin) {
            let next = line.next().map(str::trim).filter(|word| !word.is_empty());
            match next {
                Some(word) => origin = word.parse::<IpAddr>().ok()?.to_canonical(),
                None => line = told.next()?.to_str().ok()?.rsplit(','),
            }
        }
        Some(origin)
    }
}

impl Refusal {
    /// What the client is told.
    pub(super) fn reply(&self) -> Reply {
        match self {
            Self::NoKey => challenge("Bearer realm=\"mini-mcp\""),
            Self::WrongKey => challenge("Bearer realm=\"mini-mcp\", error=\"invalid_token\""),
            Self::TooMany(wait) => too_many(*wait),
            Self::Unknown(_) => plain(
                StatusCode::FORBIDDEN,
                "Forbidden: the policy knows no principal with this key at your address",
            ),
            Self::NoAddress => plain(
                StatusCode::BAD_REQUEST,
                "Bad Request: the proxy must say in X-Forwarded-For whom it speaks for",
            ),
            Self::Worker(_) => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "Service Unavailable: keys cannot be verified now",
            ),
        }
    }
}

impl Refusal {
    /// The status it is answered with, and a word and a sentence for the log.
    fn words(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoKey => (StatusCode::UNAUTHORIZED, "no_key", "it has no key"),
            Self::WrongKey => (
                StatusCode::UNAUTHORIZED,
                "wrong_key",
                "its key is not valid",
            ),
            Self::TooMany(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_wrong_keys",
                "too many wrong keys came from its address",
            ),
            Self::Unknown(_) => (
                StatusCode::FORBIDDEN,
                "unknown_principal",
                "no principal of the policy matches",
            ),
            Self::NoAddress => (
                StatusCode::BAD_REQUEST,
                "no_address",
                "its proxy does not say whom it speaks for",
            ),
            Self::Worker(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "worker",
                "its key cannot be verified",
            ),
        }
    }
}

fn challenge(scheme: &'static str) -> Reply {
    let mut reply = plain(
        StatusCode::UNAUTHORIZED,
        "Unauthorized: present a valid key, `Authorization: Bearer KEY`",
    );
    let scheme = HeaderValue::from_static(scheme);
    reply.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    reply
}

fn too_many(wait: Duration) -> Reply {
    // Rounded up: never sooner than it is true.
    let seconds = wait.as_secs() + 1;
    let text =
        format!("Too Many Requests: wrong keys came from your address; again in {seconds} s");
    let mut reply = plain(StatusCode::TOO_MANY_REQUESTS, text);
    reply.headers_mut().insert(RETRY_AFTER, seconds.into());
    reply
}

/// The key in `Authorization: Bearer KEY`, RFC 6750; of several headers none is right.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && (1..=KEY_MAX).contains(&key.len())).then_some(key)
}

impl Front {
    /// The name of a key, if the worker says that it is valid.
    async fn identify(&self, question: &Identify) -> Result<Option<String>, LaneError> {
        let generation = self.generation();
        match generation.pool().identify(question).await {
            // The worker has gone on to another policy.
            Err(stale @ LaneError::OtherPolicy(_)) => match self.after(&generation).await {
                Some(next) => next.pool().identify(question).await,
                None => Err(stale),
            },
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_key_comes_in_one_bearer_header() {
        let key =
            |values: &[&'static str]| bearer(&headers("authorization", values)).map(str::to_owned);
        assert_eq!(key(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(key(&["bearer  abc "]).as_deref(), Some("abc"));
        for wrong in [
            &[][..],
            &["abc"],
            &["Basic abc"],
            &["Bearer "],
            &["Bearer abc", "Bearer def"],
        ] {
            assert_eq!(key(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn only_proxies_are_believed_whom_they_speak_for() {
        let proxies = ["10.0.0.1", "10.0.0.2/31"].map(|text| Subnet::parse(text).unwrap());
        let pool = crate::lane::Pool::new(crate::lane::Door::Socket("/none".into()), [0; 32]);
        let policy = policy::Policy::parse(
            "p",
            "version = 1",
            &policy::Setting::System,
            &policy_files::HostAccounts,
        );
        let generation = super::super::Generation::new(policy.unwrap(), Arc::new(pool));
        let gate = Gate::new(
            Arc::new(Front::new(
                generation,
                crate::runs::of_test().0,
                crate::front::Questions::new().unwrap(),
            )),
            proxies.into(),
        );
        let origin = |peer: &str, values: &[&'static str]| {
            let found = gate.origin(peer.parse().unwrap(), &headers(FORWARDED, values));
            found.map(|address| address.to_string())
        };
        for (peer, values, expected) in [
            ("192.0.2.9", &["203.0.113.5"][..], Some("192.0.2.9")),
            ("10.0.0.1", &["203.0.113.5"], Some("203.0.113.5")),
            ("::ffff:10.0.0.1", &["2001:db8::1"], Some("2001:db8::1")),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.5"], Some("203.0.113.5")),
            (
                "10.0.0.1",
                &["6.6.6.6", "203.0.113.5, 10.0.0.2"],
                Some("203.0.113.5"),
            ),
            (
                "10.0.0.1",
                &["203.0.113.5", "10.0.0.2"],
                Some("203.0.113.5"),
            ),
            ("10.0.0.1", &[], None),
            ("10.0.0.1", &["unknown"], None),
            ("10.0.0.1", &["10.0.0.2"], None),
        ] {
            assert_eq!(
                origin(peer, values).as_deref(),
                expected,
                "{peer} {values:?}"
            );
        }
    }
}
