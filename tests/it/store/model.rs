//! The contract against a model: whatever is asked of a store in whatever order, it answers as a few lists in memory do.

mod claims;
mod compare;
mod house;
mod job;
mod lines;
mod operating;
mod plans;
mod steps;

use proptest::prelude::*;

use super::{backend::Backend, bench::Bench};
use house::House;
use steps::{Step, steps};

/// Steps of one story.
const STEPS_MAX: usize = 60;

/// Stories told in a run; `STORIES=n` makes it n.
const STORIES: u32 = 48;

/// Tells stories until one goes otherwise than the model says; then the shortest one that does.
pub fn every_story_ends_as_the_model_says<B: Backend>() {
    let cases = std::env::var("STORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(STORIES);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let told = proptest::test_runner::TestRunner::new(config).run(&steps(STEPS_MAX), |story| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(tell::<B>(&story));
        Ok(())
    });
    if let Err(failed) = told {
        panic!("{failed}");
    }
}

async fn tell<B: Backend>(story: &[Step]) {
    let (mut b, mut house) = (Bench::<B>::open().await, House::default());
    for step in story {
        b = house.take(b, step).await;
        house.compare(&b, step).await;
    }
    house.compare_all(&b).await;
}
