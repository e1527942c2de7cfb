//! HMAC-SHA256, keyed once per source and compared in constant time.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// Most signatures of one delivery that are tried; further ones are not looked at. Senders list two in a
/// rotation.
pub(super) const SIGNATURES_MAX: usize = 16;

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;

pub(super) type Tag = [u8; 32];

/// A key, already mixed into the two hash states of HMAC: a delivery only clones them.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(key: &SecretSlice<u8>) -> Self {
        let key = key.expose_secret();
        // RFC 2104, 2: a key is padded with zeros to one block, and hashed first if it is longer than that.
        let mut block = [0; BLOCK_BYTES];
        let digest;
        let short = if key.len() > BLOCK_BYTES {
            digest = Sha256::digest(key);
            digest.as_slice()
        } else {
            key
        };
        for (to, from) in block.iter_mut().zip(short) {
            *to = *from;
        }
        Key(Hmac::new(&block.into()))
    }

    /// The tag of `parts`, read as one string of bytes.
    pub(super) fn tag(&self, parts: &[&[u8]]) -> Tag {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Whether any key made any of the `given` tags (the first [`SIGNATURES_MAX`] of them) of `parts`. Compares
/// every pair, so the time tells neither which matched nor how nearly.
pub(super) fn signed_by_any(keys: &[Key], parts: &[&[u8]], given: impl Iterator<Item = Tag> + Clone) -> bool {
    let mut found = Choice::from(0);
    for key in keys {
        let tag = key.tag(parts);
        for one in given.clone().take(SIGNATURES_MAX) {
            found |= tag.ct_eq(&one);
        }
    }
    found.into()
}

/// A tag from 64 hex digits.
pub(super) fn from_hex(text: &str) -> Option<Tag> {
    let mut tag = Tag::default();
    hex::decode_to_slice(text, &mut tag).ok()?;
    Some(tag)
}

/// A tag from padded base64.
pub(super) fn from_base64(text: &str) -> Option<Tag> {
    // One byte more than a tag: what decodes to more than 32 bytes must be seen to be too long.
    let mut bytes = [0; 33];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}

pub(super) fn to_base64(tag: Tag) -> String {
    STANDARD.encode(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag_of(key: &[u8], parts: &[&[u8]]) -> String {
        hex::encode(Key::new(&key.to_vec().into()).tag(parts))
    }

    /// RFC 4231, test cases 1, 2 and 6 (a key longer than a block).
    #[test]
    fn agrees_with_rfc_4231() {
        assert_eq!(
            tag_of(&[0x0b; 20], &[b"Hi", b"", b" There"]),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            tag_of(b"Jefe", &[b"what do ya want for nothing?"]),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            tag_of(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"]),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn any_key_and_any_tag_will_do() {
        let keys = [b"one", b"two"].map(|key| Key::new(&key.to_vec().into()));
        let [first, second] = keys.each_ref().map(|key| key.tag(&[b"body"]));
        let wrong = Tag::default();
        assert!(signed_by_any(&keys, &[b"body"], [first].into_iter()));
        assert!(signed_by_any(&keys, &[b"body"], [wrong, second].into_iter()));
        assert!(!signed_by_any(&keys, &[b"body"], [wrong, wrong].into_iter()));
        assert!(!signed_by_any(&keys, &[b"body"], std::iter::empty()));
        assert!(!signed_by_any(&[], &[b"body"], [first].into_iter()));
    }

    #[test]
    fn signatures_beyond_the_bound_are_not_tried() {
        let keys = [Key::new(&b"one".to_vec().into())];
        let right = [b"one"].map(|key| Key::new(&key.to_vec().into()).tag(&[b"body"]));
        let padding = std::iter::repeat_n(Tag::default(), SIGNATURES_MAX);
        assert!(signed_by_any(&keys, &[b"body"], padding.clone().skip(1).chain(right)));
        assert!(!signed_by_any(&keys, &[b"body"], padding.chain(right)));
    }

    #[test]
    fn only_whole_tags_are_decoded() {
        let tag = [0xab; 32];
        assert_eq!(from_hex(&hex::encode(tag)), Some(tag));
        assert_eq!(from_hex(&hex::encode_upper(tag)), Some(tag));
        assert_eq!(from_base64(&to_base64(tag)), Some(tag));
        for text in
            ["", "ab", &hex::encode([1; 31]), &hex::encode([1; 33]), &"zz".repeat(32), &"é".repeat(32)]
        {
            assert_eq!(from_hex(text), None, "{text}");
        }
        for bytes in [0, 31, 33, 64] {
            assert_eq!(from_base64(&STANDARD.encode(vec![1; bytes])), None, "{bytes}");
        }
        for text in ["!", "=", to_base64(tag).trim_end_matches('=')] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }
}
