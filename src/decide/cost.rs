//! What a question and its answer cost.

use crate::domain::{Money, Price, Tokens};

/// Rounded up to the next millionth of a dollar.
pub fn cost(tokens: Tokens, price: &Price) -> Money {
    let Tokens { input_uncached, cache_write, cache_read, output } = tokens;
    let question = input_uncached.saturating_add(cache_write).saturating_add(cache_read);
    let (input, by_output) = match price.long {
        Some(long) if question > long.above_tokens => (long.input, long.output),
        _ => (price.input, price.output),
    };
    let dearer = if price.input > 0.0 { input / price.input } else { 1.0 };
    let parts = [
        (input_uncached, input),
        (cache_write, price.cache_write * dearer),
        (cache_read, price.cache_read * dearer),
        (output, by_output),
    ];
    #[expect(clippy::cast_precision_loss, reason = "no answer has 2^52 tokens")]
    let sum: f64 = parts.into_iter().map(|(tokens, price)| tokens as f64 * price).sum();
    // A hair is taken off first: 3 tokens at 0.1 are 0.3 and not the next one up.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "prices are checked not to be negative"
    )]
    Money((sum - 1e-6).ceil().max(0.0) as u64)
}

/// The most that a question of about `input` tokens and its answer of at most `output` may cost. A vendor that `may_keep` it for
/// later questions may keep all of it, or nothing.
pub fn most(input: u64, output: u64, price: &Price, may_keep: bool) -> Money {
    let plain = cost(Tokens { input_uncached: input, output, ..Tokens::default() }, price);
    let kept = Tokens { cache_write: input, output, ..Tokens::default() };
    if may_keep { plain.max(cost(kept, price)) } else { plain }
}

/// About how many tokens a text of so many bytes is: of words in Latin letters rather more than fewer. Newer models cut text
/// into more of them; 2.4 bytes each were reported where older ones had about 4. See [`tokens_most`] for what must not be
/// too few.
pub fn tokens_about(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    bytes.saturating_mul(5).div_ceil(12)
}

/// The fewest tokens that a text is, whoever counts: no vocabulary that was looked at has a token that reaches from one word into the
/// next, and half of the words is left for one that has. Of scripts without spaces that says next to nothing.
pub fn tokens_least(text: &str) -> u64 {
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
    u64::try_from(words.count()).unwrap_or(u64::MAX) / 2
}

/// Longest run of letters that is taken for a word.
const WORD_MAX: u64 = 16;

/// The most tokens that a text is, whatever its script. No model cuts below a byte, and of scripts that it has seen little of, of
/// digits, of marks and of what is no word it may have one for each: so each of their bytes counts as one. A plain word, with
/// the space before it, counts as in [`tokens_about`], and as one at least.
pub fn tokens_most(text: impl AsRef<[u8]>) -> u64 {
    let (mut twelfths, mut run) = (0, Run::default());
    for byte in text.as_ref() {
        if byte.is_ascii_alphanumeric() {
            run.add(*byte);
        } else {
            twelfths += run.twelfths_most() + ONE;
            run = Run { after_space: *byte == b' ', ..Run::default() };
        }
    }
    (twelfths + run.twelfths_most()).div_ceil(ONE)
}

/// A token, in twelfths.
const ONE: u64 = 12;

/// Letters and digits without anything between them.
struct Run {
    bytes: u64,
    /// Letters alone, of which only the first may be a capital.
    is_plain: bool,
    after_space: bool,
}

impl Default for Run {
    fn default() -> Self {
        Run { bytes: 0, is_plain: true, after_space: false }
    }
}

impl Run {
    fn add(&mut self, byte: u8) {
        self.is_plain &= byte.is_ascii_lowercase() || self.bytes == 0 && byte.is_ascii_uppercase();
        self.bytes += 1;
    }

    fn twelfths_most(&self) -> u64 {
        let Run { bytes, is_plain, after_space } = *self;
        let is_word = is_plain && bytes <= WORD_MAX;
        match (bytes, is_word) {
            (0, _) => 0,
            // Its space was counted.
            (_, true) if after_space => (5 * (bytes + 1)).max(ONE) - ONE,
            (_, true) => (5 * bytes).max(ONE),
            (_, false) => ONE * bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::LongPrice;

    const PRICE: Price = Price { input: 2.0, cache_write: 2.5, cache_read: 0.2, output: 10.0, long: None };

    #[test]
    fn each_kind_of_token_has_its_price() {
        let tokens = Tokens { input_uncached: 1_000, cache_write: 400, cache_read: 10_000, output: 50 };
        assert_eq!(cost(tokens, &PRICE), Money(2_000 + 1_000 + 2_000 + 500));
        assert_eq!(cost(Tokens::default(), &PRICE), Money(0));
        assert_eq!(cost(Tokens { cache_read: 1, ..Tokens::default() }, &PRICE), Money(1), "rounded up");
        assert_eq!(cost(Tokens { cache_read: 15, ..Tokens::default() }, &PRICE), Money(3), "not a hair more");
    }

    #[test]
    fn a_long_question_is_dearer_with_its_cache_and_its_answer() {
        let long = LongPrice { above_tokens: 100_000, input: 10.0, output: 50.0 };
        let price = Price { long: Some(long), ..PRICE };
        let tokens = Tokens { input_uncached: 60_000, cache_read: 40_000, cache_write: 0, output: 10 };
        assert_eq!(cost(tokens, &price), Money(120_000 + 8_000 + 100));
        let tokens = Tokens { input_uncached: 60_001, ..tokens };
        assert_eq!(cost(tokens, &price), Money(600_010 + 40_000 + 500));
    }

    /// One request in many scripts, and what else goes into a question; each with the largest count of three vocabularies:
    /// o200k, cl100k, and that of Claude 2.
    const COUNTED: [(&str, u64); 19] = [
        (
            "We would like to see a demo and a quote for the annual plan, for about sixty people. Our budget is approved.",
            25,
        ),
        (
            "Könnten Sie uns bitte ein Angebot für größere Gruppen schicken? Wir würden gern übermorgen anfangen.",
            33,
        ),
        ("Chúng tôi muốn xem bản dùng thử và nhận báo giá cho gói hằng năm, khoảng sáu mươi người.", 63),
        (
            "Мы хотели бы увидеть демонстрацию и получить предложение на годовой тариф для шестидесяти человек.",
            46,
        ),
        ("Θα θέλαμε μια παρουσίαση και μια προσφορά για το ετήσιο πρόγραμμα, για περίπου εξήντα άτομα.", 98),
        ("نود أن نرى عرضًا توضيحيًا وأن نحصل على عرض سعر للخطة السنوية لنحو ستين شخصًا.", 81),
        ("נשמח לראות הדגמה ולקבל הצעת מחיר לתוכנית השנתית, עבור כשישים אנשים.", 63),
        ("हम वार्षिक योजना के लिए एक प्रदर्शन देखना और लगभग साठ लोगों के लिए मूल्य जानना चाहते हैं।", 100),
        ("ஆண்டுத் திட்டத்திற்கான செயல்விளக்கத்தையும் சுமார் அறுபது பேருக்கான விலையையும் அறிய விரும்புகிறோம்.", 187),
        ("เราอยากดูการสาธิตและขอใบเสนอราคาสำหรับแผนรายปีสำหรับประมาณหกสิบคน", 112),
        ("我们想看一下演示，并希望得到约六十人使用的年度方案的报价。龘靐齉爩", 40),
        ("年間プランの見積もりと、六十名ほどでの利用を想定したデモをお願いできますでしょうか。", 46),
        ("약 예순 명이 사용할 연간 요금제의 견적과 시연을 요청드리고 싶습니다.", 40),
        ("ለዓመታዊው ዕቅድ ማሳያ እና ለስድሳ ሰዎች የዋጋ ዝርዝር ማግኘት እንፈልጋለን።", 128),
        ("နှစ်စဉ်အစီအစဉ်အတွက် သရုပ်ပြမှုနှင့် လူခြောက်ဆယ်အတွက် ဈေးနှုန်းကို သိလိုပါသည်။", 151),
        ("🙂🎉👩‍👩‍👧‍👦🏳️‍🌈 ok 𝕳𝖊𝖑𝖑𝖔", 48),
        ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 35),
        ("aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0IG9mIGJhc2U2NCBhbmQgbW9yZSBRWlhKV1Y=qZx8Kp0wVt3Y", 62),
        ("4111 1111 1111 1111, 2026-11-24T10:45:27Z, +49 30 901820, 3.14159265358979", 43),
    ];

    #[test]
    fn no_script_has_more_tokens_than_are_taken_for_it_and_plain_words_are_no_dearer() {
        for (text, counted) in COUNTED {
            assert!(tokens_most(text) >= counted, "{text}: {} of {counted}", tokens_most(text));
            assert!(tokens_least(text) <= counted, "{text}: {} of {counted}", tokens_least(text));
        }
        let short = COUNTED.iter().filter(|(text, counted)| tokens_about(text.len()) < *counted).count();
        assert!(short >= 8, "an estimate by bytes alone would do: {short}");
        let (english, _) = COUNTED[0];
        assert!(tokens_most(english) <= tokens_about(english.len()) * 11 / 10);
    }

    proptest! {
        #[test]
        fn the_most_lies_between_the_estimate_and_the_bytes(text in "(\\PC|[a-z]{0,20}|[A-Z]{0,3}|[0-9]|ä|漢|🙂| ){0,60}") {
            let bytes = u64::try_from(text.len()).expect("few");
            prop_assert!((tokens_about(text.len())..=bytes).contains(&tokens_most(&text)), "{}", tokens_most(&text));
            prop_assert!(tokens_least(&text) <= tokens_about(text.len()), "{}", tokens_least(&text));
        }
    }

    #[test]
    fn money_is_shown_in_dollars() {
        assert_eq!(Money(12_345_678).to_string(), "$12.345678");
        assert_eq!(Money(42).to_string(), "$0.000042");
    }
}
