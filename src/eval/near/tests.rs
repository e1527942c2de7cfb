use proptest::{prelude::*, sample::SizeRange};
use serde_json::{Value, json};

use super::{
    index::Index,
    text::{plain, words_of},
    *,
};
use crate::config::{Case, CaseEvent};

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
        found.extend(
            index.near(second, |_| true).into_iter().map(|(first, similarity)| (first, second, similarity)),
        );
        index.add(second);
    }
    found
}

/// Two texts in the order given, of train and test.
fn pair_of(a: &str, b: &str) -> Option<f64> {
    near_of(&[a.to_owned()], &[b.to_owned()])
}

/// Two cases by their texts, of train and test.
fn near_of(a: &[String], b: &[String]) -> Option<f64> {
    let cases = [
        Compared { id: "a", split: Split::Train, texts: a },
        Compared { id: "b", split: Split::Test, texts: b },
    ];
    leaks(&cases).pairs.first().map(|pair| pair.similarity)
}

/// Every text as that of a case.
fn each(texts: &[String]) -> Vec<Vec<String>> {
    texts.iter().map(|text| vec![text.clone()]).collect()
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
    fn a_common_part_hides_no_text_that_is_similar(
        own in prop::collection::vec(words(5..30), 2..10), common in words(10..40), min in 0.2..=0.9_f64,
        like in prop::collection::vec((0..10_usize, 0..30_usize), 0..6),
    ) {
        let mut texts: Vec<Vec<String>> = own;
        // Some say in part what another one says.
        for (of, length) in like {
            let part: Vec<String> = texts[of % texts.len()].iter().take(length).cloned().collect();
            let last = texts.len() - 1;
            texts[last].extend(part);
            texts.rotate_right(1);
        }
        let texts: Vec<String> = texts.iter().map(|own| [own.join(" "), common.join(" ")].join(" ")).collect();
        prop_assert_eq!(by_index(&texts, min), brute(&texts, min));
    }

    #[test]
    fn the_order_of_the_texts_does_not_matter(texts in alike(), turn in 0..14_usize) {
        let ids: Vec<String> = (0..texts.len()).map(|n| format!("case-{n:02}")).collect();
        let texts = each(&texts);
        let mut cases: Vec<Compared<'_>> = ids
            .iter()
            .zip(&texts)
            .enumerate()
            .map(|(n, (id, texts))| Compared { id, split: Split::ALL[n % 2], texts })
            .collect();
        let found = leaks(&cases);
        prop_assert!(found.pairs.iter().all(|pair| pair.first.id < pair.second.id));
        prop_assert!(found.pairs.iter().all(|pair| pair.first.split != pair.second.split));
        prop_assert!(found.pairs.is_sorted_by(|a, b| a.similarity >= b.similarity));
        cases.rotate_left(turn.min(ids.len()));
        prop_assert_eq!(&leaks(&cases), &found);
        cases.reverse();
        prop_assert_eq!(&leaks(&cases), &found);
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
    assert_eq!(words_of([&body]), "No calendar sync for our front desk.\n解約しますので返金してください");
    assert_eq!(words_of([&json!("only one text of five words")]), "only one text of five words");
    assert_eq!(words_of([&json!({"a": 1})]), "");
}

#[test]
fn cases_without_words_are_no_copies_of_each_other() {
    assert_eq!(pair_of("", ""), None);
    assert_eq!(pair_of("… !", "https://a.example/"), None);
    assert_eq!(pair_of("ok", "OK!"), Some(1.0));
}

#[test]
fn only_pairs_of_two_splits_leak() {
    let texts = ["the same words in each of them".to_owned()];
    let case = |id, split| Compared { id, split, texts: &texts };
    let cases = [case("c", Split::Dev), case("a", Split::Train), case("b", Split::Train)];
    let found = leaks(&cases);
    let told: Vec<_> = found.pairs.iter().map(|pair| (pair.first.id, pair.second.id)).collect();
    assert_eq!(told, [("a", "c"), ("b", "c")]);
    let pair = serde_json::to_value(found.pairs[0]).expect("serializes");
    assert_eq!(
        pair,
        json!({"first": {"id": "a", "split": "train"}, "second": {"id": "c", "split": "dev"}, "similarity": 1.0})
    );
}

#[test]
fn a_file_that_repeats_itself_is_bounded_and_says_so() {
    let ids: Vec<String> = (0..300).map(|n| format!("{n:03}")).collect();
    let texts = ["the same words in each".to_owned()];
    let split = |n: usize| if n < 150 { Split::Dev } else { Split::Train };
    let of = |split: &dyn Fn(usize) -> Split| -> Vec<Compared<'_>> {
        let case = |(n, id)| Compared { id, split: split(n), texts: &texts };
        ids.iter().map(String::as_str).enumerate().map(case).collect()
    };
    let mut cases = of(&split);
    let found = leaks(&cases);
    assert_eq!((found.pairs.len(), found.is_cut), (PAIRS_MAX, true));
    cases.reverse();
    assert_eq!(leaks(&cases), found);
    // 44,551 pairs of one split come before the 299 that are looked for.
    let found = leaks(&of(&|n| if n == 299 { Split::Test } else { Split::Dev }));
    assert_eq!((found.pairs.len(), found.is_cut), (299, false));
}

fn case(message: &str, gathered: &Value) -> Case {
    let event = CaseEvent { body: json!({"data": {"message": message}}), ..CaseEvent::default() };
    let gathered = gathered.as_object().cloned().unwrap_or_default();
    Case { gathered, ..Case::unlabelled("x".to_owned(), event) }
}

#[test]
fn what_was_gathered_is_compared_as_well() {
    let diff = "--- a/src/queue.py\n+++ b/src/queue.py\n@@ -4,7 +4,9 @@\n def take(self):\n-    return self.items.pop()\n\
                +    with self.lock:\n+        if not self.items:\n+            return None\n+        return self.items.pop(0)\n \
                def put(self, item):\n     self.items.append(item)\n";
    let title = "Take the oldest item of the queue and none if it is empty, because workers were served in the wrong order";
    let other = "Fixes a race that two customers have seen on Mondays when many orders come in at once and nobody waits";
    let near = |a: &Case, b: &Case| near_of(&texts_of(a), &texts_of(b));
    let with = |message, gathered: Value| case(message, &gathered);
    assert_eq!(near(&with(title, json!({})), &with(other, json!({}))), None);
    let found = near(&with(title, json!({"diff": diff})), &with(other, json!({"diff": diff})));
    assert_eq!(found, Some(1.0), "the same diff under another title");
    // Another diff under the same title is as similar as the titles are.
    let elsewhere =
        "+++ b/README.md\n+Bring your own certificate, and renew it before the first of each month.\n"
            .repeat(3);
    let found = near(&with(title, json!({"diff": diff})), &with(title, json!({"diff": elsewhere})));
    assert_eq!(found, Some(1.0));
    // A few words say nothing.
    let nobody = json!({"history": "There is no customer with this address"});
    assert_eq!(near(&with(title, nobody.clone()), &with(other, nobody.clone())), None);
    assert_eq!(near(&with("hello", nobody.clone()), &with("good day", nobody)), None);
    // What one gathered, another was sent.
    assert_eq!(near(&with(title, json!({"diff": diff})), &with(diff, json!({}))), Some(1.0));
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
    let known = each(&known.map(str::to_owned));
    let new = each(&new.map(str::to_owned));
    let places: Vec<Option<usize>> = copies(&known, &new).iter().map(|copy| copy.map(|(at, _)| at)).collect();
    assert_eq!(places, [None, Some(0), Some(1), None]);
}
