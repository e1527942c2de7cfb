//! Confidence that was measured of judges as they are no more.

use crate::{
    classify::calibration_file,
    config::{At, Problems, codes},
};

use super::Engine;

/// Warns of each judge whose confidence was measured and that has changed since, by its prompts, its schema or its model: what
/// it says is then taken as it is, while the threshold of its rung may have been picked on the other scale. Local judges must
/// have learned.
pub fn outdated(engine: &Engine) -> Problems {
    let mut problems = Problems::new();
    for (name, classifier) in &engine.classifiers {
        let Some(variant) = classifier.usual_variant() else { continue };
        let folder = engine.cases_of(name).unwrap_or(name);
        for judge in classifier.uncalibrated(variant) {
            let message = format!(
                "`{judge}` of `{name}` has changed since its confidence was measured: what it says is taken uncalibrated, \
                 though the ladder's threshold may be meant for calibrated confidence"
            );
            let remedy = format!("measure it again: `hookyard eval calibrate {folder}`");
            problems.push(At::file(calibration_file(folder)).warning(
                codes::OUTDATED_CALIBRATION,
                message,
                remedy,
            ));
        }
    }
    problems
}
