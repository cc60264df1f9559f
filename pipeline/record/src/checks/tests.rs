use super::*;
use crate::Fit;

fn config() -> Config {
    toml::from_str("[data]\nprefix = \"a\"\n[experiment.events]\ncue_s = -1.9\n").expect("config")
}

fn trial(quality: Quality) -> TrialRecord {
    let mut record = TrialRecord::of("a_1");
    record.status = Status::Ok;
    record.quality = Some(quality);
    record
}

fn level(config: &Config, quality: Quality, name: &str) -> Level {
    let mut record = trial(quality);
    judge(config, &mut record);
    let found = record.checks.iter().find(|c| c.name.to_string() == name);
    found.expect(name).level
}

#[test]
fn limits_are_where_they_are_said_to_be() {
    let config = config();
    let bleaching = |value| {
        let quality = Quality {
            bleaching: Some(value),
            ..Quality::default()
        };
        level(&config, quality, "bleaching")
    };
    assert_eq!(bleaching(0.01), Level::Pass);
    assert_eq!(bleaching(0.011), Level::Warn);
    assert_eq!(bleaching(0.031), Level::Fail);
    assert_eq!(bleaching(-0.2), Level::Pass);
    let masked = |value| {
        let quality = Quality {
            masked_share: Some(value),
            ..Quality::default()
        };
        level(&config, quality, "masked_share")
    };
    assert_eq!(masked(0.0), Level::Fail);
    assert_eq!(masked(0.04), Level::Warn);
    assert_eq!(masked(0.05), Level::Pass);
    assert_eq!(masked(0.8), Level::Pass);
    assert_eq!(masked(0.9), Level::Warn);
    assert_eq!(masked(0.96), Level::Fail);
}

#[test]
fn limits_can_be_changed() {
    let mut config = config();
    config.checks.bleaching = [0.2, 0.3];
    let quality = Quality {
        bleaching: Some(0.1),
        ..Quality::default()
    };
    assert_eq!(level(&config, quality, "bleaching"), Level::Pass);
}

#[test]
fn missing_frames_weigh_more_in_the_baseline() {
    let config = config();
    let with = |dropped, in_baseline| {
        let mut record = trial(Quality {
            dropped_in_baseline: Some(in_baseline),
            ..Quality::default()
        });
        record.dropped_frames = Some(dropped);
        judge(&config, &mut record);
        record.checks[0].level
    };
    assert_eq!(with(0, 0), Level::Pass);
    assert_eq!(with(3, 0), Level::Warn);
    assert_eq!(with(3, 1), Level::Fail);
}

#[test]
fn the_baseline_must_lie_before_the_stimulus_and_between_events() {
    let config = config();
    let at = |frames, mean| {
        let quality = Quality {
            baseline_frames: Some(frames),
            baseline_dff: Some(mean),
            ..Quality::default()
        };
        level(&config, quality, "baseline_event")
    };
    // Frame 0 is at -3 s and the cue, at -1.9 s, is frame 22.
    assert_eq!(at([9, 12], 1e-9), Level::Pass);
    assert_eq!(at([20, 26], 0.0), Level::Warn);
    assert_eq!(at([30, 40], 0.0), Level::Pass);
    assert_eq!(at([55, 60], 0.0), Level::Pass);
    assert_eq!(at([55, 61], 0.0), Level::Fail);
    assert_eq!(at([9, 12], 0.002), Level::Warn);
    assert_eq!(at([9, 12], -0.02), Level::Fail);
}

#[test]
fn a_baseline_of_all_frames_is_at_no_event() {
    let config = config();
    let mut record = trial(Quality {
        baseline_frames: Some([0, 100]),
        baseline_dff: Some(0.1),
        ..Quality::default()
    });
    let mut judged = |frames| {
        record.frames = Some(frames);
        judge(&config, &mut record);
        record.checks[0].clone()
    };
    assert_eq!(judged(100).level, Level::Pass);
    assert!(judged(100).message.contains("the whole recording"));
    assert_eq!(judged(101).level, Level::Fail);
}

#[test]
fn a_background_at_a_bound_or_above_the_light_is_told() {
    let mut config = config();
    let bound = Quality {
        background_bound: Some(Bound::Upper),
        ..Quality::default()
    };
    assert_eq!(level(&config, bound, "background_bound"), Level::Warn);
    let message = |config: &Config, clamped_share| {
        let mut record = trial(Quality {
            clamped_share: Some(clamped_share),
            ..Quality::default()
        });
        judge(config, &mut record);
        let check = &record.checks[0];
        (check.level, check.message.clone())
    };
    assert_eq!(message(&config, 0.001).0, Level::Pass);
    assert_eq!(message(&config, 0.002).0, Level::Warn);
    let (worst, text) = message(&config, 0.02);
    assert_eq!(worst, Level::Fail);
    assert!(
        text.starts_with(
            "2.0 % of the values of kept pixels are below the background and became 0"
        )
    );
    config.analysis.clamp_negative = false;
    assert!(!message(&config, 0.02).1.contains("became 0"));
}

#[test]
fn a_background_that_is_not_fitted_lies_below_most_pixels() {
    let config = config();
    let of = |background, background_limit| {
        let mut record = trial(Quality {
            background_limit: Some(background_limit),
            f0: Some(1000.0),
            ..Quality::default()
        });
        record.background = Some(background);
        judge(&config, &mut record);
        record.checks.first().map(|check| check.level)
    };
    // Give or take 2 % of F0.
    for (background, level) in [
        (1000.0, Level::Warn),
        (211.0, Level::Warn),
        (209.0, Level::Pass),
        (-19.0, Level::Pass),
        (-21.0, Level::Warn),
    ] {
        assert_eq!(of(background, 190.0), Some(level), "{background}");
    }
    assert_eq!(of(1000.0, f64::NAN), None);
}

#[test]
fn consequences_become_part_of_their_cause() {
    let config = config();
    let mut record = trial(Quality {
        background_limit: Some(80.0),
        fit_residual: Some(0.5),
        masked_share: Some(0.0),
        threshold_zero: Some(true),
        ..Quality::default()
    });
    record.fit = Some(Fit {
        amplitude: 4000.0,
        x0: 1.0,
        y0: 1.0,
        sigma_x: 1.0,
        sigma_y: 1.0,
        theta: 0.0,
        offset: -900.0,
    });
    judge(&config, &mut record);
    let raised: Vec<_> = record
        .checks
        .iter()
        .filter(|c| c.level != Level::Pass)
        .collect();
    assert_eq!(raised.len(), 1, "{raised:?}");
    assert_eq!(raised[0].name, BackgroundImplausible);
    assert_eq!(raised[0].level, Level::Fail, "the worst of what follows");
    assert!(
        raised[0]
            .message
            .contains("fit_residual, threshold_zero, masked_share"),
        "{}",
        raised[0].message
    );
    // Judged again, as after a change of limits: nothing is counted twice.
    let before = record.checks.clone();
    judge(&config, &mut record);
    assert_eq!(record.checks, before);
}

#[test]
fn every_message_says_what_and_how_much() {
    let config = config();
    let mut record = trial(Quality {
        light_over_noise: Some(100.0),
        saturated_share: Some(0.01),
        first_frame: Some(0.2),
        dff_p999: Some(0.6),
        low_f0_share: Some(0.002),
        camera_rate_hz: Some(20.2),
        clock_jitter: Some(0.2),
        ..Quality::default()
    });
    judge(&config, &mut record);
    let message = |name: &str| {
        let check = record.checks.iter().find(|c| c.name.to_string() == name);
        check.expect(name).message.clone()
    };
    assert!(message("saturation").starts_with("1.0 % of the raw pixels"));
    assert!(
        message("first_frame").contains("20 %") && message("first_frame").contains("beyond 10 %")
    );
    assert!(message("dff_range").contains("60 %"));
    assert!(message("low_f0").contains("0.20 %"));
    assert!(message("frame_rate").contains("20.200 Hz"));
    assert!(message("no_light").contains("limit 10"));
}

#[test]
fn percentages_have_the_digits_they_need() {
    for (share, text) in [
        (0.5, "50 %"),
        (0.0123, "1.2 %"),
        (0.005, "0.50 %"),
        (0.0001, "0.010 %"),
        (0.0, "0 %"),
    ] {
        assert_eq!(percent(share), text);
    }
}

#[test]
fn one_time_0_for_all_is_held_against_their_onsets() {
    let level = |onsets: &[f64]| {
        let onsets_s = onsets.iter().copied().map(Some).collect();
        let session = Session {
            onsets_s,
            ..Session::default()
        };
        let checks = of_session(&config(), &mut [], &session);
        let check = checks.into_iter().find(|c| c.name == OnsetSpread);
        check.expect("a check").level
    };
    // 20 frames a second, time 0 after 3 s.
    assert_eq!(level(&[2.95, 3.05]), Level::Pass);
    assert_eq!(level(&[2.9, 3.1]), Level::Warn);
    assert_eq!(level(&[1.5, 4.5]), Level::Fail);
    // All alike and elsewhere: the rig's begin may lie a constant before the first frame.
    assert_eq!(level(&[2.0, 2.0]), Level::Warn);
    assert_eq!(level(&[9.0, 9.0]), Level::Warn);
}
