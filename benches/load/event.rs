//! The events: each with an id of its own, signed when it is sent.

use std::io::Write;

use hookyard::{
    domain::Clock,
    host::SystemClock,
    source::{self, Scheme},
};
use secrecy::SecretString;

/// The type of every event: the filter of `benches/yard` lets it in, and a route without actions takes it.
const TYPE: &str = "order.created";

pub struct Events {
    path: String,
    secret: SecretString,
    /// Tells the ids of this run from those of another.
    run: i64,
    /// What fills a body up to its size.
    items: String,
    clock: SystemClock,
}

impl Events {
    pub fn new(path: &str, secret: &str, size: usize) -> Self {
        let item = r#"{"sku":"A-1","name":"Item \"one\"","amount":137,"active":true,"tags":["a","b"]}"#;
        let mut items = item.to_owned();
        while items.len() + item.len() + 200 < size {
            items.push(',');
            items.push_str(item);
        }
        let clock = SystemClock::new();
        Events {
            path: path.to_owned(),
            secret: SecretString::from(secret),
            run: clock.now().as_millis(),
            items,
            clock,
        }
    }

    /// Part of each id; the rest is its number.
    pub fn run(&self) -> String {
        format!("{:x}", self.run)
    }

    /// The whole request that delivers event `n`.
    pub fn request(&self, n: u64) -> Vec<u8> {
        let id = format!("evt_{:x}_{n:08}", self.run);
        let body = format!(
            r#"{{"id":"{id}","type":"{TYPE}","data":{{"object":{{"id":"in_{n}","amount":4200,"customer":"cus_{}"}},"items":[{}]}}}}"#,
            n % 1_000,
            self.items
        );
        let headers =
            source::sign(Scheme::Generic, &self.secret, &id, body.as_bytes(), None, self.clock.now())
                .unwrap_or_else(|error| panic!("{error}"));
        let mut request = Vec::with_capacity(body.len() + 512);
        write!(request, "POST {} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n", self.path)
            .expect("memory");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").expect("memory");
        }
        write!(request, "content-length: {}\r\n\r\n{body}", body.len()).expect("memory");
        request
    }
}
