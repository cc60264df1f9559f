//! The text that `widefield init` writes.

/// A commented `experiment.toml` that names every key. As it stands it holds the defaults, but for `prefix`,
/// which has none, and what is marked as an example.
pub const TEMPLATE: &str = r#"# What to preprocess, and how. Every key is here; a commented one is off.
# Relative paths start at the folder of this file.

[data]
url = "."                       # folder of the raw files; not searched recursively
# folders = ["day1", "day2"]    # folders below url, each a session of its own; outputs in mov_out/day1 and so on
prefix = "20170214_"            # (change this) files whose name starts so; the number after the last _ is the trial
# behaviour_log = "behaviour.txt" # name of the log below url; without it trials are not labelled

[output]
# url = "."                     # default: data.url
movie = "mov_out"               # resized movies; "" writes none
dff = "dff_out"                 # dF/F; "" writes none
mat = "mat_out"                 # dF/F for OCIA; "" writes none
# records = ""                  # folder of run.json, report.html and texts; "" is the top
precision = "f32"               # or "f64"
orientation = "notebook"        # axes (x, reversed y, t); or "camera" = (y, x, t), what OCIA's own files have
dff_scale = "dff"               # of the HDF5 files; or "f_over_f0"
mat_scale = "dff"               # or "f_over_f0", what OCIA subtracts 1 from
compression = 1                 # deflate level 0-9
existing = "resume"             # or "replace", "clean" (also empties the three folders of other files), "error"

[experiment]
sample_rate_hz = 20.0
first_frame_s = -3.0            # time of frame 0; 0 is stimulus onset
# pixel_um = 20.0               # of the resized image at the brain; without it scale bars are in px

# [experiment.events]           # moments in seconds, under any name ending in _s; drawn and checked, never computed with
# cue_s = -1.9
# texture_in_s = 0.0
# texture_out_s = 2.0
# response_s = 4.9

# [[experiment.stimulus]]       # any number of these
# name = "Texture 1 P100"       # as the log spells it
# decision = "Go"               # or "No Go"
# condition = "100"             # default: what follows the last blank of the name, first letter dropped

# [[experiment.stimulus]]
# name = "Texture 7 P1200"
# decision = "No Go"

[analysis]
# resolution = [256, 256]       # [width, height]; default: the camera's
resize = "triangle"             # or "box", "lanczos3", "nearest"; "binning": exact means of whole blocks of pixels
invalid_above = 60000           # raw pixels above become 0
clamp_negative = true           # fluorescence below the background becomes 0

[analysis.background]
method = "gaussian_fit"         # or "coarse_fit", "bounded_fit", "percentile", "mode", "rectangle", "constant"
smoothing_sd_px = 30.0          # of the fits; in pixels of the resized image: scale it with resolution
# step_px = 3                   # of "coarse_fit": side of its blocks; default: an eighth of the smoothing
# percentile = 5.0              # of "percentile": of the pixels
# rectangle = [0, 0, 16, 16]    # of "rectangle": x, y, width, height of a dark part of the resized image
# counts = 100.0                # of "constant"
frames = [0, 1]                 # half-open; averaged before
scope = "trial"                 # or "session": the median of the trials

[analysis.segmentation]
method = "density_cutoff"       # or "relative_cutoff", "otsu", "triangle", "percentile", "file", "none"
density_cutoff = 0.0002         # larger keeps more pixels
# relative_cutoff = 0.05        # of "relative_cutoff": the same as a share of the peak of the density
# percentile = 30.0             # of "percentile": per cent of the pixels to mask
# file = "mask.png"             # of "file": grey PNG of the size of the resized image; kept where not black
# largest_component = true      # keep only the largest connected part
# fill_holes = true             # keep what it encloses
scope = "trial"                 # or "session": one mask for all trials

[analysis.baseline]
method = "frames"               # or "mean", "median", "percentile", "sliding_percentile", "maximin", "bleaching"
frames = [9, 12]                # half-open; of "frames", "bleaching"; or, instead of frames:
# before_s = -2.0               # all frames before this time
# window_s = [-2.5, -2.0]       # the frames from one time on and before another
# percentile = 10.0             # of "percentile", "sliding_percentile" (default 8)
# span_s = 5.0                  # of "sliding_percentile", "maximin": length of the window around each frame
# smoothing_s = 0.5             # of "maximin": standard deviation
# floor_counts = 10.0           # divide by at least so many counts; or:
# floor_noise = 3.0             # by at least so many times the noise of the pixel

[checks]                        # [warn, fail]; shares as fractions of 1. They change no result
no_light = [10, 5]              # below: range of brightness over its noise
fit_residual = [0.1, 0.2]       # of the background fit, over its amplitude
background_step = [0.02, 0.1]   # background against the session's median, over F0
first_frame = [0.02, 0.1]       # frame 0 against the median of frames 1 to 9
saturation = [0, 0.001]         # raw pixels above invalid_above
low_f0 = [0.001, 0.01]          # kept pixels with F0 below 5 % of its median
masked_share_low = [0.05, 0]    # below: masked pixels
masked_share_high = [0.8, 0.95] # above: masked pixels
mask_stability = [0.95, 0.85]   # below: overlap with the session's mask
dropped_frames = [1, 1]         # from: missing anywhere, missing in the baseline
frame_rate = [0.005, 0.02]      # camera's rate against sample_rate_hz
clock_jitter = [0.1, 0.5]       # largest deviation of an interval between frames
bleaching = [0.01, 0.03]        # light lost during a trial
f0_drift = [0.1, 0.25]          # change of F0 over the session
baseline_event = [0.001, 0.01]  # mean dF/F over the baseline; a baseline at an event warns, after 0 s fails
dff_range = [0.5, 2]            # 99.9th percentile of |dF/F|
early_share = [0.3, 0.5]        # early trials
clock_match = [2, 60]           # seconds between movie and entry of the log; slipped numbers fail
"#;

/// How the template spells a key such as `analysis.resolution`, with what it says of it.
pub(super) fn spelt(key: &str) -> Option<String> {
    let (table, name) = key.rsplit_once('.')?;
    let mut here = "";
    for line in TEMPLATE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(rest) = line.trim_start_matches('[').split_once(']')
            && line.starts_with('[')
        {
            here = rest.0;
        } else if here == table
            && let Some((left, _)) = line.split_once('=')
            && left.trim() == name
        {
            return Some(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::spelt;

    #[test]
    fn keys_are_found_in_their_table() {
        let line = spelt("analysis.resolution").expect("a key");
        assert!(line.starts_with("resolution = [256, 256] # [width, height]"));
        assert_eq!(
            spelt("experiment.stimulus.name").as_deref(),
            Some("name = \"Texture 1 P100\" # as the log spells it")
        );
        assert_eq!(spelt("data.resolution"), None);
        assert_eq!(spelt("nothing"), None);
    }
}
