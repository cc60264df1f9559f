//! Proof of what a processor can do.

/// This processor looks bytes up 64 at a time (AVX-512 with VBMI and VBMI2: Intel since 2019, AMD since 2022), and has
/// the shifts that go with it. There is no other way to get one than [`Vectors::detect`].
///
/// Modules with loops for such processors add them as methods; each gives the same results as a portable one.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vectors(());

/// No other processor does; there is no value of this type.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Vectors {}

impl Vectors {
    pub(crate) fn detect() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            let there = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512vbmi2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            there.then_some(Vectors(()))
        }
        #[cfg(not(target_arch = "x86_64"))]
        None
    }
}
