//! Rates that all processes draw on.

use std::time::Duration;

use hookyard::{
    domain::Timestamp,
    rate::Pace,
    store::{Back, RateDraw, RateDrawn},
};
use tokio::task::JoinSet;

use super::{backend::Backend, bench::Bench};

const MINUTE: Duration = Duration::from_mins(1);
const MS: Duration = Duration::from_millis(1);

fn draw(rate: &str, pace: Pace, cells: u32) -> RateDraw {
    RateDraw { rate: rate.to_owned(), pace, cells, back: None, leave: None }
}

pub async fn a_rate_gives_its_burst_at_once_and_then_evenly(b: Bench<impl Backend>) {
    // 60 s / 7 is no whole number of µs.
    let pace = Pace::new(7, MINUTE, 7);
    let drawn = |cells, wait| RateDrawn { cells, at: b.now(), wait };
    assert_eq!(b.draw_rate(draw("a", pace, 5)).await.unwrap(), drawn(5, Duration::ZERO));
    let wait = Duration::from_micros(8_571_429);
    assert_eq!(b.draw_rate(draw("a", pace, 5)).await.unwrap(), drawn(2, wait), "as many as there are");
    assert_eq!(b.draw_rate(draw("b", pace, 7)).await.unwrap().cells, 7, "another rate is another");
    b.advance(8_571 * MS);
    let drawn = |cells, wait| RateDrawn { cells, at: b.now(), wait };
    assert_eq!(b.draw_rate(draw("a", pace, 1)).await.unwrap(), drawn(0, Duration::from_micros(429)));
    b.advance(MS);
    assert_eq!(b.draw_rate(draw("a", pace, 1)).await.unwrap().cells, 1);
    b.advance(10 * MINUTE);
    assert_eq!(b.draw_rate(draw("a", pace, 99)).await.unwrap().cells, 7);
}

pub async fn what_is_given_back_to_a_rate_is_as_if_it_had_not_been_drawn(b: Bench<impl Backend>) {
    let pace = Pace::new(10, MINUTE, 10);
    let first = b.draw_rate(draw("a", pace, 4)).await.unwrap();
    b.advance(1_000 * MS);
    assert_eq!(b.draw_rate(draw("a", pace, 6)).await.unwrap().cells, 6);
    let back = |cells, drawn_at| Some(Back { cells, drawn_at });
    let given = RateDraw { back: back(3, first.at), ..draw("a", pace, 10) };
    assert_eq!(b.draw_rate(given).await.unwrap().cells, 3, "before it is drawn on");
    // Full by itself since: nothing was missing any more.
    b.advance(5 * MINUTE);
    let late = b.draw_rate(draw("a", pace, 10)).await.unwrap();
    let given = RateDraw { back: back(4, first.at), ..draw("a", pace, 1) };
    assert_eq!(b.draw_rate(given).await.unwrap().cells, 0);
    let given = RateDraw { back: back(99, late.at), ..draw("a", pace, 0) };
    assert_eq!(b.draw_rate(given).await.unwrap(), RateDrawn { cells: 0, at: b.now(), wait: Duration::ZERO });
    assert_eq!(b.draw_rate(draw("a", pace, 99)).await.unwrap().cells, 10, "no more than all of it");
}

pub async fn of_a_rate_no_more_is_left_than_is_told(b: Bench<impl Backend>) {
    let pace = Pace::new(10, MINUTE, 10);
    let leave = |cells, most| RateDraw { leave: Some(most), ..draw("a", pace, cells) };
    assert_eq!(b.draw_rate(leave(1, 3)).await.unwrap().cells, 1, "it is drawn on before");
    let drawn = b.draw_rate(draw("a", pace, 9)).await.unwrap();
    assert_eq!((drawn.cells, drawn.wait), (3, 6_000 * MS));
    assert_eq!(b.draw_rate(leave(0, 99)).await.unwrap().cells, 0);
    assert_eq!(b.draw_rate(draw("a", pace, 9)).await.unwrap().cells, 0, "more is not believed");
    let back = Some(Back { cells: 2, drawn_at: drawn.at });
    b.draw_rate(RateDraw { back, ..leave(0, 1) }).await.unwrap();
    assert_eq!(b.draw_rate(draw("a", pace, 9)).await.unwrap().cells, 1, "it is given back before");
    b.advance(12_000 * MS);
    assert_eq!(b.draw_rate(draw("a", pace, 9)).await.unwrap().cells, 2);
}

pub async fn of_many_draws_at_once_no_more_is_granted_than_the_rate_allows(b: Bench<impl Backend>) {
    let mut drawn = JoinSet::new();
    for n in 0..40 {
        let (store, pace) = (b.shared(), Pace::new(100, MINUTE, 50));
        drawn.spawn(async move { store.draw_rate(draw("a", pace, n % 7)).await.unwrap().cells });
    }
    assert_eq!(drawn.join_all().await.into_iter().sum::<u32>(), 50);
}

/// The rate as anybody would count it: a bucket that is refilled a µs at a time, in parts of a cell.
struct Bucket {
    /// In cells / `per_us`.
    parts: u128,
    at: Timestamp,
}

impl Bucket {
    fn draw(&mut self, (cells, per_us, burst): (u32, u128, u32), now: Timestamp, wanted: u32) -> (u32, u128) {
        let full = u128::from(burst) * per_us;
        self.parts = full.min(self.parts + now.since(self.at).as_micros() * u128::from(cells));
        self.at = now;
        let got = u32::try_from(self.parts / per_us).unwrap().min(wanted);
        self.parts -= u128::from(got) * per_us;
        let missing = per_us.saturating_sub(self.parts);
        (got, if got < wanted { missing.div_ceil(u128::from(cells)) } else { 0 })
    }
}

pub async fn a_rate_does_what_a_bucket_does(b: Bench<impl Backend>) {
    let mut rng = fastrand::Rng::with_seed(7);
    for story in 0..12 {
        let (cells, per, burst) = (rng.u32(1..3_000), rng.u64(1..120_000), rng.u32(1..400));
        let pace = Pace::new(cells, Duration::from_millis(per), burst);
        let of = (cells, u128::from(per) * 1_000, burst);
        let mut bucket = Bucket { parts: u128::from(burst) * of.1, at: b.now() };
        for step in 0..25 {
            b.advance(Duration::from_millis(rng.u64(0..per * 2)) / rng.u32(1..20));
            let wanted = rng.u32(1..burst * 2 + 2);
            let got = b.draw_rate(draw(&format!("story {story}"), pace, wanted)).await.unwrap();
            let want = bucket.draw(of, b.now(), wanted);
            assert_eq!((got.cells, got.wait.as_micros()), want, "story {story} ({of:?}), step {step}");
        }
    }
}
