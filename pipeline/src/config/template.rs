//! The text that `widefield init` writes.

/// A commented `experiment.toml` that names every key. As it stands it holds the defaults, but for `prefix`,
/// which has none, and what is marked as an example.
pub const TEMPLATE: &str = r#"# What to preprocess, and how. Every key is here; a commented one is off.
# Relative paths start at the folder of this file.

[data]
url = "."                       # folder of the raw files; not searched recursively
prefix = "20170214_"            # (change this) files whose name starts so; the number after the last _ is the trial
# behaviour_log = "behaviour.txt" # name of the log below url; without it trials are not labelled

[output]
# url = "."                     # default: data.url
movie = "mov_out"               # resized movies; "" writes none
dff = "dff_out"                 # dF/F; "" writes none
mat = "mat_out"                 # dF/F for OCIA; "" writes none
precision = "f32"               # or "f64"
orientation = "notebook"        # axes (x, reversed y, t); or "camera" = (y, x, t), what OCIA's own files have
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
resize = "triangle"
invalid_above = 60000           # raw pixels above become 0
clamp_negative = true           # fluorescence below the background becomes 0

[analysis.background]
method = "gaussian_fit"
smoothing_sd_px = 30.0          # of the resized image: scale it with resolution
frames = [0, 1]                 # half-open; averaged before the fit
scope = "trial"                 # or "session": the median of the trials

[analysis.segmentation]
method = "density_cutoff"
density_cutoff = 0.0002         # larger keeps more pixels
scope = "trial"                 # or "session": one mask for all trials

[analysis.baseline]
method = "frames"
frames = [9, 12]                # half-open; or, instead of frames:
# before_s = -2.0               # all frames before this time
"#;
