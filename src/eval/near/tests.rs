use proptest::{prelude::*, sample::SizeRange};
use serde_json::json;

use super::{text::plain, *};

/// What the index must find, by comparing every text with every other.
fn brute(texts: &[String], min: f64) -> Vec<(usize, usize, f64)> {
    let sets: Vec<std::collections::HashSet<Vec<char>>> = texts
        .iter()
        .map(|text| {
            let chars: Vec<char> = plain(text).chars().collect();
            match chars.len() {
                0 => Default::default(),
                1..5 => [chars].into(),
                _ => chars.windows(5).map(<[char]>::to_vec).collect(),
            }
        })
        .collect();
    let mut found = Vec::new();
    for (second, b) in sets.iter().enumerate() {
        for (first, a) in sets[..second].iter().enumerate() {
            let either = a.union(b).count();
            let similarity = a.intersection(b).count() as f64 / either.max(1) as f64;
            if either > 0 && similarity >= min {
                found.push((first, second, similarity));
            }
        }
    }
    found
}

fn by_index(texts: &[String], min: f64) -> Vec<(usize, usize, f64)> {
    let mut index = Index::new(texts.iter().map(String::as_str), min);
    let mut found = Vec::new();
    for second in 0..texts.len() {
        found.extend(index.near(second).into_iter().map(|(first, similarity)| (first, second, similarity)));
        index.add(second);
    }
    found
}

/// Two texts in the order given, of train and test.
fn pair_of(a: &str, b: &str) -> Option<f64> {
    let texts =
        [Text { id: "a", split: Split::Train, text: a }, Text { id: "b", split: Split::Test, text: b }];
    let pairs = near_pairs(&texts);
    assert!(pairs.iter().all(Pair::leaks));
    pairs.first().map(|pair| pair.similarity)
}

/// Texts of few words, so that many are alike in part.
fn alike() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof!["[a-f]{1,6}", Just("invoice".to_owned()), Just("見積".to_owned())];
    let text = prop::collection::vec(word, 0..14).prop_map(|words| words.join(" "));
    prop::collection::vec(text, 0..14)
}

fn words(count: impl Into<SizeRange>) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z]{3,9}", count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_skips_nothing_that_is_similar(texts in alike(), min in 0.05..=1.0_f64) {
        prop_assert_eq!(by_index(&texts, min), brute(&texts, min));
    }

    #[test]
    fn the_index_meets_texts_by_their_first_shingles_only_and_still_skips_nothing(
        all in words(60..80), cuts in prop::collection::vec((0..60_usize, 20..60_usize), 2..8), min in 0.2..=0.9_f64,
    ) {
        let cut = |&(from, length): &(usize, usize)| all.iter().skip(from).take(length).cloned().collect::<Vec<_>>();
        let texts: Vec<String> = cuts.iter().map(|at| cut(at).join(" ")).collect();
        prop_assert_eq!(by_index(&texts, min), brute(&texts, min));
    }

    #[test]
    fn the_order_of_the_texts_does_not_matter(texts in alike(), turn in 0..14_usize) {
        let ids: Vec<String> = (0..texts.len()).map(|n| format!("case-{n:02}")).collect();
        let mut texts: Vec<Text<'_>> = ids
            .iter()
            .zip(&texts)
            .map(|(id, text)| Text { id, split: Split::Train, text })
            .collect();
        let pairs = near_pairs(&texts);
        prop_assert!(pairs.iter().all(|pair| pair.first.id < pair.second.id));
        prop_assert!(pairs.is_sorted_by(|a, b| a.similarity >= b.similarity));
        texts.rotate_left(turn.min(ids.len()));
        prop_assert_eq!(&near_pairs(&texts), &pairs);
        texts.reverse();
        prop_assert_eq!(&near_pairs(&texts), &pairs);
    }

    #[test]
    fn an_edited_copy_is_found_whichever_comes_first(
        mut words in words(30..120), new in words(12), from in 0..10_usize,
    ) {
        let original = words.join(" ");
        for (word, new) in words.iter_mut().skip(from).step_by(10).zip(new) {
            *word = new;
        }
        let copy = words.join("  ").to_uppercase();
        let similarity = pair_of(&original, &copy);
        prop_assert!(similarity.is_some_and(|similarity| similarity < 1.0));
        prop_assert_eq!(pair_of(&copy, &original), similarity);
    }

    #[test]
    fn unrelated_texts_are_not_near(a in words(20..80), b in words(20..80)) {
        prop_assert_eq!(pair_of(&a.join(" "), &b.join(" ")), None);
    }

    #[test]
    fn a_plain_text_stays_as_it_is_and_has_no_double_space(text in "\\PC{0,60}") {
        let once = plain(&text);
        prop_assert_eq!(&plain(&once), &once);
        prop_assert!(!once.contains("  ") && once.trim() == once);
    }
}

#[test]
fn what_does_not_count_folds_as_the_table_says() {
    for (text, folded) in [
        ("Ｆｒｅｅ ﬁle ÉCOLE e\u{301}cole", "free file ecole ecole"),
        ("Don’t fr\u{200b}ee 'quote'", "dont free quote"),
        ("pay 1,299.00 or 10 000, Win32", "pay 0 or 0 win0"),
        ("see (https://a.example/x?y), mail Jane.Doe@Mail.Example. Bye", "see mail bye"),
        ("詳細はhttps://a.example/をご覧", "詳細は をこ覧"),
        ("<p class=\"x\">Hello<br/>you</p><!-- no -->a < b > c <d", "hello you a b c d"),
        ("sub_1Stcgb26iY4b9BN7k7OXY9ns was billed, sha 41d89aebb4c9", "was billed sha"),
        ("[v2.0]—final...\r\n\tdraft", "v0 final draft"),
        ("a၀A0aaAa, ४२", "0"),
        ("@home, a@b, ://", "home a b"),
        ("", ""),
    ] {
        assert_eq!(plain(text), folded, "{text}");
    }
}

#[test]
fn the_words_of_people_count_and_not_the_envelope() {
    let body = json!({
        "id": "evt_1SOA997TBIXPAwEOqs7neue7",
        "type": "customer.subscription.deleted",
        "data": {"object": {
            "cancellation_details": {"feedback": "missing_features", "comment": "No calendar sync for our front desk."},
            "lines": [{"description": "1 × Publisher Annual (at $1,488.00 / year)"}],
            "metadata": {"customer_name": "Polytechnic of Varna", "url": "https://a.example/we/say/a/lot/here"},
            "notes": ["解約しますので返金してください", "too short", null, 3],
        }},
    });
    assert_eq!(text_of(&body), "No calendar sync for our front desk.\n解約しますので返金してください");
    assert_eq!(text_of(&json!("only one text of five words")), "only one text of five words");
    assert_eq!(text_of(&json!({"a": 1})), "");
}

#[test]
fn cases_without_words_are_no_copies_of_each_other() {
    assert_eq!(pair_of("", ""), None);
    assert_eq!(pair_of("… !", "https://a.example/"), None);
    assert_eq!(pair_of("ok", "OK!"), Some(1.0));
}

#[test]
fn only_pairs_of_two_splits_leak() {
    let text = |id, split| Text { id, split, text: "the same words in each of them" };
    let pairs = [text("c", Split::Dev), text("a", Split::Train), text("b", Split::Train)];
    let told: Vec<_> =
        near_pairs(&pairs).iter().map(|pair| (pair.first.id, pair.second.id, pair.leaks())).collect();
    assert_eq!(told, [("a", "b", false), ("a", "c", true), ("b", "c", true)]);
    let pair = serde_json::to_value(near_pairs(&pairs)[0]).expect("serializes");
    assert_eq!(
        pair,
        json!({"first": {"id": "a", "split": "train"}, "second": {"id": "b", "split": "train"}, "similarity": 1.0})
    );
}

#[test]
fn a_file_that_repeats_itself_is_bounded() {
    let ids: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let mut texts: Vec<Text<'_>> =
        ids.iter().map(|id| Text { id, split: Split::Dev, text: "the same words in each" }).collect();
    let pairs = near_pairs(&texts);
    assert_eq!(pairs.len(), PAIRS_MAX);
    texts.reverse();
    assert_eq!(near_pairs(&texts), pairs);
}

#[test]
fn long_and_hostile_texts_are_cut() {
    for part in ["<", "<a", "a@", "x://", "0 ", "見", "\u{200b}", "a\u{301}", "İ"] {
        let long = part.repeat((1 << 14) / part.len());
        assert!(plain(&long).len() <= long.len() * 2);
        assert!(pair_of(&long, &long).is_none_or(|similarity| similarity == 1.0));
    }
}

#[test]
fn a_copy_is_of_what_was_there_or_of_what_was_new_before_it() {
    let known = ["We would like a demo of the whole product for our nine depots in the north next week"];
    let new = [
        "Since the storm our kiosk prints every ticket upside down, and twice",
        "We would like a demo of the whole product for our ten depots in the north next week",
        "Since the storm our kiosk prints every ticket upside down, and thrice",
        "Something else altogether: where do I find the invoice of last March?",
    ];
    let places: Vec<Option<usize>> = copies(&known, &new).iter().map(|copy| copy.map(|(at, _)| at)).collect();
    assert_eq!(places, [None, Some(0), Some(1), None]);
}
