//! Configurations as `run.json`, manifests and requests hold them: those of version 0.1.0 are read, and written again
//! with the keys and values they had.
//!
//! The files in `data/stored_config` are `config` of `run.json` by the build before methods became the library's.

use widefield::{Background, Baseline, Segmentation, Size, TimeAxis, baseline::Span};
use widefield_pipeline::config::{Config, Masking};

const DEFAULTS: &str = include_str!("data/stored_config/defaults.json");
const EVERY_KEY: &str = include_str!("data/stored_config/every_key.json");
const OTHER_METHODS: &str = include_str!("data/stored_config/other_methods.json");
const MORE_METHODS: &str = include_str!("data/stored_config/more_methods.json");

fn read(json: &str) -> Config {
    serde_json::from_str(json).expect("a stored configuration")
}

fn written(config: &Config) -> String {
    serde_json::to_string(config).expect("JSON") + "\n"
}

#[test]
fn what_was_stored_is_written_again_as_it_was() {
    assert_eq!(written(&read(DEFAULTS)), DEFAULTS);
    assert_eq!(written(&read(EVERY_KEY)), EVERY_KEY);
}

#[test]
fn defaults_are_those_of_then_where_frames_have_256_pixels() {
    let mut now = Config::new("20170214_")
        .checked("/session".as_ref())
        .expect("defaults");
    now.analysis = now.analysis.resolved(Size {
        width: 256,
        height: 200,
    });
    assert_eq!(written(&now), DEFAULTS);
}

/// Keys of other methods stood beside those of the chosen one and had no meaning; values that went without saying
/// were not there.
#[test]
fn keys_of_other_methods_are_passed_over() {
    let was = [
        r#""percentile","smoothing_sd_px":30.0,"#,
        r#""relative_cutoff","density_cutoff":0.0002,"#,
        r#""span_s":2.0,"#,
    ];
    let is = [
        r#""percentile","#,
        r#""relative_cutoff","relative_cutoff":0.05,"#,
        r#""span_s":2.0,"smoothing_s":0.5,"#,
    ];
    let mut expected = OTHER_METHODS.to_owned();
    for (was, is) in was.into_iter().zip(is) {
        assert!(expected.contains(was), "{was}");
        expected = expected.replace(was, is);
    }
    let config = read(OTHER_METHODS);
    assert_eq!(written(&config), expected);
    assert_eq!(read(&expected), config);
    let analysis = config.analysis;
    assert_eq!(
        analysis.background.method,
        Background::Percentile { percentile: 4.0 }
    );
    let share = Segmentation::RelativeCutoff {
        relative_cutoff: 0.05,
    };
    assert_eq!(analysis.segmentation.method, Masking::Rule(share));
    let maximin = Baseline::Maximin {
        span: Span::Seconds(2.0),
        smoothing: Span::Seconds(0.5),
    };
    assert_eq!(analysis.baseline.method, maximin);
    let axis = TimeAxis {
        sample_rate_hz: 20.0,
        first_frame_s: -3.0,
    };
    let how = analysis.baseline.delta_f().resolve(&axis, 200);
    assert_eq!(
        how.to_string(),
        "dF/F0, F0 = maximin over 40 frames, smoothed by 10 frames, at least 3 times the noise"
    );

    let analysis = read(MORE_METHODS).analysis;
    let rectangle = [0, 0, 5, 4].into();
    assert_eq!(
        analysis.background.method,
        Background::Rectangle { rectangle }
    );
    assert_eq!(
        analysis.segmentation.method,
        Masking::Rule(Segmentation::None)
    );
    assert_eq!(
        analysis.baseline.method,
        Baseline::Bleaching { frames: Some(3..9) }
    );
}
